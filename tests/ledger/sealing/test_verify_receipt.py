"""The verifier that a stranger holds: alone in an empty folder it says yes to what is so, and never to anything else."""

import ast
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.sealing import tree, verify_receipt
from ledger.sealing.notes import COSIGNATURE, Signer
from ledger.sealing.verify_receipt import OK, TAMPERED, UNCHECKED
from tests.ledger.sealing.chain import Chain, header

FILE = Path(verify_receipt.__file__)
CHAIN = Chain(300)
KEY = CHAIN.signer.verifier.vkey
OTHER = Signer.generate(CHAIN.origin)
WITNESS = Signer.generate("witness.example.com", COSIGNATURE)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEAVES = CHAIN.hashes


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    """Run a command in a folder with the given files; return the exit status and what was said."""
    monkeypatch.chdir(tmp_path)

    def ask(*arguments, **files):
        for name, content in files.items():
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else str(content).encode())
        status = verify_receipt.main([str(argument) for argument in arguments])
        return status, capsys.readouterr().out

    return ask


def test_a_receipt_is_explained(ask):
    status, said = ask("receipt", "r", "--key", KEY, "--leaf", r=CHAIN.receipt(17))

    assert status == OK
    assert '"operation": "17"' in said
    assert "IT IS SO" in said
    assert "leaf 17 of 300" in said


def test_it_runs_alone_in_an_empty_folder(tmp_path):
    (tmp_path / "verify_receipt.py").write_bytes(FILE.read_bytes())
    (tmp_path / "r").write_text(str(CHAIN.receipt(17)), encoding="utf-8")
    (tmp_path / "key").write_text(KEY + "\n", encoding="utf-8")
    command = [sys.executable, "-I", "verify_receipt.py", "receipt", "r", "--key", "@key"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (OK, "")


def test_it_imports_the_standard_library_and_cryptography_only():
    nodes = ast.walk(ast.parse(FILE.read_text(encoding="utf-8")))
    imported = [
        name.split(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    ]

    assert {name for name in imported if name not in sys.stdlib_module_names} == {"cryptography"}


def test_without_cryptography_it_cannot_check(ask, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)

    status, said = ask("receipt", "r", "--key", KEY, r=CHAIN.receipt(17))

    assert (status, "signatures need" in said) == (UNCHECKED, True)


@pytest.mark.parametrize("keys", [[], ["--witness", WITNESS.verifier.vkey]], ids=["none", "only a witness's"])
def test_without_a_key_it_cannot_check(ask, keys):
    status, said = ask("receipt", "r", *keys, r=CHAIN.receipt(17))

    assert (status, "no public key" in said) == (UNCHECKED, True)


@pytest.mark.parametrize(
    "key",
    ["", "x", KEY[:-2], "y" + KEY, WITNESS.verifier.vkey],
    ids=["none", "a letter", "cut", "longer", "a witness's"],
)
def test_a_key_of_another_kind_is_no_key(ask, key):
    assert ask("receipt", "r", "--key", key, r=CHAIN.receipt(17))[0] == UNCHECKED


def test_another_key_has_not_signed(ask):
    status, said = ask("receipt", "r", "--key", OTHER.verifier.vkey, r=CHAIN.receipt(17))

    assert (status, "no given key" in said) == (TAMPERED, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"leaf": CHAIN.entries[17].replace(b"17", b"18")}, "does not lead to the root"),
        ({"index": 18}, "does not lead to the root"),
        ({"index": 300}, "does not lead to the root"),
        ({"proof": CHAIN.receipt(18).proof}, "does not lead to the root"),
        ({"proof": CHAIN.receipt(17).proof[1:]}, "does not lead to the root"),
        ({"checkpoint": str(CHAIN.checkpoint(200))}, "does not lead to the root"),
    ],
)
def test_whatever_was_changed_in_a_receipt_is_told(ask, change, said):
    receipt = type(CHAIN.receipt(17))(**vars(CHAIN.receipt(17)) | change)

    status, words = ask("receipt", "r", "--key", KEY, r=receipt)

    assert (status, said in words) == (TAMPERED, True)


def test_a_checkpoint_changed_with_its_record_has_a_wrong_signature(ask):
    forged = Chain(300, signer=OTHER)
    forged.entries[17] = b'{"operation":"17","outcome":"forged"}'
    body, gap, _ = forged.receipt(17).checkpoint.rpartition("\n\n")
    note = body + gap + CHAIN.checkpoint().signatures[0].line
    receipt = type(forged.receipt(17))(**vars(forged.receipt(17)) | {"checkpoint": note})

    status, said = ask("receipt", "r", "--key", KEY, r=receipt)

    assert (status, "changed after it was signed" in said) == (TAMPERED, True)


@given(st.data())
def test_no_single_bit_of_a_receipt_may_change(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bit") / "r"
    raw = bytearray(str(CHAIN.receipt(data.draw(st.integers(0, 299)))).encode())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(raw)

    assert verify_receipt.main(["receipt", str(path), "--key", KEY]) in {TAMPERED, UNCHECKED}


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe", b"c2sp.org/tlog-proof@v1\n", str(CHAIN.checkpoint())])
def test_what_is_no_receipt_cannot_be_checked(ask, content):
    assert ask("receipt", "r", "--key", KEY, r=content)[0] == UNCHECKED
    assert ask("receipt", "absent", "--key", KEY)[0] == UNCHECKED


def test_the_origin_may_be_demanded(ask):
    assert ask("receipt", "r", "--key", KEY, "--origin", CHAIN.origin, r=CHAIN.receipt(1))[0] == OK
    assert ask("receipt", "r", "--key", KEY, "--origin", "other")[0] == TAMPERED


def test_witnesses_count_when_they_are_asked_for(ask):
    plain = CHAIN.receipt(17)
    note = CHAIN.checkpoint()
    cosigned = str(note.with_signatures([WITNESS.sign(note.text, NOON)]))
    seen = type(plain)(**vars(plain) | {"checkpoint": cosigned})
    witness = ("--witness", WITNESS.verifier.vkey)

    status, said = ask("receipt", "seen", "--key", KEY, *witness, seen=seen, plain=plain)
    assert (status, "2026-01-01 12:00:00+00:00" in said) == (OK, True)
    assert ask("receipt", "plain", "--key", KEY, *witness)[0] == TAMPERED
    assert ask("receipt", "plain", "--key", KEY, *witness, "--witnesses", 0)[0] == OK


def test_a_terminal_is_not_confused_by_a_record(ask):
    chain = Chain(3, signer=CHAIN.signer)
    chain.entries[1] = b"\x1b[2J{not json"

    status, said = ask("receipt", "r", "--key", KEY, "--leaf", r=chain.receipt(1))

    assert (status, "\x1b" in said) == (OK, False)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 7), (1, 300), (128, 300), (299, 300), (300, 300)])
def test_growth_is_so(ask, old, new):
    proof = [*map(verify_receipt.base64.b64encode, CHAIN.consistency(old, new))]
    lines = b"\n".join(proof)
    answer = json.dumps({"from": old, "to": new, "proof": [line.decode() for line in proof]})
    files = {"old": CHAIN.checkpoint(old), "new": CHAIN.checkpoint(new), "lines": lines, "answer": answer}

    for name in ("lines", "answer"):
        assert ask("consistency", "old", "new", "--key", KEY, "--proof", name, **files)[0] == OK


def test_the_ledgers_answers_are_read_as_they_come(ask):
    receipt = json.dumps({"status": "sealed", "receipt": str(CHAIN.receipt(17)), "checkpoint": str(CHAIN.checkpoint())})
    pending = json.dumps({"status": "pending", "receipt": None, "checkpoint": None})

    assert ask("receipt", "answer", "--key", KEY, answer=receipt)[0] == OK
    assert ask("consistency", "answer", "answer", "--key", KEY)[0] == OK
    status, said = ask("receipt", "answer", "--key", KEY, answer=pending)
    assert (status, "no receipt (yet)" in said) == (UNCHECKED, True)
    assert ask("receipt", "answer", "--key", KEY, answer="{" * 100_000)[0] == UNCHECKED


def test_receipts_have_checkpoints_to_compare(ask):
    assert ask("consistency", "a", "b", "--key", KEY, a=CHAIN.receipt(1), b=CHAIN.checkpoint())[0] == OK


def test_a_changed_history_has_no_growth(ask):
    fork = Chain(300, signer=CHAIN.signer)
    fork.entries[17] = b"another"
    proof = b"\n".join(map(verify_receipt.base64.b64encode, fork.consistency(200, 300)))
    files = {"old": CHAIN.checkpoint(200), "new": fork.checkpoint(), "proof": proof, "same": fork.checkpoint(200)}

    status, said = ask("consistency", "old", "new", "--key", KEY, "--proof", "proof", **files)
    assert (status, "does not join" in said) == (TAMPERED, True)
    assert ask("consistency", "old", "new", "--key", KEY)[0] == UNCHECKED
    status, said = ask("consistency", "old", "same", "--key", KEY)
    assert (status, "history was forked" in said) == (TAMPERED, True)
    status, said = ask("consistency", "new", "old", "--key", KEY)
    assert (status, "the chain was cut" in said) == (UNCHECKED, True)


def test_chains_of_two_origins_are_not_compared(ask):
    other = Chain(300, origin="ledger.example.com/main/2", signer=CHAIN.signer)

    status, said = ask("consistency", "a", "b", "--key", KEY, a=CHAIN.checkpoint(), b=other.checkpoint())

    assert (status, "different chains" in said) == (UNCHECKED, True)


@pytest.mark.parametrize("proof", ["{", "{}", '{"proof": 7}', "[1]", "AAAA", "é"])
def test_what_is_no_proof_cannot_be_checked(ask, proof):
    files = {"old": CHAIN.checkpoint(3), "new": CHAIN.checkpoint(), "proof": proof}

    assert ask("consistency", "old", "new", "--key", KEY, "--proof", "proof", **files)[0] == UNCHECKED


@pytest.mark.parametrize("size", [0, 1, 256, 257, 300])
def test_a_whole_folder_is_so(ask, tmp_path, size):
    CHAIN.export(tmp_path / "chain", size)

    assert ask("export", "chain", "--key", KEY)[0] == OK


def test_a_long_leaf_is_found_in_its_own_file(ask, tmp_path):
    chain = Chain(5, signer=CHAIN.signer)
    chain.entries[3] = header(3, note="x" * 70_000)
    chain.export(tmp_path / "chain")

    assert ask("export", "chain", "--key", KEY)[0] == OK


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("tile/0/000", "leaf 0 is not what its tile says"),
        ("tile/0/001.p/44", "leaf 256 is not what its tile says"),
        ("tile/1/000.p/1", "the hash 0 of level 1 is not what its tile says"),
        ("tile/entries/000", "leaf 0 is not what its tile says"),
    ],
)
def test_a_changed_file_of_a_folder_is_named(ask, tmp_path, path, said):
    CHAIN.export(tmp_path / "chain")
    file = tmp_path / "chain" / path
    raw = bytearray(file.read_bytes())
    raw[5] ^= 1
    file.write_bytes(raw)

    status, words = ask("export", "chain", "--key", KEY)

    assert (status, said in words) == (TAMPERED, True)


SUMS = {"unit": "EUR", "exponent": "2", "entries": "3", "increments": "700", "decrements": "500"}
RECORDS = [
    b'{"entries":[{"amount":"500","unit":"EUR"},{"amount":"-500","unit":"EUR"}],"type":"operation"}',
    b'{"entries":[{"amount":"200","unit":"EUR"}],"type":"operation"}',
    b'{"entries":[],"type":"operation"}',
]


@pytest.mark.parametrize(
    ("leaves", "status", "said"),
    [
        ([header(0), header(1, count=3, totals=(SUMS,)), *RECORDS, header(5)], OK, "blocks     3"),
        ([header(0, count=2, totals=(SUMS,)), *RECORDS], TAMPERED, "block 1 has 3 records"),
        ([header(0, count=3, totals=(SUMS | {"increments": "701"},)), *RECORDS], TAMPERED, "other sums"),
        ([header(0, count=3, totals=(SUMS | {"decrements": "499"},)), *RECORDS], TAMPERED, "other sums"),
        ([header(0, count=3, totals=(SUMS | {"unit": "USD"},)), *RECORDS], TAMPERED, "other sums"),
        ([header(0, count=3), *RECORDS, header(4)], TAMPERED, "other sums"),
        ([header(1)], TAMPERED, "says that it is leaf 1"),
        (RECORDS, TAMPERED, "no header"),
        ([b"no record"], UNCHECKED, "leaf 0 is no record"),
        ([b"[]"], UNCHECKED, "leaf 0 is no record"),
    ],
)
def test_a_signed_header_must_have_the_sums_of_its_records(ask, tmp_path, leaves, status, said):
    """Whoever has the key can sign anything: the records themselves must bear out what a header says."""
    chain = Chain(len(leaves), signer=CHAIN.signer)
    chain.entries[:] = leaves
    chain.export(tmp_path / "chain")

    told, words = ask("export", "chain", "--key", KEY)

    assert (told, said in words) == (status, True), words


def test_a_folder_changed_throughout_contradicts_the_checkpoint(ask, tmp_path):
    fork = Chain(300, signer=OTHER)
    fork.entries[17] = b"another"
    fork.export(tmp_path / "chain")

    status, said = ask("export", "chain", "--key", KEY)
    assert (status, "no given key" in said) == (TAMPERED, True)

    (tmp_path / "chain" / "checkpoint").write_text(str(CHAIN.checkpoint()), encoding="utf-8")
    status, said = ask("export", "chain", "--key", KEY)
    assert (status, "A leaf was changed" in said) == (TAMPERED, True)


def test_a_folder_with_a_missing_file_cannot_be_checked(ask, tmp_path):
    CHAIN.export(tmp_path / "chain")
    (tmp_path / "chain/tile/0/000").unlink()

    assert ask("export", "chain", "--key", KEY)[0] == UNCHECKED


@given(st.integers(1, 300), st.data())
def test_it_agrees_with_the_ledgers_own_verification(size, data):
    """Both are written differently (there a walk upwards, here the recursion of the definition), and must say the same."""
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    spoiled = data.draw(st.lists(st.sampled_from(LEAVES), max_size=10))
    root, old_root = tree.root(LEAVES[:size]), tree.root(LEAVES[:old])
    for proof in (tree.inclusion_proof(index, size, CHAIN.node_hashes), spoiled):
        ours = tree.verify_inclusion(leaf=LEAVES[index], index=index, size=size, proof=proof, root=root)
        assert (verify_receipt.path_root(LEAVES[index], index, size, proof) == root) is ours
    for proof in (tree.consistency_proof(old, size, CHAIN.node_hashes), spoiled):
        ours = tree.verify_consistency(old=old, old_root=old_root, new=size, new_root=root, proof=proof)
        assert (verify_receipt.growth_roots(old_root, old, size, proof) == (old_root, root)) is ours
    assert verify_receipt.tree_root(LEAVES[:size]) == root
