"""What a report says was found: rankings, pairs that break their order, and what targets do beside what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from conflictscope.charts import MatrixCell
from conflictscope.overview.report.facts import Facts, OfDataset
from conflictscope.overview.report.parts import Figure, Section
from conflictscope.stats.types import Estimate
from conflictscope.tables import Cell, ResultTable
from evaluation.models import Run
from evaluation.rankings.fitting import FittedRun
from evaluation.rankings.overview import DEEPEST, finding
from evaluation.steering.effects import decided_runs, effects_of

MOST_SURPRISING = 10
DONE = Run.Mode.SIMULATED_USER


def ranking(facts: Facts, who: str) -> Section:
    sentences, figures, tables = [], [], []
    surprising: list[tuple[float, tuple[Any, ...], str]] = []
    biased, where = [], []
    for of_dataset in facts.datasets:
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


def say_do(facts: Facts) -> Section:
    figures, tables, sentences = [], [], []
    for of_dataset in facts.datasets:
        twos = [
            (each.run.target, of_dataset.shifts[each.run.target_id])
            for each in of_dataset.fitted
            if each.run.mode == Run.Mode.MULTIPLE_CHOICE and each.run.target_id in of_dataset.shifts
        ]
        twos = list({target.pk: (target, shift) for target, shift in twos}.values())
        cells, rows, links = [], [], []
        for target, comparison in twos:
            shift = comparison.results["shift"]
            strengths = [_estimate(strength) for strength in shift["strengths"]]
            rows.append((str(target), *strengths, _estimate(shift["tau"]), shift["scenarios"]))
            links.append(comparison.get_absolute_url())
            cells += [
                MatrixCell(
                    target.label,
                    name,
                    strength.value,
                    strength.low,
                    strength.high,
                    strength.n,
                    strength.warning or strength.reason,
                )
                for name, strength in zip(of_dataset.names.values(), strengths, strict=True)
            ]
        if not rows:
            continue
        sure = sum(cell.low is not None and cell.high is not None and (cell.low > 0 or cell.high < 0) for cell in cells)
        sentences.append(
            f"{of_dataset.dataset.name}: {sure} of {len(cells)} shifts of a value between what a target says and what it does are surely not 0."
        )
        figures.append(
            Figure(
                f"shifts-{of_dataset.dataset.slug}",
                f"What targets do minus what they say: {of_dataset.dataset.name}",
                "Shifts of strengths, targets by values: " + _in_words(cells),
                tuple(cells),
                "Done minus said",
                DEEPEST,
                "Difference of log-odds on the scenarios that both modes decided. Intervals are in the table.",
            )
        )
        tables.append(
            ResultTable(
                f"shifts-{of_dataset.dataset.slug}",
                f"Done minus said, {of_dataset.dataset.name}",
                ("Target", *of_dataset.names.values(), "Kendall's τ-b", "Scenarios"),
                tuple(rows),
                tuple(links),
                note="Positive: supported more in conversation than by multiple choice; paired 95 % intervals.",
            )
        )
    if not tables:
        why = (
            "Shifts are worked out by each run's own judge."
            if facts.judge
            else "No target has been ranked both by multiple choice and in conversation."
        )
        return Section("say-do", "Expressed against revealed", (why,))
    link = ("Mean over targets", f"{reverse('evaluation:compare', args=[facts.study.slug])}?what=mode")
    return Section("say-do", "Expressed against revealed", tuple(sentences), tuple(figures), tuple(tables), (link,))


def steering(facts: Facts) -> Section | None:
    """What steerings do; None where there is no steered run."""
    effects = [effect for effect in effects_of(list(decided_runs(facts.study))) if effect.ranked and effect.found]
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
