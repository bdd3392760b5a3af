"""The seal: how fast it seals and verifies, how long a receipt takes, and what writers lose to it; the work is in sealing.py."""

import itertools
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.cases import Case, Figures, MeasurementFailedError
from benchmarks.servers import COMMAND_SECONDS_MAX, PRISTINE, PROJECT, System

OPERATIONS = 1_000_000


def cases(system: System) -> list[Case]:
    """The one case of this group; each measurement has a database of its own."""
    runs = itertools.count()

    def measure(seconds: float) -> Figures:
        name = f"seal_{next(runs)}"
        with system.owner() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {PRISTINE} OWNER billing_owner")
        try:
            return _measure(system, name, seconds)
        finally:
            with system.owner() as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    return [Case("seal", measure, long=True)]


def _measure(system: System, name: str, seconds: float) -> Figures:
    url = urlsplit(system.addresses.database_url)._replace(path=f"/{name}").geturl()
    folder: Path = system.state_dir / f"heads-{name}"
    environment = system.environment | {"DATABASE_URL": url, "SEAL_DIRECTORIES": str(folder)}
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.sealing", str(OPERATIONS), str(seconds)],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )
    if finished.returncode:
        raise MeasurementFailedError(f"the seal was not measured:\n{finished.stderr[-4000:]}")
    figures: Figures = json.loads(finished.stdout.splitlines()[-1])
    return figures
