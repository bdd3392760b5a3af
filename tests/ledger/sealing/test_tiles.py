"""Tiles: the examples of their specification, and every node of the tree in exactly one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.sealing import tiles
from ledger.sealing.tiles import BundleError, Tile
from ledger.sealing.tree import Node


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),  # the example of c2sp.org/tlog-tiles
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 999, 255), "tile/1/999.p/255"),
        (Tile(2, 1000, 1), "tile/2/x001/000.p/1"),
    ],
)
def test_the_path_of_a_tile(tile, path):
    assert tile.path == path


def test_a_tree_of_70000_has_the_tiles_that_the_specification_counts():
    found = list(tiles.tiles(70_000))

    assert sum(tile.level == 0 and tile.width == 256 for tile in found) == 273
    partial = [(tile.level, tile.width) for tile in found if tile.width < 256]
    assert partial == [(0, 112), (1, 17), (2, 1)]
    assert sum(tile.level == 1 and tile.width == 256 for tile in found) == 1
    assert len(found) == 273 + 1 + 3


def test_a_tree_of_256_has_a_full_tile_and_one_hash_above():
    assert list(tiles.tiles(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles.tiles(0)) == []


@given(st.integers(0, 3_000), st.integers(0, 3_000))
def test_what_a_growing_tree_adds_is_what_is_new(old, more):
    before, after = set(tiles.tiles(old)), set(tiles.tiles(old + more))

    assert set(tiles.tiles(old + more, since=old)) == after - before
    nodes = [node for tile in after for node in tile.nodes]
    assert len(nodes) == len(set(nodes))
    assert {node for node in nodes if node.level == 0} == {Node(0, number) for number in range(old + more)}
    assert {node for node in nodes if node.level == 8} == {Node(8, number) for number in range((old + more) // 256)}


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=256))
def test_a_bundle_is_read_back(entries):
    assert tiles.decode_bundle(tiles.encode_bundle(entries)) == entries


def test_a_leaf_beyond_16_bits_of_length_has_its_own_file():
    long = b"x" * 65_536

    assert tiles.decode_bundle(tiles.encode_bundle([b"a", long, b"b"])) == [b"a", b"", b"b"]
    assert tiles.long_entry_path(1_234) == "tile/long/x001/234"


@pytest.mark.parametrize("raw", [b"\x00", b"\x00\x02a", b"\x00\x01ab"])
def test_a_bundle_that_was_cut_is_refused(raw):
    with pytest.raises(BundleError):
        tiles.decode_bundle(raw)
