"""A ledger in small partitions: ten ids each, the first one full and wholly sealed; and copies of it to work in.

What belongs to the owner of the tables is done `as_owner`, as the command is run.
"""

import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from accounts.models import Book
from ledger.sealing.verification import Mode, verify
from tests import servers
from tests.ledger.page import Page
from tests.ledger.sealing.scene import copied, draw_ids_of_its_own, lifted, superuser, working_in

FIRST = "ledger_operation_p00001"
REDUCED = "ledger_operation_r00001"
# What operation 1 says.
SAID = {"description": 'a "nasty", text\n\u2028 of Zoë', "metadata": {"order": "17"}}


@dataclass
class Ledger:
    """A copy of the ledger: two books whose operations lie side by side in small partitions."""

    name: str
    page: Page
    other: Page
    folder: Path

    @property
    def book(self) -> Book:
        return Book.objects.get(id=self.page.book_id)

    def archive(self, folder: Path | None = None, *, name: str = FIRST) -> Path:
        folder = folder or self.folder / "archives"
        folder.mkdir(exist_ok=True)
        call_command("archive", name, to=folder)
        return folder / f"{name}.zip"

    def command(self, *flags: str, name: str = FIRST) -> None:
        """Run the command about a partition as the owner does."""
        with as_owner():
            call_command("archive", name, *flags)

    def detach(self) -> Path:
        path = self.archive()
        self.command("--detach")
        return path

    def cut_off(self) -> None:
        """Detach the first partition, as somebody with the owner's rights does."""
        with superuser(self.name) as server:
            server.execute(f"ALTER TABLE ledger_operation DETACH PARTITION {FIRST}")

    def check(self, mode: Mode = Mode.FULL, **options: Any) -> list[str]:
        report = verify(mode=mode, books=[self.book], archives=[self.folder / "archives"], **options)
        return [finding.code.value for finding in report.findings.found]

    def attack(self, statement: str, *parameters: object) -> None:
        with superuser(self.name) as attacker, lifted(attacker):
            assert attacker.execute(statement, parameters).rowcount > 0


@contextmanager
def staged() -> Iterator[tuple[str, Page, Page]]:
    with servers.scratch_database(Path(os.environ[servers.STATE_VARIABLE])) as database:
        name = database.superuser_url.rpartition("/")[2].partition("?")[0]
        draw_ids_of_its_own(name)
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            for parent in ("ledger_operation", "ledger_entry"):
                for number in (1, 2):
                    owner.execute(f"DROP TABLE {parent}_p0000{number}")
            owner.execute("SELECT ledger_add_partitions_v2(10, 10)")
        with override_settings(SEAL_DIRECTORIES=[]), working_in(name):
            page, other = Page.open_new("anna EUR floor 0.00", "bank EUR"), Page.open_new("ben EUR", "bank EUR")
            write(page, other)
        yield name, page, other


def write(page: Page, other: Page) -> None:
    """Twelve operations: ten in the first partition, two behind it; the blocks do not end where the partition does."""
    page.write(("1", "bank -50.00, anna 50.00", "accepted", SAID), ("2", "anna -99.00", "below_floor"))
    other.write(("1", "bank -5.00, ben 5.00", "accepted"), ("2", "ben -1.00, bank 1.00", "accepted"))
    seal(page, other)
    page.write(("3", "anna -20.00, bank 20.00", "accepted"), ("4", "reverse 3", "accepted"))
    page.write(("5", "anna -1.00, bank 1.00", "accepted"), ("6", "anna -2.00, bank 2.00", "accepted"))
    other.write(("3", "bank -7.00, ben 7.00", "accepted"))
    page.write(("7", "anna -3.00, bank 3.00", "accepted"))
    page.write(("8", "anna -4.00, bank 4.00", "accepted"), ("9", "anna -5.00, bank 5.00", "accepted"))
    seal(page, other)
    page.aggregate()
    other.aggregate()


def seal(*pages: Page) -> None:
    for page in pages:
        page.seal()


@contextmanager
def copy_of(original: tuple[str, Page, Page], folder: Path) -> Iterator[Ledger]:
    """A copy of the ledger, with Django working in it."""
    name, page, other = original
    directories = {"SEAL_DIRECTORIES": [folder / "heads"], "ARCHIVE_DIRECTORIES": [folder / "archives"]}
    with copied(name) as copy, working_in(copy), override_settings(**directories):
        yield Ledger(copy, page, other, folder)


@contextmanager
def as_owner() -> Iterator[None]:
    """Let Django connect as the role that owns the tables, as `DATABASE_ROLE=owner` does."""
    connection.close()
    place, kept = urlsplit(os.environ["DATABASE_OWNER_URL"]), dict(connection.settings_dict)
    connection.settings_dict.update(USER=place.username, PASSWORD=place.password)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(USER=kept["USER"], PASSWORD=kept["PASSWORD"])


def rewrite(path: Path, change: Any) -> None:
    """Write a ZIP anew with other content."""
    kept = path.with_suffix(".kept")
    shutil.move(path, kept)
    with zipfile.ZipFile(kept) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)))
