"""What `all` may hold: the rows of one transaction, and the locks that it keeps to its end. Refused before anything happens."""

from collections.abc import Callable

import psycopg
import pytest

from massops import deciding, posting, reversal
from massops.lifecycle import Refused
from massops.models import MassOperation
from tests.ledger.poster import Poster
from tests.massops.desk import Desk

LOSERS = "".join(f"l{number},shop:{number},-0.50\n" for number in range(5))


@pytest.fixture
def shops(desk: Desk) -> Desk:
    """Five shops with a floor and something above it; bert has a floor, anna and the bank have none."""
    desk.page.open(*(f"shop:{number} EUR floor 0.00" for number in range(5)))
    desk.page.write(*((f"s{number}", f"shop:{number} 1.00", "accepted") for number in range(5)))
    return desk


def refusal_of(desk: Desk, found: MassOperation) -> Refused:
    with pytest.raises(Refused) as refused:
        desk.decide(found, "all")
    assert desk.read(found).state == "checked"
    return refused.value


def test_a_file_of_too_many_rows_says_so_at_the_check_and_is_refused_at_the_decision(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "ALL_OR_NOTHING_ROWS_MAX", 2)

    found = desk.upload("account,amount\nanna,1\nanna,2\nanna,3\n")

    sentence = "All or nothing is one transaction, of at most 2 rows; post each row by itself, or split the file."
    assert found.summary["notices"] == [sentence]
    refused = refusal_of(desk, found)
    assert (refused.code, str(refused)) == ("too_many_for_all", sentence)
    assert desk.post(found).rows_posted == 3


@pytest.mark.parametrize(
    ("rows", "locks"),
    [
        ("account,amount\nanna,-1\nbert,1\n", 0),
        ("account,amount\nshop:1,-0.10\nshop:1,-0.10\nshop:2,-0.10\nshop:3,1\n", 2),
        ("from,to,amount\nshop:1,anna,0.10\nanna,shop:2,1\nshop:1,shop:3,0.10\n", 1),
        ("from,to,amount\nanna,shop:1,-0.10\n", 1),
    ],
)
def test_the_check_counts_the_locks_that_the_posting_takes(
    shops: Desk, rows: str, locks: int, new_connection: Callable[..., psycopg.Connection]
) -> None:
    found = shops.upload(rows)

    assert (found.rows_bad, found.summary["locks"]) == (0, locks)
    assert locks_held(shops, found, new_connection()) == locks


def test_what_needs_more_locks_than_the_server_has_room_for_is_refused_before_anything_happens(
    shops: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "_LOCKS", "SELECT 8")  # half of them: 4
    found = shops.upload(f"key,account,amount\n{LOSERS}")

    refused = refusal_of(shops, found)

    assert refused.code == "too_many_locks_for_all"
    assert "would hold 5 locks" in str(refused)
    assert "room for 4" in found.summary["notices"][0]
    assert shops.post(found).rows_posted == 5


def test_each_reversal_is_a_lock(shops: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    done = shops.post(shops.upload("account,amount\n" + "shop:1,0.10\n" * 3 + "anna,1\n"))
    source = {"source_id": shops.page.source_id, "credential": "a desk"}

    made = shops.work(reversal.reverse(mass_operation_id=done.id, **source))

    assert made.summary["locks"] == 4 + 1  # shop:1 loses what it got
    monkeypatch.setattr(deciding, "_LOCKS", "SELECT 8")
    assert refusal_of(shops, made).code == "too_many_locks_for_all"


def test_the_room_is_a_share_of_what_the_server_says() -> None:
    ((locks, connections, prepared),) = [
        tuple(int(value) for value in row)
        for row in Desk.open_new("anna EUR").page.query(
            "SELECT current_setting('max_locks_per_transaction'), current_setting('max_connections'),"
            " current_setting('max_prepared_transactions')"
        )
    ]

    assert deciding._locks_for_all() == locks * (connections + prepared) // 2


def locks_held(desk: Desk, found: MassOperation, connection: psycopg.Connection) -> int:
    """Post the rows in a transaction that is never ended well, and count the advisory locks that it holds."""
    numbers = dict(desk.page.query("SELECT code, id FROM accounts_account WHERE book_id = %s", found.book_id))
    operations = [
        (
            message.key,
            [(numbers[entry.account], int(entry.amount.replace(".", ""))) for entry in message.content.entries],
        )
        for message in posting.messages_of(found, posting._rows(found, 0, found.rows_read))
    ]
    Poster(connection, book_id=found.book_id, source_id=found.source_id).post(*operations, all_or_nothing=True)
    held = connection.execute("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'")
    return int(held.fetchone()[0])
