"""Opening a campaign to people without an account: its link, what they agree to, and what they take back when they go."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction

from annotation.crowd.models import ConsentText, Departure, GroupQuestion, Recruitment, WayOut
from annotation.errors import CampaignClosed, ChangedMeanwhile
from annotation.models import Campaign
from conflictscope.errors import Conflict, InvalidInput, NotFound

BY_LINK = (Campaign.Access.LINK, Campaign.Access.CROWD)
WITH_A_WAY_OUT = (Departure.FINISHED, Departure.SCREENED_OUT, Departure.FAILED, Departure.TIMED_OUT)
MOST_QUESTIONS, MOST_ANSWERS = 10, 30
_PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,40}")


@dataclass(frozen=True, slots=True)
class Terms:
    """How a campaign recruits: `Recruitment` without its key."""

    person_parameter: str = "PROLIFIC_PID"
    study_parameter: str = "STUDY_ID"
    session_parameter: str = "SESSION_ID"
    places: int | None = None
    minutes: int | None = None
    pay_per_hour: Decimal | None = None
    currency: str = "GBP"
    smallest_cell: int = 5


@dataclass(frozen=True, slots=True)
class Out:
    """A way back to the platform."""

    code: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class AskedOfGroups:
    """A question about the person themselves, with the answers on offer."""

    text: str
    answers: tuple[str, ...]


def recruitment_behind(key: str) -> Recruitment:
    """
    Raises:
        NotFound: no campaign takes people by this link; whether there ever was one is not said.
    """
    recruitments = Recruitment.objects.select_related("campaign__study").exclude(campaign__state=Campaign.State.DRAFT)
    found: Recruitment | None = recruitments.filter(key=key, campaign__access__in=BY_LINK).first()
    if found is None:
        raise NotFound("This link leads nowhere, or not any more. Ask whoever sent it to you for the right one.")
    return found


def recruitment_of(campaign: Campaign) -> Recruitment:
    """How the campaign recruits, with a link of its own, whether or not it is open to anybody by it."""
    recruitment, _ = Recruitment.objects.get_or_create(campaign=campaign, defaults={"key": secrets.token_hex(12)})
    recruitment.campaign = campaign
    return recruitment


def recruitment_now(campaign: Campaign) -> Recruitment:
    """To look at: how the campaign recruits, or would if nobody changed anything; then it has no link yet. Nothing is stored."""
    found: Recruitment = Recruitment.objects.filter(pk=campaign.pk).first() or Recruitment(campaign=campaign)
    found.campaign = campaign
    return found


def let_in(campaign: Campaign, access: str) -> None:
    """Who may label: members alone, whoever has the link, or whoever a platform sends.

    Raises:
        CampaignClosed: nobody any more.
        InvalidInput: there is no such access. Conflict: there is nothing yet that people would agree to.
    """
    if access not in Campaign.Access.values:
        raise InvalidInput(f"There is no access {access!r}. Access: {', '.join(Campaign.Access.values)}.")
    _check_not_closed(campaign)
    if access in BY_LINK and not campaign.consents.exists():
        raise Conflict("Write first what people are told and agree to: without it nobody comes in by a link.")
    Campaign.objects.filter(pk=campaign.pk).update(access=access)
    campaign.access = access
    recruitment_of(campaign)


def set_terms(campaign: Campaign, terms: Terms) -> Recruitment:
    """
    Raises:
        InvalidInput: a parameter's name that no address can hold, or two parameters of one name.
    """
    names = [name for name in (terms.person_parameter, terms.study_parameter, terms.session_parameter) if name]
    for name in names:
        if not _PARAMETER.fullmatch(name):
            raise InvalidInput(f"{name!r} cannot be a parameter of an address: use letters, digits and underscores.")
    if not terms.person_parameter or len(set(names)) < len(names):
        raise InvalidInput("The person needs a parameter, and no two parameters may have the same name.")
    if terms.smallest_cell < 2:
        raise InvalidInput("A group of one person would say who they are: show no group smaller than 2.")
    recruitment = recruitment_of(campaign)
    Recruitment.objects.filter(pk=recruitment.pk).update(**asdict(terms))
    recruitment.refresh_from_db()
    recruitment.campaign = campaign
    return recruitment


def write_consent(
    campaign: Campaign,
    *,
    markdown: str,
    warning: str = "",
    ethics: str = "",
    labels_go: bool = False,
    by: User | None = None,
    seen: int | None = None,
) -> ConsentText:
    """A new version of what people agree to; the one that stands already adds none. Who has come before agrees anew on their next visit.

    Args: seen: the version that the text was made from, where somebody else may have written another since.
    Raises:
        InvalidInput: no text. CampaignClosed, ChangedMeanwhile.
    """
    text, warning = (each.replace("\r\n", "\n").strip() for each in (markdown, warning))
    if not text:
        raise InvalidInput("Say what people agree to: what they will do, what it is for, and what becomes of it.")
    with transaction.atomic():
        locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
        _check_not_closed(locked)
        newest = locked.consents.last()
        said = {"markdown": text, "warning": warning, "ethics": ethics.strip(), "labels_go": labels_go}
        if newest is not None and all(getattr(newest, name) == value for name, value in said.items()):
            return newest
        if seen is not None and newest is not None and newest.version != seen:
            raise ChangedMeanwhile(
                f"Somebody else has written version {newest.version} since you began with version {seen}. Read theirs, take over "
                "what you want to keep, and save again."
            )
        written: ConsentText = ConsentText.objects.create(
            campaign=locked, version=newest.version + 1 if newest else 1, created_by=by, **said
        )
        return written


def set_ways_out(campaign: Campaign, ways: Mapping[str, Out]) -> None:
    """What people take back to the platform, by how their time ended; an ending without code and address has no way out.

    Raises:
        InvalidInput: an ending that is none, or an address that is none.
    """
    for ending, out in ways.items():
        if ending not in WITH_A_WAY_OUT:
            raise InvalidInput(f"Nobody leaves by {ending!r}. Endings: {', '.join(WITH_A_WAY_OUT)}.")
        if out.url:
            try:
                URLValidator(schemes=["https", "http"])(out.url)
            except ValidationError as exc:
                raise InvalidInput(
                    f"{out.url!r} is no address to send people back to: begin it with https://."
                ) from exc
    with transaction.atomic():
        for ending, out in ways.items():
            if out.code or out.url:
                WayOut.objects.update_or_create(
                    campaign=campaign, ending=ending, defaults={"code": out.code.strip(), "url": out.url}
                )
            else:
                WayOut.objects.filter(campaign=campaign, ending=ending).delete()


def set_group_questions(campaign: Campaign, questions: Sequence[AskedOfGroups]) -> None:
    """What guests are asked about themselves. Once somebody has answered, the questions stay.

    Raises:
        InvalidInput: too many, or one with fewer than two answers, or with an answer twice. Conflict: they are answered already.
    """
    if len(questions) > MOST_QUESTIONS:
        raise InvalidInput(f"Ask people at most {MOST_QUESTIONS} questions about themselves.")
    for question in questions:
        if not 2 <= len(question.answers) <= MOST_ANSWERS or len(set(question.answers)) < len(question.answers):
            raise InvalidInput(f"{question.text!r} needs between 2 and {MOST_ANSWERS} answers, no two of them alike.")
        if any(len(text) > most for text, most in [(question.text, 200), *((each, 100) for each in question.answers)]):
            raise InvalidInput("A question takes at most 200 characters, an answer 100.")
    if questions == asked_of_groups(campaign):
        return
    with transaction.atomic():
        Campaign.objects.select_for_update().get(pk=campaign.pk)
        if GroupQuestion.objects.filter(campaign=campaign, given__isnull=False).exists():
            raise Conflict("Somebody has answered these questions already: they stay as they are.")
        GroupQuestion.objects.filter(campaign=campaign).delete()
        GroupQuestion.objects.bulk_create(
            GroupQuestion(campaign=campaign, position=place, text=each.text, answers=list(each.answers))
            for place, each in enumerate(questions)
        )


def asked_of_groups(campaign: Campaign) -> list[AskedOfGroups]:
    return [AskedOfGroups(each.text, tuple(each.answers)) for each in campaign.group_questions.all()]


def read_group_questions(text: str) -> list[AskedOfGroups]:
    """A question a line, its answers behind a colon, parted by bars: `Your age: under 30 | 30 to 49 | 50 or over`.

    Raises:
        InvalidInput: naming the line.
    """
    questions = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        asked, colon, answers = line.partition(":")
        if not asked.strip() or not colon:
            raise InvalidInput(f"Line {number} names no answers: write a question, a colon, and answers parted by |.")
        questions.append(AskedOfGroups(asked.strip(), _parted(answers)))
    return questions


def in_lines(questions: Iterable[AskedOfGroups]) -> str:
    return "\n".join(f"{each.text}: {' | '.join(each.answers)}" for each in questions)


def _parted(answers: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in answers.split("|") if each.strip())


def _check_not_closed(campaign: Campaign) -> None:
    if campaign.state == Campaign.State.CLOSED:
        raise CampaignClosed(f"{campaign.name} is closed: nobody comes in any more.")
