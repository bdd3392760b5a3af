"""A message that the service never read (put in by SQL) and that is no JSON is shown as raw text; no page, no export breaks."""

import pytest

from ledger.messages import description_of
from tests.ledger.page import Page


@pytest.mark.parametrize(
    ("message", "description"),
    [
        (b"", None),
        (b"{}", None),
        (b'{"description":"Rent","entries":[]}', "Rent"),
        (b"no json", "no json"),
        (b'{"description":7}', '{"description":7}'),
        (b"\xff\x00bytes", "\ufffd\ufffdbytes"),
        (b"x" * 5_000, "x" * 1_000),
    ],
)
def test_a_description_is_what_the_message_says_or_the_message(message, description):
    assert description_of(message) == description


@pytest.fixture
def page(superuser_connection) -> Page:
    page = Page.open_new("anna EUR", "bank EUR")
    page.write(("salary", "bank -100.00, anna 100.00", "accepted", {"description": "Salary"}))
    page.write(("strange", "bank -1.00, anna 1.00", "accepted"))
    found = superuser_connection.execute(
        "SELECT tableoid::regclass::text FROM ledger_operation WHERE book_id = %s AND key = 'strange'", (page.book_id,)
    ).fetchone()
    superuser_connection.execute(f"ALTER TABLE {found[0]} DISABLE TRIGGER appendonly_update")
    try:
        superuser_connection.execute(
            f"UPDATE {found[0]} SET message = %s WHERE book_id = %s AND key = 'strange'",
            (b"not \xff json", page.book_id),
        )
    finally:
        superuser_connection.execute(f"ALTER TABLE {found[0]} ENABLE ALWAYS TRIGGER appendonly_update")
    return page


def test_pages_and_exports_show_it_as_raw_text(browser, page):
    from accounts.models import Book  # noqa: PLC0415 - see tests/conftest.py

    account = f"/admin/accounts/account/{page.id('anna')}"
    book = Book.objects.get(id=page.book_id).name

    history = browser.get(f"{account}/change/").content.decode()
    files = [
        b"".join(browser.get(address).streaming_content).decode()
        for address in (f"{account}/export/?format=csv", f"/admin/ledger/operation/export/?book={book}&format=csv")
    ]

    for text in (history, *files):
        assert "Salary" in text
        assert "not \ufffd json" in text
    assert browser.get(f"/admin/ledger/operation/{page.operation_id('strange')}/change/").status_code == 200
