"""Datasets: found by name, and what they hold in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.text import slugify

from conflictscope.errors import InvalidInput, NotFound
from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.verdicts import SETTLED_BY_VERDICTS
from conflictscope.scenarios.models import Dataset, Dimension, Judge, Scenario, Verdict
from conflictscope.stats.intervals import wilson
from conflictscope.stats.types import Estimate
from conflictscope.studies.models import Study

_RESERVED = {"import", "new"}  # pages beside those of datasets


@dataclass(frozen=True, slots=True)
class DimensionRate:
    """How often a judge passed a dimension. Unparsable answers are counted beside the rate, not in it."""

    dimension: Dimension
    rate: Estimate
    passed: int
    failed: int
    unparsable: int


@dataclass(frozen=True, slots=True)
class StatusCount:
    status: Scenario.Status
    count: int


def dataset_named(study: Study, slug: str) -> Dataset:
    """
    Raises:
        NotFound: naming the study's datasets.
    """
    try:
        return Dataset.objects.select_related("study", "value_set_version", "generator", "primary_judge").get(
            study=study, slug=slug
        )
    except Dataset.DoesNotExist as exc:
        known = ", ".join(Dataset.objects.filter(study=study).values_list("slug", flat=True)[:20]) or "none yet"
        raise NotFound(f"Study {study.slug!r} has no dataset {slug!r}. Datasets: {known}.") from exc


def checked_slug(slug: str) -> str:
    """The slug itself, if a new dataset may be called so.

    Raises:
        InvalidInput: it is no slug, or a word that addresses use.
    """
    if not slug or slugify(slug) != slug or len(slug) > 50 or slug in _RESERVED:
        raise InvalidInput(
            f"{slug!r} cannot name a dataset: use at most 50 small letters, digits and hyphens, and neither of "
            f"{' and '.join(sorted(_RESERVED))}."
        )
    return slug


@contextmanager
def alone_on(dataset: Dataset) -> Iterator[None]:
    """A transaction in which nobody else compares the dataset, imports into it, or starts what would.

    Scenarios can be judged, labelled and added meanwhile.
    """
    with transaction.atomic():
        Dataset.everything.select_for_update(of=("self",), no_key=True).only("pk").get(pk=dataset.pk)
        yield


def hide(dataset: Dataset, *, hidden: bool) -> None:
    """Put a dataset out of sight, or back into it: out of lists, counts and what can be chosen. Nothing of it is lost, and its
    address stays."""
    Dataset.objects.filter(pk=dataset.pk).update(hidden_at=timezone.now() if hidden else None)
    dataset.refresh_from_db(fields=["hidden_at"])


def status_counts(datasets: Iterable[Dataset]) -> dict[int, list[StatusCount]]:
    """The scenarios of each dataset by status, in the order of a scenario's life; statuses that do not occur are left out."""
    rows = Scenario.objects.filter(dataset__in=list(datasets)).order_by("dataset")
    counts = {
        (dataset, status): count
        for dataset, status, count in rows.values_list("dataset", "status").annotate(count=Count("pk"))
    }
    return {
        pk: [StatusCount(status, counts[pk, status]) for status in Scenario.Status if (pk, status) in counts]
        for pk in {dataset for dataset, _ in counts}
    }


def holds_messages_only(dataset: Dataset) -> bool:
    """Whether it was imported from opening messages alone: they can be read, but neither filtered nor evaluated.

    The actions tell, not the status: messages that are alike become duplicates, and so do scenarios that are told in full.
    """
    if dataset.variant != Dataset.Variant.IMPORTED:
        return False
    scenarios = dataset.scenarios.order_by()
    return scenarios.exists() and not scenarios.exclude(Q(action_1="") | Q(action_2="")).exists()


def counts_in_words(counts: Iterable[StatusCount]) -> str:
    """Such as "80 scenarios: 3 duplicate, 52 kept, 25 dropped"."""
    counts = list(counts)
    total = sum(each.count for each in counts)
    parts = ", ".join(f"{each.count} {each.status}" for each in counts)
    return f"{total} scenarios" + (f": {parts}" if parts else "")


def quick_dimension_rates(dataset: Dataset, judge: Judge) -> list[DimensionRate]:
    """The judge's pass rate on each dimension, with a Wilson interval over scenarios: those of `pass_rates`, counted by the
    database for a page that is fetched often. Duplicates are left out here, too."""
    rows = Verdict.objects.filter(
        judge=judge, scenario__dataset=dataset, scenario__status__in=SETTLED_BY_VERDICTS
    ).order_by("dimension")
    count = {(row[0], row[1]): row[2] for row in rows.values_list("dimension", "outcome").annotate(Count("pk"))}
    rates = []
    for dimension in dimensions_of(dataset):
        passed = count.get((dimension, Verdict.Outcome.PASS), 0)
        failed = count.get((dimension, Verdict.Outcome.FAIL), 0)
        unparsable = count.get((dimension, Verdict.Outcome.UNPARSABLE), 0)
        rates.append(DimensionRate(dimension, wilson(passed, passed + failed), passed, failed, unparsable))
    return rates
