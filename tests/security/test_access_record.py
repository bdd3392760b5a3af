"""The access record: what is written there, what never is, and that a storm of failures stays small."""

import base64
import threading
import uuid

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client as Browser
from django.utils import timezone

from security import access
from security.access import Folding, Row
from security.access_admin import _cell
from security.access_models import AccessEvent, AccessRecord
from security.clients import change_client, revoke_client, rotate_secret
from security.limits import ACCESS_ORIGINS_PER_MINUTE
from tests.security.actors import post_form
from tests.security.staff import PASSWORD, Person

ADDRESS = "198.51.100.7"


@pytest.fixture(autouse=True)
def each_failure_is_the_first(settings, monkeypatch):
    """No count of another test is under way; and the routes are those of the whole service."""
    settings.ROOT_URLCONF = "billing_project.urls"
    monkeypatch.setattr(access, "FOLDING", Folding(later=lambda: None))


@pytest.fixture
def newest():
    """What was recorded since the test began."""
    start = AccessRecord.objects.order_by("-id").values_list("id", flat=True).first() or 0
    return lambda **where: list(AccessRecord.objects.filter(id__gt=start, **where).order_by("id"))


def test_a_call_with_a_token_that_is_not_valid_is_recorded(newest):
    request_id = uuid.uuid4().hex
    headers = {"Authorization": "Bearer hush-hush", "X-Request-Id": request_id}

    Browser(REMOTE_ADDR=ADDRESS).get("/api/v1/accounts?limit=1", headers=headers)

    (row,) = newest(event=AccessEvent.AUTHENTICATION_FAILED)
    assert (row.what, row.code, row.address) == ("GET /api/v1/accounts", "invalid_token", ADDRESS)
    assert row.request_id == request_id
    assert (row.who, row.credential, row.times) == ("", "", 1)


def test_a_refusal_names_the_client_and_its_token(newest, till):
    headers = {"Authorization": f"Bearer {till.token()}"}

    Browser().post("/api/v1/operations", "{}", content_type="application/json", headers=headers)

    (row,) = newest(event=AccessEvent.REFUSED)
    assert (row.who, row.code) == (till.client_id, "insufficient_scope")
    assert row.credential.isdecimal()


def test_a_failed_token_request_names_the_client_if_there_is_one(newest, till):
    wrong = "Basic " + base64.b64encode(f"{till.client_id}:guess".encode()).decode()

    post_form("/oauth/token/", {"grant_type": "client_credentials"}, authorization=wrong, REMOTE_ADDR="198.51.100.8")
    form = {"grant_type": "client_credentials", "client_id": "my-password", "client_secret": "x"}
    post_form("/oauth/token/", form, REMOTE_ADDR="198.51.100.9")

    assert [(row.who, row.code) for row in newest(event=AccessEvent.AUTHENTICATION_FAILED)] == [
        (till.client_id, "invalid_client"),
        ("", "invalid_client"),
    ]


def test_log_ins_are_recorded_and_a_name_only_if_it_is_one(newest):
    anna = Person("anna")
    anna.log_in(password="wrong")
    anna.log_in()
    anna.browser.post("/admin/logout/")
    Browser().post("/admin/login/", {"username": "my-password-by-mistake", "password": "x"})

    rows = [(row.event, row.who) for row in newest()]

    who = f"staff:{anna.name}"
    assert rows == [("login_failed", who), ("login", who), ("logout", who), ("login_failed", "")]


def test_acts_of_the_administration_are_recorded_with_what_and_who(newest):
    root = Person("root", superuser=True)
    root.log_in()
    target = Person("anna")

    form = {"action": "end_all_sessions", "_selected_action": [target.user.pk]}
    root.browser.post("/admin/auth/user/", form)

    (row,) = newest(event=AccessEvent.ADMINISTRATION)
    assert row.who == f"staff:{root.name}"
    assert row.what == f"changed user {target.name} Ended all sessions."
    assert row.credential


def test_a_page_that_a_person_may_not_see_is_recorded(newest):
    anna = Person("anna")
    anna.log_in()

    anna.browser.get("/admin/security/client/")

    (row,) = newest(event=AccessEvent.REFUSED)
    assert (row.who, row.what, row.code) == (f"staff:{anna.name}", "GET /admin/security/client/", "403")


def test_acts_on_clients_are_recorded(newest, shop):
    change_client(client_id=shop.client_id, name=shop.name, scopes=["accounts:read"])
    secret = rotate_secret(client_id=shop.client_id, now=timezone.now())
    revoke_client(client_id=shop.client_id, now=timezone.now())

    rows = newest(event=AccessEvent.CLIENT)
    texts = [row.what for row in rows if shop.client_id in row.what]
    assert [text.split(") ")[1].split()[0] for text in texts] == ["created", "changed", "got", "revoked"][-len(texts) :]
    assert {row.who for row in rows} == {"command line"}
    assert not [text for text in texts if secret in text or shop.secret in text]


def test_an_act_that_fails_leaves_no_row(newest, shop):
    with transaction.atomic():
        change_client(client_id=shop.client_id, name=shop.name, scopes=["accounts:read"])
        transaction.set_rollback(True)

    assert not [row for row in newest(event=AccessEvent.CLIENT) if "changed" in row.what]


def test_the_page_lists_finds_filters_and_exports(newest):
    request_id = uuid.uuid4().hex
    Browser(REMOTE_ADDR=ADDRESS).get(
        "/api/v1/accounts/=cmd()", headers={"Authorization": "Bearer x", "X-Request-Id": request_id}
    )
    anna = Person("anna", "auditor")
    anna.log_in()

    for query in (f"q={request_id}", f"q={ADDRESS}", "event=authentication_failed", f"q={anna.name}", "q=nothing'%"):
        page = anna.browser.get(f"/admin/security/accessrecord/?{query}")
        assert page.status_code == 200
        assert (request_id in page.content.decode()) == (
            query.split("=")[1] in {request_id, ADDRESS, "authentication_failed"}
        )
    export = anna.browser.get(f"/admin/security/accessrecord/export/?q={request_id}")
    lines = b"".join(export.streaming_content).decode().splitlines()

    assert len(lines) == 2
    assert request_id in lines[1]
    (row,) = newest(event=AccessEvent.EXPORT)
    assert (row.who, row.what) == (f"staff:{anna.name}", "GET /admin/security/accessrecord/export/")
    stranger = Person("sam")
    stranger.log_in()
    assert stranger.browser.get("/admin/security/accessrecord/export/").status_code == 403


def test_text_of_strangers_is_no_formula_in_the_export():
    assert _cell("=1+1") == "'=1+1"
    assert _cell("@x") == "'@x"
    assert _cell(" |calc") == "' |calc"
    assert _cell("\uff1d1+1") == "'\uff1d1+1"
    assert _cell("GET /") == "GET /"


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def failure(address="192.0.2.1", code="invalid_token"):
    return Row(AccessEvent.AUTHENTICATION_FAILED, "GET /", code, address=address)


def test_a_storm_from_one_address_becomes_two_rows_a_minute():
    clock = Clock()
    folding = Folding(clock=clock, later=lambda: None)

    first = [row for _ in range(10_000) for row in folding.add(failure())]
    assert [row.times for row in first] == [1]

    clock.now += 61
    later = folding.add(failure())
    assert [row.times for row in later] == [9_999, 1]


def test_different_failures_are_told_apart():
    folding = Folding(clock=Clock(), later=lambda: None)

    rows = [failure(), failure(code="insufficient_scope"), failure("192.0.2.2"), failure()]

    assert [len(folding.add(row)) for row in rows] == [1, 1, 1, 0]


def test_one_network_of_ipv6_is_one_origin():
    folding = Folding(clock=Clock(), later=lambda: None)

    assert [len(folding.add(failure(f"2001:db8::{number:x}"))) for number in range(1, 100)] == [1] + [0] * 98
    assert len(folding.add(failure("2001:db8:0:1::1"))) == 1


def test_a_storm_from_everywhere_stays_within_the_bound():
    clock = Clock()
    folding = Folding(clock=clock, later=lambda: None)
    written = []
    for minute in range(3):
        clock.now = 1000.0 + 61 * minute
        for number in range(5_000):
            written += folding.add(failure(f"10.{minute}.{number // 250}.{number % 250}"))
    written += folding.end()

    assert len(written) <= 3 * 2 * (ACCESS_ORIGINS_PER_MINUTE + 1)
    assert sum(row.times for row in written) == 15_000


def test_no_failure_is_lost_among_threads():
    clock = Clock()
    folding = Folding(clock=clock, later=lambda: None)
    written = []

    def storm():
        for _ in range(2_000):
            written.extend(folding.add(failure()))

    threads = [threading.Thread(target=storm) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(row.times for row in [*written, *folding.end()]) == 8_000


def test_what_was_counted_is_written_when_the_minute_is_over(newest):
    for _ in range(5):
        access.record_failure(event=AccessEvent.REFUSED, what="GET /x", code="storm")

    access.flush()

    assert [row.times for row in newest(code="storm")] == [1, 4]


def test_a_failure_is_answered_while_the_storage_is_away(monkeypatch, caplog):
    def away(row):
        raise OperationalError("gone")

    monkeypatch.setattr(access, "_insert", away)

    response = Browser().get("/api/v1/accounts", headers={"Authorization": "Bearer ?"})

    assert response.status_code == 401
    assert "lost: 1 (gone)" in caplog.text


def test_what_is_lost_at_the_end_is_told_in_one_line(monkeypatch, caplog):
    def away(row):
        raise OperationalError("connection failed\nIs the server running?")

    folding = access.Folding(later=lambda: None)
    monkeypatch.setattr(access, "FOLDING", folding)
    for code in ("one", "two", "three"):
        for _ in range(2):
            folding.add(access.Row(AccessEvent.REFUSED, "GET /x", code))
    monkeypatch.setattr(access, "_insert", away)

    access.flush()

    (line,) = [record.getMessage() for record in caplog.records if record.name == "security.access"]
    assert line.endswith("rows of the access record lost: 3 (connection failed)")


def test_the_search_finds_a_secret_that_is_recorded_on_purpose(shop):
    """The control of the test below."""
    access.record(event=AccessEvent.CLIENT, what=f"a mistake: {shop.secret}")

    assert shop.secret in recorded()


def recorded():
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(r::text, ' ') FROM security_access_record r")
        return cursor.fetchone()[0]


def test_there_are_no_secrets_in_the_record(shop):
    token = shop.token()
    anna = Person("anna")
    recovery = anna.enrol()
    anna.log_in(recovery[0])
    Browser().get(f"/api/v1/accounts?access_token={token}", headers={"Authorization": f"Bearer {token}x"})
    shop.post("/oauth/token/", grant_type="client_credentials", scope="operations:none")
    shop.post("/oauth/revoke_token/", token=token)

    everything = recorded()

    session = anna.browser.cookies["sessionid"].value
    secrets = (token, shop.secret, PASSWORD, recovery[0], recovery[0].replace("-", ""), session, anna.key)
    assert not [secret for secret in secrets if secret in everything]
