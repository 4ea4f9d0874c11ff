"""Estimates beside what the jobs then took: every kind of job, asked of the simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models import Count, Sum

from conflictscope.jobs import worker
from conflictscope.jobs.estimating import StartEstimate, estimate
from conflictscope.jobs.models import CallUse, Job, WorkItem
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.simulator.endpoints import simulated_endpoints
from conflictscope.llm.simulator.server import Running
from conflictscope.scenarios import generation
from conflictscope.scenarios.filtering import job as filtering
from conflictscope.scenarios.models import Dataset, Judge, Scenario
from evaluation.models import Run, Target
from evaluation.running import runs
from evaluation.running.targets import target_for
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.studies import StudyFactory
from tests.factories.values import ValueSetVersionFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def endpoints(simulator: Running) -> dict[str, Endpoint]:
    return simulated_endpoints(simulator.base_url)


@pytest.fixture
def judge(endpoints: dict[str, Endpoint]) -> Judge:
    return JudgeFactory(endpoint=endpoints["sim-judge"])


@pytest.fixture
def dataset(endpoints: dict[str, Endpoint]) -> Dataset:
    dataset = DatasetFactory(slug="hhh", generator=endpoints["sim-generator"])
    ScenarioFactory.create_batch(6, dataset=dataset)
    return dataset


def estimated_and_done(start: Callable[[], Job | Sequence[Job]]) -> tuple[StartEstimate, dict[str, int]]:
    """The estimate; then the jobs done, with what their items were sent and got."""
    rows_before = [Job.objects.count(), WorkItem.objects.count(), Call.objects.count(), Run.objects.count()]
    found = estimate(start)
    assert rows_before == [Job.objects.count(), WorkItem.objects.count(), Call.objects.count(), Run.objects.count()]
    started = start()
    jobs = [started] if isinstance(started, Job) else list(started)
    for job in jobs:
        worker.work_on(job)
        assert job.state == Job.State.DONE
    paid = CallUse.objects.filter(item__job__in=jobs, from_cache=False)
    took = paid.aggregate(calls=Count("pk"), into=Sum("call__tokens_in"), out=Sum("call__tokens_out"))
    return found, took


def test_filtering_is_foreseen_to_the_call_and_by_its_tokens(dataset: Dataset, judge: Judge) -> None:
    found, took = estimated_and_done(lambda: filtering.start(dataset, judge))
    assert found.calls == took["calls"] == 60
    assert found.tokens_in == pytest.approx(took["into"], rel=0.25)  # nothing measured yet: by rule of thumb
    assert took["into"] <= sum(line.most_in for line in found.lines)
    assert found.cost is not None
    assert "are a guess" in " ".join(found.remarks())

    # Scenarios that come later are foreseen by what was measured on these.
    ScenarioFactory.create_batch(4, dataset=dataset)
    found, took = estimated_and_done(lambda: filtering.start(dataset, judge))
    assert found.calls == took["calls"] == 40
    assert found.tokens_in == pytest.approx(took["into"], rel=0.05)
    assert found.tokens_out == pytest.approx(took["out"], rel=0.25)


def test_generation_is_foreseen_with_the_drafts_that_grow_from_its_outlines(endpoints: dict[str, Endpoint]) -> None:
    study, version = StudyFactory(), ValueSetVersionFactory()

    def start() -> Job:
        made = generation.open_dataset(
            study,
            "fresh",
            generation.DatasetRecipe(value_set=version, generator=endpoints["sim-generator"], per_pair=4),
        )
        return generation.start(made)

    found, took = estimated_and_done(start)
    drafts = Scenario.objects.filter(status=Scenario.Status.DRAFTED).count()
    assert found.grown == drafts == 12
    assert found.calls == pytest.approx(took["calls"], abs=4)  # but for rounds that replace duplicates
    assert found.tokens_in == pytest.approx(took["into"], rel=0.25)
    assert "near-duplicates" in " ".join(found.remarks())


def test_both_modes_of_two_targets_are_foreseen_with_the_messages_they_share(
    dataset: Dataset, judge: Judge, endpoints: dict[str, Endpoint]
) -> None:
    targets = [target_for("sim-target-candid"), target_for("sim-target-careful")]

    def start() -> list[Job]:
        return runs.evaluate(
            dataset,
            targets=targets,
            modes=Run.Mode.values,
            settings=runs.RunSettings(scope=Run.Scope.ALL, user_simulator=endpoints["sim-user"], judge=judge),
        )

    found, took = estimated_and_done(start)
    # Two targets: two choices and two ratings of each of six scenarios, an answer and a decision; six openings in all.
    assert found.calls == 2 * 6 * (2 + 2 + 1 + 1) + 6
    assert found.calls == pytest.approx(took["calls"], abs=6)  # answers that happen to be alike are judged once
    assert found.from_log == 6
    assert found.grown == 2 * 6 * 2
    assert found.tokens_in == pytest.approx(took["into"], rel=0.5)  # how long answers are is guessed
    assert "are filled with words of the usual length" in " ".join(found.remarks())

    ScenarioFactory.create_batch(5, dataset=dataset)
    found, took = estimated_and_done(start)
    assert found.tokens_in == pytest.approx(took["into"], rel=0.3)  # it is measured now, on a handful of answers
    assert found.tokens_out == pytest.approx(took["out"], rel=0.35)
    assert (
        estimate(
            lambda: runs.evaluate(
                dataset, targets=targets, modes=["multiple_choice"], settings=runs.RunSettings(scope="all")
            )
        ).calls
        == 0
    )


def test_a_sample_stands_for_many_items(dataset: Dataset, endpoints: dict[str, Endpoint]) -> None:
    ScenarioFactory.create_batch(34, dataset=dataset)
    target = Target.objects.create(label="one", endpoint=endpoints["sim-target-candid"])

    def start() -> list[Job]:
        return runs.evaluate(
            dataset, targets=[target], modes=["multiple_choice"], settings=runs.RunSettings(scope="all")
        )

    whole, part = estimate(start), estimate(start, sample=10)
    assert (whole.asked, part.asked) == (120, 20)
    assert part.calls == whole.calls == 160
    assert part.tokens_in == pytest.approx(whole.tokens_in, rel=0.1)
    assert "Extrapolated from 20 of 120 items" in " ".join(part.remarks())

    # Where time runs out, one item of each step stands for all.
    hasty = estimate(start, seconds=0)
    assert (hasty.asked, hasty.calls) == (2, 160)
    assert hasty.tokens_in == pytest.approx(whole.tokens_in, rel=0.25)
    assert "Extrapolated from 2 of 120 items" in " ".join(hasty.remarks())


def test_what_a_live_job_has_left_is_estimated(dataset: Dataset, judge: Judge) -> None:
    job = filtering.start(dataset, judge)
    first, second = dataset.scenarios.order_by("pk")[:2]
    job.items.create(key=f"scenario {first.pk}", payload={"scenario": first.pk}, state=WorkItem.State.DONE)
    job.items.create(key=f"scenario {second.pk}", payload={"scenario": second.pk})
    assert estimate(lambda: filtering.start(dataset, judge)).items == 5


def test_a_price_or_an_end_that_is_missing_is_said(dataset: Dataset, judge: Judge) -> None:
    Endpoint.objects.filter(pk=judge.endpoint_id).update(price_in=None, parameters={"max_tokens": 200})
    judge.endpoint.refresh_from_db()
    found = estimate(lambda: filtering.start(dataset, judge))
    assert (found.cost, found.most, found.unpriced) == (None, None, ["sim-judge"])
    assert "a budget in US dollars does not bite there" in " ".join(found.remarks())
    Endpoint.objects.filter(pk=judge.endpoint_id).update(price_in=1, price_out=2)
    judge.endpoint.refresh_from_db()
    found = estimate(lambda: filtering.start(dataset, judge))
    assert found.most is not None
    assert found.most >= 60 * 200 * 2 / 1_000_000
    Endpoint.objects.filter(pk=judge.endpoint_id).update(requests_per_minute=30)
    judge.endpoint.refresh_from_db()
    assert estimate(lambda: filtering.start(dataset, judge)).hours == pytest.approx(2 / 60)


def test_the_command_says_what_it_would_cost_and_starts_nothing(dataset: Dataset, judge: Judge) -> None:
    said = StringIO()
    call_command(
        "filter_scenarios",
        study=dataset.study.slug,
        dataset="hhh",
        judge="new-judge",
        endpoint="sim-judge",
        estimate=True,
        stdout=said,
    )
    assert "6 items now" in said.getvalue()
    assert "At most" in said.getvalue()
    assert not Job.objects.exists()
    assert not Judge.objects.filter(name="new-judge").exists()
