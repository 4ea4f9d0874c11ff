"""What in a campaign wants a researcher's eye: flags, comments, and items on which work does not get on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from annotation.models import Annotation, Assignment, Campaign, Flag, Item

State = Assignment.State
# From so many people on who let an item run out, or skipped it, it is the item.
SEVERAL = 2
# Beside an item and its words: what `Item.subject` needs.
_SUBJECT = ("item__scenario", "item__response__scenario")


@dataclass(frozen=True, slots=True)
class Stuck:
    """An item with how many people let its lease run out, skipped it and flagged it, and what they said."""

    item: Item
    expired: int
    skipped: int
    flagged: int
    reasons: tuple[str, ...]


def flags_of(campaign: Campaign) -> QuerySet[Flag]:
    """What people say is wrong with an item, the latest first."""
    return (
        Flag.objects.filter(assignment__item__campaign=campaign)
        .select_related("assignment__participant", *(f"assignment__{name}" for name in _SUBJECT))
        .order_by("-pk")
    )


def comments_of(campaign: Campaign) -> QuerySet[Annotation]:
    """What people wrote beside their answers, the latest first; drafts are left alone until they are submitted."""
    return (
        Annotation.objects.filter(assignment__item__campaign=campaign, assignment__state=State.SUBMITTED)
        .exclude(comment="")
        .select_related("assignment__participant", *(f"assignment__{name}" for name in _SUBJECT))
        .order_by("-updated_at", "-pk")
    )


def stuck_in(campaign: Campaign, *, most: int = 25) -> list[Stuck]:
    """Items that several people let run out or skipped, or that anybody flagged; the worst first. Three queries."""
    counts = (
        Assignment.objects.filter(item__campaign=campaign)
        .filter(Q(state__in=[State.EXPIRED, State.SKIPPED]) | Q(flags__isnull=False))
        .order_by()
        .values("item")
        .annotate(
            expired=Count("pk", filter=Q(state=State.EXPIRED), distinct=True),
            skipped=Count("pk", filter=Q(state=State.SKIPPED), distinct=True),
            flagged=Count("pk", filter=Q(flags__isnull=False), distinct=True),
        )
        .filter(Q(expired__gte=SEVERAL) | Q(skipped__gte=SEVERAL) | Q(flagged__gte=1))
        .order_by("-flagged", "-skipped", "-expired", "item")[:most]
    )
    rows = list(counts)
    pks = [row["item"] for row in rows]
    items = Item.objects.select_related("scenario", "response__scenario").in_bulk(pks)
    reasons: dict[int, list[str]] = defaultdict(list)
    assignments = (
        Assignment.objects.filter(item__in=pks).order_by("pk").values_list("item", "skip_reason", "flags__reason")
    )
    for item, skip_reason, flag in assignments:
        reasons[item] += [reason for reason in (skip_reason, flag) if reason and reason not in reasons[item]]
    return [
        Stuck(items[row["item"]], row["expired"], row["skipped"], row["flagged"], tuple(reasons[row["item"]]))
        for row in rows
    ]
