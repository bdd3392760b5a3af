"""`/metrics`: who may read it, and that it is clean."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

import shutil
import subprocess
import uuid

import pytest
from django.test import Client, override_settings

FAR = {"REMOTE_ADDR": "203.0.113.9"}


def token_with(scopes: str) -> str:
    from tests.security.actors import new_actor

    return new_actor(name="scraper", scopes=scopes).token()


@pytest.fixture
def scraper() -> Client:
    return Client()


def test_it_lets_a_scraper_on_this_machine_in_while_developing(scraper: Client) -> None:
    answer = scraper.get("/metrics")

    assert answer.status_code == 200
    assert b"ledger_build_info{" in answer.content


def test_it_asks_everybody_else_for_a_token(scraper: Client) -> None:
    assert scraper.get("/metrics", **FAR).status_code == 401


def test_it_asks_for_a_token_in_production_also_on_this_machine(scraper: Client) -> None:
    with override_settings(PRODUCTION=True):
        assert scraper.get("/metrics").status_code == 401


def test_it_takes_the_token_of_the_settings_and_no_other(scraper: Client) -> None:
    token = uuid.uuid4().hex
    with override_settings(METRICS_TOKEN=token):
        right = scraper.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {token}", **FAR)
        wrong = scraper.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {token}x", **FAR)
        none = scraper.get("/metrics")

    assert (right.status_code, wrong.status_code, none.status_code) == (200, 401, 401)


def test_it_takes_a_token_of_the_scope_and_of_no_other(scraper: Client) -> None:
    right = scraper.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {token_with('metrics:read')}", **FAR)
    wrong = scraper.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {token_with('accounts:read')}")

    assert (right.status_code, wrong.status_code) == (200, 403)
    assert b"ledger_build_info{" in right.content


def test_it_takes_no_empty_token(scraper: Client) -> None:
    assert scraper.get("/metrics", HTTP_AUTHORIZATION="Bearer ", **FAR).status_code == 401


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian, Ubuntu: prometheus)")
def test_it_is_clean_for_prometheus(live_server_url: str) -> None:
    import httpx

    text = httpx.get(f"{live_server_url}/metrics", timeout=30, trust_env=False).raise_for_status().content

    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)

    assert (checked.returncode, checked.stderr.decode()) == (0, "")


@pytest.mark.parametrize(("path", "counted"), [("/api/v1/accounts", False), ("/admin/login/", True)])
def test_the_pages_instruments_leave_the_api_to_its_own(scraper: Client, path: str, counted: bool) -> None:
    """What django-prometheus counts for each view costs a tenth of a posting's Python."""

    def views() -> dict[str, float]:
        lines = scraper.get("/metrics").content.decode().splitlines()
        name = "django_http_requests_total_by_view_transport_method_total{"
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)}

    before = views()
    scraper.get(path)

    assert (views() != before) is counted
