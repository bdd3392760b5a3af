"""The chain in the panel: a receipt in words and as a file, where heads went, and a verification that a person asks for."""

import uuid

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
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


def test_a_quarantined_operation_is_acknowledged_with_a_reason(browser, page, owner_connection):
    owner_connection.execute(
        "INSERT INTO ledger_operation (book_id, source_id, key, kind, message, message_hash, credential, received_at,"
        " effective_at, outcome) SELECT book_id, source_id, 'by hand', kind, message, message_hash, credential,"
        " received_at, effective_at, 'forbidden' FROM ledger_operation WHERE book_id = %s",
        (page.book_id,),
    )
    page.seal()
    book = Book.objects.get(id=page.book_id)
    operation = page.query("SELECT operation_id FROM ledger_seal_quarantine WHERE book_id = %s", book.id)[0][0]
    act, listed = f"/admin/ledger/sealquarantine/{operation}/acknowledge/", "/admin/ledger/sealquarantine/"

    assert act in browser.get(listed, {"book": book.name}).content.decode()
    assert "Acknowledge operation" in browser.get(act).content.decode()
    assert browser.post(act, {"reason": "", "token": uuid.uuid4()}).status_code == 200
    browser.post(act, {"reason": "left by the installation", "token": uuid.uuid4()})
    again = browser.post(act, {"reason": "twice", "token": uuid.uuid4()}, follow=True)

    assert "acknowledged already" in again.content.decode()
    assert ": left by the installation" in browser.get(listed, {"book": book.name}).content.decode()
    assert browser.get("/admin/ledger/sealquarantine/1/acknowledge/").status_code == 404


def test_a_bystander_sees_nothing(bystander, page):
    page.seal()

    for path in (f"operation/{page.operation_id('salary')}/receipt/", "sealblock/", "verification/"):
        assert bystander.get(f"/admin/ledger/{path}").status_code == 403
    assert bystander.post("/admin/ledger/verification/ask/").status_code == 403
    assert bystander.get("/admin/ledger/sealquarantine/1/acknowledge/").status_code == 403
    assert bystander.get("/admin/ledger/verification/progress/").status_code == 403


@pytest.mark.parametrize(
    ("group", "may"), [("auditor", True), ("administrator", True), ("controller", False), ("operator", False)]
)
def test_auditors_and_administrators_ask_for_verifications_and_others_watch(bystander, monkeypatch, group, may):
    asked = []
    monkeypatch.setattr(verify, "apply_async", lambda **options: asked.append(options["kwargs"]))
    runs.finish(run=uuid.uuid4(), mode="full", report={"findings_total": 0}, exit_code=0)
    user = get_user_model().objects.get(pk=bystander.session["_auth_user_id"])
    user.groups.set([Group.objects.get(name=group)])

    listed = bystander.get("/admin/ledger/verification/").content.decode()
    answer = bystander.post("/admin/ledger/verification/ask/", {"mode": "recent"})

    assert ("Verify everything now" in listed) is may
    assert (answer.status_code, len(asked)) == ((302, 1) if may else (403, 0))
    for kwargs in asked:
        runs.finish(run=kwargs["run"], mode="recent", report={"findings_total": 0}, exit_code=0)


def test_progress_moves_and_stops_when_it_is_done(browser):
    run = runs.ask(mode="full")

    def progress():
        return browser.get("/admin/ledger/verification/progress/").content.decode()

    assert "has not begun" in progress()
    runs.note(run=run, mode="full", state="running", done=500_000, total=2_000_000)
    assert "500,000 of 2,000,000 operations" in progress()
    assert 'hx-trigger="every 2s"' in progress()
    runs.finish(run=run, mode="full", report={"findings_total": 3}, exit_code=1)
    assert "3 findings" in progress()
    assert "hx-trigger" not in progress()
