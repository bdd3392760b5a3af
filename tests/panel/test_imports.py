"""Reference data from files: a preview first that stores nothing, then all rows or none, in the person's name."""

import io
import uuid

import openpyxl
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Account, AccountChange, Book, Unit
from ledger.queries import source_name
from tests.ledger.page import Page

CSV, XLSX = "0", "1"


@pytest.fixture
def page() -> Page:
    return Page.open_new("there EUR")


def preview(browser, kind: str, content: bytes, form: str = CSV):
    name = "rows.csv" if form == CSV else "rows.xlsx"
    data = {"import_file": SimpleUploadedFile(name, content), "format": form, "resource": ""}
    answer = browser.post(f"/admin/accounts/{kind}/import/", data)
    assert answer.status_code == 200
    return answer


def confirm(browser, kind: str, answer):
    form = answer.context["confirm_form"]
    return browser.post(f"/admin/accounts/{kind}/process_import/", {**form.initial, "resource": ""}, follow=True)


def rows(page: Page, *lines: str) -> bytes:
    book = Book.objects.get(id=page.book_id).name
    return "\n".join(["book,code,unit,name,floor,metadata", *(f"{book},{line}" for line in lines)]).encode()


def codes(page: Page) -> list[str]:
    return sorted(Account.objects.filter(book_id=page.book_id).values_list("code", flat=True))


def told(answer) -> str:
    result = answer.context["result"]
    errors = [str(error.error) for error in result.base_errors]
    errors += [
        str(message) for row in result.invalid_rows for messages in row.error_dict.values() for message in messages
    ]
    return " ".join(errors + [str(error.error) for row in result.rows for error in row.errors])


def test_accounts_are_previewed_and_then_opened_in_the_person_s_name(browser, page):
    content = rows(page, 'a:1,EUR,Anna,-5.00,"{""crm"": ""7""}"', "a:2,JPY,,,", "there,EUR,,,")

    seen = preview(browser, "account", content)

    assert codes(page) == ["there"]
    confirm(browser, "account", seen)
    assert codes(page) == ["a:1", "a:2", "there"]
    opened = page.account("a:1")
    assert (opened.name, opened.floor, opened.metadata, opened.unit.code) == ("Anna", -500, {"crm": "7"}, "EUR")
    change = AccountChange.objects.get(book_id=page.book_id, account_id=opened.id)
    assert source_name(change.source_id).startswith("staff:panel-")


def test_accounts_come_from_a_spreadsheet_as_well(browser, page):
    sheet = openpyxl.Workbook()
    sheet.active.append(["book", "code", "unit", "name", "floor", "metadata"])
    sheet.active.append([Book.objects.get(id=page.book_id).name, "x:1", "EUR", None, 0, None])
    content = io.BytesIO()
    sheet.save(content)

    confirm(browser, "account", preview(browser, "account", content.getvalue(), XLSX))

    assert page.account("x:1").floor == 0


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("a b,EUR,,,", "A code has 1 to 128 letters"),
        (",EUR,,,", "A code has 1 to 128 letters"),
        ("a,XXQ,,,", "There is no such unit."),
        ("a,EUR,,1.234,", "The unit has 2 decimals"),
        ("a,EUR,,1e3,", "An amount is a decimal string"),
        ("a,EUR,,,[1]", "Metadata is a JSON object of texts."),
        ("a,EUR,,,{", "Metadata is a JSON object."),
        ("ok,EUR,,,", "This code stands in the file twice."),
        ("there,JPY,,,", "there: An account of this code exists in this book, with other attributes."),
    ],
)
def test_a_bad_row_is_told_in_a_sentence_and_nothing_is_opened(browser, page, line, sentence):
    answer = preview(browser, "account", rows(page, "ok,EUR,,,", line))

    assert sentence in told(answer)
    assert answer.context.get("confirm_form") is None
    assert codes(page) == ["there"]


def test_what_changed_after_the_preview_is_told_and_nothing_is_opened(browser, page):
    seen = preview(browser, "account", rows(page, "a:1,EUR,,,", "a:2,EUR,,,"))
    page.open("a:2 JPY")

    answer = confirm(browser, "account", seen)

    assert "Nothing was imported." in answer.content.decode()
    assert codes(page) == ["a:2", "there"]


def test_units_are_added_and_never_changed(browser):
    code = f"U{uuid.uuid4().hex[:10].upper()}"
    seen = preview(browser, "unit", f"code,exponent,name\n{code},3,Mine\nEUR,2,Euro".encode())
    assert told(seen) == ""
    confirm(browser, "unit", seen)
    assert Unit.objects.get(code=code).exponent == 3

    answer = preview(browser, "unit", f"code,exponent,name\n{code},4,Mine".encode())

    assert "they can never be changed" in told(answer)
    assert Unit.objects.get(code=code).exponent == 3


def test_it_is_for_those_who_may_open_accounts(bystander):
    assert bystander.get("/admin/accounts/account/import/").status_code == 403
    assert bystander.get("/admin/accounts/unit/import/").status_code == 403


def test_a_file_that_is_none_is_told(browser):
    answer = preview(browser, "account", b"\x00\xff\xfe", XLSX)

    assert answer.context["form"].errors["import_file"]


@pytest.mark.parametrize(
    ("group", "account", "unit"),
    [("operator", 200, 403), ("administrator", 403, 200), ("controller", 403, 403), ("auditor", 403, 403)],
)
def test_operators_import_accounts_and_administrators_units(group: str, account: int, unit: int) -> None:
    person = get_user_model().objects.create_user(f"{group}-{uuid.uuid4().hex[:12]}", is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    browser = Client()
    browser.force_login(person)

    answers = [browser.get(f"/admin/accounts/{kind}/import/").status_code for kind in ("account", "unit")]

    assert answers == [account, unit]
