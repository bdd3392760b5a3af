"""The posting function itself, below HTTP and Django, one operation in a call: hot and spread, with floors, and its opponents.

Hot is one account that everybody posts to; spread is ten thousand accounts chosen at random. One opponent
(peers/update_in_place.sql) keeps a balance in the account's row; the other is the posting function with the plain exclusive
lock instead of the gate. With `flush_1ms` every commit's flush takes a millisecond longer, as a cloud disk or a standby makes it.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.cases import Case, Figures
from benchmarks.servers import System
from benchmarks.sql_load import WARM_UP_SECONDS, pgbench

PEER = Path(__file__).parent / "peers" / "update_in_place.sql"
FLOORS = Path(__file__).with_name("floors.sql")
CLIENTS = (1, 8, 32)
# The flush leader sleeps so many microseconds while the others gather behind it.
FLUSH_1MS = "-c commit_delay=1000 -c commit_siblings=0"
# Each takes a lock until the transaction ends; the table of locks holds some ten thousand.
FAST_LIMITS_PER_CALL = 1_000
FAST_LIMITS = """
    SELECT count(public.ledger_set_fast_limit_v2(chosen.book_id, chosen.id))
    FROM (SELECT a.book_id, a.id FROM public.accounts_account a
          WHERE a.code LIKE 'rich:%%' AND a.fast_debit_limit IS NULL ORDER BY a.id LIMIT %s) chosen
"""


@dataclass(frozen=True)
class _Single:
    """What the clients post: a script of pgbench/ on accounts of one kind; `operations` of it are one transaction of pgbench."""

    name: str
    prefix: str
    script: str = "post_single.sql"
    sign: int = 1
    operations: int = 1
    # With many clients; planning is what they wait for, see sql_load.py.
    warm_up_seconds: int = 2


NO_FLOOR = _Single("post.single_per_s", "bench")
RICH_FLOOR = _Single("post.single_per_s.rich_floor", "rich", sign=-1, warm_up_seconds=3)
NEAR_FLOOR = _Single("post.single_per_s.near_floor", "near", script="post_pair.sql", operations=2, warm_up_seconds=3)
EXCLUSIVE_LOCK = _Single("peer.exclusive_lock.single_per_s", "locked", sign=-1, warm_up_seconds=3)
UPDATE_IN_PLACE = _Single("peer.update_in_place.single_per_s", "bench", script="peer_single.sql", warm_up_seconds=3)


def cases(system: System) -> list[Case]:
    """All cases of this group; creates the opponent's tables and the accounts with floors."""
    with system.owner() as connection:
        # One by one: a posting must be alone in its transaction.
        for statement in FLOORS.read_text(encoding="utf-8").strip().removesuffix(";").split(";\n"):
            connection.execute(statement)
        while (connection.execute(FAST_LIMITS, (FAST_LIMITS_PER_CALL,)).fetchone() or (0,))[0]:
            pass
        connection.execute(PEER.read_text(encoding="utf-8"))
    found = []
    for kind in (NO_FLOOR, RICH_FLOOR, NEAR_FLOOR):
        for clients in CLIENTS:
            short = clients == max(CLIENTS)
            found.append(_case(system, kind, "hot", clients, long=not short))
            found.append(_case(system, kind, "spread", clients, long=not short or kind is NEAR_FLOOR))
            found.append(_case(system, kind, "hot", clients, flush=True, long=not short or kind is NEAR_FLOOR))
    for kind in (UPDATE_IN_PLACE, EXCLUSIVE_LOCK):
        found.append(_case(system, kind, "hot", 32))
        found.append(_case(system, kind, "hot", 32, flush=True))
        found.append(_case(system, kind, "spread", 32, long=True))
    # What the ratios with the flush need on top.
    found.append(_case(system, NO_FLOOR, "spread", 32, flush=True, long=True))
    found.append(_case(system, RICH_FLOOR, "spread", 32, flush=True))
    return found


def _case(system: System, kind: _Single, place: str, clients: int, *, flush: bool = False, long: bool = False) -> Case:
    name = f"{kind.name}.{place}.{clients}c{'.flush_1ms' if flush else ''}"
    numbers = system.numbers(kind.prefix)
    numbers = replace(numbers, last_account=numbers.first_account) if place == "hot" else numbers

    def measure(seconds: float) -> Figures:
        cpu_before = system.database_cpu_seconds()
        load = pgbench(
            kind.script,
            url=system.addresses.superuser_url,
            clients=clients,
            seconds=seconds,
            variables=numbers.variables() | {"sign": kind.sign},
            options=FLUSH_1MS if flush else "",
            warm_up_seconds=WARM_UP_SECONDS if clients == 1 else kind.warm_up_seconds,
        )
        server_cpu = system.database_cpu_seconds() - cpu_before
        return {
            name: load.per_second * kind.operations,
            f"cpu.client_share.{name}": system.share(load.client_cpu_seconds, load.seconds_in_all),
            f"cpu.database_us.{name}": 1e6 * server_cpu / load.transactions_in_all / kind.operations,
        }

    return Case(name, measure, long=long)
