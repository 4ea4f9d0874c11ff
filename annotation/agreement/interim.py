"""Agreement while a campaign is under way: the one figure that says whether it is worth going on as it does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotation.agreement.measures import DimensionAgreement, measure_subject
from annotation.agreement.tables import Tables
from annotation.consensus.labels import answers_of
from annotation.consensus.recording import community_ranking
from annotation.kinds import KINDS
from annotation.models import Campaign, Participant
from conflictscope.stats.consensus import plurality, votes_of
from conflictscope.stats.intervals import wilson
from conflictscope.stats.labels import MISSING
from conflictscope.stats.rankings import RankingResult
from conflictscope.stats.types import Estimate


@dataclass(frozen=True, slots=True)
class WithOthers:
    """How often a person gave the answer that most of the others gave, over all questions where these have one.

    `chance`: how often they would by giving their answers, in the shares that they have, to any items; `kappa`: what is beyond
    that, of what could be; None where chance alone explains all.
    """

    participant: Participant
    agreement: Estimate
    chance: float | None = None
    kappa: float | None = None


@dataclass(frozen=True, slots=True)
class SoFar:
    """On all six dimensions together, or on which action.

    Attributes:
        tied: items that somebody has to settle.
        ranking: of preferences, the order of values they come to; values: each with its strength and its rank, best first.
    """

    label: str
    measured: DimensionAgreement
    people: tuple[WithOthers, ...]
    tied: int
    judged: bool
    ranking: RankingResult | None = None
    values: tuple[tuple[str, Estimate, Estimate], ...] = ()


def so_far(tables: Tables) -> SoFar:
    """Everything that can be said of what has been submitted until now; what cannot is undefined, and says why."""
    campaign = tables.campaign
    measured = measure_subject(tables, tables.main)  # as the agreement page does: one figure, one interval
    ranking = None
    if KINDS[campaign.kind].orders_values:
        ranking = community_ranking(campaign, tables.labels)
    return SoFar(
        label=tables.subject(tables.main).label,
        measured=measured,
        people=tuple(_with_others(tables)),
        tied=measured.tied,
        judged=tables.judge is not None,
        ranking=ranking,
        values=tuple(_in_order(campaign, ranking)) if ranking else (),
    )


def _in_order(campaign: Campaign, ranking: RankingResult) -> list[tuple[str, Estimate, Estimate]]:
    version = campaign.dataset.value_set_version
    names = {value.key: value.name for value in version.values.all()} if version else {}
    rows = [
        (names.get(key, key), strength, rank)
        for key, strength, rank in zip(ranking.values, ranking.strengths, ranking.ranks, strict=True)
    ]
    return sorted(rows, key=lambda row: (row[2].value is None, row[2].value))


def _with_others(tables: Tables) -> list[WithOthers]:
    """Every person's answers against those of most of the others, question by question, beside what chance alone would give.

    All dimensions together would say little: nearly everything fails on one of six, so that whoever clicks at random seems to
    say the same as all.
    """
    labels = tables.labels
    votes = {key: votes_of(grid, len(answers_of(key))) for key, grid in labels.codes.items()}
    with_others = []
    for column, participant in enumerate(labels.annotators):
        same = compared = 0
        expected = 0.0
        for key, grid in labels.codes.items():
            rows = np.flatnonzero(grid[:, column] != MISSING)
            mine, others = grid[rows, column], votes[key][rows]
            others[np.arange(len(rows)), mine] -= 1
            most = plurality(others).answer
            both = most != MISSING
            mine, most, size = mine[both], most[both], others.shape[1]
            compared += len(mine)
            same += int((mine == most).sum())
            shared = np.bincount(mine, minlength=size) @ np.bincount(most, minlength=size)
            expected += float(shared) / max(len(mine), 1)
        if not compared:
            with_others.append(WithOthers(participant, Estimate.undefined("nobody else has answered their items")))
            continue
        beyond = (same - expected) / (compared - expected) if compared > expected else None
        with_others.append(WithOthers(participant, wilson(same, compared), chance=expected / compared, kappa=beyond))
    return with_others
