"""Which modules are repositories, and which tables they keep: the one list, as data. It names modules and imports none.

The rule: every public function that one of these modules defines reads or writes a stored record, so it carries
`metrics.repository.observed`, or stands below in NOT_OBSERVED with its reason. A test reads this list, finds what is missing,
and asks for a line of each method in docs/metrics.md. A new repository module is added here in the change that adds the module.
"""

MODULES = (
    "accounts.opening",
    "accounts.queries",
    "ledger.account_changes",
    "ledger.aggregates",
    "ledger.balances",
    "ledger.grid",
    "ledger.inbox",
    "ledger.marks",
    "ledger.overview",
    "ledger.partitions",
    "ledger.posting",
    "ledger.queries",
    "ledger.records",
    "ledger.reports",
    "ledger.visibility",
    "security.access",
    "security.approvals",
    "security.clients",
    "security.grants",
    "security.keys",
    "security.last_use",
    "security.queries",
)

# Public functions of these modules that keep no time of their own, and why.
NOT_OBSERVED = {
    "accounts.opening.is_account_code": "a rule about a text; reads nothing",
    "ledger.posting.execute": "runs one statement for the repositories, and each of their methods is timed",
    "ledger.queries.activity": "asked between two batches of a mass operation; reads a sequence and no record",
    "ledger.queries.known_accounts": "only renames what accounts.queries.facts_by_code returns, which is timed",
    "ledger.queries.originals": "puts two timed reads together, and reads nothing for messages that reverse nothing",
    "ledger.reports.every_entry": "a generator over pages of search_history, and each of them is timed",
    "security.access.flush": "ends a minute of the record; the rows that it writes are few and nobody waits for them",
    "security.approvals.register": "names a handler when the apps start; stores nothing",
    "security.approvals.state_of": "a rule about a record that was read",
}

# The tables of each repository, for bytes on disk and, where no app counts the records, for the statistics of the first of them.
TABLES = {
    "account_changes": ("accounts_account_change",),
    "accounts": ("accounts_account",),
    "approvals": ("security_approval", "security_approval_decision", "security_approval_effect"),
    "books": ("accounts_book",),
    "clients": ("security_client",),
    "entries": ("ledger_entry",),
    "inbox": ("ledger_inbox",),
    "keys": ("ledger_operation_key",),
    "marks": ("ledger_mark", "ledger_open_mark"),
    "operations": ("ledger_operation",),
    "samples": ("metrics_sample",),
    "snapshots": ("ledger_snapshot",),
    "sources": ("security_source",),
    "tokens": ("oauth2_provider_accesstoken",),
    "turnover": ("ledger_turnover",),
    "units": ("accounts_unit",),
}
