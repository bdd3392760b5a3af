"""A whole ledger for the benchmark: embedded servers in a folder of their own, the schema, a client, the web workers.

Durable as in production (fsync on), because a benchmark without it measures another product. Everything listens on
127.0.0.1, and all of it, data included, is gone when the context ends.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil
import psycopg

from billing_project import embedded, local_process, service

PROJECT = Path(__file__).resolve().parent.parent
# Not the temporary folder: that may be memory, and a benchmark of commits needs the disk.
DISK_FOLDER = Path("/var/tmp")  # noqa: S108 - mkdtemp makes a private folder in it
SCOPES = "accounts:read accounts:write operations:read operations:write"
WEB_WORKERS = 2
WEB_THREADS = 16
READY_SECONDS_MAX = 60.0
COMMAND_SECONDS_MAX = 300.0
STOP_SECONDS_MAX = 20.0

# An empty ledger, for those who need one of their own.
PRISTINE = "pristine"
# Two sets of web workers keep a connection for each thread, pgbench opens 32, hordak's processes and ours 8.
CONNECTIONS_MAX = 200

NUMBERS = """
    SELECT b.id, (SELECT max(s.id) FROM security_source s WHERE s.name = 'benchmark'), min(a.id), max(a.id), count(*)
    FROM accounts_book b JOIN accounts_account a ON a.book_id = b.id AND a.code LIKE %s
    WHERE b.name = 'main' GROUP BY b.id
"""
# What the tasks of beat call, one transaction each: a mark must be taken in a transaction of its own.
SETTLE = (
    "SELECT public.ledger_add_partitions_v2()",
    "SELECT public.ledger_take_mark_v1()",
    "SELECT public.ledger_aggregate_v1(b.id, public.ledger_close_marks_v1(), 1000000000) FROM public.accounts_book b",
    "CHECKPOINT",
)


class SetupError(Exception):
    """The benchmark could not start what it measures; the message says which step and shows its output."""


@dataclass(frozen=True)
class Numbers:
    """Of the book `main`, the benchmark's own source, and the first and last account of one kind."""

    book: int
    source: int
    first_account: int
    last_account: int

    def variables(self) -> dict[str, int]:
        """By the names that the scripts of pgbench/ know."""
        return asdict(self)


@dataclass(frozen=True)
class Web:
    """Web workers: where they listen, and their parent."""

    port: int
    process_id: int

    def cpu_seconds(self) -> float:
        """CPU that the web processes have used so far."""
        return family_cpu_seconds(psutil.Process(self.process_id))

    def workers(self) -> list[psutil.Process]:
        """The workers themselves."""
        return psutil.Process(self.process_id).children(recursive=True)


@dataclass(frozen=True)
class System:
    """Where the measured ledger is and how to get in. `merged` are web workers as `make run` starts them, `direct` those
    without group commit."""

    state_dir: Path
    addresses: embedded.Addresses
    environment: dict[str, str]
    merged: Web
    direct: Web
    client_id: str
    client_secret: str

    def token(self) -> str:
        """A fresh access token of the benchmark's client."""
        response = httpx.post(
            f"http://127.0.0.1:{self.merged.port}/oauth/token/",
            data={"grant_type": "client_credentials"},
            auth=(self.client_id, self.client_secret),
        )
        return str(response.raise_for_status().json()["access_token"])

    def owner(self) -> psycopg.Connection:
        """A connection that may do anything, for set-up; nothing is measured through it."""
        return psycopg.connect(self.addresses.superuser_url, autocommit=True)

    def server_version(self) -> str:
        """Which PostgreSQL is measured."""
        with self.owner() as connection:
            return str(connection.execute("SHOW server_version").fetchone()[0])  # type: ignore[index] # it always answers

    def numbers(self, prefix: str) -> Numbers:
        """The numbers of the accounts whose codes start so."""
        with self.owner() as connection:
            found = connection.execute(NUMBERS, (f"{prefix}:%",)).fetchone()
        if found is None or found[3] - found[2] + 1 != found[4]:
            raise SetupError(f"the benchmark's accounts {prefix}:N have no unbroken numbers: {found}")
        return Numbers(*found[:4])

    def settle(self) -> None:
        """Between repetitions, off the clock: do what beat does every second, then flush, so that each starts alike."""
        with self.owner() as connection:
            for statement in SETTLE:
                connection.execute(statement)

    @contextmanager
    def direct_without_instruments(self) -> Iterator[Web]:
        """Web workers like `direct` that time and count nothing, for as long as the context lasts."""
        with _web(self.environment | {"METRICS": "False"}, self.state_dir, name="silent", merged=False) as web:
            yield web

    def share(self, cpu_seconds: float, seconds: float) -> float:
        """How much of all cores this CPU time was."""
        return cpu_seconds / seconds / (os.cpu_count() or 1)

    def database_cpu_seconds(self) -> float:
        """CPU that the database server has used so far, its ended backends included."""
        # A backend's time reaches its parent when it is waited for, a moment after its client has gone.
        time.sleep(0.2)
        with self.owner() as connection:
            backend = psutil.Process(connection.info.backend_pid)
            return family_cpu_seconds(backend.parent() or backend)


@contextmanager
def system() -> Iterator[System]:
    """Start everything, hand it over, and remove everything again."""
    folder = DISK_FOLDER if DISK_FOLDER.is_dir() else Path(tempfile.gettempdir())
    state_dir = Path(tempfile.mkdtemp(prefix="billing-bench-", dir=folder))
    try:
        addresses = embedded.start(state_dir, durable=True, connections_max=CONNECTIONS_MAX)
        environment = _environment(state_dir, addresses)
        manage(environment, "migrate", "--verbosity", "0")
        client = json.loads(manage(environment, "client", "create", "benchmark", "--scopes", SCOPES, "--json"))
        with psycopg.connect(addresses.superuser_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {PRISTINE} TEMPLATE {connection.info.dbname}")
        with (
            _web(environment, state_dir, name="merged", merged=True) as merged,
            _web(environment, state_dir, name="direct", merged=False) as direct,
            _aggregator(environment, log=state_dir / "log" / "aggregator.log"),
        ):
            yield System(
                state_dir=state_dir,
                addresses=addresses,
                environment=environment,
                merged=merged,
                direct=direct,
                client_id=client["client_id"],
                client_secret=client["client_secret"],
            )
    finally:
        embedded.wipe(state_dir)


def _environment(state_dir: Path, addresses: embedded.Addresses) -> dict[str, str]:
    """The settings of a `make run`, whatever the caller's own shell or .env file say."""
    return os.environ | {
        "ENVIRONMENT": "development",
        "STATE_DIR": str(state_dir),
        "DATABASE_URL": addresses.database_url,
        "DATABASE_OWNER_URL": addresses.database_owner_url,
        "REDIS_URL": addresses.redis_url,
        "SECRET_KEY": addresses.secret_key,
        "LOG_LEVEL": "WARNING",
        "ACCESS_TOKEN_SECONDS": "86400",
    }


def manage(environment: dict[str, str], *arguments: str) -> str:
    """Run one management command and return its output. Raises SetupError."""
    finished = subprocess.run(
        [sys.executable, str(PROJECT / "manage.py"), *arguments],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )
    if finished.returncode:
        raise SetupError(f"manage.py {arguments[0]} failed:\n{finished.stdout[-2000:]}{finished.stderr[-4000:]}")
    return finished.stdout


@contextmanager
def _web(environment: dict[str, str], state_dir: Path, *, name: str, merged: bool) -> Iterator[Web]:
    """Web workers by the very command of `make run`, and with its environment where that matters for speed or memory."""
    port = local_process.choose_port()
    plan = service.Plan(
        state_dir=state_dir,
        host="127.0.0.1",
        port=port,
        web_workers=WEB_WORKERS,
        web_threads=WEB_THREADS,
        worker_processes=0,
        own_database=True,
        own_valkey=True,
        allowed_hosts=(),
    )
    command = service._commands(plan)["web"]  # noqa: SLF001 - whatever it becomes, it is what must be measured
    metrics = state_dir / f"prometheus-{name}"
    metrics.mkdir(mode=0o700, exist_ok=True)
    environment = service.WEB_MEMORY | environment
    environment |= {"PROMETHEUS_MULTIPROC_DIR": str(metrics), "GROUP_COMMIT": str(merged)}
    log = state_dir / "log" / f"{name}.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, cwd=PROJECT, stdout=output, stderr=output) as process,
    ):
        try:
            _wait_until_ready(process, port, log)
            yield Web(port, process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def _aggregator(environment: dict[str, str], *, log: Path) -> Iterator[None]:
    """The aggregator, once a second from now on."""
    command = [sys.executable, "-m", "benchmarks.aggregator"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, env=environment, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        try:
            if process.stdout is None or process.stdout.readline() != b"ready\n":
                raise SetupError(f"the aggregator did not start:\n{log.read_text(errors='replace')[-4000:]}")
            yield
            if process.poll() is not None:
                raise SetupError(f"the aggregator ended early:\n{log.read_text(errors='replace')[-4000:]}")
        finally:
            if process.stdin:
                process.stdin.close()  # it ends by itself
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SetupError(f"the web workers did not become ready:\n{log.read_text(errors='replace')[-4000:]}")


def family_cpu_seconds(parent: psutil.Process) -> float:
    """User and system time of a process, of its living children, and of those it has waited for."""
    own = parent.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in parent.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue  # it ended since it was listed: the parent has its time now, or will at the next look
        total += times.user + times.system
    return float(total)
