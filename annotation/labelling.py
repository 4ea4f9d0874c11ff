"""What an annotator says of an item: answers saved as they are given, submission, flags; and how far they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F, Q

from annotation import routing
from annotation.errors import AlreadySubmitted, AnswersMissing, AnswerUnknown
from annotation.models import Annotation, Assignment, Campaign, Flag, Participant
from annotation.questions import questions_about
from annotation.sheets import field_of, from_page, in_order
from conflictscope.errors import InvalidInput
from conflictscope.studies.permissions import Action

LONGEST_COMMENT = 5_000

Pair = tuple[str, str]  # an answer and the comment on it


@dataclass(frozen=True, slots=True)
class Given:
    """A person's answers and comments, each by the question's key, in terms of actions 1 and 2."""

    answers: Mapping[str, str]
    comments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one person is. `goal` is their quota, or all the campaign's items."""

    done: int
    skipped: int
    goal: int

    @property
    def left(self) -> int:
        return max(self.goal - self.done - self.skipped, 0)


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
    answers, comments = {}, {}
    for question in questions_about(assignment.item):
        field = field_of(question, assignment.action_order)
        answer = sent.get(field, "").strip()
        if answer:
            answers[question.key] = from_page(question, answer, assignment.action_order)
        comment = sent.get(f"comment_{field}", "").replace("\r\n", "\n").strip()
        if comment:
            comments[question.key] = comment
    check_answers(assignment, answers, comments)
    return Given(answers, comments)


def save(
    assignment: Assignment,
    answers: Mapping[str, str],
    *,
    comments: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> None:
    """Keep the answers as they now stand, all of them: one that is not among them has been taken back (undo).

    They count once the assignment is submitted; until then they are a draft, kept also when the lease has run out. Saving
    shows that the person is at work, so a lease runs anew.

    Raises:
        AlreadySubmitted: the answers stand.
        AnswerUnknown: a question the item does not have, or an answer it does not offer.
    """
    comments = comments or {}
    check_answers(assignment, answers, comments)
    with transaction.atomic():
        locked = Assignment.objects.select_for_update(of=("self",)).get(pk=assignment.pk)
        if locked.state == Assignment.State.SUBMITTED:
            raise AlreadySubmitted("You have submitted this item; its answers stand.")
        store(locked, answers, comments)
    routing.renew(assignment, now=now)


def submit(
    assignment: Assignment,
    answers: Mapping[str, str] | None = None,
    *,
    comments: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> bool:
    """Save what is given (if anything is), then count it. False: it was submitted before, and stands as it was.

    Raises:
        AnswersMissing: naming the questions; what was answered is kept.
        AnswerUnknown: as `save`.
    """
    if answers is not None:
        try:
            save(assignment, answers, comments=comments, now=now)
        except AlreadySubmitted:
            return False
    if assignment.state != Assignment.State.SUBMITTED:
        if answers is None:
            answers = dict(assignment.annotations.values_list("question", "answer"))
        check_complete(assignment, answers, kept="What you have answered is kept.")
    return routing.submit(assignment, now=now)


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
        raise AnswersMissing(f"Please answer {which} too. {kept}", fields=fields)


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
    wanted = {key: (answers.get(key, ""), comments.get(key, "")) for key in {*answers, *comments}}
    stood = {row.question: (row.answer, row.comment) for row in assignment.annotations.all()}
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


def add_time(assignment: Assignment, seconds: int) -> None:
    """Add to the time that the person has spent at work on the item; a page says how much since it last did.

    What is not between nothing and a lease is no time of work, and is left at the nearer end.
    """
    most = 60 * assignment.item.campaign.lease_minutes
    worked = min(max(int(seconds), 0), most)
    Assignment.objects.filter(pk=assignment.pk).update(active_seconds=F("active_seconds") + worked)
    assignment.refresh_from_db(fields=["active_seconds"])


def flag(assignment: Assignment, reason: str) -> Flag:
    """Say that something is wrong with the item. The same words twice are one flag.

    Raises:
        InvalidInput: no reason given.
    """
    text = reason.replace("\r\n", "\n").strip()[:LONGEST_COMMENT]
    if not text:
        raise InvalidInput("Say in a few words what is wrong with this item.")
    with transaction.atomic():
        Assignment.objects.select_for_update(of=("self",)).get(pk=assignment.pk)
        raised, _ = Flag.objects.get_or_create(assignment=assignment, reason=text)
    return raised


def progress(participant: Participant) -> Progress:
    """The person's own progress in their campaign."""
    return _progress(participant.campaign, participant.quota, _counts([participant.pk]).get(participant.pk, {}))


def queue(user: User) -> list[QueueEntry]:
    """The open campaigns in which the person may label, with how far they are."""
    campaigns = list(
        Campaign.objects.visible_to(user, may=Action.LABEL)
        .filter(state=Campaign.State.OPEN)
        .select_related("study")
        .order_by("pk")
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


def _counts(participants: list[int]) -> dict[int, dict[str, int]]:
    rows = (
        Assignment.objects.filter(participant__in=participants)
        .values("participant")
        .annotate(
            done=Count("pk", filter=Q(state=Assignment.State.SUBMITTED)),
            skipped=Count("pk", filter=Q(state=Assignment.State.SKIPPED)),
        )
    )
    return {row["participant"]: {"done": row["done"], "skipped": row["skipped"]} for row in rows}


def _progress(campaign: Campaign, own_quota: int | None, counted: Mapping[str, int]) -> Progress:
    items = int(campaign.sampling_plan.get("drawn", 0))
    quota = own_quota if own_quota is not None else campaign.quota
    goal = items if quota is None else min(quota, items)
    return Progress(done=counted.get("done", 0), skipped=counted.get("skipped", 0), goal=goal)
