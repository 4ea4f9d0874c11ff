"""A study's datasets with their counts, and the jobs that work on them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from conflictscope.jobs.models import Job
from conflictscope.jobs.progress import JobProgress, progress_of
from conflictscope.scenarios import dedup, domains, generation
from conflictscope.scenarios.datasets import StatusCount, status_counts
from conflictscope.scenarios.filtering import job as filtering
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study

JOB_KINDS = (generation.KIND, filtering.KIND, domains.KIND, dedup.KIND)


@dataclass(frozen=True, slots=True)
class DatasetRow:
    dataset: Dataset
    total: int
    counts: list[StatusCount]
    live: list[JobProgress]


def dataset_rows(study: Study, *, hidden: bool = False) -> list[DatasetRow]:
    """The datasets in sight, or those that were put out of it; newest first."""
    those = study.datasets.filter(hidden_at__isnull=not hidden)
    datasets = list(
        those.select_related("study", "value_set_version__value_set", "generator", "primary_judge").order_by("-pk")
    )
    counts = status_counts(datasets)
    live: dict[int, list[JobProgress]] = {}
    for progress in progress_of(list(_live_jobs(study))):
        live.setdefault(progress.job.parameters["dataset"], []).append(progress)
    return [
        DatasetRow(
            dataset=dataset,
            total=sum(each.count for each in counts.get(dataset.pk, [])),
            counts=counts.get(dataset.pk, []),
            live=live.get(dataset.pk, []),
        )
        for dataset in datasets
    ]


def live_progress(dataset: Dataset) -> list[JobProgress]:
    """The jobs of this room that work on the dataset now, or are paused on it."""
    return progress_of([job for job in _live_jobs(dataset.study) if job.parameters["dataset"] == dataset.pk])


def _live_jobs(study: Study) -> QuerySet[Job]:
    return Job.objects.live().filter(study=study, kind__in=JOB_KINDS).select_related("study").order_by("pk")
