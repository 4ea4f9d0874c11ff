"""What the page of exports shows of each dataset."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from annotation.models import Assignment, Participant
from conflictscope.scenarios.datasets import StatusCount, status_counts
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.models import Study


@dataclass(frozen=True, slots=True)
class ExportableDataset:
    """A dataset in numbers: its scenarios by status, and how many of them people validated.

    `simulated_people`: simulated annotators are among those who labelled it, so validation is theirs, too.
    """

    dataset: Dataset
    counts: list[StatusCount]
    validated: int
    simulated_people: bool

    @property
    def total(self) -> int:
        return sum(each.count for each in self.counts)


def dataset_rows(study: Study) -> list[ExportableDataset]:
    """The study's datasets, newest first. Four queries, however many there are."""
    datasets = list(study.datasets.shown().select_related("study", "generator").order_by("-pk"))
    counts = status_counts(datasets)
    validated = dict(
        Scenario.objects.filter(dataset__in=datasets)
        .human_validated()
        .order_by()
        .values_list("dataset")
        .annotate(Count("pk"))
    )
    labelled_by_simulators = set(
        Participant.objects.filter(
            campaign__dataset__in=datasets, simulated=True, assignments__state=Assignment.State.SUBMITTED
        ).values_list("campaign__dataset", flat=True)
    )
    return [
        ExportableDataset(
            dataset,
            counts=counts.get(dataset.pk, []),
            validated=validated.get(dataset.pk, 0),
            simulated_people=dataset.pk in labelled_by_simulators,
        )
        for dataset in datasets
    ]
