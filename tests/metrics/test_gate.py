"""Which way decrements take through the headroom gate is counted."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

import itertools

from prometheus_client import REGISTRY


def passes() -> tuple[float, float]:
    found = (REGISTRY.get_sample_value("ledger_gate_passes_total", {"path": path}) for path in ("shared", "exclusive"))
    shared, exclusive = (value or 0.0 for value in found)
    return shared, exclusive


def test_it_counts_the_way_through_the_gate() -> None:
    from tests.ledger.page import Page

    page = Page.open_new("anna EUR floor 0.00", "bank EUR")
    told = [passes()]
    for key, entries, outcome in (
        ("pay in", "anna 1000000.00, bank -1000000.00", "accepted"),  # an increment passes no gate
        ("first", "anna -1.00, bank 1.00", "accepted"),  # without a limit it is judged exactly
        ("too much", "anna -2000000.00, bank 2000000.00", "below_floor"),
    ):
        page.write((key, entries, outcome))
        told.append(passes())
    page.change("anna", fast_debit_limit="10.00")
    page.write(("rich", "anna -1.00, bank 1.00", "accepted"))
    page.write(("rich", "anna -1.00, bank 1.00", "accepted again"))  # a replay passes no gate
    told.append(passes())

    steps = [(after[0] - before[0], after[1] - before[1]) for before, after in itertools.pairwise(told)]
    assert steps == [(0, 0), (0, 1), (0, 1), (1, 0)]
