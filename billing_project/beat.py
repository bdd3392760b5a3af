"""All schedules in one place: what runs by itself, how often, and why so often.

Each entry expires before the next is due, so a worker that was away does not wake to a pile of the same bell.
"""

from typing import Any

SCHEDULE: dict[str, dict[str, Any]] = {
    # The age of a mark bounds every tail and, later, the age of the newest seal.
    "ledger-aggregate": {"task": "ledger.tasks.aggregate", "schedule": 1.0, "options": {"expires": 1}},
    # How old the newest seal is at most; several may run, one works.
    "ledger-seal": {"task": "ledger.tasks.seal", "schedule": 1.0, "options": {"expires": 1}},
    # Apart from sealing: a witness may be slow. With none in the settings it does nothing.
    "ledger-heads": {"task": "ledger.tasks.distribute_heads", "schedule": 2.0, "options": {"expires": 2}},
    # Everything is re-read within a day, in parts.
    "ledger-verify": {"task": "ledger.tasks.verify", "schedule": 600.0, "options": {"expires": 600}},
    # Some cached balances a minute are compared with the ledger; a difference is a defect, so soon is soon enough.
    "ledger-grid-check": {"task": "ledger.tasks.check_grid", "schedule": 60.0, "options": {"expires": 60}},
    # The bell of the inbox, in case that a web process could not ring it.
    "ledger-inbox": {"task": "ledger.tasks.drain_inbox", "schedule": 1.0, "options": {"expires": 1}},
    # There are always two partitions ahead; hours would do.
    "ledger-partitions": {"task": "ledger.tasks.add_partitions", "schedule": 600.0, "options": {"expires": 600}},
    # One point of every chart; the rates over one, five and fifteen minutes are taken from these as well.
    "metrics-sample": {"task": "metrics.tasks.sample", "schedule": 60.0, "options": {"expires": 60}},
    # The bell of mass operations: what was uploaded or decided begins within a second.
    "massops-work": {"task": "massops.tasks.work", "schedule": 1.0, "options": {"expires": 1}},
    # Uploads that broke off are swept a day later; an hour more does not matter.
    "massops-sweep": {"task": "massops.tasks.sweep", "schedule": 3600.0, "options": {"expires": 3600}},
    # What the dashboard says of totals may be this old; where making it takes long, it rests longer (ledger.overview).
    "ledger-overviews": {"task": "ledger.tasks.refresh_overviews", "schedule": 30.0, "options": {"expires": 30}},
    # Expired tokens are of no use to anybody.
    "security-expired-tokens": {
        "task": "security.tasks.clear_expired_tokens",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    # An approval takes effect at once; this is for the case that its process died in between.
    "security-late-approvals": {
        "task": "security.tasks.apply_due_approvals",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    # Nobody can use an expired session; this only keeps the table short.
    "security-expired-sessions": {
        "task": "security.tasks.clear_expired_sessions",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
}
