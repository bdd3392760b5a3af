"""Heads that are given out: cosigned by a real witness, posted, made good later, and apart from sealing."""

import http.server
import logging
import threading

import pytest
from django.test import override_settings

from accounts.models import Book
from ledger.models import SealCosignature, SealPublication
from ledger.sealing import chain, checkpoints, distribution, evidence, publication, signing
from ledger.sealing.book_export import export_book
from ledger.sealing.notes import KeyTextError
from ledger.sealing.witness import Witness
from metrics.instruments import CONTRADICTIONS
from tests.ledger.page import Page
from tests.ledger.sealing.test_witness import served


@pytest.fixture(autouse=True)
def settings_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(distribution, "_paused", {})
    with override_settings(SEAL_DIRECTORIES=[tmp_path / "checkpoints"]):
        yield


@pytest.fixture
def page() -> Page:
    return Page.open_new("anna EUR", "bank EUR")


def book_of(page: Page) -> Book:
    return Book.objects.get(id=page.book_id)


@pytest.fixture
def witness(page, tmp_path):
    witness = Witness.create(folder=tmp_path / "witness", name="witness.example.com")
    for incarnation in (1, 2):
        origin = signing.origin(book_of(page).name, incarnation)
        witness.trust(origin=origin, vkey=signing.public_keys()[0])
    return witness


def cosigned(page: Page) -> list[int]:
    return list(SealCosignature.objects.filter(book_id=page.book_id).order_by("size").values_list("size", flat=True))


def test_every_head_is_cosigned_once(page, witness, tmp_path):
    with served(witness) as url, override_settings(SEAL_WITNESSES=[f"{witness.signer.verifier.vkey} {url}"]):
        for number in range(3):
            page.write((f"{number}", "bank -1.00, anna 1.00", "accepted"))
            page.seal()
            distribution.distribute(book=book_of(page))
            distribution.distribute(book=book_of(page))

    assert cosigned(page) == [2, 4, 6]
    export_book(book=book_of(page), folder=tmp_path / "export")
    opened = checkpoints.open_signed(
        (tmp_path / "export" / "checkpoint").read_text(), signing.verifiers(), [witness.signer.verifier]
    )
    assert [signature.name for signature in opened.cosigned] == ["witness.example.com"]


def test_a_receipt_is_under_the_newest_head_that_all_witnesses_cosigned(page, witness):
    page.write(("a", "bank -1.00, anna 1.00", "accepted"))
    page.seal()
    operation = page.operation_id("a")

    def covered_by():
        return evidence.receipt(book=book_of(page), operation_id=operation).head_size

    with served(witness) as url, override_settings(SEAL_WITNESSES=[f"{witness.signer.verifier.vkey} {url}"]):
        assert covered_by() == 2  # better one without a cosignature than none
        page.seal()
        distribution.distribute(book=book_of(page))
        page.seal()
        assert (covered_by(), chain.head(book_id=page.book_id).size) == (3, 4)
        distribution.distribute(book=book_of(page))
        assert covered_by() == 4
    assert covered_by() == 4


def test_a_witness_that_is_away_is_left_alone_for_a_while_and_then_asked_again(page, witness, monkeypatch):
    page.seal()
    away = [f"{witness.signer.verifier.vkey} http://127.0.0.1:9"]
    with override_settings(SEAL_WITNESSES=away):
        distribution.distribute(book=book_of(page))
        monkeypatch.setattr(distribution, "_ask", lambda *_: pytest.fail("asked too early"))
        distribution.distribute(book=book_of(page))
    monkeypatch.undo()
    monkeypatch.setattr(distribution, "_paused", {})

    with served(witness) as url, override_settings(SEAL_WITNESSES=[f"{witness.signer.verifier.vkey} {url}"]):
        distribution.distribute(book=book_of(page))

    assert cosigned(page) == [1]


def test_a_witness_that_remembers_more_raises_an_alarm(page, witness, caplog):
    page.seal()
    before = CONTRADICTIONS._value.get()
    origin = signing.origin(book_of(page).name, 1)
    longer = checkpoints.sign(checkpoints.Checkpoint(origin, 9, b"r" * 32), signing.signers())
    with witness.memory() as memory:
        memory.execute("INSERT INTO cosigned VALUES (?, 9, ?, ?)", (origin, b"r" * 32, str(longer)))

    with (
        served(witness) as url,
        override_settings(SEAL_WITNESSES=[f"{witness.signer.verifier.vkey} {url}"]),
        caplog.at_level(logging.ERROR),
    ):
        distribution.distribute(book=book_of(page))
        distribution.distribute(book=book_of(page))

    assert CONTRADICTIONS._value.get() - before == 1, "in the pause it is not asked again"
    assert "ALARM" in caplog.text
    assert "has cosigned 9 leaves, and this chain has 1" in caplog.text
    assert cosigned(page) == []


@pytest.fixture
def mailbox():
    """An address that keeps what is posted to it."""
    kept = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            kept.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    yield f"http://127.0.0.1:{server.server_port}/heads", kept
    server.shutdown()
    server.server_close()


def test_every_head_is_posted_once(page, mailbox):
    url, kept = mailbox
    with override_settings(SEAL_POST_URLS=[url, "http://127.0.0.1:9/"]):
        for _ in range(2):
            page.seal()
            distribution.distribute(book=book_of(page))
            distribution.distribute(book=book_of(page))

    assert kept[-1] == publication.newest_checkpoint(book_id=page.book_id).note
    assert [checkpoints.open_signed(note, signing.verifiers()).checkpoint.size for note in kept] == [1, 2]
    sizes = SealPublication.objects.filter(book_id=page.book_id, sink=f"post:{url}").values_list("size", flat=True)
    assert sorted(sizes) == [1, 2]


def test_of_two_processes_one_works(page, new_connection, monkeypatch):
    other = new_connection(autocommit=True)
    other.execute(distribution._LOCK)
    monkeypatch.setattr(distribution, "distribute", lambda **_: pytest.fail("worked beside another"))

    with override_settings(SEAL_POST_URLS=["http://127.0.0.1:9/"]):
        distribution.run()
    with override_settings(SEAL_POST_URLS=[]):
        distribution.run()


def test_a_run_gives_out_the_heads_of_all_books_and_leaves_no_lock(page, new_connection, monkeypatch):
    worked = []
    monkeypatch.setattr(distribution, "distribute", lambda *, book: worked.append(book.id))

    with override_settings(SEAL_POST_URLS=["http://127.0.0.1:9/"]):
        distribution.run()

    assert page.book_id in worked
    assert new_connection(autocommit=True).execute(distribution._LOCK).fetchone() == (True,)


@pytest.mark.parametrize("text", ["x", "name+00000000+AAAA http://w", "LEDGER http://w", "WITNESS"])
def test_a_setting_that_names_no_witness_is_told(witness, text):
    text = text.replace("LEDGER", signing.public_keys()[0]).replace("WITNESS", witness.signer.verifier.vkey)

    with override_settings(SEAL_WITNESSES=[text]), pytest.raises(KeyTextError):
        signing.witnesses()
