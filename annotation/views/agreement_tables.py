"""Agreement figures as the page shows them: each count leads back to its items."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.urls import reverse

from annotation.agreement.measures import CampaignAgreement, CrossedItem, DimensionAgreement, RaterComparison
from annotation.agreement.tables import Subject
from annotation.kinds import answer_label
from annotation.models import Campaign
from conflictscope.scenarios.models import Scenario
from conflictscope.stats.agreement import Agreement
from conflictscope.stats.types import Estimate


@dataclass(frozen=True, slots=True)
class Count:
    """A number of items, and the page that lists them; no address where there are none."""

    number: int
    href: str


@dataclass(frozen=True, slots=True)
class Crossed:
    """A row of the table of a dimension or question: rows are the judge's outcomes, columns those of people."""

    by_judge: str
    counts: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A dimension with its table. `warnings` are of the dimension as a whole; those of its figures are notes of the page."""

    measured: DimensionAgreement
    columns: tuple[str, ...]
    table: tuple[Crossed, ...]
    disagreements: Count
    tied: Count
    unread: Count
    warnings: tuple[str, ...]

    @property
    def counted(self) -> Agreement:
        """Plain figures of items, also where the others are weighted."""
        return self.measured.unweighted or self.measured.judge_people


@dataclass(frozen=True, slots=True)
class Listed:
    """An item in the list behind a number, with the answers in words."""

    crossing: CrossedItem
    scenario: Scenario
    by_judge: str
    by_people: str
    votes: str


@dataclass(frozen=True, slots=True)
class Kappa:
    """A cell of the matrix of raters. `warned`: why not to trust its interval is said below the table, not in every cell."""

    estimate: Estimate
    warned: bool


def notes_of(measured: CampaignAgreement) -> list[str]:
    """Why figures should not be trusted to their level: each sentence once, to stand below the table with a mark at its figures."""
    warnings = [
        estimate.warning
        for dimension in measured.dimensions
        for estimate in (
            *(
                dimension.judge_people.raw,
                dimension.judge_people.kappa,
                dimension.alpha,
                dimension.judge_people.ac1,
                dimension.fleiss,
            ),
            *(
                dimension.judge_people.precision,
                dimension.judge_people.recall,
                dimension.judge_people.prevalence_people,
            ),
            *((dimension.unweighted.raw, dimension.unweighted.kappa) if dimension.unweighted else ()),
        )
        if estimate.value is not None and estimate.warning
    ]
    return list(dict.fromkeys(warnings))


def matrix_of(comparison: RaterComparison) -> list[tuple[str, list[Kappa | None]]]:
    """For each rater kappa with each person; None with themselves."""
    return [
        (
            rater,
            [
                Kappa(replace(agreement.kappa, warning=""), bool(agreement.kappa.warning)) if agreement else None
                for agreement in row
            ],
        )
        for rater, row in comparison.rows()
    ]


def cards_of(measured: CampaignAgreement, campaign: Campaign) -> list[Card]:
    sentences = [*shared_warnings(measured), *notes_of(measured)]
    return [_card(dimension, campaign, sentences) for dimension in measured.dimensions]


def shared_warnings(measured: CampaignAgreement) -> list[str]:
    """What would be said of every dimension, to be said once."""
    warnings_by_dimension = [dimension.judge_people.warnings for dimension in measured.dimensions]
    notes = notes_of(measured)
    return [
        warning
        for warning in warnings_by_dimension[0]
        if warning not in notes and all(warning in other for other in warnings_by_dimension)
    ]


def _card(dimension: DimensionAgreement, campaign: Campaign, said: Collection[str]) -> Card:
    behind = reverse("annotation:agreement_items", args=[campaign.study.slug, campaign.slug, dimension.key])

    def count(number: float, **query: str) -> Count:
        return Count(round(number), f"{behind}?{urlencode(query)}" if number else "")

    confusion = (dimension.unweighted or dimension.judge_people).confusion
    table = tuple(
        Crossed(
            _short(dimension, judge),
            tuple(
                count(confusion[row][column], judge=judge, people=people)
                for column, people in enumerate(dimension.categories)
            ),
        )
        for row, judge in enumerate(dimension.categories)
    )
    apart = sum(
        confusion[row][column]
        for row in range(len(dimension.categories))
        for column in range(len(dimension.categories))
        if row != column
    )
    return Card(
        columns=tuple(_short(dimension, category) for category in dimension.categories),
        measured=dimension,
        table=table,
        disagreements=count(apart, show="disagreements"),
        tied=Count(
            dimension.tied,
            reverse("annotation:ties", args=[campaign.study.slug, campaign.slug]) if dimension.tied else "",
        ),
        unread=count(dimension.unread, show="unread"),
        warnings=tuple(warning for warning in dimension.judge_people.warnings if warning not in said),
    )


def listed(crossings: Sequence[CrossedItem], subject: Subject) -> list[Listed]:
    """The items with their scenarios, in one query; for one page of them."""
    scenarios = Scenario.objects.select_related("dataset", "value_1", "value_2").in_bulk(
        [crossing.item.scenario_id for crossing in crossings]
    )
    return [
        Listed(
            crossing,
            scenarios[crossing.item.scenario_id],
            subject.said(crossing.by_judge),
            subject.said(crossing.by_people),
            ", ".join(f"{count} × {subject.said(answer)}" for answer, count in crossing.votes.items()),
        )
        for crossing in crossings
    ]


def _short(dimension: DimensionAgreement, category: str) -> str:
    """A category as a heading: a place on a scale by its number alone."""
    return category if dimension.weights else answer_label(dimension.key, category)
