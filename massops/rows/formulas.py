"""Cells of files that people open in a spreadsheet: no cell may be taken for a formula there."""

from security.formulas import defused

_NUMBER = frozenset("0123456789.,-+ ")


def safe_cell(text: str) -> str:
    """Return the text, with an apostrophe in front where a spreadsheet would compute it; a plain number stays itself."""
    is_number = text[:1] in ("+", "-") and text[1:2].isdigit() and _NUMBER.issuperset(text)
    return text if is_number else defused(text)
