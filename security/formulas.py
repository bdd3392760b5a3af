"""Text of strangers in files that people open in a spreadsheet: what would be run as a formula there. Knows no framework.

The one list for every file that this service writes: exports of the ledger, results of mass operations, the access record.
"""

# What a spreadsheet takes for the beginning of a formula or of a command (OWASP, "CSV Injection"), also in full width.
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# A spreadsheet looks behind these.
_BLANKS = " \u00a0\u200b\ufeff"


def runs(text: str) -> bool:
    """Whether a spreadsheet would take a text for a formula."""
    return text.lstrip(_BLANKS).startswith(_RUNS)


def defused(text: str) -> str:
    """Return a text as a CSV cell that no spreadsheet runs: with an apostrophe before what it would."""
    return f"'{text}" if runs(text) else text
