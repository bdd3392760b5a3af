"""Every kind of page of the panel, in light and dark, has no violation of WCAG 2.2, levels A and AA, that axe can find."""

from collections.abc import Iterator

import pytest

from accounts.models import Book
from ledger.models import Entry
from tests.ledger.page import Page
from tests.panel import browsing
from tests.panel.browsing import Person

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def people(live_server_url: str) -> Iterator[list[Person]]:
    with browsing.chromium() as browser:
        yield [Person(browser, live_server_url, theme=theme, bypass_csp=True) for theme in ("light", "dark")]


@pytest.fixture(scope="module")
def places() -> dict[str, str]:
    """What stands for itself in the addresses below."""
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")
    page.write(
        ("salary", "bank -100.00, anna 100.00", "accepted", {"description": "Salary", "metadata": {"invoice": "7"}}),
        ("too-much", "anna -500.00, bank 500.00", "below_floor"),
        ("rent", "anna -70.00, bank 70.00", "accepted"),
    )
    page.aggregate()
    page.seal()
    return {
        "book": Book.objects.get(id=page.book_id).name,
        "account": str(page.id("anna")),
        "operation": str(page.operation_id("rent")),
        "refused": str(page.operation_id("too-much")),
        "entry": str(Entry.objects.filter(book_id=page.book_id).order_by("id").values_list("id", flat=True)[0]),
    }


@pytest.mark.parametrize(
    "address",
    [
        "/admin/",
        "/admin/find/?s=anna",
        "/admin/accounts/account/?book={book}",
        "/admin/accounts/account/?book={book}&q=nobody",
        "/admin/accounts/account/{account}/change/?at=2026-01-01T00:00",
        "/admin/accounts/account/{account}/change/?key=nothing",
        "/admin/accounts/account/{account}/floor/",
        "/admin/accounts/account/{account}/status/close/",
        "/admin/accounts/account/{account}/correct/",
        "/admin/accounts/accountchange/?book={book}",
        "/admin/accounts/book/",
        "/admin/accounts/unit/",
        "/admin/accounts/unit/add/",
        "/admin/ledger/operation/?book={book}",
        "/admin/ledger/operation/?book={book}&key=nothing",
        "/admin/ledger/operation/{operation}/change/",
        "/admin/ledger/operation/{refused}/change/",
        "/admin/ledger/operation/{operation}/receipt/",
        "/admin/ledger/sealblock/?book={book}",
        "/admin/ledger/sealcheckpoint/?book={book}",
        "/admin/ledger/sealquarantine/?book={book}",
        "/admin/ledger/verification/",
        "/admin/ledger/operation/{operation}/reverse/",
        "/admin/ledger/operation/{operation}/correct/",
        "/admin/ledger/entry/?book={book}",
        "/admin/ledger/entry/{entry}/change/",
        "/admin/ledger/mark/",
        "/admin/ledger/snapshot/?book={book}",
        "/admin/security/approval/",
        "/admin/security/client/",
        "/admin/security/grant/",
        "/admin/security/grant/add/",
        "/admin/security/grant/import/",
        "/admin/accounts/account/import/",
        "/admin/auth/user/",
        "/admin/django_celery_beat/periodictask/",
    ],
)
def test_axe_finds_nothing(people: list[Person], places: dict[str, str], address: str) -> None:
    found = {}
    for person in people:
        person.go(address.format(**places))
        person.page.wait_for_timeout(300)
        found[person.theme] = person.violations()

    assert found == {"light": [], "dark": []}


def test_axe_would_find_something(people: list[Person]) -> None:
    people[0].go("/admin/accounts/book/")
    people[0].page.evaluate("document.querySelectorAll('main, #content')[0].innerHTML += '<img src=x><input>'")

    assert people[0].violations() != []
