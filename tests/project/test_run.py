"""The command behind `make run`: one sentence for what fails, deaths are mended, a stop leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from billing_project import announcement, embedded, local_process, supervisor
from billing_project.supervisor import Child, GivenUpError

ROOT = Path(__file__).resolve().parent.parent.parent
WAIT_SECONDS_MAX = 120
FACTS = """{"url": "http://127.0.0.1:8000", "admin_url": "http://127.0.0.1:8000/admin/",
 "docs_url": "http://127.0.0.1:8000/api/docs", "admin_user": "ada", "admin_password": "pass word",
 "client_id": "shop", "client_secret": "it's secret", "accounts": ["payer", "payee"]}"""


class Command:
    """`python -m billing_project.run` with a state folder and a port of its own."""

    def __init__(self, state: Path, environment: dict[str, str]) -> None:
        self.state, self.port = state, local_process.choose_port()
        self.environment = environment | {"STATE_DIR": str(state), "PORT": str(self.port)}

    def __call__(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "billing_project.run", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=2 * WAIT_SECONDS_MAX,
            check=False,
        )

    def status(self) -> int:
        return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=10, trust_env=False).status_code


@pytest.fixture
def state() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="billing-run-")) / "state"
    yield folder
    if folder.exists():
        supervisor.stop_leftovers(folder)
        embedded.wipe(folder)
    folder.parent.rmdir()


@pytest.fixture
def command(state: Path) -> Command:
    """The command against the servers of the tests."""
    return Command(state, dict(os.environ))


@pytest.fixture
def command_from_nothing(state: Path) -> Iterator[Command]:
    """The command as in a fresh checkout, where no variable names a server."""
    names = {"DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_ROLE", "REDIS_URL", "SECRET_KEY"}
    command = Command(state, {name: value for name, value in os.environ.items() if name not in names})
    yield command
    command("stop")


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Callable[[str], Child]]:
    """Make children that run a line of Python, marked as belonging to `tmp_path`."""
    made: list[Child] = []

    def make(code: str) -> Child:
        environment = os.environ | {supervisor.MARK: str(tmp_path)}
        command = [sys.executable, "-c", code]
        made.append(
            Child(name="web", command=command, environment=environment, folder=tmp_path, log=tmp_path / "web.log")
        )
        return made[-1]

    yield make
    for one in made:
        supervisor.stop(one)
    supervisor.stop_leftovers(tmp_path)


def is_worker(process: psutil.Process) -> bool:
    return "worker" in process.cmdline() and "massops" not in process.cmdline()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_runs_from_nothing_mends_a_death_and_stops_cleanly(command_from_nothing: Command) -> None:
    command = command_from_nothing

    started = command("--detach")
    assert (started.returncode, started.stderr) == (0, "")
    assert command.status() == 200
    assert command("status").returncode == 0

    printed = next(line.strip() for line in started.stdout.splitlines() if "/api/v1/operations" in line)
    answer = subprocess.run(["bash", "-c", printed], capture_output=True, text=True, timeout=60, check=True)
    operation = json.loads(answer.stdout)
    assert operation["outcome"] == "accepted"
    facts = json.loads((command.state / "demo.json").read_text())
    assert (command.state / "demo.json").stat().st_mode & 0o777 == 0o600
    with httpx.Client(base_url=facts["url"], follow_redirects=True, trust_env=False, timeout=30) as browser:
        form = browser.get("/admin/login/")
        log_in = {"username": facts["admin_user"], "password": facts["admin_password"], "next": "/admin/"}
        log_in["csrfmiddlewaretoken"] = form.cookies["csrftoken"]
        page = browser.post("/admin/login/", data=log_in)
        assert (page.status_code, "Log out" in page.text) == (200, True)
        assert browser.get(f"/admin/ledger/operation/{operation['id']}/change/").status_code == 200

    second = command()
    assert second.returncode == 1
    assert second.stderr.startswith("Billing already runs at ")
    assert second.stderr.count("\n") == 1

    worker = next(process for process in supervisor.leftovers(command.state) if is_worker(process))
    worker.send_signal(signal.SIGKILL)
    wait_for(lambda: "worker is started again" in (command.state / "log" / "supervisor.log").read_text())

    stopped = command("stop")
    assert stopped.returncode == 0
    assert supervisor.leftovers(command.state) == []
    assert embedded.running(command.state) == {"PostgreSQL": False, "Valkey": False}
    log = (command.state / "log" / "supervisor.log").read_text()
    assert [line.split(": ")[1] for line in log.splitlines()[-5:]] == [
        f"{name} stopped" for name in ("web", "beat", "worker", "massops", "servers")
    ]


def test_it_starts_after_its_supervisor_was_killed(command_from_nothing: Command) -> None:
    command = command_from_nothing
    metrics_port = local_process.choose_port()
    command.environment["METRICS_PORT"] = str(metrics_port)
    first = command("--detach")
    counted = {file.name for file in (command.state / "prometheus").glob("counter_*.db")}
    left_behind = supervisor.leftovers(command.state)
    supervising = next(process for process in psutil.process_iter() if supervises(process, command.state))
    supervising.send_signal(signal.SIGKILL)
    wait_for(lambda: not local_process.alive(supervising.pid))

    second = command("--detach")

    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    assert len(left_behind) > 3
    assert not any(process.is_running() for process in left_behind)
    assert command.status() == 200
    # What the dead counted is not counted again, and scrapers have a port of their own.
    assert counted
    assert not counted & {file.name for file in (command.state / "prometheus").iterdir()}
    scraped = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=10, trust_env=False)
    assert "ledger_build_info{" in scraped.text
    # The passwords are shown once.
    assert "password " in first.stdout
    assert "password " not in second.stdout


def test_it_names_the_port_that_is_taken_and_the_variable(command: Command) -> None:
    with socket.create_server(("127.0.0.1", command.port)):
        front, detached = command(), command("--detach")

    for result in (front, detached):
        assert result.returncode == 1
        assert result.stderr.startswith(f"Port {command.port} on 127.0.0.1 cannot be used")
        assert "variable PORT" in result.stderr
        assert result.stderr.count("\n") == 1


def test_it_says_in_one_sentence_that_a_setting_is_wrong(command: Command) -> None:
    command.environment["ENVIRONMENT"] = "moon"

    result = command()

    assert (result.returncode, result.stderr) == (
        1,
        "The settings are wrong: ENVIRONMENT must be 'development' or 'production'.\n",
    )


def test_it_says_in_one_sentence_that_nothing_runs(command: Command) -> None:
    assert command("stop").stdout == "billing: Billing does not run\n"
    assert command("status").returncode == 1


@pytest.mark.parametrize("typed", ["", "no\n", "y\n"])
def test_it_deletes_nothing_unless_yes_is_typed(command: Command, typed: str) -> None:
    embedded.prepare(command.state)

    result = command("reset", typed=typed)

    assert (result.returncode, result.stderr) == (1, "Nothing was deleted.\n")
    assert (command.state / "secret_key").exists()


@pytest.mark.parametrize(("arguments", "typed"), [(["reset"], "yes\n"), (["reset", "--yes"], "")])
def test_it_deletes_the_state_folder_on_reset(command: Command, arguments: list[str], typed: str) -> None:
    embedded.prepare(command.state)

    result = command(*arguments, typed=typed)

    assert (result.returncode, result.stderr) == (0, "")
    assert not command.state.exists()


def test_it_starts_a_child_again_and_waits_longer_each_time(child: Callable[[str], Child]) -> None:
    dying = child("raise SystemExit(3)")
    supervisor.start(dying)

    lines = []
    for _ in range(3):
        wait_for(lambda: dying.process is not None and dying.process.poll() is not None)
        lines.append(supervisor.tend(dying))
        dying.restart_due = 0.0
        lines.append(supervisor.tend(dying))

    log = dying.log
    assert lines == [
        f"web ended (exit code 3), starts again in 1 s: see {log}",
        "web is started again",
        f"web ended (exit code 3), starts again in 2 s: see {log}",
        "web is started again",
        f"web ended (exit code 3), starts again in 4 s: see {log}",
        "web is started again",
    ]


def test_it_gives_up_on_a_child_that_keeps_dying(child: Callable[[str], Child]) -> None:
    dying = child("raise SystemExit(3)")
    dying.deaths = supervisor.DEATHS_MAX - 1
    supervisor.start(dying)
    wait_for(lambda: dying.process is not None and dying.process.poll() is not None)

    with pytest.raises(GivenUpError, match=f"web ended {supervisor.DEATHS_MAX} times in a row"):
        supervisor.tend(dying)


def test_it_finds_and_stops_what_a_killed_supervisor_left_behind(child: Callable[[str], Child], tmp_path: Path) -> None:
    grandchild = "import time; print(1, flush=True); time.sleep(600)"
    parent = child(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])")
    supervisor.start(parent)
    wait_for(lambda: parent.log.read_text() == "1\n")

    count = supervisor.stop_leftovers(tmp_path)

    assert count == 2
    assert supervisor.leftovers(tmp_path) == []


def test_it_shows_the_passwords_once(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(FACTS)

    first, second = (announcement.text(tmp_path, url="http://127.0.0.1:8000") for _ in range(2))

    assert "user ada, password pass word" in first
    assert "pass word" not in second
    assert "secret" not in second
    assert str(tmp_path / "demo.json") in second


def supervises(process: psutil.Process, state: Path) -> bool:
    try:
        return "serve" in process.cmdline() and process.environ().get("STATE_DIR") == str(state)
    except psutil.Error:
        return False
