"""Grants from a file: a preview that stores nothing, then all or none; and no way round the second person."""

import io
import uuid

import openpyxl
import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Unit
from security.models import Approval, ApprovalThreshold, Grant
from tests.security.actors import new_actor
from tests.security.staff import Person

ROOT = "/admin/security/grant/"
HEADER = "client,group,action,account_prefix,unit,amount_max,day_max"


@pytest.fixture
def ada():
    """An administrator, who sets up grants."""
    ada = Person("ada", "administrator")
    ada.browser.force_login(ada.user)
    return ada


@pytest.fixture
def carl():
    """A controller, who approves."""
    carl = Person("carl", "controller")
    carl.browser.force_login(carl.user)
    return carl


@pytest.fixture
def unit():
    """A unit of its own with two decimals, where a grant needs nobody else up to 1,000.00."""
    unit = Unit.objects.create(code=f"U{uuid.uuid4().hex[:8].upper()}", exponent=2)
    threshold = ApprovalThreshold.objects.create(kind="grant", unit=unit.code, above_minor=100_000)
    yield unit.code
    threshold.delete()


@pytest.fixture
def shop():
    return new_actor(name="shop", scopes="accounts:read operations:write").client_id


def preview(person, *lines, name="grants.csv", content=None):
    content = content or "\n".join([HEADER, *lines]).encode()
    data = {"import_file": SimpleUploadedFile(name, content), "format": "01"["xlsx" in name], "resource": ""}
    answer = person.browser.post(f"{ROOT}import/", data)
    assert answer.status_code == 200
    return answer


def confirm(person, answer):
    form = answer.context["confirm_form"]
    return person.browser.post(f"{ROOT}process_import/", {**form.initial, "resource": ""}, follow=True)


def told(answer):
    result = answer.context["result"]
    rows = {
        row.number: {column: [str(one) for one in sentences] for column, sentences in row.error_dict.items()}
        for row in result.invalid_rows
    }
    return rows, [str(error.error) for error in result.base_errors]


def grants(client):
    found = Grant.objects.filter(client__client_id=client).order_by("id")
    return [f"{one.action} {one.account_prefix} {one.unit} {one.day_max or ''}".strip() for one in found]


def newest_approval():
    return Approval.objects.filter(kind="grant").order_by("-id").first()


def test_a_file_is_previewed_and_then_given_as_one(ada, unit, shop):
    group = Group.objects.create(name=f"tellers {uuid.uuid4().hex}")
    rows = [f"{shop},,read,user:,,,", f"{shop},,debit,user:,{unit},,1000.00", f",{group.name},mass,,,,"]

    seen = preview(ada, *rows)

    assert told(seen) == ({}, [])
    assert grants(shop) == []
    confirm(ada, seen)
    assert grants(shop) == ["read user:", f"debit user: {unit} 1000.000000000000000000"]
    assert Grant.objects.get(group=group).action == "mass"


def test_a_file_with_one_row_above_the_threshold_waits_as_a_whole(ada, carl, unit, shop):
    rows = [f"{shop},,read,,,,", f"{shop},,debit,a:,{unit},,1000.00", f"{shop},,debit,b:,{unit},,1000.01"]

    answer = confirm(ada, preview(ada, *rows))

    assert "The file waits for a second person" in answer.content.decode()
    assert grants(shop) == []
    asked = newest_approval()
    assert "1,000.01" in asked.summary
    own = ada.browser.post(f"/admin/security/approval/{asked.pk}/decide/", {"decision": "approved", "reason": "me"})
    assert own.status_code == 403
    assert grants(shop) == []
    carl.browser.post(f"/admin/security/approval/{asked.pk}/decide/", {"decision": "approved", "reason": "contract 7"})
    assert len(grants(shop)) == 3
    assert set(Grant.objects.filter(client__client_id=shop).values_list("approval_id", flat=True)) == {asked.pk}


@pytest.mark.parametrize("limits", [",", "1.00,"])
def test_a_right_without_a_sum_per_day_is_above_every_threshold_among_small_ones_too(ada, unit, shop, limits):
    confirm(ada, preview(ada, f"{shop},,credit,a:,{unit},,1.00", f"{shop},,credit,b:,{unit},{limits}"))

    assert grants(shop) == []


def test_what_was_given_meanwhile_keeps_the_whole_file_out(ada, carl, unit, shop):
    confirm(ada, preview(ada, f"{shop},,debit,a:,{unit},,5000.00", f"{shop},,debit,b:,{unit},,5000.00"))
    asked = newest_approval()
    confirm(ada, preview(ada, f"{shop},,debit,b:,{unit},,10.00"))

    carl.browser.post(f"/admin/security/approval/{asked.pk}/decide/", {"decision": "approved", "reason": "late"})

    assert grants(shop) == [f"debit b: {unit} 10.000000000000000000"]
    assert "Row 2: There is such a grant already" in str(Approval.objects.get(pk=asked.pk).effect.result)


def test_bad_rows_are_told_by_row_and_column_and_nothing_is_given(ada, unit, shop):
    rows = [
        f"{shop},,read,,,,",
        "nobody,,read,,,,",
        f"{shop},,fly,,,,",
        f"{shop},,debit,,,5,",
        f"{shop},,debit,,{unit},-1,",
        f"{shop},,read,,,,",
        ",,read,,,,",
        f"{shop},,open,a b,,,",
    ]

    seen = preview(ada, *rows)

    found, _ = told(seen)
    assert {number: list(columns) for number, columns in found.items()} == {
        2: ["client"],
        3: ["action"],
        4: ["unit"],
        5: ["amount_max"],
        6: ["action"],
        7: ["client"],
        8: ["account_prefix"],
    }
    assert found[2]["client"] == ["There is no client nobody."]
    assert found[6]["action"] == ["The same grant stands in row 1."]
    assert "confirm_form" not in seen.context
    assert grants(shop) == []


def test_a_file_with_other_columns_or_too_many_rows_is_refused(ada, shop, monkeypatch):
    assert told(preview(ada, content=b"client,action\nx,read"))[1] == [
        "The file has no column group, account_prefix, unit, amount_max, day_max."
    ]
    monkeypatch.setattr("security.grant_imports.GRANTS_LIMIT", 1)
    assert told(preview(ada, f"{shop},,read,,,,", f"{shop},,open,,,,"))[1] == ["A file of grants has at most 1 rows."]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_is_an_import_that_changes_nothing(ada, unit, shop, kind):
    confirm(ada, preview(ada, f"{shop},,debit,-x:,{unit},10.50,1000", f"{shop},,read,,,,"))

    file = ada.browser.get(f"{ROOT}export/{kind}/?q={shop}")
    lines = (
        file.content.decode().splitlines()
        if kind == "csv"
        else [
            ",".join("" if cell is None else str(cell) for cell in row)
            for row in openpyxl.load_workbook(io.BytesIO(file.content)).active.iter_rows(values_only=True)
        ]
    )
    again = preview(ada, name=f"grants.{kind}", content=file.content)

    assert lines == [HEADER, f"{shop},,read,,,,", f"{shop},,debit,'-x:,{unit},10.5,1000"]
    assert told(again) == ({}, [])
    assert {row.import_type for row in again.context["result"].rows} == {"skip"}
    other = preview(ada, f"{shop},,debit,-x:,{unit},10.50,999")
    assert told(other)[0] == {1: {"action": ["There is such a grant with other limits; remove it first."]}}


def test_who_may_not_add_grants_imports_none_and_a_stranger_exports_none(carl, ada):
    assert carl.browser.get(f"{ROOT}import/").status_code == 403
    assert carl.browser.post(f"{ROOT}process_import/").status_code == 403
    assert carl.browser.get(f"{ROOT}export/csv/").status_code == 200
    olga = Person("olga", "operator")
    olga.browser.force_login(olga.user)
    assert olga.browser.get(f"{ROOT}export/csv/").status_code == 403
    assert ada.browser.get(f"{ROOT}export/pdf/").status_code == 404
