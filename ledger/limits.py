"""Every limit of the ledger, with its reason."""

from datetime import timedelta

# A key is an index entry for ever; 255 characters hold any id scheme in use.
KEY_CHARACTERS_MAX = 255
# One operation stays one short transaction; the largest real settlements have a few hundred legs.
ENTRIES_PER_OPERATION_MAX = 1_000
# One call of POST /batches; in mode "all" this is one transaction of about half a second.
BATCH_OPERATIONS_MAX = 10_000
# The knee of the posting function: larger calls add latency and no throughput.
POST_OPERATIONS_PER_CALL = 1_000
# A message is stored as received; this holds 1,000 entries with long codes, or 10,000 short operations.
BODY_BYTES_MAX = 10 * 1024 * 1024
# JSON nested deeper than any of our shapes is refused before it is decoded further.
DESCRIPTION_CHARACTERS_MAX = 1_000
# Clocks differ and settlement dates lie a little ahead; further ahead is a mistake.
EFFECTIVE_AHEAD_MAX = timedelta(hours=24)
# Page sizes of lists.
PAGE_ROWS_DEFAULT = 100
PAGE_ROWS_MAX = 500
# How long a change of an account waits for writers that had read the old attributes. Posts take milliseconds.
WRITERS_END_SECONDS_MAX = 5.0
# A balance in the grid is a hint with an end, so that what no message corrected corrects itself.
GRID_SECONDS_MAX = 300
# How many keys one check of the grid looks through; those of accounts among them are compared with the ledger.
GRID_CHECK_KEYS = 200
# A hash with more entries than this is dropped and read anew from a fresh snapshot: a second or two of a hot account.
GRID_ENTRIES_MAX = 4_096
# The grid is never waited for: slower than SQL is useless.
GRID_TIMEOUT_SECONDS = 0.2
# After a failure the grid is left alone for this long, so that its absence costs nothing.
GRID_PAUSE_SECONDS = 1.0
# How many errors of one request are told at once.
ERRORS_TOLD_MAX = 100
# One step of the aggregator, and how many steps one beat may take.
AGGREGATE_STEP_IDS = 100_000
AGGREGATE_STEPS_PER_RUN = 50
# While so many entries come between two marks, a run goes on in rounds, with such a pause, until about the next beat.
AGGREGATE_BUSY_IDS = 100
AGGREGATE_PAUSE_SECONDS = 0.1
AGGREGATE_ROUNDS_PER_RUN = 8
# New operations that one run counts; more follow a second later.
COUNT_STEP_IDS = 500_000
# Accounts get a snapshot when their tail has grown to this. Until vacuum has seen them, the entries of a tail may lie on as many
# pages as they are, and a balance must read 20 at most, of which the indexes and the account take fourteen (at 10⁷ entries).
SNAPSHOT_TAIL_ENTRIES = 6
# So many requests of one process post by themselves beside the call that is merged. More of them would take from that call what
# it posts cheaper: with 24 threads, 4 cost a sixth more CPU for each operation than 1.
DIRECT_POSTINGS_MAX = 1
# A thread keeps its cursor, and that what it sent and got until its next call: of larger batches too much for each thread.
CURSOR_KEPT_MESSAGES_MAX = 50
# The most that one merged call takes: a few tens of milliseconds, so nobody waits long for the next.
MERGED_OPERATIONS_MAX = 500
# One worker's take from the inbox, and how long it may hold it before another worker may take it too.
INBOX_TAKE_ROWS = 500
INBOX_LEASE_SECONDS = 60
# How many takes one ring of the bell may make, so that a worker returns to its queue now and then.
INBOX_TAKES_PER_RUN = 200
# Each takes an account's exclusive lock for about a millisecond; more follows a second later.
FAST_LIMITS_PER_RUN = 200
# The tails of an account that is decremented so often between two marks cost. Its limit is so small that a snapshot is enough
# for the gate until so many ids have been drawn after it: some seconds of a busy server, where ten are made in a second.
FAST_LIMIT_BUSY_DEBITS = 16
FAST_LIMIT_SPAN_IDS = 50_000
# A checkpoint with a dozen signatures has two kilobytes; what is longer is not one.
NOTE_BYTES_MAX = 1_000_000
NOTE_SIGNATURES_MAX = 100
# No tree of less than 2**63 leaves needs more hashes in a proof.
PROOF_HASHES_MAX = 63
# A leaf of 1,000 entries with long codes, in base64, and its proof.
RECEIPT_BYTES_MAX = 2_000_000
# An entry bundle writes lengths in 16 bits; a longer leaf has a file of its own.
BUNDLE_ENTRY_BYTES_MAX = 65_535
# A witness keeps so many contradictions as evidence; one is enough to tell, and nobody may fill its disk.
WITNESS_EVIDENCE_ROWS_MAX = 1_000
# Between two submissions of one chain the second waits for the first, which takes two syncs of a disk.
WITNESS_LOCK_SECONDS_MAX = 10.0
# A submission has at most 63 hashes and a checkpoint with a few signatures.
WITNESS_BODY_BYTES_MAX = 64 * 1024
WITNESS_READ_SECONDS_MAX = 10
WITNESS_CONNECTIONS_MAX = 32
# Who was away when a head was given out is left alone for so long, so that a worker is not kept waiting again and again.
DISTRIBUTION_PAUSE_SECONDS = 30.0
HEAD_POST_SECONDS_MAX = 5.0
# A receipt is taken under a head that witnesses have cosigned, which the newest is not for a second or two.
COSIGNED_HEADS_LOOKED_AT = 10
# The sealer asks a witness after publishing; one that is slower than a block a second is asked again with the next.
WITNESS_ANSWER_SECONDS_MAX = 5.0
# A person's search through one account's history: first a look at a page's worth, then as many entries as are read in
# about a tenth of a second; who wants more goes on from there.
SEARCH_LOOKS = 500
SEARCH_LOOKS_MAX = 20_000
# Where a filter is of the operation (source, kind, metadata), each entry looked through costs a probe or two of another table:
# some microseconds in memory, ten times as much from the disk. So a page looks through so many, and a button goes on from there.
ENTRIES_PROBED_MAX = 5_000
# A chart shows at most so many steps; longer periods are drawn by week, then by month.
CHART_DAYS_MAX = 120
CHART_WEEKS_MAX = 120
# What an account's page shows at once: a screen or two of history, the last changes, a quarter in the chart.
HISTORY_ROWS_SHOWN = 50
CHANGES_SHOWN = 10
CHART_DAYS_SHOWN = 90
# A summary that a second person reads names so many entries; the whole message is beside it.
SUMMARY_ENTRIES_MAX = 12
# A reason is a sentence or two; it becomes the description of the message.
REASON_CHARACTERS_MAX = 500
# What the grid of a correction may hold; longer ones come as a message over the API or as a mass operation.
CORRECTION_ROWS_MAX = 100
# How many operations a page shows, and through how many it looks where no index knows the answer: about a tenth of a second.
OPERATIONS_SHOWN = 50
OPERATIONS_LOOKED_MAX = 200_000
# An operation with more entries than this is shown by their number in lists, and by pages on its own page.
ENTRIES_LISTED_MAX = 4
# How many matches a search shows of each kind, and in how many metadata names it looks.
SEARCH_RESULTS_MAX = 8
SEARCH_NAMES_MAX = 20
SEARCH_SAMPLE_ROWS = 300
# The dashboard: how many of the largest balances are kept on each side of zero, at how many refusals a chart looks, and how much
# longer than its making an overview rests.
OVERVIEW_LARGEST = 10
REFUSALS_LOOKED_MAX = 20_000
OVERVIEW_REST_FACTOR = 20
# How many accounts are offered while a code is typed.
SUGGESTIONS_MAX = 10
# How many accounts a search by the beginning of a name finds at most; more letters find the rest.
NAMES_FOUND_MAX = 1_000
# An export is made while the browser waits and keeps a thread busy: a minute or two. A sheet of a spreadsheet has 1,048,576 rows.
EXPORT_ROWS_MAX = 2_000_000
XLSX_ROWS_MAX = 1_000_000
EXPORT_ROWS_PER_READ = 2_000
# Operations may have a thousand entries each, so fewer of them are held at once. Where no index knows the answer, an export looks
# through OPERATIONS_LOOKED_MAX operations so often: some tens of seconds.
EXPORT_OPERATIONS_PER_READ = 200
EXPORT_LOOKS_MAX = 200

# --- The seal
# One block: about 50 ms of work, so the transaction that appends it is short, and 160 kB of leaf hashes.
BLOCK_OPERATIONS_MAX = 5_000
# How many blocks one run may append to one book, so that the other books get their turn.
BLOCKS_PER_RUN_MAX = 200
# Silence is visible: after so long without a block an empty one is sealed.
HEARTBEAT_SECONDS = 600.0
# Complete subtrees are stored at every so many-th level.
NODE_LEVELS = 6
# Entries of neighbouring operations that lie no further apart are read in one range.
ENTRY_GAP_IDS_MAX = 64
# How many heads one run may publish to one folder; a folder that was away is made good in a few runs.
PUBLICATIONS_PER_RUN_MAX = 500
# An archive is written and read in parts of so many ids: a part is some megabytes, and a receipt reads one of them.
ARCHIVE_PART_IDS = 5_000
# What a reader takes of one file within an archive: a part's operations with the longest messages, in hexadecimal.
ARCHIVE_PART_BYTES_MAX = 1 << 30
ARCHIVE_MANIFEST_BYTES_MAX = 100_000
# How many archives a process keeps open: opening a full one takes 30 ms, and its directory some megabytes.
ARCHIVES_OPEN_MAX = 8
# The seal of an archive is tried again while another sealer is at work on the book.
ARCHIVE_SEAL_TRIES_MAX = 100
# Detaching takes a lock that postings wait for; each try gives it up after a fifth of a second (sql/reduced_partition_v1.sql)
# and lets them go on for a second. Two minutes are longer than what any request takes.
DETACH_TRIES_MAX = 120
DETACH_PAUSE_SECONDS = 1.0
# When to ask again for what lies in an archive that cannot be read: somebody has to bring the file.
ARCHIVE_RETRY_SECONDS = 60
# The pace of the loop, and of beat: what bounds the age of the newest seal.
SEAL_PERIOD_SECONDS = 1.0
# After a restore ids go on this much higher, so that no new operation gets an id that a lost receipt names.
IDS_SKIPPED_AFTER_RESTORE = 1_000_000
# How a list looks for what a reader with grants may know of: so many operations at a time, so often for one page.
READABLE_SCAN_ROWS = 1_000
READABLE_SCANS_MAX = 10
# Blocks are verified in spans of about so many operations: what one process reads at a time, some 10 MB.
SPAN_OPERATIONS_MAX = 5_000
SPAN_BLOCKS_MAX = 500
# How many blocks a recent verification looks at: about a quarter of an hour.
RECENT_BLOCKS = 1_000
# Scrubs a day, each of which reads the next part of everything; beat runs one every ten minutes.
SCRUB_RUNS_PER_DAY = 140
# Stray entries are looked for in steps: some hundredths of a second each, with the operations of a step in memory.
STRAY_STEP_IDS = 50_000
# One check tells the first so many things that are wrong, a report so many in all; the count goes on.
FINDINGS_OF_A_CHECK_MAX = 100
FINDINGS_TOLD_MAX = 1_000
# How many of the newest heads of a folder are compared: the newest one binds all before it, the others name where it broke.
OUTSIDE_NOTES_MAX = 20
OUTSIDE_NOTES_FULL_MAX = 1_000
