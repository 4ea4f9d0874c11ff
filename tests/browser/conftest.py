"""A real browser on a real server. Whatever page a test visits, the browser must have had nothing to complain about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, sync_playwright

from tests.factories.studies import PASSWORD

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LAPTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
PATIENCE_MS = 10_000


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium, once for these tests."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("no Chromium on this machine: install the package chromium")
    # Playwright keeps an event loop running in this thread, and Django would refuse the tests their database because of it.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            yield browser
            browser.close()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


class Complaints:
    """What went wrong in a browser: console errors (a violated Content-Security-Policy is one), exceptions, failed answers."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.found: list[str] = []

    def listen(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.found.append(f"{error.page and error.page.url}: {error.error}"))
        context.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(f"{message.location.get('url')}: {message.type}: {message.text}")

    def _response(self, response: Response) -> None:
        if not response.url.startswith((self.server, "data:", "blob:")):
            self.found.append(f"asked another server: {response.url}")


@pytest.fixture
def visitor(chromium: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """`visitor("ada")`: a page in a browser of their own, after they logged in through the login page.

    Other arguments are those of a browser context, such as `viewport` and `color_scheme`.
    """
    contexts: list[BrowserContext] = []
    complaints = Complaints(live_server.url)

    def enter(username: str, **settings: Any) -> Page:
        context = chromium.new_context(base_url=live_server.url, **{"viewport": LAPTOP, **settings})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        complaints.listen(context)
        page = context.new_page()
        page.goto("/")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{live_server.url}/")
        return page

    yield enter
    for context in contexts:
        context.close()
    assert complaints.found == []


def fits(page: Page) -> bool:
    """No part of the page sticks out of the window to the right."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
