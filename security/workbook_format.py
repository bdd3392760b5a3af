"""How the imports and exports of the panel know workbooks (XLSX) without loading what reads and writes them.

The library of the format takes 5 MB of each process, and few ever meet a workbook. But django-import-export asks tablib for
every format as soon as it is imported, which loads it. So tablib is given this name of the format before: importing this
module does it (security/apps.py).
"""

from typing import Any

from tablib.formats import registry


class Workbooks:
    """The format `xlsx` of tablib: what it can do is looked up in tablib's own, when somebody wants it."""

    title = "xlsx"
    extensions = ("xlsx",)

    def __getattr__(self, name: str) -> Any:
        """Return what is asked of the format: how it is read, written, recognized."""
        from tablib.formats._xlsx import XLSXFormat  # noqa: PLC0415 - to load it later is what this class is for

        return getattr(XLSXFormat, name)


registry.register("xlsx", Workbooks())
