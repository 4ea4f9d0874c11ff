"""What an annotator says of an item: answers saved as they are given, submission, flags; and how far they are."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from annotation.campaigns import siblings
from annotation.errors import (
    AlreadySubmitted,
    AnswersMissing,
    AnswerUnknown,
    AtOdds,
    ConsentMissing,
    Excluded,
    NotOpen,
    SubmittedOtherwise,
)
from annotation.kinds import questions_about
from annotation.labelling import routing
from annotation.labelling.sheets import field_of, from_page, in_order, to_page
from annotation.models import Annotation, Assignment, Campaign, Flag, Item, Participant
from annotation.questions import MIDDLE
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.filtering.dimensions import ACTION_1, ACTION_2
from conflictscope.scenarios.option_orders import letters, turned

LONGEST_COMMENT = 5_000

Pair = tuple[str, str]  # an answer and the comment on it


@dataclass(frozen=True, slots=True)
class Given:
    """A person's answers and comments, each by the question's key, in terms of actions 1 and 2."""

    answers: dict[str, str]
    comments: dict[str, str]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one person is. `goal` is their quota, or all the campaign's items; `quota` is empty where it does not bind.

    `nothing`: there is no item for them, though they have not been through all: others have labelled the rest.
    """

    done: int
    skipped: int
    goal: int
    quota: int | None = None
    active_seconds: int = 0
    skips_allowed: int = 1
    nothing: bool = False

    @property
    def left(self) -> int:
        return 0 if self.nothing else max(self.goal - self.done - self.skipped, 0)

    @property
    def skips_left(self) -> int:
        return max(self.skips_allowed - self.skipped, 0)

    @property
    def minutes_left(self) -> int | None:
        """What the rest takes at the person's own pace; unknown until they have done three items with a clock running."""
        if self.done < 3 or not self.active_seconds:
            return None
        return math.ceil(self.left * self.active_seconds / self.done / 60)


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """`notice` says in a sentence why there is no work at present, or that what is in hand would not count."""

    campaign: Campaign
    progress: Progress
    started: bool
    notice: str = ""

    @property
    def gives_work(self) -> bool:
        return not self.notice


def read(assignment: Assignment, sent: Mapping[str, str]) -> Given:
    """What a page sent, by the questions' own keys. Fields that are no question of the item are left alone.

    Raises:
        AnswerUnknown: an answer that its question does not offer.
    """
    fields = [field_of(question, assignment.action_order) for question in questions_about(assignment.item)]
    answers = {field: sent.get(field, "") for field in fields}
    comments = {field: sent.get(f"comment_{field}", "") for field in fields}
    return understand(assignment, answers, comments)


def understand(assignment: Assignment, answers: Mapping[str, str], comments: Mapping[str, str]) -> Given:
    """Answers and comments by the names that the sheet gives them, told by the questions' own keys. Empty ones are none.

    Raises:
        AnswerUnknown: naming each that belongs to no question, that its question does not offer, or that is too long.
    """
    order = assignment.action_order
    asked = {field_of(question, order): question for question in questions_about(assignment.item)}
    found = Given({}, {})
    wrong = {name: f"The item has no question {name}." for name in (*answers, *comments) if name not in asked}
    for name, question in asked.items():
        answer = answers.get(name, "").strip()
        comment = comments.get(name, "").replace("\r\n", "\n").strip()
        if answer:
            found.answers[question.key] = from_page(question, answer, order)
            offered = [to_page(question, each.key, order) for each in question.answers]
            if answer not in offered:
                wrong[name] = f"Choose one of: {', '.join(sorted(offered))}."
        if comment:
            found.comments[question.key] = comment
            if len(comment) > LONGEST_COMMENT:
                wrong[name] = f"The comment is too long: {LONGEST_COMMENT} characters fit."
    if wrong:
        said = " ".join(f"{name}: {what}" for name, what in wrong.items())
        raise AnswerUnknown(f"Nothing was stored. {said}", errors=wrong)
    return found


def save(
    assignment: Assignment,
    answers: Mapping[str, str],
    *,
    comments: Mapping[str, str] | None = None,
    worked: int = 0,
    now: datetime | None = None,
) -> None:
    """Keep the answers as they now stand, all of them: one that is not among them has been taken back (undo).

    They count once the assignment is submitted; until then they are a draft, kept also when the lease has run out. Saving
    shows that the person is at work, so a lease runs anew. `worked`: seconds at work since they last told; what is not between
    nothing and a lease is no time of work, and is left at the nearer end.

    Raises:
        AlreadySubmitted: the answers stand.
        AnswerUnknown: a question the item does not have, or an answer it does not offer.
    """
    comments = comments or {}
    check_answers(assignment, answers, comments)
    with transaction.atomic():
        routing.lock(assignment.participant_id)
        if not routing.renew(assignment, worked=_at_most_a_lease(assignment, worked), now=now):
            assignment.refresh_from_db(fields=["state"])
            if assignment.state == Assignment.State.SUBMITTED:
                raise AlreadySubmitted("You have submitted this item; its answers stand.")
        store(assignment, answers, comments)


@dataclass(frozen=True, slots=True)
class Handed:
    """What came of asking for the next item: the assignment, or why there is none, and a sentence to say so."""

    assignment: Assignment | None = None
    nothing: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Submitted:
    """`fresh`: it counts from now on; otherwise it was submitted before, with the same answers. `handed`: if it was asked for."""

    fresh: bool
    handed: Handed | None = None


NOTHING = {
    routing.Nothing.DONE: "You have been through everything there is for you in this campaign. Thank you.",
    routing.Nothing.QUOTA: "You have labelled as many items as one person may in this campaign. Thank you.",
    routing.Nothing.WAITING: (
        "Nothing is free for you at this moment: the last items are in other people's hands. "
        "If one is given back, it can come to you."
    ),
}


def submit(
    assignment: Assignment,
    answers: Mapping[str, str],
    *,
    comments: Mapping[str, str] | None = None,
    worked: int = 0,
    sure: bool = False,
    then_next: bool = False,
    wish: uuid.UUID | None = None,
    now: datetime | None = None,
) -> Submitted:
    """Store the answers and count them; with `then_next` the person has the next item in the same step.

    Args: sure: they have been asked about answers that are at odds, and mean them. wish: as `routing.claim`.
    Raises:
        AnswersMissing, AtOdds: naming the questions; what is answered is kept, and what was answered before.
        AnswerUnknown: as `save`. SubmittedOtherwise: other answers were submitted before, and stand.
    """
    given = Given(dict(answers), dict(comments or {}))
    check_answers(assignment, given.answers, given.comments)
    try:
        check_complete(assignment, given.answers, kept="What you have answered is kept.")
        if not sure:
            check_not_at_odds(assignment, given.answers)
    except (AnswersMissing, AtOdds):
        if not _keep_too(assignment, given, worked=worked, now=now):
            _check_stands(assignment, given)
            return Submitted(fresh=False)
        raise
    when = now or timezone.now()
    handed = None
    with transaction.atomic():
        place = routing.lock(assignment.participant_id)
        done = routing.submit_at(place, assignment, worked=_at_most_a_lease(assignment, worked), now=when)
        if done.fresh:
            _write(assignment, _pairs(given.answers, given.comments))
        # Only while no item's row is held: nobody may wait for one who waits.
        if then_next and done.alone:
            handed = _handed(lambda: routing.take_next(place, wish=wish, now=when))
    if not done.fresh:
        _check_stands(assignment, given)
    if then_next and (handed is None or not (handed.assignment or handed.nothing)):
        handed = next_for(assignment.participant, wish=wish, now=now)
    return Submitted(done.fresh, handed)


def next_for(participant: Participant, *, wish: uuid.UUID | None = None, now: datetime | None = None) -> Handed:
    """The item in the person's hands or the next one, or in words why there is none."""
    handed = _handed(lambda: routing.claim(participant, wish=wish, now=now))
    if handed.assignment is not None or handed.nothing:
        return handed
    why = routing.why_nothing(participant)
    return Handed(nothing=why.value, sentence=NOTHING[why])


def _handed(take: Callable[[], Assignment | None]) -> Handed:
    """What is taken; a refusal is an answer here, for it must not undo the submission that came before."""
    try:
        return Handed(take())
    except (NotOpen, Excluded, ConsentMissing) as exc:
        return Handed(nothing=exc.code, sentence=exc.sentence)


def _keep_too(assignment: Assignment, given: Given, *, worked: int, now: datetime | None) -> bool:
    """Keep a refused submission's answers beside those that are stored. False: it has been submitted already."""
    stored = _stored(assignment)
    answers = {key: answer for key, (answer, _) in stored.items() if answer} | given.answers
    comments = {key: comment for key, (_, comment) in stored.items() if comment} | given.comments
    try:
        save(assignment, answers, comments=comments, worked=worked, now=now)
    except AlreadySubmitted:
        return False
    return True


def _check_stands(assignment: Assignment, given: Given) -> None:
    """
    Raises:
        SubmittedOtherwise: what was submitted before is not this.
    """
    if _stored(assignment) != _pairs(given.answers, given.comments):
        raise SubmittedOtherwise(
            "You submitted this item before, with other answers, and those stand. To change them, open it from Latest."
        )


def check_not_at_odds(assignment: Assignment, answers: Mapping[str, str]) -> None:
    """A scale from action to action lies on the side of the action that was chosen beside it.

    Raises:
        AtOdds: naming the scale, in the letters that the person saw.
    """
    order = assignment.action_order
    for question in questions_about(assignment.item):
        if not question.places:
            continue
        chosen, place = answers.get(question.places, ""), int(answers[question.key])
        side = ACTION_1 if place < MIDDLE else ACTION_2
        if chosen in (ACTION_1, ACTION_2) and place != MIDDLE and chosen != side:
            letter, other = (letters(order)[action] for action in (chosen, side))
            raise AtOdds(
                f"You chose {letter}, and {turned(place, order)} on the scale, which is on the side of {other}. Change one of "
                "them, or submit again if you mean both.",
                missing=[field_of(question, order)],
            )


def check_complete(assignment: Assignment, answers: Mapping[str, str], *, kept: str) -> None:
    """Every question of the item has one of these answers. `kept` tells the person what becomes of them otherwise.

    Raises:
        AnswersMissing: naming the open questions.
    """
    order = assignment.action_order
    missing = [
        (str(number), field_of(question, order))
        for number, question in enumerate(in_order(assignment.item, order), start=1)
        if not answers.get(question.key)
    ]
    if missing:
        numbers, fields = zip(*missing, strict=True)
        which = f"question {numbers[0]}" if len(numbers) == 1 else f"questions {', '.join(numbers)}"
        raise AnswersMissing(f"Please answer {which} too. {kept}", missing=list(fields))


def check_answers(assignment: Assignment, answers: Mapping[str, str], comments: Mapping[str, str]) -> None:
    """Every answer and comment belongs to a question of the item, which offers that answer.

    Raises:
        AnswerUnknown: naming the first that does not.
    """
    offered = {
        question.key: {answer.key for answer in question.answers} for question in questions_about(assignment.item)
    }
    for key in (*answers, *comments):
        if key not in offered:
            raise AnswerUnknown(f"This item has no question {key!r}. Its questions: {', '.join(offered)}.")
    for key, answer in answers.items():
        if answer not in offered[key]:
            raise AnswerUnknown(f"{answer!r} is no answer to {key}. Choose one of: {', '.join(sorted(offered[key]))}.")
    for key, comment in comments.items():
        if len(comment) > LONGEST_COMMENT:
            raise AnswerUnknown(f"The comment on {key} is too long: {LONGEST_COMMENT} characters fit.")


def store(assignment: Assignment, answers: Mapping[str, str], comments: Mapping[str, str]) -> dict[str, Pair]:
    """Let exactly these answers and comments stand; the caller holds the assignment's row. Returns what stood before."""
    wanted = _pairs(answers, comments)
    stood = _stored(assignment)
    gone = set(stood) - set(wanted)
    if gone:
        assignment.annotations.filter(question__in=gone).delete()
    _write(assignment, {key: pair for key, pair in wanted.items() if stood.get(key) != pair})
    return stood


def _write(assignment: Assignment, pairs: Mapping[str, Pair]) -> None:
    """These answers and comments, over those to the same questions: all there is of a submission, which answers each."""
    if pairs:
        Annotation.objects.bulk_create(
            [
                Annotation(assignment=assignment, question=key, answer=answer, comment=comment)
                for key, (answer, comment) in pairs.items()
            ],
            update_conflicts=True,
            unique_fields=["assignment", "question"],
            update_fields=["answer", "comment", "updated_at"],
        )


def at_work(assignment: Assignment, *, seconds: int = 0, now: datetime | None = None) -> bool:
    """The person is at work on the item, and has been for so many seconds more. False: it is not held for them any more."""
    return routing.renew(assignment, worked=_at_most_a_lease(assignment, seconds), now=now)


def flag(assignment: Assignment, reason: str) -> Flag:
    """Say that something is wrong with the item. The same words twice are one flag.

    Raises:
        InvalidInput: no reason given.
    """
    text = reason.replace("\r\n", "\n").strip()[:LONGEST_COMMENT]
    if not text:
        raise InvalidInput("Say in a few words what is wrong with this item.")
    with transaction.atomic():
        routing.lock(assignment.participant_id)
        raised, _ = Flag.objects.get_or_create(assignment=assignment, reason=text)
    return raised


def progress(participant: Participant) -> Progress:
    """The person's own progress in their campaign."""
    return _progress(participant, _counts([participant.pk]).get(participant.pk, {}))


def queue(user: User) -> list[QueueEntry]:
    """The campaigns that ask the person, those that pause included, with how far they are; and closed ones whose item they hold."""
    holds = Assignment.objects.filter(
        item__campaign=OuterRef("pk"), participant__user=user, state=Assignment.State.LEASED
    )
    asking = Q(state=Campaign.State.OPEN) | Q(state=Campaign.State.PAUSED) | Exists(holds)
    campaigns = list(Campaign.objects.labelled_by(user).filter(asking).select_related("study").order_by("pk"))
    places = {place.campaign_id: place for place in Participant.objects.filter(user=user, campaign__in=campaigns)}
    counts = _counts([place.pk for place in places.values()])
    held_back = siblings.held_back(places.values())
    free = routing.with_free_items(user, campaigns)
    entries = []
    for campaign in campaigns:
        place = places.get(campaign.pk) or Participant(campaign=campaign, user=user)
        place.campaign = campaign
        counted = counts.get(place.pk, {})
        if campaign.state == Campaign.State.PAUSED and not counted:
            continue  # it may have begun for others, and asks this person when it goes on
        notice = _notice(place, holds=bool(counted.get(Assignment.State.LEASED)), held_back=place.pk in held_back)
        nothing = not notice and not counted.get(Assignment.State.LEASED) and campaign.pk not in free
        if nothing:
            notice = (
                NOTHING[routing.why_nothing(place)] if place.pk else "Others have labelled all there is here already."
            )
        progress = replace(_progress(place, counted), nothing=nothing)
        entries.append(QueueEntry(campaign, progress, bool(counted), notice))
    return entries


def _notice(place: Participant, *, holds: bool, held_back: bool) -> str:
    campaign = place.campaign
    if place.excluded:
        return "You cannot go on labelling here. Ask the people who run the study if you think this is wrong."
    if campaign.state == Campaign.State.CLOSED:
        return (
            "The campaign is closed. An item is still in your hands: what you submit now is kept, and does not count."
        )
    if campaign.state == Campaign.State.PAUSED:
        more = " The item in your hands can be finished, and counts." if holds else ""
        return f"The campaign is paused: nothing new is handed out.{more}"
    return siblings.why(place) if held_back and not holds else ""


def standing_notice(assignment: Assignment) -> str:
    """In a sentence why what the person answers would not count as things stand; empty where it would.

    Needs the participant and the campaign as they are now.
    """
    campaign = assignment.item.campaign
    if assignment.participant.excluded:
        return "You cannot go on labelling here: what you answer is kept, and does not count."
    if campaign.state == Campaign.State.CLOSED:
        return "The campaign is closed: what you answer is kept, and does not count."
    if assignment.state == Assignment.State.SUBMITTED:
        return (
            "Your answers came after the item had gone to others: they are kept, and do not count."
            if assignment.surplus
            else ""
        )
    if assignment.state != Assignment.State.LEASED:
        full = not Item.objects.open().filter(pk=assignment.item_id).exists()
        if full:
            return "The item has gone to others: what you answer is kept, and would not count."
        return "The item is not held for you any more; submitted now it counts, unless somebody is faster."
    if campaign.state == Campaign.State.PAUSED:
        return "The campaign is paused: this item can be finished, and counts; nothing comes after it for now."
    return ""


def _stored(assignment: Assignment) -> dict[str, Pair]:
    rows = assignment.annotations.order_by().values_list("question", "answer", "comment")
    return {question: (answer, comment) for question, answer, comment in rows}


def _pairs(answers: Mapping[str, str], comments: Mapping[str, str]) -> dict[str, Pair]:
    return {key: (answers.get(key, ""), comments.get(key, "")) for key in {*answers, *comments}}


def _at_most_a_lease(assignment: Assignment, seconds: int) -> int:
    return min(max(int(seconds), 0), 60 * assignment.item.campaign.lease_minutes)


def _counts(participants: list[int]) -> dict[int, dict[str, int]]:
    """For each of them how many items are in each state, and the seconds they were at work on what they submitted."""
    counts: dict[int, dict[str, int]] = {}
    for participant, state, number, seconds in _by_state(Assignment.objects.filter(participant__in=participants)):
        of_person = counts.setdefault(participant, {})
        of_person[state] = number
        if state == Assignment.State.SUBMITTED:
            of_person["seconds"] = seconds
    return counts


def _by_state(assignments: QuerySet[Assignment]) -> QuerySet[Assignment, Any]:
    by_state = assignments.order_by().values_list("participant", "state")
    return by_state.annotate(Count("pk"), Sum("active_seconds"))


def _progress(place: Participant, counted: Mapping[str, int]) -> Progress:
    items = int(place.campaign.sampling_plan.get("drawn", 0))
    quota = place.quota if place.quota is not None else place.campaign.quota
    return Progress(
        done=counted.get(Assignment.State.SUBMITTED, 0),
        skipped=counted.get(Assignment.State.SKIPPED, 0),
        goal=routing.goal_of(place),
        quota=quota if quota is not None and quota < items else None,
        active_seconds=counted.get("seconds", 0),
        skips_allowed=routing.skips_allowed(place),
    )
