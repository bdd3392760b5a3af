"""The keys of a development set-up that must not be in the database: made once, kept in the state folder, closed to others.

In production they are given (MAC_KEYS, SEAL_KEYS); these are never used there.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from ledger.sealing.notes import Signer

_MAC_KEYS, _SEAL_KEYS = "mac_keys", "seal_keys"


def create(state_dir: Path) -> None:
    """Create what is missing; what is there stays, whoever else creates at the same time."""
    _create(state_dir / _MAC_KEYS, _new_mac_keys())
    _create(state_dir / _SEAL_KEYS, _new_seal_keys())


def mac_keys(state_dir: Path) -> str:
    """Return the keys of codes on operations; in a folder without them a key that lasts as long as this process."""
    return _read(state_dir / _MAC_KEYS) or _new_mac_keys()


def seal_keys(state_dir: Path) -> str:
    """Return the keys that sign heads; in a folder without them a key that lasts as long as this process."""
    return _read(state_dir / _SEAL_KEYS) or _new_seal_keys()


def _new_mac_keys() -> str:
    return f"local:{secrets.token_hex(32)}"


def _new_seal_keys() -> str:
    return Signer.generate("localhost").text


def _create(path: Path, text: str) -> None:
    if path.exists():
        return
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(partial, path)
    partial.unlink()


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ""
