"""What an annotator sees and says: the sheet of an item, answers saved as they are given, submission.

Blind by construction: a sheet is made of the scenario's text and of the person's own answers, and of nothing else. It names
the actions A and B only, because which of them serves which value is what the person is asked to find out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from annotation import routing
from annotation.errors import AlreadySubmitted, AnswersMissing, AnswerUnknown
from annotation.models import Annotation, Assignment, Campaign, Flag, Participant
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.dimensions import ACTION_1, ACTION_2, Question, dimensions_of, questions_of
from conflictscope.scenarios.models import Scenario, Value
from conflictscope.studies.permissions import Action
from evaluation.models import OptionOrder

LONGEST_COMMENT = 5_000


@dataclass(frozen=True, slots=True)
class Option:
    """An answer on offer, with the key that gives it. `value` is what the page sends; it names A and B, not 1 and 2."""

    value: str
    label: str
    shortcut: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as one person sees it. `field` is what the page sends."""

    number: int
    field: str
    text: str
    hint: str
    value: Value | None
    options: tuple[Option, ...]
    comment: str

    @property
    def answered(self) -> bool:
        return any(option.chosen for option in self.options)


@dataclass(frozen=True, slots=True)
class ShownAction:
    letter: str
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything about an item that its annotator may know."""

    token: str
    description: str
    persona: str
    background: str
    goal: str
    actions: tuple[ShownAction, ShownAction]
    questions: tuple[Asked, ...]
    flags: tuple[str, ...]
    lease_seconds: int

    @property
    def answered(self) -> int:
        return sum(question.answered for question in self.questions)


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


def sheet_of(assignment: Assignment, *, now: datetime | None = None) -> Sheet:
    """The item as its person sees it, with the answers they have given so far."""
    scenario = _scenario(assignment)
    given = {row.question: row for row in assignment.annotations.all()}
    first, second = _order(assignment)
    asked = sorted(_questions(scenario), key=lambda question: (_place(question), question.about == second))
    return Sheet(
        token=str(assignment.token),
        description=scenario.description,
        persona=scenario.persona,
        background=scenario.background,
        goal=scenario.goal,
        actions=(
            ShownAction("A", getattr(scenario, first)),
            ShownAction("B", getattr(scenario, second)),
        ),
        questions=tuple(
            _asked(number, question, assignment, given.get(question.key))
            for number, question in enumerate(asked, start=1)
        ),
        flags=tuple(assignment.flags.order_by("pk").values_list("reason", flat=True)),
        lease_seconds=max(int((assignment.lease_until - (now or timezone.now())).total_seconds()), 0),
    )


def read(assignment: Assignment, sent: Mapping[str, str]) -> Given:
    """What a page sent, by the questions' own keys. Fields that are no question of the item are left alone.

    Raises:
        AnswerUnknown: an answer that its question does not offer.
    """
    answers, comments = {}, {}
    shown = {action: letter for letter, action in _letters(assignment).items()}
    for question in _questions(_scenario(assignment)):
        field = _field(question, shown)
        answer = sent.get(field, "").strip()
        if answer:
            answers[question.key] = _letters(assignment).get(answer, answer)
        comment = sent.get(f"comment_{field}", "").replace("\r\n", "\n").strip()
        if comment:
            comments[question.key] = comment
    _check(assignment, answers, comments)
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
    _check(assignment, answers, comments)
    wanted = {key: (answers.get(key, ""), comments.get(key, "")) for key in {*answers, *comments}}
    with transaction.atomic():
        locked = Assignment.objects.select_for_update(of=("self",)).get(pk=assignment.pk)
        if locked.state == Assignment.State.SUBMITTED:
            raise AlreadySubmitted("You have submitted this item; its answers stand.")
        stored = {row.question: (row.answer, row.comment) for row in locked.annotations.all()}
        gone = set(stored) - set(wanted)
        if gone:
            locked.annotations.filter(question__in=gone).delete()
        Annotation.objects.bulk_create(
            [
                Annotation(assignment=locked, question=key, answer=answer, comment=comment)
                for key, (answer, comment) in wanted.items()
                if stored.get(key) != (answer, comment)
            ],
            update_conflicts=True,
            unique_fields=["assignment", "question"],
            update_fields=["answer", "comment", "updated_at"],
        )
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
        missing = [str(question.number) for question in sheet_of(assignment).questions if not question.answered]
        if missing:
            which = f"question {missing[0]}" if len(missing) == 1 else f"questions {', '.join(missing)}"
            raise AnswersMissing(f"Please answer {which} too. What you have answered is kept.")
    return routing.submit(assignment, now=now)


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


def _scenario(assignment: Assignment) -> Scenario:
    scenario = assignment.item.scenario
    if scenario is None:
        raise InvalidInput("This item is no scenario, so the scenario questions cannot be asked of it.")
    return scenario


def _questions(scenario: Scenario) -> list[Question]:
    return [question for dimension in dimensions_of(scenario) for question in questions_of(dimension)]


def _place(question: Question) -> int:
    """Questions keep their order by dimension; within feasibility A is asked before B (the caller's second key)."""
    return list(type(question.dimension)).index(question.dimension)


def _order(assignment: Assignment) -> tuple[str, str]:
    """Which action is shown as A, and which as B."""
    if assignment.action_order == OptionOrder.ACTION_1_FIRST:
        return ACTION_1, ACTION_2
    return ACTION_2, ACTION_1


def _letters(assignment: Assignment) -> dict[str, str]:
    """What the page calls the actions, to what the tables call them."""
    first, second = _order(assignment)
    return {"a": first, "b": second}


def _field(question: Question, shown: Mapping[str, str]) -> str:
    """The question's name on the page: of two questions about the two actions, the one about A ends in _a."""
    if question.about in shown:
        return f"{question.dimension}_{shown[question.about]}"
    return question.key


def _asked(number: int, question: Question, assignment: Assignment, given: Annotation | None) -> Asked:
    letters = _letters(assignment)
    shown = {action: letter for letter, action in letters.items()}
    about = getattr(_scenario(assignment), question.about) if question.about.startswith("value_") else None
    labels = {answer.key: answer.label for answer in question.answers}
    labels |= {action: letter.upper() for action, letter in shown.items() if action in labels}
    keys = sorted(labels, key=lambda key: (shown.get(key, "z"), list(labels).index(key)))
    yes_no = set(labels) == {"yes", "no"}
    return Asked(
        number=number,
        field=_field(question, shown),
        text=_wording(question, shown, about),
        hint=question.hint,
        value=about,
        options=tuple(
            Option(
                value=shown.get(key, key),
                label=labels[key],
                shortcut=key[0].upper() if yes_no else str(place),
                chosen=given is not None and given.answer == key,
            )
            for place, key in enumerate(keys, start=1)
        ),
        comment=given.comment if given is not None else "",
    )


def _wording(question: Question, shown: Mapping[str, str], value: Value | None) -> str:
    """The question's text with A and B for the actions, and the value by its name."""
    text = question.text
    for action, letter in shown.items():
        text = text.replace(action.replace("_", " "), f"action {letter.upper()}")
    if value is not None:
        for ordinal in ("first", "second"):
            text = text.replace(f"the {ordinal} value", value.name.lower())
    return text


def _check(assignment: Assignment, answers: Mapping[str, str], comments: Mapping[str, str]) -> None:
    offered = {
        question.key: {answer.key for answer in question.answers} for question in _questions(_scenario(assignment))
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
