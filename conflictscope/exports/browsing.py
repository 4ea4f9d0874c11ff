"""What the page of exports shows of each dataset."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from conflictscope.scenarios.datasets import StatusCount, status_counts
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.models import Study


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A dataset in numbers: its scenarios by status, and how many of them people validated."""

    dataset: Dataset
    counts: list[StatusCount]
    validated: int

    @property
    def total(self) -> int:
        return sum(each.count for each in self.counts)


def dataset_rows(study: Study) -> list[DatasetRow]:
    """The study's datasets, newest first. Three queries, however many there are."""
    datasets = list(study.datasets.select_related("study", "generator").order_by("-pk"))
    counts = status_counts(datasets)
    validated = dict(
        Scenario.objects.filter(dataset__in=datasets)
        .human_validated()
        .order_by()
        .values_list("dataset")
        .annotate(Count("pk"))
    )
    return [
        DatasetRow(dataset, counts=counts.get(dataset.pk, []), validated=validated.get(dataset.pk, 0))
        for dataset in datasets
    ]
