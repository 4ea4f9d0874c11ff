"""The tables that agreement is computed from: what a judge says of each item, what people together say, and each person.

People's answer to a question is that of most of them, on a scale their median. A dimension of the filter passes by the answers
to its questions, for the judge and for people alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from annotation.agreement.sealed import part_shown
from annotation.consensus.deciding import adjudicated_answers, agree, outcomes_of
from annotation.consensus.labels import OUTCOMES, Labels, answers_of, counted, judge_choices, judge_outcomes, words
from annotation.kinds import KINDS, answer_label, questions_of
from annotation.models import Campaign
from annotation.questions import Control, Question
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.dimensions import questions_of as questions_of_dimension
from conflictscope.scenarios.models import Judge
from conflictscope.stats.clusters import Flags, Sample
from conflictscope.stats.labels import MISSING, Codes

ALL = "all"
ALL_LABEL = "All six"
PASS, FAIL = OUTCOMES
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
    """Everything the figures are computed from, over the items that somebody has labelled.

    Attributes:
        by_judge, by_people: for each subject a code for each item; by_person: for each subject items by annotators. Codes are
            places in the subject's categories, -1 = no answer.
        tied: for each subject, whether people tie on the item.
    """

    campaign: Campaign
    judge: Judge | None
    labels: Labels
    subjects: tuple[Subject, ...]
    by_judge: dict[str, Codes]
    by_people: dict[str, Codes]
    by_person: dict[str, Codes]
    tied: dict[str, Flags]

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(subject.key for subject in self.subjects)

    @property
    def main(self) -> str:
        """The subject that a page begins with: all six together, or which action."""
        return ALL if ALL in self.dimensions else self.dimensions[0]

    @cached_property
    def weighted(self) -> bool:
        return len({item.inclusion_probability for item in self.labels.items}) > 1

    def subject(self, key: str) -> Subject:
        return next(subject for subject in self.subjects if subject.key == key)

    def sample(self, *, weighted: bool = False) -> Sample:
        """Which scenario each item belongs to, and what it weighs: responses of one scenario go together."""
        items = self.labels.items
        weights = [1 / item.inclusion_probability for item in items] if weighted else None
        return Sample.of(len(items), scenarios=[item.scenario_id for item in items], weights=weights)

    def said(self, column: Codes, key: str) -> list[str | None]:
        """A column in words."""
        return words(column, self.subject(key).categories)


def tables_of(campaign: Campaign, *, judge: Judge | None = None, minimum: int = 1) -> Tables:
    """Read the campaign's counted answers, and what the judge says of the same items; of a split campaign those that it may be
    held against (`sealed.part_shown`).

    Args: judge: unless one is named, the dataset's primary judge; of an action judgement the one that decides in each run. On
        preferences no judge is asked. minimum: how many people must have labelled an item before their majority counts.
    Raises:
        InvalidInput: a minimum below 1.
    """
    part = part_shown(campaign, judges_asked(campaign, judge))
    return tables_from(labels_of(campaign, part, minimum=minimum), campaign, judge=judge, minimum=minimum)


def subjects_of(campaign: Campaign) -> tuple[Subject, ...]:
    """What raters agree on or not in this campaign: dimensions and all of them together, or questions. Reads nothing."""
    if not KINDS[campaign.kind].by_dimension:
        return tuple(_subject(question) for question in questions_of(campaign))
    every = [(str(dimension), str(dimension.label)) for dimension in dimensions_of(campaign.dataset)]
    return tuple(Subject(key, label, OUTCOMES, positive=PASS) for key, label in (*every, (ALL, ALL_LABEL)))


def judges_asked(campaign: Campaign, judge: Judge | None) -> list[Judge]:
    """The judge whose word is compared with people's: the one named, the dataset's primary one, or those of the runs."""
    if judge is not None:
        return [judge]
    if KINDS[campaign.kind].of_responses:
        return list(Judge.objects.filter(runs__campaigns=campaign).select_related("endpoint").distinct().order_by("pk"))
    primary = campaign.dataset.primary_judge if KINDS[campaign.kind].by_dimension else None
    return [primary] if primary is not None else []


def labels_of(campaign: Campaign, part: str = "", *, minimum: int = 1) -> Labels:
    """
    Raises:
        InvalidInput: a minimum below 1.
    """
    if minimum < 1:
        raise InvalidInput("At least one person must have labelled an item before a majority can be counted.")
    return counted(campaign, part=part)


def tables_from(labels: Labels, campaign: Campaign, *, judge: Judge | None, minimum: int = 1) -> Tables:
    """As `tables_of`, of labels that have been read: for several judges beside the same people."""
    agreed = agree(labels, minimum=minimum, adjudicated=adjudicated_answers(campaign))
    if KINDS[campaign.kind].by_dimension:
        return _of_filter(campaign, judge or campaign.dataset.primary_judge, labels, agreed.answers, agreed.tied)
    subjects = subjects_of(campaign)
    nothing = np.full(len(labels.items), MISSING, dtype=np.int8)
    by_judge: dict[str, Codes] = {subject.key: nothing for subject in subjects}
    if KINDS[campaign.kind].of_responses:
        by_judge = judge_choices(labels, judge.pk if judge else None)
        judge = (
            judge or Judge.objects.filter(runs__campaigns=campaign).select_related("endpoint").order_by("pk").first()
        )
    return Tables(
        campaign=campaign,
        judge=judge,
        labels=labels,
        subjects=subjects,
        by_judge=by_judge,
        by_people=agreed.answers,
        by_person=labels.codes,
        tied=agreed.tied,
    )


def _of_filter(
    campaign: Campaign, judge: Judge | None, labels: Labels, agreed: dict[str, Codes], tied: dict[str, Flags]
) -> Tables:
    every = tuple(str(dimension) for dimension in labels.dimensions)
    by_people = outcomes_of(labels, agreed)
    by_judge = judge_outcomes(campaign, labels, judge.pk if judge else None)
    by_person = {dimension: labels.outcomes(dimension) for dimension in every}
    ties = {
        dimension: np.logical_or.reduce([tied[question.key] for question in questions_of_dimension(dimension)])
        for dimension in every
    }
    for tables in (by_people, by_judge, by_person):
        tables[ALL] = together([tables[dimension] for dimension in every])
    ties[ALL] = np.logical_or.reduce(list(ties.values()))
    return Tables(
        campaign=campaign,
        judge=judge,
        labels=labels,
        subjects=subjects_of(campaign),
        by_judge=by_judge,
        by_people=by_people,
        by_person=by_person,
        tied=ties,
    )


def _subject(question: Question) -> Subject:
    categories = answers_of(question.key)
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


def together(columns: Sequence[Codes]) -> Codes:
    """The conjunction: one fail fails, all that pass pass; what is neither known to fail nor to pass has no outcome."""
    every = np.stack(columns)
    passed, failed = (every == OUTCOMES.index(PASS)).all(axis=0), (every == OUTCOMES.index(FAIL)).any(axis=0)
    return np.select([failed, passed], [OUTCOMES.index(FAIL), OUTCOMES.index(PASS)], MISSING).astype(np.int8)
