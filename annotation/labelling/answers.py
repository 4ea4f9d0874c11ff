"""What an annotator says of an item: answers saved as they are given, submission, flags."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from annotation.errors import (
    AlreadySubmitted,
    AnswersMissing,
    AtOdds,
    ConsentMissing,
    Excluded,
    NotOpen,
    SubmittedOtherwise,
)
from annotation.labelling import places, qualifying, routing, serving
from annotation.labelling.checking import LONGEST_COMMENT, Given, check_answers, check_complete, check_not_at_odds
from annotation.models import Annotation, Assignment, Flag, Item, Participant
from annotation.questions import UNSURE
from conflictscope.errors import InvalidInput

# So many things a person says of one item: whoever comes by a link may write here, too.
MOST_FLAGS = 20

Said = tuple[str, str, str]  # an answer, the comment on it, and the answer that is also defensible


def save(
    assignment: Assignment,
    answers: Mapping[str, str],
    *,
    comments: Mapping[str, str] | None = None,
    also: Mapping[str, str] | None = None,
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
    given = Given(dict(answers), dict(comments or {}), dict(also or {}))
    check_answers(assignment, given)
    with transaction.atomic():
        places.lock(assignment.participant_id)
        if not routing.renew(assignment, worked=_at_most_a_lease(assignment, worked), now=now):
            assignment.refresh_from_db(fields=["state"])
            if assignment.state == Assignment.State.SUBMITTED:
                raise AlreadySubmitted("You have submitted this item; its answers stand.")
        store(assignment, given)


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


def submit(
    assignment: Assignment,
    answers: Mapping[str, str],
    *,
    comments: Mapping[str, str] | None = None,
    also: Mapping[str, str] | None = None,
    worked: int = 0,
    sure: bool = False,
    then_next: bool | uuid.UUID = False,
    now: datetime | None = None,
) -> Submitted:
    """Store the answers and count them; with `then_next` the person has the next item in the same step.

    Args:
        also: answers that they find defensible beside those they give, by question.
        sure: they have been asked about answers that are at odds, and mean them.
        then_next: True, or the token of the item that they would like to have, as `wish` of `routing.claim`.
    Raises:
        AnswersMissing, AtOdds: naming the questions; what is answered is kept, and what was answered before.
        AnswerUnknown: as `save`. SubmittedOtherwise: other answers were submitted before, and stand.
    """
    given = Given(dict(answers), dict(comments or {}), dict(also or {}))
    wish = then_next if isinstance(then_next, uuid.UUID) else None
    check_answers(assignment, given)
    try:
        check_complete(assignment, given, kept="What you have answered is kept.")
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
        place = places.lock(assignment.participant_id)
        done = routing.submit_at(place, assignment, worked=_at_most_a_lease(assignment, worked), now=when)
        if done.fresh:
            _write(assignment, given.said)
            if assignment.item.use == Item.Use.TRAINING:
                qualifying.settle(place)
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
    why = serving.why_nothing(participant)
    return Handed(nothing=why.value, sentence=why.sentence)


def _handed(take: Callable[[], Assignment | None]) -> Handed:
    """What is taken; a refusal is an answer here, for it must not undo the submission that came before."""
    try:
        return Handed(take())
    except (NotOpen, Excluded, ConsentMissing) as exc:
        return Handed(nothing=exc.code, sentence=exc.sentence)


def _keep_too(assignment: Assignment, given: Given, *, worked: int, now: datetime | None) -> bool:
    """Keep a refused submission's answers beside those that are stored. False: it has been submitted already."""
    stored = _stored(assignment)
    answers = {key: said[0] for key, said in stored.items() if said[0]} | given.answers
    comments = {key: said[1] for key, said in stored.items() if said[1]} | given.comments
    also = {
        key: said[2] for key, said in stored.items() if said[2] and answers[key] not in (said[2], UNSURE)
    } | given.also
    try:
        save(assignment, answers, comments=comments, also=also, worked=worked, now=now)
    except AlreadySubmitted:
        return False
    return True


def _check_stands(assignment: Assignment, given: Given) -> None:
    """
    Raises:
        SubmittedOtherwise: what was submitted before is not this.
    """
    if _stored(assignment) != given.said:
        raise SubmittedOtherwise(
            "You submitted this item before, with other answers, and those stand. To change them, open it from Latest."
        )


def store(assignment: Assignment, given: Given) -> dict[str, Said]:
    """Let exactly these answers and comments stand; the caller holds the assignment's row. Returns what stood before."""
    wanted = given.said
    stood = _stored(assignment)
    gone = set(stood) - set(wanted)
    if gone:
        assignment.annotations.filter(question__in=gone).delete()
    _write(assignment, {key: said for key, said in wanted.items() if stood.get(key) != said})
    return stood


def _write(assignment: Assignment, every: Mapping[str, Said]) -> None:
    """These answers and comments, over those to the same questions: all there is of a submission, which answers each."""
    if every:
        Annotation.objects.bulk_create(
            [
                Annotation(assignment=assignment, question=key, answer=answer, comment=comment, also=also)
                for key, (answer, comment, also) in every.items()
            ],
            update_conflicts=True,
            unique_fields=["assignment", "question"],
            update_fields=["answer", "comment", "also", "updated_at"],
        )


def at_work(assignment: Assignment, *, seconds: int = 0, now: datetime | None = None) -> bool:
    """The person is at work on the item, and has been for so many seconds more. False: it is not held for them any more."""
    return routing.renew(assignment, worked=_at_most_a_lease(assignment, seconds), now=now)


def flag(assignment: Assignment, reason: str) -> Flag:
    """Say that something is wrong with the item. The same words twice are one flag.

    Raises:
        InvalidInput: no reason given, or one too many.
    """
    text = reason.replace("\r\n", "\n").strip()[:LONGEST_COMMENT]
    if not text:
        raise InvalidInput("Say in a few words what is wrong with this item.")
    with transaction.atomic():
        places.lock(assignment.participant_id)
        said = Flag.objects.filter(assignment=assignment)
        if said.count() >= MOST_FLAGS and not said.filter(reason=text).exists():
            raise InvalidInput(
                f"You have flagged this item {MOST_FLAGS} times: those who run the study read all of it."
            )
        raised, _ = Flag.objects.get_or_create(assignment=assignment, reason=text)
    return raised


def _stored(assignment: Assignment) -> dict[str, Said]:
    rows = assignment.annotations.order_by().values_list("question", "answer", "comment", "also")
    return {question: (answer, comment, also) for question, answer, comment, also in rows}


def _at_most_a_lease(assignment: Assignment, seconds: int) -> int:
    return min(max(int(seconds), 0), 60 * assignment.item.campaign.lease_minutes)
