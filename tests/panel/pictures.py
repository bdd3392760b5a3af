"""Makes the pictures of docs/admin.md from a running service with its demonstration: `python -m tests.panel.pictures`.

The service is the one of STATE_DIR (`make run`); it needs ENVIRONMENT=development, where no second factor is asked for. Acts are
opened and not sent, so that nothing is recorded. The pictures of docs/mass-operations.md are kept by tests/massops/test_pages.py.
"""

import json
import os
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
SIZE = {"width": 1440, "height": 900}
BYTES_MAX = 200_000


def main() -> None:
    """Log in twice, in light and in dark, and take each picture."""
    state = Path(os.environ.get("STATE_DIR", ROOT / ".state"))
    demo = json.loads((state / "demo.json").read_text(encoding="utf-8"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for theme in ("light", "dark"):
            page = browser.new_context(viewport=SIZE, color_scheme=theme).new_page()  # type: ignore[arg-type]
            page.goto(demo["admin_url"])
            page.fill("input[name=username]", demo["admin_user"])
            page.fill("input[name=password]", demo["admin_password"])
            page.click("button[type=submit]")
            page.wait_for_selector(".pn-dashboard")
            (_in_light if theme == "light" else _in_dark)(page, demo)
        browser.close()


def _in_light(page: Page, demo: dict[str, str]) -> None:
    page.goto(demo["admin_url"])
    for tile in ("units", "health", "backlog", "largest", "records"):
        page.wait_for_selector(f"[data-tile={tile}] table")
    page.wait_for_selector("[data-tile=refusals] canvas")
    _take(page, "dashboard")
    page.goto(f"{demo['admin_url']}accounts/account/?q={demo['accounts'][0]}")
    page.click("#result_list tbody a")
    page.wait_for_selector("#history-table")
    _take(page, "account")
    page.click("#history-table tbody a")
    page.wait_for_selector("#way")
    _take(page, "operation")


def _in_dark(page: Page, demo: dict[str, str]) -> None:
    page.goto(f"{demo['admin_url']}ledger/operation/?account={demo['accounts'][0]}")
    page.click("#result_list tbody a.pn-num")
    page.wait_for_function("window.htmx && document.readyState === 'complete'")
    page.click("nav a.pn-button:text-is('Correct')")
    for line, amount in enumerate(("10.00", "-10.00", "")):
        page.fill(f"#act-dialog input[name=entry-{line}-amount]", amount)
    page.fill("#act-dialog #id_reason", "Ten too much")
    page.wait_for_selector("#act-dialog [data-sums]:has-text('Sum 0.00')")
    _take(page, "correction")


def _take(page: Page, name: str) -> None:
    page.wait_for_timeout(500)  # charts are drawn
    path = PICTURES / f"{name}.png"
    page.screenshot(path=str(path))
    if path.stat().st_size > BYTES_MAX:
        raise SystemExit(f"{path} has more than {BYTES_MAX} bytes.")


if __name__ == "__main__":
    main()
