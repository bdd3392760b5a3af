"""One field that finds accounts, operations, entries, keys and references. Each kind by an index, a few of each; nothing scans.

A text is looked up as the beginning of an account's code or name, as an idempotency key, as name=value of the metadata, as a
value of the metadata names in use, and, where it is a number, as an operation or an entry.
"""

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.urls import reverse

from accounts.limits import CODE_CHARACTERS_MAX, ID_DIGITS_MAX
from accounts.models import Account, Book
from ledger.admin import shown
from ledger.limits import KEY_CHARACTERS_MAX, SEARCH_NAMES_MAX, SEARCH_RESULTS_MAX, SEARCH_SAMPLE_ROWS
from ledger.models import Entry, Operation
from security.models import Source

_BY_KEY = """
    SELECT k.operation_id FROM ledger_operation_key k
    WHERE k.book_id = ANY (%s) AND k.source_id = ANY (%s) AND k.key = %s ORDER BY k.operation_id DESC LIMIT %s
"""
# The names that the metadata of the newest operations bear most often: what people call their references.
_NAMES = """
    SELECT name FROM unnest(%s::int[]) book(id)
    CROSS JOIN LATERAL (
      SELECT o.metadata FROM ledger_operation o WHERE o.book_id = book.id ORDER BY o.id DESC LIMIT %s) recent
    CROSS JOIN LATERAL jsonb_object_keys(coalesce(recent.metadata, '{}')) name GROUP BY name ORDER BY count(*) DESC, name LIMIT %s
"""
# No order: the index of metadata would otherwise be left for a walk through all operations.
_BY_REFERENCE = """
    SELECT found.id FROM (
      SELECT o.id FROM ledger_operation o WHERE o.book_id = ANY (%s) AND o.metadata @> ANY (%s::jsonb[]) LIMIT %s OFFSET 0) found
    ORDER BY found.id DESC
"""
_ICONS = {"account": "account_balance_wallet", "operation": "receipt_long", "entry": "swap_vert"}


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found, for the person to go to."""

    title: str
    description: str
    link: str
    icon: str


def search(request: HttpRequest, text: str) -> list[Hit]:
    """Return what a text finds, of what this person may see."""
    term = text.strip()
    if not term or "\0" in term:
        return []
    books = dict(Book.objects.values_list("id", "name"))
    found: list[Hit] = []
    if request.user.has_perm("accounts.view_account") and len(term) <= CODE_CHARACTERS_MAX:
        found += _accounts(books, term)
    if request.user.has_perm("ledger.view_operation"):
        found += _operations(books, term)
    return found


def _accounts(books: dict[int, str], term: str) -> list[Hit]:
    accounts = Account.objects.select_related("unit").filter(book_id__in=books)
    by_code = accounts.filter(code__gte=term, code__lt=f"{term}\U0010ffff").order_by("book_id", "code")
    rows = list(by_code[:SEARCH_RESULTS_MAX])
    if len(rows) < SEARCH_RESULTS_MAX:
        names = accounts.exclude(name="").alias(lowered=Lower("name")).filter(lowered__startswith=term.lower())
        known = {row.id for row in rows}
        rows += [row for row in names.order_by()[:SEARCH_RESULTS_MAX] if row.id not in known]
    return [
        Hit(
            row.code,
            f"account, {row.unit.code}, {row.status}{f', {row.name}' if row.name else ''}{_book(books, row.book_id)}",
            shown.account_url(row.id),
            _ICONS["account"],
        )
        for row in rows[:SEARCH_RESULTS_MAX]
    ]


def _operations(books: dict[int, str], term: str) -> list[Hit]:
    found: list[Hit] = []
    numbers = _by_number(books, term)
    if term.isascii() and term.isdecimal() and len(term) <= ID_DIGITS_MAX:
        entry = Entry.objects.select_related("account").filter(book_id__in=books, id=int(term)).first()
        if entry is not None:
            title, told = f"Entry {entry.id}", f"entry on {entry.account.code}{_book(books, entry.book_id)}"
            found.append(Hit(title, told, reverse("admin:ledger_entry_change", args=[entry.id]), _ICONS["entry"]))
    keys, references = _by_key(books, term), _by_reference(books, term)
    ids = list(dict.fromkeys([*numbers, *keys, *references]))[: 2 * SEARCH_RESULTS_MAX]
    rows = Operation.objects.select_related("source").defer("message").filter(book_id__in=books, id__in=ids)
    for row in sorted(rows, key=lambda operation: ids.index(operation.id)):
        told = f"{row.outcome}, {shown.moment(row.recorded_at)}, {row.source.name}{_book(books, row.book_id)}"
        found.append(Hit(f"Operation {row.id}: {row.key}", told, shown.operation_url(row.id), _ICONS["operation"]))
    if len(references) == SEARCH_RESULTS_MAX and "=" in term:
        link = f"{reverse('admin:ledger_operation_changelist')}?{urlencode({'reference': term})}"
        found.append(Hit(f"All operations with {term}", "list of operations", link, _ICONS["operation"]))
    return found


def _by_number(books: dict[int, str], term: str) -> list[int]:
    if not (term.isascii() and term.isdecimal() and len(term) <= ID_DIGITS_MAX):
        return []
    return list(Operation.objects.filter(Q(book_id__in=books), id=int(term)).values_list("id", flat=True))


def _by_key(books: dict[int, str], term: str) -> list[int]:
    if len(term) > KEY_CHARACTERS_MAX:
        return []
    sources = list(Source.objects.values_list("id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_BY_KEY, (list(books), sources, term, SEARCH_RESULTS_MAX))
        return [row[0] for row in cursor.fetchall()]


def _by_reference(books: dict[int, str], term: str) -> list[int]:
    name, equals, value = term.partition("=")
    with connection.cursor() as cursor:
        if equals and name.strip():
            wanted = [{name.strip(): value.strip()}]
        else:
            cursor.execute(_NAMES, (list(books), SEARCH_SAMPLE_ROWS, SEARCH_NAMES_MAX))
            wanted = [{row[0]: term} for row in cursor.fetchall()]
        if not wanted:
            return []
        cursor.execute(_BY_REFERENCE, (list(books), [json.dumps(one) for one in wanted], SEARCH_RESULTS_MAX))
        return [row[0] for row in cursor.fetchall()]


def _book(books: dict[int, str], book_id: int) -> str:
    """The book, where there are several."""
    return f", book {books[book_id]}" if len(books) > 1 else ""
