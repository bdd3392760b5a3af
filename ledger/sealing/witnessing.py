"""The ledger's side of witnesses: ask one to cosign a checkpoint, and believe its answer only if its signature is right.

A witness that is away costs a cosignature, nothing else; one that remembers more than this chain has is an alarm.
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus

import httpx

from ledger.limits import NOTE_BYTES_MAX, WITNESS_ANSWER_SECONDS_MAX
from ledger.sealing import checkpoints, notes
from ledger.sealing.notes import Note, NoteError, Signature, Verifier
from ledger.sealing.submissions import Submission

# Gives the consistency proof between two sizes of the chain.
Prove = Callable[[int, int], Sequence[bytes]]

_SIZE_DIGITS_MAX = 19


class WitnessAway(Exception):  # noqa: N818 - a state of the other side
    """The witness did not answer, or not as a witness answers; the next checkpoint asks it again."""


class WitnessContradicts(Exception):  # noqa: N818 - what was found, not what failed
    """The witness remembers another history of this chain, or a longer one: the chain was cut, restored or rewritten."""


def cosign(*, url: str, witness: Verifier, note: Note, old_size: int, prove: Prove) -> Signature:
    """Return the witness's cosignature on a checkpoint; `old_size` is what it cosigned last, as far as we know, else 0.

    Two requests at most: where the witness remembers another size, it says which. Raises WitnessAway and WitnessContradicts.
    """
    size = checkpoints.parse(note.text).size
    for _ in range(2):
        status, text = _send(url, Submission(old_size, tuple(prove(old_size, size)), str(note)))
        if status != HTTPStatus.CONFLICT:
            break
        remembered = _size(text)
        if remembered > size:
            raise WitnessContradicts(f"{witness.name} has cosigned {remembered} leaves, and this chain has {size}.")
        if remembered == old_size:
            raise WitnessContradicts(f"{witness.name} has cosigned another root for {size} leaves.")
        old_size = remembered
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        raise WitnessContradicts(f"{witness.name} has cosigned a history that is not the beginning of this chain.")
    if status != HTTPStatus.OK:
        raise WitnessAway(f"{witness.name} answered {status}.")
    return _believed(text, note, witness)


def _send(url: str, submission: Submission) -> tuple[int, str]:
    try:
        with httpx.stream(
            "POST",
            f"{url.rstrip('/')}/add-checkpoint",
            content=str(submission).encode(),
            headers={"Content-Type": "text/plain; charset=utf-8"},
            timeout=WITNESS_ANSWER_SECONDS_MAX,
            trust_env=False,
        ) as answer:
            raw = b""
            for piece in answer.iter_bytes():
                raw += piece
                if len(raw) > NOTE_BYTES_MAX:
                    raise WitnessAway("The witness's answer does not end.")
            return answer.status_code, raw.decode()
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeDecodeError) as error:
        raise WitnessAway(f"The witness did not answer ({type(error).__name__}).") from error


def _size(text: str) -> int:
    size = text.removesuffix("\n")
    if not (size.isascii() and size.isdecimal()) or len(size) > _SIZE_DIGITS_MAX:
        raise WitnessAway("The witness told a conflict, but no size.")
    return int(size)


def _believed(text: str, note: Note, witness: Verifier) -> Signature:
    try:
        lines = [notes.parse_signature(line) for line in text.removesuffix("\n").split("\n")]
        return notes.verify(Note(note.text, tuple(lines)), [witness])[0]
    except NoteError as error:
        raise WitnessAway(f"{witness.name} answered without a right cosignature of its key.") from error
