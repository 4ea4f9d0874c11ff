"""A campaign's life: open, pause, close, change its guideline; and a person's place in it."""

from __future__ import annotations

import logging
import secrets

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation.errors import CampaignClosed, ChangedMeanwhile
from annotation.models import Campaign, Guideline, Participant
from conflictscope.errors import InvalidInput, NotFound
from conflictscope.studies.models import Study

logger = logging.getLogger(__name__)

_COLOURS = (
    "amber", "ashen", "azure", "coral", "cream", "dusky", "ebony", "fawn", "green", "hazel", "indigo", "ivory",
    "jade", "khaki", "lilac", "maroon", "mauve", "ochre", "olive", "pearl", "rosy", "ruby", "rusty", "sandy",
    "silver", "slate", "tawny", "teal", "umber", "violet",
)  # fmt: skip
_BIRDS = (
    "avocet", "bittern", "bunting", "crane", "curlew", "dipper", "dunlin", "eider", "finch", "gannet", "godwit",
    "grebe", "heron", "hoopoe", "ibis", "jackdaw", "kestrel", "lapwing", "linnet", "martin", "osprey", "petrel",
    "pipit", "plover", "redwing", "siskin", "snipe", "swift", "tern", "wagtail",
)  # fmt: skip


def start(campaign: Campaign) -> bool:
    """Open a draft or paused campaign for labelling. False: it was open already.

    Raises:
        CampaignClosed: closing is final, because then people have seen each other's answers.
    """
    may_open = [Campaign.State.DRAFT, Campaign.State.PAUSED]
    opened = Campaign.objects.filter(pk=campaign.pk, state__in=may_open).update(state=Campaign.State.OPEN)
    campaign.refresh_from_db(fields=["state"])
    if campaign.state == Campaign.State.CLOSED:
        raise CampaignClosed(
            f"{campaign.name} is closed, and its labels have been seen. Open a new campaign with another name."
        )
    return bool(opened)


def pause(campaign: Campaign) -> bool:
    """Hand out nothing more until it is opened again; what people have in hand they can still submit. False: it was not open.

    Raises:
        CampaignClosed: closing is final.
    """
    paused = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.OPEN).update(state=Campaign.State.PAUSED)
    campaign.refresh_from_db(fields=["state"])
    if campaign.state == Campaign.State.CLOSED:
        raise CampaignClosed(f"{campaign.name} is closed, and stays closed.")
    return bool(paused)


def close(campaign: Campaign) -> bool:
    """End a campaign for good: nothing more is handed out or counted. False: it was closed already."""
    closed = Campaign.objects.exclude(state=Campaign.State.CLOSED).filter(pk=campaign.pk)
    done = bool(closed.update(state=Campaign.State.CLOSED))
    campaign.state = Campaign.State.CLOSED
    return done


def add_guideline(campaign: Campaign, markdown: str, *, changes: str = "", seen: int | None = None) -> Guideline:
    """A new version, which items claimed from now on are labelled by. The text that stands already adds none.

    Args: changes: what is new, for those who label; seen: the version that the text was made from, where somebody else may have written another since.
    Raises:
        InvalidInput: an empty text.
        ChangedMeanwhile: there is a newer version than the one seen.
        CampaignClosed: there is nobody left to follow it.
    """
    text = markdown.replace("\r\n", "\n").strip()
    if not text:
        raise InvalidInput("A guideline needs some text: annotators read it before they start.")
    with transaction.atomic():
        locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.state == Campaign.State.CLOSED:
            raise CampaignClosed(f"{campaign.name} is closed; its guideline stays as people followed it.")
        newest = locked.guidelines.last()
        if newest is not None and newest.markdown.strip() == text:
            return newest
        if seen is not None and newest is not None and newest.version != seen:
            raise ChangedMeanwhile(
                f"Somebody else has written version {newest.version} of the guideline since you began with version {seen}. "
                "Read theirs, take over what you want to keep, and save again."
            )
        written: Guideline = Guideline.objects.create(
            campaign=locked, version=newest.version + 1 if newest else 1, markdown=text, changes=changes.strip()
        )
        return written


def join(campaign: Campaign, user: User, *, simulated: bool = False) -> Participant:
    """The person's place in the campaign, made on their first visit under a pseudonym that nobody chose."""
    place = Participant.objects.filter(campaign=campaign, user=user).select_related("campaign").first()
    attempt = 0
    while place is None:
        attempt += 1
        try:
            with transaction.atomic():
                place, _ = Participant.objects.get_or_create(
                    campaign=campaign,
                    user=user,
                    defaults={
                        "pseudonym": _pseudonym(attempt, simulated),
                        "simulated": simulated,
                        "qualification": Participant.Qualification.PENDING
                        if campaign.training_each
                        else Participant.Qualification.NOT_NEEDED,
                    },
                )
        except IntegrityError:
            if attempt > 50:
                raise
    place.campaign = campaign
    return place


def consent(participant: Participant) -> None:
    """The person has read the guideline and agrees to label by it."""
    newest = participant.campaign.guidelines.last()
    Participant.objects.filter(pk=participant.pk).update(agreed_to=newest)
    Participant.objects.filter(pk=participant.pk, consented_at__isnull=True).update(consented_at=timezone.now())
    participant.refresh_from_db(fields=["consented_at", "agreed_to"])


def campaign_named(study: Study, slug: str) -> Campaign:
    """The campaign of a command line.

    Raises:
        NotFound: naming the study's campaigns.
    """
    try:
        named: Campaign = study.campaigns.select_related("dataset", "study").get(slug=slug)
        return named
    except Campaign.DoesNotExist as exc:
        known = ", ".join(study.campaigns.values_list("slug", flat=True)[:20]) or "none yet"
        raise NotFound(
            f"{study.slug} has no campaign {slug!r}. Campaigns: {known}. Open one with: manage.py open_campaign."
        ) from exc


def _pseudonym(attempt: int, simulated: bool) -> str:
    name = f"{secrets.choice(_COLOURS)}-{secrets.choice(_BIRDS)}"
    name = f"simulated-{name}" if simulated else name
    return name if attempt < 10 else f"{name}-{secrets.randbelow(10_000)}"
