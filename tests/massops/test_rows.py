"""Reading strangers' files: each row as it is meant, or an error with its line; never a silent part."""

import io
import json
import random
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from massops.rows.amounts import CellError, amount_reader, moment_reader
from massops.rows.convert import Row
from massops.rows.formulas import safe_cell
from massops.rows.mapping import Amount, Cell, Mapping, MappingError, check, read_mapping
from massops.rows.reading import read_rows
from massops.rows.records import read_records

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def records(data: bytes, *, encoding="auto", separator="auto", header_row=1):
    found = read_records(io.BytesIO(data), encoding=encoding, separator=separator, header_row=header_row)
    return [(r.line, r.error.code if r.error else r.fields) for r in found]


def rows(data: bytes | str, mapping: Mapping | None = None):
    raw = data.encode() if isinstance(data, str) else data
    return list(read_rows(io.BytesIO(raw), mapping, received_at=NOW).items)


def told(data: bytes | str, mapping: Mapping | None = None):
    """(line, key and amount) of good rows, (line, columns and codes) of others."""
    return [
        (line, (item.key, item.amount) if isinstance(item, Row) else [(e.column, e.code) for e in item])
        for _, line, item in rows(data, mapping)
    ]


@pytest.mark.foreign
@pytest.mark.parametrize(
    "name",
    [
        "comma_in_quotes", "empty", "empty_crlf", "escaped_quotes", "json", "location_coordinates", "newlines",
        "newlines_crlf", "quotes_and_newlines", "simple", "simple_crlf", "utf8",
    ],
)  # fmt: skip
def test_it_reads_the_spectrum_of_csv(foreign_data, name):
    found = records((foreign_data / "csv_spectrum" / "csvs" / f"{name}.csv").read_bytes(), separator="comma")
    expected = json.loads((foreign_data / "csv_spectrum" / "json" / f"{name}.json").read_text(encoding="utf-8"))

    header, *body = [fields for _, fields in found]
    if name == "location_coordinates":  # its JSON is one object, with another telephone number than the CSV
        expected = [{**expected, header[0]: body[0][0]}]
    assert [dict(zip(header, fields, strict=True)) for fields in body] == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "stated"),
    [
        ("utf-8", "auto"), ("utf-8-sig", "auto"), ("utf-8-sig", "cp1252"), ("utf-16", "auto"), ("utf-16-le", "utf-16"),
        ("cp1252", "cp1252"), ("iso-8859-1", "iso-8859-1"), ("cp1250", "cp1250"),
    ],
)  # fmt: skip
def test_it_reads_encodings_byte_order_marks_and_line_ends(encoding, stated, end):
    text = end.join(["name;sum", 'Zoë;"1', '2"', "Müller;3", ""])

    assert records(text.encode(encoding), encoding=stated) == [
        (1, ["name", "sum"]),
        (2, ["Zoë", f"1{end}2"]),
        (4, ["Müller", "3"]),
    ]


@pytest.mark.parametrize(("mark", "separator"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")])
def test_it_knows_the_separator_from_the_header(mark, separator):
    data = f'"a,;|x"{mark}b{mark}c\n1{mark}2{mark}3\n'.encode()

    assert records(data) == records(data, separator=separator) == [(1, ["a,;|x", "b", "c"]), (2, ["1", "2", "3"])]


def test_it_names_the_line_of_what_cannot_be_read_and_reads_on():
    data = b'a,b\n1,2\n3,\xff\n5,"6"x\n7,8\n9,\x0010\n11,"12\n13,14\n'

    assert records(data, separator="comma") == [
        (1, ["a", "b"]),
        (2, ["1", "2"]),
        (3, "encoding"),
        (4, "csv_syntax"),
        (5, ["7", "8"]),
        (6, "nul"),
        (7, "csv_syntax"),
    ]


def test_it_stops_where_two_byte_text_is_cut_and_says_that_nothing_after_was_read():
    data = "account,amount\nx,1\n".encode("utf-16") + b"\x00"

    assert told(data, None)[-1] == (3, [("", "encoding")])


@pytest.mark.parametrize("ends", ["\n", ""])
def test_it_skips_what_stands_above_the_header(ends):
    data = "SELECT \"x, 'y\nFROM t;\n\naccount,amount\nx,1\n,\n\ny,2" + ends
    mapping = Mapping(header_row=4, account=Cell("account"))

    assert told(data, mapping) == [(5, ("", "1")), (8, ("", "2"))]


def test_it_never_holds_a_line_without_end():
    data = b"a,b\n" + b"x" * 300_000 + b"\n1,2\n" + b'3,"' + b"y\n" * 100_000 + b"\n"

    found = records(data, separator="comma")

    assert found[:3] == [(1, ["a", "b"]), (2, "line_too_long"), (3, ["1", "2"])]
    assert found[3] == (4, "csv_syntax")


def test_it_tells_a_cut_last_row_missing_and_extra_columns():
    assert told("key,account,amount\nk1,x,1\nk2,x\nk3,x,1,y\nk4,x,1") == [
        (2, ("k1", "1")),
        (3, [("", "column_count")]),
        (4, [("", "column_count")]),
        (5, ("k4", "1")),
    ]
    assert told('key,account,amount\nk1,x,1\nk2,x,"1') == [(2, ("k1", "1")), (3, [("", "csv_syntax")])]


def test_it_tells_every_error_of_a_row():
    data = "key,account,amount,effective_at,unit\n,a b,1e3,yesterday,eur\n"

    assert told(data) == [
        (
            2,
            [
                ("key", "key_missing"),
                ("account", "account_invalid"),
                ("amount", "amount_invalid"),
                ("unit", "unit_invalid"),
                ("effective_at", "date_invalid"),
            ],
        )
    ]


@pytest.mark.parametrize(
    ("header", "column", "code"),
    [
        ("account,sum", "sum", "column_unknown"),
        ("account", "amount", "column_missing"),
        ("amount", "account", "column_missing"),
        ("from,amount", "to", "column_missing"),
        ("account,amount,amount", "amount", "column_twice"),
        ("account,from,to,amount", "account", "column_unknown"),
    ],
)
def test_it_refuses_a_header_that_is_not_the_templates(header, column, code):
    assert told(header + "\nx,1\n") == [(1, [(column, code)])]


def test_it_says_that_a_file_is_empty():
    assert told("") == [(1, [("", "no_rows")])]


@pytest.mark.parametrize(
    ("how", "text", "expected"),
    [
        (Amount(), "12.30", "12.30"),
        (Amount(), " -0.05 ", "-0.05"),
        (Amount(), "+7", "7"),
        (Amount(), "007.50", "7.50"),
        (Amount(negate=True), "5", "-5"),
        (Amount(negate=True), "-5", "5"),
        (Amount(decimal=","), "-1234,5", "-1234.5"),
        (Amount(decimal=",", thousands="."), "1.234.567,89", "1234567.89"),
        (Amount(thousands=","), "1,234.5", "1234.5"),
        (Amount(thousands="'"), "1'234", "1234"),
        (Amount(thousands=" "), "1 234", "1234"),
        (Amount(brackets_negative=True), "(12.50)", "-12.50"),
        (Amount(brackets_negative=True, negate=True), "(12.50)", "12.50"),
        (Amount(), "9" * 38, "9" * 38),
    ],
)
def test_it_reads_amounts_in_the_form_that_the_mapping_says(how, text, expected):
    assert amount_reader(how)(text) == expected


@pytest.mark.parametrize(
    ("how", "text", "code"),
    [
        (Amount(), "", "amount_missing"),
        (Amount(), "0.00", "amount_zero"),
        (Amount(), "-0", "amount_zero"),
        (Amount(), "1,5", "amount_invalid"),
        (Amount(), "1e5", "amount_invalid"),
        (Amount(), "NaN", "amount_invalid"),
        (Amount(), "--1", "amount_invalid"),
        (Amount(), "1.", "amount_invalid"),
        (Amount(), ".5", "amount_invalid"),
        (Amount(), "(5)", "amount_invalid"),
        (Amount(), "١٢", "amount_invalid"),
        (Amount(), "£5", "amount_invalid"),
        (Amount(), "9" * 39, "amount_invalid"),
        (Amount(decimal=","), "1.5", "amount_invalid"),
        (Amount(thousands=","), "1,2345", "amount_invalid"),
        (Amount(thousands=","), "12,34.5", "amount_invalid"),
        (Amount(brackets_negative=True), "(-5)", "amount_invalid"),
        (Amount(brackets_negative=True), "(5", "amount_invalid"),
    ],
)
def test_it_refuses_what_is_not_such_an_amount(how, text, code):
    with pytest.raises(CellError) as error:
        amount_reader(how)(text)

    assert error.value.code == code


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**15), max_value=10**15))
def test_it_reads_back_any_number_that_was_written_with_a_comma(value):
    written = f"{value:,.4f}".translate({ord(","): ".", ord("."): ","})
    read = amount_reader(Amount(decimal=",", thousands="."))

    if value == 0:
        with pytest.raises(CellError):
            read(written)
    else:
        assert type(value)(read(written)) == value


@pytest.mark.parametrize(
    ("form", "zone", "text", "expected"),
    [
        ("iso", "UTC", "2014-02-21", "2014-02-21T00:00:00Z"),
        ("iso", "UTC", "2014-02-21T10:00:00+02:00", "2014-02-21T08:00:00Z"),
        ("%d.%m.%Y", "Europe/Berlin", "21.07.2014", "2014-07-20T22:00:00Z"),
        ("%y%m%d", "UTC", "930101", "1993-01-01T00:00:00Z"),
        ("%m/%d/%Y", "UTC", " ", None),
    ],
)
def test_it_reads_dates_in_the_form_that_the_mapping_says(form, zone, text, expected):
    read = moment_reader(form, zone)

    assert [read(text), read(text)] == [expected, expected]


@pytest.mark.parametrize("text", ["2014-02-30", "20140221", "21.02.2014", "0001-01-01T00:00:00+23:00", "2014-W08-5x"])
def test_it_refuses_what_is_not_a_date(text):
    with pytest.raises(CellError):
        moment_reader("iso", "UTC")(text)


def test_it_takes_constants_prefixes_composed_keys_signs_and_metadata():
    mapping = Mapping(
        key=("no", "seq"), key_prefix="inv-", account=Cell("who", prefix="customer:"), unit=Cell(constant="EUR"),
        amount=Amount(column="sum", sign_column="type", negative_values=("D",), positive_values=("C",)),
        description=Cell("text"), metadata={"b": Cell("no"), "a": Cell(constant="x")},
    )  # fmt: skip
    data = "who,no,seq,type,sum,text\n7,10,1,D,5.5,Hello\n8,10,2,C,6,\n9,10,3,X,1,\n"

    items = [item for _, _, item in rows(data, mapping)]

    assert items[0] == Row("inv-10-1", "customer:7", None, "-5.5", "EUR", None, "Hello", '{"a":"x","b":"10"}')
    assert items[1] == Row("inv-10-2", "customer:8", None, "6", "EUR", None, None, '{"a":"x","b":"10"}')
    assert [(e.column, e.code) for e in items[2]] == [("sum", "sign_unknown")]


def test_it_takes_a_column_for_each_direction():
    mapping = Mapping(account=Cell("a"), amount=Amount(column=None, debit_column="out", credit_column="in"))

    assert told("a,out,in\nx,5,\nx,,6\nx,1,2\nx,,\n", mapping) == [
        (2, ("", "-5")),
        (3, ("", "6")),
        (4, [("out", "amount_twice")]),
        (5, [("out", "amount_missing")]),
    ]


def test_it_takes_columns_by_number_where_there_is_no_header():
    mapping = Mapping(header_row=0, account=Cell("2"), amount=Amount(column="1"))

    assert told("5,x\n6,y,z\n7\n", mapping) == [(1, ("", "5")), (2, ("", "6")), (3, [("", "column_count")])]


@pytest.mark.parametrize(
    "mapping",
    [
        Mapping(),
        Mapping(account=Cell("a"), from_account=Cell("b"), to_account=Cell("c")),
        Mapping(from_account=Cell("b")),
        Mapping(account=Cell()),
        Mapping(account=Cell("a", constant="b")),
        Mapping(account=Cell("a"), encoding="ebcdic"),
        Mapping(account=Cell("a"), header_row=-1),
        Mapping(account=Cell("a"), amount=Amount(decimal=".", thousands=".")),
        Mapping(account=Cell("a"), amount=Amount(column=None)),
        Mapping(account=Cell("a"), amount=Amount(column="x", debit_column="y")),
        Mapping(account=Cell("a"), amount=Amount(sign_column="y")),
    ],
)
def test_it_refuses_a_mapping_that_contradicts_itself(mapping):
    with pytest.raises(MappingError):
        check(mapping)


def test_a_mapping_survives_being_written_and_read():
    mapping = Mapping(account=Cell("a", prefix="p:"), amount=Amount(decimal=","), metadata={"m": Cell("c")})

    assert read_mapping(msgspec.json.encode(mapping)) == mapping
    with pytest.raises(MappingError):
        read_mapping(b'{"account": {"column": "a"}, "acount": 1}')


@pytest.mark.foreign
def test_it_reads_the_public_spending_of_a_council_to_the_penny(foreign_data):
    mapping = Mapping(
        key=("TransNo", "Seq no"), from_account=Cell(constant="council:bank"),
        to_account=Cell("Supplier ID(T)", prefix="supplier:"), amount=Amount(column="Amount"),
        effective_at=Cell("Updated"), description=Cell("Cipfsubs(T)"),
    )  # fmt: skip
    data = (foreign_data / "uk_spend" / "gateshead_2014_02.csv").read_bytes()

    items = rows(data, mapping)

    good = [item for _, _, item in items if isinstance(item, Row)]
    assert (len(items), len(good), len({row.key for row in good})) == (4471, 4471, 4471)
    assert sum(round(float(row.amount) * 100) for row in good) == 1_388_361_045
    assert [line for _, line, _ in items] == list(range(2, 4473))


@pytest.mark.foreign
def test_it_reads_the_bank_of_a_stranger(foreign_data):
    mapping = Mapping(
        key=("trans_id",), account=Cell("account_id", prefix="berka:"), date_format="%y%m%d",
        amount=Amount(sign_column="type", negative_values=("VYDAJ", "VYBER"), positive_values=("PRIJEM",)),
        effective_at=Cell("date"),
    )  # fmt: skip
    items = rows((foreign_data / "berka" / "trans_1993.asc").read_bytes(), mapping)

    assert len(items) == 28_205
    assert {type(item) for _, _, item in items} == {Row}
    assert items[0][2] == Row("695247", "berka:2378", None, "700.00", None, "1993-01-01T00:00:00Z", None, None)


@pytest.mark.foreign
def test_it_takes_naughty_strings_or_says_what_is_wrong(foreign_data):
    naughty = json.loads((foreign_data / "strings" / "blns.json").read_text(encoding="utf-8"))
    chance = random.Random(1)
    text = io.StringIO(newline="")
    import csv  # noqa: PLC0415 - the writer of the other side

    writer = csv.writer(text)
    writer.writerow(["key", "account", "amount", "description"])
    writer.writerows(
        [chance.choice([string, "k"]), chance.choice([string, "a"]), chance.choice([string, "1"]), string]
        for string in naughty
    )
    items = rows(text.getvalue())

    assert len(items) == len(naughty)
    assert all(isinstance(item, Row) or item for _, _, item in items)


@pytest.mark.foreign
def test_no_cell_of_what_it_writes_is_a_formula(foreign_data):
    for line in (foreign_data / "strings" / "csv_injection_payloads.txt").read_text(encoding="utf-8").splitlines():
        safe = safe_cell(line)
        assert safe == f"'{line}" or not line.strip() or line.lstrip()[0] not in "=+-@|%", line


def test_a_number_stays_a_number_in_what_it_writes():
    assert [safe_cell(text) for text in ("-5.00", "+7", "-", "=1", "-1+cmd", " @x", "a=1")] == [
        "-5.00", "+7", "'-", "'=1", "'-1+cmd", "' @x", "a=1",
    ]  # fmt: skip
