"""Real servers for the tests: one PostgreSQL and one Valkey per run, a database of its own for each test process.

The process that the developer started (with xdist: the controller) starts both servers and migrates one database as
the owner role; every process that runs tests copies it and connects as the runtime role. Nothing is cleaned up
between tests: the ledger is append-only, so tests use books and names of their own.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg
from psycopg import sql

from billing_project import embedded, local_process
from billing_project.embedded import Addresses

ROOT = Path(__file__).resolve().parent.parent
# Tells the processes of xdist, which inherit the environment, where the controller started the servers.
STATE_VARIABLE = "BILLING_TEST_STATE"
STATE_PREFIX = "billing-tests-"
CONNECTIONS_MAX = 150
PREPARED_TRANSACTIONS_MAX = 20
MIGRATE_SECONDS_MAX = 300
LIVE_SERVER_SECONDS_MAX = 60
TEMPLATE = "billing"


@dataclass(frozen=True)
class Database:
    """The database and the Valkey of this test process, one URL per role."""

    database_url: str
    owner_url: str
    superuser_url: str
    valkey_url: str


class MigrationError(Exception):
    """The template database could not be migrated; the text is what the command said."""


def start() -> Path:
    """Start both servers in a new folder below the system's temporary folder, with the template migrated."""
    _sweep()
    state = Path(tempfile.mkdtemp(prefix=f"{STATE_PREFIX}{os.getpid()}-"))
    try:
        addresses = embedded.start(
            state,
            durable=False,
            connections_max=CONNECTIONS_MAX,
            prepared_transactions_max=PREPARED_TRANSACTIONS_MAX,
        )
        _migrate(addresses, state)
    except BaseException:
        stop(state)
        raise
    return state


def stop(state: Path) -> None:
    """Stop the servers of a run and delete their folder."""
    embedded.wipe(state)


def open_database(state: Path, *, process: str) -> Database:
    """Copy the template for this test process and point the settings at it, as the runtime role."""
    number = int("".join(character for character in process if character.isdigit()) or 0)
    database = copy_template(state, name=f"test_{process}", valkey_number=number)
    _set_environment(
        replace(
            embedded.addresses(state),
            database_url=database.database_url,
            database_owner_url=database.owner_url,
            redis_url=database.valkey_url,
        ),
        state,
    )
    return database


def copy_template(state: Path, *, name: str, valkey_number: int) -> Database:
    """Create a database that is a copy of the migrated template."""
    addresses = embedded.addresses(state)
    with psycopg.connect(addresses.superuser_url, dbname="postgres", autocommit=True) as connection:
        for statement in (
            "CREATE DATABASE {name} TEMPLATE {template} OWNER billing_owner",
            "REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {name} TO billing_app",
        ):
            names = {"name": sql.Identifier(name), "template": sql.Identifier(TEMPLATE)}
            connection.execute(sql.SQL(statement).format(**names))
    return Database(
        database_url=_with_database(addresses.database_url, name),
        owner_url=_with_database(addresses.database_owner_url, name),
        superuser_url=_with_database(addresses.superuser_url, name),
        valkey_url=_with_database(addresses.redis_url, str(valkey_number)),
    )


@contextmanager
def scratch_database(state: Path) -> Iterator[Database]:
    """Copy the template for a while; who is still connected at the end is sent away."""
    name = f"scratch_{secrets.token_hex(8)}"
    yield copy_template(state, name=name, valkey_number=0)
    with psycopg.connect(embedded.addresses(state).superuser_url, dbname="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def live_server(folder: Path) -> Iterator[str]:
    """Run the real web server with two processes against the database of this test process; yields its URL."""
    port = local_process.choose_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "2", "--blocking-threads", "8", "--workers-kill-timeout", "10"]
    command += ["billing_project.wsgi:application"]
    (folder / "prometheus").mkdir()
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder / "prometheus")}
    log = folder / "granian.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            _wait_ready(process, url, log)
            yield url
        finally:
            process.terminate()
            process.wait(30)


def foreign_data() -> Path:
    """Return where the foreign data would be; the folder may be absent."""
    return Path(os.environ.get("BILLING_FOREIGN_DATA", ROOT.parent / "shared" / "data"))


def chromium() -> str | None:
    """Return the path of an installed Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def _sweep() -> None:
    """Stop the servers of runs that were killed: their folder names the process that no longer lives."""
    for state in Path(tempfile.gettempdir()).glob(f"{STATE_PREFIX}*-*"):
        with suppress(
            ValueError, PermissionError, FileNotFoundError, embedded.EmbeddedError
        ):  # another run may sweep too
            if not psutil.pid_exists(int(state.name.removeprefix(STATE_PREFIX).split("-")[0])):
                stop(state)


def _migrate(addresses: Addresses, state: Path) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env=os.environ | _variables(addresses, state) | {"DATABASE_ROLE": "owner"},
        capture_output=True,
        text=True,
        timeout=MIGRATE_SECONDS_MAX,
        check=False,
    )
    if result.returncode != 0:
        raise MigrationError(f"migrate failed in the template database:\n{result.stdout}{result.stderr}")


def _set_environment(addresses: Addresses, state: Path) -> None:
    variables = _variables(addresses, state)
    for name in variables:
        # A variable that names a file with the value would win over the value.
        os.environ.pop(f"{name}_FILE", None)
    os.environ.update(variables)


def _variables(addresses: Addresses, state: Path) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "billing_project.settings",
        "ENVIRONMENT": "development",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "STATE_DIR": str(state),
        "DATABASE_URL": addresses.database_url,
        "DATABASE_OWNER_URL": addresses.database_owner_url,
        "DATABASE_ROLE": "runtime",
        "REDIS_URL": addresses.redis_url,
        "RATE_LIMIT_OAUTH": "100000/60",  # every test of a run calls from one address
        "RATE_LIMIT_FAILED": "100000/60",
    }


def _with_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _wait_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + LIVE_SERVER_SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz", timeout=5, trust_env=False).is_success:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the web server is not ready:\n{log.read_text(errors='replace')[-4000:]}")
