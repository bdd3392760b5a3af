"""Requests drawn from the declared schema (schemathesis) against the live server: never a 5xx, and every answer as declared.

Half of the cases fit the schema, half violate it somewhere; those must get a 4xx. Names of accounts and ids are drawn too,
so some are put in place of the real ones to get beyond 404.
"""

import uuid

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ledger.api.urls import urlpatterns

EXAMPLES_PER_CALL = 8
CALLS = sorted(
    f"{method.upper()} /api/v1/books/{{book}}/{str(route.pattern).replace('<str:', '{').replace('>', '}')}"
    for route in urlpatterns
    for method in route.callback.view_class.required_scopes
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def drawn_from(live_server_url):
    return schemathesis.openapi.from_url(f"{live_server_url}/api/schema")


@pytest.fixture(scope="module")
def real(new_book):
    """A book in which something happened, and what its ids are."""
    api = new_book()
    operation = api.operate(("cash", "-5"), ("wallet", "5"), key="drawn").json()
    return {"book": api.book, "code": "cash", "operation": operation["id"], "entry": operation["entries"][0]["id"]}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("call", CALLS)
def test_every_answer_is_as_declared(drawn_from, real, token, live_server_url, call, mode):
    operation = drawn_from.find_operation_by_label(call)

    @settings(
        max_examples=EXAMPLES_PER_CALL,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_real=st.booleans())
    def ask(case, is_real):
        case.path_parameters = {**case.path_parameters, "book": real["book"]}
        if is_real:
            case.path_parameters |= {name: real[name] for name in case.path_parameters}
        if mode is GenerationMode.POSITIVE:
            name_cash(case.body)
            if "Idempotency-Key" in (case.headers or {}):
                case.headers["Idempotency-Key"] = uuid.uuid4().hex
        response = case.call(base_url=live_server_url, headers={"Authorization": f"Bearer {token}"})
        checks = [*CHECKS, *([negative_data_rejection] if mode is GenerationMode.NEGATIVE else [])]
        case.validate_response(response, checks=checks)

    ask()


def name_cash(body):
    """Let entries name an account that exists."""
    if isinstance(body, dict):
        for entry in body.get("entries") or ():
            if isinstance(entry, dict) and isinstance(entry.get("account"), str):
                entry["account"] = "cash"
        for operation in body.get("operations") or ():
            name_cash(operation)
