"""The first rows of a file, as they stand and as a mapping reads them."""

from itertools import islice
from typing import Any

from massops import files
from massops.limits import PREVIEW_ROWS
from massops.models import MassOperation
from massops.rows.mapping import Mapping
from massops.rows.reading import read_rows, records_of


def header_of(found: MassOperation, mapping: Mapping | None) -> list[str]:
    """Return the names of the columns, empty where the header cannot be read."""
    with files.opened(files.file_of(found)) as source:
        first = next(records_of(source, mapping), None)
    return [] if first is None else [name.strip() for name in first.fields]


def preview_of(found: MassOperation, mapping: Mapping | None) -> dict[str, Any]:
    """Return the first rows: as they stand (with the header), and as the mapping reads them, errors in place."""
    file = files.file_of(found)
    with files.opened(file) as source:
        raw = [(record.line, record.fields) for record in islice(records_of(source, mapping), PREVIEW_ROWS + 1)]
    with files.opened(file) as source:
        items = list(islice(read_rows(source, mapping, received_at=file.received_at).items, PREVIEW_ROWS))
    rows = [
        {"line": line, "errors": [error.sentence for error in item]}
        if isinstance(item, list)
        else {"line": line, "row": item}
        for _, line, item in items
    ]
    return {"raw": raw, "rows": rows, "bad": sum(1 for row in rows if "errors" in row)}
