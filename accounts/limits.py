"""Every limit of account set-up, with its reason."""

# Long enough for any name built from ids (`user:42:wallet`), short enough to be an index key that stays in cache.
CODE_CHARACTERS_MAX = 128
# What the largest custom units need (wei has 18); a larger exponent leaves too few digits before the point.
UNIT_EXPONENT_MAX = 18
# numeric(38,0): the width of an amount in every table, in minor units.
AMOUNT_DIGITS_MAX = 38
# A label for people, shown in lists.
NAME_CHARACTERS_MAX = 200
# Metadata is for references, not for documents; the same limits hold for operations.
METADATA_KEYS_MAX = 50
METADATA_KEY_CHARACTERS_MAX = 64
METADATA_VALUE_CHARACTERS_MAX = 500
# One call of POST /accounts/batch.
OPEN_BATCH_ROWS_MAX = 10_000
# Account facts that never change, kept in each process: about 300 bytes each.
KNOWN_ACCOUNTS_CACHED_MAX = 50_000
# How many books a page offers to choose from; an installation has a handful.
BOOKS_OFFERED_MAX = 200
# The digits of an id in an address: fewer than 2**63 has, more than any sequence reaches.
ID_DIGITS_MAX = 18
