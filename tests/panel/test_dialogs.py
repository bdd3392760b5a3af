"""Acts open as dialogs where the person is: the form of the act's own page, errors inside, sent once; pages without script."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from accounts.models import Account, AccountChange
from ledger.models import Operation
from security.approval_models import ApprovalThreshold
from tests.ledger.page import Page
from tests.panel import browsing
from tests.panel.browsing import Person

pytestmark = pytest.mark.browser

DIALOG = "#act-dialog"
ACTIVE_IN_DIALOG = "document.activeElement.closest('#act-dialog') !== null"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def olga(chromium: Browser, live_server_url: str) -> Iterator[Person]:
    """An operator."""
    person = Person(chromium, live_server_url, group="operator")
    yield person
    assert person.complaints == []


@pytest.fixture
def page() -> Iterator[Page]:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")
    page.write(("salary", "bank -100.00, anna 100.00", "accepted"), ("rent", "anna -70.00, bank 70.00", "accepted"))
    made = [
        ApprovalThreshold.objects.create(kind=kind, unit="EUR", above_minor=None)
        for kind in ("correction", "reversal", "floor")
    ]
    yield page
    for threshold in made:
        threshold.delete()


def account(page: Page) -> str:
    return f"/admin/accounts/account/{page.id('anna')}/change/"


def operation(page: Page) -> str:
    return f"/admin/ledger/operation/{page.operation_id('rent')}/change/"


def open_act(person: Person, label: str) -> None:
    person.page.wait_for_function("window.htmx && document.readyState === 'complete'")
    person.page.click(f"nav a.pn-button:text-is('{label}')")
    person.page.wait_for_selector(f"{DIALOG}[open] form")


def test_an_operation_is_reversed_without_leaving_its_page(olga: Person, page: Page) -> None:
    olga.go(operation(page))
    open_act(olga, "Reverse")
    assert olga.page.url.endswith(operation(page))
    olga.page.fill("#id_reason", "Wrong month")
    olga.picture("dialog-reverse")
    olga.page.click(f"{DIALOG} button[type=submit]")

    olga.page.wait_for_selector("text=It reverses operation")
    page.shows("anna 100.00, bank -100.00")


def test_it_keeps_the_focus_and_gives_it_back_on_escape(olga: Person, page: Page) -> None:
    olga.go(account(page))
    open_act(olga, "Freeze")
    assert olga.page.evaluate("document.activeElement.id") == "id_reason"

    for _ in range(8):  # more often than it has fields; the browser's own bar is the only other stop
        olga.page.keyboard.press("Tab")
        assert olga.page.evaluate(f"{ACTIVE_IN_DIALOG} || document.activeElement === document.body")
    olga.page.keyboard.press("Escape")

    expect(olga.page.locator(DIALOG)).not_to_be_visible()
    assert olga.page.evaluate("document.activeElement.innerText") == "Freeze"
    assert Account.objects.get(id=page.id("anna"), book_id=page.book_id).status == "open"
    open_act(olga, "Freeze")
    olga.page.click(f"{DIALOG} >> text=Back")
    expect(olga.page.locator(DIALOG)).not_to_be_visible()


def test_what_is_wrong_is_told_in_the_dialog_with_what_was_typed(olga: Person, page: Page) -> None:
    olga.go(account(page))
    open_act(olga, "Change floor")
    olga.page.fill("#id_floor", "ten")
    olga.page.fill("#id_reason", "Agreed")
    olga.page.click(f"{DIALOG} button[type=submit]")

    olga.page.wait_for_selector(f"{DIALOG}[open] .pn-error")
    assert olga.page.input_value("#id_reason") == "Agreed"
    assert olga.page.evaluate("document.activeElement.id") == "id_floor"
    olga.page.fill("#id_floor", "-5.00")
    olga.page.click(f"{DIALOG} button[type=submit]")
    olga.page.wait_for_selector("text=The floor is changed.")
    assert Account.objects.get(id=page.id("anna"), book_id=page.book_id).floor == -500


def test_a_refusal_of_the_ledger_is_told_in_the_dialog(olga: Person, page: Page) -> None:
    olga.go(account(page))
    open_act(olga, "Close")
    olga.page.fill("#id_reason", "Gone")
    olga.page.click(f"{DIALOG} button[type=submit]")

    olga.page.wait_for_selector(f"{DIALOG}[open] [role=alert]")
    assert olga.page.evaluate(ACTIVE_IN_DIALOG)


def test_the_sum_of_a_correction_is_shown_in_the_dialog(olga: Person, page: Page) -> None:
    olga.go(operation(page))
    open_act(olga, "Correct")
    olga.page.wait_for_selector(f"{DIALOG} [data-sums]:has-text('Sum 0.00 EUR')")
    olga.page.fill("input[name=entry-0-amount]", "10.00")
    olga.page.wait_for_selector(f"{DIALOG} [data-sums]:has-text('Sum -60.00 EUR')")
    olga.page.click(f"{DIALOG} >> text=Add a line")
    olga.page.fill("#id_reason", "Ten too much")
    olga.page.click(f"{DIALOG} button[type=submit]")
    olga.page.wait_for_selector(f"{DIALOG}[open] [role=alert]")  # it does not add up
    olga.page.fill("input[name=entry-1-amount]", "-10.00")
    olga.page.click(f"{DIALOG} button[type=submit]")

    olga.page.wait_for_selector("text=The correction is posted")
    page.shows("anna 40.00")


def test_a_double_click_sends_it_once(olga: Person, page: Page) -> None:
    sent: list[str] = []
    olga.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    olga.go(account(page))
    open_act(olga, "Freeze")
    olga.page.fill("#id_reason", "Looked into")
    olga.page.dblclick(f"{DIALOG} button[type=submit]")
    olga.page.wait_for_selector("text=The account is frozen.")
    assert len(sent) == 1

    olga.go(account(page).replace("change/", "status/unfreeze/"))
    olga.page.fill("#id_reason", "All is well")
    olga.page.dblclick("form[data-once] button[type=submit]")
    olga.page.wait_for_selector("text=The account is open again.")
    assert len(sent) == 2
    assert (
        AccountChange.objects.filter(book_id=page.book_id, account_id=page.id("anna")).count() == 3
    )  # with its opening


def test_the_dialog_says_when_the_server_fails_and_keeps_what_was_typed(olga: Person, page: Page) -> None:
    olga.go(operation(page))
    open_act(olga, "Reverse")
    olga.page.fill("#id_reason", "Wrong month")
    olga.page.route("**/reverse/", lambda route: route.fulfill(status=503, body="down"))
    olga.page.click(f"{DIALOG} button[type=submit]")
    olga.page.wait_for_selector(f"{DIALOG} [role=alert]:has-text('The server answered 503')")
    assert olga.page.input_value("#id_reason") == "Wrong month"

    olga.page.unroute("**/reverse/")
    olga.page.click(f"{DIALOG} button[type=submit]")
    olga.page.wait_for_selector("text=It reverses operation")
    assert Operation.objects.filter(book_id=page.book_id, reverses=page.operation_id("rent")).count() == 1


def test_who_is_logged_out_meanwhile_is_led_to_the_log_in(chromium: Browser, live_server_url: str, page: Page) -> None:
    person = Person(chromium, live_server_url, group="operator")
    person.go(account(page))
    person.page.wait_for_function("window.htmx && document.readyState === 'complete'")
    person.context.clear_cookies()
    person.page.click("nav >> text=Freeze")

    person.page.wait_for_url("**/admin/login/?next=**/status/freeze/")


def test_an_act_is_a_page_without_script(chromium: Browser, live_server_url: str, olga: Person, page: Page) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies(olga.context.cookies())
    plain = context.new_page()
    plain.goto(f"{live_server_url}{account(page)}")
    plain.click("nav >> text=Freeze")
    plain.fill("#id_reason", "Looked into")
    plain.click("form button:has-text('Freeze')")

    assert "The account is frozen." in plain.inner_text("body")
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_a_dialog(chromium: Browser, live_server_url: str, page: Page, theme: str) -> None:
    person = Person(chromium, live_server_url, group="operator", theme=theme, bypass_csp=True)
    found = {}
    for address, label in ((account(page), "Change floor"), (operation(page), "Reverse"), (operation(page), "Correct")):
        person.go(address)
        open_act(person, label)
        found[label] = person.violations()
        person.page.fill("#id_reason", " ")
        person.page.evaluate("document.querySelector('#act-dialog form').noValidate = true")
        person.page.click(f"{DIALOG} button[type=submit]")
        person.page.wait_for_selector(f"{DIALOG} .pn-error")
        found[f"{label} with an error"] = person.violations()
        person.picture(f"dialog-{label.lower().replace(' ', '-')}")

    assert {label: faults for label, faults in found.items() if faults} == {}
