"""Load a year of a real bank through the REST API, then prove that every balance is exact.

    python examples/bank_year.py trans_1993.asc --url http://127.0.0.1:8000 --client-id … --client-secret …

This is an ordinary client: plain HTTP, nothing imported from the service. Read it from `main` downwards to see the
three calls that most clients need:

1. `POST /api/v1/accounts/batch` opens the accounts. Opening one that exists changes nothing.
2. `POST /api/v1/batches` posts many operations in one request. Each carries a *key* that the client chose; here it is
   the bank's own transaction id. The ledger carries out a key once, for ever: sending it again is answered from what
   was stored ("replayed"). That is why this program may repeat any request that broke off half-way, and why running
   it a second time changes no balance.
3. `GET /api/v1/accounts/{code}/balance` reads a balance.

The file has the format of the PKDD'99 bank ("Berka"): one row per transaction, `;` between columns, dates as yymmdd,
PRIJEM is a credit, VYDAJ and VYBER are debits. Amounts stay decimal text or Decimal from the file to the last
comparison: a float would lose cents.

Exit code: 0 when every balance agrees, 1 when one differs or something was refused, 2 when the work could not be done.
"""

import argparse
import csv
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

T = TypeVar("T")

UNIT = "CZK"
COLUMNS = ["trans_id", "account_id", "date", "type", "operation", "amount", "balance", "k_symbol", "bank", "account"]
SIGNS = {"PRIJEM": "", "VYDAJ": "-", "VYBER": "-"}
AMOUNT = re.compile(r"\d{1,30}(\.\d{1,2})?", re.ASCII)

ITEMS_PER_REQUEST_MAX = 10_000  # what the API takes at most in one batch
ATTEMPTS_MAX = 7  # with the pauses below a request is given up after about 12 seconds of trouble
PAUSE_SECONDS_MAX = 4.0
TIMEOUT_SECONDS = 60.0
SHOWN_MAX = 10  # of refusals and of differences: the first few tell what is wrong
# The server, or something in front of it, is busy or away for a moment: worth another attempt.
PASSING_STATUSES = {429, 502, 503, 504}


class LoadError(Exception):
    """The work could not be done; the message is one sentence for the person at the terminal."""


@dataclass(frozen=True)
class Row:
    """One transaction of the bank, in the words of the ledger."""

    key: str
    account: str
    amount: Decimal
    effective_at: str


@dataclass
class Outcome:
    """How the batches went, counted by the status of each item."""

    created: int = 0
    replayed: int = 0
    refused: list[str] = field(default_factory=list)
    seconds: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the whole job and answer with the exit code."""
    options = parse_arguments(arguments)
    try:
        rows = read_rows(options.file, prefix=options.prefix)
        with httpx.Client(base_url=options.url, timeout=TIMEOUT_SECONDS) as http:
            return load(Api(http, options.client_id, options.client_secret), rows, options)
    except LoadError as error:
        print(f"bank_year: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nbank_year: stopped; run it again to go on, what was posted will be replayed.", file=sys.stderr)
        return 130


def load(api: "Api", rows: list[Row], options: argparse.Namespace) -> int:
    """Open the accounts, post the rows, compare the balances, report."""
    sums = exact_sums(rows)
    api.log_in()
    open_accounts(api, sorted(sums))
    outcome = post_rows(api, rows, batch_rows=options.batch)
    differences = compare_balances(api, sums)

    rate = round(len(rows) / outcome.seconds) if outcome.seconds else 0
    print(
        f"{len(rows):,} rows on {len(sums):,} accounts: {outcome.created:,} created, {outcome.replayed:,} replayed, "
        f"{len(outcome.refused):,} refused"
    )
    print(f"{rate:,} operations per second")
    _print_some("refused", outcome.refused)
    _print_some("difference", differences)
    print(f"{len(differences)} differences")
    if options.json:
        facts = {
            "rows": len(rows),
            "accounts": len(sums),
            "differences": len(differences),
            "replayed": outcome.replayed,
            "operations_per_second": rate,
        }
        print(json.dumps(facts))
    return 1 if differences or outcome.refused else 0


# --- The file -------------------------------------------------------------------------------------------------------


def read_rows(path: Path, *, prefix: str) -> list[Row]:
    """All transactions of the file, in its order; a row that cannot be read stops the job and names its line."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(_rows(csv.reader(file, delimiter=";", strict=True), path=path, prefix=prefix))
    except OSError as error:
        raise LoadError(f"cannot read {path}: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise LoadError(f"{path} is not a text file with ';' between columns: {error}.") from error


def exact_sums(rows: list[Row]) -> dict[str, Decimal]:
    """What each account must hold in the end."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.account] = sums.get(row.account, Decimal(0)) + row.amount
    return sums


def _rows(lines: Iterator[list[str]], *, path: Path, prefix: str) -> Iterator[Row]:
    if next(lines, None) != COLUMNS:
        raise LoadError(f"{path}, line 1: the columns must be {';'.join(COLUMNS)}.")
    for number, columns in enumerate(lines, start=2):
        if len(columns) != len(COLUMNS):
            raise LoadError(f"{path}, line {number}: {len(columns)} columns where {len(COLUMNS)} are expected.")
        try:
            yield _row(columns, prefix=prefix)
        except ValueError as error:
            raise LoadError(f"{path}, line {number}: {error}.") from error


def _row(columns: list[str], *, prefix: str) -> Row:
    key, account, day, kind, _, amount, *_ = columns
    if not key or not account:
        raise ValueError("the transaction id or the account id is empty")
    if kind not in SIGNS:
        raise ValueError(f"the type {kind!r} is none of {', '.join(SIGNS)}")
    if not AMOUNT.fullmatch(amount):
        raise ValueError(f"{amount!r} is not an amount with at most two decimals")
    if not re.fullmatch(r"[0-9]{6}", day):
        raise ValueError(f"{day!r} is not a date as yymmdd")
    effective_at = datetime.strptime(day, "%y%m%d").replace(tzinfo=UTC)
    return Row(
        key=key,
        account=f"{prefix}{account}",
        amount=Decimal(SIGNS[kind] + amount),
        effective_at=effective_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


# --- The three calls ------------------------------------------------------------------------------------------------


def open_accounts(api: "Api", codes: list[str]) -> None:
    """Make sure that every account exists; those of an earlier run are left as they are."""
    for part in _parts(codes, ITEMS_PER_REQUEST_MAX):
        results = api.call(
            "POST", "/api/v1/accounts/batch", {"accounts": [{"code": code, "unit": UNIT} for code in part]}
        )["results"]
        for result in results:
            if result["status"] == "refused":
                raise LoadError(f"account {result['code']} was refused: {result.get('error', 'no reason given')}.")


def post_rows(api: "Api", rows: list[Row], *, batch_rows: int) -> Outcome:
    """Post every row as an operation of one entry: an increment or a decrement of one account."""
    outcome = Outcome()
    progress = Progress("posting", len(rows))
    started = time.monotonic()
    for part in _parts(rows, batch_rows):
        operations = [
            {
                "key": row.key,
                "entries": [{"account": row.account, "amount": str(row.amount)}],
                "effective_at": row.effective_at,
            }
            for row in part
        ]
        # "each": every operation stands for itself, a refused one does not hold up its neighbours.
        results = api.call("POST", "/api/v1/batches", {"mode": "each", "operations": operations})["results"]
        for result in results:
            if result["status"] == "created":
                outcome.created += 1
            elif result["status"] == "replayed":
                outcome.replayed += 1
            else:
                outcome.refused.append(f"{result['key']}: {result.get('code')}")
        progress.advance(len(part))
    outcome.seconds = time.monotonic() - started
    return outcome


def compare_balances(api: "Api", sums: dict[str, Decimal]) -> list[str]:
    """One line for each account whose balance is not the sum of its rows."""
    differences = []
    progress = Progress("comparing", len(sums))
    for code, expected in sums.items():
        balance = Decimal(api.call("GET", f"/api/v1/accounts/{quote(code, safe='')}/balance")["balance"])
        if balance != expected:
            differences.append(f"{code}: balance {balance}, rows {expected}")
        progress.advance(1)
    return differences


# --- The connection -------------------------------------------------------------------------------------------------


class Api:
    """The API with a token: repeats what failed in passing, renews a token that expired.

    Repeating a POST is safe here because every operation carries its key and opening an account twice is harmless.
    """

    def __init__(self, http: httpx.Client, client_id: str, client_secret: str) -> None:
        self.http = http
        self.credentials = httpx.BasicAuth(client_id, client_secret)
        self.token = ""

    def log_in(self, attempts: int = 1) -> None:
        """Get a token; the first time without a second attempt, so that a wrong address is told at once."""
        response = self._send(
            attempts, "POST", "/oauth/token/", data={"grant_type": "client_credentials"}, auth=self.credentials
        )
        if response.status_code in {400, 401}:
            raise LoadError(f"the server refused the client id or secret ({_reason(response)}).")
        token = self._document(response).get("access_token")
        if not isinstance(token, str):
            raise LoadError(f"{self.http.base_url} answered without a token: is it the address of the ledger?")
        self.token = token

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON answer of one call; any refusal of the whole call ends the job."""
        response = self._send(ATTEMPTS_MAX, method, path, json=body, headers=self._authorization())
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self.log_in(ATTEMPTS_MAX)
            response = self._send(ATTEMPTS_MAX, method, path, json=body, headers=self._authorization())
        return self._document(response)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def _send(self, attempts: int, method: str, path: str, **what: Any) -> httpx.Response:
        trouble = ""
        for attempt in range(attempts):
            if attempt:
                time.sleep(min(0.2 * 2**attempt, PAUSE_SECONDS_MAX))
            try:
                response = self.http.request(method, path, **what)
            except httpx.TransportError as error:
                trouble = f"cannot reach {self.http.base_url}: {error or type(error).__name__}."
                continue
            if response.status_code not in PASSING_STATUSES:
                return response
            trouble = f"{method} {path} was answered {response.status_code} {attempt + 1} times."
        raise LoadError(trouble)

    def _document(self, response: httpx.Response) -> Any:
        if not response.is_success:
            request = response.request
            raise LoadError(f"{request.method} {request.url.path} was answered {_reason(response)}.")
        try:
            return response.json()
        except ValueError as error:
            raise LoadError(f"{self.http.base_url} answered something that is not JSON.") from error


def _reason(response: httpx.Response) -> str:
    """The status and, where the server gave them, the error's code and sentence (RFC 9457, RFC 6749)."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    words = [str(response.status_code)]
    if isinstance(problem, dict):
        words += [str(problem[name]) for name in ("code", "error", "detail", "error_description") if problem.get(name)]
    return ": ".join(words).rstrip(".")


# --- The terminal ---------------------------------------------------------------------------------------------------


class Progress:
    """A bar on stderr; where stderr is not a terminal, one line for each tenth instead."""

    WIDTH = 40

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total = label, total
        self.done = self.shown = 0

    def advance(self, count: int) -> None:
        """Count and redraw, but not more often than the eye or a log file needs."""
        self.done += count
        steps = self.WIDTH if sys.stderr.isatty() else 10
        step = self.done * steps // self.total
        if step == self.shown:
            return
        self.shown = step
        text = f"{self.label:10} {self.done * 100 // self.total:3}% {self.done:,} of {self.total:,}"
        if sys.stderr.isatty():
            bar = "█" * step + "·" * (self.WIDTH - step)
            print(f"\r{bar} {text}", end="\n" if self.done == self.total else "", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bank_year", description="Load a year of a real bank and check each balance.")
    parser.add_argument("file", type=Path, help="transactions in the format of the PKDD'99 bank")
    parser.add_argument("--url", type=_url, required=True, help="address of the server, such as http://127.0.0.1:8000")
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--client-secret", required=True)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON on stdout")
    parser.add_argument("--batch", type=_batch_rows, default=1000, help="operations in one request (default 1000)")
    parser.add_argument(
        "--prefix",
        default="berka:",
        help="what the account codes start with (default berka:); keys stay the bank's, so another prefix needs another client",
    )
    return parser.parse_args(arguments)


def _url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise argparse.ArgumentTypeError(f"{text!r} does not start with http:// or https:// and a host")
    return text.rstrip("/")


def _batch_rows(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= ITEMS_PER_REQUEST_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {ITEMS_PER_REQUEST_MAX}")
    return int(text)


def _parts(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _print_some(word: str, lines: list[str]) -> None:
    for line in lines[:SHOWN_MAX]:
        print(f"  {word} {line}")
    if len(lines) > SHOWN_MAX:
        print(f"  … and {len(lines) - SHOWN_MAX} more")


if __name__ == "__main__":
    sys.exit(main())
