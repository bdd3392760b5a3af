"""`/api/docs`: Swagger UI in a real browser, without the internet, under our content security policy."""

import pytest
from playwright.sync_api import sync_playwright

from tests.servers import chromium

pytestmark = pytest.mark.browser


@pytest.fixture
def page(live_server_url):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def test_it_shows_every_call_with_nothing_from_elsewhere(page, live_server_url, tmp_path):
    complaints, elsewhere = [], []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith((live_server_url, "data:")) else elsewhere.append(request.url))

    page.goto(f"{live_server_url}/api/docs")
    page.wait_for_selector("#operations-operations-post_operation")

    assert page.title() == "Billing"
    assert page.locator(".opblock").count() == 30
    page.locator("#operations-operations-post_operation").click()
    page.wait_for_selector("text=A transfer")
    page.screenshot(path="/tmp/docs.png", full_page=True)
    assert (complaints, elsewhere) == ([], [])


def test_a_token_can_be_got_and_a_call_made(page, live_server_url):
    from tests.security.actors import new_actor

    actor = new_actor(name="reader", scopes="accounts:read")
    page.goto(f"{live_server_url}/api/docs")
    page.locator("button.authorize").first.click()
    page.fill("#client_id_clientCredentials", actor.client_id)
    page.fill("#client_secret_clientCredentials", actor.secret)
    page.locator("label[for='accounts:read-clientCredentials-checkbox-OAuth2']").click()
    page.locator("button.modal-btn.authorize").click()
    page.wait_for_selector("text=Logout")
    page.locator("button.btn-done").click()

    page.locator("#operations-accounts-list_accounts").click()
    page.locator("#operations-accounts-list_accounts button.try-out__btn").click()
    page.locator("#operations-accounts-list_accounts button.execute").click()
    page.wait_for_selector("#operations-accounts-list_accounts .live-responses-table .response-col_status >> text=200")
