"""One run of the whole service: servers, migrations, demonstration, web, worker and beat, until told to stop.

Promises: whatever was started is stopped again, in order (web, beat, worker, servers), also when a step fails; a death
while starting ends the run with the reason, a death later is mended. Knows nothing of terminals and locks (run.py).
"""

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import httpx

from billing_project import embedded, supervisor
from billing_project.embedded import EmbeddedError
from billing_project.local_process import last_line
from billing_project.supervisor import Child

ROOT = Path(__file__).resolve().parent.parent
# Imports, the first connection of each process and the first answer, on a slow machine.
READY_SECONDS_MAX = 120.0
# One answer of /readyz; it asks the database and Valkey.
READY_ANSWER_SECONDS_MAX = 5.0
# A migration of a large database takes its time; beyond this the operator runs it by hand.
STEP_SECONDS_MAX = 900.0
# How often the supervisor looks whether the embedded servers still run; looking costs a few system calls.
SERVERS_CHECK_SECONDS = 5.0
# After a hard death PostgreSQL's own processes need moments to notice it and to free their memory.
SERVERS_FAILURES_MAX = 6
# Requests in flight get this long when a web process stops.
WEB_DRAIN_SECONDS = 10
# Connections that wait while all threads are busy; beyond it the system answers with a refusal, not with silence.
WEB_BACKLOG = 2048
# How web processes keep free memory; what the operator's own environment says goes before it. By default the C library gives
# each of the sixteen threads a heap of its own, and so does granian's allocator (jemalloc). Such a heap grows with the peaks
# of its thread and is empty most of the time; but one thread at a time runs Python, so one heap is enough.
WEB_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    # Both have these values at first, and grow to megabytes where nobody sets them.
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "_RJEM_MALLOC_CONF": "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0",
}


class ServiceError(Exception):
    """The service cannot start; the text is one sentence for the person at the terminal."""


@dataclass(frozen=True)
class Plan:
    """What the settings say about running."""

    state_dir: Path
    host: str
    port: int
    web_workers: int
    web_threads: int
    worker_processes: int
    own_database: bool
    own_valkey: bool
    allowed_hosts: tuple[str, ...]
    metrics_port: int = 0

    @property
    def url(self) -> str:
        """The address to open on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def logs(self) -> Path:
        """The folder of the logs."""
        return self.state_dir / "log"


def serve(plan: Plan, *, stopping: Event, say: Callable[[str], None], ready: Callable[[], None]) -> None:
    """Run until `stopping` is set; `say` gets one line per event, `ready` is called when the service answers."""
    if count := supervisor.stop_leftovers(plan.state_dir):
        say(f"stopped {count} processes of an earlier run")
    _check_port(plan)
    plan.logs.mkdir(mode=0o700, exist_ok=True)
    children: list[Child] = []
    try:
        _start_servers(plan, say)
        for step in ("migrate", "demo"):
            if not stopping.is_set():
                _run_step(plan, step, stopping)
                say(f"{step} done")
        if not stopping.is_set():
            _start_children(plan, children, say)
            _wait_ready(plan, children, stopping)
        if not stopping.is_set():
            ready()
        _supervise(plan, children, stopping, say)
    finally:
        _stop_all(plan, children, say)


def _check_port(plan: Plan) -> None:
    try:
        family, _, _, _, address = socket.getaddrinfo(plan.host, plan.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ServiceError(
            f"Port {plan.port} on {plan.host} cannot be used ({error.strerror}): another program has it, or it is not "
            f"allowed; choose another with the variable PORT, for example PORT={plan.port + 1} make run."
        ) from error


def _start_servers(plan: Plan, say: Callable[[str], None]) -> None:
    if plan.own_database or plan.own_valkey:
        embedded.start(plan.state_dir, database=plan.own_database, valkey=plan.own_valkey)
        names = [name for name, runs in embedded.running(plan.state_dir).items() if runs]
        say(f"{' and '.join(names)} ready in {plan.state_dir}")


def _run_step(plan: Plan, step: str, stopping: Event) -> None:
    """Run one management command to its end; its output goes to a log of its own."""
    command = [sys.executable, "manage.py", step]
    log = plan.logs / f"{step}.log"
    child = Child(name=step, command=command, environment=_environment(plan), folder=ROOT, log=log)
    deadline = time.monotonic() + STEP_SECONDS_MAX
    supervisor.start(child)
    try:
        while child.process is not None and (code := child.process.poll()) is None and not stopping.is_set():
            if time.monotonic() > deadline:
                raise ServiceError(f"manage.py {step} takes longer than {STEP_SECONDS_MAX:.0f} s: see {log}.")
            time.sleep(supervisor.POLL_SECONDS)
    finally:
        supervisor.stop(child)
    if code and not stopping.is_set():
        raise ServiceError(f"manage.py {step} failed: {last_line(log)} (log: {log})")


def _start_children(plan: Plan, children: list[Child], say: Callable[[str], None]) -> None:
    metrics = plan.state_dir / "prometheus"
    # The files of processes that are gone would be counted again.
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(mode=0o700)
    for name, command in _commands(plan).items():
        log = plan.logs / f"{name}.log"
        environment = (WEB_MEMORY if name == "web" else {}) | _environment(plan)
        child = Child(name=name, command=command, environment=environment, folder=ROOT, log=log)
        children.append(child)
        supervisor.start(child)
        say(f"{name} started")


def _commands(plan: Plan) -> dict[str, list[str]]:
    """Return the command of each child, in the order in which they are stopped."""
    web = ["granian", "--interface", "wsgi", "--host", plan.host, "--port", str(plan.port), "--no-ws"]
    web += ["--workers", str(plan.web_workers), "--blocking-threads", str(plan.web_threads)]
    # A thread holds a prepared connection, and a new one spends tens of milliseconds on planning; so threads stay.
    web += ["--blocking-threads-idle-timeout", "600"]
    web += ["--backlog", str(WEB_BACKLOG), "--respawn-failed-workers", "--respawn-interval", "1"]
    web += ["--workers-kill-timeout", str(WEB_DRAIN_SECONDS), "--no-access-log", "billing_project.wsgi:application"]
    celery = ["celery", "-A", "billing_project.celery"]
    beat = [*celery, "beat", "--schedule", str(plan.state_dir / "beat-schedule")]
    common = ["--pool", "prefork", "--without-gossip", "--without-mingle"]
    worker = [*celery, "worker", *common, "--concurrency", str(plan.worker_processes)]
    massops = [*celery, "worker", *common, "--concurrency", "1", "--queues", "massops", "--hostname", "massops@%h"]
    children = {"web": web, "beat": beat, "worker": worker, "massops": massops}
    commands = {name: [sys.executable, "-m", *rest] for name, rest in children.items()}
    if plan.metrics_port:
        commands["metrics"] = [sys.executable, "manage.py", "serve_metrics"]
    return commands


def _environment(plan: Plan) -> dict[str, str]:
    return os.environ | {
        supervisor.MARK: str(plan.state_dir),
        "DJANGO_SETTINGS_MODULE": "billing_project.settings",
        "PROMETHEUS_MULTIPROC_DIR": str(plan.state_dir / "prometheus"),
        "PYTHONUNBUFFERED": "1",
        "STATE_DIR": str(plan.state_dir),
    }


def _wait_ready(plan: Plan, children: list[Child], stopping: Event) -> None:
    """Return when /readyz answers 200; a child that dies meanwhile will not get better by itself."""
    host = next((name.lstrip(".") for name in plan.allowed_hosts if name != "*"), "localhost")
    deadline = time.monotonic() + READY_SECONDS_MAX
    answer = "no answer"
    while not stopping.wait(supervisor.POLL_SECONDS):
        for child in children:
            code = child.process.poll() if child.process else None
            if code is not None:
                reason = f"{child.name} ended ({supervisor.exit_reason(code)}): {last_line(child.log)}"
                raise ServiceError(f"{reason} (log: {child.log})")
        with suppress(httpx.TransportError):
            response = httpx.get(
                f"{plan.url}/readyz", headers={"Host": host}, timeout=READY_ANSWER_SECONDS_MAX, trust_env=False
            )
            if response.status_code == httpx.codes.OK:
                return
            answer = f"status {response.status_code}"
        if time.monotonic() > deadline:
            log = plan.logs / "web.log"
            raise ServiceError(f"{plan.url}/readyz: {answer} within {READY_SECONDS_MAX:.0f} s (log: {log})")


def _supervise(plan: Plan, children: list[Child], stopping: Event, say: Callable[[str], None]) -> None:
    check_due, failures = time.monotonic(), 0
    while not stopping.wait(supervisor.POLL_SECONDS):
        for child in children:
            if line := supervisor.tend(child):
                say(line)
        if time.monotonic() < check_due:
            continue
        check_due = time.monotonic() + SERVERS_CHECK_SECONDS
        try:
            _mend_servers(plan, say)
            failures = 0
        except EmbeddedError as error:
            failures += 1
            if failures >= SERVERS_FAILURES_MAX:
                raise
            say(f"{error} Trying again in {SERVERS_CHECK_SECONDS:.0f} s.")


def _mend_servers(plan: Plan, say: Callable[[str], None]) -> None:
    if not (plan.own_database or plan.own_valkey):
        return
    runs = embedded.running(plan.state_dir)
    wanted = {"PostgreSQL": plan.own_database, "Valkey": plan.own_valkey}
    for name, want in wanted.items():
        if want and not runs[name]:
            say(f"{name} is gone, starting it again: see {plan.logs}")
            embedded.start(plan.state_dir, database=plan.own_database, valkey=plan.own_valkey)


def _stop_all(plan: Plan, children: list[Child], say: Callable[[str], None]) -> None:
    for child in children:
        supervisor.stop(child)
        say(f"{child.name} stopped")
    supervisor.stop_leftovers(plan.state_dir)
    if plan.own_database or plan.own_valkey:
        embedded.stop(plan.state_dir)
        say("servers stopped")
