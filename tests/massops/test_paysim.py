"""Simulated mobile money as a mass operation: whoever has too little is refused, and never clamped to zero as in the file."""

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from accounts.money import parse_amount
from accounts.opening import NewAccount, open_accounts
from massops.rows.mapping import Amount, Cell, Mapping
from tests.massops.desk import Desk

OPENED_AT_ONCE = 1_000
# A cash-in goes the other way: the customer gets it.
PAYSIM = Mapping(
    from_account=Cell("nameOrig"),
    to_account=Cell("nameDest"),
    amount=Amount(column="amount", sign_column="type", negative_values=("CASH_IN",)),
    description=Cell("type"),
    metadata={"step": Cell("step")},
)


@pytest.mark.foreign
def test_it_refuses_each_debit_above_the_balance_and_keeps_every_total(foreign_data: Path) -> None:
    data = (foreign_data / "paysim" / "paysim_head.csv").read_bytes()
    rows = list(csv.DictReader(data.decode().splitlines()))
    desk, before = with_customers(rows)
    after, refused = played(rows, before)

    found = desk.upload(data, PAYSIM)
    assert (found.rows_read, found.rows_bad, found.summary["unknown"]) == (len(rows), 0, 0)
    done = desk.post(found)

    assert (done.state, done.rows_posted) == ("done", len(rows) - len(refused))
    assert 0 < done.refusals["below_floor"] == len(refused) < len(rows)
    lines = [number for number, (_, outcome, _) in enumerate(desk.results(done), 1) if outcome == "refused"]
    assert lines == refused
    assert balances(desk) == {code: minor for code, minor in after.items() if minor}
    assert sum(after.values()) == sum(before.values())
    # All or nothing posts none of it, and says which line was the first.
    again = desk.post(desk.upload(data, PAYSIM, again=True, own_keys=False), "all")
    assert (again.state, again.rows_posted) == ("failed", 0)
    assert "below_floor" in again.failure


def with_customers(rows: list[dict[str, str]]) -> tuple[Desk, Counter[str]]:
    """A book with everybody of the file: senders have a floor of zero and what the file says they had at first."""
    desk = Desk.open_new("bank EUR")
    had: dict[str, Decimal] = {}
    for row in rows:
        had.setdefault(row["nameOrig"], Decimal(row["oldbalanceOrg"]))
    floors = dict.fromkeys([row["nameDest"] for row in rows]) | dict.fromkeys(had, 0)
    accounts = [NewAccount(code, "EUR", "", {}, floor) for code, floor in floors.items()]
    for start in range(0, len(accounts), OPENED_AT_ONCE):
        block = accounts[start : start + OPENED_AT_ONCE]
        open_accounts(book_id=desk.page.book_id, source_id=desk.page.source_id, accounts=block)
    first = "".join(f"first:{code},bank,{code},{amount}\n" for code, amount in had.items() if amount)
    funded = desk.post(desk.upload("key,from,to,amount\n" + first))
    assert funded.rows_refused == 0
    balances_now = Counter({code: int(amount * 100) for code, amount in had.items()})
    balances_now["bank"] = -sum(balances_now.values())
    return desk, balances_now


def played(rows: list[dict[str, str]], before: Counter[str]) -> tuple[Counter[str], list[int]]:
    """What the balances must be after the rows in their order, and the numbers of the rows that must be refused."""
    now, refused = Counter(before), []
    floored = {row["nameOrig"] for row in rows}
    for number, row in enumerate(rows, 1):
        amount = parse_amount(str(Decimal(row["amount"])), 2)
        payer, payee = row["nameOrig"], row["nameDest"]
        if row["type"] == "CASH_IN":
            payer, payee = payee, payer
        if payer in floored and now[payer] < amount:
            refused.append(number)
            continue
        now[payer] -= amount
        now[payee] += amount
    return now, refused


def balances(desk: Desk) -> dict[str, int]:
    """The sum of the entries of every account of the book that has any left."""
    rows = desk.page.query(
        "SELECT a.code, sum(e.amount) FROM ledger_entry e"
        " JOIN accounts_account a ON a.book_id = e.book_id AND a.id = e.account_id"
        " WHERE e.book_id = %s GROUP BY a.code HAVING sum(e.amount) <> 0",
        desk.page.book_id,
    )
    return {code: int(minor) for code, minor in rows}
