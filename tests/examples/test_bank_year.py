"""The example client reads a bank's year, survives what networks do, and explains what it cannot do in one sentence.

The rows here are our own; the run on the real year reads the foreign data folder and is skipped without it.
"""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from examples import bank_year

PROGRAM = Path(bank_year.__file__)
HEADER = '"trans_id";"account_id";"date";"type";"operation";"amount";"balance";"k_symbol";"bank";"account"\r\n'
CREDIT = '7;42;930105;"PRIJEM";"VKLAD";900.10;900.10;"";;\r\n'
DEBIT = '8;42;930228;"VYDAJ";"VYBER";0.30;899.80;"";;\r\n'
WITHDRAWAL = '9;43;931231;"VYBER";"";12;-12.00;"";;\r\n'


@pytest.fixture
def year(tmp_path: Path) -> Path:
    path = tmp_path / "year.asc"
    path.write_text(HEADER + CREDIT + DEBIT + WITHDRAWAL, newline="")
    return path


# --- Reading rows ---------------------------------------------------------------------------------------------------


def test_rows_become_signed_amounts_with_the_day_as_effective_time(year: Path) -> None:
    rows = bank_year.read_rows(year, prefix="berka:")

    assert rows == [
        bank_year.Row("7", "berka:42", Decimal("900.10"), "1993-01-05T00:00:00Z"),
        bank_year.Row("8", "berka:42", Decimal("-0.30"), "1993-02-28T00:00:00Z"),
        bank_year.Row("9", "berka:43", Decimal(-12), "1993-12-31T00:00:00Z"),
    ]


def test_sums_are_exact_per_account(year: Path) -> None:
    sums = bank_year.exact_sums(bank_year.read_rows(year, prefix=""))

    assert sums == {"42": Decimal("899.80"), "43": Decimal(-12)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1: the columns must be trans_id;account_id;date"),
        ("trans_id;amount\n7;1\n", "line 1: the columns must be trans_id;account_id;date"),
        (HEADER + CREDIT + "8;42;930105\n", "line 3: 3 columns where 10 are expected"),
        (HEADER + CREDIT.replace("PRIJEM", "PREVOD"), "line 2: the type 'PREVOD' is none of PRIJEM, VYDAJ, VYBER"),
        (HEADER + CREDIT.replace("900.10;", "-1;", 1), "line 2: '-1' is not an amount with at most two decimals"),
        (HEADER + CREDIT.replace("900.10;", "1.005;", 1), "line 2: '1.005' is not an amount"),
        (HEADER + CREDIT.replace("900.10;", "NaN;", 1), "line 2: 'NaN' is not an amount"),
        (HEADER + CREDIT.replace("930105", "930230"), "line 2: day is out of range for month"),
        (HEADER + CREDIT.replace("930105", "1993-01-05"), "line 2: '1993-01-05' is not a date as yymmdd"),
        (HEADER + CREDIT.replace("7;42", ";42"), "line 2: the transaction id or the account id is empty"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "wrong.asc"
    path.write_text(text, newline="")

    with pytest.raises(bank_year.LoadError) as caught:
        bank_year.read_rows(path, prefix="")

    assert sentence in str(caught.value)


# --- Talking to the server ------------------------------------------------------------------------------------------

Answer = httpx.Response | httpx.TransportError


def api_with(answers: Iterable[Answer], seen: list[httpx.Request] | None = None) -> bank_year.Api:
    waiting = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        given = next(waiting)
        if isinstance(given, httpx.TransportError):
            raise given
        return given

    http = httpx.Client(base_url="http://ledger.test", transport=httpx.MockTransport(answer))
    return bank_year.Api(http, "id", "secret")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr("examples.bank_year.time.sleep", pauses.append)
    return pauses


def test_a_broken_request_is_sent_again_with_the_same_keys(no_pauses: list[float]) -> None:
    row = bank_year.Row("7", "berka:42", Decimal("900.10"), "1993-01-05T00:00:00Z")
    seen: list[httpx.Request] = []
    answers: list[Answer] = [
        httpx.ReadError("connection reset"),
        httpx.Response(503),
        httpx.Response(200, json={"results": [{"key": "7", "status": "replayed", "id": "1"}]}),
    ]

    outcome = bank_year.post_rows(api_with(answers, seen), [row], batch_rows=1000)

    assert (outcome.created, outcome.replayed, outcome.refused) == (0, 1, [])
    assert len({request.content for request in seen}) == 1
    assert json.loads(seen[0].content) == {
        "mode": "each",
        "operations": [
            {
                "key": "7",
                "entries": [{"account": "berka:42", "amount": "900.10"}],
                "effective_at": "1993-01-05T00:00:00Z",
            }
        ],
    }
    assert len(no_pauses) == 2


def test_a_request_is_not_repeated_for_ever(no_pauses: list[float]) -> None:
    api = api_with(httpx.Response(502) for _ in range(1000))

    with pytest.raises(bank_year.LoadError, match="was answered 502 7 times"):
        api.call("GET", "/api/v1/accounts/a/balance")

    assert len(no_pauses) == bank_year.ATTEMPTS_MAX - 1
    assert max(no_pauses) <= bank_year.PAUSE_SECONDS_MAX


def test_an_expired_token_is_renewed_once() -> None:
    seen: list[httpx.Request] = []
    answers = [
        httpx.Response(200, json={"access_token": "first", "expires_in": 1}),
        httpx.Response(401, json={"code": "token_invalid"}),
        httpx.Response(200, json={"access_token": "second", "expires_in": 3600}),
        httpx.Response(200, json={"balance": "1.00"}),
    ]
    api = api_with(answers, seen)

    api.log_in()
    answer = api.call("GET", "/api/v1/accounts/a/balance")

    assert answer == {"balance": "1.00"}
    assert [request.headers["authorization"][:6] for request in seen] == ["Basic ", "Bearer", "Basic ", "Bearer"]
    assert seen[-1].headers["authorization"] == "Bearer second"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            lambda: httpx.Response(401, json={"error": "invalid_client"}),
            "refused the client id or secret .401: invalid",
        ),
        (lambda: httpx.Response(200, text="<html>"), "answered something that is not JSON"),
        (lambda: httpx.Response(200, json={"hello": 1}), "answered without a token: is it the address of the ledger"),
        (lambda: httpx.Response(404, text="no"), "POST /oauth/token/ was answered 404"),
        (lambda: httpx.ConnectError("refused"), "cannot reach http://ledger.test"),
    ],
)
def test_a_failed_log_in_is_one_sentence(answer: Callable[[], Answer], sentence: str) -> None:
    with pytest.raises(bank_year.LoadError, match=sentence):
        api_with([answer()]).log_in()


def test_a_refused_call_gives_the_code_of_the_server() -> None:
    problem = {"title": "Forbidden", "code": "scope_missing", "detail": "The token lacks operations:write."}

    with pytest.raises(bank_year.LoadError, match="403: scope_missing: The token lacks operations:write"):
        api_with([httpx.Response(403, json=problem)]).call("POST", "/api/v1/batches", {})


def test_a_refused_operation_is_reported_and_does_not_stop_the_others() -> None:
    rows = [bank_year.Row(key, "a", Decimal(1), "1993-01-05T00:00:00Z") for key in ("1", "2")]
    results = [{"key": "1", "status": "refused", "code": "account_closed"}, {"key": "2", "status": "created"}]

    outcome = bank_year.post_rows(api_with([httpx.Response(200, json={"results": results})]), rows, batch_rows=9)

    assert outcome.refused == ["1: account_closed"]
    assert outcome.created == 1


def test_a_balance_that_differs_is_told_with_both_numbers() -> None:
    answers = [httpx.Response(200, json={"balance": "1.00"}), httpx.Response(200, json={"balance": "2.01"})]

    differences = bank_year.compare_balances(api_with(answers), {"a": Decimal(1), "b": Decimal(2)})

    assert differences == ["b: balance 2.01, rows 2"]


# --- The command line -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.asc"], "bank_year: cannot read missing.asc: No such file or directory."),
        ([str(PROGRAM)], "is not a text file with ';' between columns"),
        (["missing.asc", "--url", "localhost:8000"], "does not start with http:// or https://"),
        (["missing.asc", "--batch", "0"], "'0' is not a number from 1 to 10000"),
        (["missing.asc", "--batch", "10001"], "'10001' is not a number from 1 to 10000"),
    ],
)
def test_a_wrong_command_line_exits_with_2_and_one_sentence(arguments: list[str], sentence: str) -> None:
    finished = run([*arguments], url="http://127.0.0.1:9")

    assert finished.returncode == 2
    assert sentence in finished.stderr
    assert "Traceback" not in finished.stderr


def test_an_unreachable_server_exits_with_2_and_one_sentence(year: Path) -> None:
    finished = run([str(year)], url="http://127.0.0.1:9")

    assert finished.returncode == 2
    assert finished.stderr.startswith("bank_year: cannot reach http://127.0.0.1:9")
    assert len(finished.stderr.splitlines()) == 1


# --- Against the real server ----------------------------------------------------------------------------------------


@pytest.fixture
def client() -> tuple[str, str]:
    from django.utils import timezone

    from security.clients import create_client

    scopes = ["accounts:read", "accounts:write", "operations:write"]
    made, secret = create_client(name=f"bank-{uuid.uuid4()}", scopes=scopes, now=timezone.now())
    return made.client_id, secret


@pytest.mark.foreign
def test_a_year_of_a_real_bank_has_no_differences_the_first_and_the_second_time(
    foreign_data: Path, live_server_url: str, client: tuple[str, str]
) -> None:
    file = str(foreign_data / "berka" / "trans_1993.asc")

    first = run([file, "--json"], url=live_server_url, client=client)
    second = run([file, "--json", "--batch", "10000"], url=live_server_url, client=client)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    facts, again = json.loads(first.stdout.splitlines()[-1]), json.loads(second.stdout.splitlines()[-1])
    assert facts.pop("operations_per_second") > 0
    assert facts == {"rows": 28_205, "accounts": 1_139, "differences": 0, "replayed": 0}
    assert again["replayed"] == again["rows"] == 28_205
    assert again["differences"] == 0
    assert "100% 28,205 of 28,205" in first.stderr


def test_a_balance_that_somebody_else_changed_is_a_difference_and_exits_with_1(
    year: Path, live_server_url: str, client: tuple[str, str]
) -> None:
    prefix = f"{uuid.uuid4()}:"
    run([str(year), "--prefix", prefix], url=live_server_url, client=client)
    longer = year.with_name("longer.asc")
    longer.write_text(year.read_text() + CREDIT.replace("7;42", "10;42"), newline="")
    run([str(longer), "--prefix", prefix], url=live_server_url, client=client)

    finished = run([str(year), "--prefix", prefix, "--json"], url=live_server_url, client=client)

    assert finished.returncode == 1
    assert f"difference {prefix}42: balance 1799.90, rows 899.80" in finished.stdout
    assert json.loads(finished.stdout.splitlines()[-1])["differences"] == 1


def test_a_key_that_was_used_with_another_body_is_refused_and_exits_with_1(
    year: Path, live_server_url: str, client: tuple[str, str]
) -> None:
    run([str(year), "--prefix", f"{uuid.uuid4()}:"], url=live_server_url, client=client)

    finished = run([str(year), "--prefix", f"{uuid.uuid4()}:"], url=live_server_url, client=client)

    assert finished.returncode == 1
    assert "refused 7: key_reused" in finished.stdout


def test_a_wrong_secret_exits_with_2_and_one_sentence(
    year: Path, live_server_url: str, client: tuple[str, str]
) -> None:
    finished = run([str(year)], url=live_server_url, client=(client[0], "wrong"))

    assert finished.returncode == 2
    assert finished.stderr.startswith("bank_year: the server refused the client id or secret (401: ")
    assert len(finished.stderr.splitlines()) == 1


def run(
    arguments: list[str], *, url: str, client: tuple[str, str] = ("id", "secret")
) -> subprocess.CompletedProcess[str]:
    """The program as its user starts it; a later option wins over the address given here."""
    file, *options = arguments
    client_id, client_secret = client
    command = [sys.executable, str(PROGRAM), file, "--url", url, "--client-id", client_id]
    command += ["--client-secret", client_secret, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
