"""Changes of an account while posters go on: when the call returns, every later posting is judged by them.

A posting that had read the old attributes is held where it waits for a lock, so each race is run in slow motion.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ledger import account_changes
from ledger.account_changes import ChangeRefused
from tests.ledger.page import Page
from tests.ledger.slow_motion import Background, held, wait_until, waits


@pytest.fixture
def page() -> Page:
    page = Page.open_new("anna EUR", "ben EUR", "till EUR floor 0.00", "other-till EUR floor 0.00")
    page.write(("float", "till 100.00", "accepted"), ("other float", "other-till 100.00", "accepted"))
    return page


@contextmanager
def posting_under_way(page: Page, url: str, entries: str, till: str = "till") -> Iterator[Background]:
    """A posting that has read the accounts and waits for a till's lock, until `proceed` is called or the block ends."""
    waiting = waits(page, "advisory")
    with held(url, "SELECT pg_advisory_xact_lock(%s)", page.id(till)) as lock:
        posting = Background(lambda: page.accept([page.message(f"by {till}", f"{entries}, {till} -1.00, ben 1.00")]))
        posting.proceed = lock.commit
        wait_until(lambda: waits(page, "advisory") > waiting)
        yield posting


def assert_it_waits(change: Background) -> None:
    """Give a change that does not wait every opportunity to end."""
    for _ in range(20):
        assert change.running
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("changes", "seen", "told"),
    [
        ({"status": "frozen"}, "status = 'frozen'", None),
        ({"floor": "0.00"}, "gated", None),
        ({"status": "closed"}, "status = 'closing'", "balance_not_zero"),
    ],
)
def test_it_waits_for_a_posting_that_began_while_the_change_was_being_made(
    page: Page, changes: dict[str, str], seen: str, told: str | None, database_url: str, database_owner_url: str
) -> None:
    # The change is held between drawing its transaction id and its commit. The posting that begins meanwhile has a
    # younger transaction id, and yet it has read the old attributes.
    with held(database_owner_url, "LOCK TABLE accounts_account IN SHARE MODE") as table:
        change = Background(lambda: page.change("anna", **changes))
        wait_until(lambda: waits(page, "relation"))
        with posting_under_way(page, database_url, "anna -10.00, ben 10.00") as posting:
            table.commit()
            wait_until(lambda: page.query(f"SELECT FROM accounts_account WHERE id = %s AND {seen}", page.id("anna")))
            assert_it_waits(change)

    assert posting.wait() == ["accepted"]
    assert change.wait() == told
    page.shows("anna -10.00")
    if told:
        assert page.account("anna").status == "open"
    else:
        code = "account_frozen" if "status" in changes else "below_floor"
        page.write(("later", "anna -1.00, ben 1.00", code))


@pytest.mark.parametrize("changes", [{"status": "frozen"}, {"floor": "0.00"}])
def test_it_waits_again_when_it_is_asked_again_after_giving_up(
    page: Page, changes: dict[str, str], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with posting_under_way(page, database_url, "anna -10.00, ben 10.00") as posting:
        with monkeypatch.context() as impatient:
            impatient.setattr(account_changes, "WRITERS_END_SECONDS_MAX", 0.05)
            with pytest.raises(ChangeRefused) as refusal:
                page.change("anna", **changes)
        change = Background(lambda: page.change("anna", **changes))
        assert_it_waits(change)

    assert refusal.value.code == "writers_busy"
    assert (posting.wait(), change.wait()) == (["accepted"], None)


def test_it_does_not_close_an_account_that_was_opened_again_meanwhile(page: Page, database_url: str) -> None:
    with posting_under_way(page, database_url, "ben -1.00, ben 1.00"):
        change = Background(lambda: page.change("anna", status="closed"))
        wait_until(lambda: page.account("anna").status == "closing")
        assert_it_waits(change)
        opening = Background(lambda: page.change("anna", status="open"))
        wait_until(lambda: page.account("anna").status == "open")  # new postings enter, and the first does not know

    assert (change.wait(), opening.wait()) == ("changed_meanwhile", None)
    assert page.account("anna").status == "open"


def test_it_does_not_close_an_account_in_the_course_of_another_closing(page: Page, database_url: str) -> None:
    with posting_under_way(page, database_url, "ben -1.00, ben 1.00") as first_posting:
        first = Background(lambda: page.change("anna", status="closed"))
        wait_until(lambda: page.account("anna").status == "closing")
        opening = Background(lambda: page.change("anna", status="open"))
        wait_until(lambda: page.account("anna").status == "open")
        with posting_under_way(page, database_url, "anna -10.00, ben 10.00", till="other-till") as second_posting:
            second = Background(lambda: page.change("anna", status="closed"))
            wait_until(lambda: page.account("anna").status == "closing")

            first_posting.proceed()

            # It waited for the first posting only, and would find a balance of zero.
            assert (first.wait(), opening.wait()) == ("changed_meanwhile", None)

    assert second_posting.wait() == ["accepted"]
    assert second.wait() == "balance_not_zero"
    assert (page.account("anna").status, page.sum("anna")) == ("open", -1_000)


def test_it_does_not_disturb_postings_by_an_attempt_to_close_an_account_that_is_in_use(
    page: Page, database_url: str
) -> None:
    page.write(("gift", "anna 1.00", "accepted"))

    with posting_under_way(page, database_url, "ben -1.00, ben 1.00"):
        assert Background(lambda: page.change("anna", status="closed")).wait() == "balance_not_zero"

    changes = page.query(
        "SELECT after ->> 'status' FROM accounts_account_change WHERE account_id = %s", page.id("anna")
    )
    assert changes == [("open",)]
