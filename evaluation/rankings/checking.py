"""Whether a snapshot still holds: worked out again from what its rows are now."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from evaluation.models import Comparison, Ranking
from evaluation.rankings.fitting import CODE, Work
from evaluation.rankings.fitting import work_of as ranking_work
from evaluation.rankings.shifts import CODE as CODE_OF_SHIFTS
from evaluation.rankings.shifts import SaidAndDone
from evaluation.rankings.shifts import work_of as shift_work

SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Checked:
    """What working a snapshot out again has shown.

    Attributes:
        moved_on: its rows are not what they were: responses, decisions or scenarios have come, gone or changed.
        code, code_now: the arithmetic it was made by, and today's.
        difference: the largest difference of any number; None where the results are not made of the same numbers.
    """

    moved_on: bool
    code: str
    code_now: str
    difference: float | None

    @property
    def same(self) -> bool:
        return self.difference is not None and self.difference <= SAME

    @property
    def sentence(self) -> str:
        if self.moved_on:
            return (
                "The data has moved on: what was answered or decided is not what this snapshot was made of. It stays as it was; "
                "fit again for what holds now."
            )
        if self.same:
            return "Worked out again from the same rows: every number is the same."
        by = (
            ""
            if self.code == self.code_now
            else f" It was made by an earlier arithmetic ({self.code}; now {self.code_now})."
        )
        far = "are of another form" if self.difference is None else f"differ by up to {self.difference:.3g}"
        return f"Worked out again from the same rows, its numbers {far}.{by}"


def check(snapshot: Ranking | Comparison, work: Work, *, code: str = CODE) -> Checked:
    """Hold a snapshot against the same work done now: with its own parameters, from what its rows are now.

    Args: code: today's arithmetic.
    """
    moved_on = work.inputs != snapshot.inputs_digest
    difference = None if moved_on else difference_of(snapshot.results, work.fit())
    return Checked(moved_on, str(snapshot.parameters.get("code", "1")), code, difference)


def check_ranking(ranking: Ranking) -> Checked:
    return check(ranking, ranking_work(ranking))


def check_shift(comparison: Comparison) -> Checked:
    """Of what a target does minus what it says."""
    parameters = comparison.parameters
    work = shift_work(
        SaidAndDone(comparison.first, comparison.second),
        list(parameters["values"]),
        replicates=int(parameters["replicates"]),
        seed=int(parameters["seed"]),
    )
    return check(comparison, work, code=CODE_OF_SHIFTS)


def difference_of(before: Any, now: Any) -> float | None:
    """The largest distance of two numbers at the same place; None where one has something that the other has not."""
    if isinstance(before, dict) and isinstance(now, dict):
        if set(before) != set(now):
            return None
        return _largest([difference_of(before[key], now[key]) for key in before])
    if isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            return None
        return _largest([difference_of(earlier, later) for earlier, later in zip(before, now, strict=True)])
    if isinstance(before, int | float) and isinstance(now, int | float):
        return abs(before - now) if math.isfinite(before) and math.isfinite(now) else None
    return 0.0 if before == now else None


def _largest(distances: list[float | None]) -> float | None:
    known = [distance for distance in distances if distance is not None]
    return None if len(known) < len(distances) else max(known, default=0.0)
