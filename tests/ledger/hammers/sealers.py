"""Three sealers that are killed several times a second, in a database of the hammer's own. Runs as a program, told by arguments.

Each sealer is a fork of this process, which has the application loaded; a new one follows each that was killed. At the end
everything that is left is sealed and verified, and one line of JSON tells what became of it.
"""

# ruff: noqa: PLC0415, T201 - Django is set up here, and the hammer reads what is printed

import json
import os
import random
import signal
import sys
import time

SEALERS = 3
LOST = """
    SELECT coalesce(sum((SELECT count(*) FROM ledger_operation o WHERE o.book_id = b.book_id AND o.id <= b.to_id)
                        - b.sealed), 0)
    FROM (SELECT book_id, max(to_id) AS to_id, sum(count) AS sealed FROM ledger_seal_block GROUP BY 1) b
    """


def main(seconds: float, *, unchecked: bool) -> None:
    import django

    django.setup()
    from django.db import connection

    from ledger.sealing import sealer

    if unchecked:  # the control may break what the sealer would refuse
        sealer.check_sequences = lambda: None
    connection.close()
    chance, kills, end = random.Random(1), 0, time.monotonic() + seconds
    children = [_fork() for _ in range(SEALERS)]
    while time.monotonic() < end:
        time.sleep(0.15 + chance.random() * 0.3)
        if unchecked:  # nobody is killed: the control is about the horizon, and needs many blocks to be caught soon
            if _lost():
                break
            continue
        place = chance.randrange(SEALERS)
        _kill(children[place])
        children[place] = _fork()
        kills += 1
    for child in children:
        _kill(child)
    sys.stdin.read()  # until the writers have ended
    print(json.dumps({"kills": kills, **_result()}), flush=True)


def _fork() -> int:
    child = os.fork()
    if child == 0:
        try:
            _seal_for_ever()
        finally:
            os._exit(1)
    return child


def _seal_for_ever() -> None:
    from django.db import DatabaseError, connection

    from ledger.sealing import sealer

    chance = random.Random(os.getpid())
    while True:
        try:
            sealer.run()
        except DatabaseError:
            connection.close()
        time.sleep(chance.random() * 0.02)


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _lost() -> int:
    """How many operations lie at or below the end of a chain and are in none of its blocks."""
    return _count(LOST)


def _count(statement: str) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
        found = int(cursor.fetchone()[0])
    connection.close()
    return found


def _result() -> dict[str, object]:
    from ledger.sealing import sealer
    from ledger.sealing.verification import Mode, verify

    operations = _count("SELECT count(*) FROM ledger_operation")
    deadline = time.monotonic() + 30
    while (
        _count("SELECT coalesce(sum(count), 0) FROM ledger_seal_block") + _lost() < operations
        and time.monotonic() < deadline
    ):
        sealer.run()
    report = verify(mode=Mode.FULL)
    return {
        "operations": operations,
        "sealed": _count("SELECT coalesce(sum(count), 0) FROM ledger_seal_block"),
        "blocks": _count("SELECT count(*) FROM ledger_seal_block"),
        "quarantined": _count("SELECT count(*) FROM ledger_seal_quarantine"),
        "lost": _lost(),
        "codes": sorted({finding.code.value for finding in report.findings.found}),
    }


if __name__ == "__main__":
    main(float(sys.argv[1]), unchecked="--unchecked" in sys.argv)
