"""Which targets do what they say, and what all of them together do otherwise."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from scipy.stats import norm

from conflictscope.charts import Chart, SlopeLine, slope_plot
from conflictscope.scenarios.models import Dataset
from conflictscope.stats.contrasts import Contrast, mean_contrast
from conflictscope.stats.intervals import z_of
from conflictscope.stats.types import Estimate
from evaluation.measures.decisions import decisions_of
from evaluation.measures.kept import state_of, worked_out
from evaluation.models import Comparison, Run, Target
from evaluation.rankings.fitting import CODE, FittedRun, values_of
from evaluation.rankings.shifts import SaidAndDone, latest_shifts, said_and_done

ARITHMETIC = f"mean shift 1, {CODE}"
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class TargetShift:
    """What one target does minus what it says.

    Attributes:
        strengths: of each value, by the judge alone or corrected by people; said, done: the strengths, None without a comparison.
        tau: Kendall's tau-b of the two orders, by the judge alone.
        surely: the values whose shift is surely not 0 at 95 % for all values of the target together (Bonferroni).
    """

    target: Target
    comparison: Comparison
    said: tuple[float, ...] | None
    done: tuple[float, ...] | None
    strengths: tuple[Estimate, ...]
    tau: Estimate
    surely: tuple[str, ...]
    scenarios: int


def target_shifts(runs: Collection[Run], names: Mapping[str, str], *, corrected: bool = False) -> list[TargetShift]:
    """Of the newest snapshot of each target, the most consistent first; nothing is worked out.

    Args: corrected: by people's decisions; targets without are left out.
    """
    targets = {run.target_id: run.target for run in runs}
    found = []
    for target, comparison in latest_shifts(runs).items():
        results = comparison.results["corrected"] if corrected else comparison.results["shift"]
        if results is None or (corrected and results["reason"]):
            continue
        strengths = tuple(Estimate(**each) for each in results["strengths"])
        found.append(
            TargetShift(
                targets[target],
                comparison,
                tuple(results["first"]) if results["first"] else None,
                tuple(results["second"]) if results["second"] else None,
                strengths,
                Estimate(**comparison.results["shift"]["tau"]),
                tuple(
                    names.get(key, key)
                    for key, each in zip(comparison.results["shift"]["values"], strengths, strict=True)
                    if surely_other(each, of=len(strengths))
                ),
                int(comparison.results["shift"]["scenarios"]),
            )
        )
    return sorted(found, key=lambda each: (each.tau.value is None, -(each.tau.value or 0.0), each.target.label))


def surely_other(estimate: Estimate, *, of: int) -> bool:
    """Whether it is surely not 0, being one of so many looked at together: its standard error is read off its interval."""
    if estimate.value is None or estimate.low is None or estimate.high is None or estimate.high <= estimate.low:
        return False
    error = (estimate.high - estimate.low) / (2 * z_of(LEVEL))
    return abs(estimate.value) / error > float(norm.ppf(1 - (1 - LEVEL) / (2 * of)))


def contradicted(one: FittedRun, names: Mapping[str, str]) -> tuple[str, ...]:
    """The values on which people's labels surely contradict the judge: its strength lies outside the corrected interval, widened for all
    values together."""
    corrected = one.by("corrected")
    if corrected is None or one.penalised is not None:  # what the penalty draws is no word of the judge
        return ()
    found = []
    judged = one.shown.results
    for key, alone, put_right in zip(judged["values"], judged["strengths"], corrected["strengths"], strict=True):
        if alone["value"] is None or put_right["value"] is None or put_right["low"] is None:
            continue
        gap = Estimate(
            put_right["value"] - alone["value"],
            put_right["low"] - alone["value"],
            put_right["high"] - alone["value"],
            n=put_right["n"],
        )
        if surely_other(gap, of=len(judged["values"])):
            found.append(names.get(key, key))
    return tuple(found)


def in_a_sentence(found: Sequence[TargetShift]) -> str:
    """Who does otherwise than they say, and who is most of one mind with themselves."""
    if not found:
        return ""
    others = sum(bool(each.surely) for each in found)
    if len(found) == 1:
        first = f"The target {'surely does' if others else 'does not surely do'} otherwise than it says"
    else:
        otherwise = "do otherwise than they say" if others > 1 else "does otherwise than it says"
        first = f"Of {len(found)} targets {others or 'none'} surely {otherwise}"
    known = [each for each in found if each.tau.value is not None]
    if len(known) < 2:
        return f"{first}."
    best, least = known[0], known[-1]
    near, far = (f"{each.tau.value:.2f}".replace("-", "−") for each in (best, least))
    return f"{first}. Said and done are most alike for {best.target} (τ-b {near}), least for {least.target} ({far})."


def mean_shift(dataset: Dataset, runs: Collection[Run]) -> Contrast | None:
    """Done minus said in the mean over the targets that have both, by each run's own judge; None where none has.

    The groups of values, where the set has several, have their mean as well. Kept for the state of the runs' rows.
    """
    twos = said_and_done(runs)
    version = dataset.value_set_version
    if not twos or version is None:
        return None
    both = [run for two in twos for run in (two.said, two.done)]
    groups = {value.key: value.group for value in version.values.all()}
    parameters = [[two.said.pk, two.done.pk] for two in twos]
    found: Contrast = worked_out(
        ARITHMETIC, state_of(both), [parameters, groups], lambda: _mean(twos, values_of(dataset), groups)
    )
    return found


def _mean(twos: Sequence[SaidAndDone], values: list[str], groups: Mapping[str, str]) -> Contrast:
    tables = [(decisions_of(two.said).tallies(values), decisions_of(two.done).tallies(values)) for two in twos]
    return mean_contrast(tables, paired=True, groups=groups if len(set(groups.values())) > 1 else None)


def with_limits(found: Sequence[TargetShift]) -> list[TargetShift]:
    """Those that a mean of corrected shifts is of: every value has strengths and limits."""
    return [
        each
        for each in found
        if each.said and each.done and each.strengths and all(one.low is not None for one in each.strengths)
    ]


def mean_of_corrected(found: Sequence[TargetShift]) -> list[Estimate]:
    """The mean over targets of each value's corrected shift. Targets share scenarios, so the mean of their half-widths, which holds
    however they hang together, is the half-width of the mean: the limits are conservative."""
    known = with_limits(found)
    if not known:
        return []
    means = []
    for column in zip(*(each.strengths for each in known), strict=True):
        value = fmean(one.value or 0.0 for one in column)
        half = fmean(((one.high or 0.0) - (one.low or 0.0)) / 2 for one in column)
        n = min(one.n for one in column)
        means.append(Estimate(value, value - half, value + half, n=n, conservative=True))
    return means


def mean_slopes(found: Sequence[TargetShift], names: Mapping[str, str], contrast: Contrast | None) -> list[SlopeLine]:
    """A line for each value: by the judge alone from the contrast, else (None) from the targets' corrected shifts."""
    if contrast is not None:
        if contrast.reason or contrast.first is None or contrast.second is None:
            return []
        columns = zip(contrast.values, contrast.first, contrast.second, contrast.strengths, strict=True)
        return slopes(list(columns), names)
    known = with_limits(found)
    means = mean_of_corrected(known)
    if not means:
        return []
    said, done = (
        [fmean(one) for one in zip(*rows, strict=True)]
        for rows in ([each.said or () for each in known], [each.done or () for each in known])
    )
    return slopes(list(zip(names, said, done, means, strict=True)), names)


def slopes(columns: Sequence[tuple[str, float, float, Estimate]], names: Mapping[str, str]) -> list[SlopeLine]:
    """Lines of (key, said, done, difference); a value has the colour of its place in the set, as everywhere."""
    place = {key: number for number, key in enumerate(names)}
    return [
        SlopeLine(
            label=names.get(key, key),
            first=said,
            second=done,
            difference=(shift.value, shift.low, shift.high),
            n=shift.n,
            colour=place.get(key, 0),
        )
        for key, said, done, shift in columns
    ]


def slope_chart(lines: Sequence[SlopeLine], *, title: str, of: str) -> Chart | None:
    """Said on the left, done on the right; None where there is nothing to draw. `of`: whose strengths these are, in a word or two."""
    if not lines:
        return None
    words = "; ".join(f"{line.label} from {line.first:.2f} to {line.second:.2f}" for line in lines)
    return slope_plot(
        lines,
        title=title,
        description=f"Strengths said and done. {words}.",
        first_title="Said",
        second_title="Done",
        value_title="Done minus said",
        label_title="Value",
        footnote=f"Strengths (log-odds) {of} on the scenarios that both modes decided. Dashed: the difference is not surely other than 0.",
    )


def slopes_of(comparison: Mapping[str, Any], names: Mapping[str, str]) -> list[SlopeLine]:
    """The lines of one target's snapshot, as the judge decided; none where there is no comparison."""
    shift = comparison["shift"]
    if shift["reason"]:
        return []
    estimates = [Estimate(**each) for each in shift["strengths"]]
    return slopes(list(zip(shift["values"], shift["first"], shift["second"], estimates, strict=True)), names)
