"""The access record, for reading; its table, invariants and writer are in sql/access_record.sql."""

from django.db import models

from appendonly.models import AppendOnlyModel


class AccessEvent(models.TextChoices):
    """What kind of thing happened."""

    LOGIN = "login", "Log-in of staff"
    LOGIN_FAILED = "login_failed", "Failed log-in of staff"
    LOGIN_LOCKED = "login_locked", "Log-in locked after failures"
    LOGOUT = "logout", "Log-out of staff"
    AUTHENTICATION_FAILED = "authentication_failed", "Failed authentication of a client"
    REFUSED = "refused", "Refused for lack of a right"
    ADMINISTRATION = "administration", "Act in the administration"
    APPROVAL = "approval", "Approval asked for or decided"
    CLIENT = "client", "Client created, changed, rotated or revoked"
    GRANT = "grant", "Grant given or taken away"
    EXPORT = "export", "Export of records"


class AccessRecord(AppendOnlyModel):
    """One row: who, with which credential, what, from where, in which request, and how often within the minute."""

    id = models.BigIntegerField(primary_key=True)
    recorded_at = models.DateTimeField()
    event = models.TextField(choices=AccessEvent.choices)
    who = models.TextField()
    credential = models.TextField()
    what = models.TextField()
    code = models.TextField()
    address = models.GenericIPAddressField(null=True)
    request_id = models.TextField()
    times = models.IntegerField()

    class Meta:
        managed = False
        app_label = "security"
        db_table = "security_access_record"

    def __str__(self) -> str:
        return f"access record {self.id}"
