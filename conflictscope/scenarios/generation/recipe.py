"""Every parameter that makes a dataset, fixed when it is created so that topping it up later makes more of the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.files.texts import storable
from conflictscope.llm.models import Endpoint
from conflictscope.llm.questions import sampling_parameters
from conflictscope.scenarios.datasets import checked_slug
from conflictscope.scenarios.dedup.settings import DEFAULT_THRESHOLD, EarlierSettings, Scope, Threshold
from conflictscope.scenarios.generation.prompts import UsedPrompt, prompts_for
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.endpoints import check_allowed
from conflictscope.values.models import ValueSetVersion

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from conflictscope.studies.models import Study

DEFAULT_CONTEXT = "A general-purpose assistant that anyone can chat with, for any purpose, without special tools."


DEFAULT_YIELD_FLOOR = 0.1
GENERATED = (Dataset.Variant.FULL, Dataset.Variant.SINGLE_STAGE, Dataset.Variant.DIRECT)
_MAY_BE_SECRET = {"extra_headers", "extra_query"}  # of a request, where servers take keys; they sample nothing
# How many are asked for at once: an outline is two sentences, a whole scenario a page.
BATCH_SIZES: dict[str, int] = {
    Dataset.Variant.FULL: 20,
    Dataset.Variant.SINGLE_STAGE: 5,
    Dataset.Variant.DIRECT: 5,
}


class AskedOf(BaseModel):
    """The LLM that writes, and what it is asked with. An endpoint may change later; what made the dataset stands here.

    Neither address nor key: a server may move, and a key makes no scenario.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str
    llm: str
    parameters: dict[str, Any]

    @classmethod
    def of(cls, endpoint: Endpoint) -> AskedOf:
        asked = sampling_parameters(endpoint)
        parameters = {name: value for name, value in asked.items() if name not in _MAY_BE_SECRET}
        return cls(provider=endpoint.provider, llm=endpoint.llm, parameters=parameters)

    def differences(self, now: AskedOf) -> list[str]:
        """Such as "temperature was 1 and is 0"."""
        before, after = ({"provider": asked.provider, "LLM": asked.llm} | asked.parameters for asked in (self, now))
        return [
            f"{name} was {_said(before, name)} and is {_said(after, name)}"
            for name in dict.fromkeys([*before, *after])
            if (name in before, before.get(name)) != (name in after, after.get(name))
        ]


class Recipe(BaseModel):
    """What a generated dataset was asked to become. Value set, generator and variant stand beside it, as columns.

    With the same recipe, the same value set and a call log that has the replies, the same scenarios come out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_pair: Annotated[int, Field(ge=1, le=10_000)]
    per_pair_before: tuple[int, ...] = ()  # smaller numbers that it was generated to before
    threshold: Threshold = DEFAULT_THRESHOLD
    scope: Scope = Scope.PAIR
    dedup_before: tuple[
        EarlierSettings, ...
    ] = ()  # what duplicates were found by before threshold or scope was changed
    deployment_contexts: tuple[str, ...] = (DEFAULT_CONTEXT,)  # none where scenarios are asked for directly
    batch_size: Annotated[int, Field(ge=1, le=50)] = 8  # the most that one call asks for
    told: Annotated[int, Field(ge=0, le=500)] = 40  # how many of the latest scenarios of the pair a prompt lists as had
    # A pair is given up when of the latest `yield_window` asked for (or a few more) a smaller share than this was usable.
    yield_floor: Annotated[float, Field(ge=0, le=1)] = DEFAULT_YIELD_FLOOR
    yield_window: Annotated[int, Field(ge=1, le=1000)] = 20
    rounds: Annotated[int, Field(ge=1, le=20)] = 4  # how often in a row an unreadable reply is asked for again
    embedding_model: str
    asked_of: AskedOf | None = None  # unknown of datasets that an earlier release made
    prompts: dict[str, UsedPrompt]


def was_generated_here(dataset: Dataset) -> bool:
    """Whether there is a recipe by which more of the same can be made."""
    return dataset.variant in GENERATED and "per_pair" in dataset.recipe


def recipe_of(dataset: Dataset) -> Recipe:
    """
    Raises:
        Conflict: the dataset was not generated here, so there is nothing to go on from.
    """
    if not was_generated_here(dataset):
        raise Conflict(f"Dataset {dataset.slug!r} was not generated here, so it cannot be topped up.")
    return Recipe.model_validate(dataset.recipe)


@dataclass(frozen=True, slots=True)
class DatasetRecipe:
    """What a dataset is to become. What is left out is as usual in a new dataset, and as it was made in one that is there.

    Attributes:
        variant: full (unless said), single_stage or direct.
        shipped_prompts: for a new dataset, leave the study's own prompts aside.
    """

    name: str = ""
    value_set: ValueSetVersion | None = None
    generator: Endpoint | None = None
    variant: str | None = None
    per_pair: int | None = None
    threshold: float | None = None
    scope: str | None = None
    deployment_contexts: Sequence[str] = ()
    batch_size: int | None = None
    yield_floor: float | None = None
    shipped_prompts: bool = False


def open_dataset(study: Study, slug: str, wanted: DatasetRecipe, *, created_by: User | None = None) -> Dataset:
    """The study's dataset of that slug, created if there is none, ready to be generated or topped up.

    A new dataset needs value set, generator and number per pair. An existing one may be given more per pair, and another
    yield floor; whatever else is said must be what it was made with.

    Raises:
        InvalidInput: something is missing, or out of range.
        Conflict: the dataset was made in another way, or its endpoint has changed since.
        NotAllowed: the study may not use the generator.
    """
    dataset = study.datasets.filter(slug=slug).first()
    if dataset is None:
        return _create(study, slug, wanted, created_by=created_by)
    recipe = recipe_of(dataset)
    for what, asked_for, made_with in (
        ("value set", wanted.value_set, dataset.value_set_version),
        ("generator", wanted.generator, dataset.generator),
        ("variant", wanted.variant, dataset.variant),
        ("threshold", wanted.threshold, recipe.threshold),
        ("scope", wanted.scope, recipe.scope),
        ("batch size", wanted.batch_size, recipe.batch_size),
        ("deployment contexts", _contexts(wanted.deployment_contexts) or None, recipe.deployment_contexts),
    ):
        if asked_for is not None and asked_for != made_with:
            raise Conflict(
                f"Dataset {dataset.slug!r} was made with {what} {made_with}, not {asked_for}: leave it out to top the "
                "dataset up, or name a new dataset."
            )
    check_generator(dataset, recipe)
    return _changed(dataset, recipe, per_pair=wanted.per_pair, yield_floor=wanted.yield_floor)


def check_generator(dataset: Dataset, recipe: Recipe) -> None:
    """
    Raises:
        Conflict: the generator's endpoint is not asked as it was when the dataset was made: more would be of another kind.
    """
    if recipe.asked_of is None or dataset.generator is None:
        return
    if changed := recipe.asked_of.differences(AskedOf.of(dataset.generator)):
        raise Conflict(
            f"Endpoint {dataset.generator} has changed since dataset {dataset.slug!r} was made with it: {'; '.join(changed)}. "
            "Put it back to go on with this dataset, or make a new one."
        )


def _changed(dataset: Dataset, recipe: Recipe, *, per_pair: int | None, yield_floor: float | None) -> Dataset:
    """What may change of a recipe: to want more, and to give up later or earlier."""
    new: dict[str, Any] = {}
    if per_pair is not None and per_pair > recipe.per_pair:
        new["per_pair"] = per_pair
        if dataset.scenarios.exists():
            new["per_pair_before"] = (*recipe.per_pair_before, recipe.per_pair)
    if yield_floor is not None:
        new["yield_floor"] = yield_floor
    if new:
        recipe = _checked(**recipe.model_dump() | new)
        dataset.recipe = recipe.model_dump(mode="json")
        dataset.save(update_fields=["recipe"])
    return dataset


def _create(study: Study, slug: str, wanted: DatasetRecipe, *, created_by: User | None) -> Dataset:
    contexts = _contexts(wanted.deployment_contexts)
    if wanted.value_set is None or wanted.generator is None or wanted.per_pair is None:
        raise InvalidInput(
            f"Study {study.slug!r} has no dataset {slug!r} yet: say value set, generator and number per pair to make it."
        )
    variant = wanted.variant or Dataset.Variant.FULL
    if variant not in GENERATED:
        raise InvalidInput(f"A dataset is generated as one of {', '.join(GENERATED)}, not {variant!r}.")
    direct = variant == Dataset.Variant.DIRECT
    if direct and contexts:
        raise InvalidInput("Asked for directly, scenarios are given no deployment context: leave it out.")
    settings_given = {
        "threshold": wanted.threshold,
        "scope": wanted.scope,
        "yield_floor": wanted.yield_floor,
        "deployment_contexts": () if direct else contexts or None,
    }
    recipe = _checked(
        per_pair=wanted.per_pair,
        batch_size=BATCH_SIZES[variant] if wanted.batch_size is None else wanted.batch_size,
        embedding_model=settings.EMBEDDING_MODEL,
        asked_of=AskedOf.of(wanted.generator),
        prompts=prompts_for(study, variant, shipped=wanted.shipped_prompts),
        **{name: value for name, value in settings_given.items() if value is not None},
    )
    checked_slug(slug)
    check_allowed(study, wanted.generator)
    try:
        with transaction.atomic():
            return Dataset.objects.create(
                study=study,
                slug=slug,
                name=storable(wanted.name.strip(), where="The name")[:200] or slug,
                value_set_version=wanted.value_set,
                generator=wanted.generator,
                variant=variant,
                recipe=recipe.model_dump(mode="json"),
                created_by=created_by,
            )
    except IntegrityError as exc:
        raise Conflict(f"Somebody has just made a dataset {slug!r} in this study: look at it first.") from exc


def _said(parameters: dict[str, Any], name: str) -> str:
    return json.dumps(parameters[name], sort_keys=True) if name in parameters else "not given"


def _checked(**parameters: Any) -> Recipe:
    try:
        return Recipe(**parameters)
    except ValidationError as exc:
        first = exc.errors()[0]
        field = " ".join(str(part) for part in first["loc"]).replace("_", " ")
        raise InvalidInput(f"{field}: {first['msg']}, not {first['input']!r}.") from exc


def _contexts(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(storable(text.strip(), where="A deployment context") for text in texts if text.strip())
