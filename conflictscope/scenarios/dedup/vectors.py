"""The texts that are compared, and their vectors: computed once for a text and a model, in whichever dataset it came first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from django.db.models import OuterRef, QuerySet, Subquery

from conflictscope.scenarios.embedding import embed, packed
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
_LOOK_UP = 500
_WRITE_BATCH = 200


def compared_text(scenario: Scenario) -> str:
    """What of a scenario is compared: context and opportunity of its outline.

    Scenarios without an outline (written directly, or imported) are compared by their description, and those without a
    description by what the user opens with. Such texts are longer and of another kind, so the same threshold means something
    else for them. Empty where there is none of these.
    """
    if scenario.outline_context or scenario.outline_opportunity:
        return f"{scenario.outline_context} {scenario.outline_opportunity}".strip()
    return scenario.description or getattr(scenario, "opening", None) or ""


def with_texts(dataset: Dataset) -> QuerySet[Scenario]:
    """The dataset's scenarios with what `compared_text` reads, and no more."""
    opening = OpeningMessage.objects.filter(scenario=OuterRef("pk")).order_by("sample", "pk").values("text")[:1]
    columns = ("uid", "outline_context", "outline_opportunity", "description", "embedding_key", "template", "value_1")
    return dataset.scenarios.annotate(opening=Subquery(opening)).only(*columns, "value_2", "status", "dataset")


def key_of(text: str, *, model: str) -> str:
    return hashlib.sha256(f"{model}\0{text}".encode()).hexdigest()


def without_vector(scenarios: Iterable[Scenario], *, model: str) -> dict[int, str]:
    """By row, the text of every scenario that has one and no vector of it by this model."""
    texts = {scenario.pk: (compared_text(scenario), scenario.embedding_key) for scenario in scenarios}
    return {pk: text for pk, (text, key) in texts.items() if text and key_of(text, model=model) != key}


def reuse(texts: Mapping[int, str], *, model: str) -> dict[int, str]:
    """Give the scenarios the vectors that the same texts have elsewhere. Returns the texts that nobody has embedded yet."""
    keys = {pk: key_of(text, model=model) for pk, text in texts.items()}
    left = dict(texts)
    for batch in _batches(list(dict.fromkeys(keys.values())), _LOOK_UP):
        embedded = Scenario.objects.filter(embedding_key__in=batch, embedding__isnull=False)
        known = {key: bytes(vector) for key, vector in embedded.values_list("embedding_key", "embedding") if vector}
        rows = [pk for pk, key in keys.items() if key in known]
        _write({pk: (known[keys[pk]], keys[pk]) for pk in rows})
        for pk in rows:
            del left[pk]
    return left


def embed_and_keep(texts: Mapping[int, str], *, model: str) -> int:
    """Vectors for the scenarios' texts; one that has a vector elsewhere is not embedded again. Returns how many were."""
    left = reuse(texts, model=model)
    different = list(dict.fromkeys(left.values()))
    vectors = dict(zip(different, (packed(vector) for vector in embed(different, name=model)), strict=True))
    keep({pk: vectors[text] for pk, text in left.items()}, left, model=model)
    return len(different)


def keep(vectors: Mapping[int, bytes], texts: Mapping[int, str], *, model: str) -> None:
    _write({pk: (vector, key_of(texts[pk], model=model)) for pk, vector in vectors.items()})


def vectors_of(pks: Sequence[int]) -> dict[int, bytes]:
    """Stored vectors by row."""
    vectors: dict[int, bytes] = {}
    for batch in _batches(pks, _LOOK_UP):
        rows = Scenario.objects.filter(pk__in=batch).values_list("pk", "embedding")
        vectors |= {pk: bytes(vector) for pk, vector in rows if vector is not None}
    return vectors


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


def _write(rows: Mapping[int, tuple[bytes, str]]) -> None:
    changed = [Scenario(pk=pk, embedding=vector, embedding_key=key) for pk, (vector, key) in rows.items()]
    Scenario.objects.bulk_update(changed, ["embedding", "embedding_key"], batch_size=_WRITE_BATCH)
