"""A person comes by a campaign's link: agrees, gets a place without an account, and goes on in it wherever they open the link.

The place is theirs alone, whatever they reload: the platform's id has one in each campaign, under a constraint. Because such an id
can be guessed, opening the link on another device ends the session on the first and shows nothing of what was answered there.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Subquery
from django.utils import timezone
from django.utils.crypto import salted_hmac

from annotation.campaigns.lifecycle import join
from annotation.crowd.models import ConsentText, CrowdIdentity, GroupAnswer, Guest, Recruitment, Withdrawn
from annotation.crowd.recruiting import BY_LINK, recruitment_of
from annotation.errors import CampaignClosed, NotOpen
from annotation.labelling import places, routing
from annotation.models import Annotation, Assignment, Campaign, Participant
from conflictscope.errors import Conflict, InvalidInput

logger = logging.getLogger(__name__)

LONGEST = 200


class NoPlace(Conflict):
    """Everybody who was wanted has come, or there is nothing left to label."""

    code = "no_place"


class HasWithdrawn(Conflict):
    """Who has withdrawn does not come back under the same id."""

    code = "has_withdrawn"


class BegunElsewhere(Conflict):
    """The person of this id has a place already, on another device."""

    code = "begun_elsewhere"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody at the link. `person`: their id on the platform; empty at an open link, where nobody is told from anybody."""

    recruitment: Recruitment
    person: str = ""
    study_ref: str = ""
    session_ref: str = ""

    @property
    def campaign(self) -> Campaign:
        return self.recruitment.campaign


def arrival(recruitment: Recruitment, sent: Mapping[str, str]) -> Arrival:
    """What the address says of who comes.

    Raises:
        InvalidInput: a platform's link without a person's id, or one longer than any is.
    """
    if recruitment.campaign.access == Campaign.Access.LINK:
        return Arrival(recruitment)
    person, study, session = (
        sent.get(name, "").strip() if name else ""
        for name in (recruitment.person_parameter, recruitment.study_parameter, recruitment.session_parameter)
    )
    # What a platform would have filled in is still there: somebody looks at the link as it was pasted.
    if not person or "{{" in person or len(person) > LONGEST:
        raise InvalidInput(
            f"This address does not say who you are: its {recruitment.person_parameter} is missing. Open the study from the "
            "platform's own page, which fills it in."
        )
    return Arrival(recruitment, person, study[:LONGEST], session[:LONGEST])


def place_of(who: Arrival) -> Participant | None:
    """The place that the platform's id has already; None at an open link."""
    if not who.person:
        return None
    identity = CrowdIdentity.objects.filter(campaign=who.campaign, external_id=who.person)
    found = identity.select_related("participant__user", "participant__campaign__study").first()
    return found.participant if found else None


def enter(who: Arrival, consent: ConsentText, *, groups: Mapping[int, str] | None = None) -> Participant:
    """A place for somebody new, with a user behind it who has no password and no rights. `groups`: by ids of group questions.

    Raises:
        BegunElsewhere, HasWithdrawn, NoPlace, NotOpen, CampaignClosed.
        Conflict: the text they agreed to is not the newest.
    """
    with transaction.atomic():
        recruitment_of(who.campaign)
        # One at a time: so that no id gets two places, and no more come than there are places.
        recruitment = Recruitment.objects.select_for_update().get(pk=who.campaign.pk)
        check_may_enter(who)
        if place_of(who) is not None:
            raise BegunElsewhere("You have begun already, on this device or another.")
        if consent.pk != newest_consent(who.campaign).pk:
            raise Conflict("The text has changed while you read it. Please read it again.")
        if full(recruitment):
            raise NoPlace("Everybody who was needed has come already. Thank you for your interest.")
        user = User(username=f"guest-{secrets.token_hex(12)}")
        user.set_unusable_password()
        user.save()
        place = join(who.campaign, user)
        Participant.objects.filter(pk=place.pk).update(guest=True)
        place.guest = True
        Guest.objects.create(participant=place, consent=consent, agreed_at=timezone.now())
        if who.person:
            CrowdIdentity.objects.create(
                participant=place,
                campaign=who.campaign,
                external_id=who.person,
                study_ref=who.study_ref,
                session_ref=who.session_ref,
            )
        _note_groups(place, groups or {})
    logger.info("Campaign %s: a guest has entered at place %s", place.campaign_id, place.pk)
    return place


def agree_anew(guest: Guest, consent: ConsentText) -> None:
    """Who came under an older text goes on under this one."""
    Guest.objects.filter(pk=guest.pk).update(consent=consent, agreed_at=timezone.now())
    guest.consent = consent


def text_to_read(place: Participant) -> str:
    """Where a guest reads what they agree to, if it has changed since they did; empty: nothing new. Of members there is none."""
    if not place.guest or place.campaign.access not in BY_LINK:
        return ""
    newest = ConsentText.objects.filter(campaign=place.campaign_id).order_by("-version").values("pk")[:1]
    behind = Recruitment.objects.filter(
        campaign__participants=place.pk, campaign__participants__as_guest__consent__lt=Subquery(newest)
    ).first()
    return behind.get_absolute_url() if behind else ""


def take_over(place: Participant) -> Participant:
    """The person goes on at another device: the session before it ends, what is in hand goes back, and of what was answered there
    nothing is shown here. A draft of an item in hand is dropped; what was submitted stands."""
    with transaction.atomic():
        places.lock(place.pk)
        routing.hand_back(place)
        unfinished = Assignment.objects.filter(participant=place).exclude(state=Assignment.State.SUBMITTED)
        Annotation.objects.filter(assignment__in=unfinished).delete()
        Participant.objects.filter(pk=place.pk).update(shown_since=timezone.now())
        # Sessions hold a digest of the password, and an unusable one is random: every session before this one ends.
        place.user.set_unusable_password()
        place.user.save(update_fields=["password"])
    place.refresh_from_db(fields=["shown_since"])
    logger.info("Campaign %s: the guest at place %s goes on at another device", place.campaign_id, place.pk)
    return place


def check_may_enter(who: Arrival) -> None:
    """
    Raises:
        CampaignClosed, NotOpen, HasWithdrawn.
    """
    state = Campaign.objects.values_list("state", flat=True).get(pk=who.campaign.pk)
    if state == Campaign.State.CLOSED:
        raise CampaignClosed("This campaign is over: nobody is needed any more. Thank you for your interest.")
    if state != Campaign.State.OPEN:
        raise NotOpen("This campaign pauses at the moment. Please come back later.")
    if (
        who.person
        and Withdrawn.objects.filter(campaign=who.campaign, digest=digest_of(who.campaign, who.person)).exists()
    ):
        raise HasWithdrawn("You have withdrawn from this campaign, and who you are has been erased. Thank you.")


def full(recruitment: Recruitment) -> bool:
    guests = Participant.objects.filter(campaign=recruitment.pk, guest=True)
    return recruitment.places is not None and guests.count() >= recruitment.places


def newest_consent(campaign: Campaign) -> ConsentText:
    """
    Raises:
        NotOpen: nobody has written any.
    """
    newest: ConsentText | None = campaign.consents.order_by("-version").first()
    if newest is None:
        raise NotOpen("This campaign is not ready for you yet. Please come back later.")
    return newest


def digest_of(campaign: Campaign, person: str) -> str:
    """The same for the same person and campaign; from it nobody finds the person without the server's secret key."""
    return salted_hmac("annotation.crowd.person", f"{campaign.pk}:{person}", algorithm="sha256").hexdigest()


def _note_groups(place: Participant, groups: Mapping[int, str]) -> None:
    """What they said of themselves; whoever would rather not say sends nothing, and an answer that is not on offer is none."""
    GroupAnswer.objects.bulk_create(
        GroupAnswer(question=question, participant=place, answer=groups[question.pk])
        for question in place.campaign.group_questions.all()
        if groups.get(question.pk, "") in question.answers
    )
