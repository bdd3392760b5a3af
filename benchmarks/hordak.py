"""django-hordak beside our own door, both from Django and without HTTP: a transfer between two accounts, 1 and 8 processes.

Theirs is Account.transfer_to in a transaction. Ours is all of a request but HTTP: a JSON body read, judged, posted by
ledger.pipeline.accept, the grid told. Hordak stores no message, no key and no balance, and checks no floor.
"""

import importlib
import importlib.util
import os
import random
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import urlsplit, urlunsplit

import django

from benchmarks import servers
from benchmarks.cases import Case, Figures, MeasurementFailedError
from benchmarks.servers import System
from benchmarks.together import Work, run_together

SETTINGS = "benchmarks.peers.hordak_settings"
DATABASE = "hordak"
ACCOUNTS = 300
PROCESSES = (1, 8)
# Until every account is known to the process and every statement is planned.
WARM_UP_TRANSFERS = 200
AMOUNT = "12.34"


def cases(system: System) -> list[Case]:
    """All cases of this group; none where hordak is not installed, which is said."""
    if importlib.util.find_spec("hordak") is None:
        print(
            "benchmark: django-hordak is not installed, so it is left out: `make bench` installs it.", file=sys.stderr
        )
        return []
    peer = _Peer(system)
    numbers = system.numbers("bench")
    found = []
    for processes in PROCESSES:
        for name, work, some in (
            ("peer.hordak.transfers_per_s", prepare_theirs, lambda: (peer.environment,)),
            ("accept.transfers_per_s", prepare_ours, lambda: (system.environment, numbers.book, numbers.source)),
        ):
            found.append(_case(system, f"{name}.{processes}p", processes, work, some))
    return found


class _Peer:
    """Hordak's own database; made when first used."""

    def __init__(self, system: System) -> None:
        self._system = system

    @cached_property
    def environment(self) -> dict[str, str]:
        """Make the database, its tables and accounts, and tell the environment of a process that uses it."""
        place = urlsplit(self._system.addresses.superuser_url)
        environment = self._system.environment | {
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "HORDAK_DATABASE_URL": urlunsplit(place._replace(path=f"/{DATABASE}")),
        }
        with self._system.owner() as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        servers.manage(environment, "migrate", "--verbosity", "0")
        run_together(prepare_accounts, [(environment,)])
        return environment


def _case(system: System, name: str, processes: int, work: Work, some: Callable[[], tuple[object, ...]]) -> Case:
    def measure(seconds: float) -> Figures:
        arguments = some()
        cpu_before = system.database_cpu_seconds()
        done = run_together(work, [(*arguments, seconds)] * processes)
        transfers = done.items + processes * WARM_UP_TRANSFERS
        return {
            name: done.per_second,
            f"cpu.client_share.{name}": system.share(done.client_cpu_seconds, done.seconds),
            f"cpu.database_us.{name}": 1e6 * (system.database_cpu_seconds() - cpu_before) / transfers,
        }

    return Case(name, measure, long=processes > 1)


def prepare_accounts(environment: dict[str, str]) -> Callable[[], int]:
    """Open hordak's accounts; there is nothing to time."""
    _set_up(environment)
    account = importlib.import_module("hordak.models").Account
    for number in range(ACCOUNTS):
        account.objects.create(name=f"bench {number}", code=str(number), type="AS", currencies=["EUR"])
    return lambda: 0


def prepare_theirs(environment: dict[str, str], seconds: float) -> Callable[[], int]:
    """Hordak: each transfer is its own transaction."""
    _set_up(environment)
    from django.db.transaction import atomic  # noqa: PLC0415 - Django is set up now

    accounts = list(importlib.import_module("hordak.models").Account.objects.all())
    amount = importlib.import_module("moneyed").Money(AMOUNT, "EUR")

    def transfer() -> None:
        debited, credited = random.sample(accounts, 2)
        with atomic():
            debited.transfer_to(credited, amount)

    return _for_seconds(transfer, seconds)


def prepare_ours(environment: dict[str, str], book: int, source: int, seconds: float) -> Callable[[], int]:
    """The ledger: each transfer is a message of its own, as a request would bring it, with a new key."""
    _set_up(environment | {"DJANGO_SETTINGS_MODULE": "billing_project.settings"})
    from ledger.contracts import Sender  # noqa: PLC0415 - as above
    from ledger.messages import read_operation  # noqa: PLC0415 - Django is set up now
    from ledger.pipeline import accept  # noqa: PLC0415

    def transfer() -> None:
        accounts = random.sample(range(1, ACCOUNTS + 1), 2)
        body = b'{"entries":[{"account":"bench:%d","amount":"-12.34"},{"account":"bench:%d","amount":"12.34"}]}' % (
            *accounts,
        )
        sender = Sender(source_id=source, credential="benchmark", received_at=datetime.now(UTC))
        message = read_operation(body=body, key=str(uuid.uuid4()), sender=sender)
        receipt = accept(book_id=book, messages=[message])[0]
        if receipt.outcome != "accepted":
            raise MeasurementFailedError(f"a transfer was not accepted: {receipt.outcome}")

    return _for_seconds(transfer, seconds)


def _set_up(environment: dict[str, str]) -> None:
    """Make this new process one of that Django project."""
    os.environ.update(environment)
    django.setup()


def _for_seconds(transfer: Callable[[], None], seconds: float) -> Callable[[], int]:
    for _ in range(WARM_UP_TRANSFERS):
        transfer()

    def run() -> int:
        until, count = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            transfer()
            count += 1
        return count

    return run
