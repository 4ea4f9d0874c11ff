"""Two judges, or two versions of one, on the same items: which agrees better with people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar

from conflictscope.stats import tables
from conflictscope.stats.clusters import Floats, Sample
from conflictscope.stats.crossing import NOTHING
from conflictscope.stats.figures import RESAMPLES, figure
from conflictscope.stats.labels import MISSING, Answers, Label, encode
from conflictscope.stats.panels import ONE_CATEGORY, SideBySide
from conflictscope.stats.types import Estimate, Result


@dataclass(frozen=True)
class JudgesCompared(Result):
    """Two judges against the same people on the items that all three answered. In each figure `judge` is the first, `people`
    the second of them.

    Attributes:
        n, scenarios: of these items; left_out: items that lack one of the three answers.
        raw, kappa: of the first judge, of the second, and the first less the second.
        only_first, only_second: items on which only this one agrees with people.
        p: McNemar's exact test that both are right equally often; None where a scenario has several items or items are
            weighted, and `why_no_p` says so.
    """

    n: int
    scenarios: int
    left_out: int
    raw: SideBySide
    kappa: SideBySide
    only_first: int
    only_second: int
    p: float | None
    why_no_p: str


def compare_judges(
    first: Answers,
    second: Answers,
    people: Answers,
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    weights: str | None = None,
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> JudgesCompared:
    """Difference of raw agreement and of kappa with people, scenarios resampled with all that was said of them.

    Args: first, second, people: labels of the same n items, None = no answer, or codes (int8). weights: None, or "quadratic".
    Raises: ValueError: other lengths; an unknown label.
    Source: of the exact test McNemar (1947), Psychometrika 12(2):153-157.
    """
    codes = [encode(answers, categories) for answers in (first, second, people)]
    if len({len(each) for each in codes}) > 1:
        raise ValueError(f"judges and people need the same items, got {', '.join(str(len(each)) for each in codes)}")
    judge_1, judge_2, truth = codes
    size = len(categories)
    sample = Sample.of(len(truth)) if sample is None else sample
    answered = (judge_1 != MISSING) & (judge_2 != MISSING) & (truth != MISSING)
    part = sample.part(answered)
    judge_1, judge_2, truth = (each[answered].astype(np.int64) for each in (judge_1, judge_2, truth))
    cell = (judge_1 * size + judge_2) * size + truth
    n = len(cell)
    kinds = part.kinds(cell, np.eye(size**3).reshape(-1, size, size, size))

    def side_by_side(statistic: Callable[[Floats], Floats]) -> SideBySide:
        def of_first(cells: Floats) -> Floats:
            return statistic(cells.sum(axis=-2))

        def of_second(cells: Floats) -> Floats:
            return statistic(cells.sum(axis=-3))

        def difference(cells: Floats) -> Floats:
            return of_first(cells) - of_second(cells)

        if not n:
            none = Estimate.undefined(NOTHING, level=level)
            return SideBySide(none, none, none)
        estimates = [
            figure(
                function,
                kinds,
                part,
                rng=rng,
                n=n,
                reason=ONE_CATEGORY,
                resamples=resamples,
                level=level,
                bounds=bounds,
                smoothing=0.0 if weights else part.smoothing,
            )
            for function, bounds in ((of_first, (-1.0, 1.0)), (of_second, (-1.0, 1.0)), (difference, (-2.0, 2.0)))
        ]
        return SideBySide(*estimates)

    only_first = int(((judge_1 == truth) & (judge_2 != truth)).sum())
    only_second = int(((judge_1 != truth) & (judge_2 == truth)).sum())
    why = ""
    if part.clustered:
        why = "several items belong to one scenario: McNemar's test needs independent items"
    elif part.weighted:
        why = "items are weighted: McNemar's test needs equal ones"
    p = float(mcnemar([[0, only_first], [only_second, 0]], exact=True).pvalue) if not why and n else None
    return JudgesCompared(
        n=n,
        scenarios=part.scenarios,
        left_out=int((~answered).sum()),
        raw=side_by_side(tables.raw_agreement),
        kappa=side_by_side(partial(tables.kappa, weights=weights)),
        only_first=only_first,
        only_second=only_second,
        p=p,
        why_no_p=why,
    )
