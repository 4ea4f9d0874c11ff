"""Agreement: its tables, the items behind every number, and labels on a scenario's page."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from annotation.agreement.tables import ALL
from annotation.models import Annotation, Assignment, Campaign, Item
from conflictscope.llm.models import Endpoint
from conflictscope.scenarios.models import Dataset, Verdict
from conflictscope.studies.models import Study
from tests.annotation.pages.reading import PAGES, page, row_of, text_of
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.scenarios import ScenarioFactory

pytestmark = pytest.mark.django_db


def test_agreement_has_its_counts_and_leads_back_to_the_items(viewer: Client, campaign: Campaign) -> None:
    text = text_of(page(viewer, "agreement", "mine"))
    row = row_of(text, "Realism")
    # Judge: pass pass pass fail; people: pass pass fail fail. Raw 3/4; chance 1/2·3/4 + 1/2·1/4 = 1/2, so kappa is 1/2.
    assert row.startswith("Realism 4 75 %")
    assert "0.50 [" in row
    assert row.endswith("1 0 0")
    assert 'src="/studies/mine/agreement/check/chart/' in text
    behind = "/studies/mine/agreement/check/items/realism/?judge=pass&amp;people=fail"
    assert f'<a href="{behind}">1</a>' in text
    items = text_of(viewer.get(behind.replace("&amp;", "&")))
    assert re.findall(r"hhh-\d(?=</a>)", items) == ["hhh-3"]
    assert "1 × pass, 2 × fail" in items


def test_every_number_of_a_table_has_as_many_items_behind_it(viewer: Client, campaign: Campaign) -> None:
    text = text_of(page(viewer, "agreement", "mine"))
    links = re.findall(r'href="(/studies/mine/agreement/check/items/[^"]*)">(\d+)<', text)
    assert len(links) > 7
    for address, number in links:
        rows = text_of(viewer.get(address.replace("&amp;", "&"))).count('<th scope="row"')
        assert rows == int(number), address


def test_the_judge_stands_against_each_person_beside_each_against_each(viewer: Client, campaign: Campaign) -> None:
    text = text_of(page(viewer, "agreement", "mine", dimension="realism"))
    # With cem the judge agrees on all four; with ann and bea on three.
    values = re.findall(r"(\d\.\d\d) \[", row_of(text, "Judge<"))
    assert values == ["0.50", "0.50", "1.00"]
    for rater in ("ann", "bea", "cem"):
        assert row_of(text, rater).count("–") == 1
    assert page(viewer, "agreement", "mine", dimension="beauty").status_code == 404


def test_unequal_chances_are_weighted_back_and_it_says_so(viewer: Client, campaign: Campaign) -> None:
    assert "weighted back" not in text_of(page(viewer, "agreement", "mine"))
    Item.objects.filter(scenario__uid="hhh-1").update(inclusion_probability=0.25)
    text = text_of(page(viewer, "agreement", "mine"))
    assert "weighted back to all 4 scenarios of HHH" in text
    # hhh-1 stands for four scenarios: 6 of 7 agree.
    assert row_of(text, "Realism").startswith("Realism 4 86 %")
    assert "Raw as drawn" in text


def test_an_unreadable_verdict_is_counted_and_listed(viewer: Client, campaign: Campaign) -> None:
    Verdict.objects.filter(scenario__uid="hhh-2", dimension="realism").update(outcome=Verdict.Outcome.UNPARSABLE)
    row = row_of(text_of(page(viewer, "agreement", "mine")), "Realism")
    assert row.startswith("Realism 3")
    assert row.endswith("1 0 1")
    items = text_of(page(viewer, "agreement_items", "mine", "check", "realism", show="unread"))
    assert re.findall(r"hhh-\d(?=</a>)", items) == ["hhh-2"]


def test_without_a_judge_people_are_compared_with_each_other(viewer: Client, campaign: Campaign) -> None:
    Dataset.objects.update(primary_judge=None)
    text = text_of(page(viewer, "agreement", "mine"))
    assert "No judge has filtered HHH" in text
    assert "n = 4" in row_of(text, "Realism"), "alpha of people alone"
    assert "undefined" not in row_of(text, "Realism")


def test_without_labels_the_page_says_what_comes_first(viewer: Client, study: Study, dataset: Dataset) -> None:
    assert "Nothing to compare yet" in text_of(page(viewer, "agreement", "mine"))
    CampaignFactory(dataset=dataset, slug="fresh", items=1)
    assert "No labels yet" in text_of(page(viewer, "agreement", "mine"))
    assert page(viewer, "agreement_chart", "mine", "fresh").status_code == 404


def test_the_newest_campaign_with_labels_is_shown_unless_another_is_chosen(viewer: Client, campaign: Campaign) -> None:
    CampaignFactory(dataset=campaign.dataset, slug="fresh", name="Fresh one", items=1)
    text = text_of(page(viewer, "agreement", "mine"))
    assert '<a href="?campaign=check" aria-current="true">The check</a>' in text
    assert "No labels yet" in text_of(page(viewer, "agreement", "mine", campaign="fresh"))
    assert page(viewer, "agreement", "mine", campaign="none").status_code == 404


@pytest.mark.parametrize("query", [{"judge": "maybe"}, {"people": "maybe"}, {"show": "everything"}])
def test_a_list_that_makes_no_sense_is_answered_in_words(viewer: Client, campaign: Campaign, query: Any) -> None:
    assert page(viewer, "agreement_items", "mine", "check", "realism", **query).status_code == 400


def test_a_list_of_items_of_an_unknown_dimension_is_not_found(viewer: Client, campaign: Campaign) -> None:
    assert page(viewer, "agreement_items", "mine", "check", "beauty").status_code == 404
    empty = page(viewer, "agreement_items", "mine", "check", "realism", judge="fail", people="pass")
    assert "No such items" in text_of(empty)


def test_what_is_simulated_is_labelled_and_nothing_else(viewer: Client, campaign: Campaign) -> None:
    shown = [(name, rest) for name, rest in PAGES if name != "agreement_chart"]
    for name, rest in shown:
        assert "badge-simulated" not in text_of(page(viewer, name, "mine", *rest))
    campaign.participants.filter(pseudonym="ann").update(simulated=True)
    for name, rest in shown:
        assert "badge-simulated" in text_of(page(viewer, name, "mine", *rest)), name
    campaign.participants.update(simulated=False)
    Endpoint.objects.filter(judges=campaign.dataset.primary_judge).update(simulated=True)
    assert "badge-simulated" in text_of(page(viewer, "agreement", "mine"))


@pytest.mark.parametrize(("wanted", "kind"), [("svg", "image/svg+xml"), ("csv", "text/csv; charset=utf-8")])
def test_the_chart_comes_as_a_file(viewer: Client, campaign: Campaign, wanted: str, kind: str) -> None:
    response = page(viewer, "agreement_chart", "mine", "check", format=wanted, theme="dark", size="narrow")
    assert response["Content-Type"] == kind
    assert "Genuine dilemma" in response.content.decode()
    assert 'filename="agreement-check.' in response["Content-Disposition"]


def test_agreement_costs_as_many_queries_for_many_labels_as_for_few(
    viewer: Client, campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for item in ItemFactory.create_batch(6, campaign=campaign):
        for person in campaign.participants.all():
            labelled(item, person)
    with django_assert_max_num_queries(20):
        page(viewer, "agreement", "mine")
    with django_assert_max_num_queries(16):  # nothing new: no label is read
        page(viewer, "agreement", "mine")
    with django_assert_max_num_queries(14):
        page(viewer, "agreement_items", "mine", "check", ALL)


def test_a_scenario_shows_who_said_what_and_what_was_decided(viewer: Client, campaign: Campaign) -> None:
    Annotation.objects.filter(
        assignment__participant__pseudonym="bea", assignment__item__scenario__uid="hhh-3", question="realism"
    ).update(comment="No baker would.")
    text = text_of(page(viewer, "scenario_labels", "mine", "hhh", "hhh-3"))
    assert row_of(text, "Could this really happen") == (
        "Could this really happen, and would someone in it turn to an AI assistant? No No “No baker would.” Yes open"
    )
    assert "3 of 3 labels" in text
    CampaignFactory(dataset=campaign.dataset)
    lone = ScenarioFactory(dataset=campaign.dataset)
    assert "No campaign asks about this scenario." in text_of(page(viewer, "scenario_labels", "mine", "hhh", lone.uid))


def test_answers_that_are_not_submitted_are_nobody_s_business(viewer: Client, campaign: Campaign) -> None:
    held = Assignment.objects.filter(participant__pseudonym="bea", item__scenario__uid="hhh-3")
    held.update(state=Assignment.State.LEASED, submitted_at=None)
    assert "bea" not in text_of(page(viewer, "scenario_labels", "mine", "hhh", "hhh-3"))


def test_a_scenario_s_labels_cost_as_many_queries_for_many_people_as_for_few(
    viewer: Client, campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    item = campaign.items.get(scenario__uid="hhh-1")
    for _ in range(6):
        labelled(item, ParticipantFactory(campaign=campaign), surplus=True)
    with django_assert_max_num_queries(12):
        page(viewer, "scenario_labels", "mine", "hhh", "hhh-1")


def test_where_no_judge_is_asked_people_stand_beside_each_other_alone(viewer: Client, dataset: Dataset) -> None:
    campaign = CampaignFactory(dataset=dataset, kind=Campaign.Kind.PREFERENCE, slug="order", overlap=2)
    people = ParticipantFactory.create_batch(2, campaign=campaign)
    for number in range(4):
        item = ItemFactory(campaign=campaign, scenario=ScenarioFactory(dataset=dataset, status="kept"))
        for person in people:
            labelled(item, person, {"preferred_action": "action_2"} if number % 2 else {})
    text = " ".join(viewer.get(f"/studies/{dataset.study.slug}/agreement/?campaign=order").text.split())
    assert "No judge is asked what should be done" in text
    assert "How far people agree with each other" in text
    assert "Fleiss' κ" in html.unescape(text)
    assert "Judge against people" not in text
    assert '<th scope="row">Judge' not in text
    assert "no item was answered by both" not in text
    chart = viewer.get(f"/studies/{dataset.study.slug}/agreement/order/chart/?format=csv").text
    assert "Judge" not in chart
