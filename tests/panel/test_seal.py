"""The chain in the panel: a receipt in words and as a file, where heads went, and a verification that a person asks for."""

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from accounts.models import Book
from ledger.models import Verification
from ledger.sealing import receipts, runs, signing
from ledger.tasks import verify
from tests.ledger.page import Page


@pytest.fixture(autouse=True)
def folder(tmp_path):
    with override_settings(SEAL_DIRECTORIES=[tmp_path / "checkpoints"]):
        yield


@pytest.fixture
def page() -> Page:
    page = Page.open_new("anna EUR", "bank EUR")
    page.write(("salary", "bank -100.00, anna 100.00", "accepted"))
    return page


def receipt_of(browser, page: Page, **query: str):
    return browser.get(f"/admin/ledger/operation/{page.operation_id('salary')}/receipt/", query)


def test_a_receipt_is_explained_and_downloaded(browser, page):
    page.seal()

    shown = receipt_of(browser, page).content.decode()
    file = receipt_of(browser, page, download="1")

    assert "leaf 1 of 2" in shown
    assert signing.public_keys()[0] in shown.replace("&#x2B;", "+")
    assert receipts.verify(receipts.parse(file.content.decode()), signing.verifiers()).checkpoint.size == 2
    assert file["Content-Disposition"].endswith('.tlog-proof"')


def test_before_the_seal_there_is_none(browser, page):
    assert "no receipt yet" in receipt_of(browser, page).content.decode()
    assert receipt_of(browser, page, download="1").status_code == 404


def test_a_changed_record_has_none(browser, page, superuser_connection):
    page.seal()
    table = "ledger_operation"
    superuser_connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER appendonly_update")
    try:
        superuser_connection.execute(
            f"UPDATE {table} SET effective_at = effective_at - interval '1 day' WHERE book_id = %s", (page.book_id,)
        )
    finally:
        superuser_connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER appendonly_update")

    assert "changed below the service" in receipt_of(browser, page).content.decode()


@pytest.mark.parametrize(
    ("model", "said"),
    [("sealblock", "2 leaves"), ("sealcheckpoint", "directory:"), ("sealquarantine", "0 quarantined")],
)
def test_the_chain_is_listed(browser, page, model, said):
    page.seal()
    name = Book.objects.get(id=page.book_id).name

    answer = browser.get(f"/admin/ledger/{model}/", {"book": name})

    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert browser.get(f"/admin/ledger/{model}/1/change/").status_code == 404


def test_lists_ask_a_fixed_number_of_questions(browser, page):
    for _ in range(5):
        page.seal()
    name = Book.objects.get(id=page.book_id).name

    with CaptureQueriesContext(connection) as asked:
        browser.get("/admin/ledger/sealcheckpoint/", {"book": name})

    assert len(asked) <= 25


def test_a_person_asks_for_a_verification(browser, page, monkeypatch):
    asked = []
    monkeypatch.setattr(verify, "apply_async", lambda **options: asked.append(options["kwargs"]))

    answer = browser.post("/admin/ledger/verification/ask/", {"mode": "full"}, follow=True)
    again = browser.post("/admin/ledger/verification/ask/", {"mode": "recent"}, follow=True)

    assert "The workers verify" in answer.content.decode()
    assert "asked for already" in again.content.decode()
    assert [kwargs["mode"] for kwargs in asked] == ["full"]
    runs.finish(run=asked[0]["run"], mode="full", report={"findings_total": 0, "self_check_only": True}, exit_code=0)
    assert "sound, self check only" in browser.get("/admin/ledger/verification/").content.decode()
    done = Verification.objects.order_by("-id").first()
    assert browser.get(f"/admin/ledger/verification/{done.id}/change/").status_code == 200
    assert browser.get("/admin/ledger/verification/ask/").status_code == 405


def test_a_bystander_sees_nothing(bystander, page):
    page.seal()

    for path in (f"operation/{page.operation_id('salary')}/receipt/", "sealblock/", "verification/"):
        assert bystander.get(f"/admin/ledger/{path}").status_code == 403
    assert bystander.post("/admin/ledger/verification/ask/").status_code == 403
