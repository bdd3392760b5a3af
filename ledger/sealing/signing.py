"""The keys that sign heads, and what chains are called. The private keys are in the settings, never in the database."""

from functools import cache

from django.conf import settings

from ledger.sealing.notes import COSIGNATURE, KeyTextError, Signer, Verifier

__all__ = ["KeyTextError", "origin", "public_keys", "signers", "verifiers"]


def signers() -> tuple[Signer, ...]:
    """Return the keys of SEAL_KEYS in their order. Raises KeyTextError."""
    return _parse(settings.SEAL_KEYS)


def key_name() -> str:
    """Return the name of new keys: that of the ledger."""
    return str(settings.SEAL_ORIGIN)


def public_keys() -> list[str]:
    """Return the public keys as text, to be pinned by whoever checks receipts."""
    return [signer.verifier.vkey for signer in signers()]


def verifiers() -> tuple[Verifier, ...]:
    """Return the public keys under which our own checkpoints are accepted: of the keys that sign, and retired ones."""
    retired = tuple(Verifier.parse(line) for line in settings.SEAL_RETIRED_KEYS)
    return (*(signer.verifier for signer in signers()), *retired)


def witnesses() -> tuple[tuple[Verifier, str], ...]:
    """Return the witnesses of SEAL_WITNESSES with their addresses. Raises KeyTextError."""
    found = []
    for text in settings.SEAL_WITNESSES:
        vkey, _, url = text.strip().partition(" ")
        verifier = Verifier.parse(vkey)
        if verifier.algorithm != COSIGNATURE or not url:
            raise KeyTextError("SEAL_WITNESSES is a list of KEY ADDRESS, the key one that cosigns.")
        found.append((verifier, url.strip()))
    return tuple(found)


def origin(book: str, incarnation: int) -> str:
    """Return what the first line of a book's checkpoints says."""
    return f"{settings.SEAL_ORIGIN}/{book}/{incarnation}"


def incarnation_of(origin_line: str) -> int:
    """Return the incarnation that an origin names; 0 where it names none."""
    last = origin_line.rpartition("/")[2]
    return int(last) if last.isdecimal() else 0


@cache
def _parse(text: str) -> tuple[Signer, ...]:
    found = tuple(Signer.parse(line) for line in text.replace(",", "\n").split())
    if not found:
        raise KeyTextError("SEAL_KEYS has no key.")
    return found
