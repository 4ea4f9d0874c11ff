"""Which item a person is served: the best open one, what may come after it, and why there is none."""

from __future__ import annotations

import enum
import secrets
import uuid
from collections.abc import Collection
from functools import cache

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.kinds import KINDS
from annotation.labelling import places, tokens
from annotation.labelling.compiled import Compiled
from annotation.models import Assignment, Campaign, Item, Participant

State = Assignment.State
# What a page about an assignment needs, in the query that finds it.
TOLD_WITH = ("item__campaign", "item__scenario__value_1", "item__scenario__value_2", "item__response__scenario")
# How far ahead of the queue an item may lie that `peek` shows.
AHEAD = 50
DEALT_WITH = (State.SUBMITTED, State.SKIPPED)


class Nothing(enum.Enum):
    """Why a claim came back empty."""

    DONE = "done"  # every item is full, or this person has submitted or skipped it
    WAITING = "waiting"  # what is left is in other people's hands, and may come back
    QUOTA = "quota"  # this person has labelled as many as one person may

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    Nothing.DONE: "You have been through everything there is for you in this campaign. Thank you.",
    Nothing.QUOTA: "You have labelled as many items as one person may in this campaign. Thank you.",
    Nothing.WAITING: (
        "Nothing is free for you at this moment: the last items are in other people's hands. "
        "If one is given back, it can come to you."
    ),
}


def peek(participant: Participant) -> tuple[Item, uuid.UUID, str] | None:
    """What the person may well get next: an item, and the token and order of actions it would have. Nothing is leased.

    Everybody is shown another item of the next few, so that it is seldom gone when they come to it. None: there is nothing
    new to show, though `claim` may still find something.

    Raises:
        NotOpen, Excluded, ConsentMissing: as `claim`.
    """
    place = places.with_guideline(Participant.objects.select_related("campaign")).get(pk=participant.pk)
    places.check_may_claim(place)
    if places.quota_reached(place, with_leased=True):
        return None
    at_work = Assignment.objects.filter(item__campaign=place.campaign_id, state=State.LEASED).count()
    if places.practises(place):
        return None  # what was wrong is explained first
    untouched = _untouched(Item.objects.all(), place.pk, place.campaign_id).values_list("pk", flat=True)
    soon = list(untouched[: min(max(at_work, 1), AHEAD)])
    if not soon:
        return None  # known ones alone are no work
    if known_is_due(place) and (mixed_in := known_untouched(place)) is not None:
        soon = [mixed_in]
    item = items_told(place.campaign.kind).get(pk=secrets.choice(soon))
    item.campaign = place.campaign
    return item, *tokens.name(place, item.pk)


def why_nothing(participant: Participant) -> Nothing:
    """Why `claim` came back empty: "no more work" is only said when it is true."""
    if places.quota_reached(participant):
        return Nothing.QUOTA
    dealt_with = Assignment.objects.filter(participant=participant, state__in=DEALT_WITH).values("item")
    of_campaign = Item.objects.filter(campaign=participant.campaign_id, is_training=False).exclude(pk__in=dealt_with)
    # Two looks, one at the open items and one at the leases, because both have an index and all items together have none.
    leased = Assignment.objects.filter(item__campaign=participant.campaign_id, state=State.LEASED).values("item")
    may_come = of_campaign.filter(open_slots__gt=0).exists() or of_campaign.filter(pk__in=leased).exists()
    return Nothing.WAITING if may_come else Nothing.DONE


def with_free_items(user: User, campaigns: Collection[Campaign]) -> set[int]:
    """The ids of those campaigns that have an open item which the person has neither submitted nor skipped."""
    dealt_with = Assignment.objects.filter(participant__user=user, state__in=DEALT_WITH).values("item")
    free = Item.objects.filter(campaign=OuterRef("pk"), open_slots__gt=0, is_training=False).exclude(pk__in=dealt_with)
    asked = Campaign.objects.filter(Exists(free), pk__in=[campaign.pk for campaign in campaigns])
    return set(asked.values_list("pk", flat=True))


def best_open_item(participant: Participant, *, wait: bool) -> tuple[Item, bool] | None:
    """The item with all that a sheet tells of it, and whether the person has never held it."""
    skip_locked = not wait and connection.features.has_select_for_update_skip_locked
    # Two looks instead of one sort: the first walks the index of open items and stops at the first that fits, the second
    # begins with the few items that the person let go.
    if places.practises(participant):
        practice = _never_held(participant, Item.Use.TRAINING)
        told = items_told(participant.campaign.kind)
        return (told.get(pk=practice), True) if practice is not None else _let_go(participant, told, skip_locked)
    best: Item | None = _next_untouched(participant.campaign.kind, skip_locked).first(
        participant=participant.pk, campaign=participant.campaign_id
    )
    if best is not None:
        # Only between items that are asked about: known ones alone are no work.
        known = known_untouched(participant) if known_is_due(participant) else None
        return (items_told(participant.campaign.kind).get(pk=known) if known is not None else best), True
    return _let_go(participant, items_told(participant.campaign.kind), skip_locked)


def _let_go(participant: Participant, told: QuerySet[Item], skip_locked: bool) -> tuple[Item, bool] | None:
    """The best open one of the items whose lease the person let run out."""
    let_go = Assignment.objects.filter(participant=participant, state=State.EXPIRED).values("item")
    again = told.filter(open_slots__gt=0, campaign=participant.campaign_id, pk__in=let_go)
    practice = Q(use=Item.Use.TRAINING)
    again = again.filter(practice if places.practises(participant) else ~practice)
    again = again.order_by("priority", "shuffle_key", "pk")
    best = again.select_for_update(of=("self",), skip_locked=skip_locked).first()
    return (best, False) if best is not None else None


@cache
def _next_untouched(kind: str, skip_locked: bool) -> Compiled[Item]:
    def build(participant: int, campaign: int) -> QuerySet[Item]:
        untouched = _untouched(items_told(kind), participant, campaign)
        return untouched.select_for_update(of=("self",), skip_locked=skip_locked)[:1]

    return Compiled(build, numbers=("participant", "campaign"))


def _untouched(items: QuerySet[Item], participant: int, campaign: int) -> QuerySet[Item]:
    """Of these items the open ones of the person's campaign that they have never held, in the order of serving."""
    # NOT IN, not NOT EXISTS: PostgreSQL makes one hash of the person's items, whatever its statistics say, where it would
    # join each open item with each of theirs as long as it takes them for few.
    mine = Assignment.objects.filter(participant=participant).values("item")
    open_items = items.filter(open_slots__gt=0, campaign=campaign, is_training=False)
    return open_items.exclude(pk__in=mine).order_by("priority", "shuffle_key", "pk")


def known_is_due(place: Participant) -> bool:
    """Whether chance has it that an item with known answers comes next. Nothing marks it: it comes in no order."""
    share = place.campaign.gold_share
    return share > 0 and secrets.randbelow(1_000_000) < share * 1_000_000


def known_untouched(place: Participant) -> int | None:
    """The key of an item with known answers, gold or check, that the person has never held; None: they have had all."""
    return _never_held(place, Item.Use.GOLD, Item.Use.CHECK)


def _never_held(place: Participant, *uses: Item.Use) -> int | None:
    mine = Assignment.objects.filter(participant=place).values("item")
    known = Item.objects.filter(campaign=place.campaign_id, use__in=uses, open_slots__gt=0).exclude(pk__in=mine)
    pks = list(known.order_by("shuffle_key", "pk").values_list("pk", flat=True))
    if not pks:
        return None
    return pks[0] if Item.Use.TRAINING in uses else secrets.choice(pks)


def wished(participant: Participant, token: uuid.UUID) -> int | None:
    """The item that `peek` showed under this token, if it is open and new to the person, or begun already."""
    begun = Assignment.objects.filter(participant=participant, token=token, state=State.EXPIRED).first()
    if begun is not None:
        return begun.item_id
    item_id = tokens.item_of(participant, token)
    return item_id if item_id is not None and _may_be_wished(participant, item_id) else None


def _may_be_wished(participant: Participant, item_id: int) -> bool:
    mine = Assignment.objects.filter(participant=participant, item=item_id)
    there = Item.objects.filter(pk=item_id, campaign=participant.campaign_id, open_slots__gt=0)
    return not places.practises(participant) and there.exclude(use=Item.Use.TRAINING).exclude(Exists(mine)).exists()


def with_item_told(assignment: Assignment) -> Assignment:
    """The assignment with what a sheet tells of its item."""
    campaign = assignment.participant.campaign
    item = items_told(campaign.kind).get(pk=assignment.item_id)
    item.campaign = campaign
    assignment.item = item
    return assignment


def items_told(kind: str) -> QuerySet[Item]:
    """Items with what a sheet tells of them, and no more: a scenario's vector alone is longer than its text."""
    fields_by_relation = KINDS[kind].told
    only = [f"{related}__{name}" for related, names in fields_by_relation.items() for name in names]
    return Item.objects.select_related(*fields_by_relation).only("campaign", "scenario", "response", *only)
