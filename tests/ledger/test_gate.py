"""The gate far from the floor: a snapshot is enough, as long as nobody took more than the fast limit after it.

Every rule has its control: the same rows with the rule taken out of the function, and then the floor is broken. Amounts are
minor units; C is the most transactions that the server of the tests takes.
"""

from collections.abc import Callable

import psycopg
import pytest

from tests.ledger.hammers import crowd
from tests.ledger.poster import Poster, open_book
from tests.ledger.slow_motion import wait_until
from tests.servers import Database

JUDGE = "ledger_judge_floors_v1"
UNCOUNTED = (
    "pg_sequence_last_value('ledger_entry_id_seq'::regclass) - b.entry_id + others",
    "others",
)
UNFORGOTTEN = ("UPDATE accounts_account a SET fast_debit_since = NULL WHERE", "PERFORM FROM accounts_account a WHERE")
UNDATED = ("b.entry_id >= b.fast_debit_since AND", "b.fast_debit_since IS NOT NULL AND")


class Purse:
    """One account with floor 0 in a database of its own, that one poster takes from."""

    def __init__(self, database: Database) -> None:
        self.connection = psycopg.connect(database.owner_url, autocommit=True)
        self.book = open_book(database.owner_url, "anna EUR floor 0", "bank EUR")
        self.anna, self.bank = self.book.accounts.values()
        self.poster = Poster(self.connection, book_id=self.book.id, source_id=self.book.source_id)
        sessions, prepared = (
            int(str(self.ask(f"SHOW {name}"))) for name in ("max_connections", "max_prepared_transactions")
        )
        self.others = sessions + prepared - 1
        self.number = 0

    def ask(self, statement: str, *parameters: object) -> object:
        row = self.connection.execute(statement, parameters).fetchone()
        return row and row[0]

    def gains(self, amount: int) -> None:
        assert self._post(self.anna, amount) == "accepted"

    def takes(self, amount: int) -> str:
        """Take so much; what became of it and which way."""
        before = self.poster.gates.copy()
        outcome = self._post(self.anna, -amount)
        (way,) = self.poster.gates - before
        return f"{outcome}, {way}"

    def takes_all(self, count: int, amount: int) -> None:
        assert {self.takes(amount).partition(",")[0] for _ in range(count)} == {"accepted"}

    def limit(self, amount: int) -> None:
        """Fix the limit by hand."""
        self.ask(
            "SELECT ledger_change_account_v1(%s, %s, NULL, 'a test', jsonb_build_object('fast_debit_limit', %s::text))",
            *(self.book.id, self.anna, amount),
        )

    def span(self) -> None:
        """Find an id above which no call took more than the limit, as the aggregator does."""
        self.ask("SELECT ledger_set_fast_limit_v2(%s, %s, 1)", self.book.id, self.anna)

    def snapshot(self) -> None:
        """Over everything so far; a mark waits for the transactions of other databases of the server, too."""
        newest = self.ask("SELECT last_value FROM ledger_entry_id_seq")
        self.ask("SELECT ledger_take_mark_v1()")
        wait_until(
            lambda: (
                self.ask("SELECT ledger_aggregate_v1(%s, ledger_close_marks_v1(), p_tail => 1)", self.book.id) == newest
            )
        )

    def since(self) -> object:
        return self.ask("SELECT fast_debit_since FROM accounts_account WHERE id = %s", self.anna)

    def balance(self) -> object:
        return self.ask("SELECT sum(amount) FROM ledger_entry WHERE account_id = %s", self.anna)

    def _post(self, account: int, amount: int) -> str:
        self.number += 1
        return self.poster.post((f"{self.number}", [(account, amount)]))[0]


@pytest.fixture
def purse(scratch: Database) -> Purse:
    return Purse(scratch)


def _fund(purse: Purse, *, limit: int, more: int) -> None:
    """A fixed limit, a snapshot after it was fixed, and so much more than others may have in flight."""
    purse.gains(purse.others * limit + more)
    purse.limit(limit)
    purse.span()
    purse.snapshot()


def _takes_what_is_left_at_once(purse: Purse) -> str:
    """A call above the limit leaves one unit: after it the snapshot says too much."""
    _fund(purse, limit=10, more=1_000)
    assert purse.takes(purse.others * 10 + 1_000 - 1) == "accepted, exclusive"
    assert purse.takes(1).startswith("accepted")
    return purse.takes(1)


def _takes_what_is_left_by_and_by(purse: Purse) -> str:
    """Calls within the limit take everything, while there is no newer snapshot."""
    _fund(purse, limit=10, more=1_000)
    purse.takes_all(purse.others + 100, 10)
    return purse.takes(1)


def _takes_what_is_left_before_the_limit_is_lowered(purse: Purse) -> str:
    """Calls within the first limit take everything; then the limit is lowered, and there is no newer snapshot."""
    _fund(purse, limit=10, more=1_000)
    purse.takes_all(purse.others + 100, 10)
    purse.limit(1)
    purse.span()
    return purse.takes(1)


STORIES = [
    (_takes_what_is_left_at_once, UNFORGOTTEN),
    (_takes_what_is_left_by_and_by, UNCOUNTED),
    (_takes_what_is_left_before_the_limit_is_lowered, UNDATED),
]


@pytest.mark.parametrize("story", [story for story, _ in STORIES])
def test_it_refuses_the_next_unit_when_all_is_taken(story: Callable[[Purse], str], purse: Purse) -> None:
    assert story(purse) == "below_floor, exclusive"
    assert purse.balance() == 0


@pytest.mark.parametrize(("story", "rule"), STORIES)
def test_its_control_takes_the_unit_below_the_floor(
    story: Callable[[Purse], str], rule: tuple[str, str], purse: Purse, scratch: Database
) -> None:
    crowd.break_function(scratch, JUDGE, rule)

    assert story(purse) == "accepted, by snapshot"
    assert purse.balance() == -1


def test_it_goes_by_snapshot_until_the_ids_that_were_drawn_use_up_the_headroom(purse: Purse) -> None:
    _fund(purse, limit=10, more=100)

    # Ten for what it takes itself, and for each id after the snapshot ten of the ninety.
    assert [purse.takes(10) for _ in range(11)] == ["accepted, by snapshot"] * 10 + ["accepted, exclusive"]
    purse.gains(1_000)
    assert purse.takes(10) == "accepted, shared"
    purse.snapshot()
    assert purse.takes(10) == "accepted, by snapshot"


def test_ids_of_other_accounts_count_too(purse: Purse) -> None:
    _fund(purse, limit=10, more=100)

    for _ in range(10):
        purse._post(purse.bank, 1)

    assert purse.takes(10) == "accepted, shared"


def test_it_is_unknown_after_more_was_taken_and_found_anew_by_the_aggregator(purse: Purse) -> None:
    _fund(purse, limit=10, more=1_000)
    first = purse.since()
    assert first is not None

    assert purse.takes(11) == "accepted, exclusive"
    assert purse.since() is None
    purse.snapshot()
    assert purse.takes(1) == "accepted, shared"

    purse.span()
    assert purse.since() > first  # type: ignore[operator]
    assert purse.takes(1) == "accepted, shared"  # the snapshot is older
    purse.snapshot()
    assert purse.takes(1) == "accepted, by snapshot"


@pytest.mark.parametrize(("limit", "stays"), [(9, False), (10, True), (11, True)])
def test_a_smaller_limit_makes_it_unknown_whoever_sets_it(limit: int, stays: bool, purse: Purse) -> None:
    _fund(purse, limit=10, more=1_000)

    purse.connection.execute("UPDATE accounts_account SET fast_debit_limit = %s WHERE id = %s", (limit, purse.anna))

    assert (purse.since() is not None) == stays


def test_a_call_counts_with_all_its_decrements_against_the_limit(purse: Purse) -> None:
    _fund(purse, limit=10, more=1_000)

    def take(*amounts: int) -> str:
        purse.number += 1
        before = purse.poster.gates.copy()
        purse.poster.post(
            *((f"{purse.number}.{place}", [(purse.anna, -amount)]) for place, amount in enumerate(amounts))
        )
        (way,) = purse.poster.gates - before
        return way

    assert take(4, 6) == "by snapshot"
    assert take(4, 7) == "exclusive"
    assert purse.since() is None
