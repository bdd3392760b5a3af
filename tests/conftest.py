"""What every test can use: real servers, connections of each role, a live web server; see tests/servers.py.

Django's settings must first be read in `pytest_configure` below, after the environment names this process's database:
so a conftest in a folder below imports Django's models inside its fixtures, not at its top.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import django
import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.db import connections

from billing_project.embedded import EmbeddedError
from tests import servers

# No test asserts a wall-clock time, a property test no more than others; and examples are not kept between runs.
hypothesis.settings.register_profile(
    "billing", deadline=None, database=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("billing")

DATABASE = pytest.StashKey[servers.Database]()
STATE = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers once per run, and give each process that runs tests its own database."""
    if config.getoption("help") or config.getoption("version"):
        return
    if settings.configured:
        raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: the tests choose the database before Django starts.")
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        try:
            config.stash[STATE] = servers.start()
        except (EmbeddedError, servers.MigrationError) as error:
            raise pytest.UsageError(str(error)) from error
        # The processes of xdist inherit this, and nothing else: pytest-django would read the settings too early.
        os.environ[servers.STATE_VARIABLE] = str(config.stash[STATE])
    if worker is not None or not getattr(config.option, "tx", None):
        state = Path(os.environ[servers.STATE_VARIABLE])
        config.stash[DATABASE] = servers.open_database(state, process=worker or "main")
        django.setup()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers in the process that started them."""
    if state := config.stash.get(STATE, None):
        if settings.configured:
            connections.close_all()
        servers.stop(state)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine has not got."""
    absent = {}
    if not servers.foreign_data().is_dir():
        absent["foreign"] = f"no foreign data in {servers.foreign_data()} (BILLING_FOREIGN_DATA names another folder)"
    if servers.chromium() is None:
        absent["browser"] = "Chromium is not installed"
    for item in items:
        for marker, reason in absent.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """Replace pytest-django's own: the database exists, and nothing may flush it."""


@pytest.fixture(scope="session", autouse=True)
def database_access(django_db_blocker: object) -> Iterator[None]:
    """Let every test use the database, without a transaction around it."""
    from security.access import flush  # noqa: PLC0415 - Django's settings are first read after this file

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        flush()  # the counts of failures, while there is a storage for them
    connections.close_all()


@pytest.fixture(scope="session")
def test_database(pytestconfig: pytest.Config) -> servers.Database:
    """The addresses of this test process, one per role."""
    return pytestconfig.stash[DATABASE]


@pytest.fixture(scope="session")
def database_url(test_database: servers.Database) -> str:
    """The database as the runtime role."""
    return test_database.database_url


@pytest.fixture(scope="session")
def database_owner_url(test_database: servers.Database) -> str:
    """The database as the role that owns the tables."""
    return test_database.owner_url


@pytest.fixture(scope="session")
def superuser_url(test_database: servers.Database) -> str:
    """The database as the superuser: the attacker who owns the server."""
    return test_database.superuser_url


@pytest.fixture(scope="session")
def valkey_url(test_database: servers.Database) -> str:
    """The Valkey database of this test process."""
    return test_database.valkey_url


@pytest.fixture
def new_connection(database_url: str) -> Iterator[Callable[..., psycopg.Connection]]:
    """Open connections as the runtime role, `new_connection(autocommit=True)`; all are closed after the test."""
    opened: list[psycopg.Connection] = []

    def connect(*, autocommit: bool = False) -> psycopg.Connection:
        opened.append(psycopg.connect(database_url, autocommit=autocommit))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def owner_connection(database_owner_url: str) -> Iterator[psycopg.Connection]:
    """A connection of the owner role, in autocommit."""
    with psycopg.connect(database_owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def superuser_connection(superuser_url: str) -> Iterator[psycopg.Connection]:
    """A connection of the superuser, in autocommit."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def scratch() -> Iterator[servers.Database]:
    """A database of the test's own, for tests that change functions, sequences or settings of the database."""
    with servers.scratch_database(Path(os.environ[servers.STATE_VARIABLE])) as database:
        yield database


@pytest.fixture(scope="module")
def quiet() -> Iterator[servers.Database]:
    """A database of the module's own, for tests that count on nobody else writing there."""
    with servers.scratch_database(Path(os.environ[servers.STATE_VARIABLE])) as database:
        yield database


@pytest.fixture(scope="session")
def live_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real web server with two processes, on this test process's database and Valkey."""
    with servers.live_server(tmp_path_factory.mktemp("live")) as url:
        yield url


@pytest.fixture(scope="session")
def foreign_data() -> Path:
    """The folder of foreign data, for tests marked `foreign`."""
    return servers.foreign_data()
