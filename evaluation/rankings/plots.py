"""The forest plot of a dataset's rankings: every target and both modes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from conflictscope.charts import Chart, IntervalRow, forest_plot
from conflictscope.scenarios.models import Dataset
from evaluation.rankings.fitting import FittedRun
from evaluation.running.variants import variants


def rankings_chart(dataset: Dataset, fitted: Collection[FittedRun], names: Mapping[str, str]) -> Chart | None:
    """Strengths with their intervals, one panel a target, one colour a mode; None while no run has strengths to show."""
    labels = variants([fitted_run.run for fitted_run in fitted])
    rows = []
    for fitted_run in fitted:
        results = fitted_run.shown.results
        note = "penalised fit" if fitted_run.penalised else ""
        for key, strength in zip(results["values"], results["strengths"], strict=True):
            if strength["value"] is not None:
                rows.append(
                    IntervalRow(
                        label=names[key],
                        value=strength["value"],
                        low=strength["low"],
                        high=strength["high"],
                        n=strength["n"],
                        group=labels[fitted_run.run.pk],
                        panel=fitted_run.run.target.label,
                        note=note,
                    )
                )
    if not rows:
        return None
    simulated = any(fitted_run.run.simulated for fitted_run in fitted)
    return forest_plot(
        rows,
        title=f"How strongly each target supports each value: {dataset.name}" + (" (simulated)" if simulated else ""),
        description=_description(fitted, labels, names),
        footnote="Bradley-Terry strengths with 95 % intervals from resampled scenarios; the strengths of a target sum to zero.",
    )


def value_chart(dataset: Dataset, fitted: Collection[FittedRun], key: str, name: str) -> Chart | None:
    """The strength of one value with every target, one colour a mode, the strongest on top; None while there is none to show."""
    labels = variants([fitted_run.run for fitted_run in fitted])
    placed: list[tuple[float, IntervalRow]] = []
    for fitted_run in fitted:
        results = fitted_run.shown.results
        strength = results["strengths"][results["values"].index(key)]
        if strength["value"] is not None:
            row = IntervalRow(
                label=fitted_run.run.target.label,
                value=strength["value"],
                low=strength["low"],
                high=strength["high"],
                n=strength["n"],
                group=labels[fitted_run.run.pk],
                note="penalised fit" if fitted_run.penalised else "",
            )
            placed.append((strength["value"], row))
    if not placed:
        return None
    simulated = any(fitted_run.run.simulated for fitted_run in fitted)
    placed.sort(key=lambda each: (-each[0], each[1].label))
    order = ", ".join(f"{row.label} ({row.group.lower()}) {value:.2f}" for value, row in placed)
    rows = [row for _, row in placed]
    return forest_plot(
        rows,
        title=f"How strongly each target supports {name}: {dataset.name}" + (" (simulated)" if simulated else ""),
        description=f"Strengths from the most to the least: {order}.",
        footnote="Bradley-Terry strengths with 95 % intervals from resampled scenarios; 0 is the mean of a target's values.",
    )


def _description(fitted: Collection[FittedRun], labels: Mapping[int, str], names: Mapping[str, str]) -> str:
    """The orders in words, for readers who do not see the picture."""
    sentences = []
    for fitted_run in fitted:
        results = fitted_run.shown.results
        known = [
            (strength["value"], names[key])
            for key, strength in zip(results["values"], results["strengths"], strict=True)
            if strength["value"] is not None
        ]
        if known:
            order = ", ".join(f"{name} {value:.2f}" for value, name in sorted(known, reverse=True))
            sentences.append(f"{fitted_run.run.target.label}, {labels[fitted_run.run.pk].lower()}: {order}.")
    return "Values from the most to the least supported, with their strengths. " + " ".join(sentences)
