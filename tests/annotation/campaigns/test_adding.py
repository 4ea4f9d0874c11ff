"""More labels of chosen pairs: what a forecast asks for, added by a button, and what the labels then did."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from django.test import Client
from django.urls import reverse

from annotation.campaigns.adding import add_of_pairs
from annotation.campaigns.creating import CampaignSettings, extend_campaign, open_campaign
from annotation.campaigns.lifecycle import close
from annotation.errors import CampaignClosed, PopulationChanged
from annotation.models import Campaign, Item
from conflictscope.errors import InvalidInput
from conflictscope.studies.permissions import Role
from evaluation.models import Judgement, Run
from evaluation.rankings.fitting import fit_run
from evaluation.rankings.forecast import forecast
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.evaluation import RunFactory, answered
from tests.factories.scenarios import DatasetFactory
from tests.factories.studies import member

pytestmark = pytest.mark.django_db
PER_PAIR = 40


@pytest.fixture
def truth() -> dict[int, str]:
    """What people will say of each response, by its id: filled by the fixture `run`."""
    return {}


@pytest.fixture
def run(truth: dict[int, str]) -> Run:
    """40 scenarios a pair, of which the first value wins 60 %; the judge errs in a fifth."""
    rng = random.Random(3)
    run = RunFactory(dataset=DatasetFactory(slug="hhh"), talks=True)
    for scenario in scenarios_for(run.dataset, PER_PAIR):
        true = "value_1" if rng.random() < 0.6 else "value_2"
        seen = true if rng.random() < 0.8 else {"value_1": "value_2", "value_2": "value_1"}[true]
        truth[answered(run, scenario, seen).pk] = true
    return run


@pytest.fixture
def campaign(run: Run) -> Campaign:
    """A campaign about a third of them."""
    settings = CampaignSettings(name="Did", slug="did", kind="action_judgement", runs=[run], size=PER_PAIR, overlap=1)
    return open_campaign(run.study, run.dataset, settings)


def people_decide(campaign: Campaign, truth: dict[int, str]) -> None:
    """Whatever is an item now is decided as it truly is, with the probability that it has now."""
    Judgement.objects.filter(source="human").delete()
    Judgement.objects.bulk_create(
        Judgement(
            response_id=item.response_id,
            source="human",
            panel=campaign.slug,
            choice=truth[item.response_id],
            inclusion_probability=item.inclusion_probability,
        )
        for item in campaign.items.all()
    )


def widest(run: Run) -> float:
    corrected = fit_run(run, replicates=100).corrected
    assert corrected is not None
    return corrected.results["corrected"]["widest"]


def test_the_button_adds_what_the_forecast_asks_for_and_the_labels_do_what_it_said(
    client: Client, run: Run, campaign: Campaign, truth: dict[int, str]
) -> None:
    people_decide(campaign, truth)
    before = Counter(pair_of(item) for item in campaign.items.all())
    width = 0.85 * widest(run)
    plan = forecast(run, width=width)
    assert plan.reachable
    assert plan.now == pytest.approx(widest(run), rel=1e-6)
    client.force_login(member(run.study, Role.RESEARCHER))
    page = client.get(reverse("annotation:more_labels", args=[run.study.slug, run.pk]), {"width": str(width)})
    assert f"{plan.total} more scenarios would shrink the widest interval" in " ".join(page.content.decode().split())
    assert "Add them to Did" in page.content.decode()
    client.post(
        reverse("annotation:add_labels", args=[run.study.slug, run.pk]), {"width": str(width), "campaign": "did"}
    )
    after = Counter(pair_of(item) for item in campaign.items.all())
    assert after - before == Counter({(one, two): more for one, two, more in plan.pairs})
    people_decide(campaign, truth)
    # What the labels then did beside what was forecast: the residuals' variance was an estimate from a third of them.
    assert widest(run) == pytest.approx(width, rel=0.15)


def pair_of(item: Item) -> tuple[str, str]:
    scenario = item.subject
    assert scenario.value_1 is not None
    assert scenario.value_2 is not None
    return scenario.value_1.key, scenario.value_2.key


def test_items_of_a_pair_that_grows_get_the_chance_of_either_draw(campaign: Campaign) -> None:
    pair = ("helpfulness", "honesty")
    had = {item.pk: item.inclusion_probability for item in campaign.items.all()}
    drawn = sum(pair_of(item) == pair for item in campaign.items.all())
    assert add_of_pairs(campaign, {pair: 10}) == 10
    more = 10 / (PER_PAIR - drawn)
    for item in campaign.items.all():
        before = had.get(item.pk, PER_PAIR / 120)
        expected = before + (1 - before) * more if pair_of(item) == pair else before
        assert item.inclusion_probability == pytest.approx(expected)
    assert add_of_pairs(campaign, {pair: 100}) == PER_PAIR - drawn - 10
    assert add_of_pairs(campaign, {pair: 100}) == 0
    with pytest.raises(InvalidInput, match="chosen pairs"):
        extend_campaign(campaign, size=100)


def test_what_cannot_grow_says_why(campaign: Campaign, run: Run) -> None:
    pair = ("helpfulness", "honesty")
    with pytest.raises(InvalidInput, match="at least one pair"):
        add_of_pairs(campaign, {pair: 0})
    Judgement.objects.filter(response__run=run).update(choice="value_1")
    with pytest.raises(PopulationChanged):
        add_of_pairs(campaign, {pair: 5})
    close(campaign)
    with pytest.raises(CampaignClosed):
        add_of_pairs(campaign, {pair: 5})


def test_a_reader_sees_the_forecast_and_no_button(
    client: Client, run: Run, campaign: Campaign, truth: dict[int, str]
) -> None:
    people_decide(campaign, truth)
    client.force_login(member(run.study, Role.VIEWER))
    page = client.get(reverse("annotation:more_labels", args=[run.study.slug, run.pk]), {"width": "0.9"})
    assert page.status_code == 200
    assert "Add them to" not in page.content.decode()
    add = reverse("annotation:add_labels", args=[run.study.slug, run.pk])
    assert client.post(add, {"width": "0.9", "campaign": "did"}).status_code == 404
    client.force_login(member(run.study, Role.RESEARCHER))
    assert client.post(add, {"width": "0.9", "campaign": "other"}).status_code == 400
    for width in ("", "0", "-1", "nan", "1e9"):
        answer = client.get(reverse("annotation:more_labels", args=[run.study.slug, run.pk]), {"width": width})
        assert answer.status_code == 400
