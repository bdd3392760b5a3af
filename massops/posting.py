"""Posting: staged rows through the one door, in bounded batches, resumable at any point.

A batch is accepted first and noted after: a worker that dies between the two posts the batch again, and the keys make it the
same operations (I43). So `cursor` and the counts are exact whenever the worker is not in the middle of a batch.
"""

import time
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from django.db import connection

from accounts.money import parse_amount
from accounts.queries import facts_by_code
from appendonly.sqlfiles import read_sql
from ledger import pipeline, queries
from ledger.contracts import ACCEPTED, Content, Entry, Kind, Message
from ledger.messages import fingerprint
from massops import lifecycle, pace, sources, staging
from massops.limits import (
    LEASE_SECONDS_ALL,
    POST_ROWS,
    RETRIES_MAX,
    SLICE_SECONDS,
    STATEMENT_SECONDS_ALL_MAX,
    STATEMENT_SECONDS_MAX,
)
from massops.models import MassOperation, Mode, State
from massops.rows.amounts import negated

_BATCH = read_sql("massops/sql/batch.sql")
_encode = msgspec.json.Encoder().encode
_decode_metadata = msgspec.json.Decoder(dict[str, str]).decode


class StagedRow(NamedTuple):
    """One row as it comes from staging."""

    row: int
    line: int
    key: str
    account: str
    to_account: str | None
    amount: str
    unit: str | None
    effective_at: str | None
    description: str | None
    metadata: str | None
    reverses: int | None


class Tally(NamedTuple):
    """What became of some rows: the last of them, how many were posted, refusals by code, sums posted by unit (minor units)."""

    cursor: int
    posted: int
    refusals: Counter[str]
    sums: Counter[str]


def run(*, mass_operation: MassOperation, owner: uuid.UUID) -> None:
    """Post for one slice of time, or to the end. Raises lifecycle.LeaseLost when another worker has it."""
    found = _begin(mass_operation, owner)
    if found.wish:
        _grant(found, owner)
        return
    if found.state != State.POSTING:
        return
    _restage(found, owner)
    if found.mode == Mode.ALL:
        _post_all(found, owner)
    else:
        _post_each(found, owner)


def _begin(mass_operation: MassOperation, owner: uuid.UUID) -> MassOperation:
    """Move what is due to posting, and count the attempt: one that never gets on is paused, so that somebody looks."""
    with lifecycle.locked(
        mass_operation_id=mass_operation.id, source_id=mass_operation.source_id, reason="worker", owner=owner
    ) as found:
        if found.state == State.SCHEDULED:
            found.state = State.POSTING
        found.failures += 1
        if found.failures > RETRIES_MAX and found.state == State.POSTING:
            found.state, found.lease_owner = State.PAUSED, None
            found.failure = found.failure or "The worker ended several times without getting on; the log says why."
        found.save()
    return found


def _grant(found: MassOperation, owner: uuid.UUID) -> None:
    """Do what a person asked for, once it is exactly known how far the posting came."""
    tally = _already_posted(found)
    reason, source_id = found.wish_reason, found.wish_source_id
    with lifecycle.locked(mass_operation_id=found.id, source_id=source_id, reason=reason, owner=owner) as fresh:
        _add(fresh, tally, 0.0)
        fresh.state = State.CANCELLED if fresh.wish == lifecycle.CANCEL else State.PAUSED
        fresh.wish, fresh.failures, fresh.lease_owner = "", 0, None
        fresh.save()
    if fresh.state == State.CANCELLED:
        staging.drop_tables(mass_operation_id=found.id)


def _already_posted(found: MassOperation) -> Tally:
    """What a worker that died may have posted and not noted: at most one batch beyond the cursor."""
    if not staging.is_complete(mass_operation_id=found.id, rows_expected=found.rows_good):
        _stage_again(found)
    span = found.rows_read if found.mode == Mode.ALL else POST_ROWS
    rows = _rows(found, found.cursor, found.cursor + span)
    outcomes = queries.outcomes_of_keys(
        book_id=found.book_id, source_id=found.source_id, keys=[row.key for row in rows]
    )
    own = sources.credential_of(found.id)
    done = [
        (row, outcome.outcome)
        for row, outcome in zip(rows, outcomes, strict=True)
        if outcome is not None and outcome.credential == own
    ]
    return _tally(found, [row for row, _ in done], [outcome for _, outcome in done], found.cursor)


def _restage(found: MassOperation, owner: uuid.UUID) -> None:
    """Make the staged rows again where a crash of the server, or somebody, took them."""
    if not staging.is_complete(mass_operation_id=found.id, rows_expected=found.rows_good):
        lifecycle.renew(mass_operation_id=found.id, owner=owner, seconds=LEASE_SECONDS_ALL)
        _stage_again(found, owner)


def _stage_again(found: MassOperation, owner: uuid.UUID | None = None) -> None:
    def tell(_rows: int) -> None:
        if owner is not None:
            lifecycle.renew(mass_operation_id=found.id, owner=owner, seconds=LEASE_SECONDS_ALL)

    staging.open_tables(mass_operation_id=found.id)
    with sources.items_of(found) as items:
        staging.fill(mass_operation_id=found.id, items=items, told=tell, with_problems=False)
    staging.close_tables(mass_operation_id=found.id)


def _post_each(found: MassOperation, owner: uuid.UUID) -> None:
    lifecycle.limit_statements(seconds=STATEMENT_SECONDS_MAX)
    cursor, going, ends = found.cursor, pace.START, time.monotonic() + SLICE_SECONDS
    drawn_before = queries.activity()[0]
    while cursor < found.rows_read:
        if going.rest_seconds:
            time.sleep(going.rest_seconds)
        _, wish = lifecycle.renew(mass_operation_id=found.id, owner=owner)
        if wish:
            return
        started = time.monotonic()
        upto = min(cursor + going.rows, found.rows_read)
        rows = _rows(found, cursor, upto)
        receipts = pipeline.accept(book_id=found.book_id, messages=messages_of(found, rows)) if rows else []
        tally = _tally(found, rows, [receipt.outcome for receipt in receipts], upto)
        seconds = time.monotonic() - started
        drawn, is_waiting = queries.activity()
        going = pace.next_pace(
            going,
            priority=found.priority,
            drawn=drawn - drawn_before,
            own=len(rows),
            is_waiting=is_waiting,
            seconds=seconds,
        )
        drawn_before, cursor = drawn, upto
        _note(found, owner, tally, seconds + going.rest_seconds)
        if cursor < found.rows_read and time.monotonic() >= ends:
            return
    _finish(found, owner, State.DONE)


def _post_all(found: MassOperation, owner: uuid.UUID) -> None:
    """One transaction: all rows or none. Posting it again after a crash replays it."""
    lifecycle.limit_statements(seconds=STATEMENT_SECONDS_ALL_MAX)
    lifecycle.renew(mass_operation_id=found.id, owner=owner, seconds=LEASE_SECONDS_ALL)
    started = time.monotonic()
    rows = _rows(found, 0, found.rows_read)
    receipts = pipeline.accept(book_id=found.book_id, messages=messages_of(found, rows), all_or_nothing=True)
    outcomes = [receipt.outcome for receipt in receipts]
    if found.cursor < found.rows_read:
        _note(found, owner, _tally(found, rows, outcomes, found.rows_read), time.monotonic() - started)
    refused = [(row, outcome) for row, outcome in zip(rows, outcomes, strict=True) if outcome != ACCEPTED]
    if not refused:
        _finish(found, owner, State.DONE)
        return
    row, outcome = next((pair for pair in refused if pair[1] != "batch_refused"), refused[0])
    _finish(found, owner, State.FAILED, f"Nothing was posted: the ledger refused line {row.line} ({outcome}).")


def _finish(found: MassOperation, owner: uuid.UUID, state: State, failure: str = "") -> None:
    with lifecycle.locked(
        mass_operation_id=found.id, source_id=found.source_id, reason=failure or "posted", owner=owner
    ) as fresh:
        fresh.state, fresh.failure, fresh.wish, fresh.lease_owner = state, failure, "", None
        fresh.save()
    staging.drop_tables(mass_operation_id=found.id)


def _rows(found: MassOperation, after: int, upto: int) -> list[StagedRow]:
    with connection.cursor() as cursor:
        cursor.execute(_BATCH, {"id": found.id, "after": after, "upto": upto})
        return [StagedRow(*row) for row in cursor.fetchall()]


def messages_of(found: MassOperation, rows: Sequence[StagedRow]) -> list[Message]:
    """Return the messages of staged rows: each says in JSON what POST /operations would have been told."""
    credential = sources.credential_of(found.id)
    received_at: datetime = found.file.received_at if found.file else found.created_at
    rights = sources.rights_for(found)
    override = found.effective_at and found.effective_at.isoformat().replace("+00:00", "Z")
    messages = []
    for row in rows:
        effective_at = override or row.effective_at
        content = Content(
            entries=_entries(row),
            effective_at=effective_at,
            description=row.description,
            metadata=_decode_metadata(row.metadata) if row.metadata else None,
        )
        kind = Kind.OPERATION if row.reverses is None else Kind.REVERSAL
        messages.append(
            Message(
                source_id=found.source_id,
                credential=credential,
                key=row.key,
                kind=kind,
                body=_encode(content),
                message_hash=fingerprint(kind, content, row.reverses),
                received_at=received_at,
                content=content,
                effective_at=datetime.fromisoformat(effective_at) if effective_at else None,
                reverses=row.reverses,
                request_id=f"{credential}:{row.line}",
                rights=rights,
                is_later=True,
            )
        )
    return messages


def _entries(row: StagedRow) -> tuple[Entry, ...]:
    if row.reverses is not None:
        return ()
    if row.to_account is None:
        return (Entry(row.account, row.amount, row.unit),)
    return (Entry(row.account, negated(row.amount), row.unit), Entry(row.to_account, row.amount, row.unit))


def _tally(found: MassOperation, rows: Sequence[StagedRow], outcomes: Sequence[str], cursor: int) -> Tally:
    facts = facts_by_code(book_id=found.book_id, codes={row.account for row in rows})
    sums: Counter[str] = Counter()
    posted = 0
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome == ACCEPTED:
            posted += 1
            known = facts[row.account]
            sums[known.unit] += parse_amount(row.amount, known.exponent)
    refusals = Counter(outcome for outcome in outcomes if outcome != ACCEPTED)
    return Tally(max([cursor, *(row.row for row in rows[-1:])]), posted, refusals, sums)


def _note(found: MassOperation, owner: uuid.UUID, tally: Tally, seconds: float) -> None:
    """Write down what a batch did. Nobody else writes these columns while the lease lasts."""
    _add(found, tally, seconds)
    written = MassOperation.objects.filter(id=found.id, lease_owner=owner).update(
        cursor=found.cursor,
        rows_posted=found.rows_posted,
        rows_refused=found.rows_refused,
        refusals=found.refusals,
        sums_posted=found.sums_posted,
        posting_seconds=found.posting_seconds,
        rows_per_second=found.rows_per_second,
        failures=0,
    )
    if not written:
        raise lifecycle.LeaseLost


def _add(found: MassOperation, tally: Tally, seconds: float) -> None:
    advanced = tally.cursor - found.cursor
    found.cursor = tally.cursor
    found.rows_posted += tally.posted
    found.rows_refused += tally.refusals.total()
    found.refusals = dict(Counter(found.refusals) + tally.refusals)
    sums = {unit: int(minor) for unit, minor in found.sums_posted.items()}
    found.sums_posted = {unit: str(sums.get(unit, 0) + tally.sums[unit]) for unit in {*sums, *tally.sums}}
    found.posting_seconds += seconds
    if seconds:
        rate = advanced / seconds
        found.rows_per_second = rate if not found.rows_per_second else 0.8 * found.rows_per_second + 0.2 * rate
