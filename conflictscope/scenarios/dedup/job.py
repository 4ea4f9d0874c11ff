"""Deduplication as a job of its own: vectors for what has none, in batches, then one comparison."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from conflictscope.errors import Conflict
from conflictscope.jobs import control, planning
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import NewItem
from conflictscope.llm.client import Door
from conflictscope.scenarios.about_jobs import OnDataset, dataset_of_job
from conflictscope.scenarios.datasets import alone_on
from conflictscope.scenarios.dedup.comparing import recompare
from conflictscope.scenarios.dedup.settings import Scope, changed, remember
from conflictscope.scenarios.dedup.similarities import similarities
from conflictscope.scenarios.dedup.vectors import compared_text, keep, reuse, with_texts, without_vector
from conflictscope.scenarios.embedding import embed, packed
from conflictscope.scenarios.models import Dataset

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "scenarios.dedup"
GENERATION = "scenarios.generate"  # its plan compares, too: two at once would contradict each other
BATCH = 100


def start(
    dataset: Dataset,
    *,
    threshold: float | None = None,
    scope: Scope | str | None = None,
    embedding_model: str | None = None,
    started_by: User | None = None,
) -> Job:
    """Find the dataset's duplicates, by its recipe or by other settings, which become its recipe's.

    Raises:
        InvalidInput: settings out of range.
        Conflict: the dataset is being generated, or compared by other settings, or has no scenarios.
    """
    settings = changed(dataset, threshold=threshold, scope=scope, embedding_model=embedding_model)
    if not dataset.scenarios.exists():
        raise Conflict(f"Dataset {dataset.slug!r} has no scenarios to compare yet.")
    parameters = {"dataset": dataset.pk, **settings.model_dump(mode="json")}
    with alone_on(dataset):
        if Job.objects.live().filter(kind=GENERATION, subject=_subject(dataset)).exists():
            raise Conflict(f"Dataset {dataset.slug!r} is being generated: wait for that job, or cancel it.")
        job = control.start(
            dataset.study,
            kind=KIND,
            subject=_subject(dataset),
            title=f"Find duplicates in {dataset.name}",
            parameters=parameters,
            started_by=started_by,
        )
    if job.parameters != parameters:
        raise Conflict(f"Dataset {dataset.slug!r} is being compared by other settings: wait for that job.")
    return job


def _subject(dataset: Dataset) -> str:
    return f"dataset {dataset.pk}"


class DedupHandler(OnDataset):
    """Items are batches of texts to embed. The comparison itself is part of the plan: one worker at a time does it."""

    kind = KIND

    def plan(self, job: Job) -> Iterable[NewItem]:
        dataset = dataset_of_job(job)
        settings = changed(
            dataset, **{name: job.parameters[name] for name in ("threshold", "scope", "embedding_model")}
        )
        missing = without_vector(with_texts(dataset).order_by("pk"), model=settings.embedding_model)
        missing = reuse(missing, model=settings.embedding_model)
        asked = {pk for payload in job.items.values_list("payload", flat=True) for pk in payload["scenarios"]}
        if left := [pk for pk in missing if pk not in asked]:
            return [
                NewItem(key=f"embed from {left[first]}", payload={"scenarios": left[first : first + BATCH]})
                for first in range(0, len(left), BATCH)
            ]
        if missing:  # some could not be embedded: the job tells why, and nothing is concluded from a part
            return []
        planning.say(job, "comparing each with all earlier ones")
        remember(dataset, settings)
        recompare(dataset, settings)
        return []

    def phase(self, key: str, payload: Mapping[str, Any]) -> str:
        return "embedding"

    def prepare(self, item: WorkItem) -> tuple[str, dict[int, str]]:
        rows = with_texts(dataset_of_job(item.job)).filter(pk__in=item.payload["scenarios"])
        return item.job.parameters["embedding_model"], {row.pk: compared_text(row) for row in rows}

    async def ask(self, prepared: tuple[str, dict[int, str]], door: Door) -> dict[int, bytes]:
        """No LLM: a thread waits for the process that embeds, so that the worker's leases are renewed meanwhile."""
        model, texts = prepared
        vectors = await asyncio.to_thread(embed, list(texts.values()), name=model)
        return dict(zip(texts, (packed(vector) for vector in vectors), strict=True))

    def store(self, item: WorkItem, outcome: dict[int, bytes]) -> str:
        rows = with_texts(dataset_of_job(item.job)).filter(pk__in=list(outcome))
        keep(outcome, {row.pk: compared_text(row) for row in rows}, model=item.job.parameters["embedding_model"])
        return ""

    def outcome(self, job: Job) -> str:
        comparison = similarities(dataset_of_job(job))
        compared = (
            f"Threshold {comparison.threshold}, scope {comparison.scope}; {len(comparison.values)} have an earlier one "
            f"to compare with, {comparison.first} have none, {comparison.not_compared} were not compared."
        )
        return f"{super().outcome(job)}\n{compared}"
