"""What a spreadsheet program leaves in a file: each cell is read as its writer meant it, or is an error of its row."""

import io
import zipfile
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook

from massops.rows import sheets
from massops.rows.mapping import Amount, Cell, Mapping
from massops.rows.reading import read_rows
from tests.massops.desk import Desk

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHEET = "xl/worksheets/sheet1.xml"
GERMAN = Mapping(
    account=Cell("account"),
    amount=Amount(decimal=",", thousands="."),
    effective_at=Cell("effective_at"),
    date_format="%d.%m.%Y",
)


def book_of(*rows: tuple[object, ...], header: tuple[str, ...] = ("account", "amount")) -> Workbook:
    book = Workbook()
    for row in (header, *rows):
        book.active.append(row)
    return book


def packed(book: Workbook) -> bytes:
    book.save(data := io.BytesIO())
    return data.getvalue()


def changed(data: bytes, member: str, *replacements: tuple[str, str]) -> bytes:
    """The workbook with text of one member replaced, as another program would have written it."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = {info.filename: source.read(info) for info in source.infolist()}
    text = members[member].decode()
    for old, new in replacements:
        assert old in text, text
        text = text.replace(old, new)
    with zipfile.ZipFile(made := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in (members | {member: text.encode()}).items():
            target.writestr(name, content)
    return made.getvalue()


def read(tmp_path: Path, data: bytes | Workbook, mapping: Mapping | None = None) -> list[object]:
    """Each row as it reads, `(account, amount, effective_at)`, or the codes of what is wrong with it."""
    path = tmp_path / "book.xlsx"
    path.write_bytes(packed(data) if isinstance(data, Workbook) else data)
    items = read_rows(path, mapping, received_at=NOW).items
    return [
        [error.code for error in item] if isinstance(item, list) else (item.account, item.amount, item.effective_at)
        for _, _, item in items
    ]


@pytest.mark.parametrize("name", ["book.xlsx", "upload"])
@pytest.mark.parametrize("content", [b"PK\x03\x04 and no more", b"account;amount", b""])
def test_what_is_no_workbook_is_an_error_of_the_file_whatever_its_name(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (path := tmp_path / name).write_bytes(content)

    (record,) = sheets.read_sheet(path, GERMAN)

    assert "not a readable XLSX workbook" in str(record)
    assert sheets.sheets_left_out(path, "") == ("", [])


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (12, "12"),
        (12.5, "12.5"),
        (-0.01, "-0.01"),
        (1e14, "100000000000000"),
        ("12.50", "12.50"),
        (" 12.50 ", "12.50"),
        (0, ["amount_zero"]),
        (True, ["amount_invalid"]),
        ("1,234.50", ["amount_invalid"]),
        (10**15, ["cell_invalid"]),
        (1e-7, ["cell_invalid"]),
        (timedelta(hours=30), ["cell_invalid"]),
        ("#DIV/0!", ["cell_invalid"]),
        (None, ["amount_missing"]),
    ],
)
def test_it_reads_an_amount_exactly_or_not_at_all(tmp_path: Path, cell: object, told: object) -> None:
    assert read(tmp_path, book_of(("anna", cell))) == [("anna", told, None) if isinstance(told, str) else told]


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ("0.10000000000000001", "0.1"),  # what Excel writes for 0.1
        ("0.30000000000000004", None),  # 0.1 + 0.2
        ("1234.3000000000002", None),
        ("2.9999999999999996", None),
        ("1.2345678901234567E+19", None),
        ("4111111111111111", None),  # a card's number, of which a sheet keeps 15 digits
        ("1E+3", "1000"),
    ],
)
def test_rounding_noise_is_an_error_of_its_row_and_no_amount(tmp_path: Path, stored: str, told: str | None) -> None:
    data = changed(packed(book_of(("anna", 77))), SHEET, ("<v>77</v>", f"<v>{stored}</v>"))

    assert read(tmp_path, data) == [("anna", told, None) if told else ["cell_invalid"]]


@pytest.mark.parametrize("epoch", [datetime(1899, 12, 30), datetime(1904, 1, 1)])  # noqa: DTZ001 - of a workbook
@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (datetime(2024, 2, 29), "2024-02-29T00:00:00Z"),  # noqa: DTZ001 - a cell has no zone
        (datetime(2024, 2, 29, 12, 30), "2024-02-29T12:30:00Z"),  # noqa: DTZ001 - likewise
        ("2024-02-29", "2024-02-29T00:00:00Z"),
        (45351, ["date_invalid"]),  # a serial number that nobody said is a date
        (45351.5, ["date_invalid"]),
        (time(3), ["date_invalid"]),
        (None, None),
    ],
)
def test_it_reads_dates_of_both_epochs_and_guesses_none(
    tmp_path: Path, cell: object, told: object, epoch: datetime
) -> None:
    book = book_of(("anna", 1, cell), header=("account", "amount", "effective_at"))
    book.epoch = epoch

    assert read(tmp_path, book) == [told if isinstance(told, list) else ("anna", "1", told)]


def test_numbers_and_dates_of_cells_are_read_whatever_the_mapping_says_of_texts(tmp_path: Path) -> None:
    day, moment = datetime(2024, 2, 29), datetime(2024, 2, 29, 12, 30)  # noqa: DTZ001 - of cells
    book = book_of(
        ("anna", 1.125, day),
        ("anna", "1.125,50", "29.02.2024"),
        ("anna", -1234567.5, None),
        ("anna", 1, moment),
        header=("account", "amount", "effective_at"),
    )

    assert read(tmp_path, book, GERMAN) == [
        ("anna", "1.125", "2024-02-29T00:00:00Z"),
        ("anna", "1125.50", "2024-02-29T00:00:00Z"),
        ("anna", "-1234567.5", None),
        ["date_invalid"],  # the form has no room for its time of day
    ]


def test_a_formula_counts_with_its_stored_result_and_is_an_error_without(tmp_path: Path) -> None:
    book = book_of(("anna", "=1+1", "x"), ("anna", 3, '="a"&"b"'), header=("account", "amount", "description"))
    without = packed(book)
    assert read(tmp_path, without) == [["cell_invalid"], ["cell_invalid"]]

    stored = changed(without, SHEET, ("<f>1+1</f><v />", "<f>1+1</f><v>2.5</v>"))
    assert read(tmp_path, stored) == [("anna", "2.5", None), ["cell_invalid"]]


def test_merged_cells_are_an_error_of_every_row_that_they_reach(tmp_path: Path) -> None:
    book = book_of(
        ("anna", 1, "may"), ("bert", 2, None), ("cora", 3, None), header=("account", "amount", "description")
    )
    book.active.merge_cells("C2:C3")

    assert read(tmp_path, book) == [["cell_merged"], ["cell_merged"], ("cora", "3", None)]


def test_a_merged_title_above_the_header_does_not_matter(tmp_path: Path) -> None:
    book = Workbook()
    for row in (("Payouts of May",), (), ("account", "amount"), ("anna", 1)):
        book.active.append(row)
    book.active.merge_cells("A1:B1")

    assert read(tmp_path, book, Mapping(account=Cell("account"), header_row=3)) == [("anna", "1", None)]


def test_it_reads_the_first_sheet_that_a_person_sees(tmp_path: Path) -> None:
    book = Workbook()
    book.active.sheet_state = "hidden"
    book.active.append(("lists",))
    rows = book.create_sheet("rows")
    for row in (("account", "amount"), ("anna", 1)):
        rows.append(row)
    very_hidden = book.create_sheet("more")
    very_hidden.sheet_state = "veryHidden"

    assert read(tmp_path, book) == [("anna", "1", None)]
    assert read(tmp_path, book, Mapping(account=Cell("account"), sheet="none")) == [["sheet_unreadable"]]
    assert sheets.sheets_left_out(tmp_path / "book.xlsx", "") == ("rows", ["Sheet", "more"])


def test_empty_rows_and_cells_are_not_there(tmp_path: Path) -> None:
    book = book_of(
        ("anna", 1),
        (None, None, None),
        ("", " "),
        ("bert", 2, None, "", None),
        header=("account", "amount", "description"),
    )
    for line in range(7, 50):  # what formatting leaves behind
        book.active.cell(line, 1).number_format = "0.00"

    assert read(tmp_path, book) == [("anna", "1", None), ("bert", "2", None)]
    assert read(tmp_path, book_of(("anna", 1, None, "note"))) == [["column_count"]]


@pytest.mark.parametrize(
    ("member", "content"),
    [
        (
            SHEET,
            '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
            + "".join(f'<!ENTITY {chr(98 + n)} "{"".join(f"&{chr(97 + n)};" for _ in range(10))}">' for n in range(9))
            + "]><worksheet><sheetData><row><c t='str'><v>&j;</v></c></row></sheetData></worksheet>",
        ),
        (
            SHEET,
            (
                '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet><sheetData><row>'
                "<c t='str'><v>&a;</v></c></row></sheetData></worksheet>"
            ),
        ),
        (SHEET, "<worksheet><sheetData><row>"),
        ("xl/workbook.xml", "<workbook/>"),
        ("[Content_Types].xml", "no XML"),
    ],
)
def test_a_workbook_that_was_tampered_with_is_an_error_of_the_file(tmp_path: Path, member: str, content: str) -> None:
    with zipfile.ZipFile(io.BytesIO(packed(book_of(("anna", 1))))) as source:
        members = {info.filename: source.read(info) for info in source.infolist()}
    with zipfile.ZipFile(made := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in (members | {member: content.encode()}).items():
            target.writestr(name, data)

    told = read(tmp_path, made.getvalue())

    assert len(told) == 1
    assert told[0] in (["sheet_unreadable"], ["no_rows"])


@pytest.mark.parametrize("limit", ["SHEET_MEMBERS_MAX", "UNPACKED_MAX", "SHEET_TEXTS_BYTES_MAX", "SHEET_RATIO_BYTES"])
def test_a_file_made_to_explode_is_not_unpacked(tmp_path: Path, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, limit, 1)
    monkeypatch.setattr(sheets, "SHEET_RATIO_MAX", 1)

    with zipfile.ZipFile(made := io.BytesIO(packed(book_of(("anna", 1)))), "a", zipfile.ZIP_DEFLATED) as target:
        if limit == "SHEET_TEXTS_BYTES_MAX":
            target.writestr("xl/sharedStrings.xml", "<sst/>")

    assert read(tmp_path, made.getvalue()) == [["sheet_unreadable"]]


def test_what_packs_to_almost_nothing_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(made := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr(SHEET, b" " * (sheets.SHEET_RATIO_BYTES + 1))

    assert read(tmp_path, made.getvalue()) == [["sheet_unreadable"]]


def test_the_check_says_which_sheet_was_read(desk: Desk) -> None:
    book = book_of(("anna", 1))
    book.create_sheet("June")

    found = desk.upload(packed(book), name="payouts.xlsx")

    assert found.summary["notices"] == ["The workbook has other sheets, which are not read; this is 'Sheet'."]
    assert desk.upload(packed(book_of(("anna", 2))), name="payouts.xlsx").summary["notices"] == []
