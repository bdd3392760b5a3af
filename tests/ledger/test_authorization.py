"""Grants at the one door: a page of a ledger, written by a sender who may do some things and not others."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from ledger import pipeline, queries
from ledger.contracts import Message
from security.rights import Rights, Rule
from tests.ledger.page import Page


def rights(*lines: str) -> Rights:
    """Grants as lines: `debit shop: EUR 10.00 25.00`, the largest amount and the sum per day last, `-` for none."""
    rules = []
    for line in lines:
        action, prefix, unit, *limits = [*line.split(), "-", "-"][:5]
        amounts = [None if limit == "-" else Decimal(limit) for limit in limits]
        rules.append(Rule(next(_ids), action, "" if prefix == "*" else prefix, "" if unit == "*" else unit, *amounts))
    return Rights(rules)


_ids = iter(range(int(datetime.now(UTC).timestamp() * 1_000_000), 2**62))  # a grant's sum per day must be its own


def told(page: Page, own: Rights, rows: Sequence[tuple[str, str]], *, all_or_nothing: bool = False) -> list[str]:
    """Pass rows through the door in one batch, as a sender with these rights."""
    batch = [bound(page.message(key, entries), own) for key, entries in rows]
    return page.accept(batch, all_or_nothing=all_or_nothing)


def bound(message: Message, own: Rights) -> Message:
    return msgspec.structs.replace(message, rights=own)


@pytest.fixture
def page():
    return Page.open_new("shop:1 EUR", "shop:2 EUR", "shop:dollars USD", "bank EUR")


def test_it_refuses_just_the_items_that_no_grant_allows(page):
    own = rights("credit shop: EUR", "debit shop:1 EUR")

    outcomes = told(
        page,
        own,
        [
            ("in", "shop:1 5"),
            ("out", "shop:1 -1"),
            ("in 2", "shop:2 5"),
            ("out 2", "shop:2 -1"),
            ("bank", "bank 5"),
            ("pay", "shop:1 -1, shop:2 1"),
            ("pay bank", "shop:1 -1, bank 1"),
            ("dollars", "shop:dollars 1"),
        ],
    )

    no = "forbidden_account"
    assert outcomes == ["accepted", "accepted", "accepted", no, no, "accepted", no, no]
    page.shows("shop:1 3.00, shop:2 6.00, bank 0.00")


def test_it_tells_an_account_that_is_not_there_only_to_who_could_use_it(page):
    own = rights("credit shop: EUR")

    assert told(page, own, [("a", "shop:9 1"), ("b", "bank 1"), ("c", "bonk 1"), ("d", "shop:9 1, bonk -1")]) == [
        "account_unknown",
        "forbidden_account",
        "forbidden_account",
        "forbidden_account",
    ]


def test_nothing_else_that_is_wrong_tells_of_an_account_without_a_grant(page):
    own = rights("credit shop:1 EUR 10.00", "debit shop:1 EUR")

    rows = [
        ("unit", "bank 1 USD"),
        ("scale", "bank 1.001"),
        ("unbalanced", "shop:1 2, bank -1"),
        ("unknown beside", "shop:1 1, bank -1, bonk 1"),
        ("too much beside", "shop:1 11, bank -11"),
    ]
    assert told(page, own, rows) == ["forbidden_account"] * len(rows)
    assert told(page, rights("credit * *"), [(f"{key}, with a grant", entries) for key, entries in rows[:2]]) == [
        "unit_mismatch",
        "amount_scale",
    ]


def test_a_replay_is_answered_like_the_first_time_whatever_became_of_the_grant(page):
    wide, none = rights("credit * *"), rights()

    first = told(page, wide, [("a", "shop:1 1"), ("b", "shop:9 1")])
    refused = told(page, none, [("c", "shop:1 1")])
    again = told(page, none, [("a", "shop:1 1"), ("b", "shop:9 1")])
    allowed_now = told(page, wide, [("c", "shop:1 1")])

    assert first == ["accepted", "account_unknown"]
    assert again == ["accepted again", "account_unknown again"]
    assert (refused, allowed_now) == (["forbidden_account"], ["forbidden_account again"])


def test_a_refusal_is_stored_with_its_message(page):
    told(page, rights(), [("a", "shop:1 1")])

    operation, entries = queries.operation_with_entries(book_id=page.book_id, operation_id=page.operation_id("a"))
    assert (operation.outcome, entries) == ("forbidden_account", [])


def test_all_or_nothing_means_it(page):
    own = rights("credit shop: EUR")

    assert told(page, own, [("a", "shop:1 1"), ("b", "bank 1")], all_or_nothing=True) == [
        "batch_refused",
        "forbidden_account",
    ]


@pytest.mark.parametrize(
    ("grants", "entries", "outcome"),
    [
        (["credit * EUR 10"], "shop:1 10.00", "accepted"),
        (["credit * EUR 10"], "shop:1 10.01", "limit_exceeded"),
        (["credit * EUR 10", "debit * EUR 5"], "shop:1 -5.01, bank 5.01", "limit_exceeded"),
        (["credit * EUR 10", "debit * EUR 5"], "shop:1 -5.00, bank 5.00", "accepted"),
        # An exception up, and one down.
        (["credit * EUR 10", "credit shop:1 EUR 100"], "shop:1 50", "accepted"),
        (["credit * EUR 10", "credit shop:1 EUR 1"], "shop:1 5", "limit_exceeded"),
        (["credit * EUR 10", "credit shop:1 EUR"], "shop:1 5000", "accepted"),
        # What is smaller than a cent does not count.
        (["credit * EUR 1.009"], "shop:1 1.00", "accepted"),
        (["credit * EUR 1.009"], "shop:1 1.01", "limit_exceeded"),
        (["credit * EUR 0.001"], "shop:1 0.01", "limit_exceeded"),
        # Each entry is a single amount, the sum of a day is of all of them.
        (["credit * EUR 10"], "shop:1 10, shop:2 10, bank -20", "forbidden_account"),
        (["credit * EUR 10", "debit * *"], "shop:1 10, shop:2 10, bank -20", "accepted"),
        (["credit * EUR - 19", "debit * *"], "shop:1 10, shop:2 10, bank -20", "limit_exceeded"),
    ],
)
def test_a_single_amount_has_its_limit(page, grants, entries, outcome):
    assert told(page, rights(*grants), [("a", entries)]) == [outcome]


def test_a_sum_per_day_counts_what_was_accepted_in_the_order_of_the_batch(page):
    own = rights("credit shop: EUR - 100", "debit * *")

    first = told(page, own, [("a", "shop:1 60"), ("b", "shop:2 50"), ("c", "shop:1 40"), ("d", "shop:1 0.01")])
    second = told(page, own, [("a", "shop:1 60"), ("e", "shop:1 0.01"), ("f", "shop:1 -5")])

    assert first == ["accepted", "limit_exceeded", "accepted", "limit_exceeded"]
    assert second == ["accepted again", "limit_exceeded", "accepted"]
    assert spent(page, own) == [100_00]


def test_what_is_refused_for_another_reason_counts_nothing(page):
    page.open("floored EUR floor 0.00")
    own = rights("debit * EUR - 10", "credit * *")

    assert told(page, own, [("a", "floored -10"), ("b", "shop:1 -10")]) == ["below_floor", "accepted"]


def test_a_batch_that_is_refused_as_a_whole_counts_nothing(page):
    own = rights("credit shop: EUR - 10")

    by_another = told(page, own, [("a", "shop:1 10"), ("b", "shop:9 1")], all_or_nothing=True)
    by_the_sum = told(page, own, [("c", "shop:1 10"), ("d", "shop:1 1")], all_or_nothing=True)
    alone = told(page, own, [("e", "shop:1 10")])

    assert by_another == ["batch_refused", "account_unknown"]
    assert by_the_sum == ["batch_refused", "limit_exceeded"]
    assert alone == ["accepted"]


def test_sums_are_by_book_and_day(page):
    own = rights("credit * EUR - 10")
    other = Page.open_new("shop:1 EUR")

    assert told(page, own, [("a", "shop:1 10")]) == told(other, own, [("a", "shop:1 10")]) == ["accepted"]
    assert told(page, own, [("b", "shop:1 1")]) == ["limit_exceeded"]


def test_an_amount_beyond_64_bits_is_counted_exactly(page):
    own = rights(f"credit * EUR - {10**20}")

    assert told(page, own, [("a", f"shop:1 {10**20 - 1}"), ("b", "shop:1 2"), ("c", "shop:1 1")]) == [
        "accepted",
        "limit_exceeded",
        "accepted",
    ]


# --- reversals -----------------------------------------------------------------------------------------------------


def reverse(page: Page, other: Page, own: Rights, key: str, of: str) -> list[str]:
    return other.accept([bound(other.reversal_of_id(key, page.operation_id(of)), own)])


def test_reversing_needs_its_own_grant_on_every_account(page):
    page.write(("a", "shop:1 5", "accepted"), ("b", "shop:1 -1, bank 1", "accepted"))
    own = rights("read * *", "reverse shop: *")
    other = page.another_source()

    assert reverse(page, other, own, "undo a", "a") == ["accepted"]
    assert reverse(page, other, own, "undo b", "b") == ["forbidden_account"]
    assert reverse(page, other, own, "undo a", "a") == ["accepted again"]


def test_reversing_has_its_limits(page):
    page.write(*((str(number), "shop:1 5", "accepted") for number in range(3)), ("big", "shop:1 50", "accepted"))
    own = rights("reverse * EUR 20 10")

    assert [reverse(page, page, own, f"undo {of}", of) for of in ("big", "0", "1", "2")] == [
        ["limit_exceeded"],
        ["accepted"],
        ["accepted"],
        ["limit_exceeded"],
    ]


def test_what_a_sender_may_not_know_of_cannot_be_told_from_what_is_not_there(page):
    page.write(("a", "bank 5", "accepted"))
    other = page.another_source()
    own = rights("read shop: *", "reverse shop: *")

    told_of = []
    for operation_id in (page.operation_id("a"), 2**40):
        with pytest.raises(queries.OperationUnknown) as error:
            other.accept([bound(other.reversal_of_id("undo", operation_id), own)])
        told_of.append(str(error.value).replace(str(operation_id), "N"))

    assert told_of[0] == told_of[1]
    assert reverse(page, other, rights("reverse * *"), "undo", "a") == ["accepted"]
    assert reverse(page, other, own, "undo", "a") == ["accepted again"]


def test_a_sender_may_know_of_what_it_sent(page):
    page.write(("a", "bank 5", "accepted"))

    assert reverse(page, page, rights(), "undo", "a") == ["forbidden_account"]


def test_a_reversal_that_waited_is_refused_where_it_may_no_longer_be_made(page):
    page.write(("a", "bank 5", "accepted"))
    other = page.another_source()
    waited = msgspec.structs.replace(
        bound(other.reversal_of_id("undo", page.operation_id("a")), rights()), inbox_id=2**40
    )

    assert [r.outcome for r in pipeline.accept(book_id=page.book_id, messages=[waited])] == ["forbidden_account"]


def test_a_batch_asks_as_often_as_one_message(page, django_assert_num_queries):
    own = rights("credit shop: EUR - 1000000")
    told(page, own, [("warm", "shop:1 1")])

    for size in (1, 200):
        with django_assert_num_queries(0):  # the posting statement goes past Django
            told(page, own, [(f"{size}-{number}", "shop:1 1") for number in range(size)])


def spent(page: Page, own: Rights) -> list[int]:
    ids = [rule.grant_id for rule in own.rules]
    rows = page.query(
        "SELECT amount FROM ledger_day_spent WHERE book_id = %s AND grant_id = ANY (%s)", page.book_id, ids
    )
    return [int(row[0]) for row in rows]
