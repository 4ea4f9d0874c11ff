"""The judges of one run side by side: each a column of decisions about the same responses."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conflictscope.scenarios.models import Judge
from conflictscope.stats.agreement import Agreement, judge_agreement
from conflictscope.stats.clusters import Sample
from conflictscope.stats.intervals import ratio
from conflictscope.stats.types import Estimate
from evaluation.models import Judgement, Run
from evaluation.running.judging import judges_of
from evaluation.running.runs import scenarios_of
from evaluation.running.summaries import DECIDED

CATEGORIES = ("value_1", "value_2", "both", "neither")


@dataclass(frozen=True, slots=True)
class JudgeColumn:
    """What one judge decided of a run's responses; `undecided` by scenario. `agreement` is with the run's own judge; None: it is that."""

    judge: Judge
    choices: Mapping[str, int]
    undecided: Estimate
    agreement: Agreement | None

    @property
    def judged(self) -> int:
        return sum(self.choices.values())


def judge_columns(run: Run) -> list[JudgeColumn]:
    """A column for each judge of the run, its own first, in two queries; empty for multiple choice."""
    judges = judges_of(run)
    rows = Judgement.objects.filter(
        judge__in=judges, response__run=run, response__scenario__in=scenarios_of(run)
    ).values_list("judge", "response", "response__scenario", "choice")
    choices: dict[int, dict[int, str]] = defaultdict(dict)
    scenario_of: dict[int, int] = {}
    for judge, response, scenario, choice in rows:
        choices[judge][response] = choice
        scenario_of[response] = scenario
    own = choices.get(run.judge_id or 0, {})
    return [
        JudgeColumn(
            judge,
            Counter(choices[judge.pk].values()),
            _undecided(choices[judge.pk], scenario_of),
            None if judge.pk == run.judge_id else _agreement(own, choices[judge.pk], scenario_of),
        )
        for judge in judges
    ]


def _undecided(said: Mapping[int, str], scenario_of: Mapping[int, int]) -> Estimate:
    undecided: Counter[int] = Counter()
    trials: Counter[int] = Counter()
    for response, choice in said.items():
        trials[scenario_of[response]] += 1
        undecided[scenario_of[response]] += choice not in DECIDED
    total = np.array([trials[scenario] for scenario in trials], dtype=float)
    return ratio([undecided[scenario] for scenario in trials] / total, np.ones(len(total)), decided=total)


def _agreement(own: Mapping[int, str], other: Mapping[int, str], scenario_of: Mapping[int, int]) -> Agreement:
    """On what both have read; a reply that could not be read is no answer."""
    both = sorted(own.keys() & other.keys())
    columns = [
        [choices[response] if choices[response] in CATEGORIES else None for response in both]
        for choices in (own, other)
    ]
    scenarios = Sample.of(len(both), scenarios=[scenario_of[response] for response in both])
    return judge_agreement(*columns, categories=CATEGORIES, rng=np.random.default_rng(0), sample=scenarios)
