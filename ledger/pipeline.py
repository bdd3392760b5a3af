"""The one door: every message that asks for a change passes `accept`, whoever sent it.

Messages come in as received, receipts go out in the same order. Converting judges against what never changes, posting
decides in one SQL statement whatever can change, and only then, after the commit, the grid is told.
"""

from collections.abc import Iterator, Mapping, Sequence

from ledger import grid, queries
from ledger.authorization import is_hidden
from ledger.contracts import Message, Original, Receipt
from ledger.conversion import convert
from ledger.limits import POST_OPERATIONS_PER_CALL
from ledger.posting import post
from ledger.sealing import mac
from metrics.instruments import count_receipts


def accept(*, book_id: int, messages: Sequence[Message], all_or_nothing: bool = False) -> list[Receipt]:
    """Return one receipt for each message, in order.

    A repeated key gets the outcome it got the first time. Refusals are outcomes, not errors. Each chunk is one transaction;
    with all_or_nothing the whole batch is. Safe to call again with the same messages after any failure.
    Raises queries.OperationUnknown for a reversal of an operation that is not in the book, or that its sender may not know of.
    """
    known = queries.known_accounts(book_id=book_id, messages=messages)
    originals = originals_of(book_id=book_id, messages=messages)
    drafts = [convert(message, known, originals) for message in messages]

    size = max(1, len(messages)) if all_or_nothing else _call_size(messages)
    receipts: list[Receipt] = []
    for part in _parts(len(messages), size):
        macs = mac.of_operations(book_id=book_id, messages=messages[part], drafts=drafts[part])
        posted = post(
            book_id=book_id, messages=messages[part], drafts=drafts[part], macs=macs, all_or_nothing=all_or_nothing
        )
        grid.tell(book_id=book_id, entries=[(e.id, e.account.id, e.amount_minor) for r in posted for e in r.entries])
        count_receipts([(receipt.outcome, receipt.replayed) for receipt in posted])
        receipts += posted
    return receipts


def originals_of(*, book_id: int, messages: Sequence[Message]) -> Mapping[int, Original]:
    """Return the operations that messages reverse. Raises queries.OperationUnknown.

    What a sender may not know of is unknown to it, unless its key was used before: a replay is answered like the first time.
    A message that waited is past asking: it becomes a refusal.
    """
    reversals = [message for message in messages if message.reverses is not None]
    originals = queries.originals(book_id=book_id, ids={m.reverses for m in reversals if m.reverses is not None})
    for message in reversals:
        hidden = message.reverses is not None and is_hidden(message, originals[message.reverses])
        is_past_asking = message.inbox_id is not None or message.is_later
        if hidden and not is_past_asking and not _is_replay(book_id, message):
            raise queries.OperationUnknown.named(message.reverses or 0)
    return originals


def _is_replay(book_id: int, message: Message) -> bool:
    return queries.is_key_used(book_id=book_id, source_id=message.source_id, key=message.key)


def _call_size(messages: Sequence[Message]) -> int:
    """One call reverses an operation at most once; a sequence that would do it twice goes one by one."""
    reversed_ids = [message.reverses for message in messages if message.reverses is not None]
    return POST_OPERATIONS_PER_CALL if len(reversed_ids) == len(set(reversed_ids)) else 1


def _parts(total: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, total, size))
