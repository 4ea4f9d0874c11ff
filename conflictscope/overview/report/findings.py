"""What a report says was found: rankings, pairs that break their order, and what targets do beside what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from conflictscope.charts import MatrixCell, SlopeLine
from conflictscope.overview.report.facts import Facts, OfDataset
from conflictscope.overview.report.parts import Figure, ReportFigure, Section, SlopeFigure
from conflictscope.stats.contrasts import Contrast
from conflictscope.stats.types import Estimate
from conflictscope.tables import Cell, ResultTable, said
from evaluation.models import Run
from evaluation.rankings.consistency import (
    TargetShift,
    in_a_sentence,
    mean_shift,
    mean_slopes,
    target_shifts,
    with_limits,
)
from evaluation.rankings.fitting import FittedRun
from evaluation.rankings.overview import DEEPEST, finding
from evaluation.steering.effects import decided_runs, effects_of

MOST_SURPRISING = 10
DONE = Run.Mode.SIMULATED_USER


def ranking(facts: Facts, who: str) -> Section:
    sentences, figures, tables = [], [], []
    surprising: list[tuple[float, tuple[Any, ...], str]] = []
    biased, where = [], []
    for of_dataset in facts.told:
        if not of_dataset.fitted:
            continue
        if sentence := finding(of_dataset.fitted, of_dataset.names):
            sentences.append(f"{of_dataset.dataset.name}: {sentence}")
        if figure := _strengths_drawn(of_dataset, who):
            figures.append(figure)
        tables.append(_strengths(facts, of_dataset, who))
        for each in of_dataset.fitted:
            label = f"{each.run.target}, {facts.labels[each.run.pk].lower()}, {of_dataset.dataset.name}"
            surprising += _surprising(each, of_dataset.names, label)
            biased.append(_bias(each, label))
            where.append(each.run.get_absolute_url())
    if not tables:
        return Section("ranking", "Ranking", ("No run has been ranked yet.",))
    surprising.sort(key=lambda row: -row[0])
    if surprising:
        top = surprising[:MOST_SURPRISING]
        tables.append(
            ResultTable(
                "surprising",
                "Pairs that break the order",
                ("Target", "Pair", "Won by the first", "Expected by the strengths", "Standard errors apart"),
                tuple(row for _, row, _ in top),
                tuple(link for _, _, link in top),
                note="The link opens the responses to the scenarios of the pair.",
                percent=frozenset({"Won by the first", "Expected by the strengths"}),
                digits=(("Standard errors apart", 1),),
            )
        )
    tables.append(
        ResultTable(
            "bias",
            "What is left undecided, and what follows position or action",
            ("Target", "Undecided", "Option shown first (log odds)", "Action taken (log odds)"),
            tuple(biased),
            tuple(where),
            percent=frozenset({"Undecided"}),
        )
    )
    slug = facts.study.slug
    links = (
        ("Rankings", reverse("evaluation:rankings", args=[slug])),
        ("Compare", reverse("evaluation:compare", args=[slug])),
    )
    return Section("ranking", "Ranking", tuple(sentences), tuple(figures), tuple(tables), links)


def _strengths(facts: Facts, one: OfDataset, who: str) -> ResultTable:
    nothing = Estimate.undefined("people decided nothing of it")
    rows: list[tuple[Cell, ...]] = []
    links = []
    for each in one.fitted:
        results = _results(each, who)
        strengths = (
            [_estimate(strength) for strength in results["strengths"]] if results else [nothing] * len(one.names)
        )
        rows.append((str(each.run.target), facts.labels[each.run.pk], *strengths))
        links.append(
            reverse("evaluation:target_rankings", args=[facts.study.slug, one.dataset.slug, each.run.target_id])
        )
    return ResultTable(
        f"strengths-{one.dataset.slug}",
        f"Strengths of values, {one.dataset.name}" + _by(facts, who),
        ("Target", "Mode", *one.names.values()),
        tuple(rows),
        tuple(links),
        note="Log-odds that sum to zero, with 95 % intervals; n counts scenarios.",
    )


def _strengths_drawn(one: OfDataset, who: str) -> Figure | None:
    """What targets do, where that is known; else what they say."""
    modes = {each.run.mode for each in one.fitted}
    mode = DONE if DONE in modes else Run.Mode.MULTIPLE_CHOICE
    newest = {each.run.target_id: each for each in one.fitted if each.run.mode == mode and each.run.steering_id is None}
    cells = []
    for each in sorted(newest.values(), key=lambda each: each.run.target.label):
        results = _results(each, who)
        if results is None:
            continue
        for name, strength in zip(one.names.values(), results["strengths"], strict=True):
            cells.append(
                _drawn(
                    each.run.target.label, name, strength, "penalised fit" if each.penalised and who == "own" else ""
                )
            )
    if not cells:
        return None
    what = "do" if mode == DONE else "say"
    by = {"corrected": ", corrected by people", "people": ", by people alone"}.get(who, "")
    return Figure(
        f"strengths-{one.dataset.slug}",
        f"How strongly targets support each value in what they {what}{by}: {one.dataset.name}",
        "Strengths (log-odds), targets by values: " + _in_words(cells),
        tuple(cells),
        "Strength",
        DEEPEST,
        "Bradley-Terry log-odds; those of a target sum to zero. Intervals are in the table.",
    )


def say_do(facts: Facts, who: str) -> Section:
    figures: list[ReportFigure] = []
    tables: list[ResultTable] = []
    sentences: list[str] = []
    for of_dataset in facts.told if facts.judge is None else ():
        by_people = who == "corrected" and target_shifts(of_dataset.runs, of_dataset.names, corrected=True)
        shifts = by_people or target_shifts(of_dataset.runs, of_dataset.names)
        if not shifts:
            continue
        about, name = of_dataset.dataset, of_dataset.dataset.name
        by = ", corrected by people" if by_people else ""
        contrast = None if by_people else mean_shift(about, of_dataset.runs)
        lines = mean_slopes(shifts, of_dataset.names, contrast)
        targets = contrast.llms if contrast is not None else len(with_limits(shifts))
        sentences += [f"{name}: {in_a_sentence(shifts)}", *_moved(lines, contrast, targets)]
        if lines:
            what = f"What targets say and what they do, in the mean{by}: {name}"
            figures.append(SlopeFigure(f"said-done-{about.slug}", what, tuple(lines), "in the mean over targets"))
        figures.append(_shifts_drawn(of_dataset, shifts, by))
        tables.append(_shifts(of_dataset, shifts, by))
        if lines:
            tables.append(_means(of_dataset, lines, contrast, by))
    if not tables:
        why = (
            "Shifts are worked out by each run's own judge."
            if facts.judge
            else "No target has been ranked both by multiple choice and in conversation."
        )
        return Section("say-do", "Expressed against revealed", (why,))
    link = ("Mean over targets", f"{reverse('evaluation:compare', args=[facts.study.slug])}?what=mode")
    return Section("say-do", "Expressed against revealed", tuple(sentences), tuple(figures), tuple(tables), (link,))


def _moved(lines: list[SlopeLine], contrast: Contrast | None, targets: int) -> list[str]:
    """Which value moves most in the mean, and how the groups of values do."""
    if not lines or targets < 2:
        return []
    most = max(lines, key=lambda line: abs(line.difference[0] or 0.0))
    words = [
        f"In the mean over {targets} targets {most.label} moves most: {said(_of_line(most))} log-odds from saying to doing."
    ]
    if contrast is not None and contrast.groups:
        groups = "; ".join(f"{name or 'no group'} {said(estimate)}" for name, estimate in contrast.groups)
        words.append(f"By group of values: {groups}.")
    return words


def _of_line(line: SlopeLine) -> Estimate:
    value, low, high = line.difference
    return Estimate(value, low, high, n=line.n)


def _shifts_drawn(of_dataset: OfDataset, shifts: list[TargetShift], by: str) -> Figure:
    cells = [
        MatrixCell(each.target.label, name, one.value, one.low, one.high, one.n, one.warning or one.reason)
        for each in shifts
        for name, one in zip(of_dataset.names.values(), each.strengths, strict=True)
    ]
    return Figure(
        f"shifts-{of_dataset.dataset.slug}",
        f"What targets do minus what they say{by}: {of_dataset.dataset.name}",
        "Shifts of strengths, targets by values: " + _in_words(cells),
        tuple(cells),
        "Done minus said",
        DEEPEST,
        "Difference of log-odds on the scenarios that both modes decided; the most consistent target first.",
    )


def _shifts(of_dataset: OfDataset, shifts: list[TargetShift], by: str) -> ResultTable:
    rows: list[tuple[Cell, ...]] = [
        (str(each.target), *each.strengths, each.tau, ", ".join(each.surely) or "none surely", each.scenarios)
        for each in shifts
    ]
    return ResultTable(
        f"shifts-{of_dataset.dataset.slug}",
        f"Done minus said{by}, {of_dataset.dataset.name}",
        ("Target", *of_dataset.names.values(), "Kendall's τ-b", "Shifts surely", "Scenarios"),
        tuple(rows),
        tuple(each.comparison.get_absolute_url() for each in shifts),
        note="Positive: supported more in conversation than by multiple choice; paired 95 % intervals. A value shifts surely if its shift "
        "is not 0 at 95 % for all values of the target together (Bonferroni). τ-b is by the judge alone.",
    )


def _means(of_dataset: OfDataset, lines: list[SlopeLine], contrast: Contrast | None, by: str) -> ResultTable:
    first, second = ([line.first for line in lines], [line.second for line in lines])
    rows: list[tuple[Cell, ...]] = [
        (
            line.label,
            line.first,
            line.second,
            _of_line(line),
            1 + sum(other > line.first for other in first),
            1 + sum(other > line.second for other in second),
        )
        for line in lines
    ]
    if contrast is not None:
        rows += [(f"Group: {name or 'none'}", None, None, estimate, None, None) for name, estimate in contrast.groups]
    return ResultTable(
        f"mean-shift-{of_dataset.dataset.slug}",
        f"Said and done in the mean over targets{by}, {of_dataset.dataset.name}",
        ("Value", "Said", "Done", "Done minus said", "Rank said", "Rank done"),
        tuple(rows),
        note="Ranks of the mean strengths, counted from 1 = supported most. "
        + (
            "A scenario that several targets answered is one unit."
            if contrast is not None
            else "The limits hold however the targets hang together, and are wide for that."
        ),
    )


def steering(facts: Facts) -> Section | None:
    """What steerings do; None where there is no steered run."""
    told = {of_dataset.dataset.pk for of_dataset in facts.told}
    effects = [
        effect
        for effect in effects_of(list(decided_runs(facts.study)))
        if effect.ranked and effect.found and effect.run.dataset_id in told
    ]
    if not effects:
        return None
    rows: list[tuple[Cell, ...]] = []
    for effect in effects:
        estimates = effect.found or {}
        label = f"{effect.run.target}, {effect.run.get_mode_display().lower()}, {effect.run.dataset}"
        parts = [_estimate(estimates[name]) for name in ("default", "steered", "effect")]
        by_people = _estimate(effect.corrected) if effect.corrected else None
        rows.append((label, str(effect.run.steering), *parts, by_people, effect.adjusted))
    sure = sum(effect.adjusted is not None and effect.adjusted < 0.05 for effect in effects)
    table = ResultTable(
        "steering",
        "Effects of steering",
        (
            *("Target", "Steering", "Aligned by default", "Aligned when steered"),
            *("Effect", "Corrected by people", "p (Holm)"),
        ),
        tuple(rows),
        tuple(effect.comparison.get_absolute_url() if effect.comparison else "" for effect in effects),
        note="Effect: how much of what was not aligned with the target order by default is so when steered.",
        percent=frozenset({"Aligned by default", "Aligned when steered"}),
        digits=(("p (Holm)", 3),),
    )
    return Section(
        "steering",
        "Steering",
        (f"Of {len(effects)} effects of a steering {sure} differ from none (p < 0.05, after Holm).",),
        tables=(table,),
        links=(("Steerings", reverse("evaluation:steerings", args=[facts.study.slug])),),
    )


def _surprising(each: FittedRun, names: Mapping[str, str], label: str) -> list[tuple[float, tuple[Any, ...], str]]:
    rows = []
    for pair in each.shown.results["pairs"]:
        if pair["residual"] is None or abs(pair["residual"]) <= 2:
            continue
        first, second = pair["value_1"], pair["value_2"]
        words = f"{names.get(first, first)} or {names.get(second, second)}"
        row = (label, words, _estimate(pair["share"]), pair["fitted"], abs(pair["residual"]))
        rows.append((abs(pair["residual"]), row, f"{each.run.get_absolute_url()}?pair={first}~{second}"))
    return rows


def _bias(each: FittedRun, label: str) -> tuple[Any, ...]:
    results = each.ranking.results
    effects = {covariate["name"]: _estimate(covariate["effect"]) for covariate in results.get("covariates", ())}
    asked = "asked in one way only"
    return (
        label,
        _estimate(results["counts"]["undecided"]),
        effects.get("order", Estimate.undefined(asked)),
        effects.get("action", Estimate.undefined(asked)),
    )


def _results(each: FittedRun, who: str) -> Mapping[str, Any] | None:
    """By whose decisions; multiple choice is nobody's to correct."""
    if each.run.mode == Run.Mode.MULTIPLE_CHOICE:
        return each.by("own")
    return each.by(who)


def _estimate(given: Mapping[str, Any]) -> Estimate:
    return Estimate(**given)


def _drawn(row: str, column: str, given: Mapping[str, Any], note: str) -> MatrixCell:
    why = note or given["warning"] or given["reason"]
    return MatrixCell(row, column, given["value"], given["low"], given["high"], given["n"], why)


def _in_words(cells: list[MatrixCell]) -> str:
    """The largest and the least, for readers who do not see the picture; all are in its table."""
    known = [cell for cell in cells if cell.value is not None]
    if not known:
        return "none is defined."
    most, least = max(known, key=lambda cell: cell.value or 0), min(known, key=lambda cell: cell.value or 0)
    return f"the largest is {most.column} of {most.row}, {most.value:.2f}; the least {least.column} of {least.row}, {least.value:.2f}."


def _by(facts: Facts, who: str) -> str:
    words = {"corrected": ", corrected by people", "people": ", by people alone"}.get(who, "")
    return f"{words}, judge {facts.judge}" if facts.judge else words
