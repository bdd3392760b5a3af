"""The pages of mass operations, asked in this process: what they show in each state, and what they say when they refuse."""

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from massops import posting
from massops.models import MassOperation, SavedMapping
from tests.massops.desk import Desk, unique

ROOT = "/admin/massops/massoperation/"


@pytest.fixture
def browser() -> Browser:
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser(unique("clerk")))
    return browser


def upload(browser: Browser, desk: Desk, data: str, **options: str) -> MassOperation:
    file = SimpleUploadedFile("rows.csv", data.encode(), content_type="text/csv")
    form = {"file": file, "book": desk.page.book_id, "mapping": "", "own_keys": "own"} | options
    response = browser.post(f"{ROOT}add/", form)
    assert response.status_code == 302, response.content.decode()
    return MassOperation.objects.get(id=int(response["Location"].split("/")[-3]))


def page(browser: Browser, found: MassOperation, name: str = "change") -> str:
    response = browser.get(f"{ROOT}{found.id}/{name}/")
    assert response.status_code == 200
    return response.content.decode()


def do(browser: Browser, found: MassOperation, act: str, **form: object) -> str:
    response = browser.post(f"{ROOT}{found.id}/do/{act}/", form, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_it_shows_every_state(desk: Desk, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    found = upload(browser, desk, "key,account,amount\n1,anna,1.50\n2,bert,-7\n3,nobody,1\n")
    assert "Checking" in page(browser, found)
    desk.work(found)
    text = page(browser, found)
    assert all(
        word in text
        for word in ("Checked", "account_unknown", "below their floor", "nobody", "1.50", "Decision: post 2 rows")
    )

    assert "It waits for a second person" in do(browser, found, "decide", mode="each", priority="bulk", rows=2)
    assert "approval" in page(browser, found)
    do(browser, found, "cancel", reason="a mistake")
    assert "a mistake" in page(browser, found)


def test_it_pauses_goes_on_and_reverses(desk: Desk, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from massops.deciding import APPROVAL_KIND  # noqa: PLC0415
    from security.approval_models import ApprovalThreshold  # noqa: PLC0415

    ApprovalThreshold.objects.update_or_create(kind=APPROVAL_KIND, unit="EUR", defaults={"above_minor": 10_000})
    found = upload(browser, desk, "account,amount\n" + "anna,0.01\n" * 5)
    desk.work(found)
    do(browser, found, "decide", mode="each", priority="bulk", rows=5)
    assert "asked to pause" in do(browser, found, "pause")
    assert desk.work(found).state == "paused"
    assert "Go on" in page(browser, found)
    do(browser, found, "resume")
    done = desk.work(found)
    assert (done.state, done.rows_posted) == ("done", 5)
    assert "Reverse all of it" in page(browser, done)
    assert "HX-Refresh" in browser.get(f"{ROOT}{done.id}/status/?state=posting").headers
    assert b"posted" in b"".join(browser.get(f"{ROOT}{done.id}/results.csv").streaming_content)

    do(browser, done, "reverse", reason="the wrong month")
    made = done.reversals.get()
    assert desk.work(made).rows_good == 5
    assert f"mass operation {done.id}" in page(browser, made)
    assert posting.Mode.ALL == "all"


def test_it_wants_the_number_typed_when_there_are_many(
    desk: Desk, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from massops.admin import pages  # noqa: PLC0415

    monkeypatch.setattr(pages, "TYPED_CONFIRMATION_ROWS", 2)
    found = upload(browser, desk, "account,amount\nanna,1\nanna,2\n")
    desk.work(found)

    assert "Type 2." in do(browser, found, "decide", mode="each", priority="bulk", rows=2, typed="3")
    assert desk.read(found).state == "checked"


def test_it_makes_and_keeps_a_mapping(desk: Desk, browser: Browser) -> None:
    found = upload(browser, desk, "no;who;sum\n1;anna;1,50\n2;a b;x\n", mapping="-")
    assert "who" in page(browser, found, "mapping")
    name = unique("bank")
    form = {
        "encoding": "auto", "separator": "auto", "header_row": 1, "key": "no", "account_column": "who", "amount_column": "sum",
        "decimal": ",", "thousands": "", "date_format": "iso", "time_zone": "UTC", "metadata": "number = no", "save_as": name,
    }  # fmt: skip

    shown = browser.post(f"{ROOT}{found.id}/mapping/", form | {"preview": "1"}).content.decode()
    assert "The first 2 rows as they are read, 1 with errors" in shown
    wrong = browser.post(f"{ROOT}{found.id}/mapping/", form | {"account_column": "", "preview": "1"}).content.decode()
    assert "A mapping names either an account" in wrong
    wrong = browser.post(f"{ROOT}{found.id}/mapping/", form | {"metadata": "x", "preview": "1"}).content.decode()
    assert "Metadata is written as NAME = COLUMN" in wrong
    browser.post(f"{ROOT}{found.id}/mapping/", form | {"check": "1"})

    checked = desk.work(found)
    assert (checked.rows_good, checked.rows_bad, checked.mapping_name) == (1, 1, name)
    assert (
        "decimal"
        in browser.get(f"/admin/massops/savedmapping/{SavedMapping.objects.get(name=name).id}/change/").content.decode()
    )
    again = upload(browser, desk, "no;who;sum\n1;anna;2,50\n", mapping=name)
    assert desk.work(again).summary["units"][0]["sum"] == "2.50"


def test_it_knows_the_same_file(desk: Desk, browser: Browser) -> None:
    upload(browser, desk, "account,amount\nanna,1\n")
    file = SimpleUploadedFile("rows.csv", b"account,amount\nanna,1\n")

    response = browser.post(f"{ROOT}add/", {"file": file, "book": desk.page.book_id, "mapping": "", "own_keys": "own"})

    assert "Tick this box if you mean it." in response.content.decode()


def test_it_opens_accounts(desk: Desk, browser: Browser) -> None:
    found = upload(browser, desk, "account,amount\nnew:9,1\n")
    desk.work(found)

    do(browser, found, "open", unit="EUR")

    assert desk.work(found).rows_good == 1


def test_the_list_can_be_searched_and_filtered(desk: Desk, browser: Browser) -> None:
    found = upload(browser, desk, "account,amount\nanna,1\n")

    assert f"/{found.id}/change/" in browser.get(f"{ROOT}?q=rows&state__exact=checking").content.decode()
