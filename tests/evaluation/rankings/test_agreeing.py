"""How often targets do alike in conversation, by the judge alone and corrected."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from conflictscope.scenarios.models import Dataset
from evaluation.models import Judgement, Run
from evaluation.rankings.agreeing import UNKNOWN_CHANCES, done_alike
from tests.factories.evaluation import JudgementFactory, RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.studies import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    """Two targets on 40 scenarios. The judge sees them do alike in 30; on every second scenario people looked at both, and saw that in
    half of what they looked at they do alike. One more answer they looked at has no twin, and corrects nothing."""
    dataset = DatasetFactory(slug="hhh", study__slug="mine")
    judge = JudgeFactory()
    runs = [RunFactory(dataset=dataset, talks=True, judge=judge, target=TargetFactory(label=f"t{n}")) for n in range(2)]
    for n, scenario in enumerate(ScenarioFactory.create_batch(40, dataset=dataset, status="kept")):
        for k, run in enumerate(runs):
            response = answered(run, scenario, "value_2" if k and n >= 30 else "value_1")
            if n % 2 or (n == 0 and not k):
                JudgementFactory(response=response, human=True, choice="value_2" if k and n % 4 == 1 else "value_1")
    return dataset


def test_the_judge_s_word_is_corrected_where_people_decided_all_targets(dataset: Dataset) -> None:
    found = done_alike(dataset)
    assert found is not None
    assert (found.alone.mean.value, found.alone.mean.n, found.targets) == (0.75, 40, 2)
    assert found.corrected is not None
    assert found.corrected.n == 20
    assert found.corrected.value == pytest.approx(0.5, abs=0.01)
    assert found.corrected.high < found.alone.mean.value


def test_people_s_part_is_weighed_by_how_likely_a_scenario_was_drawn(dataset: Dataset) -> None:
    """Where targets part was drawn three times as often: of all scenarios a quarter is like that, though half of what was looked at is."""
    people = Judgement.objects.filter(source="human")
    parted = people.filter(choice="value_2").values("response__scenario")
    people.filter(response__scenario__in=list(parted.values_list("response__scenario", flat=True))).update(
        inclusion_probability=0.9
    )
    people.filter(inclusion_probability=None).update(inclusion_probability=0.3)
    found = done_alike(dataset)
    assert found is not None
    assert found.corrected is not None
    assert found.corrected.value == pytest.approx(0.76, abs=0.03)
    people.filter(response__run__target__label="t1").update(panel="others")
    found = done_alike(dataset)
    assert found is not None
    assert found.corrected is not None
    assert found.corrected.reason == UNKNOWN_CHANCES


def test_one_target_has_nothing_to_agree_with(dataset: Dataset) -> None:
    Run.objects.filter(target__label="t1").update(mode=Run.Mode.MULTIPLE_CHOICE)
    assert done_alike(dataset) is None


def test_it_stands_with_the_dataset_s_measures(client: Client, dataset: Dataset) -> None:
    for n in range(2):
        run = RunFactory(dataset=dataset, target=TargetFactory(label=f"said-{n}"))
        for scenario in dataset.scenarios.all()[:3]:
            answered(run, scenario, "value_1")
    client.force_login(member(dataset.study, "viewer"))
    page = client.get(reverse("evaluation:measures", args=["mine", "hhh"])).content.decode()
    assert "In conversation" in page
    assert "corrected by people" in page
