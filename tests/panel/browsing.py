"""A person at Chromium: logged in, in light or dark; axe looks at the pages, and pictures are kept where somebody wants them."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from playwright.sync_api import Browser, Page, sync_playwright

from tests import servers

# Where the pictures of a run are kept; without it none are.
PICTURES_VARIABLE = "BILLING_TEST_PICTURES"
_RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
_axe = Axe()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium for as long as the context lasts; one at a time in a process."""
    # Playwright runs an event loop in this thread, and Django would refuse to talk to the database beside one.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(servers.chromium()), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


class Person:
    """Somebody of a group, or who may do everything, at a browser of their own; what the console complains about is kept."""

    def __init__(
        self, browser: Browser, url: str, *, group: str = "", theme: str = "light", bypass_csp: bool = False
    ) -> None:
        self.url = url
        self.theme = theme
        self.complaints: list[str] = []
        self.name, password = f"person-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
        users = get_user_model().objects
        if group:
            user = users.create_user(self.name, password=password, is_staff=True)
            user.groups.add(Group.objects.get(name=group))
        else:
            user = users.create_superuser(self.name, password=password)
        self.id = int(user.pk)
        # axe is put into the page, which the page's own policy forbids; so pages for axe are opened without it.
        self.context = browser.new_context(
            viewport={"width": 1440, "height": 900}, color_scheme=theme, bypass_csp=bypass_csp, accept_downloads=True
        )
        self.page: Page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{url}/admin/")
        self.page.fill("input[name=username]", self.name)
        self.page.fill("input[name=password]", password)
        self.page.click("button[type=submit]")
        self.page.wait_for_selector(".pn-dashboard")

    def go(self, address: str) -> None:
        """Open a page of the panel; it must be there."""
        answer = self.page.goto(f"{self.url}{address}", wait_until="load")
        assert answer is not None
        assert answer.status == 200, address

    def picture(self, name: str) -> None:
        """Keep what the browser shows, where pictures are wanted."""
        if folder := os.environ.get(PICTURES_VARIABLE):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}-{self.theme}.png"))

    def violations(self) -> list[str]:
        """What axe finds on the page against WCAG 2.2, levels A and AA."""
        found = _axe.run(self.page, options=_RULES).response["violations"]
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def _hear(self, message: object) -> None:
        if "Content Security" in message.text:  # type: ignore[attr-defined]
            self.complaints.append(message.text)  # type: ignore[attr-defined]
