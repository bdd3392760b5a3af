"""A poster without Django: one connection that calls the posting function, for what needs other processes, open
transactions, or a database of its own.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from ledger.sealing import mac
from ledger.sealing.mac import MacKey

# A key, and its entries as (account id, minor units).
Operation = tuple[str, Sequence[tuple[int, int]]]

_POST = """
    SELECT o_outcome, o_replayed, o_gate FROM public.ledger_post_v1(
      p_book => %(book)s::int, p_source => %(source)s::bigint[], p_key => %(key)s::text[], p_kind => %(kind)s::text[],
      p_message => %(message)s::bytea[], p_hash => %(hash)s::bytea[], p_credential => %(credential)s::text[],
      p_received => %(received)s::timestamptz[], p_effective => %(effective)s::timestamptz[],
      p_reverses => %(reverses)s::bigint[], p_metadata => NULL, p_refusal => NULL,
      p_mac => %(mac)s::bytea[], p_mac_key => %(mac_key)s::text,
      e_ordinal => %(e_ordinal)s::int[], e_account => %(e_account)s::bigint[],
      e_amount => %(e_amount)s::numeric[], p_all => %(all)s, p_inbox => NULL,
      l_ordinal => %(l_ordinal)s::int[], l_grant => %(l_grant)s::bigint[], l_amount => %(l_amount)s::numeric[],
      l_max => %(l_max)s::numeric[])
"""


_GATES = {None: "no gate", 0: "shared", 1: "exclusive", 2: "by snapshot"}
_SPENDINGS = ("l_ordinal", "l_grant", "l_amount", "l_max")


@dataclass(frozen=True)
class Book:
    """A book in some database, with its source and its accounts by short names."""

    id: int
    source_id: int
    accounts: dict[str, int]


def open_book(owner_url: str, *accounts: str) -> Book:
    """Open a book and accounts there: `"anna EUR floor 0"`, the floor in minor units."""
    lines = [account.partition(" floor ") for account in accounts]
    codes, units = zip(*(line[0].split() for line in lines), strict=True)
    floors = [int(line[2]) if line[2] else None for line in lines]
    with psycopg.connect(owner_url, autocommit=True) as connection:
        book = connection.execute(
            "INSERT INTO accounts_book (name, created_at) VALUES (gen_random_uuid(), now()) RETURNING id"
        ).fetchone()
        source = connection.execute(
            "INSERT INTO security_source (kind, name, created_at) VALUES ('client', gen_random_uuid(), now()) RETURNING id"
        ).fetchone()
        assert book is not None
        assert source is not None
        opened = connection.execute(
            "SELECT account_id FROM accounts_open_v1(%s, %s, %s,"
            " ARRAY(SELECT u.id FROM unnest(%s::text[]) WITH ORDINALITY n(code, place)"
            "       JOIN accounts_unit u ON u.code = n.code ORDER BY n.place),"
            " %s, %s::jsonb[], %s::numeric[])",
            (book[0], source[0], list(codes), list(units), [""] * len(codes), ["{}"] * len(codes), floors),
        ).fetchall()
    return Book(book[0], source[0], dict(zip(codes, (row[0] for row in opened), strict=True)))


class Poster:
    """Posts into one book over one connection; the caller decides about the transaction.

    With a key every operation carries its code, as the application makes it.
    """

    def __init__(
        self, connection: psycopg.Connection, *, book_id: int, source_id: int, key: MacKey | None = None
    ) -> None:
        self.connection = connection
        self.gates = Counter[str]()  # how often which way through the gate was taken
        self._key = key
        self._book_id = book_id
        self._source_id = source_id

    def post(
        self,
        *operations: Operation,
        all_or_nothing: bool = False,
        reverses: int | None = None,
        spendings: Sequence[tuple[int, int, int, int]] | None = None,
    ) -> list[str]:
        """Post a batch (each a reversal, where `reverses` is told); return the outcome of each, "again" for a replay.

        `spendings` are what the operations take of sums per day: (place from 1, grant, amount, sum per day).
        """
        total = len(operations)
        entries = [(ordinal, *entry) for ordinal, (_, own) in enumerate(operations, 1) for entry in own]
        bodies = [repr(list(own)).encode() for _, own in operations]
        hashes = [hashlib.sha256(body).digest() for body in bodies]
        row = self.connection.execute(
            _POST,
            {
                "book": self._book_id,
                "source": [self._source_id] * total,
                "key": [key for key, _ in operations],
                "kind": ["operation" if reverses is None else "reversal"] * total,
                "reverses": None if reverses is None else [reverses] * total,
                "message": bodies,
                "hash": hashes,
                "mac": self._codes(operations, hashes, reverses),
                "mac_key": self._key and self._key.name,
                "credential": [""] * total,
                "received": [datetime.now(UTC)] * total,
                "effective": [None] * total,
                "e_ordinal": [entry[0] for entry in entries],
                "e_account": [entry[1] for entry in entries],
                "e_amount": [entry[2] for entry in entries],
                "all": all_or_nothing,
                **{name: spendings and [row[i] for row in spendings] for i, name in enumerate(_SPENDINGS)},
            },
            prepare=True,
        ).fetchone()
        assert row is not None
        self.gates[_GATES[row[2]]] += 1
        return [
            f"{outcome} again" if replayed and outcome != "key_reused" else outcome
            for outcome, replayed in zip(*row[:2], strict=True)
        ]

    def _codes(self, operations: Sequence[Operation], hashes: list[bytes], reverses: int | None) -> list[bytes] | None:
        if self._key is None:
            return None
        kind = "operation" if reverses is None else "reversal"
        return [
            self._key.of_both(
                mac.head(self._book_id, self._source_id, reverses, hashed, kind, key, ""), mac.entries(entries)
            )
            for (key, entries), hashed in zip(operations, hashes, strict=True)
        ]
