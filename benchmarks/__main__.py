"""`python -m benchmarks [--quick]`: measures everything in one run and writes results/latest.json.

All cases run once in each repetition, forwards and backwards in turn, so that a figure and what it is compared with
are measured close together and a slow drift of the machine favours neither.
"""

import argparse
import sys
import time
from datetime import UTC, datetime

import psutil

from benchmarks import (
    batches,
    beside,
    growth,
    hordak,
    http,
    instruments,
    limits,
    massops,
    posting,
    seal,
    security,
    servers,
)
from benchmarks.cases import Case, Figures, MeasurementFailedError
from benchmarks.report import report
from billing_project.embedded import EmbeddedError

REPETITIONS, SECONDS = 3, 2.0
REPETITIONS_QUICK, SECONDS_QUICK = 1, 1.0
# Entries of the ledgers that are compared.
SMALLEST, LARGEST = 100_000, 10_000_000
SMALLEST_QUICK, LARGEST_QUICK = 10_000, 100_000
BUSY_LOOK_SECONDS, BUSY_SHARE_MAX = 1.0, 0.2


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cases, once: under 3 minutes instead of about 25")
    parser.add_argument("--repetitions", type=int, help=f"default {REPETITIONS}, quick {REPETITIONS_QUICK}")
    parser.add_argument("--seconds", type=float, help=f"for each measurement; default {SECONDS}, quick {SECONDS_QUICK}")
    parser.add_argument(
        "--only", metavar="PREFIX", default="", help="only cases whose name starts so; nothing is written"
    )
    parser.add_argument(
        "--growth", type=int, metavar="ENTRIES", help=f"the largest ledger; default {LARGEST}, quick {LARGEST_QUICK}"
    )
    options = parser.parse_args()
    repetitions = options.repetitions or (REPETITIONS_QUICK if options.quick else REPETITIONS)
    seconds = options.seconds or (SECONDS_QUICK if options.quick else SECONDS)
    smallest = SMALLEST_QUICK if options.quick else SMALLEST
    largest = options.growth or (LARGEST_QUICK if options.quick else LARGEST)

    started_at = datetime.now(UTC)
    busy = psutil.cpu_percent(BUSY_LOOK_SECONDS) / 100
    if busy > BUSY_SHARE_MAX:
        print(f"benchmark: other work takes {busy:.0%} of the machine, so rates will be too low.", file=sys.stderr)
    try:
        with servers.system() as system:
            print(f"servers ready ({_since(started_at):.0f} s)", file=sys.stderr)
            cases = [case for case in all_cases(system, smallest, largest) if _chosen(case, options)]
            if not cases:
                parser.error(f"no case begins with {options.only!r}{' in a quick run' if options.quick else ''}")
            print(f"{len(cases)} cases ready ({_since(started_at):.0f} s)", file=sys.stderr)
            found = [repetition(system, cases, seconds, number) for number in range(repetitions)]
            facts = {
                "run.seconds_per_measurement": seconds,
                "machine.busy_before_share": busy,
                "machine.postgresql": system.server_version(),
            }
    except (servers.SetupError, MeasurementFailedError, EmbeddedError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    result = report(found, facts=facts, started_at=started_at)
    print(result.table())
    if not options.only:
        print(f"written to {result.write()}")
    return 0


def all_cases(system: servers.System, smallest: int, largest: int) -> list[Case]:
    """Every case, in the order of the report; opens the accounts that they use."""
    token = system.token()
    http.open_accounts(system, token)
    return [
        *limits.cases(system),
        *posting.cases(system),
        *batches.cases(system),
        *http.cases(system, token=token),
        *instruments.cases(system, token=token),
        *security.cases(system),
        *seal.cases(system),
        *hordak.cases(system),
        *massops.cases(system),
        *beside.cases(system, token=token),
        *growth.cases(system, smallest=smallest, largest=largest),
    ]


def _since(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()


def _chosen(case: Case, options: argparse.Namespace) -> bool:
    return case.name.startswith(options.only) and not (options.quick and case.long and case.name != options.only)


def repetition(system: servers.System, cases: list[Case], seconds: float, number: int) -> Figures:
    """Measure each case once."""
    figures: Figures = {}
    for case in cases if number % 2 == 0 else reversed(cases):
        started = time.monotonic()
        figures |= case.measure(seconds)
        print(f"repetition {number + 1}: {case.name} ({time.monotonic() - started:.1f} s)", file=sys.stderr)
    system.settle()
    return figures


if __name__ == "__main__":
    sys.exit(main())
