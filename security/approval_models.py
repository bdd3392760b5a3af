"""The records of approvals, for reading, and the thresholds, which people set; and the sources of staff.

Tables, invariants and writers of the records are in sql/approval.sql. A source of staff stands behind what a person posts,
asks for or decides, and never changes hands.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from appendonly.models import AppendOnlyModel
from security.limits import APPROVAL_KIND_CHARS_LIMIT, UNIT_CHARS_LIMIT


class StaffSource(models.Model):
    """Which person stands behind a source of the kind `staff`. Created once, never changed; so such a person is never deleted."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="staff_source")
    source = models.OneToOneField("security.Source", models.PROTECT, related_name="staff")

    class Meta:
        app_label = "security"
        db_table = "security_staff_source"

    def __str__(self) -> str:
        return f"source {self.source_id}"


class Approval(AppendOnlyModel):
    """Something that somebody asked for."""

    id = models.BigIntegerField(primary_key=True)
    kind = models.TextField()
    summary = models.TextField()
    payload = models.JSONField()
    amounts = models.JSONField()
    requested_by = models.ForeignKey("security.Source", models.DO_NOTHING, db_constraint=False, related_name="+")
    requested_at = models.DateTimeField()

    class Meta:
        managed = False
        app_label = "security"
        db_table = "security_approval"
        permissions: ClassVar = [("decide_approval", "Can approve or reject what others ask for")]

    def __str__(self) -> str:
        return f"approval {self.id}"


class ApprovalDecision(AppendOnlyModel):
    """What was decided on an approval, by whom."""

    approval = models.OneToOneField(
        Approval, models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="decision"
    )
    decision = models.TextField()
    decided_by = models.ForeignKey(
        "security.Source", models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    reason = models.TextField()
    decided_at = models.DateTimeField()

    class Meta:
        managed = False
        app_label = "security"
        db_table = "security_approval_decision"

    def __str__(self) -> str:
        return f"decision on approval {self.approval_id}"


class ApprovalEffect(AppendOnlyModel):
    """What came of an approval."""

    approval = models.OneToOneField(
        Approval, models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="effect"
    )
    outcome = models.TextField()
    result = models.JSONField()
    recorded_at = models.DateTimeField()

    class Meta:
        managed = False
        app_label = "security"
        db_table = "security_approval_effect"

    def __str__(self) -> str:
        return f"effect of approval {self.approval_id}"


class ApprovalAttempt(AppendOnlyModel):
    """A failure of the handler of an approval."""

    id = models.BigIntegerField(primary_key=True)
    approval_id = models.BigIntegerField()
    reason = models.TextField()
    attempted_at = models.DateTimeField()

    class Meta:
        managed = False
        app_label = "security"
        db_table = "security_approval_attempt"

    def __str__(self) -> str:
        return f"attempt {self.id}"


class ApprovalThreshold(models.Model):
    """Up to which amount a kind of act needs no second person. Without a threshold every act of the kind needs one."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=APPROVAL_KIND_CHARS_LIMIT)
    unit = models.CharField(
        max_length=UNIT_CHARS_LIMIT, blank=True, help_text="Empty: all units that have no threshold of their own."
    )
    above_minor = models.DecimalField(
        "approval needed above",
        max_digits=38,
        decimal_places=0,
        null=True,
        blank=True,
        help_text="In the unit's smallest parts; the form takes the unit's own scale. 0: always. Empty: never.",
    )

    class Meta:
        app_label = "security"
        db_table = "security_approval_threshold"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "unit"], name="security_approval_threshold_once"),
            models.CheckConstraint(condition=Q(above_minor__gte=0), name="security_approval_threshold_positive"),
            # An amount means another thing in another unit.
            models.CheckConstraint(
                condition=~Q(unit="") | Q(above_minor=None) | Q(above_minor=0),
                name="security_approval_threshold_of_one_unit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.unit}".strip()
