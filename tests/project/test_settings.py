"""The list of variables for operators and the table in the settings are one list."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from billing_project import settings

DEPLOYMENT = Path(settings.BASE_DIR) / "docs" / "deployment.md"
EXAMPLE = Path(settings.BASE_DIR) / ".env.example"


def test_it_names_every_variable_of_the_settings_in_the_example() -> None:
    lines = EXAMPLE.read_text().splitlines()

    # STATE_DIR is commented out: its default depends on where the checkout is.
    named = [match[1] for line in lines if (match := re.match(r"(?:# )?([A-Z_]+)=", line))]

    assert named == list(settings.env.scheme)


def test_it_gives_the_defaults_of_the_settings_in_the_example() -> None:
    given = dict(line.split("=", 1) for line in EXAMPLE.read_text().splitlines() if re.match(r"[A-Z_]+=", line))

    defaults = {name: default for name, (_, default) in settings.env.scheme.items() if name != "STATE_DIR"}

    assert given == {
        name: ",".join(default) if isinstance(default, list) else str(default) for name, default in defaults.items()
    }


def test_the_address_of_a_unix_socket_in_the_manual_reaches_the_driver() -> None:
    (example,) = re.findall(r"^DATABASE_URL=(\S+)$", DEPLOYMENT.read_text(), re.MULTILINE)
    code = (
        "import json; from django.db import connection as c; print(json.dumps(c.get_connection_params(), default=str))"
    )
    code = f"import django; django.setup(); {code}"

    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": example, "DJANGO_SETTINGS_MODULE": "billing_project.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    given = json.loads(finished.stdout)
    assert (given["host"], str(given["port"]), given["user"]) == ("/run/postgresql", "5433", "billing_app")
    assert given["dbname"] == "billing"
