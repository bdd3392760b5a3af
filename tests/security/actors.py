"""Clients with their secrets, and how they post forms to the OAuth2 endpoints."""

import base64
import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpResponse
from django.test import Client as Browser
from django.utils import timezone

from security.clients import create_client


@dataclass(frozen=True)
class Actor:
    """A client with its secret, and what it does."""

    client_id: str
    secret: str
    source_id: int
    name: str

    @property
    def basic(self) -> str:
        return basic(self.client_id, self.secret)

    def post(self, path: str, **form: str) -> HttpResponse:
        return post_form(path, form, authorization=self.basic)

    def token(self, **form: str) -> str:
        response = self.post("/oauth/token/", grant_type="client_credentials", **form)
        assert response.status_code == 200, response.content
        return response.json()["access_token"]


def new_actor(*, name: str, scopes: str) -> Actor:
    unique = f"{name} {uuid.uuid4().hex}"
    client, secret = create_client(name=unique, scopes=scopes.split(), now=timezone.now())
    return Actor(client_id=client.client_id, secret=secret, source_id=client.source_id, name=unique)


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def post_form(path: str, form: dict[str, str] | str, *, authorization: str | None = None, **extra: str) -> HttpResponse:
    if authorization is not None:
        extra["HTTP_AUTHORIZATION"] = authorization
    content_type = extra.pop("content_type", "application/x-www-form-urlencoded")
    body = form if isinstance(form, str) else urlencode(form)
    return Browser().post(path, body, content_type=content_type, **extra)
