"""Rankings as snapshots: the decisions of a run, fitted once with each set of parameters and found again after that."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from django.db.models import Count, F, Max, Q, QuerySet
from django.utils import timezone

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.scenarios.models import Dataset
from conflictscope.stats.bias import action_share, position_bias
from conflictscope.stats.bradley_terry import fit_ranking
from conflictscope.stats.correction import corrected_ranking
from evaluation.measures.decisions import Decider, Decisions, Trials, decider_of, trials_of
from evaluation.models import Judgement, Ranking, Run
from evaluation.running.coverage import in_scope

logger = logging.getLogger(__name__)

Method = Literal["mle", "penalised"]
REPLICATES = 2000
SEED = 0
CODE = "2: order and acting action are covariates"  # what the same inputs came to by; it changes with the arithmetic
MOST_REPLICATES = 100_000


@dataclass(frozen=True, slots=True)
class FittedRun:
    """A run and its ranking by one decider. Where no finite maximum likelihood fit exists, the penalised one stands beside it, by name.

    Attributes:
        corrected: of a run whose conversations a judge decided, the ranking by people alone and the judge's corrected by people's
            decisions, side by side (`CorrectedRanking`); None: people decided nothing.
    """

    run: Run
    ranking: Ranking
    penalised: Ranking | None = None
    corrected: Ranking | None = None
    fresh: bool = False

    @property
    def shown(self) -> Ranking:
        """The fit that has strengths to show, if there is one."""
        return self.penalised or self.ranking

    def by(self, who: str) -> Mapping[str, Any] | None:
        """Strengths, ranks and why there are none: "own", "people" or "corrected"; None where people decided nothing."""
        if who == "own":
            results: Mapping[str, Any] = self.shown.results
            return results
        return self.corrected.results[who] if self.corrected else None


def fit_run(run: Run, *, replicates: int = REPLICATES, seed: int = SEED) -> FittedRun:
    """Rank the values by what the run's target supported, once by each who decided: never by a mixture of them.

    The same decisions with the same parameters find the same snapshot.

    Raises:
        Conflict: the dataset has no values.
        InvalidInput: replicates out of range.
    """
    values = values_of(run.dataset)
    if not 100 <= replicates <= MOST_REPLICATES:
        raise InvalidInput(f"Replicates must be from 100 to {MOST_REPLICATES}, not {replicates}.")
    if seed < 0:
        raise InvalidInput(f"A seed is a whole number from 0, not {seed}.")
    trials = trials_of(run)
    how = _How(values, replicates, seed)
    own = _fit(run, trials.by(decider_of(run)), how)
    if decider_of(run) == Decider.JUDGE and trials.by_people:
        return replace(own, corrected=_corrected(run, trials, how))
    return own


def fit_dataset(
    dataset: Dataset,
    *,
    replicates: int = REPLICATES,
    seed: int = SEED,
    progress: Callable[[], object] | None = None,
) -> list[FittedRun]:
    """Fit every run of a dataset that has decisions; `progress` is called after each.

    Raises:
        Conflict: the dataset has no values.
        NotFound: nothing was evaluated on it yet.
    """
    values_of(dataset)
    runs = list(runs_with_decisions(dataset))
    if not runs:
        raise NotFound(
            f"No target was evaluated on dataset {dataset.slug!r} yet: run evaluate_targets, or start it on the page of runs."
        )
    fitted = []
    for run in runs:
        fitted.append(fit_run(run, replicates=replicates, seed=seed))
        if progress:
            progress()
    return fitted


def runs_with_decisions(dataset: Dataset) -> QuerySet[Run]:
    """Runs on the dataset that have something to rank, one mode after the other."""
    decided = Judgement.objects.filter(response__run__dataset=dataset).values("response__run")
    return (
        Run.objects.filter(pk__in=decided)
        .select_related("study", "dataset", "target__endpoint", "judge__endpoint", "user_simulator", "steering")
        .order_by("mode", "target__label", "pk")
    )


def value_names(dataset: Dataset) -> dict[str, str]:
    """The names of the dataset's values by their keys, in the set's order."""
    version = dataset.value_set_version
    return {value.key: value.name for value in version.values.all()} if version else {}


def values_of(dataset: Dataset) -> list[str]:
    """
    Raises:
        Conflict: the dataset has no values.
    """
    if dataset.value_set_version is None:
        raise Conflict(
            f"Dataset {dataset.slug!r} has no values, so there is nothing to rank: a ranking needs a dataset made for a value "
            "set. For observed agreement and Likert divergence use measure_dataset."
        )
    return [value.key for value in dataset.value_set_version.values.all()]


@dataclass(frozen=True, slots=True)
class _How:
    """What is fixed for all fits of a call: the values in their set's order, the number of replicates, and their seed."""

    values: list[str]
    replicates: int
    seed: int


def _fit(run: Run, decisions: Decisions, how: _How) -> FittedRun:
    ranking, fresh = _snapshot(run, decisions, how, method="mle")
    penalised = None
    if ranking.results["reason"] and ranking.results["counts"]["decided_trials"]:
        penalised, _ = _snapshot(run, decisions, how, method="penalised")
    return FittedRun(run, ranking, penalised, fresh=fresh)


def _corrected(run: Run, trials: Trials, how: _How) -> Ranking:
    """People alone, and the judge corrected by them: on scenarios of which people decided every trial."""
    judge, people = trials.by(Decider.JUDGE), trials.by(Decider.PEOPLE)
    chances = trials.chances()
    digest = hashlib.sha256(f"{judge.digest} {people.digest} {chances}".encode()).hexdigest()
    parameters = {"seed": how.seed, "level": 0.95, "values": how.values, "code": CODE}

    def fit() -> dict[str, Any]:
        by_judge = judge.tallies(how.values)
        results = corrected_ranking(
            by_judge,
            people.tallies(how.values),
            rng=np.random.default_rng(how.seed),
            chance=[chances.get(str(name), 1.0) for name in by_judge.scenarios] if chances else None,
        ).as_dict()
        return {name: results[name] for name in results if name != "judge"}  # it has a snapshot of its own

    return _kept(run, "corrected", digest, parameters, Decider.CORRECTED, fit)[0]


def _snapshot(run: Run, decisions: Decisions, how: _How, *, method: Method) -> tuple[Ranking, bool]:
    parameters = {
        "replicates": how.replicates,
        "seed": how.seed,
        "interval": "bootstrap",
        "level": 0.95,
        "decided_by": decisions.decider,
        "values": how.values,
        "code": CODE,
    }

    def fit() -> dict[str, Any]:
        tallies = decisions.tallies(how.values)
        result = fit_ranking(tallies, rng=np.random.default_rng(how.seed), method=method, resamples=how.replicates)
        return {
            **result.as_dict(),
            "position": position_bias(tallies).as_dict(),
            "acting": action_share(tallies).as_dict(),
        }

    return _kept(run, method, decisions.digest, parameters, decisions.decider, fit)


def _kept(
    run: Run, method: str, inputs: str, parameters: dict[str, Any], decider: str, fit: Callable[[], dict[str, Any]]
) -> tuple[Ranking, bool]:
    """The snapshot of these inputs and parameters, fitted if there is none; and whether it was."""
    key = {
        "run": run,
        "method": method,
        "inputs_digest": inputs,
        "parameters_digest": hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest(),
    }
    if known := Ranking.objects.filter(**key).first():
        known.confirmed_at = timezone.now()
        known.save(update_fields=["confirmed_at"])
        return known, False
    defaults = {
        "study": run.study,
        "dataset": run.dataset,
        "decider": decider,
        "parameters": parameters,
        "results": fit(),
    }
    ranking, created = Ranking.objects.get_or_create(**key, defaults=defaults)
    logger.info("Ranking %s fitted for run %s", ranking.pk, run.pk)
    return ranking, created


def latest_rankings(runs: Collection[Run]) -> dict[int, FittedRun]:
    """The newest snapshot of each run that has one, by the run's id: what pages show without fitting anything."""
    by_run = {run.pk: run for run in runs}
    found = list(Ranking.objects.filter(pk__in=_newest(runs)))
    corrected = {ranking.run_id: ranking for ranking in found if ranking.decider == Decider.CORRECTED}
    own = [ranking for ranking in found if ranking.decider != Decider.CORRECTED]
    without = [ranking.run_id for ranking in own if ranking.results["reason"]]
    twins = {_inputs(twin): twin for twin in _shown(runs).filter(run__in=without, method="penalised").order_by("pk")}
    return {
        ranking.run_id: FittedRun(
            by_run[ranking.run_id], ranking, twins.get(_inputs(ranking)), corrected.get(ranking.run_id)
        )
        for ranking in own
    }


def _shown(runs: Collection[Run]) -> QuerySet[Ranking]:
    return Ranking.objects.filter(run__in=runs).exclude(decider__in=[Decider.MIXED, Decider.PEOPLE])


def _newest(runs: Collection[Run]) -> list[int]:
    """Ids of the snapshots that a fit came to last, of each run by its own decider and corrected by people."""
    plain = _shown(runs).exclude(method="penalised").order_by("confirmed_at", "pk")
    return list({(run, decider): pk for run, decider, pk in plain.values_list("run", "decider", "pk")}.values())


def _inputs(ranking: Ranking) -> tuple[int, str, str]:
    return ranking.run_id, ranking.inputs_digest, ranking.parameters_digest


def stale_runs(runs: Collection[Run]) -> set[int]:
    """Ids of the runs whose ranking would be another if it was fitted now: something was judged after it was fitted, or the
    scenarios in scope are no longer those that it counts. In two queries; runs without a ranking are none of them."""
    own = Ranking.objects.filter(pk__in=_newest(runs)).exclude(decider=Decider.CORRECTED)
    fitted = {
        run: (at, trials) for run, at, trials in own.values_list("run", "confirmed_at", "results__counts__trials")
    }
    own_word = Q(source=Judgement.Source.PARSED) | Q(judge=F("response__run__judge"))
    counted = own_word & in_scope(runs, via="response__")
    told = own_word | Q(source=Judgement.Source.HUMAN)
    now = (
        Judgement.objects.filter(response__run__in=list(fitted))
        .order_by()
        .values_list("response__run")
        .annotate(last=Max("created_at", filter=told), trials=Count("pk", filter=counted))
    )
    return {run for run, last, trials in now if (last and last > fitted[run][0]) or trials != fitted[run][1]}
