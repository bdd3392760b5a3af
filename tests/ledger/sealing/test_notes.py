"""Signed notes, byte for byte as their vectors; a wrong signature of a known key refuses the note, an unknown key is ignored."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.sealing import notes
from ledger.sealing.notes import COSIGNATURE, KeyTextError, NoteError, Signer, Verifier

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANNA, BERT = Signer.generate("example.com/anna"), Signer.generate("example.com/bert")
WITNESS = Signer.generate("example.com/witness", COSIGNATURE)


@pytest.fixture(scope="module")
def vectors(foreign_data):
    return json.loads((foreign_data / "notes" / "signed_note_vectors.json").read_text(encoding="utf-8"))


@pytest.mark.foreign
def test_the_golden_note_is_made_byte_for_byte(vectors):
    keys = {key["name"]: key for key in vectors["keys"]}
    golden = vectors["signatures"]["PeterNeumann"]
    expected = f"{vectors['text']}\n— PeterNeumann {golden}\n"

    note = notes.sign(vectors["text"], [Signer.parse(keys["PeterNeumann"]["skey"])])

    assert str(note) == expected
    assert notes.verify(notes.parse(expected), [Verifier.parse(keys["PeterNeumann"]["vkey"])])


@pytest.mark.foreign
def test_the_golden_note_of_two_signatures_is_read(vectors):
    keys = {key["name"]: Verifier.parse(key["vkey"]) for key in vectors["keys"]}
    lines = "".join(f"— {name} {signature}\n" for name, signature in vectors["signatures"].items())
    note = notes.parse(f"{vectors['text']}\n{lines}")

    both = notes.verify(note, [keys["PeterNeumann"], keys["EnochRoot"], keys["Unknown"]])

    assert [signature.name for signature in both] == ["PeterNeumann", "EnochRoot"]
    assert len(notes.verify(note, [keys["EnochRoot"]])) == 1
    with pytest.raises(NoteError, match="None of the known keys"):
        notes.verify(note, [keys["Unknown"]])


@pytest.mark.foreign
def test_every_key_is_read_and_written_as_it_was_and_bad_ones_are_refused(vectors):
    for key in vectors["keys"]:
        assert Verifier.parse(key["vkey"]).vkey == key["vkey"]
        if "skey" in key:
            assert Signer.parse(key["skey"]).text == key["skey"]
            assert Signer.parse(key["skey"]).verifier.vkey == key["vkey"]

    for bad in vectors["bad_vkeys"]:
        with pytest.raises(KeyTextError):
            Verifier.parse(bad)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        "na me+00000000+AQ==",
        "name+00000000+AQ==",
        ANNA.verifier.vkey[:-4],
        "x" + ANNA.verifier.vkey,
    ],
    ids=range(7),
)
def test_a_malformed_public_key_is_refused(text):
    with pytest.raises(KeyTextError):
        Verifier.parse(text)


def test_a_malformed_private_key_is_refused_without_being_repeated():
    text = ANNA.text[:-3]

    with pytest.raises(KeyTextError) as told:
        Signer.parse(text)

    assert text[-20:] not in str(told.value)
    assert text[-20:] not in repr(ANNA)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.data())
def test_any_text_survives_and_no_single_bit_of_a_signature_may_change(text, data):
    text = f"{text}\n"
    note = notes.sign(text, [ANNA, BERT])
    bit = data.draw(st.integers(0, 511))
    raw = bytearray(note.signatures[0].raw)
    raw[bit // 8] ^= 1 << bit % 8
    changed = notes.Signature(ANNA.verifier.name, ANNA.verifier.key_id, bytes(raw))

    assert notes.parse(str(note)) == note
    assert len(notes.verify(note, [ANNA.verifier, BERT.verifier])) == 2
    with pytest.raises(NoteError, match="wrong"):
        notes.verify(notes.Note(text, (changed, note.signatures[1])), [ANNA.verifier, BERT.verifier])
    with pytest.raises(NoteError, match="wrong"):
        notes.verify(notes.Note("x" + text, note.signatures), [BERT.verifier])


def test_a_text_with_empty_lines_is_split_at_the_last():
    note = notes.sign("one\n\ntwo\n\n\n", [ANNA])

    assert notes.parse(str(note)).text == "one\n\ntwo\n\n\n"


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        f"text\n{notes.sign('text' + chr(10), [ANNA]).signatures[0].line}",
        str(notes.sign("text\n", [ANNA])).rstrip("\n"),
        str(notes.sign("text\n", [ANNA])).replace("— ", "- "),
        str(notes.sign("text\n", [ANNA])) + "\n",
        "text\n\n— a b\n",
        "text\n\n— a AAAAAA==\n",
        "text\n\n— a+b AAAAAAAA\n",
        "te\txt\n\n— a AAAAAAAA\n",
        "te\ud800xt\n\n— a AAAAAAAA\n",
        "text\n\n" + "— a AAAAAAAA\n" * 101,
    ],
)
def test_what_is_not_a_note_is_refused(note):
    with pytest.raises(NoteError):
        notes.parse(note)


def test_a_key_that_shares_only_its_name_is_unknown():
    other = Signer.generate(ANNA.verifier.name)
    note = notes.sign("text\n", [other, ANNA])

    assert notes.verify(note, [ANNA.verifier]) == (note.signatures[1],)
    with pytest.raises(NoteError, match="None of the known keys"):
        notes.verify(notes.sign("text\n", [other]), [ANNA.verifier])


def test_a_cosignature_signs_its_time_too():
    signature = WITNESS.sign("text\n", NOON)
    later = notes.Signature(
        signature.name, signature.key_id, (signature.cosigned_at_seconds + 1).to_bytes(8) + signature.raw[8:]
    )

    assert signature.cosigned_at_seconds == int(NOON.timestamp())
    assert WITNESS.verifier.accepts("text\n", signature)
    assert not WITNESS.verifier.accepts("text\n", later)
    assert Verifier.parse(WITNESS.verifier.vkey) == WITNESS.verifier
    assert Signer.parse(WITNESS.text).verifier == WITNESS.verifier
    with pytest.raises(ValueError, match="time"):
        WITNESS.sign("text\n")


def test_one_key_pair_has_another_id_as_a_witness():
    plain = Signer.from_private_key("example.com/witness", WITNESS.private_key)

    assert plain.verifier.key_id != WITNESS.verifier.key_id
