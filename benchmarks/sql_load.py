"""Load at the database: pgbench for single statements, processes with psycopg for batches and COPY.

pgbench is written in C and costs the machine little; its scripts are the files of pgbench/, run in prepared mode, one
transaction for each script, over TCP as the application does. Batches come from processes that prepare their
parameters before the clock starts, so that what is timed is the call.
"""

import os
import re
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.cases import MeasurementFailedError
from billing_project import local_postgresql, local_process

SCRIPTS = Path(__file__).resolve().parent / "pgbench"
PROGRESS = re.compile(r"^progress: ([0-9.]+) s, ([0-9.]+) tps", re.MULTILINE)
# A new backend plans its statements for some 40 ms of CPU; with 32 of them that is the first second. Where they plan under a lock
# that all want, it takes longer: such cases ask for more.
WARM_UP_SECONDS = 1
TOTAL = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)
# Beyond the measured time: connecting and, with 32 clients at a slow disk, the last transactions.
GRACE_SECONDS_MAX = 60.0


@dataclass(frozen=True)
class SqlLoad:
    """The rate after the warm-up; then what the warm-up is part of: transactions, client CPU and seconds."""

    per_second: float
    transactions_in_all: int
    client_cpu_seconds: float
    seconds_in_all: float


def pgbench(
    script: str,
    *,
    url: str,
    clients: int,
    seconds: float,
    variables: dict[str, int],
    options: str = "",
    warm_up_seconds: int = WARM_UP_SECONDS,
) -> SqlLoad:
    """Run one script of pgbench/ with so many clients. `options` are server settings, as PGOPTIONS takes them.

    pgbench counts in whole seconds, so the measured time is rounded to them.
    """
    whole = warm_up_seconds + max(1, round(seconds))
    place = urlsplit(url)
    me = local_process.ServerUser(os.geteuid(), os.getegid())
    program = local_postgresql.binaries(user=me, home=SCRIPTS) / "pgbench"
    command = [str(program), "--no-vacuum", "--protocol=prepared", f"--file={SCRIPTS / script}"]
    command += [f"--client={clients}", "--jobs=1", f"--time={whole}", "--progress=1"]
    command += [f"--define={name}={value}" for name, value in variables.items()]
    command += [f"--host={place.hostname}", f"--port={place.port}", f"--username={place.username}"]
    environment = {"PGPASSWORD": place.password or "", "PGOPTIONS": options, "PATH": os.environ["PATH"]}
    cpu_before = _children_cpu_seconds()
    finished = subprocess.run(
        [*command, place.path.lstrip("/")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=whole + GRACE_SECONDS_MAX,
        check=False,
    )
    total, failed = TOTAL.search(finished.stdout), FAILED.search(finished.stdout)
    rates = [float(rate) for at, rate in PROGRESS.findall(finished.stderr) if float(at) > warm_up_seconds + 0.5]
    if finished.returncode or total is None or failed is None or failed[1] != "0" or not sum(rates):
        raise MeasurementFailedError(f"pgbench {script}:\n{finished.stdout[-2000:]}{finished.stderr[-2000:]}")
    return SqlLoad(
        per_second=sum(rates) / len(rates),
        transactions_in_all=int(total[1]),
        client_cpu_seconds=_children_cpu_seconds() - cpu_before,
        seconds_in_all=whole,
    )


def _children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
