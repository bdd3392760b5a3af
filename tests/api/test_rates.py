"""Rates over the API: what every answer tells, and what a client above its rate is told."""

from security.clients import Terms, change_client
from tests.api.calls import Api, refusal
from tests.security.actors import new_actor


def test_every_answer_to_a_client_tells_its_rate(api):
    read, written = api.get("/accounts"), api.operate(("cash", "1"))
    unknown = api.get("/accounts/nobody")

    for response, name in ((read, "read"), (written, "write"), (unknown, "read")):
        assert response["RateLimit-Policy"] == f'"{name}";q=10000;w=1'
        assert response["RateLimit"].startswith(f'"{name}";r=')
    assert "RateLimit" not in Api(None, api.book).get("/accounts")


def test_a_client_above_its_rate_is_told_when_to_go_on(api):
    actor = new_actor(name="eager", scopes="accounts:read")
    change_client(client_id=actor.client_id, name=actor.name, scopes=["accounts:read"], terms=Terms(rate_read="1/3600"))
    eager = Api(actor.token(), api.book)

    first, second = eager.get("/accounts"), eager.get("/accounts")

    assert first.status_code == 200
    assert refusal(second) == (429, "throttled")
    assert second["RateLimit"] == f'"read";r=0;t={second["Retry-After"]}'
