"""The bodies of signed batches, for reading; table, invariants and writer are in sql/signed_body.sql."""

from django.db import models

from appendonly.models import AppendOnlyModel


class SignedBody(AppendOnlyModel):
    """One body, by its SHA-256."""

    digest: "models.BinaryField[bytes, bytes]" = models.BinaryField(primary_key=True)
    body: "models.BinaryField[bytes, bytes]" = models.BinaryField()
    kept_at = models.DateTimeField()

    class Meta:
        managed = False
        app_label = "security"
        db_table = "security_signed_body"

    def __str__(self) -> str:
        return f"signed body {bytes(self.digest).hex()}"
