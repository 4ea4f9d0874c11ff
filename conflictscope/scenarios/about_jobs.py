"""What a dataset's jobs say of themselves: which dataset they work on, and what came of it."""

from __future__ import annotations

from conflictscope.errors import NotFound
from conflictscope.jobs.models import Job
from conflictscope.jobs.registry import WorkedOn
from conflictscope.scenarios.datasets import counts_in_words, status_counts
from conflictscope.scenarios.models import Dataset


def dataset_of_job(job: Job) -> Dataset:
    """
    Raises:
        NotFound: the dataset was deleted since.
    """
    datasets = Dataset.objects.select_related("value_set_version", "generator", "primary_judge", "study").filter(
        pk=job.parameters.get("dataset")
    )
    if (dataset := datasets.first()) is None:
        raise NotFound(f"The dataset of job {job.pk} is no longer there.")
    return dataset


class OnDataset:
    """For handlers whose jobs name a dataset in their parameters."""

    def worked_on(self, job: Job) -> WorkedOn:
        dataset = dataset_of_job(job)
        return WorkedOn(dataset.name, dataset.get_absolute_url())

    def outcome(self, job: Job) -> str:
        dataset = dataset_of_job(job)
        return f"{dataset.name}: {counts_in_words(status_counts([dataset]).get(dataset.pk, []))}."
