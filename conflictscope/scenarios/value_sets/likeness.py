"""Values that say nearly the same, told by the embeddings of their names and definitions. A worker embeds, pages only compare."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from conflictscope.scenarios.diversity import key_of
from conflictscope.scenarios.embedding import embed, packed, unpacked
from conflictscope.scenarios.models import TextVector
from conflictscope.values.models import Value, ValueSetVersion

# Of the 46 pairs of the shipped sets none comes to more than 0.55; values put in other words come to 0.5 to 0.75.
NEARLY_THE_SAME = 0.6


@dataclass(frozen=True, slots=True)
class NearValues:
    first: Value
    second: Value
    cosine: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """`alike`: pairs at or above the bound, nearest first. `closest`: the nearest of all. `missing`: values without a vector yet,
    while there are any nothing is said."""

    alike: list[NearValues]
    closest: NearValues | None
    missing: int


def likeness_of(version: ValueSetVersion) -> Likeness:
    values = list(version.values.all())
    keys = {value.pk: key_of(_text(value)) for value in values}
    found = dict(TextVector.objects.filter(key__in=keys.values()).values_list("key", "vector"))
    if missing := sum(key not in found for key in keys.values()):
        return Likeness([], None, missing)
    if len(values) < 2:
        return Likeness([], None, 0)
    vectors = unpacked([found[keys[value.pk]] for value in values])
    cosines = np.clip(vectors @ vectors.T, -1, 1)
    every = [NearValues(values[i], values[j], float(cosines[i, j])) for i, j in combinations(range(len(values)), 2)]
    every.sort(key=lambda pair: -pair.cosine)
    return Likeness([pair for pair in every if pair.cosine >= NEARLY_THE_SAME], every[0], 0)


def embed_values(version: ValueSetVersion) -> int:
    """Vectors for the values that have none. Takes the embedding model: for workers. Returns how many were embedded."""
    texts = {key_of(text): text for text in map(_text, version.values.all())}
    known = set(TextVector.objects.filter(key__in=texts).values_list("key", flat=True))
    left = {key: text for key, text in texts.items() if key not in known}
    if not left:
        return 0
    vectors = embed(list(left.values()))
    rows = [TextVector(key=key, vector=packed(vector)) for key, vector in zip(left, vectors, strict=True)]
    TextVector.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _text(value: Value) -> str:
    return f"{value.name}: {value.definition}"
