"""What is ready to use: alerts that are tried, each with its entry in the runbook, and a dashboard of instruments that exist."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.metrics.listed import documented_instruments

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "billing.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "billing.json"
with_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian, Ubuntu: package prometheus)"
)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *arguments], cwd=RULES.parent, capture_output=True, text=True, timeout=60, check=False
    )


def named_in(text: str) -> set[str]:
    """The instruments that a text of queries names."""
    names = set(re.findall(r"\bledger_\w+", text))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


@with_promtool
@pytest.mark.parametrize(
    "arguments", [("check", "rules", "billing.rules.yml"), ("test", "rules", "billing.rules.test.yml")]
)
def test_its_alerts_are_right_and_go_off(arguments: tuple[str, ...]) -> None:
    done = promtool(*arguments)

    assert done.returncode == 0, done.stdout + done.stderr


@with_promtool
def test_its_scrape_configuration_can_be_read() -> None:
    done = promtool("check", "config", "--syntax-only", "prometheus.yml")

    assert done.returncode == 0, done.stdout + done.stderr


def test_it_tries_every_alert_both_ways() -> None:
    alerts = re.findall(r"alert: (\w+)", RULES.read_text())
    tried = re.findall(r"name: (\w+) (fires|is quiet)", (RULES.parent / "billing.rules.test.yml").read_text())

    assert sorted(tried) == sorted((alert, way) for alert in alerts for way in ("fires", "is quiet"))


def test_it_has_an_entry_in_the_runbook_for_every_alert() -> None:
    headings = re.findall(r"^### (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    linked = re.findall(r"runbook_url: docs/runbook.md#(\S+)", RULES.read_text())

    assert len(linked) == len(set(linked)) == len(re.findall(r"alert: ", RULES.read_text()))
    assert set(linked) <= anchors


@pytest.mark.parametrize("file", [RULES, DASHBOARD], ids=lambda file: file.name)
def test_it_names_only_instruments_that_exist(file: Path) -> None:
    named = named_in(file.read_text())

    assert named
    assert named <= {instrument.name for instrument in documented_instruments()}


def test_its_dashboard_has_panels_of_its_own_place() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]

    assert len(places) == len(set(places)) == len({panel["id"] for panel in panels})
    assert all(target["expr"] for panel in panels for target in panel.get("targets", ()))
