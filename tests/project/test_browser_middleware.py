"""What is only for browsers: every page passes all of it, a call of the API none of it."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client, RequestFactory
from django.utils.module_loading import import_string

from billing_project.browser_middleware import _ForBrowsers

NAMES = [name for name in settings.MIDDLEWARE if issubclass(import_string(name), _ForBrowsers)]


def _first() -> Callable[..., object]:
    """The outermost of them, of a chain that Django has made."""
    handler = WSGIHandler()
    found = handler._middleware_chain
    while not isinstance(found, _ForBrowsers):
        found = getattr(found, "__wrapped__", None) or found.get_response
    return found


def test_they_stand_together_at_the_end() -> None:
    assert settings.MIDDLEWARE[-len(NAMES) :] == NAMES
    assert len(NAMES) == 10


def test_a_call_of_the_api_passes_all_of_them_by_in_one_step() -> None:
    first = _first()

    innermost = first
    while isinstance(getattr(innermost.get_response, "__wrapped__", None), _ForBrowsers):
        innermost = innermost.get_response.__wrapped__
    assert first is not innermost
    assert first.past is innermost.get_response


@pytest.mark.parametrize("path", ["/api/v1/accounts/cash/balance", "/livez", "/metrics"])
def test_a_call_of_the_api_meets_none_of_them(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _first()
    monkeypatch.setattr(first, "past", lambda request: f"the view of {request.path}")

    assert first(RequestFactory().get(path)) == f"the view of {path}"


def test_a_page_meets_them(database_access: None) -> None:
    answer = Client().get("/admin/login/")

    assert "Content-Security-Policy" in answer.headers
    assert answer.wsgi_request.session is not None
    assert answer.wsgi_request.user.is_anonymous
