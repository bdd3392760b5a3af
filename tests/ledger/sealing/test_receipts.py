"""Receipts: what was built is read back, and whatever is changed afterwards is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.sealing import checkpoints, receipts, tree
from ledger.sealing.checkpoints import Checkpoint
from ledger.sealing.notes import Signer
from ledger.sealing.receipts import Receipt, ReceiptError

CHAIN = Signer.generate("host/main")
ENTRIES = [f'{{"operation":"{number}"}}'.encode() for number in range(40)]
LEAVES = [tree.leaf_hash(entry) for entry in ENTRIES]


def receipt_of(index, size=40):
    proof = tree.inclusion_proof(
        index, size, lambda nodes: [tree.root(LEAVES[node.start : node.end]) for node in nodes]
    )
    head = Checkpoint("host/main/1", size, tree.root(LEAVES[:size]))
    return Receipt(ENTRIES[index], index, tuple(proof), str(checkpoints.sign(head, [CHAIN])))


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 40), (39, 40), (17, 33)])
def test_a_receipt_is_read_back_and_verifies(index, size):
    receipt = receipt_of(index, size)

    assert receipts.parse(str(receipt)) == receipt
    assert receipts.verify(receipt, [CHAIN.verifier]).checkpoint.size == size


def test_its_text_has_the_lines_of_the_format():
    lines = str(receipt_of(5, 6)).split("\n")

    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1].startswith("extra ")
    assert lines[2] == "index 5"
    assert lines[5:7] == ["", "host/main/1"]


@given(st.data())
def test_no_single_bit_of_a_receipt_may_change(data):
    receipt = receipt_of(17)
    raw = bytearray(str(receipt).encode())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 6))

    with pytest.raises(ReceiptError):
        receipts.verify(receipts.parse(raw.decode("utf-8", "replace")), [CHAIN.verifier])


def test_another_key_is_told():
    with pytest.raises(ReceiptError, match="None of the known keys"):
        receipts.verify(receipt_of(3), [Signer.generate("host/main").verifier])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("extra ", "other "),
        ("index 17", "index 017"),
        ("index 17", "index -17"),
        ("index 17", "index " + "1" * 5000),
        ("index 17", "index ²"),
        ("index 17\n", "index 17\nAAAA\n"),
        ("index 17\n", "index 17\n" + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 64),
        ("\n\n", "\n"),
    ],
)
def test_a_malformed_receipt_is_refused(old, new):
    with pytest.raises(ReceiptError):
        receipts.parse(str(receipt_of(17)).replace(old, new))
