"""From a run, or from those of its answers that its page shows, to people who judge a sample of them: two clicks."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign
from conflictscope.scenarios.models import Scenario
from conflictscope.studies.permissions import Role
from evaluation.models import Response, Run
from tests.factories.annotation import CampaignFactory
from tests.factories.evaluation import RunFactory, answered
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(db: None) -> Run:
    dataset = DatasetFactory(study=StudyFactory(slug="mine"), slug="hhh")
    run = RunFactory(dataset=dataset, talks=True)
    for place in range(6):
        scenario = ScenarioFactory(dataset=dataset, status=Scenario.Status.KEPT)
        answered(run, scenario, "both" if place < 2 else "value_1", order="")
    return run


@pytest.fixture
def researcher(client: Client, run: Run) -> Client:
    client.force_login(member(run.study, Role.RESEARCHER))
    return client


def first_click(client: Client, address: str) -> Any:
    """Follow the button of a run's page; the form that it leads to."""
    text = client.get(address).content.decode()
    (href,) = re.findall(r'href="([^"]+kind=action_judgement[^"]+)"', text)
    return client.get(unescape(href))


def second_click(client: Client, form: Any) -> Campaign:
    """Send the form as it stands there, with nothing filled in."""
    shown = form.context["form"]
    given = {name: shown[name].value() for name in shown.fields}
    body = {name: value for name, value in given.items() if value not in (None, "")}
    hidden = {"kind": "action_judgement", "dataset": form.context["dataset"].slug}
    answer = client.post(reverse("annotation:create_campaign", args=["mine"]), body | hidden)
    assert answer.status_code == 302, answer.context["form"].errors
    return Campaign.objects.latest("pk")


def test_a_runs_answers_are_drawn_by_scenario_with_their_chances(researcher: Client, run: Run) -> None:
    campaign = second_click(researcher, first_click(researcher, run.get_absolute_url()))
    assert (campaign.kind, campaign.name, list(campaign.runs.all())) == ("action_judgement", "Which action", [run])
    assert campaign.items.count() == 6
    assert {item.inclusion_probability for item in campaign.items.all()} == {1.0}
    assert "among" not in campaign.sampling_plan


def test_those_that_are_shown_are_drawn_from_and_it_is_said_that_they_stand_for_nothing_else(
    researcher: Client, run: Run
) -> None:
    CampaignFactory(study=run.study, dataset=run.dataset, slug="which-action")
    form = first_click(researcher, f"{run.get_absolute_url()}?choice=both")
    assert "Drawn only from answers like these: both." in form.content.decode()
    campaign = second_click(researcher, form)
    assert campaign.name == "Which action 2"
    drawn = Response.objects.with_decision().filter(items__campaign=campaign)
    assert [response.decision for response in drawn] == ["both", "both"]
    page = researcher.get(campaign.get_absolute_url()).content.decode()
    assert "a selected set: it tells nothing of the others" in page


def test_who_only_looks_is_not_offered_it(client: Client, run: Run) -> None:
    client.force_login(member(run.study, Role.VIEWER))
    assert "kind=action_judgement" not in client.get(run.get_absolute_url()).content.decode()


def test_multiple_choice_is_read_not_judged(researcher: Client, run: Run) -> None:
    other = RunFactory(dataset=run.dataset)
    answered(other, run.dataset.scenarios.first(), "value_1")
    assert "kind=action_judgement" not in researcher.get(other.get_absolute_url()).content.decode()


@pytest.mark.parametrize("runs", ["x", "9" * 40, "-1"])
def test_an_odd_address_begins_with_nothing(researcher: Client, run: Run, runs: str) -> None:
    query = {"kind": "action_judgement", "dataset": "hhh", "runs": runs, "among": "choice=odd"}
    answer = researcher.get(reverse("annotation:create_campaign", args=["mine"]), query)
    assert answer.status_code in (200, 400)
