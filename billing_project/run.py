"""The command behind `make run`: `python -m billing_project.run [--detach] | stop | reset [--yes] | status`.

Promises: one supervisor per state folder (it holds a lock as long as it lives); every expected failure is one sentence
on standard error and a non-zero exit; passwords go to the terminal once, at the first start, and to no log.
"""

import argparse
import fcntl
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any

import psutil
from django.core.exceptions import ImproperlyConfigured

from billing_project import announcement, embedded, local_process, service, supervisor
from billing_project.service import Plan

# service.READY_SECONDS_MAX, plus the creation of the database, the migrations and the demonstration.
DETACH_SECONDS_MAX = 600.0
# Web, beat and worker may each take supervisor.STOP_SECONDS_MAX, and the servers local_process.STOP_SECONDS_MAX.
STOP_SECONDS_MAX = 240.0
# What a shell reports for a command that Ctrl-C ended.
INTERRUPTED = 130


class RunError(Exception):
    """The command cannot go on; the text is one sentence for the person at the terminal."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m billing_project.run", description="Run Billing on this machine.")
    # `serve` is the supervisor that `run --detach` leaves behind: like run, but it never prints passwords.
    commands = {"run": _run, "serve": _serve, "stop": _stop, "reset": _reset, "status": _status}
    parser.add_argument("command", nargs="?", choices=list(commands), default="run")
    parser.add_argument("--detach", action="store_true", help="run: return as soon as the service answers")
    parser.add_argument("--yes", action="store_true", help="reset: do not ask")
    options = parser.parse_args(arguments)
    try:
        return commands[options.command](_plan(), options)
    except (RunError, embedded.EmbeddedError, service.ServiceError, supervisor.GivenUpError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _plan() -> Plan:
    try:
        settings: Any = importlib.import_module("billing_project.settings")
    except (ImproperlyConfigured, ValueError) as error:
        raise RunError(f"The settings are wrong: {error}") from error
    return Plan(
        state_dir=settings.STATE_DIR.resolve(),
        host=settings.HOST,
        port=settings.PORT,
        web_workers=settings.WEB_WORKERS,
        web_threads=settings.WEB_THREADS,
        worker_processes=settings.WORKER_PROCESSES,
        own_database=not settings.env("DATABASE_URL"),
        own_valkey=not settings.env("REDIS_URL"),
        allowed_hosts=tuple(settings.ALLOWED_HOSTS),
        metrics_port=settings.METRICS_PORT,
    )


def _run(plan: Plan, options: argparse.Namespace) -> int:
    if options.detach:
        return _run_detached(plan)

    def announce() -> None:
        sys.stdout.write(announcement.text(plan.state_dir, url=plan.url))
        sys.stdout.flush()

    return _supervise(plan, announce=announce)


def _serve(plan: Plan, _options: argparse.Namespace) -> int:
    return _supervise(plan, announce=lambda: _say("ready"))


def _supervise(plan: Plan, *, announce: Callable[[], None]) -> int:
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stopping.set())
    embedded.prepare(plan.state_dir)
    with _only_supervisor(plan):

        def ready() -> None:
            _write_status(plan, ready=True)
            announce()

        service.serve(plan, stopping=stopping, say=_say, ready=ready)
    return 0


def _run_detached(plan: Plan) -> int:
    """Leave a supervisor behind and return when the service answers; otherwise leave nothing behind."""
    embedded.prepare(plan.state_dir)
    plan.logs.mkdir(mode=0o700, exist_ok=True)
    log = plan.logs / "supervisor.log"
    with log.open("ab") as output:
        os.fchmod(output.fileno(), 0o600)
        child = subprocess.Popen(
            [sys.executable, "-m", "billing_project.run", "serve"],
            cwd=service.ROOT,
            env=os.environ | {"STATE_DIR": str(plan.state_dir)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _say(f"starting in the background (log: {log})")
    deadline = time.monotonic() + DETACH_SECONDS_MAX
    try:
        while child.poll() is None:
            status = _read_status(plan)
            if status.get("pid") == child.pid and status.get("ready"):
                sys.stdout.write(announcement.text(plan.state_dir, url=plan.url))
                # The supervisor stays; the object's destructor need not warn of it.
                child.returncode = 0
                return 0
            if time.monotonic() > deadline:
                raise RunError(f"Billing is not ready after {DETACH_SECONDS_MAX:.0f} s (log: {log})")
            time.sleep(supervisor.POLL_SECONDS)
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
    raise RunError(f"{local_process.last_line(log)} (log: {log})")


def _stop(plan: Plan, _options: argparse.Namespace) -> int:
    if process := _supervisor(plan):
        _say(f"stopping process {process.pid}")
        try:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
                process.wait(STOP_SECONDS_MAX)
        except psutil.TimeoutExpired as error:
            raise RunError(f"Process {process.pid} does not stop: see {plan.logs}.") from error
        _say("Billing is stopped")
        return 0
    count = supervisor.stop_leftovers(plan.state_dir)
    servers = any(embedded.running(plan.state_dir).values())
    embedded.stop(plan.state_dir)
    _say("stopped what an earlier run left behind" if count or servers else "Billing does not run")
    return 0


def _reset(plan: Plan, options: argparse.Namespace) -> int:
    if not plan.state_dir.exists():
        _say(f"there is nothing to delete: {plan.state_dir} does not exist")
        return 0
    if not options.yes:
        sys.stdout.write(f"This stops Billing and deletes all data in {plan.state_dir}. Type yes to go on: ")
        sys.stdout.flush()
        if sys.stdin.readline().strip() != "yes":
            raise RunError("Nothing was deleted.")
    _stop(plan, options)
    embedded.wipe(plan.state_dir)
    _say(f"deleted {plan.state_dir}")
    return 0


def _status(plan: Plan, _options: argparse.Namespace) -> int:
    """Print what runs; the exit code is 0 only when the service is ready."""
    process, status = _supervisor(plan), _read_status(plan)
    ready = process is not None and bool(status.get("ready"))
    if process is None:
        _say("Billing does not run")
    else:
        _say(f"Billing {'runs' if ready else 'is starting'} at {status.get('url')} (process {process.pid})")
    for name, runs in embedded.running(plan.state_dir).items():
        _say(f"embedded {name} {'runs' if runs else 'does not run'}")
    return 0 if ready else 1


@contextmanager
def _only_supervisor(plan: Plan) -> Iterator[None]:
    """Hold the lock of this state folder, which the system frees when we die, however we die."""
    descriptor = os.open(_lock_file(plan), os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            status = _read_status(plan)
            where = f"at {status.get('url')} (process {status.get('pid')})"
            raise RunError(f"Billing already runs {where}: `make stop` stops it.") from error
        _write_status(plan, ready=False)
        try:
            yield
        finally:
            _status_file(plan).unlink(missing_ok=True)


def _supervisor(plan: Plan) -> psutil.Process | None:
    """Return the supervisor of this state folder if it lives; a process id alone may have been given away."""
    status = _read_status(plan)
    if not status:
        return None
    created = status.get("created")
    return local_process.find(int(status["pid"]), recognise=lambda process: process.create_time() == created)


def _write_status(plan: Plan, *, ready: bool) -> None:
    created = psutil.Process().create_time()
    status = {"pid": os.getpid(), "created": created, "url": plan.url, "ready": ready}
    partial = _status_file(plan).with_suffix(".partial")
    partial.write_text(json.dumps(status))
    partial.chmod(0o600)
    partial.replace(_status_file(plan))


def _read_status(plan: Plan) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        status: dict[str, Any] = json.loads(_status_file(plan).read_text())
        return status
    return {}


def _status_file(plan: Plan) -> Path:
    return plan.state_dir / "run.json"


def _lock_file(plan: Plan) -> Path:
    return plan.state_dir / "run.lock"


def _say(line: str) -> None:
    sys.stdout.write(f"billing: {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
