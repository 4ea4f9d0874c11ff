"""A real browser on a real server. Whatever page a test visits, the browser must have had nothing to complain about."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect, sync_playwright

from annotation.models import Campaign
from conflictscope.jobs import worker as job_worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios.filtering.dimensions import NO
from conflictscope.studies.models import Membership
from conflictscope.studies.permissions import Role
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import PASSWORD, StudyFactory, UserFactory

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LAPTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
PATIENCE_MS = 10_000
JOB_PATIENCE_MS = 90_000
ALL_EIGHT = "yyyyy12y"  # an answer to each question of a scenario, by key


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
        self.expected = ""
        self.found: list[str] = []

    def listen(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.found.append(f"{error.page and error.page.url}: {error.error}"))
        context.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if self.expected and self.expected in message.text:
            return
        if message.type in ("error", "warning"):
            self.found.append(f"{message.location.get('url')}: {message.type}: {message.text}")

    def _response(self, response: Response) -> None:
        if not response.url.startswith((self.server, "data:", "blob:")):
            self.found.append(f"asked another server: {response.url}")


@pytest.fixture
def visitor(chromium: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """`visitor("ada")`: a page in a browser of their own, after they logged in through the login page.

    `expected` is a complaint that the test provokes, such as ERR_INTERNET_DISCONNECTED. Other arguments are those of a browser
    context, such as `viewport` and `color_scheme`.
    """
    contexts: list[BrowserContext] = []
    complaints = Complaints(live_server.url)

    def enter(username: str, *, expected: str = "", **settings: Any) -> Page:
        complaints.expected = complaints.expected or expected
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


def watched(page: Page) -> None:
    """A worker does the job whose page is open; the page tells its end by itself."""
    job = Job.objects.get(pk=int(page.url.rstrip("/").rsplit("/", 1)[1]))
    expect(page.get_by_text("running").first).to_be_visible()

    def work() -> None:
        try:
            job_worker.work_on(job)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        expect(page.locator(".badge-done").first).to_be_visible(timeout=JOB_PATIENCE_MS)
    finally:
        worker.join(timeout=60)


@pytest.fixture
def campaign() -> Campaign:
    """Five items. The judge fails the last on realism, and so does the only person who labelled anything so far."""
    study = StudyFactory(slug="mine", name="Bakery study")
    for username, role in (("ada", Role.ANNOTATOR), ("rob", Role.RESEARCHER)):
        Membership.objects.create(study=study, user=UserFactory(username=username), role=role)
    dataset = DatasetFactory(study=study, slug="hhh", name="HHH", primary_judge=JudgeFactory(name="the-judge"))
    campaign = CampaignFactory(dataset=dataset, slug="check", name="Bakery check", overlap=2)
    for number in range(1, 6):
        scenario = ScenarioFactory(dataset=dataset, uid=f"hhh-{number}")
        judged(scenario, dataset.primary_judge, realism="fail" if number == 5 else "pass")
        ItemFactory(campaign=campaign, scenario=scenario)
    Campaign.objects.update(sampling_plan={"plan": "random", "drawn": 5, "population": 5, "seed": 0})
    colleague = ParticipantFactory(campaign=campaign, pseudonym="teal-heron")
    labelled(campaign.items.get(scenario__uid="hhh-5"), colleague, {"realism": NO})
    return campaign


def start(page: Page) -> None:
    page.goto("/label/mine/check/")
    page.get_by_role("button", name="I have read it: start labelling").click()
    ready(page)


def ready(page: Page) -> None:
    """The keys are at work."""
    expect(page.locator(".question.is-current")).to_be_visible()


def answer(page: Page, keys: str = ALL_EIGHT) -> None:
    ready(page)
    for key in keys:
        page.keyboard.press(key)
