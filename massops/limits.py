"""Every limit of mass operations, with its reason."""

# What one file may hold; a larger one is better split, so that a mistake in it costs less to find.
FILE_BYTES_MAX = 1024**3
FILE_ROWS_MAX = 5_000_000
# A file is stored in pieces of this size: one statement each, little memory, and no transaction stays open for an upload.
CHUNK_BYTES = 1024 * 1024
# Pieces of an upload that never ended are swept after this; no client is that slow.
ABANDONED_SECONDS = 24 * 3600
# A record that reads further than this is a quotation mark without its partner.
RECORD_CHARACTERS_MAX = 64 * 1024
COLUMNS_MAX = 500
# Where the header may stand: what a program writes above it is a page at most.
HEADER_ROW_MAX = 1_000
# XLSX is a ZIP: what it may unpack to, and the table of texts, which is held in memory.
SHEET_UNPACKED_BYTES_MAX = 2 * 1024**3
SHEET_TEXTS_BYTES_MAX = 100 * 1024**2
SHEET_MEMBERS_MAX = 10_000
# Sheets pack to a tenth or a twentieth; what is so large and packs to a hundredth was made to explode.
SHEET_RATIO_BYTES = 100 * 1024**2
SHEET_RATIO_MAX = 100
# Each row is compared with all of them.
SHEET_MERGED_MAX = 200
# More digits than a double holds are not what a person wrote into the cell.
SHEET_NUMBER_DIGITS_MAX = 15
# Texts that repeat in a file (codes, days) are judged once and remembered, up to so many of them.
REMEMBERED_TEXTS_MAX = 100_000
# One COPY into the staging table: about half a second, so that no transaction holds back the marks of the ledger.
STAGE_ROWS = 20_000
# One statement of a check covers so many rows: seconds, below the statement timeout.
CHECK_ROWS = 200_000
# What a person sees of a file before it is checked.
PREVIEW_ROWS = 50
# Lists of a page: unknown accounts, accounts that would fall below their floor, errors.
LISTED_MAX = 200
ERRORS_PAGE_ROWS = 100
# Accounts opened in one transaction.
OPEN_ROWS = 1_000
# Rows that one posting of a mass operation takes while nobody else posts, and while others do: 60 and 10 milliseconds.
POST_ROWS = 2_000
POST_ROWS_BESIDE_OTHERS = 250
# `all` is one transaction, and a split one would not be all or nothing. So many transfers take 18 seconds, a third of what the
# statement may take, in which marks, seals and snapshots wait; and 0.6 GB of memory in the server and in the worker each.
ALL_OR_NOTHING_ROWS_MAX = 250_000
# It also holds a lock for each account with a floor that it takes from, and for each operation that it reverses, to its end. The
# server has one table of locks for everybody; this share of it leaves room for the others.
ALL_OR_NOTHING_LOCKS_SHARE = 0.5
# A worker that says nothing for so long is taken for dead. Its statements end before (STATEMENT_SECONDS_MAX).
LEASE_SECONDS = 20
STATEMENT_SECONDS_MAX = 15
# The one transaction of `all`, and what the worker needs before and after it.
LEASE_SECONDS_ALL = 120
STATEMENT_SECONDS_ALL_MAX = 60
# How long one ring of the bell may work before it rings again, so that a new worker program takes over in good time.
RUN_SECONDS_MAX = 600
# A connection that broke is tried anew so often, at growing distances, before the bell is left to ring again.
RETRIES_MAX = 5
# From so many rows on, a member of staff types the number of rows to confirm.
TYPED_CONFIRMATION_ROWS = 1_000
NAME_CHARACTERS_MAX = 200
# Schedules further ahead than this are forgotten by those who made them.
SCHEDULE_AHEAD_DAYS_MAX = 366
# Rows that one statement looks up for the result file.
RESULT_ROWS = 5_000
# A worker turns to the next mass operation after so long, so that a small one is not behind a large one.
SLICE_SECONDS = 5.0
REASON_CHARACTERS_MAX = 1_000
# People choose one from a list.
MAPPINGS_MAX = 1_000
