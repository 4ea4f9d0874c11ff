"""What a campaign asks of people before and while they work, and what it tells them of their own."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from annotation.errors import CampaignClosed
from annotation.labelling.qualifying import known_given
from annotation.models import Campaign, Participant
from annotation.quality.known import known_in
from annotation.quality.people import signals_in
from conflictscope.errors import InvalidInput
from conflictscope.stats.types import Estimate

Told = Campaign.Told


@dataclass(frozen=True, slots=True)
class QualityRules:
    """As the columns of a campaign of the same names."""

    gold_share: float = 0.0
    training_each: int = 0
    pass_at: float = 0.8
    training_tries: int = 1
    told: str = Told.NOTHING
    unsure: bool = False
    consent_anew: bool = False


def set_rules(campaign: Campaign, rules: QualityRules) -> None:
    """From now on. Who has begun without training is not sent back to it.

    Raises:
        InvalidInput: naming what does not fit, such as more items to practise on than there are.
        CampaignClosed: nobody works here any more.
    """
    problems = []
    if not 0 <= rules.gold_share <= 0.5:
        problems.append("the share of known items must be from 0 to 50 per cent")
    if not 0 < rules.pass_at <= 1:
        problems.append("the threshold must be above 0 and at most 100 per cent")
    if rules.training_tries < 1:
        problems.append("there is at least one try")
    if rules.told not in Told.values:
        problems.append(f"what people are told must be one of: {', '.join(Told.values)}")
    known = known_in(campaign)
    if rules.training_each * rules.training_tries > known.training:
        problems.append(
            f"{rules.training_tries} × {rules.training_each} items to practise on are needed, and there are {known.training}: "
            "each try has fresh ones"
        )
    if rules.gold_share and not known.gold + known.checks:
        problems.append("there is no item with known answers to mix in: take some from a settled campaign first")
    if problems:
        raise InvalidInput(f"Nothing was changed: {'; '.join(problems)}.")
    with transaction.atomic():
        locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.state == Campaign.State.CLOSED:
            raise CampaignClosed(f"{locked.name} is closed; its rules stay as people worked by them.")
        for name in QualityRules.__dataclass_fields__:
            setattr(locked, name, getattr(rules, name))
        locked.save(update_fields=list(QualityRules.__dataclass_fields__))
        if not rules.training_each:
            waiting = Participant.objects.filter(campaign=locked, qualification=Participant.Qualification.PENDING)
            waiting.update(qualification=Participant.Qualification.NOT_NEEDED)
    campaign.refresh_from_db()


def told_when_closed(user: User) -> list[tuple[Campaign, Estimate]]:
    """Of closed campaigns that tell it: how often the person answered as most of the others did."""
    places = Participant.objects.filter(
        user=user, campaign__state=Campaign.State.CLOSED, campaign__told=Told.OTHERS
    ).select_related("campaign__study")
    told = [(place.campaign, told_to(place).like_others) for place in places]
    return [(campaign, share) for campaign, share in told if share is not None]


@dataclass(frozen=True, slots=True)
class ToldOfOwnWork:
    """What somebody is told of their own work; None: nothing of that kind."""

    known: Estimate | None
    like_others: Estimate | None


def told_to(participant: Participant) -> ToldOfOwnWork:
    """Known answers while they work, if the campaign tells them; how they agreed with the others only once it is closed."""
    campaign = participant.campaign
    known = like_others = None
    if campaign.told in (Told.GOLD, Told.OTHERS):
        known = known_given(participant)
    if campaign.told == Told.OTHERS and campaign.state == Campaign.State.CLOSED:
        mine = [row for row in signals_in(campaign) if row.participant.pk == participant.pk]
        like_others = mine[0].signals.agreement.share if mine else None
    return ToldOfOwnWork(known, like_others)
