"""The declared schema as a judge: every answer in these tests is held against what /api/schema says of it."""

import re
from functools import lru_cache
from typing import Any

import jsonschema_rs
from django.test import Client as Browser

PROBLEM = {"$ref": "#/components/schemas/Problem"}


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The schema as it is served."""
    response = Browser().get("/api/schema")
    assert response.status_code == 200, response.content
    return response.json()


def validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    """A validator for a schema of the document; what is not declared is not allowed."""
    components = {"schemas": {name: _closed(part) for name, part in document()["components"]["schemas"].items()}}
    return jsonschema_rs.Draft202012Validator(
        {"allOf": [schema], "unevaluatedProperties": False, "components": components}, validate_formats=True
    )


def operation(method: str, path: str) -> dict[str, Any] | None:
    """What is declared for a call, None for an address or a method that is not declared."""
    template = next((template for template, matches in _templates() if matches(path)), "")
    return document()["paths"].get(template, {}).get(method.lower())


def check(method: str, path: str, status: int, content_type: str, body: Any) -> None:
    """Assert that an answer is one that the schema declares for the call."""
    declared = operation("GET" if method == "HEAD" else method, path)
    if declared is None:
        assert status in {401, 404, 405}, (method, path, status)
        assert content_type == "application/problem+json"
        if method != "HEAD":
            _problem_validator().validate(body)
        return
    assert str(status) in declared["responses"], f"{method} {path} answers {status}, which is not declared: {body}"
    content = declared["responses"][str(status)].get("content", {})
    assert content_type in content or not (content or content_type or body), (
        f"{status} of {method} {path} is {content_type!r}"
    )
    if content and method != "HEAD":
        _response_validator(declared["operationId"], method, path, str(status)).validate(body)


@lru_cache(maxsize=1)
def _templates() -> list[tuple[str, Any]]:
    # Literal addresses before those with parameters: /accounts/batch before /accounts/{code}.
    return [
        (template, re.compile(re.sub(r"\{\w+\}", "[^/]+", template)).fullmatch)
        for template in sorted(document()["paths"], key=lambda template: template.count("{"))
    ]


@lru_cache(maxsize=1)
def _problem_validator() -> jsonschema_rs.Validator:
    return validator(PROBLEM)


_validators: dict[tuple[str, str], jsonschema_rs.Validator] = {}


def _response_validator(operation_id: str, method: str, path: str, status: str) -> jsonschema_rs.Validator:
    if (operation_id, status) not in _validators:
        (content,) = operation(method, path)["responses"][status]["content"].values()
        _validators[operation_id, status] = validator(content["schema"])
    return _validators[operation_id, status]


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    open_to_extension = schema is document()["components"]["schemas"]["Problem"]  # it is closed where it is used
    return schema if open_to_extension else {"additionalProperties": False, **schema}
