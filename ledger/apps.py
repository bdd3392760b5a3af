"""The ledger: messages in, operations and entries stored, balances and history out."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """The one door (pipeline.accept) and everything behind it."""

    name = "ledger"
