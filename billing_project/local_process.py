"""Starts, finds and stops the server processes of the embedded mode; knows nothing about databases.

Promises: a started server outlives the command that started it, never sees the caller's environment (which may hold
secrets), and runs without root's rights. Never does: signal a process that it has not recognised as ours, change the
mode of a folder that it did not create.
"""

import os
import pwd
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

# Below the ranges from which Linux (32768) and macOS (49152) take ports for outgoing connections, so that a port that
# was chosen once is still free at the next start.
PORT_FIRST, PORT_LAST = 20_000, 31_999
PORT_TRIES = 200
# Accounts that exist on usual systems and own nothing of value; PostgreSQL refuses to run as root, and initdb refuses
# a user id that has no name.
UNPRIVILEGED_NAMES = ("postgres", "_postgres", "nobody")
# Crash recovery of a well filled WAL (max_wal_size is 2 GB) has to fit.
START_SECONDS_MAX = 120.0
# A fast shutdown writes a checkpoint of at most the shared buffers.
STOP_SECONDS_MAX = 60.0


class EmbeddedError(Exception):
    """The embedded servers cannot be used; the text is one sentence for the person at the terminal."""


@dataclass(frozen=True)
class ServerUser:
    """Who the servers run as."""

    user_id: int
    group_id: int

    def identity(self) -> dict[str, object]:
        """Return the arguments for subprocess: empty when the servers run as the caller itself."""
        if os.geteuid() != 0 or self.user_id == 0:
            return {}
        return {"user": self.user_id, "group": self.group_id, "extra_groups": []}


def choose_user() -> ServerUser:
    """Return the caller, or for root an account without rights; fails when there is none."""
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid())
    for name in UNPRIVILEGED_NAMES:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return ServerUser(entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root and there is no user 'postgres' or 'nobody': start as a normal user."
    )


def can_use(path: Path, *, user: ServerUser) -> bool:
    """Tell whether the user of the servers reaches this folder or program, by asking the system as that user."""
    return run_as(["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)], user=user, folder=Path("/")).returncode == 0


def run_as(command: Sequence[str], *, user: ServerUser, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end as the user of the servers; the caller judges the result."""
    result: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - the command is built by us from paths of installed wheels
        list(command),
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=_environment(),
        timeout=START_SECONDS_MAX,
        **user.identity(),  # type: ignore[call-overload]
    )
    return result


def launch(command: Sequence[str], *, user: ServerUser, folder: Path, log: Path, stdin: str = "") -> int:
    """Start a server in a session of its own, so that it outlives us and Ctrl-C does not reach it; return its pid."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is built by us from paths of installed wheels
            list(command),
            stdin=subprocess.PIPE,
            stdout=descriptor,
            stderr=descriptor,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
            **user.identity(),  # type: ignore[call-overload]
        )
    finally:
        os.close(descriptor)
    # A server that died at once is noticed by whoever waits for its answer.
    with suppress(BrokenPipeError):
        process.stdin.write(stdin.encode())
        process.stdin.close()
    # The object is dropped on purpose: the server is found again by its pid file. Without a return code the
    # destructor would warn that it still runs, which is what we want it to do.
    process.returncode = 0
    return int(process.pid)


def find(pid: int, *, recognise: Callable[[psutil.Process], bool]) -> psutil.Process | None:
    """Return the living process of this id if it is recognised as ours; an id may have been given to another since."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            # A server that we started and that was killed: as long as nobody asks how it ended, its id looks taken,
            # and PostgreSQL would take its own lock file for that of a living server.
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            return None
        if not recognise(process):
            return None
    except psutil.Error:
        return None
    return process


def alive(pid: int) -> bool:
    """Tell whether a process that was just started still runs; a zombie has ended."""
    return find(pid, recognise=lambda _process: True) is not None


def stop(process: psutil.Process, *, signals: Sequence[signal.Signals]) -> None:
    """Send each signal in turn until the process is gone, and wait for it; fails when none helps."""
    for number in signals:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        try:
            process.wait(STOP_SECONDS_MAX)
        except psutil.TimeoutExpired:
            continue
        except psutil.NoSuchProcess:
            pass
        return
    raise EmbeddedError(f"The server process {process.pid} does not stop: look at the logs in the state folder.")


def port_free(port: int) -> bool:
    """Tell whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        # As the servers do: a connection of an earlier server that lingers in TIME_WAIT is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port() -> int:
    """Return a free port of the loopback address."""
    for _ in range(PORT_TRIES):
        port = PORT_FIRST + secrets.randbelow(PORT_LAST - PORT_FIRST + 1)
        if port_free(port):
            return port
    raise EmbeddedError(f"No free port on 127.0.0.1 between {PORT_FIRST} and {PORT_LAST}.")


def last_line(log: Path) -> str:
    """Return the last line that a server logged, for the sentence that says why it did not start."""
    with suppress(OSError):
        lines = log.read_text(errors="replace").strip().splitlines()
        # PostgreSQL explains after the reason: prefer the line that names it.
        fatal = [line for line in lines[-10:] if "FATAL" in line or "PANIC" in line]
        return (fatal or lines or ["nothing was logged"])[-1].strip()
    return "there is no log"


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
