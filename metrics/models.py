"""The history of metrics: one row a minute, for a day. It is no part of the ledger, and rows go when they are old."""

from typing import ClassVar

from django.db import models


class Sample(models.Model):
    """What was counted up to a moment.

    `methods` maps a method to [calls, errors, seconds], `records` a repository to its records.
    """

    id = models.BigAutoField(primary_key=True)
    taken_at = models.DateTimeField()
    methods = models.JSONField()
    records = models.JSONField()

    class Meta:
        verbose_name = "metrics"
        verbose_name_plural = "metrics"
        indexes: ClassVar = [models.Index(fields=["taken_at"], name="metrics_sample_taken")]

    def __str__(self) -> str:
        return f"sample of {self.taken_at}"
