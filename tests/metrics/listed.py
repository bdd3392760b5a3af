"""What docs/metrics.md lists, and what the code has: the two sides of the comparison."""

import importlib
import inspect
import re
from pathlib import Path
from typing import NamedTuple

from metrics.repositories import MODULES, NOT_OBSERVED

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


class Instrument(NamedTuple):
    name: str
    type: str
    labels: tuple[str, ...]


def documented_instruments() -> set[Instrument]:
    found = set()
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("| `ledger_"):
            name, kind, labels = (cell.strip(" `") for cell in line.split("|")[1:4])
            found.add(Instrument(name, kind, tuple(label.strip() for label in labels.split(",") if label.strip())))
    return found


def documented_methods() -> set[tuple[str, str]]:
    return set(re.findall(r"^\| `([a-z_]+)` \| `([a-z_]+)` \| \S", DOCUMENT.read_text(), re.MULTILINE))


def public_functions() -> dict[str, object]:
    """Every public function that a repository module defines, by its dotted name, less those that are left out."""
    found: dict[str, object] = {}
    for name in MODULES:
        module = importlib.import_module(name)
        for attribute, value in vars(module).items():
            function = inspect.unwrap(value) if callable(value) else value
            if not attribute.startswith("_") and inspect.isfunction(function) and function.__module__ == name:
                found[f"{name}.{attribute}"] = value
    return {name: function for name, function in found.items() if name not in NOT_OBSERVED}


def observed_as(function: object) -> tuple[str, str] | None:
    """The repository and method under which a function is timed, also below a cache."""
    while function is not None:
        if "__observed__" in vars(function):
            return vars(function)["__observed__"]
        function = vars(function).get("__wrapped__")
    return None
