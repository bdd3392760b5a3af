"""A call of the API holds nothing once it is answered: neither its body nor its answer waits for the collector of cycles."""

import gc
import json

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.views import APIView

OF_A_CALL = (APIView, Request, HttpRequest, HttpResponse)
GIFT = {"entries": [{"account": "cash", "amount": "1.00"}]}
CALLS = {
    "a balance": ("GET", "/accounts/cash/balance", None, 200),
    "a history": ("GET", "/accounts/cash/entries", None, 200),
    "an operation": ("POST", "/operations", GIFT, 201),
    "a batch": ("POST", "/batches", {"operations": [GIFT | {"key": "one"}]}, 200),
    "what is malformed": ("POST", "/operations", {"entries": []}, 400),
    "what is unknown": ("GET", "/accounts/nobody/balance", None, 404),
}


@pytest.mark.parametrize("what", CALLS)
def test_nothing_of_it_is_left(api, what):
    method, path, body, status = CALLS[what]
    before = {id(thing) for thing in _of_calls()}
    gc.disable()
    try:
        answered = _call(api, method, path, b"" if body is None else json.dumps(body).encode())
        left = [thing for thing in _of_calls() if id(thing) not in before]
    finally:
        gc.enable()

    assert answered == status
    assert left == []


def _call(api, method, path, body):
    """Call as a server does: the test client of Django keeps what it sent and got."""
    headers = {"Authorization": f"Bearer {api.token}", "Idempotency-Key": "one"}
    environ = RequestFactory().generic(method, api.root + path, body, "application/json", headers=headers).environ
    began = []
    response = WSGIHandler()(environ, lambda status, _headers: began.append(status))
    response.close()
    return int(began[0].split()[0])


def _of_calls():
    return [thing for thing in gc.get_objects() if issubclass(type(thing), OF_A_CALL)]
