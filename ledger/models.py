"""The records of the ledger, for reading. Their tables, invariants and writers are in sql/.

Ids are unique over the whole server, so Django may call `id` the key; the tables' own keys lead with the book.
"""

from django.db import models

from accounts.models import Account, Book
from appendonly.models import AppendOnlyModel


class Operation(AppendOnlyModel):
    """A message and what became of it: accepted, with entries, or refused, with a code."""

    id = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    source = models.ForeignKey("security.Source", models.DO_NOTHING, db_constraint=False)
    key = models.TextField()
    kind = models.TextField()
    message = models.BinaryField()
    message_hash = models.BinaryField()
    credential = models.TextField()
    received_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    effective_at = models.DateTimeField()
    outcome = models.TextField()
    reverses = models.BigIntegerField(null=True)
    metadata = models.JSONField(null=True)
    entry_first = models.BigIntegerField(null=True)
    entry_last = models.BigIntegerField(null=True)
    request_id = models.TextField(null=True)  # noqa: DJ001 - none is none, not an empty name
    traceparent = models.TextField(null=True)  # noqa: DJ001
    signature = models.TextField(null=True)  # noqa: DJ001
    mac = models.BinaryField(null=True)
    mac_key = models.TextField(null=True)  # noqa: DJ001
    salt = models.BinaryField()

    class Meta:
        managed = False
        db_table = "ledger_operation"

    def __str__(self) -> str:
        return f"operation {self.id}"

    @property
    def is_reduced(self) -> bool:
        """Whether its partition was detached: its message is in the archive, what stays has an empty salt."""
        return not self.salt


class Entry(AppendOnlyModel):
    """One increment or decrement of one account, in minor units."""

    id = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    operation = models.ForeignKey(Operation, models.DO_NOTHING, db_constraint=False)
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False)
    amount = models.DecimalField(max_digits=38, decimal_places=0)
    recorded_at = models.DateTimeField()
    effective_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ledger_entry"
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"entry {self.id}"


class Mark(AppendOnlyModel):
    """A value of the id sequences at or below which nothing can appear any more."""

    id = models.BigIntegerField(primary_key=True)
    taken_at = models.DateTimeField()
    closed_at = models.DateTimeField()
    operation_id = models.BigIntegerField()
    entry_id = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "ledger_mark"

    def __str__(self) -> str:
        return f"mark {self.id}"


class Table(AppendOnlyModel):
    """A table that only SQL reads; named here so that the runtime role may read it."""

    class Meta:
        abstract = True
        managed = False


class OperationKey(Table):
    """The unique keys of operations."""

    operation_id = models.BigIntegerField(primary_key=True)

    class Meta:
        managed = False
        db_table = "ledger_operation_key"

    def __str__(self) -> str:
        return f"key of operation {self.operation_id}"


class Snapshot(Table):
    """The balance of an account over its entries up to a mark, in minor units."""

    # The mark's, so accounts share it: Django needs one column, and every look-up here names the account as well.
    entry_id = models.BigIntegerField("up to entry", primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False)
    balance = models.DecimalField(max_digits=38, decimal_places=0)

    class Meta:
        managed = False
        db_table = "ledger_snapshot"

    def __str__(self) -> str:
        return f"snapshot at {self.entry_id}"


class Turnover(Table):
    """Increments and decrements of an account by day."""

    first_entry = models.BigIntegerField(primary_key=True)

    class Meta:
        managed = False
        db_table = "ledger_turnover"

    def __str__(self) -> str:
        return f"turnover from {self.first_entry}"


class Progress(Table):
    """The mark up to which a book's aggregates are made."""

    book_id = models.IntegerField(primary_key=True)

    class Meta:
        managed = False
        db_table = "ledger_progress"

    def __str__(self) -> str:
        return f"progress of book {self.book_id}"


class Inbox(Table):
    """A message that waits for its turn."""

    id = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    source = models.ForeignKey("security.Source", models.DO_NOTHING, db_constraint=False)
    key = models.TextField()
    kind = models.TextField()
    received_at = models.DateTimeField()
    priority = models.SmallIntegerField()
    taken_until = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ledger_inbox"

    def __str__(self) -> str:
        return f"message {self.id}"


class RecordCount(Table):
    """How many records a repository of a book holds, up to an id."""

    book_id = models.IntegerField(primary_key=True)

    class Meta:
        managed = False
        db_table = "ledger_record_count"

    def __str__(self) -> str:
        return f"count of records of book {self.book_id}"


class OpenMark(Table):
    """A mark that is not safe yet."""

    xid = models.BigIntegerField(primary_key=True)

    class Meta:
        managed = False
        db_table = "ledger_open_mark"

    def __str__(self) -> str:
        return f"open mark {self.xid}"


class SealBlock(AppendOnlyModel):
    """One run of the sealer: a header and the operations above `from_id` up to `to_id`, as leaves of the book's tree."""

    # Unique within a book only: Django needs one column, and every look-up here names the book as well.
    number = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    incarnation = models.IntegerField()
    previous_size = models.BigIntegerField()
    size = models.BigIntegerField()
    previous_root = models.BinaryField()
    root = models.BinaryField()
    from_id = models.BigIntegerField()
    to_id = models.BigIntegerField()
    count = models.IntegerField()
    sealed_at = models.DateTimeField()
    header = models.BinaryField()
    leaf_hashes = models.BinaryField()

    class Meta:
        managed = False
        db_table = "ledger_seal_block"

    def __str__(self) -> str:
        return f"block {self.number}"


class SealNode(Table):
    """The root of a complete subtree of a book's tree."""

    index = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    level = models.SmallIntegerField()
    hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "ledger_seal_node"

    def __str__(self) -> str:
        return f"node {self.index}"


class SealQuarantine(AppendOnlyModel):
    """An operation without a valid code: it is no leaf."""

    operation_id = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    block_number = models.BigIntegerField()
    reason = models.TextField()
    found_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ledger_seal_quarantine"
        permissions = (("acknowledge_sealquarantine", "Can acknowledge a quarantined operation"),)

    def __str__(self) -> str:
        return f"operation {self.operation_id}"


class SealAcknowledgement(AppendOnlyModel):
    """That somebody looked into a quarantined operation, as its record was then, and what it is."""

    operation_id = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    leaf_hash = models.BinaryField()
    who = models.TextField()
    reason = models.TextField()
    acknowledged_at = models.DateTimeField()
    mac = models.BinaryField()
    mac_key = models.TextField()

    class Meta:
        managed = False
        db_table = "ledger_seal_acknowledgement"

    def __str__(self) -> str:
        return f"operation {self.operation_id} by {self.who}"


class SealCheckpoint(AppendOnlyModel):
    """A signed head of a book's chain."""

    size = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    incarnation = models.IntegerField()
    note = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ledger_seal_checkpoint"

    def __str__(self) -> str:
        return f"checkpoint at {self.size}"


class SealCosignature(AppendOnlyModel):
    """What a witness signed under a checkpoint."""

    size = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    witness = models.TextField()
    line = models.TextField()
    received_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ledger_seal_cosignature"

    def __str__(self) -> str:
        return f"{self.witness} at {self.size}"


class SealPublication(AppendOnlyModel):
    """That a checkpoint has arrived outside of the database."""

    size = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    sink = models.TextField()
    published_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ledger_seal_publication"

    def __str__(self) -> str:
        return f"{self.size} at {self.sink}"


class SealArchive(AppendOnlyModel):
    """A file that holds a book's operations above one id up to another; a block's header names it by its hash."""

    sha256 = models.BinaryField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    name = models.TextField()
    from_id = models.BigIntegerField()
    to_id = models.BigIntegerField()
    operations = models.BigIntegerField()
    block_number = models.BigIntegerField()
    noted_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ledger_archive"

    def __str__(self) -> str:
        return self.name


class Verification(AppendOnlyModel):
    """One step of a verification: asked for, under way, or done with its report."""

    id = models.BigIntegerField(primary_key=True)
    run = models.UUIDField()
    mode = models.TextField()
    state = models.TextField()
    noted_at = models.DateTimeField()
    done = models.BigIntegerField()
    total = models.BigIntegerField()
    exit_code = models.SmallIntegerField(null=True)
    report = models.JSONField(null=True)

    class Meta:
        managed = False
        db_table = "ledger_verification"
        permissions = (("ask_verification", "Can ask the workers for a verification"),)

    def __str__(self) -> str:
        return f"verification {self.run}"


class DaySpent(Table):
    """What a grant with a sum per day has let through on a day."""

    grant_id = models.BigIntegerField(primary_key=True)

    class Meta:
        managed = False
        db_table = "ledger_day_spent"

    def __str__(self) -> str:
        return f"spent under grant {self.grant_id}"


class Overview(models.Model):
    """A book at a glance as of a moment: a hint for people, made anew again and again (ledger.overview), never the truth."""

    book = models.OneToOneField(Book, models.DO_NOTHING, primary_key=True, db_constraint=False)
    made_at = models.DateTimeField()
    seconds = models.FloatField(help_text="How long it took to make.")
    units = models.JSONField()

    class Meta:
        db_table = "ledger_overview"

    def __str__(self) -> str:
        return f"overview of book {self.book_id}"
