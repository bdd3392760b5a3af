"""The aggregator as beat and the worker run it: once a second, in a process of its own, while its standard input is open.

Without it tails would grow during a measurement and floors be judged over thousands of entries, which never happens in
production. It has the application's settings and role. Runs as `python -m benchmarks.aggregator`, started by servers.py.
"""

import os
import select
import sys
import time

import django
from django.db import OperationalError

PERIOD_SECONDS = 1.0


def main() -> int:
    """Run the aggregator until standard input ends; prints a line when it is ready."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_project.settings")
    django.setup()
    from ledger import aggregates  # noqa: PLC0415 - models exist only after setup()

    def run() -> None:
        try:
            aggregates.run()
        except (
            OperationalError
        ) as error:  # a lock or a statement took too long: the next run makes it good, as with beat
            print(error, file=sys.stderr)

    print("ready", flush=True)
    due = time.monotonic()
    while not _stopped(max(0.0, due - time.monotonic())):
        due = max(due + PERIOD_SECONDS, time.monotonic())
        run()
    return 0


def _stopped(seconds: float) -> bool:
    """Wait so long; whether the other end has closed our standard input."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


if __name__ == "__main__":
    sys.exit(main())
