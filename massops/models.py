"""Tables of mass operations: the file as received, what is to become of it, what became of it, and staged rows.

Append-only, guarded by the database: File (the message), its Chunks once the file exists, Event (who moved what when, written
by a trigger). A MassOperation moves along the arrows of sql/mass_operation.sql only, and a trigger records each move.
StagedRow and StagedAccount are scratch: unlogged, made again from the file whenever they are gone.
"""

import uuid
from typing import ClassVar

from django.db import models

from accounts.models import Book
from appendonly.models import AppendOnlyModel
from massops.limits import NAME_CHARACTERS_MAX
from security.models import Source


class State(models.TextChoices):
    """Where a mass operation stands."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    WAITING = "waiting", "Waiting for approval"
    SCHEDULED = "scheduled"
    POSTING = "posting"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


FINAL_STATES = (State.DONE, State.CANCELLED, State.FAILED)


class Kind(models.TextChoices):
    """What a mass operation is made from."""

    FILE = "file", "Rows of a file"
    REVERSAL = "reversal", "Reversal of a mass operation"


class Mode(models.TextChoices):
    """What one bad row means."""

    EACH = "each", "Each row by itself"
    ALL = "all", "All or nothing"


class File(models.Model):
    """A file exactly as received: the message. Its bytes are in its chunks."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    book = models.ForeignKey(Book, models.PROTECT)
    source = models.ForeignKey(Source, models.PROTECT)
    credential = models.CharField(max_length=NAME_CHARACTERS_MAX)
    name = models.CharField(max_length=NAME_CHARACTERS_MAX)
    sha256 = models.BinaryField()
    size_bytes = models.BigIntegerField()
    chunks = models.IntegerField()
    received_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["book", "sha256"], name="massops_file_sha256")]

    def __str__(self) -> str:
        return self.name


class Chunk(models.Model):
    """A piece of a file, stored before the file is complete; pieces of an upload that broke off are swept."""

    id = models.BigAutoField(primary_key=True)
    file_id = models.UUIDField()
    ordinal = models.IntegerField()
    data = models.BinaryField()
    stored_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["file_id", "ordinal"], name="massops_chunk_ordinal")]

    def __str__(self) -> str:
        return f"{self.file_id} {self.ordinal}"


class SavedMapping(models.Model):
    """A mapping by name. What a mass operation used is copied into it, so changing a mapping changes no history."""

    name = models.CharField(max_length=NAME_CHARACTERS_MAX, unique=True)
    document = models.JSONField()
    changed_by = models.CharField(max_length=NAME_CHARACTERS_MAX, blank=True, editable=False)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name


class MassOperation(models.Model):
    """A file (or the reversal of one) on its way into the ledger."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.FILE)
    file = models.ForeignKey(File, models.PROTECT, null=True)
    reverses = models.ForeignKey("self", models.PROTECT, null=True, related_name="reversals")
    name = models.CharField(max_length=NAME_CHARACTERS_MAX)
    source = models.ForeignKey(Source, models.PROTECT)
    credential = models.CharField(max_length=NAME_CHARACTERS_MAX)
    mapping = models.JSONField(null=True)
    mapping_name = models.CharField(max_length=NAME_CHARACTERS_MAX, blank=True)
    own_keys = models.BooleanField(default=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.UPLOADED)
    state_at = models.DateTimeField()
    created_at = models.DateTimeField()

    # What the check found. Counts of rows; the summary has sums by unit, unknown accounts, forecasts, notices.
    rows_read = models.IntegerField(default=0)
    rows_good = models.IntegerField(default=0)
    rows_bad = models.IntegerField(default=0)
    is_readable = models.BooleanField(default=False)
    checked_at = models.DateTimeField(null=True)
    summary = models.JSONField(default=dict)
    unit_to_open = models.CharField(max_length=32, blank=True)

    # The decision.
    mode = models.CharField(max_length=8, choices=Mode.choices, blank=True)
    priority = models.CharField(max_length=16, default="bulk")
    effective_at = models.DateTimeField(null=True)
    start_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=NAME_CHARACTERS_MAX, blank=True)
    decided_at = models.DateTimeField(null=True)
    approval_id = models.BigIntegerField(null=True)

    # Progress: every row up to `cursor` has its outcome in the ledger.
    cursor = models.IntegerField(default=0)
    rows_posted = models.IntegerField(default=0)
    rows_refused = models.IntegerField(default=0)
    refusals = models.JSONField(default=dict)
    sums_posted = models.JSONField(default=dict)
    posting_seconds = models.FloatField(default=0)
    rows_per_second = models.FloatField(default=0)
    failures = models.IntegerField(default=0)
    failure = models.TextField(blank=True)

    # What a person asked of the worker that has it, and until when that worker has it.
    wish = models.CharField(max_length=8, blank=True)
    wish_source_id = models.BigIntegerField(null=True)
    wish_reason = models.TextField(blank=True)
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["book", "id"], name="massops_book"),
            models.Index(fields=["state", "id"], name="massops_state"),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.name}"


class Event(AppendOnlyModel):
    """A mass operation moved: from where, to where, who, why. Written by a trigger."""

    id = models.BigIntegerField(primary_key=True)
    mass_operation = models.ForeignKey(MassOperation, models.DO_NOTHING, db_constraint=False, related_name="events")
    happened_at = models.DateTimeField()
    state_from = models.CharField(max_length=16, blank=True)
    state_to = models.CharField(max_length=16)
    source_id = models.BigIntegerField(null=True)
    reason = models.TextField(blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        managed = False
        db_table = "massops_event"

    def __str__(self) -> str:
        return f"{self.state_from} to {self.state_to}"


class RowProblem(models.Model):
    """One thing wrong with a row; row 0 is the file as a whole. `by_check`: found against the ledger, not in the file."""

    id = models.BigAutoField(primary_key=True)
    mass_operation = models.ForeignKey(MassOperation, models.PROTECT, db_index=False, db_constraint=False)
    row = models.IntegerField()
    line = models.IntegerField()
    column = models.TextField()
    code = models.TextField()
    sentence = models.TextField()
    by_check = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mass_operation", "row", "id"], name="massops_problem_row")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.code}"


class StagedRow(models.Model):
    """A row that reads well, as it would be posted: scratch, in an unlogged partition of its mass operation."""

    row = models.IntegerField(primary_key=True)
    mass_operation_id = models.BigIntegerField()
    line = models.IntegerField()
    key = models.TextField()
    account = models.TextField()
    to_account = models.TextField(null=True)  # noqa: DJ001 - COPY tells nothing from empty
    amount = models.DecimalField(max_digits=76, decimal_places=38)
    unit = models.TextField(null=True)  # noqa: DJ001 - likewise
    effective_at = models.TextField(null=True)  # noqa: DJ001 - likewise
    description = models.TextField(null=True)  # noqa: DJ001 - likewise
    metadata = models.TextField(null=True)  # noqa: DJ001 - likewise
    reverses = models.BigIntegerField(null=True)

    class Meta:
        db_table = "massops_staged_row"

    def __str__(self) -> str:
        return self.key


class StagedAccount(models.Model):
    """An account that staged rows name, with what is known of it and what the rows would do to it: scratch as well."""

    code = models.TextField(primary_key=True)
    mass_operation_id = models.BigIntegerField()
    account_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "massops_staged_account"

    def __str__(self) -> str:
        return self.code
