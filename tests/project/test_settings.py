"""The list of variables for operators and the table in the settings are one list."""

import re
from pathlib import Path

from billing_project import settings

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
