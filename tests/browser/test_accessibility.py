"""axe-core finds nothing to complain about on any page, light or dark: WCAG 2.2 AA, and its own best practices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from annotation.models import Campaign
from conflictscope.studies.permissions import Role
from tests.browser.conftest import PHONE, answer, start
from tests.overview.test_every_page import Whole, addresses, whole

__all__ = ["whole"]  # the fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# One of each make; forms and lists of a room are put together from the same parts.
PAGES = [
    "overview:home",
    "overview:study",
    "overview:members",
    "overview:api",
    "llm:endpoint",
    "jobs:job",
    "values:value_set",
    "scenarios:dataset",
    "scenarios:scenario",
    "scenarios:generate",
    "scenarios:results",
    "evaluation:run",
    "evaluation:runs",
    "evaluation:evaluate",
    "evaluation:rankings",
    "evaluation:target_rankings",
    "annotation:campaign",
    "annotation:create_campaign",
    "annotation:agreement",
    "annotation:people",
    "annotation:person",
    "annotation:rules",
    "annotation:consensus",
    "annotation:flags",
    "annotation:adjudication",
    "annotation:adjudicate",
    "exports:exports",
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


# What can be pressed, with its label: both react. Links within a sentence may be as high as its line (WCAG 2.5.8).
SMALL_TARGETS = """() => {
  const found = [];
  const all = "a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button]";
  for (const one of document.querySelectorAll(all)) {
    if (!one.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true })) continue;
    if (one.matches("sup > a, .visually-hidden, .skip-link:not(:focus)")) continue;
    const boxes = [one, ...(one.labels ?? [])].map((each) => each.getBoundingClientRect()).filter((box) => box.height > 1);
    if (!boxes.length) continue;
    const width = Math.max(...boxes.map((box) => box.right)) - Math.min(...boxes.map((box) => box.left));
    const height = Math.max(...boxes.map((box) => box.height));
    if (width < 23.9 || height < 23.9) found.push(`${width.toFixed(1)} x ${height.toFixed(1)}: ${one.outerHTML.slice(0, 160)}`);
  }
  return found;
}"""


def complaints(page: Page) -> list[str]:
    """What axe says of the page as it stands, in the light, and of its colours in the dark; and what is too small to press."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE)  # by the debugger, which no policy of the page binds
    page.emulate_media(color_scheme="light")
    found = _run(page, {"runOnly": RULES})
    page.emulate_media(color_scheme="dark")
    found += _run(page, {"runOnly": {"type": "rule", "values": ["color-contrast"]}})
    found += page.evaluate(SMALL_TARGETS)
    return [f"{page.url}: {each}" for each in found]


def _run(page: Page, options: dict[str, Any]) -> list[str]:
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


def test_nothing_moves_smoothly_for_whom_motion_is_reduced(visitor: Callable[..., Page], campaign: Campaign) -> None:
    page = visitor("ada", reduced_motion="reduce", viewport=PHONE)
    start(page)
    page.evaluate(
        "() => { window.asked = []; Element.prototype.scrollIntoView = function (how) { window.asked.push(how?.behavior); }; }"
    )
    answer(page, "yyy")
    asked = page.evaluate("window.asked")
    assert asked
    assert "smooth" not in asked
    moving = page.evaluate(
        "() => [...document.querySelectorAll('*')].filter((one) => parseFloat(getComputedStyle(one).transitionDuration) > 0.001"
        " || parseFloat(getComputedStyle(one).animationDuration) > 0.001).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert moving == []


def test_no_page_has_a_barrier_that_axe_can_find(visitor: Callable[..., Page], whole: Whole) -> None:
    owner = whole.people[Role.OWNER]
    type(owner).objects.filter(pk=owner.pk).update(is_staff=True, is_superuser=True)
    page = visitor(owner.username)
    found = []
    parts = {each.name: each.parts for each in addresses()}
    for name in PAGES:
        page.goto(reverse(name, kwargs={part: whole.parts[part] for part in parts[name]}))
        expect(page.locator("[hx-trigger~=load].htmx-request")).to_have_count(0)
        found += complaints(page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("window", [{}, {"viewport": PHONE, "has_touch": True}], ids=["laptop", "phone"])
def test_the_label_screen_has_none_in_any_of_its_states(
    visitor: Callable[..., Page], campaign: Campaign, window: dict[str, Any]
) -> None:
    page = visitor("ada", **window)
    page.goto("/label/mine/check/")
    found = complaints(page)
    start(page)
    found += complaints(page)
    answer(page, "yn")
    page.locator(".examples summary").first.click()
    page.keyboard.press("f")
    page.evaluate("scrollTo(0, 0)")  # axe takes what lies half under the bar below for half as big
    found += complaints(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.locator("#save-state")).to_have_text("6 questions are left")
    found += complaints(page)
    for key, window_of in (("?", "#keys"), ("g", "#guideline")):
        page.keyboard.press(key)
        expect(page.locator(window_of)).to_be_visible()
        found += complaints(page)
        page.keyboard.press("Escape")
    page.locator("input[name=realism]").first.focus()
    answer(page, "yyyyy12y")
    page.keyboard.press("Enter")
    expect(page.locator("#progress-done")).to_have_text("1")
    page.keyboard.press("l")
    expect(page.get_by_role("link", name="Change")).to_be_visible()
    found += complaints(page)
    page.get_by_role("link", name="Change").click()
    expect(page.get_by_text("You submitted this item.")).to_be_visible()
    found += complaints(page)
    for path in ("latest/", "guideline/"):
        page.goto(f"/label/mine/check/{path}")
        found += complaints(page)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.PAUSED)
    page.goto("/label/mine/check/")
    found += complaints(page)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.CLOSED)
    page.goto("/label/mine/check/")
    found += complaints(page)
    assert not found, "\n".join(found)
