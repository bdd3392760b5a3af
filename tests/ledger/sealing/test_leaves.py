"""Leaves: the reference in Python and the texts that SQL makes agree byte for byte, whatever anybody writes into a message."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import rfc8785
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Book
from ledger import pipeline
from ledger.contracts import Sender
from ledger.messages import read_operation, read_reversal
from ledger.sealing import leaves
from ledger.sealing.contents import Entries, leaf_of
from ledger.sealing.leaves import EPOCH, BlockHeader, Clock, SealedOperation, UnitTotals
from tests.ledger.page import Page

NASTY = [
    "",
    '"',
    "\\",
    "\x7f",
    "\u2028\u2029",
    "\ufeff",
    "é",
    "é",
    "\U0001d54f \U0001f600",
    "</script>",
    "\t\n\r\b\f\x01\x1f",
    "%s {} $1",
    "null",
]
ROWS = """
    SELECT o.id, o.source_id, o.key, o.kind, o.message_hash, o.credential, o.received_at, o.recorded_at, o.effective_at,
           o.outcome, o.reverses, o.salt, o.message, o.signature, o.request_id, o.traceparent
    FROM ledger_operation o WHERE o.book_id = %s AND o.id = %s
"""
ENTRIES = """
    SELECT e.id, a.code, u.code, e.amount::text FROM ledger_entry e JOIN accounts_account a ON a.id = e.account_id
    JOIN accounts_unit u ON u.id = a.unit_id WHERE e.book_id = %s AND e.operation_id = %s ORDER BY e.id
"""
TIMES = st.datetimes(EPOCH.replace(year=1, day=2), EPOCH.replace(year=2026)) | st.sampled_from(
    [EPOCH.replace(year=1), EPOCH]
)
TEXTS = st.sampled_from(NASTY) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
KEYS = TEXTS.filter(lambda text: text != "" and text.isprintable())


@pytest.fixture(scope="module")
def page() -> Page:
    return Page.open_new("anna EUR", "bank EUR", "wéird:ключ:\U0001d54f JPY")


def reference(page: Page, operation_id: int) -> bytes:
    """The leaf by leaves.py alone, from the plain columns."""
    with connection.cursor() as cursor:
        cursor.execute(ROWS, (page.book_id, operation_id))
        row = cursor.fetchone()
        cursor.execute(ENTRIES, (page.book_id, operation_id))
        entries = [
            leaves.entry_text(leaves.account_texts(code, unit), entry_id, amount)
            for entry_id, code, unit, amount in cursor.fetchall()
        ]
    id_, source, key, kind, hashed, credential, received, recorded, effective, outcome, reverses, salt, *personal = row
    body, *texts = personal
    detail = hashlib.sha256(
        bytes(salt) + bytes(body) + b"".join(b"\0" + (text or "").encode() for text in texts)
    ).digest()
    times = [(at.replace(tzinfo=None) - EPOCH) // timedelta(microseconds=1) for at in (received, recorded, effective)]
    operation = SealedOperation(
        id_, source, key, kind, bytes(hashed), credential, *times, outcome, reverses, bytes(salt), detail
    )
    return leaves.operation_leaf(Book.objects.get(id=page.book_id).name, operation, entries, Clock())


def produced(page: Page, operation_id: int) -> bytes | None:
    return leaf_of(book=Book.objects.get(id=page.book_id), operation_id=operation_id)


def post(page: Page, key: str, body: bytes, **sender: str) -> int:
    message = read_operation(
        body=body,
        key=key,
        sender=Sender(page.source_id, sender.pop("credential", "31"), datetime.now(UTC), **sender),
    )
    return pipeline.accept(book_id=page.book_id, messages=[message])[0].operation_id


@settings(max_examples=150)
@given(
    key=KEYS,
    credential=TEXTS,
    description=TEXTS,
    metadata=st.dictionaries(KEYS, TEXTS, max_size=3),
    signature=st.none() | TEXTS,
    effective=TIMES,
    account=st.sampled_from(["anna", "wéird:ключ:\U0001d54f", "unknown"]),
    amount=st.integers(1, 10**20).map(str),
)
def test_it_agrees_with_the_reference_byte_for_byte(
    page, key, credential, description, metadata, signature, effective, account, amount
):
    body = {
        "entries": [{"account": account, "amount": amount}],
        "effective_at": effective.replace(tzinfo=UTC).isoformat(),
        "description": description,
        "metadata": metadata,
    }
    unique = f"{key[:200]}{datetime.now(UTC).timestamp()}"

    operation_id = post(page, unique, msgspec.json.encode(body), credential=credential, signature=signature)

    leaf = produced(page, operation_id)
    assert leaf == reference(page, operation_id)
    assert leaf == rfc8785.dumps(json.loads(leaf))


def test_it_agrees_for_groups_refusals_and_reversals(page: Page) -> None:
    group = post(page, "group", b'{"entries":[{"account":"anna","amount":"1.00"},{"account":"bank","amount":"-1.00"}]}')
    refused = post(
        page, "refused", b'{"entries":[{"account":"nobody","amount":"1.00"}]}', request_id="r", traceparent="t"
    )
    sender = Sender(page.source_id, "31", datetime.now(UTC))
    undo = read_reversal(body=b"", key="undo", reverses=group, sender=sender)
    reversal = pipeline.accept(book_id=page.book_id, messages=[undo])[0].operation_id

    for operation_id in (group, refused, reversal):
        assert produced(page, operation_id) == reference(page, operation_id)
    document = json.loads(produced(page, reversal) or b"")
    assert [entry["amount"] for entry in document["entries"]] == ["-100", "100"]
    assert document["reverses"] == str(group)


def test_entries_are_found_by_operation_whatever_lies_beside_them() -> None:
    entries = Entries([3, 5, 5, 9], [10, 8, 12, 11], [1, 1, 2, 1], ["1", "2", "3", "4"], ["1:1", "1:2", "2:3", "1:4"])

    places = entries.places()

    assert {operation: list(entries.ids[own]) for operation, own in places.items()} == {3: [10], 5: [8, 12], 9: [11]}
    assert Entries().places() == {}


def test_it_tells_nothing_personal(page: Page) -> None:
    operation_id = post(
        page, "secret", b'{"entries":[{"account":"anna","amount":"1.00"}],"description":"Anna Karenina"}'
    )

    assert b"Karenina" not in (produced(page, operation_id) or b"")


def test_a_header_is_canonical_json_of_texts() -> None:
    totals = (UnitTotals("EUR", 2, 4, 150, 150), UnitTotals("POINTS", 0, 1, 7, 0))
    header = BlockHeader("main", 1, 7, 100, b"\x01" * 32, 9, 19, 3, 0, totals, (12,), ("k+1+a",), {"reason": "é\n"})

    leaf = leaves.header_leaf(header)

    assert leaf == rfc8785.dumps(json.loads(leaf))
    assert json.loads(leaf)["sealed_at"] == "2000-01-01T00:00:00.000000Z"
    assert not [value for value in json.loads(leaf).values() if isinstance(value, (int, float, bool))]


@pytest.mark.parametrize(
    ("microseconds", "text"), [(0, "2000-01-01T00:00:00.000000Z"), (-1, "1999-12-31T23:59:59.999999Z")]
)
def test_a_time_has_six_decimals(microseconds: int, text: str) -> None:
    assert Clock().text(microseconds) == text


def test_a_time_beyond_every_calendar_is_written_as_a_number() -> None:
    assert Clock().text(2**62) == str(2**62)
