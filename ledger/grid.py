"""The grid: balances in Valkey, by the union of entries. A hint that can always be rebuilt, never a thing to wait for.

Each account that somebody reads has one hash: a base balance with its mark, and the entries above the mark told so far,
by id. Adding an entry twice, late or out of order changes nothing, so a lost or repeated message can neither double nor
lose an amount; the aggregator tells every entry once more (`repeat`), so a message lost on the way is made good, and
where no aggregator has been, nothing is cached.
Amounts beyond 64 bits are not cached. Every failure here is answered by SQL instead; after one, the grid rests a moment.
"""

import logging
import os
import random
import secrets
import socket
import struct
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import redis
from django.conf import settings
from django.db import connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from ledger.limits import GRID_CHECK_KEYS, GRID_ENTRIES_MAX, GRID_PAUSE_SECONDS, GRID_SECONDS_MAX, GRID_TIMEOUT_SECONDS
from metrics.repository import observed

logger = logging.getLogger(__name__)
_sources = {path.stem: path.read_text(encoding="utf-8") for path in (Path(__file__).parent / "lua").glob("*.lua")}
_REPEATED = "repeated"
_TELL_ROWS_MAX = 500  # one script call blocks Valkey for well under a millisecond
_REPEAT = "SELECT id, account_id, amount::text FROM ledger_entry WHERE book_id = %s AND id > %s AND id <= %s ORDER BY id LIMIT %s"
_REPEAT_ROWS_MAX = 20_000  # one run's share; more follows in the next, a second later


class Cached(NamedTuple):
    """A balance from the grid, in minor units. `loaded_at` is RFC 3339; `position` the highest entry id counted."""

    total: int
    floor: int | None
    position: int
    loaded_at: str


class Announced(NamedTuple):
    """Nobody has the balance; who read SQL after this may load it with the token."""

    token: str


class _Connection(redis.Connection):
    """A connection on which the kernel keeps the time-out.

    Python keeps one by asking the kernel before each call whether it would wait: two calls more for each question, and at each
    of them another thread goes first.
    """

    def _connect(self) -> socket.socket:
        connected: socket.socket = super()._connect()  # type: ignore[no-untyped-call]  # the library has no types here
        seconds, microseconds = divmod(int(GRID_TIMEOUT_SECONDS * 1e6), 1_000_000)
        patience = struct.pack("ll", seconds, microseconds)
        connected.settimeout(None)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        return connected

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return the answer. Raises redis.TimeoutError where it takes too long.

        A broken connection is tried once more, a slow server is not.
        """
        try:
            return super().read_response(*args, **kwargs)
        except redis.ConnectionError as error:
            if isinstance(error.__context__, BlockingIOError):
                raise redis.TimeoutError(f"no answer within {GRID_TIMEOUT_SECONDS} s") from error
            raise


class _Own(threading.local):
    """What one thread of one process has: its client with one connection, and the scripts of that client."""

    process_id = 0
    client: redis.Redis
    scripts: dict[str, Any]


class _Valkey:
    """The connections, their scripts, and the rest after a failure.

    Each thread has a connection of its own: to take one from a pool and give it back costs more than the call.
    """

    def __init__(self) -> None:
        self._resting_until = 0.0
        self._own = _Own()

    def call(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Run a script; None where Valkey is away, slow or resting."""
        if time.monotonic() < self._resting_until:
            return None
        try:
            return self._script(script)(keys=keys, args=arguments)
        except redis.RedisError as error:
            self.rest(error)
            return None

    def rest(self, error: Exception) -> None:
        """Leave the grid alone for a moment."""
        logger.warning("The grid does not answer (%s); SQL answers for %s s.", error, GRID_PAUSE_SECONDS)
        self._resting_until = time.monotonic() + GRID_PAUSE_SECONDS

    def client(self) -> redis.Redis:
        """The client of this thread, connected; never one that a parent process has as well. Raises redis.RedisError."""
        own = self._own
        if own.process_id != os.getpid():
            own.client = redis.Redis.from_url(
                settings.REDIS_URL,
                socket_timeout=GRID_TIMEOUT_SECONDS,
                socket_connect_timeout=GRID_TIMEOUT_SECONDS,
                single_connection_client=True,
                **({"connection_class": _Connection} if settings.REDIS_URL.startswith("redis://") else {}),
                # The server may have closed the connection meanwhile: once more on a new one. Every script may be repeated.
                retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            )
            own.scripts = {}
            own.process_id = os.getpid()
        return own.client

    def _script(self, name: str) -> Any:
        client, scripts = self.client(), self._own.scripts
        if name not in scripts:
            scripts[name] = client.register_script(_sources[name])
        return scripts[name]


valkey = _Valkey()


@observed(repository="grid")
def read(*, book_id: int, account_id: int) -> Cached | Announced | None:
    """Return the cached balance, a token for loading it, or None where the grid is away or nobody repeats what is lost."""
    keys = [_key(book_id, account_id), _repeated_key(book_id)]
    answer = valkey.call("read", keys, [f"{random.getrandbits(64):016x}", 30])
    if not answer:
        return None
    if len(answer) == 1:
        return Announced(answer[0].decode())
    total, floor, position, loaded_at = (value.decode() for value in answer)
    return Cached(int(total), int(floor) if floor else None, int(position), loaded_at)


@observed(repository="grid")
def load(
    *,
    book_id: int,
    account_id: int,
    token: str,
    base: int,
    mark: int,
    floor: int | None,
    entries: Iterable[tuple[int, int]],
    loaded_at: str,
) -> None:
    """Load a balance read from SQL after the token was given: base up to mark, and the (id, amount) entries above it."""
    flat = [value for entry in entries for value in entry]
    if len(flat) <= 2 * GRID_ENTRIES_MAX and all(abs(value) < 2**63 for value in (base, *flat)):
        arguments = [token, base, mark, "" if floor is None else floor, loaded_at, GRID_SECONDS_MAX, *flat]
        valkey.call("load", [_key(book_id, account_id)], arguments)


@observed(repository="grid")
def tell(*, book_id: int, entries: Sequence[tuple[int, int, int]]) -> bool:
    """Tell (entry id, account id, amount) after they are committed; return whether the grid heard all of them."""
    for start in range(0, len(entries), _TELL_ROWS_MAX):
        rows = entries[start : start + _TELL_ROWS_MAX]
        keys = [_key(book_id, account_id) for _, account_id, _ in rows]
        arguments = [value for entry_id, _, amount in rows for value in (entry_id, amount)]
        if valkey.call("tell", keys, [GRID_ENTRIES_MAX, *arguments]) is None:
            return False
    return True


@observed(repository="grid")
def some_accounts(*, cursor: int) -> tuple[int, list[tuple[int, int]]]:
    """Return the cursor that goes on, 0 at the end, and the next few (book id, account id) that have a hash.

    Begins at 0. 0 and nothing where the grid is away.
    """
    start = _prefix("")
    try:
        following, keys = valkey.client().scan(cursor, match=f"{start}*", count=GRID_CHECK_KEYS)
    except redis.RedisError as error:
        valkey.rest(error)
        return 0, []
    names = [str(key, "ascii").removeprefix(start).split(":") for key in keys if isinstance(key, bytes)]
    return int(following), [(int(book), int(account)) for book, account in names if account != _REPEATED]


@observed(repository="grid")
def repeated(*, book_id: int) -> int | None:
    """Return the entry id up to which the grid was told everything once more; None where it does not know."""
    try:
        entry = valkey.client().hget(_repeated_key(book_id), "entry")
    except redis.RedisError as error:
        valkey.rest(error)
        return None
    return None if entry is None else int(entry)


@observed(repository="grid")
def forget(*, book_id: int, account_id: int) -> None:
    """Drop one account's hash, after a change of its floor."""
    try:
        valkey.client().unlink(_key(book_id, account_id))
    except redis.RedisError as error:
        valkey.rest(error)


@observed(repository="grid")
def repeat(*, book_id: int, safe: int) -> None:
    """Tell once more every entry up to a safe id that was not repeated yet; where the grid is away, the next run does it.

    Where the grid does not know how far that was (it is fresh, or was flushed), a new epoch begins: balances cached
    before are dropped when they are read, those cached from now on are read from SQL after the safe id was closed.
    """
    key = _repeated_key(book_id)
    try:
        epoch, repeated = valkey.client().hmget(key, "epoch", "entry")
        if epoch is None or repeated is None:
            valkey.client().hset(key, mapping={"epoch": secrets.token_hex(8), "entry": safe})
            return
        with connection.cursor() as cursor:
            cursor.execute(_REPEAT, (book_id, int(repeated), safe, _REPEAT_ROWS_MAX))
            rows = [(entry_id, account_id, int(amount)) for entry_id, account_id, amount in cursor.fetchall()]
        if tell(book_id=book_id, entries=rows):
            valkey.client().hset(key, "entry", str(rows[-1][0] if len(rows) == _REPEAT_ROWS_MAX else safe))
    except redis.RedisError as error:
        valkey.rest(error)


def _prefix(rest: str) -> str:
    return f"grid:{settings.DATABASES['default']['NAME']}:{rest}"


def _key(book_id: int, account_id: int) -> str:
    return _prefix(f"{book_id}:{account_id}")


def _repeated_key(book_id: int) -> str:
    return _prefix(f"{book_id}:{_REPEATED}")
