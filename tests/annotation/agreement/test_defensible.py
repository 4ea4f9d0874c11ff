"""Agreement by sets of answers, where people may mark a second one as defensible, too."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from annotation.agreement.defensible import by_sets, chosen_otherwise
from annotation.agreement.passport import passport_of
from annotation.agreement.tables import ALL, tables_of
from annotation.models import Annotation, Campaign
from conflictscope.scenarios.models import Judge
from conflictscope.studies.permissions import Role
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign() -> Campaign:
    """Ten scenarios, two people who find all realistic. They find a second answer defensible on the first five.

    The strict judge fails these five. The other one fails four of the last five, which nobody defends.
    """
    strict, other = JudgeFactory(name="strict"), JudgeFactory(name="other")
    dataset = DatasetFactory(primary_judge=strict)
    campaign = CampaignFactory(
        study=dataset.study,
        dataset=dataset,
        slug="check",
        overlap=2,
        second_answers=Campaign.SecondAnswers.OPTIONAL,
    )
    people = ParticipantFactory.create_batch(2, campaign=campaign)
    for number in range(10):
        scenario = ScenarioFactory(dataset=dataset)
        judged(scenario, strict, realism="fail" if number < 5 else "pass")
        judged(scenario, other, realism="fail" if number > 5 else "pass")
        item = ItemFactory(campaign=campaign, scenario=scenario)
        for person in people:
            sheet = labelled(item, person)
            if number < 5:
                sheet.annotations.filter(question="realism").update(also="no")
    return campaign


def test_an_answer_that_people_find_defensible_too_is_right_by_sets(campaign: Campaign) -> None:
    tables = tables_of(campaign)
    found = by_sets(tables, tables.subject("realism"))
    assert found is not None
    assert (found.n, found.agreement.value, found.mean_size.value) == (10, 1.0, 1.5)
    # All six may fail where realism may: the set follows from the questions' sets.
    together = by_sets(tables, tables.subject(ALL))
    assert together is not None
    assert (together.agreement.value, together.mean_size.value) == (1.0, 1.5)
    assert passport_of(campaign, tables.judge).rows[0].majority.agreement.raw.value == 0.5  # type: ignore[arg-type]


def test_a_second_answer_of_one_person_in_three_is_not_in_the_set(campaign: Campaign) -> None:
    third = ParticipantFactory(campaign=campaign)
    for item in campaign.items.all():
        labelled(item, third)
    second = Annotation.objects.filter(question="realism", also="no")
    second.filter(assignment__participant=second.first().assignment.participant).update(also="")  # type: ignore[union-attr]
    tables = tables_of(campaign)
    found = by_sets(tables, tables.subject("realism"))
    assert found is not None
    assert (found.agreement.value, found.mean_size.value) == (0.5, 1.0)


def test_who_cannot_tell_gives_no_answer_and_their_share_is_told(campaign: Campaign) -> None:
    """One of two people is unsure of realism on four of ten scenarios; both are on one of these, which then has no set."""
    sheets = Annotation.objects.filter(question="realism", assignment__item__in=campaign.items.order_by("pk")[6:10])
    mine = sheets.first().assignment.participant  # type: ignore[union-attr]
    sheets.filter(assignment__participant=mine).update(answer="unsure", also="")
    last = campaign.items.order_by("pk").last()
    sheets.filter(assignment__item=last).update(answer="unsure", also="")
    tables = tables_of(campaign)
    for key in ("realism", ALL):
        found = by_sets(tables, tables.subject(key))
        assert found is not None
        assert found.unsure.value == pytest.approx(5 / 20)
        assert (found.n, found.empty) == (9, 1)
    impossible = by_sets(tables, tables.subject("impossibility"))
    assert impossible is not None
    assert (impossible.unsure.value, impossible.n) == (0, 10)


def test_a_judge_that_loses_by_one_answer_and_wins_by_sets_is_said_to(client: Client, campaign: Campaign) -> None:
    strict, other = Judge.objects.get(name="strict"), Judge.objects.get(name="other")
    Annotation.objects.filter(assignment__item__in=campaign.items.order_by("pk")[5:6], question="realism").update(
        answer="no"
    )
    (realism, _) = chosen_otherwise(campaign, strict, [other])
    assert (realism.other, realism.subject.label) == (other, "Realism")
    assert realism.forced.value == pytest.approx(-0.1)
    assert realism.by_sets.value == pytest.approx(0.4)
    client.force_login(member(campaign.study, Role.VIEWER))
    page = client.get(reverse("annotation:passport", args=[campaign.study.slug, "check", "strict"])).content.decode()
    assert "by sets of answers more often" in " ".join(page.split())
    assert (
        "By sets of answers" in client.get(reverse("annotation:passports", args=[campaign.study.slug])).content.decode()
    )


def test_a_campaign_that_takes_one_answer_has_no_sets(campaign: Campaign) -> None:
    Campaign.objects.update(second_answers=Campaign.SecondAnswers.OFF)
    tables = tables_of(Campaign.objects.get())
    assert by_sets(tables, tables.subject("realism")) is None
    assert chosen_otherwise(tables.campaign, Judge.objects.get(name="strict"), [Judge.objects.get(name="other")]) == []
