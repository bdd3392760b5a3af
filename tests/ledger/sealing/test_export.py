"""The folder of tiles: it grows with the chain, costs what is new, and refuses to hold two histories."""

import pytest

from ledger.sealing import export as exporting
from ledger.sealing import tiles
from ledger.sealing.export import ExportError
from tests.ledger.sealing.chain import Chain


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_writes_the_tiles_the_bundles_and_the_checkpoint(tmp_path):
    chain = Chain(600)

    written = chain.export(tmp_path)

    held = files(tmp_path)
    assert set(held) == {
        "checkpoint",
        *(f"tile/0/{place}" for place in ("000", "001", "002.p/88")),
        *(f"tile/entries/{place}" for place in ("000", "001", "002.p/88")),
        "tile/1/000.p/2",
    }
    assert written == len(held)
    assert tiles.decode_bundle(held["tile/entries/002.p/88"]) == chain.entries[512:]


def test_growing_gives_the_same_files_and_writes_only_what_is_new(tmp_path):
    chain = Chain(1_000)

    for size in (0, 1, 255, 256, 257, 700, 700):
        chain.export(tmp_path / "grown", size)
    written = chain.export(tmp_path / "grown")
    chain.export(tmp_path / "whole")

    grown, whole = files(tmp_path / "grown"), files(tmp_path / "whole")
    assert {path: grown[path] for path in whole} == whole
    assert written == 2 * 2 + 1 + 1  # tiles and bundles 2 and 3, one partial tile above, the checkpoint


def test_a_run_that_was_cut_is_taken_up(tmp_path):
    chain = Chain(600)
    chain.export(tmp_path)
    (tmp_path / "checkpoint").unlink()
    (tmp_path / "tile/1/000.p/2").unlink()

    assert chain.export(tmp_path) == 2


@pytest.mark.parametrize("other", [Chain(600), Chain(300), Chain(700, origin="ledger.example.com/main/2")])
def test_a_folder_of_another_history_is_left_alone(tmp_path, other):
    first = Chain(400)
    first.entries[7] = b"first"
    first.export(tmp_path)
    before = files(tmp_path)

    with pytest.raises(ExportError, match="not the beginning"):
        other.export(tmp_path)

    assert files(tmp_path) == before


def test_hashes_that_do_not_lead_to_the_checkpoint_are_told(tmp_path):
    chain = Chain(10)
    note = chain.checkpoint()
    chain.entries[3] = b"changed"

    with pytest.raises(ExportError, match="do not lead"):
        exporting.export(folder=tmp_path, note=note, node_hashes=chain.node_hashes, leaves=lambda *_: [])
    with pytest.raises(ExportError, match="0 were found"):
        exporting.export(folder=tmp_path, note=chain.checkpoint(), node_hashes=chain.node_hashes, leaves=lambda *_: [])
