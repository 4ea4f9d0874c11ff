"""The items that wait for an adjudicator, those first that matter most to the figures.

Whoever settles them blind must not learn what a judge said, and being asked is telling: so items on which a judge is against all people
are not named as such, and as many undisputed ones stand among them, chosen by their keys alone.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from annotation.agreement.kept import Figures
from annotation.consensus.deciding import adjudicated_answers, agree, outcomes_of
from annotation.consensus.labels import LabelledItem, Labels, counted, judge_choices, judge_outcomes
from annotation.consensus.latent import fitted, latent_questions
from annotation.kinds import KINDS
from annotation.models import AdjudicationTask, Campaign, Decision, Item
from conflictscope.scenarios.filtering.dimensions import questions_of
from conflictscope.stats.labels import MISSING, Codes

Floats = NDArray[np.float64]

FEWEST_LABELS = 2
LOW = 0.8
# 2 : 1 and 3 : 1 are splits, one against eight is not.
SPLIT_TO = 0.75


class Why(StrEnum):
    """Why an item waits."""

    TIE = "a tie"
    SPLIT = "a split"
    UNSURE = "not probable enough"
    JUDGE = "a judge is against it"
    CONTROL = "for control"
    ASKED = "asked again"  # what the two above are called where whoever settles is blind


@dataclass(frozen=True)
class WaitingItem:
    """An item with the questions that wait, each with why; `matters`: the share of all weight of the sample that hangs on it."""

    item: LabelledItem
    why: Mapping[str, tuple[Why, ...]]
    matters: float
    adjudicator: User | None = None

    @property
    def matters_percent(self) -> float:
        return 100 * self.matters

    @property
    def reasons(self) -> list[str]:
        return sorted({str(why) for every in self.why.values() for why in every})


@dataclass(frozen=True)
class AdjudicationQueue:
    """What waits, and how many items somebody has settled already. `not_blind`: of these, how many not blind."""

    waiting: tuple[WaitingItem, ...]
    settled: int
    not_blind: int
    by_person: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def all_items(self) -> int:
        return len(self.waiting) + self.settled


def queue_of(campaign: Campaign, *, splits: bool = True, blind: bool) -> AdjudicationQueue:
    """Everything that waits in the campaign.

    Args:
        splits: also where most say the same and some do not (2 : 1). blind: for somebody who is not to learn what a judge said.
    """
    waiting = Figures(campaign).of(f"adjudication {splits}", lambda: _waiting(campaign, splits=splits))
    if blind:
        hidden = (Why.JUDGE, Why.CONTROL)
        waiting = [
            replace(
                each,
                why={
                    key: tuple(Why.ASKED if why in hidden else why for why in every) for key, every in each.why.items()
                },
            )
            for each in waiting
        ]
    tasks = {
        task.item_id: task.adjudicator
        for task in AdjudicationTask.objects.filter(item__campaign=campaign).select_related("adjudicator")
    }
    decided = Decision.objects.filter(item__campaign=campaign, method=Decision.Method.ADJUDICATED)
    settled = dict(decided.order_by("blind").values_list("item", "blind"))
    settled |= dict.fromkeys(decided.filter(blind=False).values_list("item", flat=True), False)
    rows = tuple(replace(each, adjudicator=tasks.get(each.item.pk)) for each in waiting)
    return AdjudicationQueue(
        waiting=rows,
        settled=len(settled),
        not_blind=sum(not each for each in settled.values()),
        by_person=_by_person(tasks, {row.item.pk for row in rows}),
    )


def _by_person(tasks: Mapping[int, User], waiting: set[int]) -> dict[str, tuple[int, int]]:
    """Of each adjudicator how many of their items are done, and how many there are."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for item, person in tasks.items():
        counts[person.get_username()][0] += item not in waiting
        counts[person.get_username()][1] += 1
    return {name: (done, of) for name, (done, of) in sorted(counts.items())}


def _waiting(campaign: Campaign, *, splits: bool) -> list[WaitingItem]:
    labels = counted(campaign)
    settled = adjudicated_answers(campaign)
    by_hand = {item for item, _ in settled}
    agreed = agree(labels, minimum=FEWEST_LABELS, adjudicated=settled)
    enough = labels.counts >= FEWEST_LABELS
    why: defaultdict[int, dict[str, list[Why]]] = defaultdict(lambda: defaultdict(list))
    doubt: defaultdict[int, float] = defaultdict(float)
    certainty = {key: _certainty(labels, key) for key in latent_questions(labels)}
    for key, certain in certainty.items():
        for row in np.flatnonzero(enough).tolist():
            if (labels.items[row].pk, key) in settled:
                continue
            votes = labels.votes(row, key)
            found = [
                reason
                for reason, holds in (
                    (Why.TIE, bool(agreed.tied[key][row])),
                    (
                        Why.SPLIT,
                        splits and max(votes.values()) <= SPLIT_TO * sum(votes.values()) and not agreed.tied[key][row],
                    ),
                    (Why.UNSURE, len(votes) > 1 and certain[row] < LOW),
                )
                if holds
            ]
            if found:
                why[row][key] += found
                doubt[row] = max(doubt[row], 0.5 if Why.TIE in found else 1 - float(certain[row]))
    against = _judge_against(campaign, labels, agreed.answers)
    judge_only = 0
    for row, keys in against.items():
        if not enough[row] or labels.items[row].pk in by_hand:
            continue
        judge_only += row not in why
        for key in keys:
            why[row][key].append(Why.JUDGE)
        doubt[row] = max(doubt[row], *(1 - float(certainty[key][row]) for key in keys), 0.05)
    for row, key in _controls(labels, judge_only, without={*why, *against}, settled=by_hand, enough=enough):
        why[row][key].append(Why.CONTROL)
        doubt[row] = max(doubt[row], 0.05)
    weights = np.array([1 / item.inclusion_probability for item in labels.items]) if labels.items else np.ones(0)
    total = float(weights.sum()) or 1.0
    rows = [
        WaitingItem(
            labels.items[row],
            {key: tuple(every) for key, every in reasons.items()},
            float(weights[row]) * doubt[row] / total,
        )
        for row, reasons in why.items()
    ]
    return sorted(rows, key=lambda each: (-each.matters, each.item.pk))


def _certainty(labels: Labels, question: str) -> Floats:
    """The probability of the most probable answer of each item; the share of votes where there is no model."""
    model = fitted(labels, question)
    if not isinstance(model, str):
        best: Floats = np.nan_to_num(
            np.nanmax(np.where(np.isnan(model.posterior), 0.0, model.posterior), axis=1), nan=1.0
        )
        return best
    table = labels.codes[question]
    size = int(table.max(initial=0)) + 1
    votes = np.stack([(table == code).sum(axis=1) for code in range(size)], axis=1)
    given = votes.sum(axis=1)
    share: Floats = np.divide(votes.max(axis=1), given, out=np.ones(len(table)), where=given > 0)
    return share


def _judge_against(campaign: Campaign, labels: Labels, agreed: Mapping[str, Codes]) -> dict[int, list[str]]:
    """The rows on which a judge is against what people agree on, with the questions; never of a sealed test."""
    open_rows = np.array([item.part != Item.Part.TEST for item in labels.items], dtype=bool)
    against: defaultdict[int, list[str]] = defaultdict(list)
    if KINDS[campaign.kind].by_dimension:
        people = outcomes_of(labels, agreed)
        said = judge_outcomes(campaign, labels, campaign.dataset.primary_judge_id)
        pairs: Iterable[tuple[Codes, Codes, list[str]]] = [
            (people[str(dimension)], said[str(dimension)], [question.key for question in questions_of(dimension)])
            for dimension in labels.dimensions
        ]
    elif KINDS[campaign.kind].of_responses:
        choices = judge_choices(labels, None)
        pairs = [(agreed[key], choices[key], [key]) for key in latent_questions(labels)]
    else:
        return {}
    for mine, theirs, keys in pairs:
        for row in np.flatnonzero((mine != MISSING) & (theirs != MISSING) & (mine != theirs) & open_rows).tolist():
            against[row] += keys
    return against


def _controls(
    labels: Labels, number: int, *, without: set[int], settled: set[int], enough: NDArray[np.bool_]
) -> list[tuple[int, str]]:
    """As many undisputed rows, by their keys alone, each with one question."""
    free = [
        row for row, item in enumerate(labels.items) if enough[row] and row not in without and item.pk not in settled
    ]
    keys = latent_questions(labels)
    drawn = sorted(free, key=lambda row: hashlib.sha256(f"control {labels.items[row].pk}".encode()).digest())[:number]
    return [(row, keys[labels.items[row].pk % len(keys)]) for row in drawn]
