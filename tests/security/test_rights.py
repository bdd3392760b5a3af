"""Which grant decides: tables of grants, and what is asked of them."""

from decimal import Decimal

import pytest

from security.rights import Action, Rights, Rule


def rights(*lines: str) -> Rights:
    """Grants as lines: action, prefix (* for all accounts), unit (* for every unit)."""
    parts = [line.split() for line in lines]
    return Rights(
        Rule(number, action, "" if prefix == "*" else prefix, "" if unit == "*" else unit)
        for number, (action, prefix, unit) in enumerate(parts, 1)
    )


@pytest.mark.parametrize(
    ("grants", "action", "code", "unit", "decides"),
    [
        ([], "read", "shop:1", "EUR", None),
        (["read * *"], "read", "shop:1", "EUR", 1),
        (["read * *"], "debit", "shop:1", "EUR", None),
        (["read shop: *"], "read", "shop:1", "EUR", 1),
        (["read shop: *"], "read", "shop", "EUR", None),
        (["read shop: *"], "read", "shop:", "EUR", 1),
        (["read shop: *"], "read", "Shop:1", "EUR", None),
        (["read shop: *"], "read", "workshop:1", "EUR", None),
        (["read shop: EUR"], "read", "shop:1", "EUR", 1),
        (["read shop: EUR"], "read", "shop:1", "USD", None),
        (["read * *", "read shop: *"], "read", "shop:1", "EUR", 2),
        (["read shop: *", "read * *"], "read", "till", "EUR", 2),
        (["read shop: *", "read shop: EUR"], "read", "shop:1", "EUR", 2),
        (["read shop: *", "read shop: EUR"], "read", "shop:1", "USD", 1),
        # The longer prefix decides, unless it is for another unit.
        (["read * EUR", "read shop: *"], "read", "shop:1", "EUR", 2),
        (["read * EUR", "read shop: USD"], "read", "shop:1", "EUR", 1),
        (["read shop:1 *", "read shop:12 *"], "read", "shop:123", "EUR", 2),
        (["read shop:1 *", "read shop:12 *"], "read", "shop:13", "EUR", 1),
    ],
)
def test_it_finds_the_grant_that_decides(grants, action, code, unit, decides):
    found = rights(*grants).rule(Action(action), code, unit)

    assert (found and found.grant_id) == decides


def test_it_says_whether_a_code_is_within_reach_in_some_unit():
    own = rights("credit shop: EUR")

    assert own.reaches(Action.CREDIT, "shop:1")
    assert not own.reaches(Action.DEBIT, "shop:1")
    assert not own.reaches(Action.CREDIT, "till")


def test_it_lists_where_any_of_some_actions_is_allowed():
    own = rights("read shop: EUR", "open shop: *", "debit till *", "read * *")

    assert own.places(Action.READ, Action.OPEN) == (["", "shop:", "shop:"], ["", "", "EUR"])


def test_rules_with_limits_can_be_counted_by():
    assert len({Rule(1, "debit", "", "EUR", Decimal("1.0")), Rule(1, "debit", "", "EUR", Decimal("1.00"))}) == 1
