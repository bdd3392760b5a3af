"""Mass operations over the API; every answer is held against the declared schema."""

import base64
import csv
import hashlib
import io
import json
import tracemalloc
from collections.abc import Callable

import httpx
import pytest
from django.test import RequestFactory
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone
from rest_framework.request import Request

from accounts.models import Book
from massops import files, work
from massops.api.mass_operations import _body
from massops.api.schema.shared import XLSX
from massops.models import MassOperation, SavedMapping
from massops.rows.mapping import Amount, Cell, Mapping
from massops.uploads import document_of
from security.clients import Terms, change_client
from security.keys import register_key
from tests.api.calls import Api, refusal
from tests.massops.conftest import SCOPES
from tests.massops.desk import Desk, unique
from tests.security.actors import new_actor
from tests.security.signing import Signer

FILE = b"key,account,amount\n1,anna,10.00\n2,bert,5\n3,anna,x\n"


def upload(api: Api, data: bytes = FILE, *, content_type: str = "text/csv", **query: str):
    return api.call("POST", "/mass-operations", data, content_type=content_type, **query)


def worked(api: Api, made) -> dict:
    """Let the worker work, and read again."""
    while work.work():
        pass
    return api.get(f"/mass-operations/{made.json()['id']}").json()


def rows(response) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_client_takes_a_file_into_the_ledger(desk: Desk, client_api: Api) -> None:
    made = upload(client_api, name="payouts.csv")
    assert (made.status_code, made.json()["state"]) == (202, "checking")
    path = f"/mass-operations/{made.json()['id']}"
    assert made.headers["Location"] == client_api.root + path

    checked = worked(client_api, made)
    assert (checked["state"], checked["name"], checked["keys"]) == ("checked", "payouts.csv", "own")
    assert (checked["check"]["rows_good"], checked["check"]["errors"]) == (2, {"amount_invalid": 1})
    assert [row["code"] for row in rows(client_api.get(f"{path}/errors.csv"))] == ["amount_invalid"]

    decided = client_api.post(f"{path}/decision", {"mode": "each", "rows": 2})
    assert (decided.status_code, decided.json()["state"]) == (202, "posting")
    done = worked(client_api, made)

    assert (done["state"], done["progress"]["posted"], done["progress"]["sums"]) == ("done", 2, {"EUR": "15.00"})
    assert [(row["key"], row["outcome"]) for row in rows(client_api.get(f"{path}/results.csv"))] == [
        ("1", "posted"), ("2", "posted"), ("", "invalid"),
    ]  # fmt: skip
    desk.page.shows("anna 10.00, bert 5.00")

    back = client_api.post(f"{path}/reversal", {"reason": "a mistake"})
    assert (back.status_code, back.json()["kind"], back.json()["reverses"]) == (202, "reversal", made.json()["id"])
    assert worked(client_api, back)["check"]["rows_good"] == 2
    client_api.post(f"/mass-operations/{back.json()['id']}/decision", {"mode": "all", "rows": 2})
    assert worked(client_api, back)["state"] == "done"
    desk.page.shows("anna 0.00, bert 0.00")


def test_it_takes_a_form_and_a_workbook(desk: Desk, client_api: Api) -> None:
    from openpyxl import Workbook  # noqa: PLC0415

    book = Workbook()
    for row in (("key", "account", "amount"), ("a", "anna", 1.5), (None, None, None), ("b", "bert", 2)):
        book.active.append(row)
    book.save(packed := io.BytesIO())
    file = io.BytesIO(packed.getvalue())
    file.name = "rows.xlsx"

    plain = upload(client_api, packed.getvalue(), content_type=XLSX)
    known = upload(client_api, encode_multipart(BOUNDARY, {"file": file}), content_type=MULTIPART_CONTENT)
    file.seek(0)
    form = upload(
        client_api,
        encode_multipart(BOUNDARY, {"file": file}),
        content_type=MULTIPART_CONTENT,
        again="true",
        keys="fresh",
    )

    assert refusal(known) == (409, "file_known")
    assert known.json()["mass_operation"] == plain.json()["id"]
    assert worked(client_api, plain)["check"]["rows_good"] == 2
    assert (worked(client_api, form)["name"], worked(client_api, form)["check"]["rows_good"]) == ("rows.xlsx", 2)


@pytest.fixture
def signing(desk: Desk) -> tuple[Api, Signer]:
    """A client that must sign what it uploads, and its key."""
    signer, actor = Signer(), new_actor(name="signing payer", scopes=SCOPES)
    terms = Terms(signature_required=True)
    change_client(client_id=actor.client_id, name=actor.name, scopes=SCOPES.split(), terms=terms)
    register_key(client_id=actor.client_id, key_id=signer.key_id, public_key=signer.public_key, now=timezone.now())
    return Api(actor.token(), Book.objects.get(id=desk.page.book_id).name), signer


def form_of(content: bytes) -> bytes:
    file = io.BytesIO(content)
    file.name = "rows.csv"
    return encode_multipart(BOUNDARY, {"file": file})


@pytest.mark.parametrize("kind", [MULTIPART_CONTENT, "text/csv"], ids=["as a form", "as the body"])
def test_a_signed_file_is_taken_and_one_that_was_changed_on_the_way_is_not(signing, kind) -> None:
    client, signer = signing
    content = f"key,account,amount\n{unique('k')},anna,1.00\n".encode()
    body = form_of(content) if kind == MULTIPART_CONTENT else content
    own = signer.headers("POST", f"{client.root}/mass-operations", body)

    changed = upload_signed(client, body.replace(b"1.00", b"9.00"), kind, own)
    none_made = client_files(client, signer)
    taken = upload_signed(client, body, kind, own)

    assert refusal(changed) == (401, "digest_mismatch")
    assert none_made == []
    assert (taken.status_code, taken.json()["file"]["sha256"]) == (202, hashlib.sha256(content).hexdigest())
    assert len(client_files(client, signer)) == 1


def upload_signed(client: Api, body: bytes, kind: str, headers: dict[str, str]):
    return client.call("POST", "/mass-operations", body, content_type=kind, headers=headers)


def client_files(client: Api, signer: Signer) -> list[dict]:
    own = signer.headers("GET", f"{client.root}/mass-operations", covered=("@method", "@path"))
    del own["Idempotency-Key"]
    return client.call("GET", "/mass-operations", headers=own).json()["results"]


def test_what_is_not_signed_may_carry_a_digest_and_is_held_to_it(client_api: Api) -> None:
    body = form_of(f"key,account,amount\n{unique('k')},anna,1.00\n".encode())
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"

    assert upload_signed(client_api, body, MULTIPART_CONTENT, {"Content-Digest": digest}).status_code == 202
    other = form_of(f"key,account,amount\n{unique('k')},anna,1.00\n".encode())
    refused = upload_signed(client_api, other, MULTIPART_CONTENT, {"Content-Digest": digest})
    assert refusal(refused) == (401, "digest_mismatch")


def test_a_large_form_with_a_digest_is_read_in_constant_memory() -> None:
    body = form_of(b"key,account,amount\n" + b"k,anna,1.00\n" * 2_000_000)
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    headers = {"Content-Digest": digest}
    asked = RequestFactory().generic("POST", "/", body, content_type=MULTIPART_CONTENT, headers=headers)
    tracemalloc.start()

    file, size, _ = _body(Request(asked))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    file.close()
    assert size > 20_000_000
    assert peak < size / 5


def test_it_takes_a_saved_mapping_and_another_one_later(desk: Desk, client_api: Api) -> None:
    name = unique("bank")
    mapping = Mapping(account=Cell("who"), amount=Amount(column="sum", decimal=","), key=("no",))
    SavedMapping.objects.create(name=name, document=document_of(mapping))
    made = upload(client_api, b"no;who;sum\n1;anna;1,50\n", mapping=name)
    path = f"/mass-operations/{made.json()['id']}"
    assert worked(client_api, made)["check"]["units"][0]["sum"] == "1.50"

    turned = document_of(
        Mapping(account=Cell("who"), amount=Amount(column="sum", decimal=",", negate=True), key=("no",))
    )
    assert client_api.post(f"{path}/check", {"mapping": turned}).status_code == 202
    assert worked(client_api, made)["check"]["units"][0]["sum"] == "-1.50"
    client_api.post(f"{path}/check", {"mapping": None})
    assert worked(client_api, made)["check"]["errors"] == {"column_unknown": 1}


def test_it_keeps_a_mapping_by_name_and_uploads_with_it(desk: Desk, client_api: Api, new_client: Callable) -> None:
    name = unique("bank")
    mapping = {"account": {"column": "who"}, "amount": {"column": "sum", "decimal": ","}, "key": ["no"]}

    kept = client_api.post("/mass-operations/mappings", {"name": name, "mapping": mapping})
    again = client_api.post("/mass-operations/mappings", {"name": name, "mapping": mapping | {"encoding": "auto"}})
    other = client_api.post("/mass-operations/mappings", {"name": name, "mapping": mapping | {"key": []}})

    assert (kept.status_code, kept.json()["name"], kept.json()["mapping"]) == (201, name, mapping)
    assert (again.status_code, again.json()) == (200, kept.json())
    assert refusal(other) == (409, "mapping_known")
    assert new_client(desk).get(f"/mass-operations/mappings/{name}").json() == kept.json()
    made = upload(client_api, b"no;who;sum\n1;anna;1,50\n", mapping=name)
    assert worked(client_api, made)["check"]["units"][0]["sum"] == "1.50"


def test_it_lists_mappings_page_by_page(client_api: Api) -> None:
    names = [unique("listed") for _ in range(3)]
    for name in names:
        client_api.post("/mass-operations/mappings", {"name": name, "mapping": {"account": {"constant": "a"}}})

    found, address = [], "/mass-operations/mappings?limit=2"
    while address:
        page = client_api.get(address).json()
        assert len(page["results"]) <= 2
        found += [one["name"] for one in page["results"]]
        address = (
            page["next"]
            and page["next"].partition("/mass-operations")[1] + page["next"].partition("/mass-operations")[2]
        )

    assert [name for name in found if name in names] == names


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "", "mapping": {"account": {"column": "a"}}}, 400, "invalid_request"),
        ({"name": "a/b", "mapping": {"account": {"column": "a"}}}, 400, "invalid_request"),
        ({"name": "a\nb", "mapping": {"account": {"column": "a"}}}, 400, "invalid_request"),
        ({"name": "x" * 201, "mapping": {"account": {"column": "a"}}}, 400, "invalid_request"),
        ({"name": "empty", "mapping": {}}, 400, "invalid_request"),
        ({"name": "odd", "mapping": {"colour": "red"}}, 400, "invalid_request"),
        ({"name": "zone", "mapping": {"account": {"column": "a"}, "time_zone": "Mars"}}, 400, "invalid_request"),
        ({"mapping": {"account": {"column": "a"}}}, 400, "invalid_request"),
        ({"name": "none"}, 400, "invalid_request"),
    ],
)
def test_it_keeps_no_mapping_that_cannot_be_meant(client_api: Api, body: dict, status: int, code: str) -> None:
    assert refusal(client_api.post("/mass-operations/mappings", body)) == (status, code)
    assert refusal(client_api.get("/mass-operations/mappings/none-such")) == (404, "mapping_unknown")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"mapping": "none such"}, 400, "invalid_request"),
        ({"keys": "both"}, 400, "invalid_request"),
        ({"again": "1"}, 400, "invalid_request"),
        ({"colour": "red"}, 400, "invalid_request"),
        ({"name": "a\nb"}, 400, "invalid_request"),
        ({"content_type": "application/json"}, 415, "unsupported_media_type"),
        ({"content_type": "multipart/form-data; boundary=x"}, 400, "invalid_request"),
    ],
)
def test_it_refuses_what_is_not_an_upload(client_api: Api, query: dict[str, str], status: int, code: str) -> None:
    assert refusal(upload(client_api, **query)) == (status, code)


def test_it_refuses_a_file_that_is_too_large(client_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILE_BYTES_MAX", 10)

    assert refusal(upload(client_api)) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("act", "body", "status", "code"),
    [
        ("decision", {"mode": "each", "rows": 3}, 409, "rows_differ"),
        ("decision", {"mode": "all", "rows": 2}, 409, "rows_bad"),
        ("decision", {"mode": "some", "rows": 2}, 400, "invalid_request"),
        ("decision", {"mode": "each"}, 400, "invalid_request"),
        ("decision", {"mode": "each", "rows": 2, "priority": "critical"}, 403, "priority_forbidden"),
        ("decision", {"mode": "each", "rows": 2, "effective_at": "2999-01-01T00:00:00Z"}, 409, "effective_ahead"),
        ("pause", {}, 409, "state"),
        ("resume", {}, 409, "state"),
        ("reversal", {}, 409, "state"),
        ("cancel", {"reason": 5}, 400, "invalid_request"),
        ("check", {"mapping": {"account": {}}}, 400, "invalid_request"),
        ("check", {"keys": "x"}, 400, "invalid_request"),
    ],
)
def test_it_says_why_it_does_not(client_api: Api, act: str, body: dict, status: int, code: str) -> None:
    made = upload(client_api)
    worked(client_api, made)

    assert refusal(client_api.post(f"/mass-operations/{made.json()['id']}/{act}", body)) == (status, code)


def test_unknown_accounts_are_opened_by_who_may_open_accounts(
    desk: Desk, client_api: Api, new_client: Callable[..., Api]
) -> None:
    made = upload(client_api, b"account,amount\nsome:1,1\n")
    path = f"/mass-operations/{made.json()['id']}/check"
    assert worked(client_api, made)["check"]["unknown_accounts"] == [{"account": "some:1", "rows": 1, "unit": None}]

    assert client_api.post(path, {"open_unit": "EUR"}).status_code == 202
    assert worked(client_api, made)["check"]["rows_good"] == 1
    narrow = new_client(desk, "mass:read mass:write")
    other = upload(narrow, b"account,amount\nsome:2,1\n")
    worked(narrow, other)
    answer = narrow.post(f"/mass-operations/{other.json()['id']}/check", {"open_unit": "EUR"})
    assert refusal(answer) == (403, "insufficient_scope")


def test_a_client_sees_its_own_and_no_other(desk: Desk, client_api: Api, new_client: Callable[..., Api]) -> None:
    made = [upload(client_api, FILE + f"{number},anna,1\n".encode()).json()["id"] for number in range(3)]
    other = new_client(desk)

    first = client_api.get("/mass-operations", limit=2).json()
    assert [one["id"] for one in first["results"]] == made[:0:-1]
    assert [one["id"] for one in client_api.get(first["next"]).json()["results"]] == made[:1]
    assert client_api.get("/mass-operations", state="done").json()["results"] == []
    assert refusal(client_api.get("/mass-operations", state="gone")) == (400, "invalid_request")
    assert other.get("/mass-operations").json()["results"] == []
    for path in (made[0], f"{made[0]}/errors.csv", "x", "9" * 30):
        assert refusal(other.get(f"/mass-operations/{path}")) == (404, "mass_operation_unknown")
    assert refusal(other.post(f"/mass-operations/{made[0]}/cancel")) == (404, "mass_operation_unknown")


@pytest.mark.parametrize(
    ("scopes", "method", "path"),
    [
        ("mass:read", "POST", "/mass-operations"),
        ("mass:read", "POST", "/mass-operations/1/decision"),
        ("mass:write", "GET", "/mass-operations"),
        ("operations:write operations:read", "GET", "/mass-operations/1/results.csv"),
    ],
)
def test_it_needs_the_scope(desk: Desk, new_client: Callable[..., Api], scopes: str, method: str, path: str) -> None:
    assert refusal(new_client(desk, scopes).call(method, path)) == (403, "insufficient_scope")


def test_a_template_is_a_file_that_it_takes_as_it_stands(desk: Desk, client_api: Api) -> None:
    for kind in ("entries", "transfers"):
        template = b"".join(client_api.get("/mass-operations/template.csv", kind=kind).streaming_content)
        assert worked(client_api, upload(client_api, template))["check"]["readable"] is True
    assert refusal(client_api.get("/mass-operations/template.csv", kind="x")) == (400, "invalid_request")


def test_the_live_server_takes_a_file_as_a_stream(desk: Desk, client_api: Api, live_server_url: str) -> None:
    def pieces():
        yield b"key,account,amount\n"
        for number in range(20_000):
            yield f"{number},anna,0.01\n".encode()

    headers = {"Authorization": f"Bearer {client_api.token}", "Content-Type": "text/csv"}
    with httpx.Client(base_url=live_server_url, headers=headers, trust_env=False, timeout=60) as client:
        made = client.post(f"{client_api.root}/mass-operations", content=pieces())

    assert made.status_code == 202, made.text
    found = MassOperation.objects.select_related("file").get(id=int(made.json()["id"]))
    assert found.file.size_bytes == len(b"".join(pieces()))
    assert json.loads(json.dumps(worked(client_api, made)))["check"]["rows_good"] == 20_000
