"""Archives: a sealed partition of operations becomes a file that the chain keeps, and the file stands in for the rows.

Each test works in a copy of one ledger whose partitions hold ten ids each; the first is full and wholly sealed.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from ledger.models import SealBlock
from ledger.sealing import archive_file, archives, signing, verify_receipt
from ledger.sealing.archive_file import Archive
from ledger.sealing.verification import Mode, verify
from tests.api.calls import Api, refusal
from tests.ledger.page import Page
from tests.ledger.sealing.small_ledger import FIRST, Ledger, copy_of, rewrite, staged
from tests.security.actors import new_actor

COLUMNS = "book_id, operation_id, account_id, amount, effective_at"


@pytest.fixture(scope="module")
def original() -> Iterator[tuple[str, Page, Page]]:
    with staged() as ledger:
        yield ledger


@pytest.fixture
def ledger(original: tuple[str, Page, Page], tmp_path: Path) -> Iterator[Ledger]:
    with copy_of(original, tmp_path) as ledger:
        yield ledger


def test_it_writes_a_file_that_anybody_can_read(ledger: Ledger) -> None:
    path = ledger.archive()

    with zipfile.ZipFile(path) as file:
        manifest = json.loads(file.read("manifest.json"))
        operations = file.read("operations/0000000000000000001.csv").decode()
    assert manifest == {
        "entries": "18",
        "format": "billing-archive",
        "from_id": "0",
        "operations": "10",
        "partition": FIRST,
        "to_id": "10",
        "v": "1",
    }
    assert operations.startswith("id,book_id,source_id,key,kind,message,")
    with Archive(path) as archive:
        (rows,) = archive.operations(from_id=0, to_id=10)
    assert [row.sealed.id for row in rows] == list(range(1, 11))


def test_the_same_rows_make_the_same_bytes(ledger: Ledger) -> None:
    first = ledger.archive().read_bytes()

    assert ledger.archive(ledger.folder / "again").read_bytes() == first


def test_the_chain_of_each_book_keeps_its_hash(ledger: Ledger) -> None:
    path = ledger.archive()

    for page, operations in ((ledger.page, "7"), (ledger.other, "3")):
        block = SealBlock.objects.filter(book_id=page.book_id).order_by("-number")[0]
        header = json.loads(bytes(block.header))
        sha256 = archive_file.sha256_of(path).hex()
        assert (header["v"], header["archives"]) == (
            "2",
            [{"from": "0", "name": path.name, "operations": operations, "sha256": sha256, "to": "10"}],
        )
    assert ledger.check() == []


def test_it_seals_an_archive_once(ledger: Ledger) -> None:
    ledger.archive()
    blocks = SealBlock.objects.count()

    ledger.archive()

    assert SealBlock.objects.count() == blocks


def test_it_refuses_a_partition_that_is_not_full(ledger: Ledger) -> None:
    with pytest.raises(CommandError, match="not full yet"):
        call_command("archive", "ledger_operation_p00002", to=ledger.folder)


def test_it_refuses_a_partition_that_is_not_wholly_sealed(ledger: Ledger) -> None:
    for number in range(10):
        ledger.page.write((f"more {number}", "anna 1.00", "accepted"))
    ledger.other.seal()

    with pytest.raises(CommandError, match="not wholly sealed: book page-"):
        call_command("archive", "ledger_operation_p00002", to=ledger.folder)
    assert not list(ledger.folder.glob("*.zip"))


def test_it_refuses_what_is_not_what_was_sealed(ledger: Ledger) -> None:
    ledger.attack("UPDATE ledger_operation SET key = 'other' WHERE id = 2")

    with pytest.raises(CommandError, match=r"Operation 2 in .* is not what was sealed"):
        ledger.archive()


@pytest.mark.parametrize("mode", list(Mode))
def test_the_file_stands_in_for_the_rows(ledger: Ledger, mode: Mode) -> None:
    ledger.archive()
    ledger.cut_off()

    assert ledger.check(mode) == []


def test_without_the_file_the_rows_are_removed_rows(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the same ledger, and nobody remembers that there is an archive."""
    ledger.archive()
    ledger.cut_off()
    monkeypatch.setattr(archives, "_detached", lambda _book_id, _only: [])

    assert {"row_removed", "entry_stray", "key_fault"} <= set(ledger.check())


def test_a_missing_file_is_told_by_its_name(ledger: Ledger) -> None:
    ledger.archive().unlink()
    ledger.cut_off()

    report = verify(mode=Mode.FULL, books=[ledger.book])

    (finding,) = report.findings.found
    assert finding.code == "archive_missing"
    assert f"Operations 1 to 10 lie in {FIRST}.zip, which is in none of the folders" in finding.detail
    assert report.exit_code == 1


def test_a_file_of_other_content_is_told(ledger: Ledger) -> None:
    path = ledger.archive()
    ledger.cut_off()
    rewrite(path, lambda content: content.replace(b'"to_id": "10"', b'"to_id": "20"'))

    report = verify(mode=Mode.FULL, books=[ledger.book])

    assert [finding.code.value for finding in report.findings.found] == ["archive_differs"]
    assert f"holds operations 1 to 20 ({FIRST}), not 1 to 10" in report.findings.found[0].detail


def test_a_damaged_file_is_told(ledger: Ledger) -> None:
    path = ledger.archive()
    ledger.cut_off()
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)

    assert set(ledger.check()) == {"archive_differs"}


def test_a_changed_operation_in_the_file_is_named(ledger: Ledger) -> None:
    path = ledger.archive()
    ledger.cut_off()
    rewrite(path, lambda content: content.replace(b"below_floor", b"no_such_thing"))

    report = verify(mode=Mode.FULL, books=[ledger.book])

    found = [(finding.code.value, finding.operation) for finding in report.findings.found]
    assert found == [("archive_differs", None), ("row_changed", 2)]
    assert "was changed: its SHA-256 is " in report.findings.found[0].detail


@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        ("UPDATE ledger_entry SET amount = amount * 10 WHERE operation_id = 1", {"row_changed", "aggregate_differs"}),
        ("DELETE FROM ledger_entry WHERE operation_id = 1", {"row_changed", "entry_stray"}),
        (
            "UPDATE ledger_entry SET effective_at = effective_at - interval '1 s' WHERE operation_id = 1",
            {"entry_stray"},
        ),
        ("DELETE FROM ledger_operation_key WHERE operation_id = 1", {"key_fault"}),
        (
            f"INSERT INTO ledger_entry ({COLUMNS}) SELECT {COLUMNS} FROM ledger_entry WHERE operation_id = 1",
            {"entry_stray"},
        ),
    ],
)
def test_what_stays_in_the_tables_is_held_against_the_file(ledger: Ledger, statement: str, codes: set[str]) -> None:
    ledger.archive()
    ledger.cut_off()

    ledger.attack(statement)

    assert codes <= set(ledger.check())


def test_a_receipt_is_made_from_the_file_and_a_stranger_checks_it(ledger: Ledger) -> None:
    path = ledger.archive()
    ledger.cut_off()
    api = Api(new_actor(name="reader", scopes="operations:read").token(), ledger.book.name)
    balances = ledger.page.sum("anna"), ledger.page.balance("anna").minor

    answer = api.get("/operations/1/receipt")
    (ledger.folder / "receipt").write_text(answer.json()["receipt"], encoding="utf-8")
    checked = verify_receipt.main(["receipt", str(ledger.folder / "receipt"), "--key", signing.public_keys()[0]])

    assert (answer.json()["status"], checked) == ("sealed", verify_receipt.OK)
    assert json.loads(answer.json()["leaf"])["key"] == "1"
    assert balances == (3500, 3500), "entries stay: balances need no file"
    assert refusal(api.get("/operations/3/receipt")) == (404, "operation_unknown"), "it is of the other book"
    path.unlink()
    assert refusal(api.get("/operations/1/receipt")) == (503, "archive_unavailable")
