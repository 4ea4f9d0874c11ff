"""A person's answers left out of a campaign, and taken back in: their slots go to somebody else, and come back where free.

Each assignment is a transaction of its own that holds the person's place, as every step of routing is. So both may be done
again after an interruption, and while others work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import Q

from annotation.labelling import places, routing
from annotation.models import Assignment, Participant

logger = logging.getLogger(__name__)

State = Assignment.State


def leave_out(participant: Participant) -> int:
    """Give back every slot that an excluded person takes. Returns how many there were; none while they are not excluded.

    What they hold runs out, and what they submitted becomes surplus: kept, not counted, and asked of somebody else.
    """
    taking = Q(state=State.LEASED) | Q(state=State.SUBMITTED, surplus=False)
    freed = _each(participant, taking, excluded=True, step=_leave_out)
    if freed:
        logger.info("Campaign %s: %s slots of an excluded person are free again", participant.campaign_id, freed)
    return freed


def take_back(participant: Participant) -> int:
    """Count again what somebody submitted who is not excluded any more, where its item still has a free slot.

    Where others have answered in their place it stays surplus. Returns how many count again.
    """
    surplus = Q(state=State.SUBMITTED, surplus=True)
    counted = _each(participant, surplus, excluded=False, step=_take_back)
    if counted:
        logger.info("Campaign %s: %s submissions count again", participant.campaign_id, counted)
    return counted


def _each(participant: Participant, which: Q, *, excluded: bool, step: Callable[[Assignment], bool]) -> int:
    mine = Assignment.objects.filter(which, participant=participant).order_by("pk")
    done = 0
    for pk in list(mine.values_list("pk", flat=True)):
        with transaction.atomic():
            if places.lock(participant.pk).excluded != excluded:
                break
            # Read under the lock: it may have been submitted, skipped or done by another process meanwhile.
            assignment = mine.filter(pk=pk).only("state", "item").first()
            done += assignment is not None and step(assignment)
    return done


def _leave_out(assignment: Assignment) -> bool:
    given_up: dict[str, Any] = {"state": State.EXPIRED} if assignment.state == State.LEASED else {"surplus": True}
    held = Assignment.objects.filter(pk=assignment.pk, state=assignment.state, surplus=False)
    # A lease that ran out is returned without its person's place being held: whoever changes the row frees the slot.
    if not held.update(**given_up):
        return False
    routing.free_slot(assignment.item_id)
    return True


def _take_back(assignment: Assignment) -> bool:
    if not routing.take_slot(assignment.item_id):
        return False
    return bool(Assignment.objects.filter(pk=assignment.pk).update(surplus=False))
