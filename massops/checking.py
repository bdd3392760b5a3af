"""Checking: reads all rows into staging, then lets the ledger say what it would refuse, in sets. Nothing else is changed.

A check that is killed begins anew: it has changed nothing but its own scratch. It works in bounded steps, because a
transaction that stays open would hold back the marks of the ledger.
"""

import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.money import format_amount
from accounts.opening import NewAccount, open_accounts
from appendonly.sqlfiles import read_sql
from massops import deciding, files, lifecycle, sources, staging
from massops.limits import CHECK_ROWS, LEASE_SECONDS_ALL, LISTED_MAX, OPEN_ROWS, STATEMENT_SECONDS_ALL_MAX
from massops.models import Chunk, Kind, MassOperation, RowProblem, State
from massops.rows.mapping import Mapping
from massops.rows.sheets import sheets_left_out
from security.grants import rights_of_sources
from security.rights import Action, Rights

_SQL = {
    name: read_sql(f"massops/sql/check/{name}.sql")
    for name in (
        "accounts",
        "rows",
        "keys_in_file",
        "keys_in_ledger",
        "reversed",
        "totals",
        "floors",
        "locks",
        "grants",
    )
}
_PROGRESS = """
    UPDATE massops_massoperation SET rows_read = %s, lease_until = clock_timestamp() + make_interval(secs => %s)
    WHERE id = %s AND lease_owner = %s AND state = 'checking'
"""
_UNKNOWN = """
    SELECT code, rows, unit_stated FROM massops_staged_account
    WHERE mass_operation_id = %s AND account_id IS NULL AND status IS NULL ORDER BY rows DESC, code LIMIT %s
"""
_COUNTS = """
    SELECT (SELECT count(*) FROM massops_staged_account WHERE mass_operation_id = %(id)s),
           (SELECT count(*) FROM massops_staged_account
            WHERE mass_operation_id = %(id)s AND account_id IS NULL AND status IS NULL),
           (SELECT count(DISTINCT "row") FROM massops_rowproblem WHERE mass_operation_id = %(id)s AND "row" > 0)
"""
_CODES = """
    SELECT code, count(DISTINCT "row") FROM massops_rowproblem WHERE mass_operation_id = %s GROUP BY code ORDER BY 2 DESC, 1
"""


def run(*, mass_operation: MassOperation, owner: uuid.UUID) -> None:
    """Check a mass operation to the end. Raises lifecycle.LeaseLost when it was cancelled or taken over."""
    lifecycle.renew(mass_operation_id=mass_operation.id, owner=owner, seconds=LEASE_SECONDS_ALL)
    lifecycle.limit_statements(seconds=STATEMENT_SECONDS_ALL_MAX)
    rows_read, readable = _stage(mass_operation, _teller(mass_operation.id, owner))
    tell = _teller(mass_operation.id, owner)
    tell(rows_read)
    if mass_operation.unit_to_open:
        _open_unknown(mass_operation, lambda: tell(rows_read))
    check_rows(mass_operation, rows_read, lambda: tell(rows_read))
    summary, rows_bad = _summary(mass_operation)
    too_much = deciding.too_much_for_all(rows=rows_read, locks=summary["locks"])
    if too_much is not None:
        summary["notices"].append(str(too_much))
    with lifecycle.locked(
        mass_operation_id=mass_operation.id, source_id=mass_operation.source_id, reason="checked", owner=owner
    ) as found:
        found.state, found.checked_at, found.summary = State.CHECKED, timezone.now(), summary
        found.rows_read, found.rows_bad, found.rows_good = rows_read, rows_bad, max(0, rows_read - rows_bad)
        found.is_readable, found.unit_to_open, found.failures, found.lease_owner = readable, "", 0, None
        found.save()


def _stage(mass_operation: MassOperation, tell: Callable[[int], None]) -> tuple[int, bool]:
    """Read everything into fresh staging tables and replace the errors of the check before."""
    staging.open_tables(mass_operation_id=mass_operation.id)
    RowProblem.objects.filter(mass_operation=mass_operation).delete()
    with sources.items_of(mass_operation) as items:
        rows_read, readable = staging.fill(
            mass_operation_id=mass_operation.id, items=items, told=tell, with_problems=True
        )
    staging.close_tables(mass_operation_id=mass_operation.id)
    return rows_read, readable


def check_rows(mass_operation: MassOperation, rows_read: int, tell: Callable[[], None]) -> None:
    """Let the ledger judge what is staged; errors are inserted."""
    columns = _columns(sources.mapping_in_use(mass_operation))
    facts = {"id": mass_operation.id, "book": mass_operation.book_id, "source": mass_operation.source_id, **columns}
    _execute("accounts", facts)
    _bind(mass_operation)
    tell()
    by_range = ["rows"]
    if mass_operation.kind == Kind.REVERSAL:
        by_range = ["rows", "reversed"]
    elif sources.is_own_key(mass_operation):
        _execute("keys_in_file", facts)
        tell()
        by_range = ["rows", "keys_in_ledger"]
    elif _has_key(mass_operation):
        _execute("keys_in_file", facts)
    for first, last in staging.batches_of(rows_read, CHECK_ROWS):
        for name in by_range:
            _execute(name, {**facts, "first": first, "last": last})
        tell()


def _bind(mass_operation: MassOperation) -> None:
    """Note on the staged accounts what the sender's grants allow there.

    An account that it may neither take from nor add to looks alike, whether it exists or not.
    """
    rights = sources.rights_for(mass_operation)
    if rights is None:
        return
    reversing = mass_operation.kind == Kind.REVERSAL
    take, add = (Action.REVERSE, Action.REVERSE) if reversing else (Action.DEBIT, Action.CREDIT)
    accounts = _rows("SELECT code, unit FROM massops_staged_account WHERE mass_operation_id = %s", [mass_operation.id])
    bounds = [(code, *_bound(rights, take, code, unit), *_bound(rights, add, code, unit)) for code, unit in accounts]
    for start in range(0, len(bounds), CHECK_ROWS):
        columns = zip(*bounds[start : start + CHECK_ROWS], strict=True)
        names = ("codes", "may_take", "take_max", "may_add", "add_max")
        _execute("grants", {"id": mass_operation.id, **{n: list(c) for n, c in zip(names, columns, strict=True)}})


def _bound(rights: Rights, action: Action, code: str, unit: str | None) -> tuple[bool, Decimal | None]:
    """Whether an action is allowed on an account, and up to which amount of one entry."""
    if unit is None:
        return rights.reaches(action, code), None
    rule = rights.rule(action, code, unit)
    return rule is not None, rule and rule.amount_max


def _has_key(mass_operation: MassOperation) -> bool:
    mapping = sources.mapping_in_use(mass_operation)
    return mapping is None or bool(mapping.key)


def _teller(mass_operation_id: int, owner: uuid.UUID) -> Callable[[int], None]:
    def tell(rows_read: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_PROGRESS, (rows_read, LEASE_SECONDS_ALL, mass_operation_id, owner))
            if not cursor.rowcount:
                raise lifecycle.LeaseLost

    return tell


def _open_unknown(mass_operation: MassOperation, tell: Callable[[], None]) -> None:
    """Open the accounts that rows name and that do not exist, in the unit that was asked for (or that the rows state)."""
    facts = {"id": mass_operation.id, "book": mass_operation.book_id}
    rights = rights_of_sources(source_ids={mass_operation.source_id})[mass_operation.source_id]
    _execute("accounts", facts)
    with connection.cursor() as cursor:
        cursor.execute(_UNKNOWN, (mass_operation.id, None))
        unknown = cursor.fetchall()
        cursor.execute("DELETE FROM massops_staged_account WHERE mass_operation_id = %s", [mass_operation.id])
    for start in range(0, len(unknown), OPEN_ROWS):
        block = unknown[start : start + OPEN_ROWS]
        accounts = [
            NewAccount(code, unit, "", {}, None)
            for code, unit in ((code, stated or mass_operation.unit_to_open) for code, _, stated in block)
            if rights is None or rights.allows(Action.OPEN, code, unit)
        ]
        open_accounts(book_id=mass_operation.book_id, source_id=mass_operation.source_id, accounts=accounts)
        tell()


def _summary(mass_operation: MassOperation) -> tuple[dict[str, Any], int]:
    facts = {"id": mass_operation.id, "book": mass_operation.book_id, "limit": LISTED_MAX}
    ((locks,),) = _rows(_SQL["locks"], facts)
    accounts, unknown, rows_bad = _rows(_COUNTS, facts)[0]
    sums = ("sum", "smallest", "largest", "increments", "decrements")
    units = [
        {"unit": unit, "rows": rows}
        | {name: format_amount(int(minor), exponent) for name, minor in zip(sums, minors, strict=True)}
        for unit, exponent, rows, *minors in _rows(_SQL["totals"], facts)
    ]
    floors = [
        {
            "account": code, "unit": unit, "balance": format_amount(int(now), exponent),
            "lowest": format_amount(int(lowest), exponent), "floor": format_amount(int(floor), exponent), "line": line,
        }
        for code, unit, exponent, now, lowest, floor, line in _rows(_SQL["floors"], facts)
    ]  # fmt: skip
    listed = _rows(_UNKNOWN, (mass_operation.id, LISTED_MAX)) if unknown else []
    summary = {
        "units": units,
        "accounts": accounts,
        "unknown": unknown,
        "unknown_accounts": [{"account": code, "rows": int(rows), "unit": unit} for code, rows, unit in listed],
        "below_floor": floors,
        "errors": dict(_rows(_CODES, (mass_operation.id,))),
        "notices": _notices(mass_operation),
        "locks": int(locks),
    }
    return summary, rows_bad


def _notices(mass_operation: MassOperation) -> list[str]:
    file = mass_operation.file
    if file is None or not file.chunks:
        return []
    with files.opened(file) as source:
        if isinstance(source, Path):
            mapping = sources.mapping_in_use(mass_operation)
            read, others = sheets_left_out(source, mapping.sheet if mapping else "")
            return [f"The workbook has other sheets, which are not read; this is {read!r}."] if others else []
    last = Chunk.objects.only("data").get(file_id=file.id, ordinal=file.chunks - 1)
    if bytes(last.data)[-2:].strip(b"\0")[-1:] not in {b"\n", b"\r"}:
        return ["The file does not end with a line break: make sure that its last row was not cut."]
    return []


def _columns(mapping: Mapping | None) -> dict[str, str]:
    """The file's own names of the columns, as errors tell them."""
    if mapping is None:
        return {f"{name}_column": name for name in ("account", "to", "unit", "amount", "key")}
    pays, unit = mapping.account or mapping.from_account, mapping.unit
    return {
        "account_column": (pays.column if pays else None) or "account",
        "to_column": (mapping.to_account.column if mapping.to_account else None) or "to",
        "unit_column": (unit.column if unit else None) or "unit",
        "amount_column": mapping.amount.column
        or mapping.amount.debit_column
        or mapping.amount.credit_column
        or "amount",
        "key_column": ", ".join(mapping.key),
    }


def _execute(name: str, facts: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SQL[name], facts)


def _rows(statement: str, parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
