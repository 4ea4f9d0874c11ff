"""From a kept dataset to what targets said and did of it: as a researcher does it, on the pages alone."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from annotation.models import Campaign, Item
from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.llm.models import Endpoint
from conflictscope.scenarios.models import Dataset, Scenario
from evaluation.models import Response, Run
from tests.browser.conftest import JOB_PATIENCE_MS, PHONE, fits
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.studies import StudyFactory
from tests.llm.simulator import asking

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TARGETS = ("sim-target-candid", "sim-target-careful")
SCENARIOS = 4
TEXTS = ("description", "persona", "background", "goal", "action_1", "action_2")


@pytest.fixture
def dataset(simulator: Any) -> Dataset:
    """Four kept scenarios of the simulator's own writing, and the LLMs to ask about them."""
    dataset: Dataset = DatasetFactory(
        study=StudyFactory(slug="mine", created_by__username="rob"), slug="hhh", name="HHH"
    )
    values = {value.key: value for value in dataset.value_set_version.values.all()}
    for number, one in enumerate(asking.scenarios("honesty", "harmlessness", batches=1)[:SCENARIOS], start=1):
        ScenarioFactory(
            dataset=dataset,
            uid=f"hhh-{number}",
            value_1=values["honesty"],
            value_2=values["harmlessness"],
            status=Scenario.Status.KEPT,
            acting_action=one["acting"],
            **{name: one[name] for name in TEXTS},
        )
    for llm in (*TARGETS, "sim-user", "sim-judge"):
        EndpointFactory(name=llm, llm=llm, base_url=f"{simulator.base_url}/v1", max_concurrency=8, simulated=True)
    JudgeFactory(name="the-judge", endpoint=Endpoint.objects.get(name="sim-judge"))
    return dataset


def worked_off() -> None:
    """Workers do all jobs there are. In a thread: the browser keeps an event loop running in this one."""

    def work() -> None:
        try:
            for job in Job.objects.filter(state__in=Job.LIVE).order_by("pk"):
                worker.work_on(job)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=JOB_PATIENCE_MS / 1000)
    assert not Job.objects.exclude(state=Job.State.DONE).exists()


def evaluate(page: Page, *targets: str, steered_by: str = "") -> None:
    """Both modes of the targets, after a look at the price."""
    page.goto("/studies/mine/datasets/hhh/evaluate/")
    for target in targets:
        page.get_by_label(target, exact=True).check()
    page.get_by_label("Simulated user", exact=True).check()
    page.locator("[name=user_simulator]").select_option(label="sim-user")
    page.locator("[name=judge]").select_option(label="the-judge")
    if steered_by:
        page.get_by_label(steered_by, exact=True).check()
    page.get_by_role("button", name="Estimate").click()
    expect(page.locator("#estimate")).to_contain_text("calls")
    assert not Job.objects.filter(state__in=Job.LIVE).exists(), "an estimate starts nothing"
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/studies/mine/runs/")
    worked_off()


def test_two_targets_in_both_modes_steered_read_and_given_to_people(
    visitor: Callable[..., Page], dataset: Dataset
) -> None:
    page = visitor("rob")
    evaluate(page, *TARGETS)
    assert Run.objects.count() == 4
    page.goto("/studies/mine/runs/")
    for target in TARGETS:
        expect(page.get_by_role("link", name=target).first).to_be_visible()

    # What a prompt is to move: seen before it is kept.
    page.goto("/studies/mine/steerings/new/")
    page.get_by_label("Name").fill("Harmlessness first")
    page.get_by_label("Or an order of your own").fill("Harmlessness > Honesty > Helpfulness")
    expect(page.locator("#steering-preview")).to_contain_text("1. Harmlessness")
    page.get_by_role("button", name="Keep it").click()
    evaluate(page, TARGETS[0], steered_by="Harmlessness first")
    assert Run.objects.count() == 6
    page.goto("/studies/mine/steerings/")
    page.get_by_role("button", name=re.compile("ork out")).click()
    effects = page.get_by_role("region", name="Effects on HHH")
    expect(effects.get_by_role("row")).to_have_count(3)
    expect(effects).to_contain_text(re.compile(r"\[.+\]"))

    # From the steered run to its transcripts, by keyboard.
    steered = Run.objects.get(steering__isnull=False, mode=Run.Mode.SIMULATED_USER)
    page.goto(steered.get_absolute_url())
    page.get_by_text("How it was asked").click()
    page.get_by_text("The system prompt, word for word").click()
    expect(page.get_by_text("1. Harmlessness").first).to_be_visible()
    first, second = Response.objects.filter(run=steered).order_by("scenario")[:2]
    page.goto(f"{steered.get_absolute_url()}responses/{first.pk}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("hhh-1")
    expect(page.get_by_role("region", name="Which action that was")).to_contain_text("the-judge")
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=1)).to_contain_text("hhh-2")
    expect(page).to_have_url(re.compile(f"/responses/{second.pk}/"))

    # The same scenario across targets and modes.
    page.get_by_role("link", name="Beside other targets").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("hhh-2 across targets")
    expect(page.locator(".sides").first.locator("section")).to_have_count(2)
    right = page.locator("#right").input_value()
    page.keyboard.press("r")
    expect(page.locator("#right")).not_to_have_value(right)
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=1)).to_contain_text("hhh-3 across targets")

    # People judge a sample of what it did: two clicks.
    page.goto(steered.get_absolute_url())
    page.get_by_role("link", name="Have people judge a sample").click()
    expect(
        page.get_by_role("checkbox", name="sim-target-candid: Simulated user, steered by Harmlessness first")
    ).to_be_checked()
    page.locator("[name=size]").fill("2")
    page.get_by_role("button", name=re.compile("^(Create|Draw|Make)")).click()
    page.wait_for_url("**/campaigns/**")
    campaign = Campaign.objects.get()
    assert (campaign.kind, list(campaign.runs.all())) == ("action_judgement", [steered])
    assert set(Item.objects.values_list("response__run", "inclusion_probability")) == {(steered.pk, 0.5)}

    page.set_viewport_size(PHONE)
    for address in (steered.get_absolute_url(), "/studies/mine/datasets/hhh/answers/", "/studies/mine/steerings/"):
        page.goto(address)
        assert fits(page), address
