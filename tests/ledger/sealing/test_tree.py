"""The tree equals the recursion of RFC 6962, another implementation and foreign vectors; each proof verifies, no other does."""

import base64
import json

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.sealing import tree
from ledger.sealing.tree import Frontier, Node
from tests.ledger.sealing import naive

ENTRIES = [str(number).encode() for number in range(300)]
LEAVES = [tree.leaf_hash(entry) for entry in ENTRIES]


def reader(leaves, reads=None):
    def node_hashes(nodes):
        if reads is not None:
            reads.append(list(nodes))
        return [tree.root(leaves[node.start : node.end]) for node in nodes]

    return node_hashes


def flipped(raw, bit):
    return raw[: bit // 8] + bytes((raw[bit // 8] ^ 1 << bit % 8,)) + raw[bit // 8 + 1 :]


@pytest.mark.parametrize("size", [*range(70), 127, 128, 129, 255, 256, 257, 300])
def test_its_root_is_that_of_the_recursion(size):
    assert tree.root(LEAVES[:size]) == naive.root(ENTRIES[:size])
    assert tree.fold(reader(LEAVES)(tree.decompose(0, size))) == naive.root(ENTRIES[:size])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 33, 64, 65])
def test_its_proofs_are_those_of_the_recursion(size):
    for index in range(size):
        assert tree.inclusion_proof(index, size, reader(LEAVES)) == naive.path(index, ENTRIES[:size])
    for old in range(1, size + 1):
        assert tree.consistency_proof(old, size, reader(LEAVES)) == naive.subproof(old, ENTRIES[:size])


@pytest.fixture(scope="module")
def stranger():
    other = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in ENTRIES:
        other.append_entry(entry)
    return other


@pytest.mark.parametrize("size", [1, 2, 3, 6, 31, 32, 33, 100, 255, 256, 300])
def test_an_independent_implementation_agrees_on_root_and_inclusion(stranger, size):
    assert tree.root(LEAVES[:size]) == stranger.get_root(size)

    for index in range(0, size, 1 + size // 40):
        theirs = stranger.prove_inclusion(index + 1, size)
        ours = tree.inclusion_proof(index, size, reader(LEAVES))
        root = stranger.get_root(size)
        # Theirs lists the leaf and its path from left to right; both hash to the same root.
        assert sorted(theirs.path) == sorted([LEAVES[index], *ours])
        assert theirs.compute_root() == root
        assert tree.verify_inclusion(leaf=LEAVES[index], index=index, size=size, proof=ours, root=root)


@pytest.mark.parametrize("size", [2, 3, 8, 31, 32, 33, 100, 300])
def test_an_independent_implementation_agrees_on_consistency(stranger, size):
    for old in range(1, size, 1 + size // 40):
        theirs = stranger.prove_consistency(old, size)
        ours = tree.consistency_proof(old, size, reader(LEAVES))
        old_root, new_root = theirs.retrieve_prior_state(), theirs.compute_root()
        assert (old_root, new_root) == (tree.root(LEAVES[:old]), tree.root(LEAVES[:size]))
        assert tree.verify_consistency(old=old, old_root=old_root, new=size, new_root=new_root, proof=ours)


@given(blocks=st.lists(st.lists(st.binary(max_size=40), max_size=40), max_size=12))
def test_appending_blocks_gives_the_tree_of_all_entries(blocks):
    frontier, stored, entries = Frontier(), {}, []

    for block in blocks:
        frontier, grown = frontier.append([tree.leaf_hash(entry) for entry in block])
        entries += block
        for level, first, hashes in grown:
            for index, hashed in enumerate(hashes, first):
                assert (level, index) not in stored
                stored[level, index] = hashed
        assert frontier.size == len(entries)
        assert frontier.root == naive.root(entries)

    leaves = [tree.leaf_hash(entry) for entry in entries]
    complete = {(level, index) for level in range(12) for index in range(len(entries) >> level)}
    assert set(stored) == complete
    for level, index in complete:
        node = Node(level, index)
        assert stored[level, index] == tree.root(leaves[node.start : node.end])


@given(st.data())
def test_every_proof_verifies_and_no_single_bit_may_change(data):
    size = data.draw(st.integers(1, 300))
    index = data.draw(st.integers(0, size - 1))
    root = tree.root(LEAVES[:size])
    proof = tree.inclusion_proof(index, size, reader(LEAVES))
    claim = {"leaf": LEAVES[index], "index": index, "size": size, "proof": proof, "root": root}

    assert tree.verify_inclusion(**claim)
    bit = data.draw(st.integers(0, 255))
    assert not tree.verify_inclusion(**claim | {"leaf": flipped(LEAVES[index], bit)})
    assert not tree.verify_inclusion(**claim | {"root": flipped(root, bit)})
    assert not tree.verify_inclusion(**claim | {"proof": [*proof, LEAVES[0]]})
    assert not tree.verify_inclusion(
        **claim | {"index": data.draw(st.integers(-1, size).filter(lambda other: other != index))}
    )
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        assert not tree.verify_inclusion(
            **claim | {"proof": [*proof[:place], flipped(proof[place], bit), *proof[place + 1 :]]}
        )
        assert not tree.verify_inclusion(**claim | {"proof": proof[:place] + proof[place + 1 :]})


@given(st.data())
def test_every_consistency_verifies_and_no_single_bit_may_change(data):
    new = data.draw(st.integers(1, 300))
    old = data.draw(st.integers(1, new))
    old_root, new_root = tree.root(LEAVES[:old]), tree.root(LEAVES[:new])
    proof = tree.consistency_proof(old, new, reader(LEAVES))
    claim = {"old": old, "old_root": old_root, "new": new, "new_root": new_root, "proof": proof}

    assert tree.verify_consistency(**claim)
    bit = data.draw(st.integers(0, 255))
    assert not tree.verify_consistency(**claim | {"old_root": flipped(old_root, bit)})
    assert not tree.verify_consistency(**claim | {"new_root": flipped(new_root, bit)})
    assert not tree.verify_consistency(**claim | {"proof": [*proof, LEAVES[0]]})
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        assert not tree.verify_consistency(
            **claim | {"proof": [*proof[:place], flipped(proof[place], bit), *proof[place + 1 :]]}
        )
        assert not tree.verify_consistency(**claim | {"proof": proof[:place] + proof[place + 1 :]})


def test_a_fork_has_no_consistency_proof():
    fork = [*LEAVES[:40], tree.leaf_hash(b"other"), *LEAVES[41:100]]

    for proof in (tree.consistency_proof(60, 100, reader(LEAVES)), tree.consistency_proof(60, 100, reader(fork))):
        roots = {"old_root": tree.root(LEAVES[:60]), "new_root": tree.root(fork)}
        assert not tree.verify_consistency(old=60, new=100, proof=proof, **roots)


def test_everything_follows_from_nothing_and_only_with_an_empty_proof():
    nothing = {"old": 0, "old_root": tree.EMPTY_ROOT, "new": 5, "new_root": tree.root(LEAVES[:5])}

    assert tree.consistency_proof(0, 5, reader(LEAVES)) == []
    assert tree.verify_consistency(**nothing, proof=[])
    assert not tree.verify_consistency(**nothing, proof=[LEAVES[0]])
    assert not tree.verify_consistency(**nothing | {"old_root": LEAVES[0]}, proof=[])
    assert not tree.verify_consistency(old=6, old_root=LEAVES[0], new=5, new_root=LEAVES[0], proof=[])


def test_a_proof_reads_once_and_few_nodes():
    reads = []

    tree.inclusion_proof(123, 300, reader(LEAVES, reads))
    tree.consistency_proof(123, 300, reader(LEAVES, reads))

    assert len(reads) == 2
    assert all(len(nodes) <= 2 * 9 for nodes in reads)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 1), (0, 13), (5, 6), (5, 13), (3, 300), (256, 300)])
def test_decomposing_covers_exactly_the_range(start, end):
    nodes = tree.decompose(start, end)

    assert [leaf for node in nodes for leaf in range(node.start, node.end)] == list(range(start, end))
    assert len(nodes) <= 2 * max(1, (end - start).bit_length())


def test_a_frontier_of_another_size_is_refused():
    with pytest.raises(ValueError, match="complete subtrees"):
        Frontier(3, (LEAVES[0],))


@pytest.mark.foreign
def test_the_roots_of_the_tree_of_eight_leaves(foreign_data):
    vectors = json.loads((foreign_data / "merkle" / "rfc6962_tree8.json").read_text())
    leaves = [tree.leaf_hash(bytes.fromhex(entry)) for entry in vectors["leaf_inputs_hex"]]
    single, pair = vectors["single_hashes"]

    assert [tree.root(leaves[:size]).hex() for size in range(9)] == vectors["roots_hex_by_size"]
    assert tree.leaf_hash(single["leaf"].encode()).hex() == single["hash_hex"]
    assert tree.node_hash(pair["left"].encode(), pair["right"].encode()).hex() == pair["hash_hex"]


@pytest.mark.foreign
def test_every_vector_of_inclusion_is_accepted_or_refused_as_it_says(foreign_data):
    files = [path for path in sorted((foreign_data / "merkle" / "inclusion").rglob("*")) if path.is_file()]
    assert len(files) > 50

    for file in files:
        vector = json.loads(file.read_text())
        accepted = tree.verify_inclusion(
            leaf=base64.b64decode(vector["leafHash"]),
            index=vector["leafIdx"],
            size=vector["treeSize"],
            proof=[base64.b64decode(hashed) for hashed in vector["proof"] or []],
            root=base64.b64decode(vector["root"] or ""),
        )
        assert accepted is not vector["wantErr"], file.name
