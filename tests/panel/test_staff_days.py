"""An auditor and a controller: what they see, what is not offered to them; a direct address is refused with a sentence."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from accounts.models import Account, Book
from ledger.models import Operation
from security.approval_models import Approval, ApprovalThreshold
from tests.ledger.page import Page
from tests.panel import browsing
from tests.panel.browsing import Person

pytestmark = pytest.mark.browser

REFUSED = "You may not do this"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture
def page() -> Iterator[Page]:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")
    page.write(
        ("salary", "bank -900.00, anna 900.00", "accepted", {"description": "Salary"}),
        ("rent", "anna -70.00, bank 70.00", "accepted"),
        ("too-much", "anna -5000.00, bank 5000.00", "below_floor"),
    )
    page.aggregate()
    page.seal()
    threshold = ApprovalThreshold.objects.create(kind="reversal", unit="EUR", above_minor=10_000)
    yield page
    threshold.delete()


def somebody(chromium: Browser, url: str, group: str) -> Iterator[Person]:
    person = Person(chromium, url, group=group)
    yield person
    assert person.complaints == []


@pytest.fixture(scope="module")
def una(chromium: Browser, live_server_url: str) -> Iterator[Person]:
    """An auditor."""
    yield from somebody(chromium, live_server_url, "auditor")


@pytest.fixture(scope="module")
def carl(chromium: Browser, live_server_url: str) -> Iterator[Person]:
    """A controller."""
    yield from somebody(chromium, live_server_url, "controller")


@pytest.fixture(scope="module")
def olga(chromium: Browser, live_server_url: str) -> Iterator[Person]:
    """An operator, who asks."""
    yield from somebody(chromium, live_server_url, "operator")


def acts(page: Page) -> list[str]:
    """The addresses of acts, each of which changes something."""
    account, operation = page.id("anna"), page.operation_id("rent")
    return [
        f"/admin/ledger/operation/{operation}/reverse/",
        f"/admin/ledger/operation/{operation}/correct/",
        "/admin/ledger/operation/correct/",
        f"/admin/accounts/account/{account}/status/freeze/",
        f"/admin/accounts/account/{account}/floor/",
        f"/admin/accounts/account/{account}/correct/",
        "/admin/accounts/account/import/",
        "/admin/accounts/unit/add/",
        "/admin/massops/massoperation/add/",
        "/admin/security/grant/add/",
        "/admin/security/grant/import/",
        "/admin/security/client/add/",
        "/admin/security/approvalthreshold/add/",
        "/admin/auth/user/add/",
    ]


def offered(person: Person) -> list[str]:
    """What the page leads to that changes something, beside the person's own session and access."""
    links = person.page.eval_on_selector_all(
        "main a, #content a, header a", "all => all.map(a => a.getAttribute('href') || '')"
    )
    forms = person.page.eval_on_selector_all(
        "form", "all => all.filter(f => f.method === 'post').map(f => f.getAttribute('action') || '')"
    )
    words = (
        "/add/",
        "/import/",
        "/reverse/",
        "/correct/",
        "/status/",
        "/floor/",
        "/delete/",
        "/do/",
        "/decide/",
        "/acknowledge/",
    )
    return [address for address in [*links, *forms] if any(word in address for word in words)]


READ = [
    "/admin/",
    "/admin/accounts/account/?book={book}",
    "/admin/accounts/account/{anna}/change/",
    "/admin/ledger/operation/?book={book}",
    "/admin/ledger/operation/{rent}/change/",
    "/admin/ledger/operation/{rent}/receipt/",
    "/admin/ledger/entry/?book={book}",
    "/admin/ledger/snapshot/?book={book}",
    "/admin/ledger/sealblock/?book={book}",
    "/admin/ledger/sealcheckpoint/?book={book}",
    "/admin/ledger/sealquarantine/?book={book}",
    "/admin/accounts/accountchange/?book={book}",
    "/admin/massops/massoperation/",
    "/admin/security/approval/?state=all",
    "/admin/security/accessrecord/",
    "/admin/security/client/",
    "/admin/security/grant/",
    "/admin/auth/user/",
    "/admin/metrics/sample/",
]


@pytest.mark.parametrize("who", ["una", "carl"])
def test_they_read_everything_and_no_act_is_offered(request: pytest.FixtureRequest, who: str, page: Page) -> None:
    person: Person = request.getfixturevalue(who)
    places = {
        "book": Book.objects.get(id=page.book_id).name,
        "anna": page.id("anna"),
        "rent": page.operation_id("rent"),
    }

    found = {}
    for address in READ:
        person.go(address.format(**places))
        found[address] = offered(person)

    assert {address: links for address, links in found.items() if links} == {}


@pytest.mark.parametrize("who", ["una", "carl"])
def test_a_direct_address_of_an_act_is_refused_with_a_sentence(
    request: pytest.FixtureRequest, who: str, page: Page
) -> None:
    person: Person = request.getfixturevalue(who)
    before = Operation.objects.filter(book_id=page.book_id).count()

    for address in acts(page):
        answer = person.page.goto(f"{person.url}{address}")
        assert (answer.status, address) == (403, address)
        assert REFUSED in person.page.inner_text("body"), address
    person.picture(f"refused-{who}")

    assert Operation.objects.filter(book_id=page.book_id).count() == before
    assert Account.objects.get(id=page.id("anna"), book_id=page.book_id).status == "open"


def test_an_act_would_be_seen_where_it_is_offered(olga: Person, page: Page) -> None:
    olga.go(f"/admin/ledger/operation/{page.operation_id('rent')}/change/")

    assert [address.split("/")[-2] for address in offered(olga)] == ["correct", "reverse"]


def test_an_auditor_follows_an_operation_to_its_proof_and_asks_for_a_verification(una: Person, page: Page) -> None:
    una.go("/admin/")
    una.page.wait_for_function("window.Alpine && window.htmx && document.readyState === 'complete'")
    una.page.goto(f"{una.url}/admin/ledger/operation/?book={Book.objects.get(id=page.book_id).name}&key=rent")
    una.page.click("#result_list tbody a")
    una.page.click("a.pn-link:text-is('Receipt')")
    una.page.wait_for_url("**/receipt/")
    with una.page.expect_download() as file:
        una.page.click("a[href*=download]")
    assert file.value.suggested_filename.endswith(".tlog-proof")

    una.go("/admin/ledger/verification/")
    una.page.click("text=Verify the newest blocks now")
    una.page.wait_for_load_state()
    assert una.page.locator("text=The workers").count() + una.page.locator("text=One is asked for").count() > 0


def test_a_controller_approves_what_an_operator_asked_for_and_nothing_else(
    olga: Person, carl: Person, una: Person, page: Page
) -> None:
    olga.go(f"/admin/ledger/operation/{page.operation_id('salary')}/change/")
    olga.page.wait_for_function("window.htmx && document.readyState === 'complete'")
    olga.page.click("nav a.pn-button:text-is('Reverse')")
    olga.page.fill("#act-dialog #id_reason", "Wrong company")
    olga.page.click("#act-dialog button[type=submit]")
    olga.page.wait_for_selector("text=It waits for a second person")
    asked = f"/admin/security/approval/{Approval.objects.order_by('-id')[0].pk}/change/"
    assert olga.page.locator("#decision button").all_inner_texts() == ["Withdraw"]

    una.go(asked)
    assert una.page.locator("#decision").count() == 0

    carl.go("/admin/security/approval/")
    carl.page.click(f"a[href*='{asked}']")
    carl.page.wait_for_selector("#decision")
    assert carl.page.locator("#decision button").all_inner_texts() == ["Approve", "Reject"]
    carl.page.fill("#decision textarea", "The company confirmed it")
    carl.picture("decision")
    carl.page.click("#decision button:has-text('Approve')")
    carl.page.wait_for_selector("text=/Approval \\d+ is (done|refused)/")

    assert Operation.objects.filter(book_id=page.book_id, reverses=page.operation_id("salary")).exists()
