"""What an annotator says of an item: answers saved as they are given, submission, flags; and how far they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F, Q, Sum

from annotation.errors import AlreadySubmitted, AnswersMissing, AnswerUnknown
from annotation.kinds import questions_about
from annotation.labelling import routing
from annotation.labelling.sheets import field_of, from_page, in_order, to_page
from annotation.models import Annotation, Assignment, Campaign, Flag, Participant
from conflictscope.errors import InvalidInput

LONGEST_COMMENT = 5_000

Pair = tuple[str, str]  # an answer and the comment on it


@dataclass(frozen=True, slots=True)
class Given:
    """A person's answers and comments, each by the question's key, in terms of actions 1 and 2."""

    answers: dict[str, str]
    comments: dict[str, str]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one person is. `goal` is their quota, or all the campaign's items; `quota` is empty where it does not bind."""

    done: int
    skipped: int
    goal: int
    quota: int | None = None
    active_seconds: int = 0

    @property
    def left(self) -> int:
        return max(self.goal - self.done - self.skipped, 0)

    @property
    def minutes_left(self) -> int | None:
        """What the rest takes at the person's own pace; unknown until they have done three items with a clock running."""
        if self.done < 3 or not self.active_seconds:
            return None
        return math.ceil(self.left * self.active_seconds / self.done / 60)


@dataclass(frozen=True, slots=True)
class QueueEntry:
    campaign: Campaign
    progress: Progress
    started: bool


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
    shows that the person is at work, so a lease runs anew; `worked` is their time, as `add_time` has it.

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


def submit(
    assignment: Assignment,
    answers: Mapping[str, str] | None = None,
    *,
    comments: Mapping[str, str] | None = None,
    worked: int = 0,
    now: datetime | None = None,
) -> bool:
    """Save what is given (if anything is), then count it. False: it was submitted before, and stands as it was.

    Raises:
        AnswersMissing: naming the questions; what was answered is kept.
        AnswerUnknown: as `save`.
    """
    comments = comments or {}
    if answers is not None:
        check_answers(assignment, answers, comments)
    try:
        given = answers if answers is not None else dict(assignment.annotations.values_list("question", "answer"))
        check_complete(assignment, given, kept="What you have answered is kept.")
    except AnswersMissing:
        try:
            if answers is not None:
                save(assignment, answers, comments=comments, worked=worked, now=now)
        except AlreadySubmitted:
            return False
        raise
    with transaction.atomic():
        fresh = routing.submit(assignment, worked=_at_most_a_lease(assignment, worked), now=now)
        if fresh and answers is not None:
            store(assignment, answers, comments)
    return fresh


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
    changed = {key: pair for key, pair in wanted.items() if stood.get(key) != pair}
    if changed:
        Annotation.objects.bulk_create(
            [
                Annotation(assignment=assignment, question=key, answer=answer, comment=comment)
                for key, (answer, comment) in changed.items()
            ],
            update_conflicts=True,
            unique_fields=["assignment", "question"],
            update_fields=["answer", "comment", "updated_at"],
        )
    return stood


def stands(assignment: Assignment, given: Given) -> bool:
    """Whether these answers and comments are the ones that are stored."""
    return _stored(assignment) == _pairs(given.answers, given.comments)


def at_work(assignment: Assignment, *, seconds: int = 0, now: datetime | None = None) -> bool:
    """The person is at work on the item, and has been for so many seconds more. False: it is not held for them any more."""
    return routing.renew(assignment, worked=_at_most_a_lease(assignment, seconds), now=now)


def add_time(assignment: Assignment, seconds: int) -> None:
    """Add to the time that the person has spent at work on the item; a page says how much since it last did.

    What is not between nothing and a lease is no time of work, and is left at the nearer end.
    """
    worked = _at_most_a_lease(assignment, seconds)
    if worked:
        Assignment.objects.filter(pk=assignment.pk).update(active_seconds=F("active_seconds") + worked)
        assignment.active_seconds += worked


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
    return _progress(participant.campaign, participant.quota, _counts([participant.pk]).get(participant.pk, {}))


def queue(user: User) -> list[QueueEntry]:
    """The open campaigns in which the person may label, with how far they are."""
    campaigns = list(
        Campaign.objects.labelled_by(user).filter(state=Campaign.State.OPEN).select_related("study").order_by("pk")
    )
    places = {place.campaign_id: place for place in Participant.objects.filter(user=user, campaign__in=campaigns)}
    counts = _counts([place.pk for place in places.values()])
    entries = []
    for campaign in campaigns:
        place = places.get(campaign.pk)
        if place is not None and place.excluded:
            continue
        counted = counts.get(place.pk, {}) if place else {}
        entries.append(
            QueueEntry(campaign, _progress(campaign, place.quota if place else None, counted), bool(counted))
        )
    return entries


def _stored(assignment: Assignment) -> dict[str, Pair]:
    rows = assignment.annotations.order_by().values_list("question", "answer", "comment")
    return {question: (answer, comment) for question, answer, comment in rows}


def _pairs(answers: Mapping[str, str], comments: Mapping[str, str]) -> dict[str, Pair]:
    return {key: (answers.get(key, ""), comments.get(key, "")) for key in {*answers, *comments}}


def _at_most_a_lease(assignment: Assignment, seconds: int) -> int:
    return min(max(int(seconds), 0), 60 * assignment.item.campaign.lease_minutes)


def _counts(participants: list[int]) -> dict[int, dict[str, int]]:
    rows = (
        Assignment.objects.filter(participant__in=participants)
        .order_by()
        .values("participant")
        .annotate(
            done=Count("pk", filter=Q(state=Assignment.State.SUBMITTED)),
            skipped=Count("pk", filter=Q(state=Assignment.State.SKIPPED)),
            seconds=Sum("active_seconds", filter=Q(state=Assignment.State.SUBMITTED), default=0),
        )
    )
    return {row["participant"]: {name: row[name] for name in ("done", "skipped", "seconds")} for row in rows}


def _progress(campaign: Campaign, own_quota: int | None, counted: Mapping[str, int]) -> Progress:
    items = int(campaign.sampling_plan.get("drawn", 0))
    quota = own_quota if own_quota is not None else campaign.quota
    goal = items if quota is None else min(quota, items)
    return Progress(
        done=counted.get("done", 0),
        skipped=counted.get("skipped", 0),
        goal=goal,
        quota=quota if quota is not None and quota < items else None,
        active_seconds=counted.get("seconds", 0),
    )
