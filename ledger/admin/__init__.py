"""The panel: what the ledger knows, to read. What a person does there goes through the one door, like everybody's message."""

from ledger.admin import accounts, entries, operations, seal

__all__ = ["accounts", "entries", "operations", "seal"]
