"""What a sender's grants say to the entries of its messages. Pure: facts in, a refusal code or what is spent out.

Nothing is asked here: grants come with the message (its `rights`), accounts were looked up for the whole batch.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from ledger.contracts import Draft, KnownAccount, Message, Original, Refusal, Spending
from security.rights import Action, Rights, Rule


def forbids(message: Message, rights: Rights, known: Mapping[str, KnownAccount]) -> bool:
    """Whether an entry names an account that the sender has no grant for; told alike whether the account exists or not."""
    for entry in message.content.entries:
        action = Action.DEBIT if entry.amount.startswith("-") else Action.CREDIT
        account = known.get(entry.account)
        if account is None:
            if not rights.reaches(action, entry.account):
                return True
        elif not rights.allows(action, account.code, account.unit):
            return True
    return False


def is_hidden(message: Message, original: Original) -> bool:
    """Whether the sender of a reversal may not know of the operation that it names: to him it does not exist."""
    rights = message.rights
    if rights is None or original.source_id == message.source_id:
        return False
    accounts = [entry.account for entry in original.entries]
    return not accounts or not all(
        rights.allows(Action.READ, a.code, a.unit) or rights.allows(Action.REVERSE, a.code, a.unit) for a in accounts
    )


def within_limits(draft: Draft, rights: Rights, *, reversal: bool) -> Draft:
    """Return the draft with what its entries take of sums per day; or its refusal, where a grant is missing or exceeded."""
    spent: dict[Rule, int] = {}
    exponents: dict[Rule, int] = {}
    exceeded = False
    for account, amount in draft.entries:
        action = Action.REVERSE if reversal else Action.DEBIT if amount < 0 else Action.CREDIT
        rule = rights.rule(action, account.code, account.unit)
        if rule is None:
            return Draft(refusal=Refusal.FORBIDDEN_ACCOUNT)
        if rule.amount_max is not None and abs(amount) > _minor(rule.amount_max, account.exponent):
            exceeded = True
        if rule.day_max is not None:
            spent[rule] = spent.get(rule, 0) + abs(amount)
            exponents[rule] = account.exponent
    if exceeded:
        return Draft(refusal=Refusal.LIMIT_EXCEEDED)
    return draft if not spent else Draft(draft.entries, spendings=tuple(_spendings(spent.items(), exponents)))


def _spendings(spent: Iterable[tuple[Rule, int]], exponents: Mapping[Rule, int]) -> Iterable[Spending]:
    for rule, amount in spent:
        if rule.day_max is not None:
            yield Spending(rule.grant_id, amount, _minor(rule.day_max, exponents[rule]))


def _minor(limit: Decimal, exponent: int) -> int:
    """A limit in minor units; what is smaller than a minor unit is cut off, to the strict side."""
    ratio, parts = limit.as_integer_ratio()
    minor: int = ratio * 10**exponent // parts
    return minor
