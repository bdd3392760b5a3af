"""Conversion: facts in, draft out. Pure, so its laws are tried without a database."""

from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
from hypothesis import given

from accounts.money import format_amount
from ledger.contracts import Content, Entry, Kind, KnownAccount, Message, Original, PostedEntry, Refusal
from ledger.conversion import convert
from ledger.limits import ENTRIES_PER_OPERATION_MAX

KNOWN = {
    "anna": KnownAccount(1, "anna", "EUR", 2),
    "ben": KnownAccount(2, "ben", "EUR", 2),
    "yen": KnownAccount(3, "yen", "JPY", 0),
}


def message(*entries: Entry, reverses: int | None = None) -> Message:
    return Message(
        source_id=1,
        credential="",
        key="key",
        kind=Kind.OPERATION if reverses is None else Kind.REVERSAL,
        body=b"",
        message_hash=b"",
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        content=Content(entries),
        reverses=reverses,
    )


@pytest.mark.parametrize(
    ("entries", "refusal"),
    [
        ([("anna", "1.00")], None),
        ([("anna", "-1.00"), ("ben", "1.00")], None),
        ([("nobody", "1.00")], Refusal.ACCOUNT_UNKNOWN),
        ([("anna", "1.00", "JPY")], Refusal.UNIT_MISMATCH),
        ([("yen", "1.5")], Refusal.AMOUNT_SCALE),
        ([("anna", "-1.00"), ("ben", "1.01")], Refusal.UNBALANCED),
        ([("anna", "-1.00"), ("yen", "1")], Refusal.UNBALANCED),
        # The first fault in the order of the entries tells; balance is judged last.
        ([("yen", "1.5"), ("nobody", "1")], Refusal.AMOUNT_SCALE),
        ([("nobody", "1"), ("yen", "1.5")], Refusal.ACCOUNT_UNKNOWN),
        ([("anna", "5"), ("ben", "1", "USD")], Refusal.UNIT_MISMATCH),
        ([("nobody", "1")] * (ENTRIES_PER_OPERATION_MAX + 1), Refusal.TOO_MANY_ENTRIES),
    ],
)
def test_it_tells_entries_or_the_first_fault(entries: list[tuple[str, ...]], refusal: Refusal | None) -> None:
    draft = convert(message(*(Entry(*entry) for entry in entries)), KNOWN, {})

    assert draft.refusal is refusal
    assert len(draft.entries) == (0 if refusal else len(entries))


legs = st.lists(st.tuples(st.sampled_from(list(KNOWN)), st.integers(-99, 99).filter(bool)), min_size=1, max_size=6)


@given(legs)
def test_it_keeps_every_entry_in_order_and_takes_groups_that_are_zero_per_unit(legs: list[tuple[str, int]]) -> None:
    entries = [Entry(account, format_amount(minor, KNOWN[account].exponent)) for account, minor in legs]

    draft = convert(message(*entries), KNOWN, {})

    totals = {unit: sum(m for a, m in legs if KNOWN[a].unit == unit) for unit in ("EUR", "JPY")}
    if len(legs) == 1 or not any(totals.values()):
        assert [(account.code, minor) for account, minor in draft.entries] == legs
    else:
        assert (draft.refusal, draft.entries) == (Refusal.UNBALANCED, ())


@given(legs)
def test_it_reverses_every_entry_in_order(legs: list[tuple[str, int]]) -> None:
    posted = tuple(PostedEntry(number, KNOWN[account], minor) for number, (account, minor) in enumerate(legs))

    draft = convert(message(reverses=7), KNOWN, {7: Original(7, 1, reversible=True, entries=posted)})

    assert [(account.code, -minor) for account, minor in draft.entries] == legs
    assert convert(message(reverses=7), KNOWN, {7: Original(7, 1, reversible=False)}).refusal is Refusal.NOT_REVERSIBLE
