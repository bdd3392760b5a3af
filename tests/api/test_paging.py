"""Pages of lists: each row once, in order, forwards and back; cursors that fit one list and no other."""

from urllib.parse import parse_qs, quote, urlsplit

import pytest

from ledger.limits import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX
from tests.api.calls import pointers, settle

ROWS = 1_000
# List, its parameters, and what names a row.
LISTS = [
    ("/accounts", {"prefix": "row"}, "code"),
    ("/accounts", {"prefix": "row", "order": "desc", "unit": "EUR", "status": "open"}, "code"),
    ("/operations", {"metadata.paged": "yes"}, "id"),
    ("/operations", {"order": "asc", "outcome": "accepted"}, "id"),
    ("/operations", {"account": "cash"}, "id"),
    ("/operations", {"account": "cash", "order": "asc", "metadata.paged": "yes"}, "id"),
    ("/accounts/cash/entries", {}, "id"),
    ("/accounts/cash/entries", {"order": "asc", "from": "2020-01-01T00:00:00Z"}, "id"),
]


@pytest.fixture(scope="module")
def full(new_book):
    """A book with a thousand accounts and a thousand operations, all on the account cash."""
    api = new_book()
    api.post("/accounts/batch", {"accounts": [{"code": f"row{number:04}", "unit": "EUR"} for number in range(ROWS)]})
    for start in range(0, ROWS, 40):
        operations = [
            {"key": f"k{number}", "entries": [{"account": "cash", "amount": "1"}], "metadata": {"paged": "yes"}}
            for number in range(start, start + 40)
        ]
        assert api.post("/batches", {"operations": operations}).status_code == 200
    settle()
    return api


def follow(api, url, direction):
    """The pages from an address on, by their `next` or `previous`."""
    while url:
        page = api.call("GET", url).json()
        yield page
        url = page[direction]


def address(api, path, query):
    return f"{api.root}{path}?" + "&".join(f"{name}={quote(str(value))}" for name, value in query.items())


@pytest.mark.parametrize("limit", [1, 125, 500])
@pytest.mark.parametrize(("path", "query", "name"), LISTS)
def test_following_a_list_there_and_back_neither_skips_nor_repeats(full, path, query, name, limit):
    if limit == 1:
        query = {**query, "prefix": "row000"} if "prefix" in query else {**query, "to": _moment_of(full, 40)}
    pages = list(follow(full, address(full, path, {**query, "limit": limit}), "next"))
    rows = [row[name] for page in pages for row in page["results"]]
    back = list(follow(full, pages[-1]["previous"], "previous")) if pages[-1]["previous"] else []

    assert len(rows) == len(set(rows)) == {1: 10 if "prefix" in query else 40}.get(limit, ROWS)
    assert rows == sorted(rows, key=int if name == "id" else None, reverse=_is_descending(path, query))
    assert [len(page["results"]) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert pages[0]["previous"] is None
    assert [page["results"] for page in back[::-1]] == [page["results"] for page in pages[:-1]]
    if back:
        assert back[-1]["previous"] is None
    if back and limit != 125:
        assert [page["results"] for page in follow(full, back[-1]["next"], "next")] == [p["results"] for p in pages[1:]]


def _is_descending(path, query):
    return query.get("order", "asc" if path == "/accounts" else "desc") == "desc"


def _moment_of(api, number):
    """When the batch that begins with this operation was recorded."""
    return api.get("/operations", key=f"k{number}").json()["results"][0]["recorded_at"]


def test_a_list_pages_through_what_is_added_meanwhile(empty_api):
    empty_api.open("cash")
    for _ in range(6):
        empty_api.operate(("cash", "1"))
    seen, url = [], f"{empty_api.root}/accounts/cash/entries?order=asc&limit=2"

    for _ in range(10):
        settle()
        page = empty_api.call("GET", url).json()
        seen += [row["balance"] for row in page["results"]]
        if not page["next"]:
            break
        url = page["next"]
        if len(seen) < 6:
            empty_api.operate(("cash", "1"))

    assert seen == [f"{number}.00" for number in range(1, len(seen) + 1)]
    assert len(seen) == 8


def test_an_empty_list_has_one_empty_page(empty_api):
    empty_api.open("cash")

    for path in ("/operations", "/accounts/cash/entries"):
        assert empty_api.get(path).json() == {"results": [], "next": None, "previous": None}


def test_links_are_whole_addresses_with_the_filters_of_the_list(full):
    link = urlsplit(full.get("/operations", **{"metadata.paged": "yes", "limit": 2}).json()["next"])

    assert (link.scheme, link.netloc, link.path) == ("http", "testserver", f"{full.root}/operations")
    assert link.query.startswith("metadata.paged=yes&limit=2&cursor=")


def test_a_list_of_an_account_with_another_script_can_be_followed(empty_api):
    code = empty_api.open("счёт:1")
    for _ in range(3):
        empty_api.operate((code, "1"))

    pages = list(follow(empty_api, f"{empty_api.root}/accounts/{quote(code)}/entries?limit=1", "next"))

    assert [page["results"][0]["balance"] for page in pages] == ["3.00", "2.00", "1.00"]


@pytest.mark.parametrize("path", ["/accounts", "/operations", "/accounts/cash/entries"])
@pytest.mark.parametrize(
    "limit",
    ["0", "-1", "1000000000", str(PAGE_ROWS_MAX + 1), "", "x", "1.0", "1e2", " 5", "+5", "٣", "0x10", "\0", "9" * 50],
)
def test_a_limit_is_a_number_from_one_to_the_largest(full, path, limit):
    response = full.get(path, limit=limit)

    assert (response.status_code, pointers(response)) == (400, ["query:limit"])
    assert limit == "\0" or str(PAGE_ROWS_MAX) in response.json()["detail"]


@pytest.mark.parametrize(("limit", "rows"), [(None, PAGE_ROWS_DEFAULT), ("1", 1), ("500", 500), ("007", 7)])
def test_a_limit_is_how_many_results_come(full, limit, rows):
    query = {} if limit is None else {"limit": limit}

    assert len(full.get("/operations", **query).json()["results"]) == rows


def _cursor(api, path, **query):
    return parse_qs(urlsplit(api.get(path, limit=2, **query).json()["next"]).query)["cursor"][0]


@pytest.mark.parametrize("path", ["/accounts", "/accounts/cash/entries"])
def test_a_cursor_with_any_byte_altered_is_refused(full, path):
    cursor = _cursor(full, path)
    # the neighbour differs in one bit, and is a character that cursors are made of wherever that is possible
    altered = [cursor[:place] + chr(ord(character) ^ 1) + cursor[place + 1 :] for place, character in enumerate(cursor)]

    for text in [*altered, cursor[:-1], cursor[1:], cursor + "A", cursor + "=", "." + cursor, cursor.swapcase()]:
        response = full.get(path, cursor=text)
        assert (response.status_code, pointers(response)) == (400, ["query:cursor"]), text
        assert response.json()["errors"][0]["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    "cursor", ["", "x", "0", "a:b:c", "é", "😀", "\0", "W10:1:x", "." * 100, "x" * 5_000, "null", "[]"]
)
def test_what_is_no_cursor_is_refused(full, cursor):
    response = full.get("/operations", cursor=cursor)

    assert (response.status_code, pointers(response)) == (400, ["query:cursor"])


def test_a_cursor_fits_the_list_it_came_from_and_no_other(full, empty_api):
    empty_api.open("cash")
    cursor = _cursor(full, "/operations", outcome="accepted")

    assert full.get("/operations", outcome="accepted", cursor=cursor).status_code == 200
    assert full.get("/operations", outcome="accepted", cursor=cursor, limit=500).status_code == 200
    for api, path, query in [
        (full, "/operations", {}),
        (full, "/operations", {"outcome": "below_floor"}),
        (full, "/operations", {"outcome": "accepted", "order": "asc"}),
        (full, "/operations", {"outcome": "accepted", "account": "cash"}),
        (full, "/operations", {"outcome": "accepted", "metadata.paged": "yes"}),
        (full, "/accounts", {}),
        (full, "/accounts/cash/entries", {}),
        (full, "/accounts/wallet/entries", {}),
        (empty_api, "/operations", {"outcome": "accepted"}),
        (empty_api, "/accounts/cash/entries", {}),
    ]:
        response = api.get(path, cursor=cursor, **query)
        assert (response.status_code, pointers(response)) == (400, ["query:cursor"]), (path, query)
