"""The check of the grid: what it finds, what it must not say of accounts that move, and that it mends what it finds."""

from collections.abc import Callable

import pytest

from ledger import balances, grid, tasks
from metrics import instruments
from tests.ledger.page import Page


@pytest.fixture
def page() -> Page:
    """Two accounts whose balances are cached, and all that was recorded repeated."""
    page = Page.open_new("anna EUR floor -5.00", "bank EUR")
    page.write(("gift", "bank -7.00, anna 7.00", "accepted"))
    page.aggregate()
    for account in ("anna", "bank"):
        for _ in range(2):
            page.balance(account)
    return page


def results(page: Page) -> dict[str, str]:
    """What the check says of each account."""
    return {account: balances._compare(page.book_id, page.id(account)) for account in ("anna", "bank")}


def spoil(page: Page, account: str, field: str, value: str) -> None:
    """Write into the cached balance behind the service's back."""
    key = grid._key(page.book_id, page.id(account))
    assert grid.valkey.client().hget(key, "total") is not None, "it is cached"
    grid.valkey.client().hset(key, field, value)


def test_it_finds_cached_balances_the_same(page: Page) -> None:
    assert results(page) == {"anna": "same", "bank": "same"}


@pytest.mark.parametrize(("field", "value"), [("total", "701"), ("floor", "-600"), ("floor", "")])
def test_it_finds_a_difference_and_drops_the_balance(page: Page, field: str, value: str) -> None:
    spoil(page, "anna", field, value)

    assert results(page) == {"anna": "different", "bank": "same"}
    page.shows("anna 7.00, bank -7.00")
    assert results(page)["anna"] == "same"


def test_it_says_nothing_of_what_is_not_repeated_yet(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as away:
        away.setattr(grid, "tell", lambda **_: False)
        page.write(("lost on the way", "anna 1.00, bank -1.00", "accepted"))

    assert results(page) == {"anna": "moving", "bank": "moving"}
    page.aggregate()
    assert results(page) == {"anna": "same", "bank": "same"}


def test_it_says_nothing_of_an_account_that_moves_meanwhile(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    read = grid.read

    def write_first(**account: int) -> object:
        cached = read(**account)
        page.write(("meanwhile", "anna 1.00, bank -1.00", "accepted"))
        return cached

    monkeypatch.setattr(grid, "read", write_first)

    assert balances._compare(page.book_id, page.id("anna")) == "moving"


def test_a_check_that_looks_once_would_blame_a_moving_account(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without the second look and the mark, an entry on its way looks like a defect."""
    monkeypatch.setattr(grid, "repeated", lambda **_: 2**62)
    with monkeypatch.context() as away:
        away.setattr(grid, "tell", lambda **_: False)
        page.write(("lost on the way", "anna 1.00, bank -1.00", "accepted"))

    assert results(page) == {"anna": "different", "bank": "different"}


def walk() -> None:
    """Let the task look at every cached balance once."""
    tasks._grid_cursor = 0
    for _ in range(10_000):
        tasks.check_grid()
        if tasks._grid_cursor == 0:
            break


def test_the_task_walks_through_all_cached_balances(page: Page, counted: Callable[[str], float]) -> None:
    walk()  # what other tests left wrong is dropped
    spoil(page, "bank", "total", "1")
    before = counted("different")

    walk()

    assert counted("different") == before + 1
    page.shows("anna 7.00, bank -7.00")


def test_it_rests_while_the_grid_is_away(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    away = grid._Valkey()
    monkeypatch.setattr(grid, "valkey", away)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]

    assert balances.check_grid(cursor=7) == (0, {})


@pytest.fixture
def counted() -> Callable[[str], float]:
    """The value of the counter of one result."""
    return lambda result: instruments._grid_checks[result]._value.get()
