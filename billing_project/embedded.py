"""The servers that come with the product: a PostgreSQL and a Valkey of one's own in the state folder.

Used where DATABASE_URL or REDIS_URL is not set. Promises: listens on 127.0.0.1 only, random passwords, files closed to
other users, servers that already run out of the folder are adopted, one start at a time. Never imports Django: the
settings import this module. Every expected failure is an EmbeddedError of one sentence.
"""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from billing_project import local_keys, local_postgresql, local_process, local_valkey
from billing_project.local_process import EmbeddedError, ServerUser

__all__ = ["Addresses", "EmbeddedError", "addresses", "prepare", "running", "start", "stop", "wipe"]

CONNECTIONS_MAX = 100
# Port 1 is reserved and never ours: what connects there fails at once.
NOWHERE = f"127.0.0.1:1/{local_postgresql.DATABASE}"
# Where the data goes when the user of the servers cannot reach the state folder (root's checkout below /root).
OUTSIDE_FOLDERS = (Path("/var/lib"), Path(tempfile.gettempdir()))


@dataclass(frozen=True)
class Addresses:
    """Where the servers are, and the key that signs sessions; the URLs hold passwords."""

    database_url: str
    database_owner_url: str
    superuser_url: str
    redis_url: str
    secret_key: str


@dataclass(frozen=True)
class _Record:
    """What servers.json remembers between starts."""

    home: str
    user_id: int
    group_id: int
    database_port: int
    superuser_password: str
    owner_password: str
    runtime_password: str
    valkey_port: int
    valkey_password: str

    @property
    def user(self) -> ServerUser:
        return ServerUser(self.user_id, self.group_id)

    @property
    def database_data(self) -> Path:
        return Path(self.home) / "postgresql"

    @property
    def valkey_data(self) -> Path:
        return Path(self.home) / "valkey"


def addresses(state_dir: Path) -> Addresses:
    """Return where the servers of this folder are; where there are none, addresses at which nothing answers.

    So commands that need no server (help, mypy, makemigrations) work in a fresh checkout. Never fails and never writes.
    """
    try:
        record = _load(state_dir)
        secret_key = _secret_key_file(state_dir).read_text()
    except (OSError, EmbeddedError):
        record, secret_key = None, ""
    # Not a constant: a key that everybody knows would sign sessions for everybody.
    secret_key = secret_key or secrets.token_urlsafe(48)
    if record is None:
        return Addresses(
            database_url=f"postgres://{local_postgresql.RUNTIME}@{NOWHERE}",
            database_owner_url=f"postgres://{local_postgresql.OWNER}@{NOWHERE}",
            superuser_url=f"postgres://{local_postgresql.SUPERUSER}@{NOWHERE}",
            redis_url="redis://127.0.0.1:1/0",
            secret_key=secret_key,
        )
    place = f"127.0.0.1:{record.database_port}/{local_postgresql.DATABASE}"
    return Addresses(
        database_url=f"postgres://{local_postgresql.RUNTIME}:{record.runtime_password}@{place}",
        database_owner_url=f"postgres://{local_postgresql.OWNER}:{record.owner_password}@{place}",
        superuser_url=f"postgres://{local_postgresql.SUPERUSER}:{record.superuser_password}@{place}",
        redis_url=f"redis://:{record.valkey_password}@127.0.0.1:{record.valkey_port}/0",
        secret_key=secret_key,
    )


def prepare(state_dir: Path) -> None:
    """Create the state folder with its keys, closed to others; refuses a folder that holds something else."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_file = _secret_key_file(state_dir)
    if not key_file.exists():
        # `reset` deletes the whole folder, so a folder of somebody's own files must never become one.
        if any(entry.name != _lock_file(state_dir).name for entry in state_dir.iterdir()):
            raise EmbeddedError(f"{state_dir} is not empty and was not made by Billing: choose another STATE_DIR.")
        _write_private(key_file, secrets.token_urlsafe(48))
    local_keys.create(state_dir)


def start(
    state_dir: Path,
    *,
    database: bool = True,
    valkey: bool = True,
    durable: bool = True,
    connections_max: int = CONNECTIONS_MAX,
    prepared_transactions_max: int = 0,
) -> Addresses:
    """Start (or adopt) the wanted servers of this folder, create what is missing, and return when both answer.

    `durable=False` is for tests: a crash of the machine may lose the data. Settings of an adopted server stay.
    """
    state_dir = state_dir.resolve()
    settings = {
        "max_connections": str(connections_max),
        "max_prepared_transactions": str(prepared_transactions_max),
    }
    try:
        with _lock(state_dir):
            prepare(state_dir)
            record = _load(state_dir) or _new_record(state_dir)
            if os.geteuid() not in {0, record.user_id}:
                raise EmbeddedError(f"The servers in {state_dir} belong to another user: start as that user.")
            if database:
                record = _start_database(record, state_dir, settings, durable=durable)
            if valkey:
                _start_valkey(record, state_dir)
    except OSError as error:
        raise EmbeddedError(f"The embedded servers cannot use {state_dir}: {error}.") from error
    return addresses(state_dir)


def running(state_dir: Path) -> dict[str, bool]:
    """Tell which of the servers of this folder run."""
    homes = _homes(state_dir.resolve())
    return {
        "PostgreSQL": any(local_postgresql.running(home / "postgresql") for home in homes),
        "Valkey": any(local_valkey.running(home / "valkey") for home in homes),
    }


def stop(state_dir: Path) -> None:
    """Stop the servers of this folder cleanly; nothing happens where none runs."""
    state_dir = state_dir.resolve()
    if not _secret_key_file(state_dir).exists():
        return
    with _lock(state_dir):
        for home in _homes(state_dir):
            local_valkey.stop(home / "valkey")
            local_postgresql.stop(home / "postgresql")


def wipe(state_dir: Path) -> None:
    """Stop the servers and delete the state folder with all that is in it, and the data that lies outside of it."""
    state_dir = state_dir.resolve()
    if not _secret_key_file(state_dir).exists():
        raise EmbeddedError(f"{state_dir} was not made by Billing: nothing is deleted.")
    stop(state_dir)
    for home in _homes(state_dir):
        shutil.rmtree(home)


def _load(state_dir: Path) -> _Record | None:
    try:
        text = _record_file(state_dir).read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return _Record(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise EmbeddedError(
            f"{_record_file(state_dir)} is damaged, so the passwords of the servers are lost: `make reset` starts anew."
        ) from error


def _new_record(state_dir: Path) -> _Record:
    if (state_dir / "postgresql").exists():
        raise EmbeddedError(
            f"{state_dir} is half made: it has a database but no {_record_file(state_dir).name}; "
            "`make reset` starts anew."
        )
    user = local_process.choose_user()
    record = _Record(
        home=str(_choose_home(state_dir, user)),
        user_id=user.user_id,
        group_id=user.group_id,
        database_port=local_process.choose_port(),
        superuser_password=secrets.token_urlsafe(24),
        owner_password=secrets.token_urlsafe(24),
        runtime_password=secrets.token_urlsafe(24),
        valkey_port=local_process.choose_port(),
        valkey_password=secrets.token_urlsafe(24),
    )
    return _save(state_dir, record)


def _choose_home(state_dir: Path, user: ServerUser) -> Path:
    """Return a folder that the user of the servers may pass through: the state folder itself where that is possible."""
    _let_pass(state_dir, user)
    if local_process.can_use(state_dir, user=user):
        return state_dir
    # A parent is closed to that user, and opening it is not ours to do.
    state_dir.chmod(0o700)
    for outside in OUTSIDE_FOLDERS:
        with suppress(OSError):
            home = Path(tempfile.mkdtemp(prefix="billing-", dir=outside)).resolve()
            _let_pass(home, user)
            if local_process.can_use(home, user=user):
                return home
            home.rmdir()
    raise EmbeddedError(f"The user of the servers cannot reach {state_dir}: choose another STATE_DIR.")


def _let_pass(folder: Path, user: ServerUser) -> None:
    if os.geteuid() == 0 and user.user_id != 0:
        # Passing through is all that the group may do: it cannot list the folder, and every file in it is 0600.
        os.chown(folder, 0, user.group_id)
        folder.chmod(0o710)


def _start_database(record: _Record, state_dir: Path, settings: dict[str, str], *, durable: bool) -> _Record:
    data, user = record.database_data, record.user
    if local_postgresql.running(data) is None:
        programs = local_postgresql.binaries(user=user, home=Path(record.home))
        if not data.exists():
            local_postgresql.initialise(
                data, programs=programs, user=user, password=record.superuser_password, durable=durable
            )
        if not local_process.port_free(record.database_port):
            record = _save(state_dir, replace(record, database_port=local_process.choose_port()))
        local_postgresql.start(
            data,
            programs=programs,
            user=user,
            port=record.database_port,
            log=_log(state_dir, "postgresql"),
            settings=settings | ({} if durable else local_postgresql.SETTINGS_NOT_DURABLE),
        )
    passwords = local_postgresql.Passwords(record.superuser_password, record.owner_password, record.runtime_password)
    local_postgresql.provision(port=record.database_port, passwords=passwords)
    return record


def _start_valkey(record: _Record, state_dir: Path) -> None:
    data, user = record.valkey_data, record.user
    if local_valkey.running(data) is not None:
        if not local_valkey.answers(port=record.valkey_port, password=record.valkey_password):
            raise EmbeddedError(f"The Valkey that runs in {data} does not take our password: stop it and start again.")
        return
    executable = local_valkey.program(user=user, home=Path(record.home))
    data.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(data, user.user_id, user.group_id)
    if not local_process.port_free(record.valkey_port):
        record = _save(state_dir, replace(record, valkey_port=local_process.choose_port()))
    local_valkey.start(
        data,
        executable=executable,
        user=user,
        port=record.valkey_port,
        password=record.valkey_password,
        log=_log(state_dir, "valkey"),
    )


def _homes(state_dir: Path) -> list[Path]:
    """Return the folders that may hold data of this state folder, also when its record is damaged."""
    with suppress(EmbeddedError):
        if record := _load(state_dir):
            return sorted({Path(record.home), state_dir})
    return [state_dir]


@contextmanager
def _lock(state_dir: Path) -> Iterator[None]:
    """Hold the one lock around start and stop; the system frees it when the holder dies."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(_lock_file(state_dir), os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _save(state_dir: Path, record: _Record) -> _Record:
    _write_private(_record_file(state_dir), json.dumps(asdict(record), indent=2))
    return record


def _write_private(path: Path, text: str) -> None:
    """Write a file that only we may read, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _log(state_dir: Path, name: str) -> Path:
    folder = state_dir / "log"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{name}.log"


def _record_file(state_dir: Path) -> Path:
    return state_dir / "servers.json"


def _secret_key_file(state_dir: Path) -> Path:
    return state_dir / "secret_key"


def _lock_file(state_dir: Path) -> Path:
    return state_dir / "lock"
