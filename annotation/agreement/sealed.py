"""The sealed test of a split campaign: what of its labels a judge's figures may rest on, and the log of who opened it.

Until the test is opened for a judge, its figures come from the dev part alone; from then on from the test part alone, so that no
label on which a prompt was chosen speaks for it. It is opened once for a judge, and never closed again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from django.contrib.auth.models import User
from django.db.models import QuerySet

from annotation.consensus.labels import labelled_items
from annotation.models import Campaign, Item, Unsealing
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.scenarios.models import Judge
from conflictscope.studies.models import Study

logger = logging.getLogger(__name__)


def part_shown(campaign: Campaign, judges: Collection[Judge]) -> str:
    """The part of the labels that figures of these judges rest on; empty where the campaign is not split: all of them."""
    if not campaign.dev_share or not judges:
        return ""
    opened = Unsealing.objects.filter(campaign=campaign, judge__in=[judge.pk for judge in judges]).count()
    return Item.Part.TEST if opened == len(judges) else Item.Part.DEV


def openings_of(campaign: Campaign) -> QuerySet[Unsealing]:
    """The log, the first first."""
    return Unsealing.objects.filter(campaign=campaign).select_related("judge", "opened_by").order_by("pk")


def open_test(campaign: Campaign, judge: Judge, *, by: User, reason: str) -> Unsealing:
    """Open the sealed test for this judge, for good: its name, the person, the reason and the moment are kept.

    Opened again, the first opening is returned as it is.

    Raises:
        Conflict: the campaign is not split, or its test has no labels.
        InvalidInput: no reason.
    """
    standing = Unsealing.objects.filter(campaign=campaign, judge=judge).first()
    if standing is not None:
        return standing
    if not campaign.dev_share:
        raise Conflict(f"{campaign.name} is not split into dev and test, so there is nothing to open.")
    if not reason.strip():
        raise InvalidInput("Say in a few words what the test is opened for: the reason stays in the log.")
    items = labelled_items(campaign).filter(part=Item.Part.TEST).count()
    if not items:
        raise Conflict("Nobody has labelled anything of the test part yet: opening it would show nothing.")
    return _opened(campaign, judge, Unsealing.How.PASSPORT, items=items, by=by, reason=reason.strip())


def opened_by_correction(study: Study, judge: Judge, panels: Collection[str], by: User | None = None) -> None:
    """People's labels of these campaigns have corrected a ranking of the judge: where one is split, that opened its test."""
    for campaign in Campaign.objects.filter(study=study, slug__in=panels, dev_share__gt=0):
        if not Unsealing.objects.filter(campaign=campaign, judge=judge).exists():
            items = labelled_items(campaign).filter(part=Item.Part.TEST).count()
            _opened(campaign, judge, Unsealing.How.CORRECTION, items=items, by=by, reason="")


def sealed_to(study: Study, judge: Judge, panels: Collection[str]) -> bool:
    """Whether one of these campaigns has a test that was not opened for the judge."""
    split = Campaign.objects.filter(study=study, slug__in=panels, dev_share__gt=0)
    return split.exclude(pk__in=Unsealing.objects.filter(judge=judge).values("campaign")).exists()


def _opened(
    campaign: Campaign, judge: Judge, how: Unsealing.How, *, items: int, by: User | None, reason: str
) -> Unsealing:
    opening, fresh = Unsealing.objects.get_or_create(
        campaign=campaign, judge=judge, defaults={"how": how, "opened_by": by, "reason": reason, "items": items}
    )
    if fresh:
        logger.info("Test of campaign %s opened for judge %s", campaign.pk, judge.pk)
    return opening
