"""A campaign's wanted width: its price, the number at which it stops, and what happens there."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from annotation.agreement import stopping
from annotation.agreement.sealed import open_test
from annotation.campaigns.splitting import split
from annotation.models import Assignment, Campaign, Item, WidthRule
from annotation.tasks import watch_widths
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.scenarios.models import Scenario, Verdict
from conflictscope.stats import tables
from conflictscope.stats.stopping import at_width, running
from conflictscope.studies.permissions import Role
from evaluation.models import Judgement
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled_at_once
from tests.factories.evaluation import RunFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.studies import UserFactory, member

pytestmark = pytest.mark.django_db

N = 120
WIDTH = 0.18  # reached at 84 of them


def outcomes(rng: np.random.Generator) -> tuple[list[bool], list[bool]]:
    """What the judge and one person say of the realism of each scenario, in serving order: both right 0.9 of the time."""
    truth = rng.random(N) < 0.6
    return tuple((truth == (rng.random(N) < 0.9)).tolist() for _ in range(2))  # type: ignore[return-value]


@pytest.fixture
def campaign() -> Campaign:
    judge = JudgeFactory()
    dataset = DatasetFactory(primary_judge=judge)
    campaign = CampaignFactory(study=dataset.study, dataset=dataset, slug="check", name="The check", overlap=1)
    made = ScenarioFactory.build_batch(N, dataset=dataset, value_1=None, value_2=None)
    first = ScenarioFactory(dataset=dataset)
    for number, scenario in enumerate(made):
        scenario.uid, scenario.value_1, scenario.value_2 = f"s-{number}", first.value_1, first.value_2
        scenario.status = Scenario.Status.KEPT
    scenarios = Scenario.objects.bulk_create(made)
    Item.objects.bulk_create(
        Item(campaign=campaign, scenario=scenario, open_slots=1, shuffle_key=number, inclusion_probability=1.0)
        for number, scenario in enumerate(scenarios)
    )
    by_judge, _ = outcomes(np.random.default_rng(5))
    Verdict.objects.bulk_create(
        Verdict(
            scenario=scenario, dimension="realism", judge=judge, source="judge", outcome="pass" if passes else "fail"
        )
        for scenario, passes in zip(scenarios, by_judge, strict=True)
    )
    return campaign


def label(campaign: Campaign, places: range) -> None:
    """A person labels the items at these places of the serving order."""
    _, by_person = outcomes(np.random.default_rng(5))
    items = list(campaign.items.select_related("campaign__dataset", "scenario__dataset").order_by("shuffle_key"))
    labelled_at_once(
        ParticipantFactory(campaign=campaign),
        {items[place]: {"realism": "yes" if by_person[place] else "no"} for place in places},
    )


def expected(count: int, half_width: float) -> int:
    """Where the rule stops on the first so many scenarios, by the arrays alone."""
    judge, person = outcomes(np.random.default_rng(5))
    cells = np.zeros((count, 2, 2))
    for place in range(count):
        cells[place, int(not judge[place]), int(not person[place])] = 1
    return at_width(running(cells, tables.kappa), half_width).scenarios


def test_it_stops_once_at_the_first_number_that_is_narrow_enough_and_pauses(campaign: Campaign) -> None:
    rule = stopping.want(campaign, half_width=WIDTH, subject="realism")
    label(campaign, range(60))
    assert not stopping.watch(rule)
    found = stopping.standing_of(rule)
    assert (found.finished, found.total, found.point.stopped) == (60, N, False)
    label(campaign, range(60, N))
    found = stopping.standing_of(rule)
    assert found.point.stopped
    rule.refresh_from_db()
    assert rule.reached_at is None  # to look is not to note
    watch_widths()
    rule.refresh_from_db()
    campaign.refresh_from_db()
    number = expected(N, WIDTH)
    assert 60 < number < N
    assert (rule.reached_scenarios, campaign.state) == (number, Campaign.State.PAUSED)
    assert rule.reached_value == pytest.approx(stopping.standing_of(rule).value)
    with pytest.raises(Conflict, match="chosen by the figure"):
        stopping.want(campaign, half_width=0.1, subject="realism")


def test_what_lies_behind_an_unfinished_scenario_does_not_count(campaign: Campaign) -> None:
    rule = stopping.want(campaign, half_width=0.3, subject="realism", then=WidthRule.Then.GO_ON)
    label(campaign, range(10))
    label(campaign, range(11, N))
    found = stopping.standing_of(rule)
    assert (found.finished, found.point.stopped) == (10, False)
    assert "40 more scenarios" in found.point.reason
    label(campaign, range(10, 11))
    assert stopping.watch(rule)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.OPEN
    assert not stopping.watch(rule)


def test_what_was_drawn_and_will_not_do_is_said(campaign: Campaign) -> None:
    rule = stopping.want(campaign, half_width=0.05, subject="realism")
    label(campaign, range(N))
    found = stopping.standing_of(rule)
    assert found.point.reason == "the interval is still too wide"
    assert found.short is not None
    assert found.short > N


def test_a_sealed_test_is_watched_and_its_figure_hidden(campaign: Campaign) -> None:
    split(campaign, 0.1)
    rule = stopping.want(campaign, half_width=0.3, subject="realism")
    label(campaign, range(N))
    assert stopping.watch(rule)
    found = stopping.standing_of(rule)
    assert (found.sealed, found.value) == (True, None)
    assert found.total == campaign.items.filter(part=Item.Part.TEST).count()
    judge = campaign.dataset.primary_judge
    assert judge is not None
    open_test(campaign, judge, by=UserFactory(), reason="To see it.")
    assert stopping.standing_of(rule).value is not None


def test_a_price_and_a_width_by_page_and_command(client: Client, campaign: Campaign) -> None:
    client.force_login(member(campaign.study, Role.RESEARCHER))
    address = reverse("annotation:width", args=[campaign.study.slug, "check"])
    asked = {"of": "realism", "half_width": 0.1, "then": "stop", "kappa": 0.62, "prevalence": 0.5}
    page = client.post(address, asked | {"price": "1"}).content.decode()
    # Fleiss, Cohen and Everitt: 237 items at ± 0.10, and 1.1 squared times as many for looking.
    assert "287 scenarios" in page
    assert not WidthRule.objects.exists()
    assert client.post(address, asked | {"of": "charm"}).status_code == 400
    assert client.post(address, asked).status_code == 302
    label(campaign, range(20))
    so_far = client.get(reverse("annotation:so_far", args=[campaign.study.slug, "check"])).content.decode()
    assert "20 of 120 scenarios complete in serving order" in " ".join(so_far.split())
    out = StringIO()
    call_command("want_width", "--study", campaign.study.slug, "--campaign", "check", stdout=out)
    assert "Not yet: 20 of 120" in out.getvalue()
    call_command(
        *("want_width", "--study", campaign.study.slug, "--campaign", "check", "--of", "all", "--half-width", "0.1"),
        stdout=out,
    )
    assert WidthRule.objects.get().subject == "all"
    with pytest.raises(InvalidInput, match="half-width from"):
        stopping.want(campaign, half_width=0.9, subject="realism")


def test_a_ranking_waits_for_labels_of_every_pair_that_are_written_down() -> None:
    run = RunFactory(talks=True)
    campaign = CampaignFactory(
        kind=Campaign.Kind.ACTION_JUDGEMENT, dataset=run.dataset, study=run.study, slug="which", overlap=1
    )
    campaign.runs.add(run)
    scenario = ScenarioFactory(dataset=run.dataset)
    made = [
        scenario,
        *(ScenarioFactory(dataset=run.dataset, value_1=scenario.value_1, value_2=scenario.value_2) for _ in range(29)),
    ]
    items = []
    for number, each in enumerate(made):
        choice = Judgement.Choice.VALUE_1 if number % 3 else Judgement.Choice.VALUE_2
        items.append(ItemFactory(campaign=campaign, response=answered(run, each, choice), scenario=None))
    rule = stopping.want(campaign, half_width=3.0, run=run)
    labelled_at_once(ParticipantFactory(campaign=campaign), {item: {} for item in items})
    assert "decide the campaign" in stopping.standing_of(rule).point.reason
    Judgement.objects.bulk_create(
        Judgement(
            response=item.response,
            source=Judgement.Source.HUMAN,
            panel="which",
            choice=Judgement.Choice.VALUE_1 if number % 3 else Judgement.Choice.VALUE_2,
            inclusion_probability=1.0,
        )
        for number, item in enumerate(items[:10])
    )
    Assignment.objects.filter(item=items[0]).update(submitted_at=items[0].assignments.get().lease_until)
    assert (
        "at least 12 labelled scenarios and 5 wins"
        in stopping._ranking_point(rule, run, {each.pk for each in made}).reason
    )
