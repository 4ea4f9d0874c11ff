"""Agreement while a campaign is under way: the one figure that says whether it is worth going on as it does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from annotation.agreement.measures import DimensionAgreement, measure_subject
from annotation.agreement.tables import Tables, tables_of
from annotation.consensus.recording import community_ranking
from annotation.kinds import KINDS, QUESTION
from annotation.models import Campaign, Participant
from conflictscope.stats.consensus import leave_one_out
from conflictscope.stats.intervals import wilson
from conflictscope.stats.rankings import RankingResult
from conflictscope.stats.types import Estimate

RESAMPLES = 500


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


def so_far(campaign: Campaign) -> SoFar:
    """Everything that can be said of what has been submitted until now; what cannot is undefined, and says why."""
    tables = tables_of(campaign, minimum=1)
    measured = measure_subject(tables, tables.main, resamples=RESAMPLES)
    ranking = None
    if KINDS[campaign.kind].orders_values:
        ranking = community_ranking(campaign, tables.labels, resamples=RESAMPLES)
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
    found = []
    for column, participant in enumerate(labels.annotators):
        same = expected = compared = 0.0
        for key, grid in labels.answers.items():
            rows = [row for row in grid if row[column] is not None and sum(cell is not None for cell in row) > 1]
            categories = [answer.key for answer in QUESTION[key].answers]
            others = leave_one_out(rows, rater=column, categories=categories) if rows else ()
            both = [(row[column], other) for row, other in zip(rows, others, strict=True) if other is not None]
            theirs, most = Counter(mine for mine, _ in both), Counter(other for _, other in both)
            compared += len(both)
            same += sum(mine == other for mine, other in both)
            expected += sum(theirs[category] * most[category] for category in categories) / len(both) if both else 0
        if not compared:
            found.append(WithOthers(participant, Estimate.undefined("nobody else has answered their items")))
            continue
        beyond = (same - expected) / (compared - expected) if compared > expected else None
        agreement = wilson(int(same), int(compared))
        found.append(WithOthers(participant, agreement, chance=expected / compared, kappa=beyond))
    return found
