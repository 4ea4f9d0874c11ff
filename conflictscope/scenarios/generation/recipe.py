"""Every parameter that makes a dataset, fixed when it is created so that topping it up later makes more of the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.llm.models import Endpoint
from conflictscope.llm.prompts import PromptLibrary
from conflictscope.scenarios.datasets import checked_slug
from conflictscope.scenarios.dedup.settings import DEFAULT_THRESHOLD, EarlierSettings, Scope, Threshold
from conflictscope.scenarios.models import Dataset, Scenario, ValueSetVersion
from conflictscope.scenarios.text_files import storable

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from conflictscope.studies.models import Study

PROMPTS = PromptLibrary("conflictscope.scenarios")
OUTLINE = "generation/outline"
DRAFT = "generation/draft"

DEFAULT_CONTEXT = "A general-purpose assistant that anyone can chat with, for any purpose, without special tools."


class UsedPrompt(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    digest: str


class Recipe(BaseModel):
    """What a generated dataset was asked to become. Value set and generator stand beside it, as foreign keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_pair: Annotated[int, Field(ge=1, le=10_000)]
    threshold: Threshold = DEFAULT_THRESHOLD
    scope: Scope = Scope.PAIR
    dedup_before: tuple[
        EarlierSettings, ...
    ] = ()  # what duplicates were found by before the threshold or scope was changed
    deployment_contexts: Annotated[tuple[str, ...], Field(min_length=1)] = (DEFAULT_CONTEXT,)
    batch_size: Annotated[int, Field(ge=1, le=50)] = 8
    rounds: Annotated[int, Field(ge=1, le=20)] = 4  # how often one job asks again for what is missing
    embedding_model: str
    prompts: dict[str, UsedPrompt]

    def version_of(self, prompt: str) -> int:
        return self.prompts[prompt].version


def template_prompt(template: str) -> str:
    """The prompt file that says, in plain words, what the template asks for."""
    return f"generation/{template}"


def was_generated_here(dataset: Dataset) -> bool:
    """Whether there is a recipe by which more of the same can be made."""
    return dataset.variant == Dataset.Variant.FULL and "per_pair" in dataset.recipe


def recipe_of(dataset: Dataset) -> Recipe:
    """
    Raises:
        Conflict: the dataset was not generated here, so there is nothing to go on from.
    """
    if not was_generated_here(dataset):
        raise Conflict(f"Dataset {dataset.slug!r} was not generated here, so it cannot be topped up.")
    return Recipe.model_validate(dataset.recipe)


def open_dataset(
    study: Study,
    slug: str,
    *,
    name: str = "",
    value_set: ValueSetVersion | None = None,
    generator: Endpoint | None = None,
    per_pair: int | None = None,
    threshold: float | None = None,
    deployment_contexts: Sequence[str] = (),
    created_by: User | None = None,
) -> Dataset:
    """The study's dataset of that slug, created if there is none, ready to be generated or topped up.

    A new dataset needs value set, generator and number per pair. An existing one may be given more per pair; whatever else
    is said must be what it was made with.

    Raises:
        InvalidInput: something is missing, or out of range.
        Conflict: the dataset was made in another way.
    """
    dataset = study.datasets.filter(slug=slug).first()
    if dataset is None:
        if value_set is None or generator is None or per_pair is None:
            raise InvalidInput(
                f"Study {study.slug!r} has no dataset {slug!r} yet: say value set, generator and number per pair to make it."
            )
        recipe = _checked(
            per_pair=per_pair,
            threshold=DEFAULT_THRESHOLD if threshold is None else threshold,
            deployment_contexts=_contexts(deployment_contexts) or (DEFAULT_CONTEXT,),
            embedding_model=settings.EMBEDDING_MODEL,
            prompts=_newest_prompts(),
        )
        return _create(
            study, slug, name=name, value_set=value_set, generator=generator, recipe=recipe, created_by=created_by
        )
    _refuse_other_inputs(
        dataset,
        value_set=value_set,
        generator=generator,
        threshold=threshold,
        deployment_contexts=_contexts(deployment_contexts),
    )
    recipe = recipe_of(dataset)
    if per_pair is not None and per_pair > recipe.per_pair:
        recipe = _checked(**recipe.model_dump() | {"per_pair": per_pair})
        dataset.recipe = recipe.model_dump(mode="json")
        dataset.save(update_fields=["recipe"])
    return dataset


def _create(
    study: Study,
    slug: str,
    *,
    name: str,
    value_set: ValueSetVersion,
    generator: Endpoint,
    recipe: Recipe,
    created_by: User | None,
) -> Dataset:
    checked_slug(slug)
    try:
        with transaction.atomic():
            return Dataset.objects.create(
                study=study,
                slug=slug,
                name=storable(name.strip(), where="The name")[:200] or slug,
                value_set_version=value_set,
                generator=generator,
                variant=Dataset.Variant.FULL,
                recipe=recipe.model_dump(mode="json"),
                created_by=created_by,
            )
    except IntegrityError as exc:
        raise Conflict(f"Somebody has just made a dataset {slug!r} in this study: look at it first.") from exc


def _refuse_other_inputs(
    dataset: Dataset,
    *,
    value_set: ValueSetVersion | None,
    generator: Endpoint | None,
    threshold: float | None,
    deployment_contexts: tuple[str, ...],
) -> None:
    recipe = recipe_of(dataset)
    for what, said, made_with in (
        ("value set", value_set, dataset.value_set_version),
        ("generator", generator, dataset.generator),
        ("threshold", threshold, recipe.threshold),
        ("deployment contexts", deployment_contexts or None, recipe.deployment_contexts),
    ):
        if said is not None and said != made_with:
            raise Conflict(
                f"Dataset {dataset.slug!r} was made with {what} {made_with}, not {said}: leave it out to top the dataset up, "
                "or name a new dataset."
            )


def _checked(**parameters: Any) -> Recipe:
    try:
        return Recipe(**parameters)
    except ValidationError as exc:
        first = exc.errors()[0]
        field = " ".join(str(part) for part in first["loc"]).replace("_", " ")
        raise InvalidInput(f"{field}: {first['msg']}, not {first['input']!r}.") from exc


def _contexts(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(storable(text.strip(), where="A deployment context") for text in texts if text.strip())


def _newest_prompts() -> dict[str, UsedPrompt]:
    names = [OUTLINE, DRAFT, *(template_prompt(template) for template in Scenario.Template.values)]
    files = {name: PROMPTS.file(name) for name in names}
    return {name: UsedPrompt(version=file.version, digest=file.digest) for name, file in files.items()}
