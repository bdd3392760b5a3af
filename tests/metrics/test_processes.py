"""Known counts over two web workers and two Celery workers come out exactly, also after one of each was killed and replaced."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from billing_project import local_process
from tests.servers import ROOT

SECONDS_MAX = 90.0
# What each round sends: accepted, replayed, refused, batches of five, balances, and messages for later.
POSTS, REPLAYS, REFUSALS, BATCHES, BALANCES, LATER = 30, 7, 5, 4, 12, 9


def wait_for(what: str, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@dataclass
class Service:
    """Two web workers and two Celery workers that count into one folder."""

    folder: Path
    port: int
    token: str
    book: str
    web: psutil.Process
    worker: psutil.Process
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    left: float = 0.0
    before: dict[object, float] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, **named: object) -> httpx.Response:
        """A call on a connection of its own, so that both web workers get their share."""
        headers = {"Authorization": f"Bearer {self.token}", **named.pop("headers", {})}
        url = f"{self.url}/api/v1/books/{self.book}{path}"
        return httpx.request(method, url, headers=headers, timeout=30, trust_env=False, **named)

    def post(self, key: str, *entries: tuple[str, str], prefer: str | None = None) -> httpx.Response:
        body = {"entries": [{"account": account, "amount": amount} for account, amount in entries]}
        headers = {"Idempotency-Key": f"{self.run}-{key}"} | ({"Prefer": prefer} if prefer else {})
        return self.call("POST", "/operations", json=body, headers=headers)

    def round(self, name: str) -> None:
        """Send what each round sends."""
        for number in range(POSTS):
            assert self.post(f"{name}-{number}", ("cash", "1.00")).status_code == 201
        for number in range(REPLAYS):
            assert self.post(f"{name}-{number}", ("cash", "1.00")).headers["Idempotent-Replayed"] == "true"
        for number in range(REFUSALS):
            assert self.post(f"{name}-poor-{number}", ("wallet", "-1.00")).status_code == 422
        for number in range(BATCHES):
            items = [
                {"key": f"{self.run}-{name}-{number}-{item}", "entries": [{"account": "cash", "amount": "1.00"}]}
                for item in range(5)
            ]
            assert self.call("POST", "/batches", json={"mode": "each", "operations": items}).status_code == 200
        for _ in range(BALANCES):
            assert self.call("GET", "/accounts/cash/balance").status_code == 200
        for number in range(LATER):
            answer = self.post(f"{name}-later-{number}", ("cash", "1.00"), prefer="respond-async")
            assert answer.status_code == 202
        wait_for("the inbox is posted", lambda: self.counted("ledger_inbox_messages") == self.left)

    def scrape(self) -> list[Sample]:
        text = httpx.get(f"{self.url}/metrics", timeout=30, trust_env=False).raise_for_status().text
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def counted(self, name: str, **labels: str) -> float:
        return summed(self.scrape(), name, labels)

    def living(self, kind: str) -> float:
        return self.counted("ledger_processes", kind=kind)


def summed(samples: list[Sample], name: str, labels: dict[str, str]) -> float:
    """The sum of the samples of a name that carry these labels."""
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


def children(process: psutil.Process) -> list[psutil.Process]:
    """The processes below this one that do the work, not the helpers of multiprocessing."""
    living = (child for child in process.children() if child.status() != psutil.STATUS_ZOMBIE)
    return [child for child in living if "resource_tracker" not in " ".join(child.cmdline())]


@contextmanager
def started(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[psutil.Process]:
    with log.open("wb") as output:
        process = psutil.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(10)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    from accounts.models import Book
    from ledger import inbox
    from tests.api.calls import unique
    from tests.security.actors import new_actor

    folder = tmp_path_factory.mktemp("processes")
    counts = folder / "prometheus"
    counts.mkdir()
    port = local_process.choose_port()
    web = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    web += ["--blocking-threads", "4", "--respawn-failed-workers", "--respawn-interval", "1"]
    web += ["--workers-kill-timeout", "10", "billing_project.wsgi:application"]
    worker = ["celery", "-A", "billing_project.celery", "worker", "--pool", "prefork", "--concurrency", "2"]
    worker += ["--without-gossip", "--without-mingle"]
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(counts)}
    scopes = "accounts:read accounts:write operations:read operations:write metrics:read"
    with (
        started(web, folder / "web.log", environment) as web_process,
        started(worker, folder / "worker.log", environment) as worker_process,
    ):
        token = new_actor(name="load", scopes=scopes).token()
        book = Book.objects.create(name=unique("book")).name
        service = Service(counts, port, token, book, web_process, worker_process)
        wait_for("the web server answers", lambda: answers(service))
        wait_for("all processes live", lambda: (service.living("web"), service.living("worker")) == (2, 2))
        accounts = [{"code": "cash", "unit": "EUR"}, {"code": "wallet", "unit": "EUR", "floor": "0"}]
        assert service.call("POST", "/accounts/batch", json={"accounts": accounts}).status_code == 200
        # What other tests left waiting is posted first, and what of it cannot be posted is not of the rounds.
        while inbox.drain():
            pass
        service.left = service.counted("ledger_inbox_messages")
        service.before = found(service, expected(1))
        yield service


def answers(service: Service) -> bool:
    try:
        return httpx.get(f"{service.url}/readyz", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def expected(rounds: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What the rounds must have left, by the name of a sample and its labels."""
    single = POSTS + REPLAYS + REFUSALS + LATER
    route = {"route": "operations", "method": "POST", "client_class": "normal"}
    told = [
        ("ledger_api_duration_seconds_count", {"route": "operations", "method": "POST"}, single),
        ("ledger_api_duration_seconds_count", {**route, "status_class": "4xx"}, REFUSALS),
        ("ledger_api_duration_seconds_count", {"route": "batches", "method": "POST"}, BATCHES),
        ("ledger_api_duration_seconds_count", {"route": "balance"}, BALANCES),
        ("ledger_api_problems_total", {"code": "below_floor"}, REFUSALS),
        ("ledger_api_batch_operations_sum", {}, 5 * BATCHES),
        ("ledger_operations_total", {"outcome": "accepted"}, POSTS + 5 * BATCHES + LATER),
        ("ledger_operations_total", {"outcome": "below_floor"}, REFUSALS),
        ("ledger_replays_total", {}, REPLAYS),
        ("ledger_posting_operations_sum", {}, single + 5 * BATCHES),
        ("ledger_repository_duration_seconds_count", {"repository": "balances", "method": "now"}, BALANCES),
        ("ledger_repository_duration_seconds_count", {"repository": "inbox", "method": "put"}, LATER),
    ]
    return {(name, tuple(sorted(labels.items()))): rounds * value for name, labels, value in told}


def found(service: Service, wanted: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> dict[object, float]:
    """The same samples as they are now, without what was there before the rounds."""
    samples = service.scrape()
    return {
        (name, labels): summed(samples, name, dict(labels)) - service.before.get((name, labels), 0.0)
        for name, labels in wanted
    }


def kill_one(process: psutil.Process) -> None:
    before = {child.pid for child in children(process)}
    victim = children(process)[0]
    victim.kill()
    with suppress(psutil.Error):
        victim.wait(1)
    wait_for(
        "it is replaced",
        lambda: victim.pid not in (now := {c.pid for c in children(process)}) and len(now) >= len(before),
    )


def test_it_counts_exactly_over_all_processes(service: Service) -> None:
    service.round("first")

    assert found(service, expected(1)) == expected(1)
    files = {file.name for file in service.folder.glob("histogram_*.db")}
    assert len(files) >= 3, "several processes have counted"


def test_it_still_does_after_a_worker_of_each_kind_was_killed_and_replaced(service: Service) -> None:
    kill_one(service.web)
    kill_one(service.worker)
    wait_for(
        "all processes live again", lambda: answers(service) and service.living("web") == service.living("worker") == 2
    )

    service.round("second")

    assert found(service, expected(2)) == expected(2)
    drains = service.counted("ledger_repository_duration_seconds_count", repository="inbox", method="drain")
    assert drains == service.counted("ledger_task_duration_seconds_count", task="ledger.tasks.drain_inbox")
    assert drains == service.counted("ledger_bells_total", task="ledger.tasks.drain_inbox") > 0


def test_it_says_the_same_as_json_and_on_the_page(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.utils import timezone

    from metrics import page

    wanted = 2 * (POSTS + REPLAYS + REFUSALS + LATER)
    url = f"{service.url}/api/private/v1/metrics"
    headers = {"Authorization": f"Bearer {service.token}"}
    told = httpx.get(url, headers=headers, timeout=30, trust_env=False).raise_for_status().json()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(service.folder))
    tables = {name: rows for name, _, _, rows in page.context(now=timezone.now())["tables"]}

    assert [one["count"] for one in told["routes"] if (one["route"], one["method"]) == ("operations", "POST")] == [
        wanted
    ]
    assert [row["calls"] for row in tables["routes"] if (row["owner"], row["name"]) == ("operations", "POST")] == [
        str(wanted)
    ]
    of_repository = {(one["repository"], one["method"]): one["count"] for one in told["repositories"]}
    assert of_repository["inbox", "put"] == 2 * LATER
    assert {row["name"]: row["calls"] for row in tables["repositories"] if row["owner"] == "inbox"}["put"] == str(
        2 * LATER
    )


def test_its_control_forgets_what_a_dead_process_counted(service: Service) -> None:
    """Without the files of the dead the sums are too small: so the counts above did come from several processes."""
    living = {child.pid for process in (service.web, service.worker) for child in children(process)}
    dead = [file for file in service.folder.glob("*.db") if int(file.stem.rpartition("_")[2]) not in living]
    assert dead

    for file in dead:
        file.unlink()

    assert found(service, expected(2)) != expected(2)
