"""Judges of known kinds beside three people, from rows to words: the passport says of each what it is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from annotation.agreement.believing import Level
from annotation.agreement.passport import passport_of
from annotation.models import Campaign, Item
from conflictscope.scenarios.models import Judge, Scenario, Verdict
from evaluation.models import Anchor, Occasion, Reading
from tests.factories.annotation import CampaignFactory, ParticipantFactory, labelled_at_once
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory

pytestmark = pytest.mark.django_db

N = 250
Flags = NDArray[np.bool_]
# What stands in the sentence of each, and how far it is believed.
KINDS = {
    "good": (Level.BELIEVED, "about as well as they agree with each other"),
    "lenient": (Level.DOUBTED, "it says “pass”"),
    "follower": (Level.DOUBTED, "of its answers stay when the actions change places"),
    "fickle": (Level.DOUBTED, "asked again, it gives the same answer"),
    "drifting": (Level.DOUBTED, "its answers to the same anchors have drifted"),
    "careless": (Level.NOT_BELIEVED, "less than people do with each other"),
}


def noisy(truth: Flags, right: float, rng: np.random.Generator) -> Flags:
    return np.where(rng.random(len(truth)) < right, truth, ~truth)


def campaign_of(rng: np.random.Generator) -> tuple[Campaign, Flags]:
    """Scenarios of which six in ten are realistic, and three people who see it nine times in ten."""
    dataset = DatasetFactory()
    first = ScenarioFactory(dataset=dataset)
    scenarios = Scenario.objects.bulk_create(
        Scenario(
            dataset=dataset,
            uid=f"s-{number}",
            value_1=first.value_1,
            value_2=first.value_2,
            description="It rains.",
            action_1="Go.",
            action_2="Stay.",
            status=Scenario.Status.KEPT,
        )
        for number in range(N)
    )
    campaign = CampaignFactory(study=dataset.study, dataset=dataset, slug="check", overlap=3)
    items = Item.objects.bulk_create(
        Item(campaign=campaign, scenario=scenario, open_slots=3, shuffle_key=number, inclusion_probability=1.0)
        for number, scenario in enumerate(scenarios)
    )
    truth = rng.random(N) < 0.6
    for person in ParticipantFactory.create_batch(3, campaign=campaign):
        says = noisy(truth, 0.9, rng)
        answers = {item: {"realism": "yes" if yes else "no"} for item, yes in zip(items, says.tolist(), strict=True)}
        labelled_at_once(person, answers)
    return campaign, truth


def decides(judge: Judge, campaign: Campaign, says: Flags) -> None:
    scenarios = campaign.dataset.scenarios.filter(items__campaign=campaign).order_by("items__shuffle_key")
    Verdict.objects.bulk_create(
        Verdict(judge=judge, scenario=scenario, dimension="realism", source="judge", outcome="pass" if yes else "fail")
        for scenario, yes in zip(scenarios, says.tolist(), strict=True)
    )
    Anchor.objects.bulk_create(
        Anchor(judge=judge, dataset=campaign.dataset, scenario=scenario) for scenario in scenarios
    )


def answers_again(judge: Judge, campaign: Campaign, *samples: Flags, turned: Flags | None = None) -> None:
    occasion = Occasion.objects.create(judge=judge, dataset=campaign.dataset, about="scenarios", samples=len(samples))
    anchors = list(Anchor.objects.filter(judge=judge).order_by("pk"))
    said = [(False, number, each) for number, each in enumerate(samples)]
    if turned is not None:
        said.append((True, 0, turned))
    Reading.objects.bulk_create(
        Reading(
            occasion=occasion,
            anchor=anchor,
            dimension="realism",
            turned=other_way,
            sample=number,
            outcome="pass" if yes else "fail",
        )
        for other_way, number, each in said
        for anchor, yes in zip(anchors, each.tolist(), strict=True)
    )


def test_the_passport_says_of_each_judge_what_it_is() -> None:
    rng = np.random.default_rng(15)
    campaign, truth = campaign_of(rng)
    judges = {kind: JudgeFactory(name=kind) for kind in KINDS}
    good = {kind: noisy(truth, 0.93, rng) for kind in KINDS}
    good["lenient"] = truth | (rng.random(N) < 0.2)
    good["careless"] = noisy(truth, 0.7, rng)
    for kind, judge in judges.items():
        decides(judge, campaign, good[kind])
    steady = {kind: noisy(says, 0.98, rng) for kind, says in good.items()}
    for kind in ("good", "lenient", "careless"):
        answers_again(judges[kind], campaign, good[kind], steady[kind], turned=steady[kind])
    # A judge whose answer hangs on what stands first in a quarter of the cases.
    swayed = noisy(good["follower"], 0.75, rng)
    answers_again(judges["follower"], campaign, good["follower"], steady["follower"], turned=swayed)
    answers_again(judges["fickle"], campaign, noisy(good["fickle"], 0.85, rng), noisy(good["fickle"], 0.85, rng))
    answers_again(judges["drifting"], campaign, good["drifting"], steady["drifting"])
    stricter = good["drifting"] & (rng.random(N) < 0.88)
    answers_again(judges["drifting"], campaign, stricter, stricter)
    words = {
        kind: next(row for row in passport_of(campaign, judge).rows if row.subject.key == "realism").believed
        for kind, judge in judges.items()
    }
    for kind, (level, sentence) in KINDS.items():
        assert (kind, words[kind].level) == (kind, level)
        assert sentence in words[kind].words
        others = [other for name, (_, other) in KINDS.items() if name not in (kind, "good", "careless")]
        assert not [other for other in others if other in words[kind].words], kind
