"""Settling an item, opening it again, looking at what machines said, and asking somebody to do it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from annotation.consensus import job as deciding
from annotation.consensus.deciding import decide_items, settle
from annotation.errors import ChangedMeanwhile
from annotation.kinds import QUESTION, answer_label
from annotation.models import AdjudicationTask, Campaign, Decision, Item, JudgeLook
from conflictscope.errors import InvalidInput
from conflictscope.studies.access import actions_of
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action, roles_that_may

logger = logging.getLogger(__name__)

# More labels than anybody asks for: nothing is decided by votes.
_NEVER = 1_000


@dataclass(frozen=True, slots=True)
class Change:
    """What settling changed: a question, what stood before and what stands now, in words."""

    question: str
    before: str
    now: str


def is_blind(user: User, item: Item) -> bool:
    """Whether the person has seen no machine's word on the item, and could not have: whoever sees the study could."""
    if Action.SEE in actions_of(user, item.campaign.study):
        return False
    return not JudgeLook.objects.filter(item=item, user=user).exists()


def look(user: User, item: Item) -> JudgeLook:
    """The person looks at what machines said of the item: kept, and what they settle from now on is not blind."""
    seen, fresh = JudgeLook.objects.get_or_create(item=item, user=user)
    if fresh:
        logger.info("Adjudicator %s looked at the machines' word on item %s", user.pk, item.pk)
    return seen


def stamp_of(item: Item) -> str:
    """What somebody settled on the item, in a word: the same as long as it stands."""
    by_hand = Decision.objects.filter(item=item, method=Decision.Method.ADJUDICATED)
    said = sorted(by_hand.values_list("question", "answer", "reason", "decided_by"))
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16] if said else "open"


def settle_blind(
    item: Item, answers: Mapping[str, str], *, by: User, reason: str, seen: str | None = None
) -> list[Change]:
    """`deciding.settle`, marked with whether it was done blind. Returns what changed.

    Args: seen: the stamp of what stood settled when the person was shown the item; None: they settle it whatever stands.
    Raises:
        InvalidInput: as `deciding.settle`. ChangedMeanwhile: somebody else has settled it since, or opened it again.
    """
    with transaction.atomic():
        Item.objects.select_for_update().get(pk=item.pk)
        if seen is not None and seen != stamp_of(item):
            raise ChangedMeanwhile(
                "Somebody else has settled this item, or opened it again, since you were shown it. What stands now is below; your "
                "reason is kept. Settle it again if you still mean it."
            )
        before = _standing(item)
        settle(item, answers, by=by, reason=reason, blind=is_blind(by, item))
    now = _standing(item)
    return [
        Change(QUESTION[key].text, before.get(key, "open"), now[key]) for key in answers if before.get(key) != now[key]
    ]


def reopen(item: Item) -> int:
    """Undo what somebody settled on the item: the votes decide again, where the campaign has been decided by votes.

    Returns how many answers were withdrawn.
    """
    with transaction.atomic():
        Item.objects.select_for_update().get(pk=item.pk)
        by_hand = Decision.objects.filter(item=item, method=Decision.Method.ADJUDICATED)
        # What they wrote goes with the decision that follows, or with none.
        withdrawn = by_hand.update(method=Decision.Method.MAJORITY, reason="", decided_by=None, blind=True)
        if withdrawn:
            decided = deciding.jobs_of(item.campaign).first()
            minimum = decided.parameters["minimum"] if decided is not None else _NEVER
            decide_items(item.campaign, [item.pk], minimum=minimum)
            logger.info("Item %s of campaign %s opened again", item.pk, item.campaign_id)
    return withdrawn


def adjudicators_of(study: Study) -> list[User]:
    """Whom items can be given to."""
    may = study.memberships.filter(role__in=roles_that_may(Action.ADJUDICATE)).select_related("user")
    return [membership.user for membership in may.order_by("user__username")]


def assign(campaign: Campaign, adjudicator: User, items: Sequence[int]) -> int:
    """Ask the person to settle these items, if nobody is asked yet. Returns how many they are asked.

    Raises:
        InvalidInput: they do not settle anything in the study.
    """
    if adjudicator not in adjudicators_of(campaign.study):
        raise InvalidInput(f"{adjudicator} settles nothing in {campaign.study}: give them the role adjudicator first.")
    taken = set(AdjudicationTask.objects.filter(item__in=items).values_list("item", flat=True))
    fresh = Item.objects.filter(campaign=campaign, pk__in=items).exclude(pk__in=taken)
    made = AdjudicationTask.objects.bulk_create(
        [AdjudicationTask(item=item, adjudicator=adjudicator) for item in fresh], ignore_conflicts=True
    )
    return len(made)


def _standing(item: Item) -> dict[str, str]:
    decisions = Decision.objects.filter(item=item)
    return {
        decision.question: f"{answer_label(decision.question, decision.answer)} ({decision.get_method_display().lower()})"
        for decision in decisions
    }
