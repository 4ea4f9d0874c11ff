"""What people said about one scenario, campaign by campaign, for those who may see the study."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from annotation.kinds import answer_label, questions_about
from annotation.models import Assignment, Decision, Item
from annotation.questions import Question
from conflictscope.scenarios.models import Scenario


@dataclass(frozen=True, slots=True)
class PersonsAnswer:
    """One person's answer to one question, in words; empty where they gave none."""

    pseudonym: str
    answer: str
    comment: str


@dataclass(frozen=True, slots=True)
class QuestionRow:
    question: Question
    cells: tuple[PersonsAnswer, ...]
    decision: Decision | None

    @property
    def decided(self) -> str:
        return answer_label(self.question.key, self.decision.answer) if self.decision else ""


@dataclass(frozen=True, slots=True)
class LabelSheet:
    """A campaign's labels of a scenario. `people` are in the order of each row's cells."""

    item: Item
    people: tuple[Assignment, ...]
    rows: tuple[QuestionRow, ...]
    flags: tuple[tuple[str, str], ...]


def sheets_of(scenario: Scenario) -> list[LabelSheet]:
    """A sheet for each campaign that asks about the scenario, newest first; only what was submitted is on it."""
    items = items_with_labels().filter(scenario=scenario).order_by("-campaign")
    return [sheet_of_item(item) for item in items]


def items_with_labels() -> QuerySet[Item]:
    """Items with all that a sheet is made of."""
    return Item.objects.select_related("campaign__study", "scenario", "response__scenario").prefetch_related(
        "decisions", "assignments__participant", "assignments__annotations", "assignments__flags"
    )


def sheet_of_item(item: Item) -> LabelSheet:
    """What everybody said of one item. Needs what `sheets_of` reads with it."""
    everyone = sorted(item.assignments.all(), key=lambda each: each.participant.pseudonym)
    people = tuple(each for each in everyone if each.state == Assignment.State.SUBMITTED)
    rows_of_person = {each.pk: {row.question: row for row in each.annotations.all()} for each in people}
    decisions = {decision.question: decision for decision in item.decisions.all()}

    def cell(assignment: Assignment, question: Question) -> PersonsAnswer:
        row = rows_of_person[assignment.pk].get(question.key)
        answer = answer_label(question.key, row.answer) if row and row.answer else ""
        return PersonsAnswer(assignment.participant.pseudonym, answer, row.comment if row else "")

    return LabelSheet(
        item=item,
        people=people,
        rows=tuple(
            QuestionRow(question, tuple(cell(each, question) for each in people), decisions.get(question.key))
            for question in questions_about(item)
        ),
        flags=tuple((each.participant.pseudonym, flag.reason) for each in everyone for flag in each.flags.all()),
    )
