"""Where signed heads go outside of the database: append-only folders that this service writes, and addresses that it posts to.

A folder holds one file for each size, FOLDER/BOOK/INCARNATION/000/.../SIZE, created exclusively and never written again. It
should belong to another machine or another user than the database: it is what a forger of the database cannot rewrite.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

_GROUPS = 6  # a size has at most 18 digits, so a folder has at most 1,000 names
_DIGITS = 3


@dataclass(frozen=True)
class DirectorySink:
    """A folder of checkpoints."""

    folder: Path
    SUFFIX: ClassVar[str] = ".checkpoint"

    @property
    def name(self) -> str:
        """How publications name it."""
        return f"directory:{self.folder}"

    def write(self, *, book: str, incarnation: int, size: int, note: str) -> None:
        """Create the file of this size; where it exists, it stays as it is."""
        path = self._path(book, incarnation, size)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with partial.open("w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(partial, path)
        partial.unlink()
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def newest(self, *, book: str) -> str | None:
        """Return the note of the largest size of the newest incarnation, or None."""
        return next(self.notes(book=book), None)

    def notes(self, *, book: str) -> Iterator[str]:
        """Yield the notes of a book from the newest incarnation and size down."""
        for path in _descending(self.folder / book, self.SUFFIX):
            yield path.read_text(encoding="utf-8")

    def _path(self, book: str, incarnation: int, size: int) -> Path:
        digits = f"{size:0{_GROUPS * _DIGITS}d}"
        groups = [digits[start : start + _DIGITS] for start in range(0, len(digits), _DIGITS)]
        return self.folder.joinpath(book, f"{incarnation:06d}", *groups[:-1], f"{digits}{self.SUFFIX}")


def _descending(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the files below a folder, the last by name first; every level has names of one length."""
    try:
        names = sorted((entry.name for entry in os.scandir(folder)), reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        if name.endswith(suffix) and not name.startswith("."):
            yield folder / name
        elif name.isdecimal():
            yield from _descending(folder / name, suffix)
