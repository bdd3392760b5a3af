"""What a ledger sends to a witness (c2sp.org/tlog-witness, add-checkpoint): old size, consistency proof, new checkpoint. Pure."""

import base64
from dataclasses import dataclass

from ledger.limits import PROOF_HASHES_MAX
from ledger.sealing import notes, tree

# What the answer 409 is called: its body is the size that the witness cosigned last.
SIZE_MEDIA_TYPE = "text/x.tlog.size"

_OLD = "old "
_DIGITS_MAX = 19


class SubmissionError(ValueError):
    """The text is not a submission; the message says why."""


@dataclass(frozen=True)
class Submission:
    """A signed checkpoint `note`, with the proof that it continues the one of `old_size`."""

    old_size: int
    proof: tuple[bytes, ...]
    note: str

    def __str__(self) -> str:
        lines = [f"{_OLD}{self.old_size}", *(base64.b64encode(hashed).decode() for hashed in self.proof)]
        return "\n".join(lines) + "\n\n" + self.note


def parse(text: str) -> Submission:
    """Read a submission, strictly; nothing is checked yet."""
    head, gap, note = text.partition("\n\n")
    first, *lines = head.split("\n")
    size = first.removeprefix(_OLD)
    plain = size.isascii() and size.isdecimal() and len(size) <= _DIGITS_MAX and str(int(size)) == size
    if not gap or not first.startswith(_OLD) or not plain:
        raise SubmissionError(
            "A submission begins with the line `old SIZE`; an empty line comes before the checkpoint."
        )
    if len(lines) > PROOF_HASHES_MAX:
        raise SubmissionError("A consistency proof has at most 63 hashes.")
    proof = tuple(notes.decode_base64(line) or b"" for line in lines)
    if any(len(hashed) != tree.HASH_BYTES for hashed in proof):
        raise SubmissionError("A line of the proof is not the base64 of a hash.")
    return Submission(int(size), proof, note)
