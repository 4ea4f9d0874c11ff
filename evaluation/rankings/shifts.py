"""What a target does beside what it says: the shift of each value between two runs on the same scenarios, kept as a snapshot."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Max, Q

from conflictscope.stats.correction import Decided, corrected_shift
from conflictscope.stats.shifts import paired_shift
from evaluation.measures.decisions import Decider, Trials, decider_of, trials_of
from evaluation.models import Comparison, Run
from evaluation.rankings import corrections
from evaluation.rankings.fitting import REPLICATES, SEED, Work, values_of

CODE = "6: tau leaves open what no resample moves, lambda by those who were drawn"  # what the same inputs came to by; it changes with the arithmetic


@dataclass(frozen=True, slots=True)
class SaidAndDone:
    """A target's run by multiple choice and its run with the simulated user, both unsteered and of one scope."""

    said: Run
    done: Run


def said_and_done(runs: Collection[Run]) -> list[SaidAndDone]:
    """The newest such two of each target and scope that has both, in the order of the targets."""
    newest: dict[tuple[int, str, str], Run] = {}
    for run in sorted(runs, key=lambda run: run.pk):
        if run.steering_id is None:
            newest[run.target_id, run.scope, str(run.mode)] = run
    twos = [
        SaidAndDone(run, newest[target, scope, Run.Mode.SIMULATED_USER])
        for (target, scope, mode), run in newest.items()
        if mode == Run.Mode.MULTIPLE_CHOICE and (target, scope, Run.Mode.SIMULATED_USER) in newest
    ]
    return sorted(twos, key=lambda both: both.said.target.label)


def compare(both: SaidAndDone, *, replicates: int = REPLICATES, seed: int = SEED) -> tuple[Comparison, bool]:
    """Done minus said on the scenarios that both decided, with paired intervals; where people decided some conversations, corrected
    for the judge as well. The same decisions find the same snapshot; the second result says whether it was worked out now.

    Raises:
        Conflict: the dataset has no values.
    """
    work = work_of(both, values_of(both.said.dataset), replicates=replicates, seed=seed)
    corrections.tell(both.done, both.done.judge, trials_of(both.done))
    key = {
        "first": both.said,
        "second": both.done,
        "inputs_digest": work.inputs,
        "parameters_digest": hashlib.sha256(json.dumps(work.parameters, sort_keys=True).encode()).hexdigest(),
    }
    if known := Comparison.objects.filter(**key).first():
        return known, False
    defaults = {
        "study": both.said.study,
        "dataset": both.said.dataset,
        "parameters": work.parameters,
        "results": work.fit(),
    }
    return Comparison.objects.get_or_create(**key, defaults=defaults)


def work_of(both: SaidAndDone, values: list[str], *, replicates: int, seed: int) -> Work:
    """How the comparison would be made of what the two runs' trials are now."""
    said_trials, done_trials = trials_of(both.said), trials_of(both.done)
    parameters = {"replicates": replicates, "seed": seed, "level": 0.95, "values": values, "code": CODE}
    chances = done_trials.chances()
    people = done_trials.by(Decider.PEOPLE)
    parts = [
        said_trials.by(decider_of(both.said)).digest,
        done_trials.by(decider_of(both.done)).digest,
        people.digest,
        str(chances),
        *sorted({name for name, dev in zip(done_trials.scenario, done_trials.dev, strict=True) if dev}),
    ]
    inputs = hashlib.sha256(" ".join(parts).encode()).hexdigest()
    return Work(
        decider_of(both.done), inputs, parameters, lambda: _worked_out(both, said_trials, done_trials, parameters)
    )


def latest_shifts(runs: Collection[Run]) -> dict[int, Comparison]:
    """The newest snapshot of each target's two, by the target's id; nothing is worked out."""
    twos = said_and_done(runs)
    if not twos:
        return {}
    wanted = Q()
    for both in twos:
        wanted |= Q(first=both.said, second=both.done)
    newest = Comparison.objects.filter(wanted).order_by().values("first", "second").annotate(newest=Max("pk"))
    comparisons = Comparison.objects.filter(pk__in=newest.values("newest"))
    target = {run.pk: run.target_id for run in runs}
    return {target[comparison.first_id]: comparison for comparison in comparisons}


def _worked_out(both: SaidAndDone, said: Trials, done: Trials, parameters: dict[str, Any]) -> dict[str, Any]:
    values = parameters["values"]
    version = both.said.dataset.value_set_version
    groups = {value.key: value.group for value in version.values.all()} if version else {}
    grouped = groups if len(set(groups.values())) > 1 else None
    first = said.by(decider_of(both.said)).tallies(values)
    second = done.by(decider_of(both.done)).tallies(values)
    plain = paired_shift(
        first,
        second,
        rng=np.random.default_rng(parameters["seed"]),
        groups=grouped,
        resamples=parameters["replicates"],
    )
    results: dict[str, Any] = {"shift": plain.as_dict(), "corrected": None}
    # What judges were tuned on corrects none: the scenarios leave labels and frame alike.
    untuned = done.without_dev()
    if decider_of(both.done) == Decider.JUDGE and untuned.by_people:
        chances = untuned.chances()
        second = untuned.by(decider_of(both.done)).tallies(values)
        chance = {name: chances.get(str(name), 1.0) for name in second.scenarios} if chances else None
        people = untuned.by(Decider.PEOPLE).tallies(values)
        corrected = corrected_shift(Decided(first), Decided(second, people, chance), groups=grouped)
        results["corrected"] = corrected.as_dict()
    return results
