"""The ledger asks real witnesses: it gets a cosignature, learns what they remember, and is told when it went back."""

import httpx
import pytest

from ledger.sealing import witnessing
from ledger.sealing.notes import COSIGNATURE, Signer
from ledger.sealing.witness import Witness
from ledger.sealing.witnessing import WitnessAway, WitnessContradicts
from tests.ledger.sealing.chain import ORIGIN
from tests.ledger.sealing.test_witness import FORK, HONEST, served


@pytest.fixture
def witness(tmp_path):
    witness = Witness.create(folder=tmp_path / "witness", name="witness.example.com")
    witness.trust(origin=ORIGIN, vkey=HONEST.signer.verifier.vkey)
    return witness


@pytest.fixture
def ask(witness):
    with served(witness) as url:

        def ask(chain, size, old_size=0):
            return witnessing.cosign(
                url=url,
                witness=witness.signer.verifier,
                note=chain.checkpoint(size),
                old_size=old_size,
                prove=chain.consistency,
            )

        yield ask


def test_it_gets_a_cosignature_whatever_it_knew(ask):
    for size, old_size in ((10, 0), (60, 10), (60, 60), (90, 0), (120, 10)):
        assert ask(HONEST, size, old_size).name == "witness.example.com"


@pytest.mark.parametrize(
    ("chain", "size", "old_size", "said"),
    [
        (HONEST, 60, 0, "has 60"),
        (FORK, 90, 0, "another root"),
        (FORK, 90, 90, "another root"),
        (FORK, 120, 90, "beginning"),
    ],
)
def test_a_ledger_that_went_back_is_told(ask, chain, size, old_size, said):
    ask(HONEST, 90)

    with pytest.raises(WitnessContradicts, match=said):
        ask(chain, size, old_size)


def test_a_witness_that_does_not_know_the_chain_or_is_away_costs_only_its_cosignature(ask, witness):
    with pytest.raises(WitnessAway, match="404"):
        ask(type(HONEST)(5, origin="other"), 5)
    with pytest.raises(WitnessAway, match="ConnectError"):
        witnessing.cosign(
            url="http://127.0.0.1:9",
            witness=witness.signer.verifier,
            note=HONEST.checkpoint(),
            old_size=0,
            prove=HONEST.consistency,
        )


@pytest.mark.parametrize("status", [200, 409, 302, 500])
@pytest.mark.parametrize("body", [b"", b"hello\n", b"\xff", b"-1\n", b"9" * 30, b"x" * 2_000_000])
def test_an_answer_that_no_witness_gives_is_not_believed(monkeypatch, witness, status, body):
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
    monkeypatch.setattr(httpx, "stream", lambda *a, **_: httpx.Client(transport=transport).stream(*a))

    with pytest.raises(WitnessAway):
        witnessing.cosign(
            url="http://witness.example.com/",
            witness=witness.signer.verifier,
            note=HONEST.checkpoint(),
            old_size=0,
            prove=HONEST.consistency,
        )


def test_a_cosignature_by_another_key_is_not_believed(witness):
    pinned = Signer.generate("witness.example.com", COSIGNATURE).verifier

    with served(witness) as url, pytest.raises(WitnessAway, match="right cosignature"):
        witnessing.cosign(url=url, witness=pinned, note=HONEST.checkpoint(), old_size=0, prove=HONEST.consistency)
