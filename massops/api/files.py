"""Files that a client downloads: errors, results, and templates; streamed, with cells that are no formulas."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from django.http import HttpResponseBase, StreamingHttpResponse
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from ledger.api.requests import JsonAnswers
from ledger.messages import Malformed, Problem
from massops import results
from massops.api.mass_operations import MassView
from massops.api.schema import files as declared
from massops.lifecycle import require
from massops.models import FINAL_STATES, State
from massops.rows.mapping import TEMPLATES

_CHECKED = (State.CHECKED, State.WAITING, State.SCHEDULED, State.POSTING, State.PAUSED, *FINAL_STATES)


class _CsvAnswers(JsonAnswers):
    """Files are CSV whatever is asked for; problems stay JSON."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the one renderer, for problems."""
        return next(iter(renderers)), "application/json"


class _CsvView(MassView):
    required_scopes: ClassVar = {"GET": "mass:read"}
    content_negotiation_class = _CsvAnswers


class ErrorsView(_CsvView):
    """`/mass-operations/ID/errors.csv`."""

    @declared.errors_csv
    def get(self, request: Request, *, mass_operation: str, **_path: str) -> HttpResponseBase:
        """Return every error: the file's own columns, then line, column, code and message."""
        self.query()
        found = self.found(mass_operation)
        require(found, *_CHECKED)
        return csv_response(results.errors(found), f"mass-operation-{found.id}-errors.csv")


class ResultsView(_CsvView):
    """`/mass-operations/ID/results.csv`."""

    @declared.results_csv
    def get(self, request: Request, *, mass_operation: str, **_path: str) -> HttpResponseBase:
        """Return every row with its outcome and operation."""
        self.query()
        found = self.found(mass_operation)
        require(found, *_CHECKED)
        return csv_response(results.results(found), f"mass-operation-{found.id}-results.csv")


class TemplateView(_CsvView):
    """`/mass-operations/template.csv`."""

    query_parameters: ClassVar = frozenset({"kind"})

    @declared.template_csv
    def get(self, request: Request, **_path: str) -> HttpResponseBase:
        """Return the header of a file that needs no mapping."""
        kind = self.query().get("kind", "entries")
        if kind not in TEMPLATES:
            raise Malformed([Problem("query:kind", "invalid", f"kind is one of {', '.join(TEMPLATES)}.")])
        return csv_response([TEMPLATES[kind]], f"template-{kind}.csv")


def csv_response(rows: Iterable[Sequence[str]], name: str) -> StreamingHttpResponse:
    """Return rows as a CSV file to save."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return StreamingHttpResponse(results.as_csv(rows), content_type="text/csv; charset=utf-8", headers=headers)
