"""A chain in memory for the tests of what a stranger holds in hand: leaves, checkpoints, proofs, receipts, a folder of tiles."""

import json
from dataclasses import dataclass, field

from ledger.sealing import checkpoints, export, tree
from ledger.sealing.checkpoints import Checkpoint
from ledger.sealing.notes import Signer
from ledger.sealing.receipts import Receipt

ORIGIN = "ledger.example.com/main/1"


def header(place: int, *, count: int = 0, totals: tuple[dict[str, str], ...] = (), **more: str) -> bytes:
    """The header of a block with so many operations behind it."""
    told = {"count": str(count), "previous_size": str(place), "totals": totals, "type": "block"}
    return json.dumps(told | more, separators=(",", ":"), sort_keys=True).encode()


@dataclass
class Chain:
    """`count` leaves, each an empty block, signed by `signer`."""

    count: int
    origin: str = ORIGIN
    signer: Signer = field(default_factory=lambda: Signer.generate(ORIGIN))

    def __post_init__(self):
        self.entries = [header(number, operation=str(number)) for number in range(self.count)]

    @property
    def hashes(self):
        return [tree.leaf_hash(entry) for entry in self.entries]

    def node_hashes(self, nodes):
        hashes = self.hashes
        return [tree.root(hashes[node.start : node.end]) for node in nodes]

    def head(self, size=None):
        size = len(self.entries) if size is None else size
        return Checkpoint(self.origin, size, tree.root(self.hashes[:size]))

    def checkpoint(self, size=None):
        return checkpoints.sign(self.head(size), [self.signer])

    def consistency(self, old, new):
        return tree.consistency_proof(old, new, self.node_hashes)

    def receipt(self, index, size=None):
        head = self.head(size)
        proof = tree.inclusion_proof(index, head.size, self.node_hashes)
        return Receipt(self.entries[index], index, tuple(proof), str(self.checkpoint(size)))

    def export(self, folder, size=None):
        return export.export(
            folder=folder,
            note=self.checkpoint(size),
            node_hashes=self.node_hashes,
            leaves=lambda start, end: self.entries[start:end],
        )
