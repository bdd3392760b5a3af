"""Checkpoints: the vectors of their format, good and bad, and cosignatures beside the chain's own signature."""

import base64
import json
from datetime import UTC, datetime

import pytest

from ledger.sealing import checkpoints, notes, tree
from ledger.sealing.checkpoints import Checkpoint, CheckpointError
from ledger.sealing.notes import COSIGNATURE, NoteError, Signer

CHAIN, WITNESS, OTHER = (
    Signer.generate("host/main"),
    Signer.generate("witness", COSIGNATURE),
    Signer.generate("other", COSIGNATURE),
)
HEAD = Checkpoint("host/main/1", 7, tree.EMPTY_ROOT)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def vectors(foreign_data):
    return json.loads((foreign_data / "notes" / "signed_note_vectors.json").read_text(encoding="utf-8"))


@pytest.mark.foreign
def test_every_good_body_is_read_and_written_as_it_was(vectors):
    for vector in vectors["checkpoint_bodies_ok"]:
        checkpoint = checkpoints.parse(vector["body"])

        assert (checkpoint.origin, checkpoint.size) == (vector["origin"], vector["size"])
        assert "".join(f"{line}\n" for line in checkpoint.extensions) == vector["rest"]
        assert base64.b64encode(checkpoint.root).decode() in vector["body"]
        assert checkpoint.body == vector["body"]


@pytest.mark.foreign
def test_every_bad_body_is_refused(vectors):
    for body in vectors["checkpoint_bodies_bad"]:
        with pytest.raises(CheckpointError):
            checkpoints.parse(body)


@pytest.mark.parametrize("size", ["", "01", "+1", "1_0", " 1", "\uff11", "-0", "1.0", str(2**63)])
def test_a_size_that_is_not_plain_decimal_is_refused(size):
    with pytest.raises(CheckpointError, match="second line"):
        checkpoints.parse(f"origin\n{size or '-'}\nAAAA\n")


def test_a_root_has_one_spelling():
    with pytest.raises(CheckpointError, match="third line"):
        checkpoints.parse("origin\n1\nAB==\n")


def test_it_opens_with_the_chains_key_and_counts_known_witnesses():
    note = checkpoints.sign(HEAD, [CHAIN])
    note = note.with_signatures([WITNESS.sign(note.text, NOON), OTHER.sign(note.text, NOON)])

    opened = checkpoints.open_signed(str(note), [CHAIN.verifier], [WITNESS.verifier])

    assert opened.checkpoint == HEAD
    assert [signature.name for signature in opened.cosigned] == ["witness"]
    assert note.with_signatures(note.signatures) == note


def test_a_cosignature_alone_is_not_enough():
    note = notes.Note(HEAD.body, (WITNESS.sign(HEAD.body, NOON),))

    with pytest.raises(NoteError, match="None of the known keys"):
        checkpoints.open_signed(str(note), [CHAIN.verifier], [WITNESS.verifier])


def test_a_wrong_cosignature_of_a_known_witness_refuses_the_checkpoint():
    note = checkpoints.sign(HEAD, [CHAIN]).with_signatures([WITNESS.sign("another\n", NOON)])

    with pytest.raises(NoteError, match="wrong"):
        checkpoints.open_signed(str(note), [CHAIN.verifier], [WITNESS.verifier])


def test_a_signed_text_that_is_no_checkpoint_is_refused():
    note = notes.sign("hello\n", [CHAIN])

    with pytest.raises(CheckpointError):
        checkpoints.open_signed(str(note), [CHAIN.verifier])
