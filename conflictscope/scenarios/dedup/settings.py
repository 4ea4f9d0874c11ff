"""From which cosine on, among which scenarios, and by which embedding model two texts count as one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from django.conf import settings
from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from conflictscope.errors import InvalidInput
from conflictscope.scenarios.models import Dataset

DEFAULT_THRESHOLD = 0.8


class Scope(StrEnum):
    """Which scenarios are compared with each other."""

    PAIR = "pair"
    TEMPLATE = "template"  # those of one value pair and one template
    DATASET = "dataset"


Threshold = Annotated[float, Field(gt=0, le=1)]


class DedupSettings(BaseModel):
    """What a dataset's recipe says of duplicates; imported datasets get it when they are first compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: Threshold = DEFAULT_THRESHOLD
    scope: Scope = Scope.PAIR
    embedding_model: Annotated[str, Field(min_length=1)]


class EarlierSettings(DedupSettings):
    """Settings that a dataset had before, while its first `compared` scenarios were compared."""

    compared: int


def settings_of(dataset: Dataset) -> DedupSettings:
    """What the dataset's recipe says, and the defaults for what it does not say."""
    from_recipe = {name: dataset.recipe[name] for name in DedupSettings.model_fields if name in dataset.recipe}
    return DedupSettings(**{"embedding_model": settings.EMBEDDING_MODEL} | from_recipe)


def changed(dataset: Dataset, **given: Any) -> DedupSettings:
    """The dataset's settings with those given in place of the recipe's; what is None stays.

    Raises:
        InvalidInput: one that is out of range.
    """
    changes = {name: value for name, value in given.items() if value is not None}
    try:
        return DedupSettings(**settings_of(dataset).model_dump() | changes)
    except ValidationError as exc:
        first = exc.errors()[0]
        field = " ".join(str(part) for part in first["loc"]).replace("_", " ")
        raise InvalidInput(f"{field}: {first['msg']}, not {first['input']!r}.") from exc


def remember(dataset: Dataset, new: DedupSettings) -> None:
    """Write the settings into the recipe. What scenarios were compared by before stays in it, so that it can be told why
    generation asked for what it asked."""
    with transaction.atomic():
        locked = Dataset.objects.select_for_update(of=("self",)).get(pk=dataset.pk)
        before = settings_of(locked)
        compared = locked.scenarios.filter(position__isnull=False).count()
        if compared and before != new:
            earlier = EarlierSettings(**before.model_dump(), compared=compared)
            locked.recipe.setdefault("dedup_before", []).append(earlier.model_dump(mode="json"))
        locked.recipe |= new.model_dump(mode="json")
        locked.save(update_fields=["recipe"])
    dataset.recipe = locked.recipe
