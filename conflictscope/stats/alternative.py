"""Can the judge replace a person? The alternative annotator test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr
from statsmodels.stats.multitest import multipletests

from conflictscope.stats.clusters import Sample, collapsed, variance_of
from conflictscope.stats.consensus import votes_of
from conflictscope.stats.figures import patterns
from conflictscope.stats.labels import MISSING, Answers, Codes, Label, encode, encode_table
from conflictscope.stats.types import Result

FEWEST_ANNOTATORS, FEWEST_ITEMS = 3, 30
# What it may cost the judge to be cheaper than the person: experts, skilled people, a crowd.
EPSILON = {"expert": 0.2, "skilled": 0.15, "crowd": 0.1}
# Share of annotators that the judge must win against.
ENOUGH = 0.5


@dataclass(frozen=True)
class AgainstOne(Result):
    """The judge against one annotator, both measured by how many of the other annotators agree with them.

    Attributes:
        annotator: the name. items, scenarios: that they, the judge and somebody else answered.
        judge: share of the items on which the judge agrees with the others at least as well as the annotator does.
        person: share on which the annotator does at least as well as the judge.
        p: of the test that person - judge is below epsilon; won: whether it is, all annotators taken together.
    """

    annotator: str
    items: int
    scenarios: int
    judge: float
    person: float
    p: float
    won: bool


@dataclass(frozen=True)
class AlternativeTest(Result):
    """Whether the judge may stand in for a person.

    Attributes:
        omega: share of annotators that the judge won against; None where there are too few, and `reason` says so.
        passed: omega is at least one half. advantage: mean over annotators of the judge's share.
        epsilon: what the judge was allowed. rows: one for each annotator tested.
        too_few: annotators with too few items to be tested.
    """

    omega: float | None
    passed: bool | None
    advantage: float | None
    epsilon: float
    rows: tuple[AgainstOne, ...]
    too_few: tuple[str, ...]
    reason: str = ""


def alternative_annotator_test(
    judge: Answers,
    labels: Sequence[Answers] | Codes,
    *,
    raters: Sequence[str],
    categories: Sequence[Label],
    epsilon: float = EPSILON["expert"],
    sample: Sample | None = None,
    fewest: int = FEWEST_ITEMS,
    rate: float = 0.05,
) -> AlternativeTest:
    """Leave out one annotator after the other, and ask whether the judge agrees with the rest as well as they do.

    A one-sided t-test for each annotator, scenarios being the units, Benjamini and Yekutieli's correction over annotators.

    Args:
        judge: n labels; labels: n items by r annotators, None = not asked; or codes (int8). raters: r names.
        epsilon: 0.2 for experts, 0.15 for skilled people, 0.1 for a crowd (`EPSILON`); from 0 to 1.
        sample: scenario, stratum and weight of each item. fewest: items an annotator needs to be tested.
        rate: of false discoveries.
    Returns: undefined with fewer than three annotators that have enough items.
    Raises: ValueError: epsilon out of range, other numbers of items or names; as `encode_table`.
    Source: Calderon, Reichart & Dror (2025), ACL, arXiv 2501.10970.
    """
    if not 0 <= epsilon < 1:
        raise ValueError(f"epsilon lies from 0 to below 1, got {epsilon}")
    by_judge, codes = encode(judge, categories), encode_table(labels, categories)
    if len(by_judge) != len(codes) or (len(codes) and codes.shape[1] != len(raters)):
        raise ValueError("judge and annotators need the same items, and every annotator a name")
    sample = Sample.of(len(codes)) if sample is None else sample
    votes = votes_of(codes, len(categories))
    rows, too_few = [], []
    for column, rater in enumerate(raters):
        row = _against(rater, by_judge, codes[:, column], votes, sample, epsilon)
        if row is None or row.items < fewest:
            too_few.append(rater)
        else:
            rows.append(row)
    if len(rows) < FEWEST_ANNOTATORS:
        reason = (
            f"{len(rows)} annotators have {fewest} items or more that somebody else and the judge answered, too: "
            f"the test needs {FEWEST_ANNOTATORS}"
        )
        return AlternativeTest(None, None, None, epsilon, tuple(rows), tuple(too_few), reason)
    won = multipletests([row.p for row in rows], alpha=rate, method="fdr_by")[0]
    settled = tuple(AgainstOne(**{**row.as_dict(), "won": bool(is_won)}) for row, is_won in zip(rows, won, strict=True))
    omega = float(np.mean(won))
    advantage = float(np.mean([row.judge for row in rows]))
    return AlternativeTest(omega, omega >= ENOUGH, advantage, epsilon, settled, tuple(too_few))


def _against(
    rater: str, by_judge: Codes, own: Codes, votes: np.ndarray, sample: Sample, epsilon: float
) -> AgainstOne | None:
    answered = (own != MISSING) & (by_judge != MISSING) & (votes.sum(axis=1) >= 2)
    if not answered.any():
        return None
    machine, person, others = by_judge[answered], own[answered], votes[answered]
    index = np.arange(len(person))
    # How many of the others say the same: the person is not one of them.
    with_person = others[index, person] - 1
    with_machine = others[index, machine] - (machine == person)
    judge_wins, person_wins = with_machine >= with_person, with_person >= with_machine
    part = sample.part(answered)
    rows, code = patterns(np.column_stack([judge_wins, person_wins]))
    kinds = part.kinds(code, np.column_stack([rows, np.ones(len(rows))]).astype(float))
    total = kinds.total
    judge, human = float(total[0] / total[2]), float(total[1] / total[2])
    freedom = part.scenarios - len(np.unique(collapsed(kinds)))
    p = 1.0
    if freedom >= 1:
        error = math.sqrt(variance_of(lambda t: (t[..., 1] - t[..., 0]) / t[..., 2], kinds))
        gap = human - judge - epsilon
        p = float(stdtr(freedom, gap / error)) if error > 0 else float(gap >= 0)
    return AgainstOne(rater, len(person), part.scenarios, judge, human, p, won=False)
