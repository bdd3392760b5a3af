"""Conversion: a message becomes entries in minor units, or the code that refuses it. Pure: facts in, draft out.

It judges against the ledger's unchanging facts only (which accounts there are and what they count) and the sender's grants;
what changes (status, floors, sums per day, whether a reversal was made) the posting statement decides.
"""

from collections import defaultdict
from collections.abc import Mapping

from accounts.money import ScaleError, parse_amount
from ledger.authorization import forbids, is_hidden, within_limits
from ledger.contracts import Draft, Kind, KnownAccount, Message, Original, Refusal
from ledger.limits import ENTRIES_PER_OPERATION_MAX


def convert(message: Message, known: Mapping[str, KnownAccount], originals: Mapping[int, Original]) -> Draft:
    """Return the draft of one message; `known` holds its accounts by code, `originals` the operations it may reverse."""
    rights = message.rights
    if message.kind is Kind.REVERSAL and message.reverses is not None:
        if is_hidden(message, originals[message.reverses]):
            return Draft(refusal=Refusal.FORBIDDEN_ACCOUNT)
        draft = _reverse(originals[message.reverses])
    else:
        draft = _convert_entries(message, known)
        # No other refusal may tell a sender about an account that it has no grant for.
        if draft.refusal is not None and rights is not None and forbids(message, rights, known):
            return Draft(refusal=Refusal.FORBIDDEN_ACCOUNT)
    if rights is None or draft.refusal is not None:
        return draft
    return within_limits(draft, rights, reversal=message.kind is Kind.REVERSAL)


def _reverse(original: Original) -> Draft:
    if not original.reversible:
        return Draft(refusal=Refusal.NOT_REVERSIBLE)
    return Draft(entries=tuple((entry.account, -entry.amount_minor) for entry in original.entries))


def _convert_entries(message: Message, known: Mapping[str, KnownAccount]) -> Draft:
    entries = []
    if len(message.content.entries) > ENTRIES_PER_OPERATION_MAX:
        return Draft(refusal=Refusal.TOO_MANY_ENTRIES)
    for entry in message.content.entries:
        account = known.get(entry.account)
        if account is None:
            return Draft(refusal=Refusal.ACCOUNT_UNKNOWN)
        if entry.unit is not None and entry.unit != account.unit:
            return Draft(refusal=Refusal.UNIT_MISMATCH)
        try:
            entries.append((account, parse_amount(entry.amount, account.exponent)))
        except ScaleError:
            return Draft(refusal=Refusal.AMOUNT_SCALE)
    if len(entries) > 1 and not _is_zero_per_unit(entries):
        return Draft(refusal=Refusal.UNBALANCED)
    return Draft(entries=tuple(entries))


def _is_zero_per_unit(entries: list[tuple[KnownAccount, int]]) -> bool:
    totals: defaultdict[str, int] = defaultdict(int)
    for account, amount in entries:
        totals[account.unit] += amount
    return not any(totals.values())
