"""An administrator makes a client in Chromium; the secret that the page shows gets a token, and the token posts."""

import uuid
from collections.abc import Iterator

import httpx
import pytest

from accounts.models import Book
from tests.ledger.page import Page
from tests.panel import browsing
from tests.panel.browsing import Person

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def ada(live_server_url: str) -> Iterator[Person]:
    with browsing.chromium() as browser:
        person = Person(browser, live_server_url)
        yield person
        assert person.complaints == []


def test_the_secret_on_the_page_gets_a_token_that_posts_until_the_client_is_revoked(ada: Person) -> None:
    page = Page.open_new("cash EUR", "sales EUR")
    book = Book.objects.get(id=page.book_id).name
    ada.go("/admin/security/client/")
    ada.page.click("a[href$='/client/add/']")
    ada.page.fill("#id_name", f"shop {uuid.uuid4().hex[:8]}")
    for scope in ("accounts:read", "operations:write"):
        ada.page.check(f"input[name=allowed_scopes][value='{scope}']")
    ada.page.fill("#id_allowed_books", book)
    ada.picture("client-new")
    ada.page.click("button[name=_save]")
    client_id, secret = ada.page.inner_text("#client-id"), ada.page.inner_text("#client-secret")
    ada.picture("client-secret")

    assert posts(ada.url, client_id, secret, book, "first") == 201

    ada.page.click("text=I have kept it")
    assert secret not in ada.page.content()
    ada.page.click("a:has-text('New secret')")
    ada.page.select_option("#id_overlap_hours", "24")
    ada.picture("client-rotation")
    ada.page.click("button:has-text('Make a new secret')")
    newer = ada.page.inner_text("#client-secret")
    assert "The old secret is good until" in ada.page.inner_text("#old-secret")

    assert posts(ada.url, client_id, newer, book, "second") == 201
    assert posts(ada.url, client_id, secret, book, "third") == 201

    ada.page.click("text=I have kept it")
    ada.page.click("a:has-text('End the old secret')")
    ada.page.click("button:has-text('End the old secret')")
    ada.page.wait_for_selector("text=The old secret ended.")
    assert posts(ada.url, client_id, secret, book, "fourth") == 401
    assert posts(ada.url, client_id, newer, book, "fifth") == 201

    ada.page.click("a:has-text('Revoke')")
    ada.page.click("button:has-text('Revoke')")
    ada.page.wait_for_selector(f"text=The client {client_id} is revoked.")
    assert posts(ada.url, client_id, newer, book, "sixth") == 401
    page.shows("cash 4.00, sales -4.00")


def posts(url: str, client_id: str, secret: str, book: str, key: str) -> int:
    """Get a token and post with it; the status of what went wrong first, or of the posting."""
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
        answer = http.post("/oauth/token/", data={"grant_type": "client_credentials"}, auth=(client_id, secret))
        if answer.status_code != 200:
            return answer.status_code
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}", "Idempotency-Key": key}
        entries = [{"account": "sales", "amount": "-1.00"}, {"account": "cash", "amount": "1.00"}]
        return http.post(f"/api/v1/books/{book}/operations", json={"entries": entries}, headers=headers).status_code
