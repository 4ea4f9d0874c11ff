"""How different a dataset's descriptions are within each value pair. They are embedded once, by a job, and compared at will."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import QuerySet

from conflictscope.errors import Conflict
from conflictscope.jobs import control
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import NewItem
from conflictscope.llm.client import Door
from conflictscope.scenarios.about_jobs import OnDataset
from conflictscope.scenarios.embedding import embed, packed, unpacked
from conflictscope.scenarios.models import Dataset, Scenario, TextVector
from conflictscope.stats.datasets import Diversity, diversity

if TYPE_CHECKING:
    import numpy as np
    from django.contrib.auth.models import User
    from numpy.typing import NDArray

KIND = "scenarios.embed_descriptions"
BATCH = 100
_LOOK_UP = 500


@dataclass(frozen=True, slots=True)
class DescriptionDiversity:
    """`missing`: described scenarios whose description has no vector yet; while there are any, nothing is said of the rest."""

    described: int
    missing: int
    all: Diversity | None
    kept: Diversity | None


def described(dataset: Dataset) -> QuerySet[Scenario]:
    """Scenarios whose descriptions are compared: duplicates are not part of what a dataset offers."""
    return dataset.scenarios.exclude(description="").exclude(status=Scenario.Status.DUPLICATE).order_by("pk")


def diversity_of(dataset: Dataset) -> DescriptionDiversity:
    """Of all described scenarios and of the kept ones. Scenarios without values are one pair: the whole dataset."""
    keys: dict[tuple[int | None, int | None], list[tuple[str, bool]]] = {}
    for first, second, text, status in described(dataset).values_list("value_1", "value_2", "description", "status"):
        keys.setdefault((first, second), []).append((key_of(text), status == Scenario.Status.KEPT))
    everything = [key for rows in keys.values() for key, _ in rows]
    missing = len(everything) - _known(everything)
    if missing or not everything:
        return DescriptionDiversity(len(everything), missing, None, None)
    return DescriptionDiversity(
        len(everything),
        0,
        all=diversity(_vectors([key for key, _ in rows]) for rows in keys.values()),
        kept=diversity(_vectors([key for key, kept in rows if kept]) for rows in keys.values()),
    )


def start(dataset: Dataset, *, started_by: User | None = None) -> Job:
    """The job that embeds the descriptions that have no vector yet.

    Raises:
        Conflict: the dataset has no descriptions.
    """
    if not described(dataset).exists():
        raise Conflict(f"Dataset {dataset.slug!r} has no scenarios with a description yet.")
    return control.start(
        dataset.study,
        kind=KIND,
        subject=f"dataset {dataset.pk}",
        title=f"Embed the descriptions of {dataset.name}"[:200],
        parameters={"dataset": dataset.pk},
        started_by=started_by,
    )


def key_of(text: str) -> str:
    return hashlib.sha256(f"{settings.EMBEDDING_MODEL}\0{text}".encode()).hexdigest()


class EmbedDescriptionsHandler(OnDataset):
    """Items are batches of scenarios. No language model is asked: the weights are on this machine."""

    kind = KIND

    def plan(self, job: Job) -> Iterable[NewItem]:
        dataset = Dataset.objects.get(pk=job.parameters["dataset"])
        wanted: dict[str, int] = {}
        for pk, text in described(dataset).values_list("pk", "description"):
            wanted.setdefault(key_of(text), pk)
        keys = list(wanted)
        known = {key for batch in _batches(keys) for key in _stored(batch)}
        asked = {pk for payload in job.items.values_list("payload", flat=True) for pk in payload["scenarios"]}
        left = [pk for key, pk in wanted.items() if key not in known and pk not in asked]
        for first in range(0, len(left), BATCH):
            yield NewItem(key=f"from scenario {left[first]}", payload={"scenarios": left[first : first + BATCH]})

    def phase(self, key: str, payload: Mapping[str, Any]) -> str:
        return "embedding"

    def prepare(self, item: WorkItem) -> dict[str, str]:
        descriptions = Scenario.objects.filter(pk__in=item.payload["scenarios"]).values_list("description", flat=True)
        return {key_of(text): text for text in descriptions if text}

    async def ask(self, prepared: dict[str, str], door: Door) -> dict[str, bytes]:
        """A thread waits for the process that embeds; this one renews leases meanwhile."""
        vectors = await asyncio.to_thread(embed, list(prepared.values()))
        return {key: packed(vector) for key, vector in zip(prepared, vectors, strict=True)}

    def store(self, item: WorkItem, outcome: dict[str, bytes]) -> str:
        rows = [TextVector(key=key, vector=vector) for key, vector in outcome.items()]
        TextVector.objects.bulk_create(rows, ignore_conflicts=True)
        return ""


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(keys), _LOOK_UP):
        yield keys[first : first + _LOOK_UP]


def _stored(keys: Sequence[str]) -> dict[str, bytes]:
    stored_vectors = TextVector.objects.filter(key__in=keys).values_list("key", "vector")
    return {key: bytes(vector) for key, vector in stored_vectors}


def _known(keys: Sequence[str]) -> int:
    """How many of the texts have a vector; a text that stands twice counts twice."""
    different = list(dict.fromkeys(keys))
    known: set[str] = set()
    for batch in _batches(different):
        known.update(TextVector.objects.filter(key__in=batch).values_list("key", flat=True))
    return sum(key in known for key in keys)


def _vectors(keys: Sequence[str]) -> NDArray[np.float32]:
    vectors: dict[str, bytes] = {}
    for batch in _batches(list(dict.fromkeys(keys))):
        vectors |= _stored(batch)
    return unpacked([vectors[key] for key in keys])
