"""Laws of the ledger, tried on stories that nobody thought of: conservation, idempotence, order, and one reference.

The reference is the ledger in twenty lines of Python without a database: what it says is what must come out.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from ledger import aggregates, balances, queries
from ledger.aggregates import Drift
from ledger.queries import Window
from tests.ledger.page import Page

FLOORS = {"anna": 0, "ben": -300, "carl": 150, "bank": None, "till": None}
EURO_ACCOUNTS = [*FLOORS]
DOLLAR_ACCOUNTS = ["anna-usd", "bank-usd"]

amounts = st.integers(1, 400)
Entries = tuple[tuple[str, int], ...]


@st.composite
def groups(draw: st.DrawFn) -> Entries:
    """Entries that add up to zero, on one unit or on two."""
    entries: list[tuple[str, int]] = []
    for accounts in draw(st.sampled_from([[EURO_ACCOUNTS], [EURO_ACCOUNTS, DOLLAR_ACCOUNTS]])):
        legs = draw(
            st.lists(
                st.tuples(st.sampled_from(accounts), amounts.map(lambda n: n - 200).filter(bool)),
                min_size=1,
                max_size=4,
            )
        )
        rest = -sum(amount for _, amount in legs)
        entries += legs
        if rest:
            entries.append((draw(st.sampled_from(accounts)), rest))
    return tuple(draw(st.permutations(entries)))


singles = st.tuples(st.tuples(st.sampled_from(EURO_ACCOUNTS), st.integers(-400, 400).filter(bool)))
operations = st.one_of(groups(), singles)
# What a client sends: operations under few keys, so that keys are repeated and reused, in batches of either mode.
keyed = st.tuples(st.integers(1, 12).map(lambda number: f"key {number}"), operations)
batches = st.lists(st.tuples(st.lists(keyed, min_size=1, max_size=6), st.booleans()), max_size=8)


class Reference:
    """The ledger, as the design says it."""

    def __init__(self) -> None:
        self.balances: defaultdict[str, int] = defaultdict(int)
        self.outcomes: dict[str, tuple[Entries, str]] = {}

    def post(self, batch: list[tuple[str, Entries]], *, all_or_nothing: bool) -> list[str]:
        new: dict[str, tuple[Entries, str]] = {}
        told, balances = [], self.balances.copy()
        for key, entries in batch:
            known = self.outcomes.get(key) or new.get(key)
            if known is None:
                new[key] = (entries, self._judge(entries, balances))
                told.append((key, ""))
            else:
                told.append((key, " again" if known[0] == entries else "key_reused"))
        bad = any(outcome != "accepted" for _, outcome in new.values()) or any(
            again == "key_reused" or (key in self.outcomes and self.outcomes[key][1] != "accepted")
            for key, again in told
        )
        if all_or_nothing and bad:
            new = {key: (entries, "batch_refused" if was == "accepted" else was) for key, (entries, was) in new.items()}
        else:
            self.balances = balances
        self.outcomes |= new
        return [again if again == "key_reused" else self.outcomes[key][1] + again for key, again in told]

    def _judge(self, entries: Entries, balances: defaultdict[str, int]) -> str:
        units = {account: account.endswith("-usd") for account, _ in entries}
        if len(entries) > 1 and any(sum(n for a, n in entries if units[a] == unit) for unit in units.values()):
            return "unbalanced"
        net: defaultdict[str, int] = defaultdict(int)
        for account, amount in entries:
            net[account] += amount
        for account, amount in net.items():
            floor = FLOORS.get(account)
            if floor is not None and amount < 0 and balances[account] + amount < floor:
                return "below_floor"
        for account, amount in net.items():
            balances[account] += amount
        return "accepted"


def open_page() -> Page:
    euros = [f"{name} EUR" + ("" if floor is None else f" floor {floor / 100:.2f}") for name, floor in FLOORS.items()]
    return Page.open_new(*euros, *(f"{name} USD" for name in DOLLAR_ACCOUNTS))


def written(entries: Entries) -> str:
    return ", ".join(f"{account} {amount / 100:.2f}" for account, amount in entries)


def totals(page: Page) -> dict[str, int]:
    return {name: page.sum(name) for name in [*EURO_ACCOUNTS, *DOLLAR_ACCOUNTS]}


def post(page: Page, batch: list[tuple[str, Entries]], *, all_or_nothing: bool = False) -> list[str]:
    messages = [page.message(key, written(entries)) for key, entries in batch]
    return page.accept(messages, all_or_nothing=all_or_nothing)


@given(batches)
@settings(max_examples=30)
def test_it_does_what_the_reference_does(story: list[tuple[list[tuple[str, Entries]], bool]]) -> None:
    page, reference = open_page(), Reference()

    for batch, all_or_nothing in story:
        expected = reference.post(batch, all_or_nothing=all_or_nothing)
        assert post(page, batch, all_or_nothing=all_or_nothing) == expected

    assert totals(page) == {name: reference.balances[name] for name in totals(page)}
    assert page.count("ledger_operation") == len(reference.outcomes)


@given(st.lists(groups(), max_size=12), st.data())
@settings(max_examples=15)
def test_it_conserves_every_unit(story: list[Entries], data: st.DataObject) -> None:
    page = open_page()

    post(page, [(f"{number}", entries) for number, entries in enumerate(story)])
    accepted = page.query("SELECT key FROM ledger_operation WHERE book_id = %s AND outcome = 'accepted'", page.book_id)
    for (key,) in accepted:
        if data.draw(st.booleans()):
            page.accept([page.message(f"undo {key}", f"reverse {key}")])

    found = totals(page)
    assert sum(found[name] for name in EURO_ACCOUNTS) == 0
    assert sum(found[name] for name in DOLLAR_ACCOUNTS) == 0


@given(st.lists(operations, max_size=10), st.data())
@settings(max_examples=15)
def test_it_does_the_same_however_often_and_in_whatever_batches_it_is_sent(
    story: list[Entries], data: st.DataObject
) -> None:
    once, often = open_page(), open_page()
    sent = [(f"{number}", entries) for number, entries in enumerate(story)]
    for row in sent:
        post(once, [row])

    done = 0
    while done < len(sent):
        upto = data.draw(st.integers(done + 1, len(sent)))
        repeated = data.draw(st.lists(st.sampled_from(sent[:upto]), max_size=4))
        post(often, sent[done:upto] + repeated)
        done = upto

    statement = "SELECT key, outcome FROM ledger_operation WHERE book_id = %s ORDER BY key"
    assert often.query(statement, often.book_id) == once.query(statement, once.book_id)
    assert totals(often) == totals(once)


@given(st.lists(st.tuples(st.sampled_from(["bank", "till"]), amounts), max_size=10), st.data())
@settings(max_examples=10)
def test_it_does_not_care_for_the_order_where_there_is_no_floor(
    story: list[tuple[str, int]], data: st.DataObject
) -> None:
    first, second = open_page(), open_page()
    sent = [(f"{number}", ((account, amount),)) for number, (account, amount) in enumerate(story)]

    post(first, sent)
    for row in data.draw(st.permutations(sent)):
        post(second, [row])

    assert totals(first) == totals(second)


days = st.integers(-400, 0)


@given(st.lists(st.one_of(st.tuples(operations, days), st.just("aggregate"), st.just("rebuild")), max_size=20))
@settings(max_examples=15)
def test_it_answers_the_sum_of_entries_from_every_cache_and_aggregate(story: list[Any]) -> None:
    page = open_page()
    now = datetime.now(UTC)
    for number, step in enumerate(story):
        if step == "aggregate":
            page.aggregate()
        elif step == "rebuild":
            aggregates.rebuild(book_id=page.book_id)
        else:
            entries, day = step
            effective_at = (now + timedelta(days=day)).isoformat()
            page.accept([page.message(f"{number}", written(entries), {"effective_at": effective_at})])

    assert aggregates.drift(book_id=page.book_id) == Drift(0, 0)
    expected = totals(page)
    late = datetime.now(UTC) + timedelta(days=1)
    for name, total in expected.items():
        account = {"book_id": page.book_id, "account_id": page.id(name)}
        newest = queries.history(**account, since=None, until=None, window=Window(rows=1))
        assert [row.balance_minor for row in newest] == [total] * len(newest)
        assert (
            page.balance(name).minor
            == page.balance(name).minor
            == balances.at(**account, moment=late).minor
            == balances.at_effective(**account, moment=late).minor
            == total
        )
