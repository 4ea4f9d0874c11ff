"""Rankings as snapshots: the decisions of a run, fitted once with each set of parameters and found again after that."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from django.contrib.auth.models import User
from django.db.models import Count, F, Max, Q, QuerySet
from django.utils import timezone

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.scenarios.models import Dataset, Judge
from conflictscope.stats.bias import action_share, position_bias
from conflictscope.stats.bradley_terry import fit_ranking
from conflictscope.stats.correction import corrected_ranking
from evaluation.measures.decisions import Decider, Decisions, Trials, decider_of, trials_of
from evaluation.models import Judgement, Ranking, Run
from evaluation.rankings import corrections
from evaluation.running.coverage import in_scope

logger = logging.getLogger(__name__)

Method = Literal["mle", "penalised"]
REPLICATES = 2000
SEED = 0
CODE = "4: lambda by those who were drawn"  # what the same inputs came to by; it changes with the arithmetic
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


def fit_run(
    run: Run,
    *,
    replicates: int = REPLICATES,
    seed: int = SEED,
    judge: Judge | None = None,
    by: User | None = None,
) -> FittedRun:
    """Rank the values by what the run's target supported, once by each who decided: never by a mixture of them.

    The same decisions with the same parameters find the same snapshot.

    Args: judge: another than the run's own, by whose decisions to rank. by: who asks for it: to correct a judge by sealed labels opens
        their test, and its log names the person.
    Raises:
        Conflict: the dataset has no values.
        InvalidInput: replicates out of range.
    """
    values = values_of(run.dataset)
    if not 100 <= replicates <= MOST_REPLICATES:
        raise InvalidInput(f"Replicates must be from 100 to {MOST_REPLICATES}, not {replicates}.")
    if seed < 0:
        raise InvalidInput(f"A seed is a whole number from 0, not {seed}.")
    other = judge if judge is not None and judge.pk != run.judge_id else None
    trials = trials_of(run, judge=other.pk if other else None)
    how = _How(values, replicates, seed, other)
    own = _fit(run, trials.by(decider_of(run)), how)
    if decider_of(run) == Decider.JUDGE and trials.without_dev().by_people:
        corrections.tell(run, other or run.judge, trials, by=by)
        return replace(own, corrected=_kept(run, "corrected", _correction(trials, how), how)[0])
    return own


def fit_dataset(
    dataset: Dataset,
    *,
    replicates: int = REPLICATES,
    seed: int = SEED,
    by: User | None = None,
    progress: Callable[[], object] | None = None,
) -> list[FittedRun]:
    """Fit every run of a dataset that has decisions, by each judge that decided there; `progress` is called after each run.

    Args: by: as of `fit_run`.

    Returns: what each run comes to by its own judge.

    Raises:
        Conflict: the dataset has no values.
        NotFound: nothing was evaluated on it yet.
    """
    values_of(dataset)
    runs = list(runs_with_decisions(dataset))
    if not runs:
        if dataset.runs.filter(import_unfinished=True).exists():
            raise NotFound(
                f"All that targets did on dataset {dataset.slug!r} is imported by half: import the same file again to add the rest."
            )
        raise NotFound(
            f"No target was evaluated on dataset {dataset.slug!r} yet: run evaluate_targets, or start it on the page of runs."
        )
    fitted = []
    others = other_judges(runs)
    for run in runs:
        fitted.append(fit_run(run, replicates=replicates, seed=seed, by=by))
        for judge in others.get(run.pk, ()):
            fit_run(run, replicates=replicates, seed=seed, judge=judge, by=by)
        if progress:
            progress()
    return fitted


def other_judges(runs: Collection[Run]) -> dict[int, list[Judge]]:
    """Judges other than a run's own that decided some of its responses, by the run's id."""
    runs_and_judges = (
        Judgement.objects.filter(response__run__in=runs, source=Judgement.Source.JUDGE)
        .exclude(judge=F("response__run__judge"))
        .order_by()
        .values_list("response__run", "judge")
        .distinct()
    )
    others: dict[int, list[Judge]] = defaultdict(list)
    twos = sorted(runs_and_judges)
    judges = Judge.objects.select_related("endpoint").in_bulk({judge for _, judge in twos})
    for run, judge in twos:
        others[run].append(judges[judge])
    return dict(others)


def runs_with_decisions(dataset: Dataset) -> QuerySet[Run]:
    """Runs on the dataset that have something to rank, one mode after the other; none that is imported by half."""
    decided = Judgement.objects.filter(response__run__dataset=dataset).values("response__run")
    return (
        Run.objects.whole()
        .filter(pk__in=decided)
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
    judge: Judge | None = None

    @property
    def named(self) -> dict[str, Any]:
        """The judge among the parameters, where it is not the run's own."""
        return {"judge": self.judge.name} if self.judge else {}


@dataclass(frozen=True, slots=True)
class Work:
    """A snapshot before it is one: what it would be found by, and how it is worked out."""

    decider: str
    inputs: str
    parameters: dict[str, Any]
    fit: Callable[[], dict[str, Any]]


def work_of(ranking: Ranking) -> Work:
    """How a snapshot would be made today, from what its run's trials are now, with its own parameters and today's arithmetic."""
    run, parameters = ranking.run, ranking.parameters
    trials = trials_of(run, judge=ranking.judge_id)
    how = _How(
        list(parameters["values"]),
        int(parameters.get("replicates", REPLICATES)),
        int(parameters["seed"]),
        ranking.judge,
    )
    if ranking.decider == Decider.CORRECTED:
        return _correction(trials, how)
    return _plain(trials.by(ranking.decider), how, method="penalised" if ranking.method == "penalised" else "mle")


def _fit(run: Run, decisions: Decisions, how: _How) -> FittedRun:
    ranking, fresh = _kept(run, "mle", _plain(decisions, how, method="mle"), how)
    penalised = None
    if ranking.results["reason"] and ranking.results["counts"]["decided_trials"]:
        penalised, _ = _kept(run, "penalised", _plain(decisions, how, method="penalised"), how)
    return FittedRun(run, ranking, penalised, fresh=fresh)


def _correction(trials: Trials, how: _How) -> Work:
    """People alone, and the judge corrected by them: on scenarios of which people decided every trial.

    Scenarios whose labels judges were tuned on have no part in it, neither as labels nor in the frame.
    """
    trials = trials.without_dev()
    judge, people = trials.by(Decider.JUDGE), trials.by(Decider.PEOPLE)
    chances = trials.chances()
    digest = hashlib.sha256(f"{judge.digest} {people.digest} {chances}".encode()).hexdigest()
    parameters = {"seed": how.seed, "level": 0.95, "values": how.values, "code": CODE, **how.named}

    def fit() -> dict[str, Any]:
        by_judge = judge.tallies(how.values)
        results = corrected_ranking(
            by_judge,
            people.tallies(how.values),
            rng=np.random.default_rng(how.seed),
            chance=[chances.get(str(name), 1.0) for name in by_judge.scenarios] if chances else None,
        ).as_dict()
        return {name: results[name] for name in results if name != "judge"}  # it has a snapshot of its own

    return Work(Decider.CORRECTED, digest, parameters, fit)


def _plain(decisions: Decisions, how: _How, *, method: Method) -> Work:
    parameters = {
        "replicates": how.replicates,
        "seed": how.seed,
        "interval": "bootstrap",
        "level": 0.95,
        "decided_by": decisions.decider,
        "values": how.values,
        "code": CODE,
        **how.named,
    }

    def fit() -> dict[str, Any]:
        tallies = decisions.tallies(how.values)
        result = fit_ranking(tallies, rng=np.random.default_rng(how.seed), method=method, resamples=how.replicates)
        return {
            **result.as_dict(),
            "position": position_bias(tallies).as_dict(),
            "acting": action_share(tallies).as_dict(),
        }

    return Work(decisions.decider, decisions.digest, parameters, fit)


def _kept(run: Run, method: str, work: Work, how: _How) -> tuple[Ranking, bool]:
    """The snapshot of these inputs and parameters, fitted if there is none; and whether it was."""
    key = {
        "run": run,
        "method": method,
        "inputs_digest": work.inputs,
        "parameters_digest": hashlib.sha256(json.dumps(work.parameters, sort_keys=True).encode()).hexdigest(),
    }
    if known := Ranking.objects.filter(**key).first():
        known.confirmed_at = timezone.now()
        known.save(update_fields=["confirmed_at"])
        return known, False
    defaults = {
        "study": run.study,
        "dataset": run.dataset,
        "decider": work.decider,
        "judge": how.judge,
        "parameters": work.parameters,
        "results": work.fit(),
    }
    ranking, created = Ranking.objects.get_or_create(**key, defaults=defaults)
    logger.info("Ranking %s fitted for run %s", ranking.pk, run.pk)
    return ranking, created


def latest_rankings(runs: Collection[Run], *, judge: Judge | None = None) -> dict[int, FittedRun]:
    """The newest snapshot of each run that has one, by the run's id: what pages show without fitting anything.

    Args: judge: by whose decisions conversations are ranked; None: by those of each run's own judge.
    """
    by_run = {run.pk: run for run in runs}
    newest = list(Ranking.objects.filter(pk__in=_newest(runs, judge)))
    corrected = {ranking.run_id: ranking for ranking in newest if ranking.decider == Decider.CORRECTED}
    plain = [ranking for ranking in newest if ranking.decider != Decider.CORRECTED]
    without = [ranking.run_id for ranking in plain if ranking.results["reason"]]
    penalised = _shown(runs, judge).filter(run__in=without, method="penalised").order_by("pk")
    twins = {_inputs(twin): twin for twin in penalised}
    return {
        ranking.run_id: FittedRun(
            by_run[ranking.run_id], ranking, twins.get(_inputs(ranking)), corrected.get(ranking.run_id)
        )
        for ranking in plain
    }


def _shown(runs: Collection[Run], judge: Judge | None) -> QuerySet[Ranking]:
    """Those by a judge; None: by each run's own."""
    snapshots = Ranking.objects.filter(run__in=runs).exclude(decider__in=[Decider.MIXED, Decider.PEOPLE])
    own = Q(judge__isnull=True)
    if judge is None:
        return snapshots.filter(own)
    return snapshots.filter(own & (Q(run__judge=judge) | Q(run__judge__isnull=True)) | Q(judge=judge))


def _newest(runs: Collection[Run], judge: Judge | None) -> list[int]:
    """Ids of the snapshots that a fit came to last, of each run by its own decider and corrected by people."""
    plain = _shown(runs, judge).exclude(method="penalised").order_by("confirmed_at", "pk")
    return list({(run, decider): pk for run, decider, pk in plain.values_list("run", "decider", "pk")}.values())


def _inputs(ranking: Ranking) -> tuple[int, str, str]:
    return ranking.run_id, ranking.inputs_digest, ranking.parameters_digest


def stale_runs(runs: Collection[Run]) -> set[int]:
    """Ids of the runs whose ranking would be another if it was fitted now: something was judged after it was fitted, or the
    scenarios in scope are no longer those that it counts. In two queries; runs without a ranking are none of them."""
    own = Ranking.objects.filter(pk__in=_newest(runs, None)).exclude(decider=Decider.CORRECTED)
    fitted = {
        run: (at, trials) for run, at, trials in own.values_list("run", "confirmed_at", "results__counts__trials")
    }
    own_word = Q(source=Judgement.Source.PARSED) | Q(judge=F("response__run__judge"))
    counted = own_word & in_scope(runs, via="response__")
    relevant = own_word | Q(source=Judgement.Source.HUMAN)
    now = (
        Judgement.objects.filter(response__run__in=list(fitted))
        .order_by()
        .values_list("response__run")
        .annotate(last=Max("created_at", filter=relevant), trials=Count("pk", filter=counted))
    )
    return {run for run, last, trials in now if (last and last > fitted[run][0]) or trials != fitted[run][1]}
