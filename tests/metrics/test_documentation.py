"""docs/metrics.md and the code say the same, in both directions."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

import importlib
import re

from prometheus_client import REGISTRY

from tests.metrics.listed import (
    DOCUMENT,
    Instrument,
    documented_instruments,
    documented_methods,
    observed_as,
    public_functions,
)

ROOT = DOCUMENT.parents[1]
# What people and programs call: it reads through repositories, and Django's own pages of lists are no methods.
PAGES = re.compile(r"\.(migrations|management|admin|api)(\.|$)|_admin$|_site$")
SPEAKS = re.compile(r"connection\.cursor|\bexecute\(|\.objects\b|\.save\(")


def existing_instruments() -> set[Instrument]:
    from metrics import exposition

    own = {
        Instrument(family.name + ("_total" if family.type == "counter" else ""), family.type, collector._labelnames)
        for collector, names in REGISTRY._collector_to_names.items()
        if names[0].startswith("ledger_")
        for family in collector.describe()
    }
    states = {Instrument(family.name, family.type, tuple(family._labelnames)) for family in exposition.state()}
    return own | states


def test_it_lists_every_instrument_with_its_type_and_labels() -> None:
    assert documented_instruments() == existing_instruments()


def test_it_finds_no_public_method_of_a_repository_that_is_not_timed() -> None:
    assert [name for name, function in public_functions().items() if observed_as(function) is None] == []


def test_it_lists_every_method_of_every_repository() -> None:
    assert documented_methods() == {observed_as(function) for function in public_functions().values()}


def test_it_would_find_a_method_that_is_not_timed() -> None:
    from ledger import queries

    assert observed_as(queries.known_accounts) is None
    assert observed_as(queries.history) == ("entries", "history")
    assert observed_as(queries.source_name) == ("sources", "source_name"), "a cache above the decorator hides nothing"


def test_it_leaves_out_only_what_exists() -> None:
    from metrics.repositories import NOT_OBSERVED

    for name in NOT_OBSERVED:
        module, _, function = name.rpartition(".")
        assert hasattr(importlib.import_module(module), function), name


def test_it_knows_of_every_module_that_speaks_with_the_database() -> None:
    from metrics.repositories import MODULES, NOT_REPOSITORIES

    speaking = set()
    for app in ("accounts", "appendonly", "billing_project", "ledger", "massops", "metrics", "security"):
        for file in (ROOT / app).rglob("*.py"):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            if not re.search(r"\.(migrations|management|admin|api)(\.|$)|_admin$|_site$", name) and SPEAKS.search(
                file.read_text()
            ):
                speaking.add(name)

    assert speaking - set(MODULES) - NOT_REPOSITORIES.keys() == set()
    assert NOT_REPOSITORIES.keys() <= speaking
