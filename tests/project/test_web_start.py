"""What a web process loads at its start, each of them for as long as it lives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def _python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "billing_project.settings"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
