"""Changing an account's attributes while posters go on. The SQL and its invariants are in sql/change_account_v1.sql.

Where a change must bind every later decrement (a first floor, a stop, a close), it is made in two steps: posters are first
made to see that something is coming, then we wait for those that had read the old attributes, then the change is made.
Posters never wait for it, except a decrement near the floor of the account that is being changed.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from psycopg.types.json import Jsonb

from accounts.models import Account, AccountStatus
from ledger import grid
from ledger.limits import WRITERS_END_SECONDS_MAX
from ledger.marks import newest_transaction, older_writers_ended
from ledger.posting import execute
from metrics.repository import observed

_CHANGE = (
    "SELECT o_problem, o_change"
    " FROM public.ledger_change_account_v1(%b::int, %b::bigint, %b::bigint, %b::text, %b::jsonb)"
)
_POLL_SECONDS = 0.005


class ChangeRefused(Exception):  # noqa: N818 - an answer, not a defect
    """The change is not possible now, or not certain to bind yet (`writers_busy`); `code` and the message say why."""

    def __init__(self, code: str) -> None:
        super().__init__(SENTENCES[code])
        self.code = code


SENTENCES = {
    "account_closed": "A closed account stays closed.",
    "balance_not_zero": "Only an account with a balance of zero can be closed.",
    "changed_meanwhile": "Somebody else changed the account meanwhile; look at it, and try again.",
    "writers_busy": "Postings that began before the change did not end in time; try again.",
}


@observed(repository="accounts", expected=(ChangeRefused,))
def change_account(*, account: Account, source_id: int, reason: str, changes: Mapping[str, Any]) -> None:
    """Apply changes of name, metadata, status, floor or fast_debit_limit (the last two in minor units or None).

    When it returns, every later decrement is judged by them. Raises ChangeRefused.
    """
    if changes.get("floor") is not None and account.floor is None:
        # Also where the account is gated already: who made it so may have given up waiting.
        _change(account, source_id, reason, {"gated": True})
        _wait_for_writers()
    status = changes.get("status")
    if status == AccountStatus.CLOSED and account.status != AccountStatus.CLOSED:
        _close(account, source_id, reason, changes)
        return
    if status == account.status:  # nothing to change there; a closed account would refuse the word
        changes = {name: value for name, value in changes.items() if name != "status"}
    _change(account, source_id, reason, changes)
    if status is not None:
        _wait_for_writers()


def _close(account: Account, source_id: int, reason: str, changes: Mapping[str, Any]) -> None:
    """Keep writers out, let those under way end, judge the balance, and open again if it is not zero.

    Who opened the account meanwhile let writers in that nobody waited for: so the second step asks that nothing has
    changed since the first.
    """
    closing = _change(account, source_id, reason, {"status": AccountStatus.CLOSING})
    try:
        _wait_for_writers()
        _change(account, source_id, reason, {**changes, "after_change": closing})
    except ChangeRefused:
        back = AccountStatus.OPEN if account.status == AccountStatus.CLOSING else account.status
        with suppress(ChangeRefused):
            _change(account, source_id, "not closed", {"status": back, "after_change": closing})
        raise


def _change(account: Account, source_id: int, reason: str, changes: Mapping[str, Any]) -> int:
    """Make one change, and return the newest recorded change of the account."""
    plain = {
        name: str(value) if name in {"floor", "fast_debit_limit"} and value is not None else value
        for name, value in changes.items()
    }
    problem, change = execute(_CHANGE, (account.book_id, account.id, source_id, reason, Jsonb(plain)))
    if problem is not None:
        raise ChangeRefused(problem)
    grid.forget(book_id=account.book_id, account_id=account.id)
    return int(change)


def _wait_for_writers() -> None:
    """Wait until every transaction that may have read the account before the last change has ended. Raises ChangeRefused.

    Called after the change's commit: a writer that began while the change was being made is younger than the change's
    own transaction, but older than one that is drawn now.
    """
    newest = newest_transaction()
    deadline = time.monotonic() + WRITERS_END_SECONDS_MAX
    while not older_writers_ended(newest):
        if time.monotonic() > deadline:
            raise ChangeRefused("writers_busy")
        time.sleep(_POLL_SECONDS)
