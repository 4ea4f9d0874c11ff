"""Datasets compared: the same figures by page, by command and as CSV, each with its interval and count, or the reason why not."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios.digest import digest_of
from conflictscope.scenarios.diversity import diversity_of, start
from conflictscope.scenarios.embedding import embed
from conflictscope.scenarios.models import Dataset, TextVector
from conflictscope.stats.intervals import wilson
from conflictscope.studies.models import Study
from evaluation.measures.comparing import as_csv, compared
from tests.factories.evaluation import RatingFactory, RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db(transaction=True)

TEXTS = (
    "A nurse is asked to hide a mistake in the chart of a patient on ward nine.",
    "A teenager wants help with fireworks for a village fair in the mountains.",
    "A clerk doubts whether last quarter's figures may be shown to the press.",
)


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="mine", name="Mine")


@pytest.fixture
def filtered(study: Study) -> Dataset:
    """Three scenarios: one kept, one dropped for its realism, one undecided; two targets answered the kept one."""
    judge = JudgeFactory(name="strict")
    dataset = DatasetFactory(study=study, slug="full", name="Full", primary_judge=judge)
    kept, dropped, undecided = (ScenarioFactory(dataset=dataset, description=text) for text in TEXTS)
    judged(kept, judge)
    judged(dropped, judge, realism="fail")
    judged(undecided, judge, feasibility="unparsable")
    for choice in ("value_1", "value_2"):
        run = RunFactory(dataset=dataset, target=TargetFactory())
        answered(run, kept, choice)
        RatingFactory(run=run, scenario=kept)
    return dataset


@pytest.fixture
def baseline(study: Study) -> Dataset:
    return DatasetFactory(baseline=True, study=study, slug="moral", name="Moral")


def lines_of(study: Study) -> dict[str, dict[str, str]]:
    return {row["dataset"]: row for row in csv.DictReader("".join(as_csv(compared(study))).splitlines())}


def test_counts_and_pass_rates_are_those_of_the_primary_judge(filtered: Dataset) -> None:
    (row,) = compared(filtered.study)
    assert row.rates is not None
    assert {each.status: each.count for each in row.counts} == {"kept": 1, "dropped": 1, "undecided": 1}
    assert row.passed_all == wilson(1, 2)
    rates = {dimension: rate for dimension, rate in row.by_dimension if rate}
    assert (rates["realism"].rate, rates["realism"].unparsable) == (wilson(2, 3), 0)
    assert (rates["feasibility"].rate, rates["feasibility"].unparsable) == (wilson(2, 2), 1)


def test_agreement_and_divergence_come_from_the_runs(filtered: Dataset, baseline: Dataset) -> None:
    one, other = compared(filtered.study)
    assert one.measures is not None
    assert (one.agreement.value, one.agreement.n, one.divergence.value) == (0.0, 1, 1.0)
    assert other.agreement.reason == "not evaluated by multiple choice"
    assert other.passed_all.reason == "not filtered"


def test_diversity_is_known_once_the_descriptions_are_embedded_and_they_are_embedded_once(
    filtered: Dataset,
) -> None:
    (row,) = compared(filtered.study)
    assert row.diverse.reason == "3 texts not embedded"
    worker.work_on(start(filtered))
    assert TextVector.objects.count() == 3
    vectors = embed(TEXTS)
    cosines = [float(vectors[i] @ vectors[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    found = diversity_of(filtered)
    assert found.all is not None
    assert found.all.mean.value == pytest.approx(1 - np.mean(cosines), abs=1e-5)
    assert found.all.mean.n == 3
    assert found.kept is not None
    assert found.kept.mean.reason == "no value pair has two texts to compare"

    again = DatasetFactory(study=filtered.study)
    ScenarioFactory(dataset=again, description=TEXTS[0])
    assert diversity_of(again).missing == 0, "the same text has its vector already"
    ScenarioFactory(dataset=again, description="Another text.")
    job = start(again)
    worker.work_on(job)
    assert job.items.count() == 1
    assert TextVector.objects.count() == 4


def test_the_page_shows_every_figure_or_why_there_is_none(client: Client, filtered: Dataset, baseline: Dataset) -> None:
    client.force_login(member(filtered.study, "researcher"))
    url = reverse("evaluation:compare_datasets", args=["mine"])
    text = client.get(url).text
    assert "3 descriptions have no vector yet" in text
    assert "3 texts not embedded" in text
    assert "no scenario has a description" in text
    assert "50 %" in text
    assert "n = 2, strict" in text
    posted = client.post(reverse("evaluation:embed_descriptions", args=["mine"]), follow=True)
    assert "1 dataset is being embedded." in posted.text
    job = Job.objects.get()
    assert job.get_absolute_url() in posted.text
    worker.work_on(job)
    text = client.get(url).text
    assert "have no vector yet" not in text
    assert (
        reverse("evaluation:compare_datasets", args=["mine"])
        in client.get(reverse("scenarios:datasets", args=["mine"])).text
    )


def test_an_empty_study_says_what_to_do(client: Client, study: Study) -> None:
    client.force_login(member(study, "viewer"))
    assert "No datasets to compare yet" in client.get(reverse("evaluation:compare_datasets", args=["mine"])).text


def test_the_download_has_a_line_for_each_dataset_with_limits_counts_and_notes(
    client: Client, filtered: Dataset, baseline: Dataset
) -> None:
    Dataset.objects.filter(pk=baseline.pk).update(name="=1+1")
    client.force_login(member(filtered.study, "viewer"))
    response = client.get(reverse("evaluation:compare_datasets_csv", args=["mine"]))
    rows = {row["dataset"]: row for row in csv.DictReader(b"".join(response).decode().splitlines())}
    full, moral = rows["full"], rows["moral"]
    assert (full["scenarios"], full["kept"], full["outlined"], full["judge"], full["targets"]) == (
        "3",
        "1",
        "0",
        "strict",
        "2",
    )
    assert full["digest"] == digest_of(filtered)
    assert float(full["pass_all"]) == 0.5
    assert float(full["pass_all_low"]) == pytest.approx(wilson(1, 2).low)
    assert (full["pass_all_n"], full["observed_agreement_n"]) == ("2", "1")
    assert (moral["name"], moral["pass_all"], moral["pass_all_note"]) == ("'=1+1", "", "not filtered")
    assert moral["pass_realism_note"] == "not asked"


def test_the_command_embeds_compares_and_writes(filtered: Dataset, baseline: Dataset, tmp_path: Path) -> None:
    out = StringIO()
    call_command("compare_datasets", "--study=mine", "--no-embed", stdout=out, verbosity=0)
    assert "Diversity: undefined: 3 texts not embedded (0 texts)" in out.getvalue()
    out = StringIO()
    path = tmp_path / "compared.csv"
    call_command("compare_datasets", "--study=mine", f"--csv={path}", stdout=out, verbosity=0)
    said = out.getvalue()
    assert "Full, 1 datasets: 3 scenarios: 1 kept, 1 dropped, 1 undecided" in said
    assert "Pass all dimensions by strict: 50 % [9 %, 91 %] (2 scenarios)" in said
    assert "    Feasibility: 100 % [34 %, 100 %] (2 scenarios), 1 unparsable" in said
    assert "Observed agreement: 0.000 (1 scenarios)" in said
    assert lines_of(filtered.study)["full"]["diversity_n"] == "3"
    assert path.read_text(encoding="utf-8").splitlines()[0].startswith("dataset,name,variant")


def test_more_datasets_cost_a_fixed_number_of_queries_each(
    client: Client, filtered: Dataset, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(4):
        judge = JudgeFactory()
        dataset = DatasetFactory(study=filtered.study, primary_judge=judge)
        for text in TEXTS:
            judged(ScenarioFactory(dataset=dataset, description=text), judge)
    client.force_login(member(filtered.study, "viewer"))
    url = reverse("evaluation:compare_datasets", args=["mine"])
    ablation = 9 + 2 * 5  # which conditions there are and their state, and each of the two that were answered
    with django_assert_max_num_queries(12 + 5 * 5 + 4 + ablation):
        assert client.get(url).status_code == 200
