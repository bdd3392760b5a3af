"""Every limit of the security app, each with its reason."""

# How long a web process trusts what it once read about a token. The look-up costs more than the rest of a balance
# call, and a client calls many times a second with one token. It is also the longest time that a revoked client, a
# revoked token or a withdrawn scope still works in another process, so it must stay a few seconds.
TOKEN_CACHE_SECONDS = 5

# An entry takes about 1 kB, so a full cache costs 10 MB per process. A live token beyond this number costs one query.
TOKEN_CACHE_ENTRIES_LIMIT = 10_000

# Our tokens have 30 characters. The limit leaves room for longer ones and keeps anybody from having us hash megabytes.
TOKEN_CHARS_LIMIT = 255

# A token request is an identifier, a secret of 128 characters and a list of scopes: a few hundred bytes.
FORM_BYTES_LIMIT = 16 * 1024

# The header of HTTP Basic: identifier and secret, base64, with room for percent-encoding.
AUTHORIZATION_CHARS_LIMIT = 4 * 1024

# A name is read by people, in lists and in the lineage of an operation.
CLIENT_NAME_CHARS_LIMIT = 100

# The metadata document changes with a release only.
METADATA_CACHE_SECONDS = 3600

# A kind is a short word of the program; a unit's code has at most 32 characters (accounts).
APPROVAL_KIND_CHARS_LIMIT = 32
UNIT_CHARS_LIMIT = 32

# The reason of a decision is a sentence or two, read in a list.
APPROVAL_REASON_CHARS_LIMIT = 1000

# A handler answers within a request. What has no effect after this time has lost its process, and another takes over.
APPROVALS_LATE_SECONDS = 30

# A handler that fails is called again after 30 seconds, 1, 2, 4 … minutes; after the last failure, an hour later, the cause is no
# outage but a defect, and repeating it helps nobody.
APPROVAL_ATTEMPTS_LIMIT = 8

# What a failure said, in a line or two.
APPROVAL_FAILURE_CHARS_LIMIT = 500

# How many of those one round takes on; the next comes soon.
APPROVALS_APPLIED_LIMIT = 100

# A client has one secret and, while both of its sides are being changed, an old one. A month bridges any change of
# credentials at the other side; beyond it an old secret is a forgotten one.
SECRET_OVERLAP_DAYS_LIMIT = 31

# How exactly the last use of a client is known. It is written by a request that reads the client from the table anyway,
# at most once in this time, so a busy client costs one small write a minute.
LAST_USED_SECONDS = 60

# Networks or books of one client: a list that a person reads, and that each request may walk through.
CLIENT_LIST_ITEMS_LIMIT = 100

# Proxies between a client and us. What stands before the last so many addresses is not looked at.
FORWARDED_ADDRESSES_LIMIT = 20

# What a browser calls itself is shown in the list of sessions; the beginning tells enough.
BROWSER_CHARS_LIMIT = 200

# RFC 4226 recommends a key of 160 bits; 30 seconds and one step of tolerance are what authenticator apps and RFC 6238 expect.
AUTHENTICATOR_KEY_BYTES = 20
AUTHENTICATOR_STEP_SECONDS = 30
AUTHENTICATOR_STEPS_TOLERATED = 1

# Ten codes of 80 bits: few enough to write down, too many bits to guess, so a plain digest keeps them.
RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 10

# An enrolment code is handed over and used within a working day or two; it is as long as a recovery code.
ENROLMENT_HOURS = 48

# Whoever fails so often at the log-in, under one name and from one address, waits so long.
LOGIN_FAILURES_LIMIT = 5
LOGIN_LOCKED_MINUTES = 15

# A session ends this long after its log-in: a working day.
SESSION_SECONDS = 12 * 3600
PASSWORD_CHARS_MIN = 12

# A prefix is the beginning of an account's code, which has at most 128 characters (accounts).
GRANT_PREFIX_CHARS_LIMIT = 128

# Amounts have at most 38 digits (accounts), of them up to 18 after the point.
AMOUNT_DIGITS_LIMIT = 38
GRANT_AMOUNT_DECIMALS_LIMIT = 18

# They are read with each token every few seconds; a client that needs more wants a prefix.
GRANTS_LIMIT = 500
# What a second person reads in the summary of a file of grants; the payload beside it has them all.
GRANTS_TOLD_LIMIT = 20
# Reference data is read whole; 10,000 accounts with long names and metadata fit.
IMPORT_BYTES_LIMIT = 10 * 1024 * 1024

# How many origins of failures a process tells apart in a minute. Beyond it they are counted together, so that nobody fills the
# disk by failing: at most about 120 rows of some 200 bytes a minute and process, 35 MB a day.
ACCESS_ORIGINS_PER_MINUTE = 60

# What was done, in a line; a path may be longer and is cut.
ACCESS_WHAT_CHARS_LIMIT = 500

# As many rows as a spreadsheet opens; narrower filters lead to the others.
ACCESS_EXPORT_ROWS_LIMIT = 1_000_000
# A key id is a short name that a person reads in the lineage of an operation.
KEY_ID_CHARS_LIMIT = 64

# One in use, one that replaces it, and some for several senders behind one client.
CLIENT_KEYS_LIMIT = 10

# How old a signature may be: requests wait in queues and are retried. And how far a client's clock may be ahead of ours.
SIGNATURE_AGE_SECONDS_LIMIT = 300
SIGNATURE_AHEAD_SECONDS_LIMIT = 30

# A signature that covers a dozen headers; and the text that was signed, which is kept for ever with each message.
SIGNATURE_HEADER_CHARS_LIMIT = 2 * 1024
SIGNATURE_BASE_CHARS_LIMIT = 4 * 1024

# A process takes a twentieth of a second's worth of requests at a time: at most 20 round trips a second for each bucket, and
# little is lost with what lapses. A block that is not used within a second lapses.
LEASES_PER_SECOND = 20
LEASE_SECONDS = 1.0

# Valkey is never waited for: counting in the process is good enough. After a failure it is left alone for a while.
BUCKETS_TIMEOUT_SECONDS = 0.2
BUCKETS_PAUSE_SECONDS = 5.0

# A bucket is a few hundred bytes; strangers make them by address.
BUCKETS_IN_PROCESS_LIMIT = 10_000

# A million requests at once are no limit any more, and a day is the longest that anybody would wait.
RATE_QUOTA_LIMIT = 1_000_000
RATE_WINDOW_SECONDS_LIMIT = 86_400

# "1000000/86400", with room.
RATE_CHARS_LIMIT = 20

# A receiver acknowledges; it does not converse. Each step of a request, and reading the answer as a whole, ends after this.
OUTGOING_SECONDS_LIMIT = 10
OUTGOING_ANSWER_BYTES_LIMIT = 64 * 1024
OUTGOING_URL_CHARS_LIMIT = 2_000
