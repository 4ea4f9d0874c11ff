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
from annotation.consensus.deciding import Agreed, adjudicated_answers, agree, outcomes_of
from annotation.consensus.labels import LabelledItem, Labels, counted, judge_choices, judge_outcomes
from annotation.consensus.latent import fitted, latent_questions
from annotation.kinds import KINDS
from annotation.models import AdjudicationTask, Campaign, Decision, Item
from conflictscope.scenarios.filtering.dimensions import questions_of
from conflictscope.stats.labels import MISSING, Codes

Floats = NDArray[np.float64]

FEWEST_LABELS = 2
LOW = 0.8
LEAST_DOUBT = 0.05
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
    waiting = Figures(campaign).of("to settle", lambda: _waiting(campaign))
    if blind:
        waiting = [replace(each, why=_blinded(each.why)) for each in waiting]
    if not splits:
        waiting = [row for each in waiting if (row := replace(each, why=_without({Why.SPLIT}, each.why))).why]
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


def _blinded(why: Mapping[str, tuple[Why, ...]]) -> Mapping[str, tuple[Why, ...]]:
    """What may be told to whoever is blind: where people do not agree it is that alone, for there are no controls among such items."""
    return _without({Why.JUDGE, Why.CONTROL}, why) or dict.fromkeys(why, (Why.ASKED,))


def _without(hidden: set[Why], why: Mapping[str, tuple[Why, ...]]) -> dict[str, tuple[Why, ...]]:
    left = {key: tuple(reason for reason in every if reason not in hidden) for key, every in why.items()}
    return {key: every for key, every in left.items() if every}


def _by_person(tasks: Mapping[int, User], waiting: set[int]) -> dict[str, tuple[int, int]]:
    """Of each adjudicator how many of their items are done, and how many there are."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for item, person in tasks.items():
        counts[person.get_username()][0] += item not in waiting
        counts[person.get_username()][1] += 1
    return {name: (done, of) for name, (done, of) in sorted(counts.items())}


def _waiting(campaign: Campaign) -> list[WaitingItem]:
    """Which rows stand for a judge's word, and which for control, is told by the votes alone: the same before and after something is
    settled, so that nobody learns from what is left what an item was there for."""
    labels = counted(campaign)
    settled = adjudicated_answers(campaign)
    by_hand = {item for item, _ in settled}
    agreed = agree(labels, minimum=FEWEST_LABELS)
    enough = labels.counts >= FEWEST_LABELS
    certainty = {key: _certainty(labels, key) for key in latent_questions(labels)}
    disputes = _disputes(labels, agreed, certainty, enough)
    against = {row: keys for row, keys in _judge_against(campaign, labels, agreed.answers).items() if enough[row]}
    why: defaultdict[int, dict[str, list[Why]]] = defaultdict(lambda: defaultdict(list))
    doubt: defaultdict[int, float] = defaultdict(float)
    for row, disputed in disputes.items():
        for key, (reasons, doubtful) in disputed.items():
            if (labels.items[row].pk, key) not in settled:
                why[row][key] += reasons
                doubt[row] = max(doubt[row], doubtful)
    alone = {row: keys for row, keys in against.items() if row not in disputes}
    asked = [(row, keys, Why.JUDGE) for row, keys in against.items()]
    asked += [(row, keys, Why.CONTROL) for row, keys in _controls(labels, alone, {*disputes, *against}, enough)]
    for row, keys, reason in asked:
        if labels.items[row].pk in by_hand:
            continue
        for key in keys:
            why[row][key].append(reason)
        if row not in disputes:
            doubt[row] = max(LEAST_DOUBT, *(1 - float(certainty[key][row]) for key in keys))
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


Disputes = dict[int, dict[str, tuple[list[Why], float]]]


def _disputes(labels: Labels, agreed: Agreed, certainty: Mapping[str, Floats], enough: NDArray[np.bool_]) -> Disputes:
    """By row and question why people's answers call for somebody, whether anybody has come or not, and how doubtful they are."""
    found: Disputes = defaultdict(dict)
    for key, certain in certainty.items():
        for row in np.flatnonzero(enough & (labels.codes[key] != MISSING).any(axis=1)).tolist():
            votes = labels.votes(row, key)
            tied = bool(agreed.tied[key][row])
            reasons = [
                reason
                for reason, holds in (
                    (Why.TIE, tied),
                    (Why.SPLIT, max(votes.values()) <= SPLIT_TO * sum(votes.values()) and not tied),
                    (Why.UNSURE, len(votes) > 1 and certain[row] < LOW),
                )
                if holds
            ]
            if reasons:
                found[row][key] = (reasons, 0.5 if tied else 1 - float(certain[row]))
    return found


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
    labels: Labels, alone: Mapping[int, list[str]], without: set[int], enough: NDArray[np.bool_]
) -> list[tuple[int, list[str]]]:
    """For each row that waits for a judge's sake alone an undisputed one with the same questions, by their keys alone, as long as
    there are any."""
    drawn: list[tuple[int, list[str]]] = []
    free = [row for row in range(len(labels.items)) if enough[row] and row not in without]
    free.sort(key=lambda row: hashlib.sha256(f"control {labels.items[row].pk}".encode()).digest())
    for _, keys in sorted(alone.items(), key=lambda each: labels.items[each[0]].pk):
        row = next((row for row in free if all((labels.codes[key][row] != MISSING).any() for key in keys)), None)
        if row is not None:
            free.remove(row)
            drawn.append((row, keys))
    return drawn
