"""Cells of exports: defused where a spreadsheet would run them, and only there."""

import pytest

from security.formulas import defused


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\u00a0=1",
        "\uff1d1",
        "|calc",
        "%0A",
        "=cmd|' /C calc'!A0",
    ],
)
def test_it_defuses_what_a_spreadsheet_would_run(text):
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "salary", "'quoted", "user:1=2", "a-b", "1-2", "é"])
def test_it_leaves_other_text_alone(text):
    assert defused(text) == text
