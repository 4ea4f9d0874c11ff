"""Agreement by group of items (value pair, template, domain), and whether it differs between groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import fdtrc

from conflictscope.stats import tables
from conflictscope.stats.agreement import RESAMPLES, Agreement, judge_agreement
from conflictscope.stats.clusters import Flags, Kinds, Sample, Statistic, covariance, slopes
from conflictscope.stats.labels import MISSING, Answers, Label, encode
from conflictscope.stats.types import Result

# Groups with fewer scenarios are put together: a kappa from less is mostly noise.
FEWEST_SCENARIOS = 20
OTHERS = "others"
# A scenario that pulls a figure less than this does not pull it.
NO_PULL = 1e-12


@dataclass(frozen=True)
class GroupAgreement(Result):
    """One group, or several small ones together: `groups` names them."""

    label: str
    groups: tuple[str, ...]
    agreement: Agreement


@dataclass(frozen=True)
class ByGroup(Result):
    """Agreement in each group.

    Attributes:
        rows: the groups in order of their names, small ones together as "others" at the end.
        merged: how many groups were put together. compared: labels of the groups that the test is about.
        p_raw, p_kappa: that raw agreement, or kappa, is the same in all groups; None where it cannot be tested,
            and `reason` says why.
    """

    rows: tuple[GroupAgreement, ...]
    merged: int
    compared: tuple[str, ...]
    p_raw: float | None
    p_kappa: float | None
    reason: str


def agreement_by_group(
    judge: Answers,
    people: Answers,
    groups: Sequence[str],
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    positive: Label | None = None,
    weights: str | None = None,
    sample: Sample | None = None,
    fewest: int = FEWEST_SCENARIOS,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> ByGroup:
    """Agreement of judge and people in each group, with a test that it differs.

    The test is Wald's over scenarios, so that a scenario may have items in several groups. Groups in which a figure does
    not vary (all agree, or one answer only) cannot take part and are named by their absence from `compared`.

    Args: groups: of the n items, the name of its group; fewest: scenarios a group needs to stand alone. Others as
        `judge_agreement`.
    Raises: ValueError: as many groups as items are needed; as `judge_agreement`.
    """
    first, second = encode(judge, categories), encode(people, categories)
    if not len(first) == len(second) == len(groups):
        raise ValueError(f"{len(first)} and {len(second)} answers need as many groups, got {len(groups)}")
    sample = Sample.of(len(first)) if sample is None else sample
    named = np.asarray(groups, dtype=object)
    answered = (first != MISSING) & (second != MISSING)
    names = sorted({str(name) for name in named[answered]})
    of_item = {name: answered & (named == name) for name in names}
    scenarios = {name: len(np.unique(sample.scenario[mask])) for name, mask in of_item.items()}
    small = [name for name in names if scenarios[name] < fewest]
    alone = [name for name in names if scenarios[name] >= fewest]
    parts: list[tuple[str, tuple[str, ...], Flags]] = [(name, (name,), of_item[name]) for name in alone]
    if small:
        together = np.logical_or.reduce([of_item[name] for name in small])
        label = small[0] if len(small) == 1 else OTHERS
        parts.append((label, tuple(small), together))
    rows = tuple(
        GroupAgreement(
            label,
            members,
            judge_agreement(
                first[mask],
                second[mask],
                categories=categories,
                rng=rng,
                positive=positive,
                weights=weights,
                sample=sample.part(mask),
                resamples=resamples,
                level=level,
            ),
        )
        for label, members, mask in parts
    )
    large = [(label, mask) for label, _, mask in parts if len(np.unique(sample.scenario[mask])) >= fewest]
    place = np.full(len(first), -1)
    for number, (_, mask) in enumerate(large):
        place[mask] = number
    inside = place >= 0
    size = len(categories)
    cells = first[inside].astype(np.int64) * size + second[inside]
    part = sample.part(inside)
    each = len(large) * size**2
    compared: list[int] = []
    p_kappa = p_raw = None
    if len(large) > 1:
        kinds = part.kinds(place[inside] * size**2 + cells, np.eye(each).reshape(each, len(large), size, size))
        compared, p_kappa = _differs(partial(tables.kappa, weights=weights), kinds)
        _, p_raw = _differs(tables.raw_agreement, kinds)
    return ByGroup(
        rows=rows,
        merged=len(small) if len(small) > 1 else 0,
        compared=tuple(large[number][0] for number in compared),
        p_raw=p_raw,
        p_kappa=p_kappa,
        reason="" if len(compared) > 1 else "fewer than two groups are large enough and have disagreements",
    )


def _differs(statistic: Statistic, kinds: Kinds) -> tuple[list[int], float | None]:
    """Which groups can be compared, and p of Wald's test that the statistic is the same in these.

    Args: kinds: scenarios by their tables in each of g groups, cells (g, q, q).
    """
    figures, pulls, compared = [], [], []
    for group, table in enumerate(kinds.total):
        value = float(statistic(table))
        if np.isnan(value):
            continue
        scores = kinds.cells[:, group].reshape(len(kinds.cells), -1) @ slopes(statistic, table, 2).reshape(-1)
        if np.abs(scores).max() > NO_PULL:
            figures.append(value)
            pulls.append(scores)
            compared.append(group)
    if len(figures) < 2:
        return compared, None
    contrast = np.hstack([np.ones((len(figures) - 1, 1)), -np.eye(len(figures) - 1)])
    matrix = contrast @ covariance(np.stack(pulls, axis=1), kinds) @ contrast.T
    apart = contrast @ np.array(figures)
    wald = float(apart @ np.linalg.solve(matrix, apart))
    rank, freedom = len(apart), kinds.scenarios - len(figures)
    return compared, float(fdtrc(rank, freedom, wald / rank))
