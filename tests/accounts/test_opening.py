"""Opening accounts: attributes in, one result each out, and the same again is the same account."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from django.db import connection
from hypothesis import given

from accounts.limits import CODE_CHARACTERS_MAX
from accounts.models import Account, Book
from accounts.opening import NewAccount, is_account_code, open_accounts
from accounts.queries import account_by_code, accounts_page, facts_by_code, facts_by_id
from tests.ledger.page import Page

ANNA = NewAccount("anna", "EUR", "Anna", {"team": "red"}, -500)


@pytest.fixture
def page() -> Page:
    return Page.open_new()


def opened(page: Page, *accounts: NewAccount) -> list[str]:
    return [str(result) for result in open_accounts(book_id=page.book_id, source_id=page.source_id, accounts=accounts)]


def test_it_opens_accounts_in_input_order(page: Page) -> None:
    names = ["carl", "anna", "ben"]

    assert opened(page, *(replace(ANNA, code=name) for name in names)) == ["created"] * 3

    ids = facts_by_code(book_id=page.book_id, codes=names)
    assert facts_by_id(book_id=page.book_id, ids=[facts.id for facts in ids.values()]).keys() == {
        facts.id for facts in ids.values()
    }


def test_it_keeps_every_attribute(page: Page) -> None:
    opened(page, ANNA)

    account = account_by_code(book_id=page.book_id, code="anna")
    assert (account.unit.code, account.name, account.metadata, account.floor) == ("EUR", "Anna", {"team": "red"}, -500)
    assert (account.status, account.gated, account.fast_debit_limit) == ("open", True, None)


def test_it_does_not_gate_an_account_without_a_floor(page: Page) -> None:
    opened(page, replace(ANNA, floor_minor=None))

    assert account_by_code(book_id=page.book_id, code="anna").gated is False


@pytest.mark.parametrize(
    ("again", "result"),
    [
        (ANNA, "exists"),
        (replace(ANNA, unit="USD"), "account_exists"),
        (replace(ANNA, name="Another Anna"), "account_exists"),
        (replace(ANNA, metadata={}), "account_exists"),
        (replace(ANNA, metadata={"team": "blue"}), "account_exists"),
        (replace(ANNA, floor_minor=None), "account_exists"),
        (replace(ANNA, floor_minor=-501), "account_exists"),
        (replace(ANNA, code="Anna"), "created"),
        (replace(ANNA, code="anna."), "created"),
        (replace(ANNA, unit="NONE"), "unit_unknown"),
    ],
)
def test_it_is_the_same_account_only_with_the_same_attributes(page: Page, again: NewAccount, result: str) -> None:
    opened(page, ANNA)
    before = Account.objects.filter(book_id=page.book_id, code="anna").values().get()

    assert opened(page, again) == [result]

    assert Account.objects.filter(book_id=page.book_id, code="anna").values().get() == before


def test_it_handles_a_code_twice_in_one_batch(page: Page) -> None:
    told = opened(page, ANNA, replace(ANNA, code="ben"), ANNA, replace(ANNA, name="Another Anna"))

    assert told == ["created", "created", "exists", "account_exists"]


def test_it_tells_each_its_own_result(page: Page) -> None:
    opened(page, ANNA)

    told = opened(
        page, replace(ANNA, unit="NONE"), replace(ANNA, code="ben"), ANNA, replace(ANNA, unit="XXX1", code="carl")
    )

    assert told == ["unit_unknown", "created", "exists", "unit_unknown"]
    assert facts_by_code(book_id=page.book_id, codes=["anna", "ben", "carl"]).keys() == {"anna", "ben"}


def test_what_is_kept_of_accounts_names_each_unit_by_one_text(page: Page) -> None:
    opened(page, ANNA, replace(ANNA, code="ben"))

    anna, ben = facts_by_code(book_id=page.book_id, codes=["anna", "ben"]).values()

    assert anna.unit == "EUR"
    assert anna.unit is ben.unit


def test_it_opens_nothing_for_nothing(page: Page) -> None:
    assert opened(page) == []


def test_it_keeps_books_apart(page: Page) -> None:
    elsewhere = Page.open_new()

    assert opened(page, ANNA) == opened(elsewhere, replace(ANNA, unit="USD")) == ["created"]


def test_it_opens_ten_thousand_at_once(page: Page) -> None:
    told = opened(page, *(replace(ANNA, code=f"user:{number}") for number in range(10_000)))

    assert told == ["created"] * 10_000


def test_it_opens_each_account_once_for_many_callers_with_different_orders(page: Page) -> None:
    accounts = [replace(ANNA, code=f"user:{number}") for number in range(200)]

    def call(seed: int) -> list[str]:
        try:
            own = accounts if seed % 2 else accounts[::-1]
            return opened(page, *own[seed:], *own[:seed])
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        told = Counter(result for results in threads.map(call, range(8)) for result in results)

    assert told == {"created": 200, "exists": 1_400}


def test_it_records_who_opened_an_account_and_with_what(page: Page) -> None:
    opened(page, ANNA)
    opened(page, ANNA, replace(ANNA, name="Another Anna"))

    rows = page.query(
        "SELECT source_id, reason, before, after FROM accounts_account_change WHERE book_id = %s", page.book_id
    )
    after = '{"name": "Anna", "floor": "-500", "status": "open", "metadata": {"team": "red"}, "fast_debit_limit": null}'
    assert rows == [(page.source_id, "opened", None, after)]


@pytest.mark.parametrize(
    "code",
    [
        "a",
        "user:42:wallet",
        "ünïcödé",
        "用户:钱包",
        "a.b_c-d:e",
        "1",
        "-",
        ":",
        "é",
        "e\u0301",
        "x" * CODE_CHARACTERS_MAX,
    ],
)
def test_it_takes_letters_and_digits_of_any_script_and_four_signs_as_a_code(page: Page, code: str) -> None:
    assert is_account_code(code)

    assert opened(page, replace(ANNA, code=code)) == ["created"]
    assert account_by_code(book_id=page.book_id, code=code).code == code


@pytest.mark.parametrize(
    "code",
    [
        "",
        " ",
        "a b",
        "a/b",
        "a\n",
        "a\0",
        "\u200b",
        "a\u202eb",
        "a,b",
        "a;b",
        "€",
        "😀",
        "x" * (CODE_CHARACTERS_MAX + 1),
        "\ud800",
    ],
)
def test_it_takes_nothing_else_as_a_code(code: str) -> None:
    assert not is_account_code(code)


@given(st.text(min_size=1, max_size=20))
def test_it_takes_no_code_with_a_blank_or_control_character(text: str) -> None:
    if is_account_code(text):
        assert text.isprintable() or not any(character.isspace() for character in text)
        assert not any(ord(character) < 33 for character in text)


def test_it_lists_accounts_by_code_in_both_directions(page: Page) -> None:
    codes = ["a:1", "a:2", "a:3", "b:1", "b:2", "B", "é", "😀".encode().hex()]
    opened(page, *(replace(ANNA, code=code) for code in codes))
    everything = {"book_id": page.book_id, "prefix": "", "unit": None, "status": None, "beyond": None, "rows": 100}

    def listed(**asked: object) -> list[str]:
        return [account.code for account in accounts_page(**{**everything, "ascending": True, **asked})]

    in_order = sorted(codes, key=str.encode)
    assert listed() == in_order
    assert listed(ascending=False) == in_order[::-1]
    assert listed(prefix="a:") == ["a:1", "a:2", "a:3"]
    assert listed(prefix="a:", beyond="a:1", rows=1) == ["a:2"]
    assert listed(prefix="a:", beyond="a:3", ascending=False) == ["a:2", "a:1"]
    assert listed(unit="EUR") == in_order
    assert listed(unit="USD") == listed(status="frozen") == listed(prefix="zz") == []


def test_it_knows_a_book_named_main_and_the_currencies_of_iso_4217() -> None:
    assert Book.objects.filter(name="main").exists()
    page = Page.open_new("yen JPY", "euro EUR", "dinar BHD", "franc CHF", "peso CLP", "rial IRR")

    assert {name: page.facts(name).exponent for name in ("yen", "euro", "dinar", "franc", "peso", "rial")} == {
        "yen": 0,
        "euro": 2,
        "dinar": 3,
        "franc": 2,
        "peso": 0,
        "rial": 2,
    }


def test_it_looks_an_account_up_by_a_prepared_statement(page: Page) -> None:
    """Every account has a first time in every process, and planning would take longer than looking."""
    connection.close()  # what another test prepared on this thread's connection is gone with it

    assert facts_by_code(book_id=page.book_id, codes=["nobody"]) == {}

    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        assert any("accounts_account" in statement for (statement,) in cursor.fetchall())
