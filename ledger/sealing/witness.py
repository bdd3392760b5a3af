"""A witness: it signs a checkpoint only if the chain continues the one it signed before. It knows nothing else of the ledger.

It belongs to somebody else than the ledger's operator, with a key and a memory of its own: so whoever cuts the ledger's chain,
rewrites it with the stolen key, or goes on from an old backup, cannot get a new checkpoint cosigned. The memory is one SQLite
file, synced to disk before an answer leaves; one that was put back to an older state has forgotten, and must get a new key.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from ledger.limits import WITNESS_EVIDENCE_ROWS_MAX, WITNESS_LOCK_SECONDS_MAX
from ledger.sealing import checkpoints, notes, submissions, tree
from ledger.sealing.checkpoints import Checkpoint, CheckpointError
from ledger.sealing.notes import COSIGNATURE, NoteError, Signer, Verifier
from ledger.sealing.submissions import SIZE_MEDIA_TYPE, Submission, SubmissionError

_KEY_FILE = "witness.key"
_MEMORY_FILE = "witness.sqlite"
_TABLES = """
CREATE TABLE chain (origin TEXT NOT NULL, vkey TEXT NOT NULL, PRIMARY KEY (origin, vkey)) STRICT;
CREATE TABLE cosigned (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL) STRICT;
CREATE TABLE evidence (id INTEGER PRIMARY KEY, seen_at TEXT NOT NULL, reason TEXT NOT NULL, note TEXT NOT NULL) STRICT;
"""


class WitnessError(Exception):
    """The witness's folder is not there, is there already, or a chain's key is no key."""


@dataclass(frozen=True)
class Recorded:
    """The newest head of a chain that the witness has cosigned; size 0 before the first."""

    size: int = 0
    root: bytes = tree.EMPTY_ROOT


@dataclass(frozen=True)
class Answer:
    """What the witness says: an HTTP status, a text, and its media type."""

    status: HTTPStatus
    body: str
    media_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Witness:
    """A witness's folder, with its key, and its memory of each chain."""

    folder: Path
    signer: Signer

    @classmethod
    def create(cls, *, folder: Path, name: str) -> "Witness":
        """Make a folder with a new key (readable by its owner only) and an empty memory."""
        witness = cls(folder, Signer.generate(name, COSIGNATURE))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder / _KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise WitnessError(f"{folder} holds the key of a witness already.") from error
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(witness.signer.text + "\n")
            file.flush()
            os.fsync(file.fileno())
        with witness.memory() as memory:
            memory.executescript(_TABLES)
        return witness

    @classmethod
    def open(cls, folder: Path) -> "Witness":
        """Take up an existing folder. A missing memory is an error: a witness that forgot would sign anything."""
        if not (folder / _KEY_FILE).is_file() or not (folder / _MEMORY_FILE).is_file():
            raise WitnessError(f"{folder} is not a witness's folder: its key or its memory is missing.")
        return cls(folder, Signer.parse((folder / _KEY_FILE).read_text(encoding="utf-8")))

    def trust(self, *, origin: str, vkey: str) -> None:
        """Follow a chain under a public key; a second key of one chain may be added, for its rotation."""
        Verifier.parse(vkey)
        with self.memory() as memory:
            memory.execute("INSERT OR IGNORE INTO chain VALUES (?, ?)", (origin, vkey.strip()))

    def chains(self) -> list[tuple[str, str, int]]:
        """Return the chains that are followed: origin, key, and the size that was cosigned last."""
        sql = (
            "SELECT origin, vkey, coalesce(size, 0) FROM chain LEFT JOIN cosigned USING (origin) ORDER BY origin, vkey"
        )
        with self.memory() as memory:
            return memory.execute(sql).fetchall()

    def evidence(self) -> list[tuple[str, str, str]]:
        """Return signed checkpoints that contradict the memory: when they came, why they were refused, and the notes."""
        with self.memory() as memory:
            return memory.execute("SELECT seen_at, reason, note FROM evidence ORDER BY id").fetchall()

    def latest(self, origin: str) -> str | None:
        """Return the newest checkpoint of a chain with this witness's cosignature; None before the first."""
        with self.memory() as memory:
            row = memory.execute("SELECT note FROM cosigned WHERE origin = ?", (origin,)).fetchone()
        return str(row[0]) if row else None

    def add_checkpoint(self, body: bytes, at: datetime) -> Answer:
        """Cosign a checkpoint that continues what was cosigned before, or say why not (c2sp.org/tlog-witness)."""
        try:
            submission = submissions.parse(body.decode())
            note = notes.parse(submission.note)
            head = checkpoints.parse(note.text)
        except (UnicodeDecodeError, SubmissionError, NoteError, CheckpointError) as error:
            return Answer(HTTPStatus.BAD_REQUEST, f"{error}\n")
        keys = self._keys(head.origin)
        if not keys:
            return Answer(HTTPStatus.NOT_FOUND, "This witness does not follow the chain.\n")
        try:
            signed = notes.verify(note, keys)
        except NoteError as error:
            return Answer(HTTPStatus.FORBIDDEN, f"{error}\n")
        if submission.old_size > head.size:
            return Answer(HTTPStatus.BAD_REQUEST, "The old size is larger than the checkpoint's.\n")
        cosignature = self.signer.sign(note.text, at)
        kept = notes.Note(note.text, (*signed, cosignature))
        # The decision and the memory of it are one transaction, so that of two at a time the second sees the first.
        with self.memory() as memory, _transaction(memory):
            recorded = _recorded(memory, head.origin)
            refusal = judge(recorded, submission, head)
            if refusal is not None:
                _keep_evidence(memory, at, recorded, head, str(kept), refusal)
            else:
                row = (head.origin, head.size, head.root, str(kept))
                memory.execute("INSERT OR REPLACE INTO cosigned VALUES (?, ?, ?, ?)", row)
        return refusal or Answer(HTTPStatus.OK, cosignature.line)

    @contextlib.contextmanager
    def memory(self) -> Iterator[sqlite3.Connection]:
        """Open the memory; what is committed has reached the disk."""
        path = self.folder / _MEMORY_FILE
        connection = sqlite3.connect(path, timeout=WITNESS_LOCK_SECONDS_MAX, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = EXTRA")
            yield connection
        finally:
            connection.close()

    def _keys(self, origin: str) -> list[Verifier]:
        with self.memory() as memory:
            rows = memory.execute("SELECT vkey FROM chain WHERE origin = ?", (origin,)).fetchall()
        return [Verifier.parse(vkey) for (vkey,) in rows]


def judge(recorded: Recorded, submission: Submission, head: Checkpoint) -> Answer | None:
    """Return why the head must not be cosigned after the recorded one; None if it continues it."""
    if submission.old_size != recorded.size:
        return Answer(HTTPStatus.CONFLICT, f"{recorded.size}\n", SIZE_MEDIA_TYPE)
    if head.size == recorded.size and head.root != recorded.root:
        return Answer(HTTPStatus.CONFLICT, f"{recorded.size}\n", SIZE_MEDIA_TYPE)
    continues = tree.verify_consistency(
        old=recorded.size, old_root=recorded.root, new=head.size, new_root=head.root, proof=submission.proof
    )
    return None if continues else Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "The consistency proof does not verify.\n")


@contextlib.contextmanager
def _transaction(memory: sqlite3.Connection) -> Iterator[None]:
    """Exclude other writers from the first read to the commit; an error leaves nothing behind, as the connection closes."""
    memory.execute("BEGIN IMMEDIATE")
    yield
    memory.execute("COMMIT")


def _recorded(memory: sqlite3.Connection, origin: str) -> Recorded:
    row = memory.execute("SELECT size, root FROM cosigned WHERE origin = ?", (origin,)).fetchone()
    return Recorded(*row) if row else Recorded()


def _keep_evidence(
    memory: sqlite3.Connection, at: datetime, recorded: Recorded, head: Checkpoint, note: str, refusal: Answer
) -> None:
    """Keep a signed checkpoint that contradicts the memory; one that is only out of turn contradicts nothing."""
    if head.size == recorded.size and head.root != recorded.root:
        reason = "another root for the size that was cosigned"
    elif refusal.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        reason = f"no proof that it continues size {recorded.size}"
    else:
        return
    (rows,) = memory.execute("SELECT count(*) FROM evidence").fetchone()
    if rows < WITNESS_EVIDENCE_ROWS_MAX:
        memory.execute("INSERT INTO evidence (seen_at, reason, note) VALUES (?, ?, ?)", (at.isoformat(), reason, note))
