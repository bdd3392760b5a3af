"""The scene of the attacks: a sealed and published ledger in a database of its own, copies to attack, the attacker's hands.

The attacker is the superuser: guards are switched off and, where it serves, on again, so that nothing of it can be seen later.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from django.db import connection
from django.test import override_settings
from psycopg import sql

from accounts.models import Book
from billing_project import embedded
from ledger.models import SealBlock
from ledger.sealing import publication, sealer
from tests import servers
from tests.ledger.page import Page

KEYS = [f"{block}{place}" for block in "abc" for place in range(1, 6)]


@dataclass
class Scene:
    """A book with three blocks of five operations; `name` is its database, `backup` a copy from before the third block.

    `gap` is an id within the second block that no operation has, as a posting leaves it that was rolled back.
    """

    name: str
    backup: str
    page: Page
    folder: Path
    operations: dict[str, int] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    gap: int = 0

    @property
    def book(self) -> Book:
        return Book.objects.get(id=self.page.book_id)

    @contextmanager
    def copy(self, *, of: str | None = None) -> Iterator["Copy"]:
        """A copy to attack, with Django working in it; it is gone afterwards."""
        with copied(of or self.name) as name, working_in(name):
            yield Copy(self, name)


@dataclass
class Copy:
    """One copy of the scene's database."""

    scene: Scene
    name: str

    def attack(self, statement: str, *parameters: object) -> int:
        """Run one statement as the superuser, with the guards of every table away while it runs; return the rows changed."""
        with superuser(self.name) as attacker, lifted(attacker):
            changed = attacker.execute(statement, parameters).rowcount
        assert changed != 0, f"the attack changed nothing: {statement}"
        return changed

    def operation(self, key: str) -> int:
        return self.scene.operations[key]

    def forget_aggregates(self) -> None:
        """Delete what is derived from entries, so that the aggregator makes it anew."""
        for table in ("snapshot", "turnover", "progress"):
            self.attack(f"DELETE FROM ledger_{table} WHERE book_id = %s", self.scene.page.book_id)

    def rechain(self, *, signed_by: str | None = None) -> None:
        """Make the whole chain anew, block by block as it was, and sign it: with the stolen key, or with another."""
        book = self.scene.page.book_id
        for table in ("block", "node", "checkpoint", "cosignature", "publication", "quarantine"):
            with superuser(self.name) as attacker, lifted(attacker):
                attacker.execute(
                    sql.SQL("DELETE FROM {} WHERE book_id = %s").format(sql.Identifier(f"ledger_seal_{table}")), (book,)
                )
        changes = {"SEAL_DIRECTORIES": []} | ({"SEAL_KEYS": signed_by} if signed_by else {})
        with override_settings(**changes):
            for end in self.scene.ends:
                sealer.seal(book=self.scene.book, safe_id=end)
                publication.publish(book=self.scene.book)


@contextmanager
def staged(folder: Path) -> Iterator[Scene]:
    """Stage the scene: accounts with history in three sealed and published blocks, and a backup from before the last."""
    with servers.scratch_database(Path(os.environ[servers.STATE_VARIABLE])) as database:
        name = database.superuser_url.rpartition("/")[2].partition("?")[0]
        draw_ids_of_its_own(name)
        with override_settings(SEAL_DIRECTORIES=[folder]), working_in(name):
            page = Page.open_new("anna EUR floor 0.00", "bank EUR", "points JPY")
            scene = Scene(name, "", page, folder)
            _write_block(page, "a")
            page.write(("b0", "points 1", "accepted"))
            with superuser(name) as somebody:
                scene.gap = somebody.execute("SELECT nextval('ledger_operation_id_seq')").fetchone()[0]
            _write_block(page, "b")
            connection.close()
            with copied(name) as scene.backup:
                _write_block(page, "c")
                scene.operations = {key: page.operation_id(key) for key in KEYS}
                blocks = SealBlock.objects.filter(book_id=page.book_id).order_by("number")
                scene.ends = list(blocks.values_list("to_id", flat=True))
                scene.sizes = list(blocks.values_list("size", flat=True))
                connection.close()
                yield scene


def draw_ids_of_its_own(name: str) -> None:
    """Let books, accounts and sources have ids that no other database of the run has: the process and Valkey remember by id."""
    with superuser(name) as server:
        for table in ("accounts_book", "accounts_account", "security_source"):
            server.execute(
                "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", (table, 10**9 + secrets.randbelow(10**9))
            )


def _write_block(page: Page, block: str) -> None:
    said = {"description": f"block {block}", "metadata": {"order": block}}
    page.write(
        (f"{block}1", "bank -50.00, anna 50.00", "accepted", said),
        (f"{block}2", "anna -1.00, bank 1.00", "accepted"),
        (f"{block}3", "anna -1000.00", "below_floor"),
        (f"{block}4", "points 7", "accepted"),
        (f"{block}5", f"reverse {block}2", "accepted"),
    )
    page.aggregate()
    page.seal()


@contextmanager
def working_in(name: str) -> Iterator[None]:
    """Let Django work in another database of the same server."""
    connection.close()
    kept = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = kept


@contextmanager
def copied(source: str) -> Iterator[str]:
    """Copy a database that nobody is connected to; the copy is gone afterwards, whoever still uses it."""
    connection.close()
    name = f"attacked_{secrets.token_hex(8)}"
    with superuser("postgres") as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER billing_owner").format(
                sql.Identifier(name), sql.Identifier(source)
            )
        )
        server.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO billing_app").format(sql.Identifier(name)))
    try:
        yield name
    finally:
        connection.close()
        with superuser("postgres") as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def superuser(name: str) -> Iterator[psycopg.Connection]:
    """A connection of the superuser to a database of the server."""
    url = embedded.addresses(Path(os.environ[servers.STATE_VARIABLE])).superuser_url
    with psycopg.connect(url, dbname=name, autocommit=True) as attacker:
        yield attacker


@contextmanager
def lifted(attacker: psycopg.Connection) -> Iterator[None]:
    """Switch every guard of the ledger off, and afterwards on again as it was."""
    triggers = attacker.execute(
        "SELECT t.tgrelid::regclass::text, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND c.relnamespace = 'public'::regnamespace AND t.tgenabled = 'A'"
    ).fetchall()
    for table, trigger in triggers:
        attacker.execute(f'ALTER TABLE {table} DISABLE TRIGGER "{trigger}"')
    try:
        yield
    finally:
        for table, trigger in triggers:
            attacker.execute(f'ALTER TABLE {table} ENABLE ALWAYS TRIGGER "{trigger}"')
