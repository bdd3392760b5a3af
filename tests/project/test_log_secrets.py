"""What a run writes into its logs, at the level that tells most: looked through for everything that lets somebody in."""

import subprocess
import sys
import uuid

import httpx
import pytest

from accounts.models import Book
from security.staff_models import StaffSession
from tests import servers
from tests.security.actors import new_actor
from tests.security.staff import PASSWORD, Person

SCOPES = "accounts:read accounts:write operations:read operations:write"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A client and a person at a server of their own, doing right and wrong.

    The log, all their secrets, and one that is logged on purpose.
    """
    folder = tmp_path_factory.mktemp("logs")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LOG_LEVEL", "DEBUG")
        with servers.live_server(folder) as url, httpx.Client(base_url=url, trust_env=False, timeout=60) as browser:
            hidden = [*client_works(browser), *person_works(browser)]
        planted = plant(folder / "granian.log")
    return (folder / "granian.log").read_text(), hidden, planted


def plant(log):
    """Log a secret on purpose, as a careless line of the product would: by its logging, into the same file."""
    secret = uuid.uuid4().hex
    careless = f"import logging; logging.getLogger('security.careless').warning('made {secret}')"
    with log.open("ab") as output:
        command = [sys.executable, "manage.py", "shell", "-c", careless]
        subprocess.run(command, cwd=servers.ROOT, stdout=output, stderr=output, timeout=60, check=True)
    return secret


def found_in(log, secrets):
    """The search: which of the secrets the log has."""
    return [secret for secret in secrets if secret in log]


def client_works(http):
    actor, book = new_actor(name="shop", scopes=SCOPES), Book.objects.create(name=f"book-{uuid.uuid4().hex[:8]}").name
    wrong = uuid.uuid4().hex
    http.post("/oauth/token/", data={"grant_type": "client_credentials"}, auth=(actor.client_id, wrong))
    form = {"grant_type": "client_credentials", "client_id": actor.client_id, "client_secret": actor.secret}
    token = http.post("/oauth/token/", data=form).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    root = f"/api/v1/books/{book}"
    assert http.post(f"{root}/accounts", json={"code": "cash", "unit": "EUR"}, headers=bearer).status_code == 201
    entries = {"entries": [{"account": "cash", "amount": "1.00"}]}
    http.post(f"{root}/operations", json=entries, headers={**bearer, "Idempotency-Key": "k"})
    http.post(f"{root}/operations", content=b"{", headers={**bearer, "Content-Type": "application/json"})
    http.get(f"{root}/accounts", params={"access_token": token})
    http.get(f"{root}/accounts", headers={"Authorization": f"Bearer {wrong}"})
    http.post("/oauth/introspect/", data={"token": token}, auth=(actor.client_id, actor.secret))
    http.post("/oauth/revoke_token/", data={"token": token}, auth=(actor.client_id, actor.secret))
    return [actor.secret, actor.basic.split()[1], token, wrong]


def person_works(http):
    anna, mistake = Person("anna", superuser=True), f"wrong-{uuid.uuid4().hex}"
    recovery = anna.enrol()
    for password, code in ((mistake, ""), (PASSWORD, "000000"), (PASSWORD, recovery[0])):
        page = http.get("/admin/login/")
        form = {"username": anna.name, "password": password, "code": code, "next": "/admin/"}
        http.post("/admin/login/", data={**form, "csrfmiddlewaretoken": http.cookies["csrftoken"]})
        assert page.status_code == 200
        anna.forget_failures()
    assert http.get("/admin/").status_code == 200
    session = http.cookies["sessionid"]
    assert StaffSession.objects.filter(user=anna.user).exists()
    http.get("/admin/access/?new=1")
    return [PASSWORD, mistake, recovery[0], recovery[0].replace("-", ""), session, anna.key, http.cookies["csrftoken"]]


def test_no_secret_is_in_the_log(run):
    log, hidden, _ = run

    assert found_in(log, hidden) == []


def test_the_search_finds_a_secret_that_is_logged_on_purpose(run):
    """The control: without it an empty log, or another file, would pass."""
    log, _, planted = run

    assert found_in(log, [planted]) == [planted]


def test_the_log_tells_something(run):
    log, hidden, _ = run

    assert len(log.splitlines()) > 1
    assert len(set(hidden)) == len(hidden) == 11
