"""The counted answers of a campaign as tables: items by annotators, an answer in each cell.

Which work counts is said by `Assignment.objects.counted()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import F

from annotation.kinds import KINDS
from annotation.kinds import questions_of as asked_in
from annotation.models import Annotation, Assignment, Campaign, Item, Participant
from conflictscope.scenarios.filtering.dimensions import (
    NO,
    YES,
    dimensions_of,
    outcome_of,
    questions_of,
)
from conflictscope.scenarios.models import Dimension, Verdict
from evaluation.models import CHOICE_OF_ACTION, Judgement

Cell = str | None


@dataclass(frozen=True, slots=True)
class LabelledItem:
    """An item; `scenario_id` and `uid` are of its scenario, or of the scenario that its response is to."""

    pk: int
    scenario_id: int
    response_id: int | None
    uid: str
    inclusion_probability: float


@dataclass(frozen=True)
class Labels:
    """`answers[question]` and `outcomes(dimension)` have a row for each item and a cell for each annotator.

    `dimensions` are those of a scenario filter; in other kinds there are none.

    Items are all that the campaign asks about, also those without an answer, in the order in which they are served.
    """

    items: tuple[LabelledItem, ...]
    annotators: tuple[Participant, ...]
    dimensions: tuple[Dimension, ...]
    answers: dict[str, list[list[Cell]]]

    @cached_property
    def counts(self) -> list[int]:
        """How many people labelled each item."""
        counts = [0] * len(self.items)
        for table in self.answers.values():
            counts = [
                max(count, sum(cell is not None for cell in row)) for count, row in zip(counts, table, strict=True)
            ]
        return counts

    @property
    def simulated(self) -> bool:
        """Whether a simulated annotator is among those who answered."""
        return any(annotator.simulated for annotator in self.annotators)

    def outcomes(self, dimension: str) -> list[list[Cell]]:
        """Pass or fail of the dimension, as each annotator's answers put it."""
        keys = [question.key for question in questions_of(dimension)]
        tables = [self.answers[key] for key in keys]
        return [
            [
                None if None in given else str(outcome_of(dimension, dict(zip(keys, given, strict=True))))
                for given in zip(*rows, strict=True)
            ]
            for rows in zip(*tables, strict=True)
        ]


def counted(campaign: Campaign, *, item: int | None = None) -> Labels:
    """The campaign's answers that count, in three queries; those to one `item` alone, if one is named."""
    asked = Item.objects.filter(campaign=campaign, is_training=False).order_by("priority", "shuffle_key", "pk")
    if item is not None:
        asked = asked.filter(pk=item)
    kind = KINDS[campaign.kind]
    scenario = kind.scenario_of
    items = tuple(
        LabelledItem(*row)
        for row in asked.values_list("pk", scenario, "response", f"{scenario}__uid", "inclusion_probability")
    )
    submitted = Assignment.objects.counted().filter(item__campaign=campaign)
    if item is not None:
        submitted = submitted.filter(item=item)
    annotators = tuple(
        Participant.objects.filter(pk__in=submitted.values("participant")).order_by("simulated", "pseudonym", "pk")
    )
    dimensions = dimensions_of(campaign.dataset) if kind.by_dimension else ()
    keys = [question.key for question in asked_in(campaign)]
    row_of = {each.pk: index for index, each in enumerate(items)}
    column_of = {annotator.pk: index for index, annotator in enumerate(annotators)}
    answers: dict[str, list[list[Cell]]] = {key: [[None] * len(annotators) for _ in items] for key in keys}
    given = Annotation.objects.filter(assignment__in=submitted, question__in=keys).exclude(answer="")
    for labelled, annotator, question, answer in given.values_list(
        "assignment__item", "assignment__participant", "question", "answer"
    ).iterator(chunk_size=10_000):
        answers[question][row_of[labelled]][column_of[annotator]] = answer
    return Labels(items=items, annotators=annotators, dimensions=dimensions, answers=answers)


def judged(labels: Labels, judge_id: int | None) -> dict[str, list[Cell]]:
    """For each dimension the judge's outcome of each item; None where it gave none that could be read."""
    columns: dict[str, list[Cell]] = {dimension: [None] * len(labels.items) for dimension in labels.dimensions}
    if judge_id is None:
        return columns
    row_of = {item.scenario_id: index for index, item in enumerate(labels.items)}
    for chunk in _chunks(list(row_of), 500):
        rows = Verdict.objects.filter(judge=judge_id, scenario__in=chunk, dimension__in=labels.dimensions)
        for scenario, dimension, outcome in rows.values_list("scenario", "dimension", "outcome"):
            if outcome != Verdict.Outcome.UNPARSABLE:
                columns[dimension][row_of[scenario]] = outcome
    return columns


def judged_responses(labels: Labels, judge_id: int | None) -> dict[str, list[Cell]]:
    """For each question of an action judgement the judge's answer to each item; None where it gave none that could be read.

    Without a judge named it is the one that decides in the response's own run.
    """
    columns: dict[str, list[Cell]] = {question: [None] * len(labels.items) for question in labels.answers}
    row_of = {item.response_id: index for index, item in enumerate(labels.items) if item.response_id is not None}
    actions: dict[str, str] = {choice: action for action, choice in CHOICE_OF_ACTION.items()}
    for chunk in _chunks(list(row_of), 500):
        rows = Judgement.objects.filter(response__in=chunk, source=Judgement.Source.JUDGE).exclude(
            choice=Judgement.Choice.NONE
        )
        rows = rows.filter(judge=F("response__run__judge") if judge_id is None else judge_id)
        for response, choice, strength, resolved in rows.values_list("response", "choice", "strength", "resolved"):
            row = row_of[response]
            columns["action_taken"][row] = actions.get(choice, choice)
            columns["action_strength"][row] = None if strength is None else str(strength)
            columns["resolved"][row] = None if resolved is None else YES if resolved else NO
    return columns


def _chunks(whole: Sequence[int], size: int) -> list[Sequence[int]]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]
