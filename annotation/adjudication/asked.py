"""Where a person settles disagreements, and what somebody who settles an item is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, QuerySet

from annotation.agreement.sealed import openings_of
from annotation.kinds import answer_label
from annotation.labelling.sheets import ShownQuestion, in_order, letter_of, preview_of
from annotation.models import Annotation, Assignment, Campaign, Decision, Item
from annotation.questions import Question
from conflictscope.scenarios.models import Verdict
from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.studies.models import Membership
from conflictscope.studies.permissions import Action, Role
from evaluation.models import Judgement

# As everybody who settles sees it: A is action 1.
SHOWN_ORDER = OptionOrder.ACTION_1_FIRST


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What one person said to a question: with which comment, and after how long."""

    pseudonym: str
    simulated: bool
    answer: str
    label: str
    comment: str
    seconds: int
    revised: bool


@dataclass(frozen=True)
class DisputedQuestion:
    """A question with everybody's answers; `waits`: it is one of those that have to be settled."""

    question: Question
    given: tuple[GivenAnswer, ...]
    decision: Decision | None
    waits: bool
    shown: ShownQuestion

    @property
    def offered(self) -> list[tuple[int, str, str, int]]:
        """The answers on offer: their number on the keyboard, key, words, and how many people gave them."""
        counts = {answer.key: sum(each.answer == answer.key for each in self.given) for answer in self.question.answers}
        return [
            (number, answer.key, letter_of(answer.label, SHOWN_ORDER), counts[answer.key])
            for number, answer in enumerate(self.question.answers, start=1)
        ]

    @property
    def decided(self) -> str:
        return letter_of(answer_label(self.question.key, self.decision.answer), SHOWN_ORDER) if self.decision else ""


def campaigns_to_settle(user: User | AnonymousUser) -> QuerySet[Campaign]:
    """The begun campaigns of studies in which the person settles disagreements."""
    asked = Campaign.objects.visible_to(user, may=Action.ADJUDICATE).exclude(state=Campaign.State.DRAFT)
    return asked.select_related("study", "dataset__primary_judge").order_by("-pk")


def settles_only(user: User) -> list[Campaign]:
    """The campaigns of studies in which the person settles disagreements and sees nothing else: what their home leads to."""
    studies = Membership.objects.filter(user=user, role=Role.ADJUDICATOR).values("study")
    return list(campaigns_to_settle(user).filter(study__in=studies)) if studies else []


def disputed(item: Item, waiting: Sequence[str]) -> list[DisputedQuestion]:
    """Every question of the item with what counts of people's answers; those that wait come first."""
    work = list(
        Assignment.objects.counted()
        .filter(item=item)
        .select_related("participant")
        .annotate(changes=Count("revisions"))
        .order_by("participant__pseudonym")
    )
    said = {
        (row.assignment_id, row.question): row
        for row in Annotation.objects.filter(assignment__in=[each.pk for each in work])
    }
    decisions = {decision.question: decision for decision in Decision.objects.filter(item=item)}
    rows = []
    for question, shown in zip(in_order(item, SHOWN_ORDER), preview_of(item).questions, strict=True):
        given = []
        for each in work:
            row = said.get((each.pk, question.key))
            answer = row.answer if row else ""
            given.append(
                GivenAnswer(
                    each.participant.pseudonym,
                    each.participant.simulated,
                    answer,
                    letter_of(answer_label(question.key, answer), SHOWN_ORDER) if answer else "",
                    row.comment if row else "",
                    each.active_seconds,
                    bool(each.changes),  # type: ignore[attr-defined]  # counted with the row
                )
            )
        rows.append(
            DisputedQuestion(question, tuple(given), decisions.get(question.key), question.key in waiting, shown)
        )
    return sorted(rows, key=lambda row: not row.waits)


@dataclass(frozen=True)
class MachinesWord:
    verdicts: list[Verdict]
    judgements: list[Judgement]


def machines_on(item: Item) -> MachinesWord:
    """What judges said of the item; of a sealed one those alone whose test has been opened."""
    verdicts = list(
        item.subject.verdicts.filter(judge__isnull=False).select_related("judge").order_by("dimension", "pk")
        if item.response_id is None
        else []
    )
    judgements = list(
        Judgement.objects.filter(response=item.response_id, judge__isnull=False).select_related("judge").order_by("pk")
        if item.response_id is not None
        else []
    )
    if item.part == Item.Part.TEST:
        opened = set(openings_of(item.campaign).values_list("judge", flat=True))
        verdicts = [each for each in verdicts if each.judge_id in opened]
        judgements = [each for each in judgements if each.judge_id in opened]
    return MachinesWord(verdicts, judgements)
