"""docs/metrics.md and the code say the same, in both directions."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

import importlib

from prometheus_client import REGISTRY

from tests.metrics.listed import (
    Instrument,
    documented_instruments,
    documented_methods,
    observed_as,
    public_functions,
)


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
