"""Practising before work begins: items with known answers, what was wrong explained after each, and whether it was enough.

A try is so many items as the campaign says, and is settled when the last of them is submitted. Another try has fresh items, as long as
there are any: answers that have been explained prove nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User

from annotation.kinds import answer_label
from annotation.labelling.sheets import in_order, letter_of, sheet_of
from annotation.models import Assignment, Campaign, GoldAnswer, Item, Participant
from conflictscope.stats.intervals import ratio
from conflictscope.stats.types import Estimate

logger = logging.getLogger(__name__)

Qualification = Participant.Qualification
# So many of the latest submissions can still be changed (`editing.LATEST`), and what is told of known items moves in such steps.
TOLD_IN = 10


@dataclass(frozen=True, slots=True)
class Correction:
    """A question of an item to practise on: what the person said, what is known, in the letters that they saw, and why."""

    number: int
    text: str
    said: str
    known: str
    why: str
    right: bool


@dataclass(frozen=True, slots=True)
class Practice:
    """How far somebody is. `number` of `of` items of the try; `tries_left`: further tries after this one."""

    number: int
    of: int
    tries_left: int


def settle(place: Participant) -> str:
    """Whether the person, who holds their place and has just submitted an item to practise on, may begin to work.

    Returns: their qualification now. Within a transaction of the caller's.
    """
    campaign = place.campaign
    done = _submitted(place)
    each = campaign.training_each
    if place.qualification != Qualification.PENDING or not done or not each or len(done) % each:
        return str(place.qualification)
    share = _share_right(done[-each:])
    if share >= campaign.pass_at - 1e-9:
        result = Qualification.PASSED
    elif _tries_left(place, len(done)):
        result = Qualification.PENDING
    else:
        result = Qualification.FAILED
    if result != place.qualification:
        Participant.objects.filter(pk=place.pk).update(qualification=result)
        place.qualification = result
    logger.info("Participant %s practised: %s", place.pk, result)
    return str(result)


def practice_of(place: Participant) -> Practice:
    """Where in their practice a person is, while they practise."""
    done = len(_submitted(place))
    each = max(place.campaign.training_each, 1)
    return Practice(done % each + 1, each, max(_tries_left(place, done - done % each + each), 0))


def corrections(assignment: Assignment) -> list[Correction]:
    """What is known of an item to practise on, beside what the person said of it; nothing of any other item."""
    if assignment.item.use != Item.Use.TRAINING or assignment.state != Assignment.State.SUBMITTED:
        return []
    known = {row.question: row for row in GoldAnswer.objects.filter(item=assignment.item_id)}
    said = dict(assignment.annotations.values_list("question", "answer"))
    order = assignment.action_order
    return [
        Correction(
            number=number,
            text=shown.text,
            said=letter_of(answer_label(question.key, said.get(question.key, "")), order),
            known=letter_of(answer_label(question.key, row.answer), order),
            why=row.feedback,
            right=said.get(question.key) == row.answer,
        )
        for number, (question, shown) in enumerate(
            zip(in_order(assignment.item, order), sheet_of(assignment).questions, strict=True), start=1
        )
        if (row := known.get(question.key)) is not None
    ]


def known_given(place: Participant) -> Estimate | None:
    """Of the questions with a known answer that were mixed in, the share to which the person gave it; which they were is not told.

    As long as the campaign goes on that is of whole tens of their items, and of none that they can still change: a figure that moved
    with each item would mark the known ones, and tell at once whether the answer was right.
    """
    every = Assignment.objects.filter(participant=place, state=Assignment.State.SUBMITTED)
    every = every.exclude(item__use=Item.Use.TRAINING).order_by("submitted_at", "pk")
    told = list(every.values_list("pk", flat=True))
    if place.campaign.state != Campaign.State.CLOSED:
        told = told[: max(len(told) - TOLD_IN, 0) // TOLD_IN * TOLD_IN]
    done = Assignment.objects.filter(pk__in=told, item__use__in=[Item.Use.GOLD, Item.Use.CHECK])
    known = GoldAnswer.objects.filter(item__in=done.values("item")).values_list("item", "question", "answer")
    given = set(
        done.filter(annotations__assignment__participant=place).values_list(
            "item", "annotations__question", "annotations__answer"
        )
    )
    right: defaultdict[int, list[bool]] = defaultdict(list)
    for row in known:
        right[row[0]].append(row in given)
    if not right:
        return None
    asked = [len(each) for each in right.values()]
    return ratio([sum(each) for each in right.values()], asked, decided=asked)


def own_known(user: User, campaign: Campaign) -> Estimate | None:
    """What the campaign tells the person of their own work so far; None: nothing."""
    if campaign.told == Campaign.Told.NOTHING:
        return None
    place = Participant.objects.filter(user=user, campaign=campaign).first()
    return known_given(place) if place is not None else None


def _submitted(place: Participant) -> list[int]:
    done = Assignment.objects.filter(
        participant=place, state=Assignment.State.SUBMITTED, item__use=Item.Use.TRAINING
    ).order_by("submitted_at", "pk")
    return list(done.values_list("pk", flat=True))


def _share_right(assignments: Sequence[int]) -> float:
    """The share of known answers that the person gave."""
    known = GoldAnswer.objects.filter(item__assignments__in=assignments)
    pairs = set(known.values_list("item__assignments", "question", "answer").filter(item__assignments__in=assignments))
    given = Assignment.objects.filter(pk__in=assignments).values_list(
        "pk", "annotations__question", "annotations__answer"
    )
    right = len(pairs & set(given))
    return right / len(pairs) if pairs else 1.0


def _tries_left(place: Participant, done: int) -> int:
    """How many tries are left after so many items: as many as are allowed, and as there are fresh items for."""
    each = max(place.campaign.training_each, 1)
    items = Item.objects.filter(campaign=place.campaign_id, use=Item.Use.TRAINING).count()
    return min(place.campaign.training_tries - done // each, (items - done) // each)
