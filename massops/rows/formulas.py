"""Cells of files that people open in a spreadsheet: no cell may be taken for a formula there."""

# What spreadsheets take for the start of a formula (OWASP, "CSV Injection"), also in full width.
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = frozenset("0123456789.,-+ ")


def safe_cell(text: str) -> str:
    """Return the text, with an apostrophe in front where a spreadsheet would compute it; a plain number stays itself."""
    if text.lstrip(" \u00a0\u200b\ufeff").startswith(_STARTS) and not (
        text[:1] in "+-" and len(text) > 1 and text[1].isdigit() and _NUMBER.issuperset(text)
    ):
        return f"'{text}"
    return text
