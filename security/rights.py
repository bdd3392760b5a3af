"""What somebody may do with which accounts: grants, compiled for look-ups. Pure: no Django, no storage.

Of the grants for an action, one decides about an account: the one with the longest prefix that the account's code begins
with; of two with the same prefix, the one that names the account's unit before the one for every unit. So a narrow grant
makes an exception from a wide one, up or down, also in its limits. Where none matches, the action is not allowed.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class Action(StrEnum):
    """What a grant allows on the accounts that it names."""

    READ = "read"
    CREDIT = "credit"
    DEBIT = "debit"
    REVERSE = "reverse"
    OPEN = "open"
    MASS = "mass"
    VERIFY = "verify"


class Rule(NamedTuple):
    """One grant: the prefix and the unit may be empty, for all. Amounts are in units (not minor units); None for no limit."""

    grant_id: int
    action: str
    prefix: str
    unit: str
    amount_max: Decimal | None = None
    day_max: Decimal | None = None


class Rights:
    """Compiled grants, never changed. Whoever has none of these (None instead) may do what scopes or permissions allow."""

    __slots__ = ("_tables", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        by_prefix: dict[str, dict[str, dict[str, Rule]]] = {}
        for rule in self.rules:
            by_prefix.setdefault(rule.action, {}).setdefault(rule.prefix, {})[rule.unit] = rule
        # For each action: the lengths of its prefixes, longest first, and its rules by prefix and unit.
        self._tables = {
            action: (sorted({len(prefix) for prefix in table}, reverse=True), table)
            for action, table in by_prefix.items()
        }

    def rule(self, action: Action, code: str, unit: str) -> Rule | None:
        """Return the grant that decides about an action on an account; None where it is not allowed. Cost: one look-up
        for each length of prefix.
        """
        lengths, table = self._tables.get(action, _NOTHING)
        for length in lengths:
            by_unit = table.get(code[:length])
            if by_unit is not None and (found := by_unit.get(unit) or by_unit.get("")) is not None:
                return found
        return None

    def allows(self, action: Action, code: str, unit: str) -> bool:
        """Whether an action on an account is allowed."""
        return self.rule(action, code, unit) is not None

    def reaches(self, action: Action, code: str) -> bool:
        """Whether an action would be allowed on an account of this code, in some unit."""
        lengths, table = self._tables.get(action, _NOTHING)
        return any(code[:length] in table for length in lengths)

    def within(self, needed: Action) -> "Rights":
        """Return the rights of a way that needs a grant of its own: each action only where `needed` is allowed as well."""
        return _Within(self.rules, needed)

    def places(self, *actions: Action) -> tuple[list[str], list[str]]:
        """Return where any of the actions is allowed, as two parallel lists: prefixes, and units (empty for every unit)."""
        found = sorted({(rule.prefix, rule.unit) for rule in self.rules if rule.action in actions})
        return [prefix for prefix, _ in found], [unit for _, unit in found]


class _Within(Rights):
    """Rights that end where those for another action end."""

    __slots__ = ("_needed",)

    def __init__(self, rules: Iterable[Rule], needed: Action) -> None:
        super().__init__(rules)
        self._needed = needed

    def rule(self, action: Action, code: str, unit: str) -> Rule | None:
        return super().rule(action, code, unit) if super().rule(self._needed, code, unit) is not None else None

    def reaches(self, action: Action, code: str) -> bool:
        return super().reaches(self._needed, code) and super().reaches(action, code)


_NOTHING: tuple[list[int], dict[str, dict[str, Rule]]] = ([], {})
