"""Changing an account's attributes while posters go on. The SQL and its invariants are in sql/change_account_v1.sql.

Where a change must bind every later decrement (a first floor, a stop, a close), it is made in two steps: posters are first
made to see that something is coming, then we wait for those that had read the old attributes, then the change is made.
Posters never wait for it, except a decrement near the floor of the account that is being changed.
"""

import time
from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from accounts.models import Account, AccountStatus
from ledger import grid
from ledger.limits import WRITERS_END_SECONDS_MAX
from ledger.marks import older_writers_ended
from ledger.posting import execute

_CHANGE = (
    "SELECT o_problem, o_xid::text::bigint"
    " FROM public.ledger_change_account_v1(%b::int, %b::bigint, %b::bigint, %b::text, %b::jsonb)"
)
_POLL_SECONDS = 0.005


class ChangeRefused(Exception):  # noqa: N818 - an answer, not a defect
    """The change is not possible now; `code` and the message say why. Nothing was changed."""

    def __init__(self, code: str) -> None:
        super().__init__(SENTENCES[code])
        self.code = code


SENTENCES = {
    "account_closed": "A closed account stays closed.",
    "balance_not_zero": "Only an account with a balance of zero can be closed.",
    "writers_busy": "Postings that began before the change did not end in time; try again.",
}


def change_account(*, account: Account, source_id: int, reason: str, changes: Mapping[str, Any]) -> None:
    """Apply changes of name, metadata, status, floor or fast_debit_limit (the last two in minor units or None).

    When it returns, every later decrement is judged by them. Raises ChangeRefused.
    """
    if changes.get("floor") is not None and not account.gated:
        _wait_for_writers(_change(account, source_id, reason, {"gated": True}))
    status = changes.get("status")
    if status == AccountStatus.CLOSED and account.status != AccountStatus.CLOSED:
        _close(account, source_id, reason, changes)
        return
    if status == account.status:  # nothing to change there; a closed account would refuse the word
        changes = {name: value for name, value in changes.items() if name != "status"}
    xid = _change(account, source_id, reason, changes)
    if "status" in changes:
        _wait_for_writers(xid)


def _close(account: Account, source_id: int, reason: str, changes: Mapping[str, Any]) -> None:
    """Keep writers out, let those under way end, judge the balance, and open again if it is not zero."""
    try:
        _wait_for_writers(_change(account, source_id, reason, {"status": AccountStatus.CLOSING}))
        _change(account, source_id, reason, changes)
    except ChangeRefused:
        back = AccountStatus.OPEN if account.status == AccountStatus.CLOSING else account.status
        _change(account, source_id, "not closed", {"status": back})
        raise


def _change(account: Account, source_id: int, reason: str, changes: Mapping[str, Any]) -> int:
    plain = {
        name: str(value) if name in {"floor", "fast_debit_limit"} and value is not None else value
        for name, value in changes.items()
    }
    problem, xid = execute(_CHANGE, (account.book_id, account.id, source_id, reason, Jsonb(plain)))
    if problem is not None:
        raise ChangeRefused(problem)
    grid.forget(book_id=account.book_id, account_id=account.id)
    return int(xid)


def _wait_for_writers(xid: int) -> None:
    """Wait until every transaction that was open when this one changed the account has ended. Raises ChangeRefused."""
    deadline = time.monotonic() + WRITERS_END_SECONDS_MAX
    while not older_writers_ended(xid):
        if time.monotonic() > deadline:
            raise ChangeRefused("writers_busy")
        time.sleep(_POLL_SECONDS)
