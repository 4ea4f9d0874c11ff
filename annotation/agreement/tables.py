"""The tables that agreement is computed from: what a judge says of each item, what people together say, and each person.

People's answer to a question is that of most of them, on a scale their median. A dimension of the filter passes by the answers
to its questions, for the judge and for people alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from annotation.consensus.deciding import Tie, adjudicated_answers, agree, outcomes_of
from annotation.consensus.labels import Cell, Labels, counted, judged, judged_responses
from annotation.kinds import KINDS, answer_label, questions_of
from annotation.models import Campaign
from annotation.questions import Control, Question
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.filtering.dimensions import questions_of as questions_of_dimension
from conflictscope.scenarios.models import Dimension, Judge
from conflictscope.stats.datasets import conjunction

ALL = "all"
ALL_LABEL = "All six"
PASS, FAIL = "pass", "fail"
YES_NO = ("yes", "no")


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing on which raters agree or not: a dimension of the filter, all of them, or a question.

    Attributes:
        positive: the category that precision and recall are about, if there is one.
        weights: "quadratic" on a scale, where it counts how far apart two answers are.
    """

    key: str
    label: str
    categories: tuple[str, ...]
    positive: str | None = None
    weights: str | None = None

    def said(self, answer: str | None) -> str:
        return answer_label(self.key, answer) if answer else ""


@dataclass(frozen=True)
class Tables:
    """Everything the figures are computed from. Columns have one outcome for each item, grids one for each annotator."""

    campaign: Campaign
    judge: Judge | None
    labels: Labels
    subjects: tuple[Subject, ...]
    by_judge: dict[str, list[Cell]]
    by_people: dict[str, list[Cell]]
    by_person: dict[str, list[list[Cell]]]
    tied: dict[str, int]

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(subject.key for subject in self.subjects)

    @property
    def main(self) -> str:
        """The subject that a page begins with: all six together, or which action."""
        return ALL if ALL in self.dimensions else self.dimensions[0]

    @property
    def weighted(self) -> bool:
        return len({item.inclusion_probability for item in self.labels.items}) > 1

    def subject(self, key: str) -> Subject:
        return next(subject for subject in self.subjects if subject.key == key)


def tables_of(campaign: Campaign, *, judge: Judge | None = None, minimum: int = 1) -> Tables:
    """Read the campaign's counted answers, and what the judge says of the same items.

    Args: judge: unless one is named, the dataset's primary judge; of an action judgement the one that decides in each run. On
        preferences no judge is asked. minimum: how many people must have labelled an item before their majority counts.
    Raises:
        InvalidInput: a minimum below 1.
    """
    if minimum < 1:
        raise InvalidInput("At least one person must have labelled an item before a majority can be counted.")
    labels = counted(campaign)
    agreed, ties = agree(labels, minimum=minimum, adjudicated=adjudicated_answers(campaign))
    if KINDS[campaign.kind].by_dimension:
        return _of_filter(campaign, judge or campaign.dataset.primary_judge, labels, agreed, ties_by_item(ties))
    subjects = tuple(_subject(question) for question in questions_of(campaign))
    by_judge: dict[str, list[Cell]] = {subject.key: [None] * len(labels.items) for subject in subjects}
    if KINDS[campaign.kind].of_responses:
        by_judge = judged_responses(labels, judge.pk if judge else None)
        judge = (
            judge or Judge.objects.filter(runs__campaigns=campaign).select_related("endpoint").order_by("pk").first()
        )
    tied = Counter(tie.question for tie in ties)
    return Tables(
        campaign=campaign,
        judge=judge,
        labels=labels,
        subjects=subjects,
        by_judge=by_judge,
        by_people=agreed,
        by_person=labels.answers,
        tied={subject.key: tied[subject.key] for subject in subjects},
    )


def ties_by_item(ties: Sequence[Tie]) -> set[tuple[str, int]]:
    """Question and item of each tie."""
    return {(tie.question, tie.item.pk) for tie in ties}


def _of_filter(
    campaign: Campaign,
    judge: Judge | None,
    labels: Labels,
    agreed: dict[str, list[Cell]],
    ties: set[tuple[str, int]],
) -> Tables:
    by_people = outcomes_of(labels, agreed)
    by_judge = judged(labels, judge.pk if judge else None)
    by_person: dict[str, list[list[Cell]]] = {dimension: labels.outcomes(dimension) for dimension in labels.dimensions}
    dimension_of = {
        question.key: str(dimension)
        for dimension in labels.dimensions
        for question in questions_of_dimension(dimension)
    }
    tied = Counter(dimension for dimension, _ in {(dimension_of[question], item) for question, item in ties})
    every = tuple(labels.dimensions)
    tied[ALL] = len({item for _, item in ties})
    by_people[ALL] = _together([by_people[dimension] for dimension in every])
    by_judge[ALL] = _together([by_judge[dimension] for dimension in every])
    by_person[ALL] = [_together([by_person[dimension][row] for dimension in every]) for row in range(len(labels.items))]
    labelled = [(dimension, str(Dimension(dimension).label)) for dimension in every] + [(ALL, ALL_LABEL)]
    return Tables(
        campaign=campaign,
        judge=judge,
        labels=labels,
        subjects=tuple(Subject(key, label, (PASS, FAIL), positive=PASS) for key, label in labelled),
        by_judge=by_judge,
        by_people=by_people,
        by_person=by_person,
        tied={dimension: tied[dimension] for dimension in (*every, ALL)},
    )


def _subject(question: Question) -> Subject:
    categories = tuple(answer.key for answer in question.answers)
    return Subject(
        key=question.key,
        label=LABELS[question.key],
        categories=categories,
        positive="yes" if categories == YES_NO else None,
        weights="quadratic" if question.control is Control.SCALE else None,
    )


LABELS = {
    "action_taken": "Which action",
    "action_strength": "How strongly",
    "resolved": "Resolved",
    "preferred_action": "Which action",
    "preference_strength": "How clear",
}


def _together(columns: Sequence[Sequence[Cell]]) -> list[Cell]:
    """The conjunction, row by row; what is neither known to fail nor to pass has no outcome."""
    return list(conjunction(list(zip(*columns, strict=True))))
