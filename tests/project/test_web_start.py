"""What a web process loads at its start, each of them for as long as it lives; and how it keeps memory that is free."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from billing_project import service, supervisor

ROOT = Path(__file__).resolve().parent.parent.parent
# Libraries of megabytes that a few requests of people need, or only workers.
RARE = ("openpyxl", "tablib.formats._xlsx", "httpx", "jsonschema")
LOADED = """
import sys
import billing_project.wsgi
from django.urls import get_resolver
get_resolver().url_patterns
print(*sys.modules)
"""
PLAN = service.Plan(
    state_dir=Path("/nowhere"),
    host="127.0.0.1",
    port=8000,
    web_workers=2,
    web_threads=16,
    worker_processes=3,
    own_database=True,
    own_valkey=True,
    allowed_hosts=(),
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules of a web process once it can answer every route."""
    counts = str(tmp_path_factory.mktemp("counts"))
    return set(_python(LOADED, {"PROMETHEUS_MULTIPROC_DIR": counts}).stdout.split())


def test_it_answers_every_route_with_what_is_loaded(loaded: set[str]) -> None:
    assert {"billing_project.urls", "ledger.api.operations", "security.grant_admin", "import_export.admin"} <= loaded


@pytest.mark.parametrize("module", RARE)
def test_it_starts_without_what_few_requests_need(module: str, loaded: set[str]) -> None:
    assert module not in loaded


def test_its_environment_says_how_memory_is_kept_and_that_of_the_others_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environments = _environments(monkeypatch, tmp_path)

    assert environments["web"].items() >= service.WEB_MEMORY.items()
    assert {name for name, given in environments.items() if given.keys() & service.WEB_MEMORY.keys()} == {"web"}


def test_what_the_operator_says_of_memory_goes_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")

    assert _environments(monkeypatch, tmp_path)["web"]["MALLOC_ARENA_MAX"] == "4"


@pytest.mark.parametrize(
    ("option", "is_known"), [("abort_conf:true", True), ("abort_conf:true,no_such_option:1", False)]
)
def test_the_allocator_of_granian_reads_what_is_said_to_it(option: str, is_known: bool) -> None:
    said = f"{option},{service.WEB_MEMORY['_RJEM_MALLOC_CONF']}"

    finished = _python("import granian._granian", service.WEB_MEMORY | {"_RJEM_MALLOC_CONF": said}, check=False)

    assert (finished.returncode == 0) is is_known


def _environments(monkeypatch: pytest.MonkeyPatch, folder: Path) -> dict[str, dict[str, str]]:
    """What each child would be started with."""
    started: list[supervisor.Child] = []
    monkeypatch.setattr(supervisor, "start", started.append)
    plan = dataclasses.replace(PLAN, state_dir=folder)
    service._start_children(plan, [], lambda _line: None)
    return {child.name: child.environment for child in started}


def _python(code: str, environment: dict[str, str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "billing_project.settings"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=check,
    )
