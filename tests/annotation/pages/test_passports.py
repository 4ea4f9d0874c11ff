"""The pages on which a judge is held against people."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from annotation.models import Assignment, Campaign
from conflictscope.studies.models import Study
from tests.annotation.pages.reading import page, row_of, text_of
from tests.factories.annotation import CampaignFactory
from tests.factories.evaluation import RunFactory, TargetFactory
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import JudgeFactory, judged

pytestmark = pytest.mark.django_db


def test_a_study_s_judges_stand_in_one_table_with_a_row_for_each_dimension(viewer: Client, campaign: Campaign) -> None:
    other = JudgeFactory(name="second-judge")
    for item in campaign.items.select_related("scenario"):
        judged(item.scenario, other)
    text = text_of(page(viewer, "passports", "mine"))
    assert text.count("Realism") == 2
    assert "second-judge" in text
    assert str(campaign.dataset.primary_judge) in text
    assert "All six" in text


def test_a_passport_says_in_words_what_its_figures_come_to(viewer: Client, campaign: Campaign) -> None:
    judge = campaign.dataset.primary_judge
    text = text_of(page(viewer, "passport", "mine", "check", judge.name))
    assert "Can this judge be believed?" in text
    assert "cannot be told" in row_of(text, "Realism")
    assert "the test needs 3" in row_of(text, "Realism")
    assert judge.endpoint.llm in text
    chart = page(viewer, "passport_chart", "mine", "check", judge.name, format="csv")
    assert "A person and another" in chart.content.decode()


def test_a_judge_that_competes_is_said_to(viewer: Client, campaign: Campaign) -> None:
    judge = campaign.dataset.primary_judge
    kin = EndpointFactory(llm=f"{judge.endpoint.llm}-mini")
    RunFactory(dataset=campaign.dataset, target=TargetFactory(label="itself", endpoint=judge.endpoint))
    RunFactory(dataset=campaign.dataset, target=TargetFactory(label="its kin", endpoint=kin))
    text = text_of(page(viewer, "passport", "mine", "check", judge.name))
    assert "The judge is a target of this study, too: itself." in text
    assert "of one family with its kin" in text


def test_nothing_to_hold_a_judge_against_is_said_in_words(viewer: Client, study: Study, campaign: Campaign) -> None:
    Assignment.objects.filter(item__campaign=campaign).update(state=Assignment.State.SKIPPED)
    assert "Nothing to compare yet" in text_of(page(viewer, "passports", "mine"))
    judge = campaign.dataset.primary_judge
    assert "No labels yet" in text_of(page(viewer, "passport", "mine", "check", judge.name))
    assert page(viewer, "passport", "mine", "check", "nobody").status_code == 404
    other = CampaignFactory(slug="elsewhere")
    assert page(viewer, "passport", "mine", other.slug, judge.name).status_code == 404


def test_passports_cost_few_queries(
    viewer: Client, campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    page(viewer, "passports", "mine")
    with django_assert_max_num_queries(20):  # what is known is read
        page(viewer, "passports", "mine")
