"""The pages of a dataset's jobs lead to the dataset, and say what came of them."""

from __future__ import annotations

import pytest
from django.test import Client

from conflictscope.jobs.models import Job
from conflictscope.scenarios.models import Dataset, PairYield
from evaluation.models import Response, Run, Target
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged

pytestmark = pytest.mark.django_db


def done(dataset: Dataset, kind: str, **parameters: int) -> Job:
    return Job.objects.create(
        study=dataset.study,
        kind=kind,
        subject=f"dataset {dataset.pk}",
        title="Work",
        parameters={"dataset": dataset.pk, **parameters},
        state=Job.State.DONE,
    )


@pytest.fixture
def dataset() -> Dataset:
    dataset = DatasetFactory(name="Bakery", recipe={"per_pair": 4})
    first = ScenarioFactory(dataset=dataset, domain="work")
    for position in (1, 2):
        ScenarioFactory(
            dataset=dataset,
            status="duplicate",
            duplicate_of=first,
            nearest=first,
            similarity=0.9,
            position=position,
        )
    return dataset


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("scenarios.generate", "Helpfulness – Honesty is short: 1 of 4, and 2 duplicates. Below the floor."),
        ("scenarios.dedup", "2 have an earlier one to compare with"),
        ("scenarios.filter", "Realism: 100% "),
        ("scenarios.tag_domains", "1 work"),
        ("scenarios.embed_descriptions", "Bakery: 3 scenarios"),
    ],
)
def test_a_job_that_is_done_leads_to_its_dataset_and_says_what_came_of_it(
    client: Client, dataset: Dataset, kind: str, says: str
) -> None:
    judge = JudgeFactory()
    judged(dataset.scenarios.earliest("pk"), judge)
    values = dataset.value_set_version.values.all()
    PairYield.objects.create(
        dataset=dataset,
        value_1=values[0],
        value_2=values[1],
        wanted=4,
        asked=30,
        usable=1,
        duplicates=2,
        recent_asked=20,
        recent_usable=0,
        ended=PairYield.Ended.FLOOR,
        reason="Below the floor.",
    )
    client.force_login(dataset.study.created_by)
    job = done(dataset, kind, judge=judge.pk)
    text = client.get(job.get_absolute_url()).text
    assert f'Works on <a href="{dataset.get_absolute_url()}">Bakery</a>' in text
    assert says in text
    assert "2 duplicate" in text or kind == "scenarios.tag_domains"


def test_an_evaluation_leads_to_its_run(client: Client, dataset: Dataset) -> None:
    target = Target.objects.create(endpoint=EndpointFactory(), label="parrot")
    run = Run.objects.create(study=dataset.study, dataset=dataset, mode="multiple_choice", target=target, scope="all")
    Response.objects.create(run=run, scenario=dataset.scenarios.earliest("pk"), outcome="answered")
    client.force_login(dataset.study.created_by)
    text = client.get(done(dataset, "evaluation.evaluate", run=run.pk).get_absolute_url()).text
    assert f'Works on <a href="{run.get_absolute_url()}">' in text
    assert "Work: 1 responses, 0 decided" in text


def test_a_job_whose_dataset_is_gone_has_a_page(client: Client, dataset: Dataset) -> None:
    client.force_login(dataset.study.created_by)
    job = done(dataset, "scenarios.filter")
    Job.objects.update(parameters={"dataset": 0})
    assert client.get(job.get_absolute_url()).status_code == 200
