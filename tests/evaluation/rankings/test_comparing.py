"""Any two of a kind side by side; which targets are alike, and which scenarios divide them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role
from evaluation.models import Judgement, Run
from evaluation.rankings import comparing
from evaluation.rankings.alike import dividing, similarity
from evaluation.rankings.fitting import fit_run, latest_rankings, value_names
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.evaluation import JudgementFactory, RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="mine")


@pytest.fixture
def dataset(study: Study) -> Dataset:
    dataset = DatasetFactory(study=study, slug="hhh", name="HHH")
    scenarios_for(dataset, 20)
    return dataset


@pytest.fixture
def reader(client: Client, study: Study) -> Client:
    client.force_login(member(study, Role.VIEWER))
    return client


def talked(dataset: Dataset, label: str, wins: int, **run: Any) -> Run:
    """Of 20 scenarios a pair the first value wins so many."""
    made = RunFactory(dataset=dataset, target=TargetFactory(label=label), talks=True, **run)
    for n, scenario in enumerate(dataset.scenarios.order_by("pk")):
        answered(made, scenario, "value_1" if n % 20 < wins else "value_2")
    return made


def compared(study: Study, **given: str) -> tuple[comparing.Choice, comparing.RunsCompared]:
    choice = comparing.choose(comparing.readings_of(study), given)
    assert choice is not None
    return choice, comparing.compare(choice, value_names(choice.twos[0][0].run.dataset), replicates=200)


def test_two_targets_are_compared_scenario_by_scenario(study: Study, dataset: Dataset) -> None:
    talked(dataset, "low", 6)
    talked(dataset, "high", 14)
    choice, found = compared(study)
    assert (choice.kind.key, choice.label(choice.first), choice.label(choice.second)) == ("target", "high", "low")
    assert [row.key for row in found.rows] == ["harmlessness", "honesty", "helpfulness"]
    assert found.rows[0].strength["low"] > 0 > found.rows[-1].strength["high"]
    assert (found.rows[0].first_rank, found.rows[0].second_rank) == (3, 1)
    assert found.results["scenarios"] == 60


def test_two_judges_of_the_same_conversations_are_compared(study: Study, dataset: Dataset) -> None:
    run = talked(dataset, "one", 14)
    other = JudgeFactory(name="another")
    for n, response in enumerate(run.responses.order_by("pk")):
        choice = "value_1" if n % 20 < 8 else "value_2"
        Judgement.objects.create(response=response, source="judge", judge=other, choice=choice)
    choice, found = compared(study, what="judge", a=str(run.judge_id), b=str(other.pk))
    assert choice.twos[0][0].run == choice.twos[0][1].run == run
    assert found.rows[0].key == "harmlessness"
    assert found.rows[0].strength["value"] > 0
    fit_run(run, replicates=200, judge=other)
    fit_run(run, replicates=200)
    by = {judge: latest_rankings([run], judge=judge)[run.pk].ranking for judge in (run.judge, other)}
    assert by[run.judge].judge is None
    assert by[other].judge == other
    assert by[run.judge].results["strengths"][0]["value"] > 0 > by[other].results["strengths"][0]["value"]


def test_two_datasets_are_compared_over_all_targets_that_have_both(study: Study, dataset: Dataset) -> None:
    again = DatasetFactory(study=study, slug="zzz", name="Z", value_set_version=dataset.value_set_version)
    scenarios_for(again, 20)
    for n in range(3):
        first = talked(dataset, f"target {n}", 14)
        second = RunFactory(dataset=again, target=first.target, talks=True)
        for k, scenario in enumerate(again.scenarios.order_by("pk")):
            answered(second, scenario, "value_1" if k % 20 < 7 else "value_2")
    choice, found = compared(study, what="dataset")
    assert len(choice.twos) == 3
    assert found.results["paired"] is False
    assert found.results["scenarios"] == 120
    assert found.rows[-1].strength["high"] < 0


def test_what_people_decided_corrects_the_difference(study: Study, dataset: Dataset) -> None:
    for label, wins in (("low", 6), ("high", 14)):
        run = talked(dataset, label, wins)
        for n, response in enumerate(run.responses.order_by("pk")):
            if n % 2:
                JudgementFactory(response=response, human=True, choice="value_1" if n % 20 < wins else "value_2")
    _, found = compared(study)
    assert found.corrected is not None
    assert found.corrected["reason"] == ""
    assert found.rows[0].corrected["value"] == pytest.approx(found.rows[0].strength["value"], abs=0.5)


def test_a_decision_given_later_makes_another_comparison(study: Study, dataset: Dataset) -> None:
    run = talked(dataset, "low", 6)
    talked(dataset, "high", 14)
    before = compared(study)[1].rows[0].strength["value"]
    Judgement.objects.filter(response__run=run, choice="value_2").update(choice="value_1")
    Judgement.objects.filter(response__run=run, response__scenario__uid__endswith="1").update(choice="value_2")
    assert compared(study)[1].rows[0].strength["value"] != before


def test_the_page_answers_in_its_first_sentence_and_draws_it(reader: Client, study: Study, dataset: Dataset) -> None:
    talked(dataset, "low", 4)
    talked(dataset, "high", 16)
    page = reader.get(reverse("evaluation:compare", args=["mine"]))
    assert "low supports Harmlessness more than high, surely" in page.content.decode()
    chart = reader.get(reverse("evaluation:compare_chart", args=["mine"]), {"format": "csv"})
    assert chart.content.decode().startswith("Value,Estimate,Low,High,n\n")


def test_there_is_a_word_for_nothing_and_for_nonsense(reader: Client, study: Study, dataset: Dataset) -> None:
    assert "Nothing to compare yet" in reader.get(reverse("evaluation:compare", args=["mine"])).content.decode()
    talked(dataset, "low", 6)
    talked(dataset, "high", 14)
    for query in ({"what": "weather"}, {"what": "judge"}, {"a": "12345"}, {"dataset": "other"}):
        assert reader.get(reverse("evaluation:compare", args=["mine"]), query).status_code == 400
    stubborn = talked(dataset, "stubborn", 20)
    page = reader.get(reverse("evaluation:compare", args=["mine"]), {"b": str(stubborn.target_id)})
    assert "Not comparable" in page.content.decode()


def test_targets_that_order_alike_stand_together(study: Study, dataset: Dataset) -> None:
    runs = [talked(dataset, label, wins) for label, wins in (("a", 14), ("b", 6), ("c", 13), ("d", 7))]
    found = similarity([fit_run(run, replicates=100) for run in runs])
    assert {run.target.label for run in found.runs[:2]} in ({"a", "c"}, {"b", "d"})
    assert found.closest()[2] == 1
    assert found.furthest()[2] == -1
    (most, *_) = dividing(runs)
    assert (most.first, most.second) == (2, 2)


def test_the_page_of_targets_alike(reader: Client, dataset: Dataset) -> None:
    for label, wins in (("a", 14), ("b", 6)):
        fit_run(talked(dataset, label, wins), replicates=100)
    text = reader.get(reverse("evaluation:alike", args=["mine", "hhh"])).content.decode()
    assert "The scenarios that divide them most" in text
    assert reader.get(reverse("evaluation:alike_chart", args=["mine", "hhh"])).status_code == 200


def test_two_prompts_are_compared_and_named_by_what_differs(study: Study, dataset: Dataset) -> None:
    """The same target asked with two versions of a prompt: first honest with one, and otherwise with the other."""
    target = TargetFactory(label="one")
    for version, wins in ((1, 15), (2, 5)):
        run = RunFactory(
            dataset=dataset, target=target, seed=version, prompt_versions={"multiple_choice/choice": version, "multiple_choice/rating": 1}
        )  # fmt: skip
        for n, scenario in enumerate(dataset.scenarios.order_by("pk")):
            answered(run, scenario, "value_1" if n % 20 < wins else "value_2")
    choice, found = compared(study, what="prompt")
    labels = [choice.label(side) for side in (choice.first, choice.second)]
    assert labels == ["multiple_choice/choice v1", "multiple_choice/choice v2"]
    assert found.rows[-1].key == "helpfulness"
    assert found.rows[-1].strength["high"] < 0


def test_scenarios_written_with_other_words_are_other_prompts(study: Study, dataset: Dataset) -> None:
    """A study's own words are told by their digest; the two datasets have scenarios of their own."""
    other = DatasetFactory(study=study, slug="own", name="Own words", value_set_version=dataset.value_set_version)
    other.recipe = {
        "prompts": {"generation/outline": {"version": 1, "digest": "abcdef0123", "study": "mine", "text": "Write."}}
    }
    other.save()
    dataset.recipe = {"prompts": {"generation/outline": {"version": 1, "digest": "1234", "study": "", "text": ""}}}
    dataset.save()
    scenarios_for(other, 20)
    target = TargetFactory(label="one")
    for here, wins in ((dataset, 15), (other, 5)):
        run = RunFactory(dataset=here, target=target)
        for n, scenario in enumerate(here.scenarios.order_by("pk")):
            answered(run, scenario, "value_1" if n % 20 < wins else "value_2")
    choice, found = compared(study, what="prompt")
    assert {choice.label(side) for side in (choice.first, choice.second)} == {
        "generation/outline v1",
        "generation/outline own words abcdef01",
    }
    assert found.results["paired"] is False
