"""The same decisions ranked in other ways, each by its name, and ranked in parts: by template, by severity, by domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from conflictscope.scenarios.models import Scenario
from conflictscope.stats.bradley_terry import authors_ranking, fit_ranking, fit_with_ties, undecided_bounds
from conflictscope.stats.contrasts import mean_contrast
from conflictscope.stats.tallies import Tallies
from conflictscope.stats.types import Estimate
from conflictscope.tables import Cell, ResultTable
from evaluation.measures.decisions import Decisions, Trials, decider_of, trials_of
from evaluation.measures.kept import state_of, worked_out
from evaluation.models import Response, Run
from evaluation.rankings.fitting import CODE, SEED, values_of

ARITHMETIC = f"ways 2, {CODE}"
DRAWS = 1000
TEMPLATES = dict(Scenario.Template.choices)
SEVERITIES = {"minor": "Minor", "strong": "Strong"}


@dataclass(frozen=True, slots=True)
class Ways:
    """Tables of one run: by method, and by part; `label` is what has to be said with the paper's own computation."""

    methods: ResultTable
    parts: tuple[ResultTable, ...]
    label: str


def ways_of(run: Run, names: Mapping[str, str]) -> Ways:
    """Kept for the state of the run's rows.

    Raises:
        Conflict: the dataset has no values.
    """
    values = values_of(run.dataset)
    ways: Ways = worked_out(ARITHMETIC, state_of([run]), [run.pk, names], lambda: _ways(run, values, names))
    return ways


def _ways(run: Run, values: list[str], names: Mapping[str, str]) -> Ways:
    trials = trials_of(run)
    decisions = trials.by(decider_of(run))
    tallies = decisions.tallies(values)
    methods, label = _by_method(run, trials, decisions, tallies, names)
    scenario_rows = Scenario.objects.filter(dataset=run.dataset).values_list("uid", "template", "domain")
    template = {uid: name for uid, name, _ in scenario_rows}
    domain = {uid: name for uid, _, name in scenario_rows}
    parts = [
        _by_part("template", "By template", tallies, names, lambda uid: TEMPLATES.get(template[uid], "")),
        _by_part(
            "severity", "By severity", tallies, names, lambda uid: SEVERITIES.get(template[uid].partition("_")[0], "")
        ),
        _by_part("domain", "By domain", tallies, names, lambda uid: domain[uid]),
    ]
    return Ways(methods, tuple(part for part in parts if part is not None), label)


def _by_method(
    run: Run, trials: Trials, decisions: Decisions, tallies: Tallies, names: Mapping[str, str]
) -> tuple[ResultTable, str]:
    values = tallies.values
    plain = fit_ranking(tallies, rng=np.random.default_rng(SEED), interval="sandwich", resamples=DRAWS)
    ties = fit_with_ties(tallies)
    penalised = fit_ranking(tallies, rng=np.random.default_rng(SEED), method="penalised", resamples=1)
    authors: Sequence[Cell] = [Estimate.undefined("nothing was decided")] * len(values)
    label = ""
    if len(decisions):
        as_filed = _as_filed(run, trials, decisions.decider)
        paper = authors_ranking(*as_filed, values=values)
        label = paper.label
        authors = [
            Estimate(theta, low, high, n=paper.trials)
            for theta, low, high in zip(paper.strengths, paper.low, paper.high, strict=True)
        ]
    bounds = undecided_bounds(tallies)
    rows = tuple(
        (
            names.get(value, value),
            plain.strengths[k],
            ties.strengths[k],
            penalised.strengths[k],
            authors[k],
            bounds[k].low,
            bounds[k].high,
        )
        for k, value in enumerate(values)
    )
    about_ties = ties.reason or f"{ties.ties} of {ties.trials} trials were tied"
    table = ResultTable(
        "methods",
        "The same decisions, ranked in other ways",
        (
            *("Value", "Maximum likelihood", "With ties (Davidson)", "Penalised, a drawing aid"),
            *("As the paper's script", "All undecided against it", "All undecided for it"),
        ),
        rows,
        note=f"Ties are answers that took both actions or neither: {about_ties}. The paper's script: {label or 'nothing to compute'}. "
        "The two columns at the end are no confidence limits: they say what the undecided answers could do.",
    )
    return table, label


_OTHER = {"value_1": "value_2", "value_2": "value_1"}


def _as_filed(run: Run, trials: Trials, decider: str) -> tuple[list[str], list[str], list[str | None]]:
    """Values and choices in the order in which the answers came. Of an imported run they are those of its file: the two values as it
    has them, since whatever does not take the first counts for the second there, and trials that failed with the others."""
    column: Sequence[str | None] = trials.parsed if decider == "parsed" else trials.judge
    failed, turned = set(), set()
    if run.imported:
        failed = set(run.responses.filter(outcome=Response.Outcome.FAILED).values_list("pk", flat=True))
        turned = set(run.responses.filter(turned_in_file=True).values_list("pk", flat=True))
    filed = [place for place, choice in enumerate(column) if choice is not None or trials.response[place] in failed]
    values_1, values_2, choices = [], [], []
    for place in sorted(filed, key=lambda place: trials.response[place]):
        first, second, choice = trials.value_1[place], trials.value_2[place], column[place]
        if trials.response[place] in turned:
            first, second, choice = second, first, _OTHER.get(choice or "", choice)
        values_1.append(first)
        values_2.append(second)
        choices.append(choice)
    return values_1, values_2, choices


def _by_part(
    key: str, title: str, tallies: Tallies, names: Mapping[str, str], part_of: Callable[[str], str]
) -> ResultTable | None:
    """A ranking for each part; None where all scenarios lie in one."""
    parts = [part_of(str(name)) for name in tallies.scenarios]
    known = sorted(set(filter(None, parts)))
    if len(known) < 2:
        return None
    tables = {
        part: tallies.take(np.array([scenario_part == part for scenario_part in parts], dtype=bool)) for part in known
    }
    rows: list[tuple[Cell, ...]] = []
    for part, those in tables.items():
        fitted = fit_ranking(those, rng=np.random.default_rng(SEED), interval="sandwich", resamples=DRAWS)
        rows.append((part, len(those.scenarios), *fitted.strengths))
    note = f"{parts.count('')} scenarios belong to no part. " if parts.count("") else ""
    if key == "severity" and len(known) == 2:
        contrast = mean_contrast([(tables[known[0]], tables[known[1]])], paired=False)
        rows.append((f"{known[1]} minus {known[0].lower()}", contrast.scenarios, *contrast.strengths))
    return ResultTable(
        f"by-{key}",
        title,
        (title.removeprefix("By ").capitalize(), "Scenarios", *(names.get(value, value) for value in tallies.values)),
        tuple(rows),
        note=f"{note}Intervals by the cluster sandwich; parts have scenarios of their own.",
    )
