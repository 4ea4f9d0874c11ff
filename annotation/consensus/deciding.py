"""What people together say of each item: a majority for each question, a place on each scale, and ties left to be settled.

What that comes to (a verdict, a judgement, an order of values) is written down by `annotation.consensus.recording`; the job that
decides a whole campaign, batch by batch, is `annotation.consensus.job`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from numpy.typing import NDArray

from annotation.consensus import recording
from annotation.consensus.labels import (
    LabelledItem,
    Labels,
    answers_of,
    counted,
    labelled_items,
    outcome_codes,
    served,
    words,
)
from annotation.kinds import QUESTION
from annotation.models import Campaign, Decision, Item
from annotation.questions import MIDDLE, Control
from conflictscope.errors import InvalidInput
from conflictscope.stats.clusters import Flags
from conflictscope.stats.consensus import plurality, votes_of
from conflictscope.stats.labels import MISSING, Codes

logger = logging.getLogger(__name__)

TOO_FEW = "At least one person must have labelled an item before it can be decided."


@dataclass(frozen=True, slots=True)
class Tie:
    """A question on which as many people gave one answer as another: somebody has to settle it."""

    item: LabelledItem
    question: str
    votes: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Agreed:
    """For each question the code of the answer that most people gave, -1 where there is none, and whether two answers tie.

    Attributes: answers, tied: by question, shape (items,).
    """

    answers: dict[str, Codes]
    tied: dict[str, Flags]

    def ties(self, labels: Labels) -> Iterator[Tie]:
        """The ties, item by item in the order of `labels`."""
        keys = list(self.tied)
        if not keys:
            return
        for row, place in np.argwhere(np.stack([self.tied[key] for key in keys], axis=1)).tolist():
            yield Tie(labels.items[row], keys[place], labels.votes(row, keys[place]))


def to_decide(campaign: Campaign) -> list[int]:
    """Keys of the items of which something can be written down or withdrawn: labelled ones, and those with decisions."""
    labelled = set(labelled_items(campaign).order_by().values_list("pk", flat=True))
    decided = Decision.objects.filter(item__campaign=campaign).values_list("item", flat=True).distinct()
    wanted = labelled | set(decided.order_by())
    return [pk for pk in served(campaign).values_list("pk", flat=True) if pk in wanted]


def decide_items(campaign: Campaign, items: Collection[int], *, minimum: int) -> recording.Written:
    """Write down what people agree on about some of a campaign's items: decisions, and what its kind makes of them.

    A scenario filter writes a human verdict for each dimension, an action judgement a human judgement of each response. Only
    items that at least `minimum` people have labelled are decided. A tie is left open. Adjudicated answers stand, whatever the
    votes. Decided again, it does only what has changed; a decision that the answers no longer bear out is withdrawn together
    with what it wrote. The number of statements does not grow with the items.

    Raises:
        InvalidInput: a minimum below 1.
    """
    if minimum < 1:
        raise InvalidInput(TOO_FEW)
    with transaction.atomic():
        # Locked and read anew: somebody may be settling a tie of one of them, or deciding the campaign, at this moment.
        held = Item.objects.select_for_update().filter(campaign=campaign, pk__in=items).order_by("pk")
        labels = counted(campaign, among=list(held.values_list("pk", flat=True)))
        agreed = agree(labels, minimum=minimum)
        standing = _standing([item.pk for item in labels.items])
        columns = {key: words(codes, answers_of(key)) for key, codes in agreed.answers.items()}
        answers = [{key: column[row] for key, column in columns.items()} for row in range(len(labels.items))]
        before = _columns(standing)
        gone = _bring_in_line(labels, answers, standing)
        written = recording.recorder_of(campaign, labels).write(answers, standing)
        _save(standing, before, gone)
        return written


def settle(item: Item, answers: Mapping[str, str], *, by: User, reason: str, blind: bool = True) -> None:
    """An adjudicator's word on questions of an item: it stands, whatever the votes, and what it comes to is written down.

    `blind`: they had seen no machine's word on it.

    Raises:
        InvalidInput: no answer at all, one that its question does not offer, or no reason.
    """
    campaign = item.campaign
    labels = counted(campaign, among=[item.pk])
    wrong = [key for key, answer in answers.items() if key not in labels.codes or answer not in answers_of(key)]
    if wrong or not answers:
        raise InvalidInput(f"Choose one of the answers on offer{f' to {wrong[0]}' if wrong else ''}.")
    if not reason.strip():
        raise InvalidInput("Say in a few words why: the reason is kept with the decision.")
    with transaction.atomic():
        Item.objects.select_for_update().get(pk=item.pk)
        for key, answer in answers.items():
            Decision.objects.update_or_create(
                item=item,
                question=key,
                defaults={
                    "answer": answer,
                    "method": Decision.Method.ADJUDICATED,
                    "decided_by": by,
                    "reason": reason.strip(),
                    "blind": blind,
                },
            )
        standing = _standing([item.pk])
        known = standing[item.pk]
        decided = {key: known[key].answer if key in known else None for key in labels.codes}
        before = _columns(standing)
        recording.recorder_of(campaign, labels).write([decided], standing)
        _save(standing, before, [])
    logger.info("Item %s of campaign %s adjudicated", item.pk, campaign.pk)


def agree(labels: Labels, *, minimum: int, adjudicated: Mapping[tuple[int, str], str] | None = None) -> Agreed:
    """For each question the answer of each item that most people gave, and where two answers tie.

    On a scale it is the median of what they gave, and there are no ties. Items that fewer than `minimum` people labelled have
    no answer yet, unless it was adjudicated.
    """
    agreed: dict[str, Codes] = {}
    tied: dict[str, Flags] = {}
    ready = labels.counts >= minimum
    for key, table in labels.codes.items():
        if QUESTION[key].control is Control.SCALE:
            agreed[key], tied[key] = middle_of(table), np.zeros(len(table), dtype=bool)
        else:
            majority = plurality(votes_of(table, len(answers_of(key))))
            agreed[key], tied[key] = majority.answer.copy(), majority.tied & ready
        agreed[key][~ready] = MISSING
    for (item, key), answer in (adjudicated or {}).items():
        row = labels.row_of.get(item)
        if row is not None and key in agreed:
            agreed[key][row], tied[key][row] = answers_of(key).index(answer), False
    return Agreed(agreed, tied)


def middle_of(codes: Codes) -> Codes:
    """The median place of each row on a scale; between two places the one nearer to its middle, which claims less.

    Args: codes: shape (n, r), places from 0, -1 = no answer. Returns: shape (n,), -1 where nobody answered.
    """
    size = max(int(codes.max(initial=0)) + 1, 2 * MIDDLE - 1)
    votes = votes_of(codes, size)
    voters, sums = votes.sum(axis=1), votes.cumsum(axis=1)
    lower: NDArray[np.int64] = (sums >= ((voters + 1) // 2)[:, None]).argmax(axis=1)
    upper: NDArray[np.int64] = (sums >= (voters // 2 + 1)[:, None]).argmax(axis=1)
    both = lower + upper
    # Places count from 0 here, from 1 on the scale: below the middle half a place goes up, above it goes down.
    middle = np.where(both < 2 * (MIDDLE - 1), (both + 1) // 2, both // 2)
    return np.where(voters > 0, middle, MISSING).astype(np.int8)


def outcomes_of(labels: Labels, agreed: Mapping[str, Codes]) -> dict[str, Codes]:
    """Pass or fail of each dimension, where all its questions have an answer that people agree on."""
    return {str(dimension): outcome_codes(dimension, agreed) for dimension in labels.dimensions}


def ties_of(campaign: Campaign, *, minimum: int | None = None) -> list[Tie]:
    """The questions that wait for somebody to settle them."""
    labels = counted(campaign)
    minimum = campaign.overlap if minimum is None else minimum
    return list(agree(labels, minimum=minimum, adjudicated=adjudicated_answers(campaign)).ties(labels))


def adjudicated_answers(campaign: Campaign) -> dict[tuple[int, str], str]:
    """What somebody settled by hand: an answer for an item and a question."""
    settled = Decision.objects.filter(item__campaign=campaign, method=Decision.Method.ADJUDICATED)
    return {(item, question): answer for item, question, answer in settled.values_list("item", "question", "answer")}


def _standing(items: Sequence[int]) -> dict[int, dict[str, Decision]]:
    """The decisions on each of the items, by their questions."""
    standing: dict[int, dict[str, Decision]] = {item: {} for item in items}
    for decision in Decision.objects.filter(item__in=items):
        standing[decision.item_id][decision.question] = decision
    return standing


def _columns(standing: recording.Standing) -> dict[int, tuple[str, str, int | None, int | None]]:
    """What can change of decisions, by their keys."""
    return {
        decision.pk: (decision.answer, decision.method, decision.verdict_id, decision.judgement_id)
        for known in standing.values()
        for decision in known.values()
        if decision.pk is not None
    }


def _bring_in_line(
    labels: Labels, answers: Sequence[dict[str, str | None]], standing: dict[int, dict[str, Decision]]
) -> list[int]:
    """Change the decisions, in memory, to what people agree on; to adjudicated ones the answers give way.

    Returns: the keys of decisions that do not hold any more.
    """
    gone = []
    for item, agreed in zip(labels.items, answers, strict=True):
        known = standing[item.pk]
        for question, answer in agreed.items():
            decision = known.get(question)
            if decision is not None and decision.method == Decision.Method.ADJUDICATED:
                agreed[question] = decision.answer
            elif answer is None:
                if decision is not None:
                    gone.append(decision.pk)
                    del known[question]
            elif decision is None:
                known[question] = Decision(
                    item_id=item.pk, question=question, answer=answer, method=Decision.Method.MAJORITY
                )
            else:
                decision.answer, decision.method = answer, Decision.Method.MAJORITY
    return gone


def _save(
    standing: recording.Standing,
    before: Mapping[int, tuple[str, str, int | None, int | None]],
    gone: Sequence[int],
) -> None:
    """Write the decisions that are new or changed, together with what they wrote, and delete those that are gone."""
    if gone:
        Decision.objects.filter(pk__in=gone).delete()
    every = [decision for known in standing.values() for decision in known.values()]
    now = _columns(standing)
    Decision.objects.bulk_create([decision for decision in every if decision.pk is None], batch_size=2_000)
    Decision.objects.bulk_update(
        [decision for decision in every if decision.pk in now and now[decision.pk] != before[decision.pk]],
        ["answer", "method", "verdict", "judgement"],
        batch_size=500,
    )
