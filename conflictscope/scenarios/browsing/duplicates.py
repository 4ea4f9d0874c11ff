"""Duplicates beside their twins, and those that only just are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.db.models import F
from django.db.models.expressions import OrderBy

from conflictscope.charts import Chart, CountBin, histogram
from conflictscope.scenarios.browsing.scenarios import Beside, beside, first_messages
from conflictscope.scenarios.dedup import Similarities
from conflictscope.scenarios.models import Dataset, Scenario

if TYPE_CHECKING:
    from django.http import QueryDict

PAGE_SIZE = 20
THRESHOLDS = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
SHOWN: dict[str, str] = {"": "Duplicates", "near": "Just below the threshold"}
SORTS: dict[str, str] = {"": "Most similar first", "least": "Least similar first", "newest": "Newest first"}
_ORDERS: dict[str, tuple[OrderBy | str, str]] = {
    "": (F("similarity").desc(nulls_last=True), "pk"),
    "least": (F("similarity").asc(nulls_last=True), "pk"),
    "newest": ("-created_at", "-pk"),
}


@dataclass(frozen=True, slots=True)
class DuplicatesShown:
    """What the page is asked to show; anything unknown is its first choice."""

    shown: str
    sort: str
    pair: str

    @classmethod
    def of(cls, given: QueryDict) -> DuplicatesShown:
        shown, sort = given.get("show", ""), given.get("sort", "")
        pair = given.get("pair", "")
        return cls(shown if shown in SHOWN else "", sort if sort in SORTS else "", pair)


@dataclass(frozen=True, slots=True)
class DuplicateRow:
    scenario: Scenario
    beside: Beside


def page_of_duplicates(
    dataset: Dataset, asked: DuplicatesShown, *, page: str | None
) -> tuple[Page[Any], list[DuplicateRow]]:
    """One page of duplicates with what they are duplicates of; or of others, with what is nearest to them."""
    scenarios = dataset.scenarios.select_related("nearest", "duplicate_of", "value_1", "value_2").defer(
        "embedding", "nearest__embedding", "duplicate_of__embedding"
    )
    if asked.shown == "near":
        scenarios = scenarios.exclude(status=Scenario.Status.DUPLICATE).filter(
            nearest__isnull=False, similarity__isnull=False
        )
    else:
        scenarios = scenarios.filter(status=Scenario.Status.DUPLICATE)
    if asked.pair:
        first, _, second = asked.pair.partition("~")
        scenarios = scenarios.filter(value_1__key=first, value_2__key=second)
    on_page: Page[Any] = Paginator(scenarios.order_by(*_ORDERS[asked.sort]), PAGE_SIZE).get_page(page)
    both = [(scenario, scenario.duplicate_of or scenario.nearest) for scenario in on_page]
    messages = first_messages(each for pair in both for each in pair)
    rows = []
    for scenario, twin in both:
        scenario.dataset = twin.dataset = dataset  # their addresses name dataset and study
        rows.append(DuplicateRow(scenario, beside(scenario, twin, messages=messages)))
    return on_page, rows


def pairs_of(dataset: Dataset) -> list[tuple[str, str]]:
    """Key and name of each value pair of the dataset, as a filter offers them."""
    version = dataset.value_set_version
    pairs = version.pairs() if version else []
    return [(f"{first.key}~{second.key}", f"{first.name} – {second.name}") for first, second in pairs]


def chart_of(dataset: Dataset, found: Similarities) -> Chart | None:
    """The histogram of the cosines to the nearest earlier scenario, with the threshold in it; None: nothing is compared."""
    bins = [CountBin(each.low, each.high, each.count) for each in found.histogram()]
    if not bins:
        return None
    duplicates = found.duplicates_at([found.threshold])[0][1]
    return histogram(
        bins,
        title="How near scenarios are to their nearest earlier one",
        description=f"Histogram of {len(found.values)} cosines in {dataset.name}, from {found.values[0]:.2f} to "
        f"{found.values[-1]:.2f}; {duplicates} are at or above the threshold of {found.threshold:g}.",
        x_title="Cosine to the nearest earlier scenario",
        y_title="Scenarios",
        threshold=found.threshold,
        below="Below the threshold: kept apart",
        above="From the threshold on: duplicates",
    )


def at_thresholds(found: Similarities, wanted: float | None) -> list[tuple[float, int]]:
    """How many duplicates the usual thresholds would make, the dataset's own and one that was asked for among them."""
    asked = {round(each, 4) for each in (*THRESHOLDS, found.threshold, *([wanted] if wanted is not None else []))}
    return found.duplicates_at(sorted(asked))
