"""Agreement figures laid out for a page: each count leads back to the items behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from annotation.agreement import CATEGORIES, CampaignAgreement, Crossing, DimensionAgreement
from annotation.models import Campaign
from conflictscope.scenarios.models import Scenario
from conflictscope.stats.agreement import Agreement


@dataclass(frozen=True, slots=True)
class Count:
    """A number of items, and the page that lists them; no address where there are none. `agrees`: on the diagonal."""

    number: int
    href: str
    agrees: bool = False


@dataclass(frozen=True, slots=True)
class Crossed:
    """The two by two table of a dimension: rows are the judge's outcomes, columns those of people."""

    by_judge: str
    counts: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A dimension with its table. `counted` are plain figures of items, also where the others are weighted."""

    measured: DimensionAgreement
    table: tuple[Crossed, ...]
    disagreements: Count
    tied: Count
    unread: Count

    @property
    def counted(self) -> Agreement:
        return self.measured.unweighted or self.measured.judge_people


@dataclass(frozen=True, slots=True)
class Listed:
    """An item in the list behind a number."""

    crossing: Crossing
    scenario: Scenario


def cards_of(measured: CampaignAgreement, campaign: Campaign) -> list[Card]:
    return [_card(dimension, campaign) for dimension in measured.dimensions]


def _card(dimension: DimensionAgreement, campaign: Campaign) -> Card:
    behind = reverse("annotation:agreement_items", args=[campaign.study.slug, campaign.slug, dimension.key])

    def count(number: float, agrees: bool = False, **query: str) -> Count:
        return Count(round(number), f"{behind}?{urlencode(query)}" if number else "", agrees)

    confusion = (dimension.unweighted or dimension.judge_people).confusion
    table = tuple(
        Crossed(
            judge,
            tuple(
                count(confusion[row][column], row == column, judge=judge, people=people)
                for column, people in enumerate(CATEGORIES)
            ),
        )
        for row, judge in enumerate(CATEGORIES)
    )
    apart = sum(
        confusion[row][column] for row in range(len(CATEGORIES)) for column in range(len(CATEGORIES)) if row != column
    )
    return Card(
        measured=dimension,
        table=table,
        disagreements=count(apart, show="disagreements"),
        tied=Count(dimension.tied, f"{campaign.get_absolute_url()}#ties" if dimension.tied else ""),
        unread=count(dimension.unread, show="unread"),
    )


def listed(crossings: Sequence[Crossing]) -> list[Listed]:
    """The items with their scenarios, in one query; for one page of them."""
    scenarios = Scenario.objects.select_related("dataset", "value_1", "value_2").in_bulk(
        [crossing.item.scenario_id for crossing in crossings]
    )
    return [Listed(crossing, scenarios[crossing.item.scenario_id]) for crossing in crossings]
