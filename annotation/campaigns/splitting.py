"""Dev and test: a campaign's scenarios parted before anyone has looked, so that a judge can be tuned on labels and tested on others."""

from __future__ import annotations

import hashlib
import logging

from django.db import transaction

from annotation.kinds import KINDS
from annotation.models import Assignment, Campaign, Item
from conflictscope.errors import Conflict, InvalidInput

logger = logging.getLogger(__name__)

LEAST, MOST = 0.05, 0.95


def split(campaign: Campaign, share: float) -> None:
    """Set this share of the campaign's scenarios aside for tuning judges; the others are the sealed test.

    A scenario's part is a matter of chance alone, and all its items fall into it, those of later extensions too. Asked for the
    share that stands, nothing changes.

    Raises:
        InvalidInput: a share that leaves a part empty, or a campaign that asks about no judge.
        Conflict: somebody has submitted a label, or the campaign is split otherwise.
    """
    if not KINDS[campaign.kind].judged:
        raise InvalidInput("Preferences are held against no judge: there is nothing to tune, and nothing to seal.")
    if not LEAST <= share <= MOST:
        raise InvalidInput(f"Between {LEAST:.0%} and {MOST:.0%} of the scenarios can be set aside for tuning.")
    with transaction.atomic():
        locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.dev_share == share:
            return
        if locked.dev_share:
            raise Conflict(f"{locked.name} is split already, {locked.dev_share:.0%} for tuning.")
        if Assignment.objects.filter(item__campaign=locked, state=Assignment.State.SUBMITTED).exists():
            raise Conflict(f"{locked.name} has labels already: a split after somebody could look would seal nothing.")
        locked.dev_share = share
        items = list(Item.objects.filter(campaign=locked).select_related("scenario", "response__scenario"))
        for item in items:
            item.part = part_of(locked, item.subject.pk)
        if len({item.part for item in items}) < len(Item.Part):
            raise InvalidInput(
                "So few scenarios leave one of the parts empty: choose another share, or extend the campaign."
            )
        Item.objects.bulk_update(items, ["part"], batch_size=500)
        locked.save(update_fields=["dev_share"])
    campaign.refresh_from_db(fields=["dev_share"])
    logger.info("Campaign %s split, %s for tuning", campaign.pk, share)


def dev_scenarios(campaign: Campaign) -> list[int]:
    """The keys of the scenarios that are set aside for tuning."""
    way = KINDS[campaign.kind].scenario_of
    items = Item.objects.filter(campaign=campaign, part=Item.Part.DEV).order_by(way)
    return list(items.values_list(way, flat=True).distinct())


def part_of(campaign: Campaign, scenario: int) -> str:
    """The part that a scenario falls into; empty where the campaign is not split."""
    if not campaign.dev_share:
        return ""
    digest = hashlib.sha256(f"split {campaign.pk} {scenario}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    return Item.Part.DEV if place < campaign.dev_share else Item.Part.TEST
