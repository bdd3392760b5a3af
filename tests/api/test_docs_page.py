"""`/api/docs`: Swagger UI in a real browser, without the internet, under our content security policy."""

import pytest
from playwright.sync_api import sync_playwright

from tests.api import declared
from tests.security.actors import new_actor
from tests.servers import chromium

pytestmark = pytest.mark.browser


@pytest.fixture
def reader():
    return new_actor(name="reader", scopes="accounts:read")


@pytest.fixture
def calls_declared():
    return sum(len(item) for item in declared.document()["paths"].values())


@pytest.fixture
def page(live_server_url):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def test_it_shows_every_call_with_nothing_from_elsewhere(calls_declared, page, live_server_url):
    complaints, elsewhere = [], []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: elsewhere.append(request.url) if not ours(request.url) else None)

    def ours(url):
        return url.startswith((live_server_url, "data:"))

    page.goto(f"{live_server_url}/api/docs")
    page.wait_for_selector("#operations-operations-post_operation")
    shown = page.locator(".opblock").count()
    page.locator("#operations-operations-post_operation").click()
    page.wait_for_selector("#operations-operations-post_operation >> text=user:42:wallet")

    assert (page.title(), shown) == ("Billing", calls_declared)
    assert (complaints, elsewhere) == ([], [])


def test_a_token_can_be_got_there_and_a_call_made(reader, page, live_server_url):
    page.goto(f"{live_server_url}/api/docs")
    page.locator("button.authorize").first.click()
    page.fill("#client_id_clientCredentials", reader.client_id)
    page.fill("#client_secret_clientCredentials", reader.secret)
    page.get_by_role("button", name="Apply given OAuth2 credentials").click()
    page.wait_for_selector("text=Logout")
    page.locator("button.btn-done").first.click()

    call = page.locator("#operations-accounts-list_accounts")
    call.click()
    call.locator("button.try-out__btn").click()
    call.locator("button.execute").click()

    page.wait_for_selector("#operations-accounts-list_accounts .live-responses-table .response-col_status >> text=200")
