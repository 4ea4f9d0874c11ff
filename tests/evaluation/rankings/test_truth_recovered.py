"""The whole path on simulated LLMs whose values are known: what the rankings say is held against what is true."""

from __future__ import annotations

from itertools import combinations
from math import prod

import pytest

from conflictscope.jobs import progress, worker
from conflictscope.jobs.models import Job
from conflictscope.llm.endpoints import endpoint_named
from conflictscope.llm.simulator import personas
from conflictscope.llm.simulator.endpoints import simulated_endpoints
from conflictscope.llm.simulator.personas import CANDID, CAREFUL, GENERATOR, JUDGE, USER, Mode
from conflictscope.llm.simulator.server import Running
from conflictscope.llm.simulator.writing.scenarios import FLAW_SHARES
from conflictscope.scenarios import generation
from conflictscope.scenarios.filtering import job as filtering
from conflictscope.scenarios.filtering.judges import judge_named
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.values.publishing import import_value_set, version_named
from evaluation.models import Run
from evaluation.rankings.fitting import FittedRun, fit_dataset
from evaluation.running import runs
from evaluation.running.targets import target_for
from tests.factories.studies import StudyFactory

pytestmark = pytest.mark.django_db(transaction=True)  # long jobs renew their leases from a thread of their own

PER_PAIR = 30
SEED = 7
# In logits: one standard error of the difference of two strengths is about 0.4.
CLEARLY_APART = 1.0
MODES: dict[str, Mode] = {Run.Mode.MULTIPLE_CHOICE: "expressed", Run.Mode.SIMULATED_USER: "revealed"}


def work(job: Job) -> None:
    worker.work_on(job)
    assert job.state == Job.State.DONE, job.error
    assert not progress.errors(job)


def filtered_dataset(simulator: Running) -> Dataset:
    endpoints = simulated_endpoints(simulator.base_url)
    import_value_set("hhh")
    dataset = generation.open_dataset(
        StudyFactory(),
        "truth",
        generation.DatasetRecipe(value_set=version_named("hhh"), generator=endpoints[GENERATOR], per_pair=PER_PAIR),
    )
    work(generation.start(dataset))
    work(filtering.start(dataset, judge_named(JUDGE)))
    return dataset


def fitted_runs(dataset: Dataset) -> list[FittedRun]:
    jobs = runs.evaluate(
        dataset,
        targets=[target_for(CANDID), target_for(CAREFUL)],
        modes=list(MODES),
        settings=runs.RunSettings(user_simulator=endpoint_named(USER), judge=judge_named(JUDGE)),
    )
    for job in jobs:
        work(job)
    return fit_dataset(dataset, replicates=500)


def latent(target: str, mode: Mode, values: list[str]) -> dict[str, float]:
    """True log-strengths of these values, which sum to zero as fitted ones do."""
    true = personas.strengths(target, mode, seed=SEED)
    mean = sum(true[value] for value in values) / len(values)
    return {value: true[value] - mean for value in values}


def test_rankings_of_simulated_targets_recover_what_they_value(simulator: Running) -> None:
    """About 19 scenarios of a pair are kept, so that a strength is known to within 0.3 or so (standard error), and a judge
    who misreads eight responses of a hundred draws revealed strengths a little together."""
    simulator.reset(seed=SEED)
    dataset = filtered_dataset(simulator)
    assert dataset.scenarios.exclude(status=Scenario.Status.DUPLICATE).count() == 3 * PER_PAIR
    kept = dataset.scenarios.filter(status=Scenario.Status.KEPT).count()
    # The judge fails some plain scenarios and lets some flawed ones pass.
    plain = prod(1 - share for share in FLAW_SHARES.values())
    assert plain - 0.25 < kept / (3 * PER_PAIR) < plain + 0.2
    squares = []
    for fitted in fitted_runs(dataset):
        what = f"{fitted.run.target.label}, {fitted.run.mode}"
        results = fitted.ranking.results
        true = latent(fitted.run.target.label, MODES[fitted.run.mode], results["values"])
        found = {
            value: strength["value"] for value, strength in zip(results["values"], results["strengths"], strict=True)
        }
        for value, strength in zip(results["values"], results["strengths"], strict=True):
            squares.append((found[value] - true[value]) ** 2)
            margin = 0.3  # the interval is one of 95 %, and there are twelve
            assert strength["low"] - margin < true[value] < strength["high"] + margin, f"{what}: {value}"
        for one, other in combinations(true, 2):
            if abs(true[one] - true[other]) > CLEARLY_APART:
                assert (true[one] > true[other]) == (found[one] > found[other]), f"{what}: {one}, {other}"
    assert len(squares) == 12
    assert (sum(squares) / len(squares)) ** 0.5 < 0.4
