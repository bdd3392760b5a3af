"""Group commit: requests of one process that wait at the same time are posted in one call.

Below a few concurrent postings a request posts by itself. Beyond, it takes a place in the queue. One of those who wait has the
lead: it posts everything that waits, hands the lead to whoever came first meanwhile, and wakes those whose messages it posted;
there is no timer and no thread to supervise. Each caller gets its own receipt. If the merged
call fails, every caller posts its own message by itself: their keys make that safe, also when the connection broke
while committing and nobody knows whether the call took effect.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from ledger import pipeline
from ledger.contracts import Kind, Message, Receipt
from ledger.limits import DIRECT_POSTINGS_MAX, MERGED_OPERATIONS_MAX
from metrics.instruments import GROUP_COMMIT

logger = logging.getLogger(__name__)


class _Ticket:
    """One message that waits; `receipt` stays None if the merged call did not settle it.

    Whoever waits sleeps on `turn` of its own, and is woken once: settled, or to lead. On one lock for all, those who are
    settled would wake one after another before the next leader does.
    """

    __slots__ = ("book_id", "message", "receipt", "settled", "turn")

    def __init__(self, book_id: int, message: Message) -> None:
        self.book_id = book_id
        self.message = message
        self.receipt: Receipt | None = None
        self.settled = False
        self.turn = threading.Lock()
        self.turn.acquire()


class Merger:
    """The queue of one process. `accept` is the one door, or a double of it in a test."""

    def __init__(self, accept: Callable[..., list[Receipt]]) -> None:
        self._accept = accept
        self._waiting: deque[_Ticket] = deque()
        self._queue = threading.Lock()  # held for a few instructions, never across a call
        self._is_led = False
        self._direct = threading.Semaphore(DIRECT_POSTINGS_MAX)

    def accept_one(self, *, book_id: int, message: Message) -> Receipt:
        """Return the receipt of one message, posted by itself or with what waits. Raises what posting it alone raises."""
        # Two reversals of one operation must not meet in one call.
        if not settings.GROUP_COMMIT or message.kind is Kind.REVERSAL:
            return self._alone(book_id, message)
        if self._direct.acquire(blocking=False):
            try:
                return self._alone(book_id, message)
            finally:
                self._direct.release()
        ticket = _Ticket(book_id, message)
        with self._queue:
            self._waiting.append(ticket)
            leads, self._is_led = not self._is_led, True
        if not leads:
            ticket.turn.acquire()
        if not ticket.settled:
            self._lead()
        return ticket.receipt or self._alone(book_id, message)

    def _alone(self, book_id: int, message: Message) -> Receipt:
        return self._accept(book_id=book_id, messages=[message])[0]

    def _lead(self) -> None:
        """Post what waits, hand the lead on, and wake whoever was settled; the leader's own ticket is the first that waits."""
        chosen = self._take()
        try:
            self._settle(chosen)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("A merged posting of %s failed (%s); each is posted by itself.", len(chosen), error)
            connection.close_if_unusable_or_obsolete()
        finally:  # also after a defect nobody may wait for ever
            with self._queue:
                following = self._waiting[0] if self._waiting else None
                self._is_led = following is not None
            if following is not None:
                following.turn.release()
            for ticket in chosen:
                ticket.settled = True
                ticket.turn.release()

    def _take(self) -> list[_Ticket]:
        """Take what waits for the book of the oldest out of the queue; the others stay in it in their order."""
        with self._queue:
            tickets = [self._waiting.popleft() for _ in range(min(len(self._waiting), MERGED_OPERATIONS_MAX))]
            book_id = tickets[0].book_id
            self._waiting.extendleft(ticket for ticket in reversed(tickets) if ticket.book_id != book_id)
        return [ticket for ticket in tickets if ticket.book_id == book_id]

    def _settle(self, tickets: Sequence[_Ticket]) -> None:
        GROUP_COMMIT.observe(len(tickets))
        receipts = self._accept(book_id=tickets[0].book_id, messages=[ticket.message for ticket in tickets])
        for ticket, receipt in zip(tickets, receipts, strict=True):
            ticket.receipt = receipt


merger = Merger(pipeline.accept)
