"""What a steering does: a target's steered run against its default one, on the trials that both decided, kept as a snapshot."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import numpy as np
from django.db.models import Max, QuerySet
from numpy.typing import NDArray

from conflictscope.stats.correction import corrected_steering
from conflictscope.stats.steering import SteeredRun as Choices
from conflictscope.stats.steering import alignments, holm, steering_effect
from conflictscope.stats.types import Estimate
from conflictscope.studies.models import Study
from evaluation.measures.decisions import Decider, Decisions, Trials, chances_of, decider_of, trials_of
from evaluation.models import Comparison, Judgement, Run
from evaluation.rankings import corrections
from evaluation.rankings.fitting import REPLICATES, SEED, Work

CODE = "3: lambda by those who were drawn"  # what the same inputs came to by; it changes with the arithmetic


@dataclass(frozen=True, slots=True)
class DefaultAndSteered:
    """A target's run without a steering and one with, of one dataset, mode, scope, seed, user simulator and judge."""

    default: Run
    steered: Run


def decided_runs(study: Study) -> QuerySet[Run]:
    """The study's own runs in which something was decided, of all its datasets, with what a table of effects shows."""
    decided = Judgement.objects.filter(response__run__study=study).values("response__run")
    return (
        study.runs.filter(pk__in=decided, imported=False)
        .select_related("study", "dataset__value_set_version__value_set", "target__endpoint", "judge__endpoint")
        .select_related("user_simulator", "steering__target_ranking", "steering__study")
        .prefetch_related("steering__target_ranking__positions__value")
        .order_by("dataset__name", "mode", "target__label", "steering__name", "pk")
    )


def default_and_steered(runs: Collection[Run]) -> list[DefaultAndSteered]:
    """Each steered run that has its default one, in the order of the runs."""
    defaults = {_like(run): run for run in runs if run.steering_id is None and not run.imported}
    return [
        DefaultAndSteered(defaults[_like(run)], run)
        for run in runs
        if run.steering_id is not None and _like(run) in defaults
    ]


def _like(run: Run) -> tuple[Any, ...]:
    return run.dataset_id, run.mode, run.target_id, run.scope, run.seed, run.user_simulator_id, run.judge_id


def target_of(run: Run) -> dict[str, int]:
    """The rank of each value in the order that the run was steered by; empty where its prompt stands for none."""
    ranking = run.steering.target_ranking if run.steering else None
    return {position.value.key: position.rank for position in ranking.positions.all()} if ranking else {}


def work_out(both: DefaultAndSteered, *, replicates: int = REPLICATES, seed: int = SEED) -> tuple[Comparison, bool]:
    """Alignment without and with the steering, the effect and its test; where people decided conversations of both runs, corrected for
    the judge as well. The same decisions find the same snapshot; the second result says whether it was worked out now."""
    work = work_of(both, target_of(both.steered), replicates=replicates, seed=seed)
    for run in (both.default, both.steered):
        corrections.tell(run, run.judge, trials_of(run))
    key = {
        "first": both.default,
        "second": both.steered,
        "inputs_digest": work.inputs,
        "parameters_digest": _sha(json.dumps(work.parameters, sort_keys=True)),
    }
    if known := Comparison.objects.filter(**key).first():
        return known, False
    defaults = {
        "study": both.steered.study,
        "dataset": both.steered.dataset,
        "parameters": work.parameters,
        "results": work.fit(),
    }
    return Comparison.objects.get_or_create(**key, defaults=defaults)


def work_of(both: DefaultAndSteered, target: dict[str, int], *, replicates: int, seed: int) -> Work:
    """How the effect would be worked out of what the two runs' trials are now."""
    before, after = trials_of(both.default), trials_of(both.steered)
    own = decider_of(both.steered)
    parameters = {"what": "steering", "replicates": replicates, "seed": seed, "target": target, "code": CODE}
    sides = [trials.by(decider) for decider in (own, Decider.PEOPLE) for trials in (before, after)]
    correctable = own == Decider.JUDGE and bool(before.by_people and after.by_people)
    # What judges were tuned on corrects none.
    correction = _Correction.of(before.without_dev(), after.without_dev(), target) if correctable else None

    def fit() -> dict[str, Any]:
        counts = alignments(_choices(sides[0]), _choices(sides[1]), target=target)
        effect = steering_effect(counts, rng=np.random.default_rng(seed), resamples=replicates)
        results: dict[str, Any] = {"steering": effect.as_dict(), "corrected": None}
        if correction:
            results["corrected"] = correction.effect().as_dict()
        return results

    inputs = _sha(" ".join([*(side.digest for side in sides), correction.digest if correction else ""]))
    return Work(own, inputs, parameters, fit)


def work_out_all(
    runs: Collection[Run],
    *,
    replicates: int = REPLICATES,
    seed: int = SEED,
    progress: Callable[[], object] | None = None,
) -> int:
    """Every effect that these runs have, where their order is known. Returns how many were worked out now; `progress` after each."""
    fresh = 0
    for both in default_and_steered(runs):
        if target_of(both.steered):
            fresh += work_out(both, replicates=replicates, seed=seed)[1]
        if progress:
            progress()
    return fresh


@dataclass(frozen=True, slots=True)
class Effect:
    """One row: what a steering does to one target in one mode. `comparison`: None where it was not worked out yet.

    Attributes:
        adjusted: the p-value after Holm over all rows of its mode; None without a test.
        ranked: whether the steering carries an order, so that there is an alignment at all.
        stale: whether something was judged since it was worked out.
    """

    run: Run
    default: Run
    comparison: Comparison | None
    adjusted: float | None
    ranked: bool
    stale: bool

    @property
    def found(self) -> Mapping[str, Any] | None:
        return self.comparison.results["steering"] if self.comparison else None

    @property
    def corrected(self) -> Mapping[str, Any] | None:
        return self.comparison.results["corrected"] if self.comparison else None


def effects_of(runs: Collection[Run]) -> list[Effect]:
    """The newest snapshot of each steered run's effect, as far as it has its default one; nothing is worked out.

    P-values are adjusted over the targets, datasets and steerings of one mode.
    """
    twos = default_and_steered(runs)
    newest = _newest(twos)
    judged = _last_judged([run for both in twos for run in (both.default, both.steered)])
    adjusted: dict[int, float | None] = {}
    for mode in Run.Mode.values:
        worked_out = [
            newest[both.steered.pk] for both in twos if both.steered.mode == mode and both.steered.pk in newest
        ]
        p_values = holm([each.results["steering"]["p_value"] for each in worked_out])
        adjusted |= zip((each.second_id for each in worked_out), p_values, strict=True)
    return [
        Effect(
            run=both.steered,
            default=both.default,
            comparison=newest.get(both.steered.pk),
            adjusted=adjusted.get(both.steered.pk),
            ranked=bool(both.steered.steering and both.steered.steering.target_ranking_id),
            stale=(known := newest.get(both.steered.pk)) is not None
            and any(judged[run.pk] > known.created_at for run in (both.default, both.steered) if run.pk in judged),
        )
        for both in twos
    ]


def _newest(twos: Collection[DefaultAndSteered]) -> dict[int, Comparison]:
    """By the steered run's id."""
    default = {both.steered.pk: both.default.pk for both in twos}
    comparisons = Comparison.objects.filter(second__in=default, parameters__what="steering")
    newest = comparisons.order_by().values("first", "second").annotate(newest=Max("pk"))
    rows = Comparison.objects.filter(pk__in=newest.values("newest"))
    return {row.second_id: row for row in rows if default[row.second_id] == row.first_id}


def _last_judged(runs: Collection[Run]) -> dict[int, datetime]:
    rows = Judgement.objects.filter(response__run__in=runs).order_by().values_list("response__run")
    return dict(rows.annotate(Max("created_at")))


def _choices(decisions: Decisions) -> Choices:
    return Choices(
        scenario=decisions.scenario,
        # The slot of a conversation is its sample: the order there is the one in which a judge saw the actions.
        slot=[
            (order if decisions.decider == Decider.PARSED else "", sample)
            for order, sample in zip(decisions.order, decisions.sample, strict=True)
        ],
        value_1=decisions.value_1,
        value_2=decisions.value_2,
        choice=list(decisions.choice),
    )


@dataclass(frozen=True, slots=True)
class _Correction:
    """What corrects an effect for the judge: scenarios of ranked pairs that both runs have, and for each what is aligned by default, when
    steered, and decided in both.

    Attributes:
        judge, people: shape (S, 3); of people nan where they did not look at every trial of both runs.
        chances: how likely people were to get each scenario, for both runs; empty where all were as likely, None where nobody knows.
    """

    names: list[str]
    judge: NDArray[np.float64]
    people: NDArray[np.float64]
    chances: dict[str, float] | None

    @classmethod
    def of(cls, before: Trials, after: Trials, target: Mapping[str, int]) -> Self:
        names = sorted(_ranked(before, target) & _ranked(after, target))
        judge, people = (_aligned(before, after, target, names, decider) for decider in (Decider.JUDGE, Decider.PEOPLE))
        partly = {
            name
            for trials in (before, after)
            for name, choice in zip(trials.scenario, trials.people, strict=True)
            if choice is None
        }
        people[[name in partly for name in names]] = np.nan
        return cls(names, judge, people, _joint_chances(before, after, set(names) - partly))

    def effect(self) -> Estimate:
        if self.chances is None:
            return Estimate.undefined(
                "people judged the two runs in different campaigns, with unequal chances, so nobody knows how likely a scenario was "
                "to be in both: have one campaign judge both runs"
            )
        chance = [self.chances.get(name, 1.0) for name in self.names] if self.chances else None
        return corrected_steering(self.judge, self.people, chance=chance)

    @property
    def digest(self) -> str:
        return _sha(json.dumps([self.names, self.judge.tolist(), self.people.tolist(), self.chances], sort_keys=True))


def _aligned(
    before: Trials, after: Trials, target: Mapping[str, int], names: Collection[str], decider: str
) -> NDArray[np.float64]:
    counts = alignments(_choices(before.by(decider)), _choices(after.by(decider)), target=target)
    columns = zip(counts.default, counts.steered, counts.trials, strict=True)
    rows = dict(zip(counts.scenarios, columns, strict=True))
    return np.array([rows.get(name, (0.0, 0.0, 0.0)) for name in names], dtype=float).reshape(-1, 3)


def _joint_chances(before: Trials, after: Trials, decided: Collection[str]) -> dict[str, float] | None:
    """How likely each scenario was to be drawn for people in both runs. One campaign draws a scenario with all of its responses; of two
    campaigns nobody knows how their draws go together, which is of no matter where each drew all scenarios alike."""
    if before.panels != after.panels and (before.chances() or after.chances()):
        return None
    pairs = dict(zip(after.scenario, zip(after.value_1, after.value_2, strict=True), strict=True))
    known = zip(after.scenario, after.probability, strict=True)
    drawn = {name: chance for name, chance in known if chance is not None and name in decided}
    both = {name: pair for name, pair in pairs.items() if name in set(before.scenario)}
    return chances_of(drawn, both)


def _ranked(trials: Trials, target: Mapping[str, int]) -> set[str]:
    """The scenarios whose two values stand on different ranks."""
    columns = zip(trials.scenario, trials.value_1, trials.value_2, strict=True)
    return {
        name
        for name, value_1, value_2 in columns
        if value_1 in target and value_2 in target and target[value_1] != target[value_2]
    }


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
