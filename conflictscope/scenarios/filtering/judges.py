"""Configured judges: found by name, or made from an endpoint with the prompts of the day."""

from __future__ import annotations

from string import Template

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.text import slugify

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.files.texts import storable
from conflictscope.llm.models import Endpoint
from conflictscope.llm.prompts import PromptFile, PromptLibrary
from conflictscope.scenarios.models import Dataset, Judge
from conflictscope.studies.endpoints import endpoints_of
from conflictscope.studies.models import Study

FILTER_PROMPTS = PromptLibrary("conflictscope.scenarios")
FILTER_STEP = "filtering/"
MOST_CHARACTERS = 20_000


def judge_named(name: str, *, endpoint: Endpoint | None = None) -> Judge:
    """The judge of that name; if there is none, a new one over the endpoint given, or else over the endpoint of that name.

    A new judge is bound to the newest filter prompts, so that a prompt that is bettered later makes no old verdict look new.

    Raises:
        NotFound: there is none and no endpoint to make one from; the sentence lists those there are.
        Conflict: it asks another endpoint, or was imported and cannot be asked.
        InvalidInput: the name is no slug.
    """
    judge = Judge.objects.select_related("endpoint").filter(name=name).first()
    if judge is None:
        endpoint = endpoint or Endpoint.objects.filter(name=name).first()
        if endpoint is None:
            known = ", ".join(Judge.objects.values_list("name", flat=True)[:20]) or "none yet"
            raise NotFound(f"There is no judge {name!r}. Judges: {known}. Name an endpoint to make this one.")
        return _create(name, endpoint)
    asked = endpoint_of_judge(judge)
    if endpoint is not None and judge.endpoint_id != endpoint.pk:
        raise Conflict(
            f"Judge {name!r} asks endpoint {asked.name!r}, not {endpoint.name!r}: its verdicts would not be "
            "comparable. Name a new judge."
        )
    return judge


def endpoint_of_judge(judge: Judge) -> Endpoint:
    """
    Raises:
        Conflict: the judge was imported, so there is nobody to ask.
    """
    if judge.endpoint is None:
        raise Conflict(f"Judge {judge.name!r} was imported with its verdicts: nobody can ask it. Name another.")
    return judge.endpoint


def judges_for(study: Study) -> QuerySet[Judge]:
    """The judges that the study may ask: those over its endpoints."""
    return Judge.objects.select_related("endpoint").filter(endpoint__in=endpoints_of(study))


def prompt_of(judge: Judge, name: str) -> PromptFile:
    """The words that the judge is asked with: its own, else those of the shipped file that it is bound to.

    Raises:
        PromptNotFound: this release has no such file.
    """
    version = judge.prompt_versions.get(name)
    if name in judge.wordings:
        return PromptFile.worded(
            judge.wordings[name], package=FILTER_PROMPTS.package, name=f"{judge.name}:{name}", version=version or 1
        )
    return FILTER_PROMPTS.file(name, version=version)


def reworded(judge: Judge, name: str, text: str, *, called: str, now: PromptFile | None = None) -> Judge:
    """A further judge that asks the same endpoint the same way, but for the words of one prompt: a judge itself never changes.

    Args: now: the prompt as the judge is asked with it, of another room than the filter.
    Raises:
        InvalidInput: words without a placeholder that the prompt needs, or with another; too long; the same as they are; a name
            that is no slug.
        Conflict: a judge of that name is there, or this one was imported and cannot be asked.
    """
    endpoint_of_judge(judge)
    now = now or prompt_of(judge, name)
    text = storable(text.replace("\r\n", "\n"), where="the prompt").strip() + "\n"
    if len(text) > MOST_CHARACTERS:
        raise InvalidInput(f"A prompt has at most {MOST_CHARACTERS:,} characters, not {len(text):,}.")
    if text.strip() == now.text.strip():
        raise InvalidInput("These are the words that the judge is asked with already: change them first.")
    wanted = now.placeholders
    reworded_prompt = PromptFile.worded(text, package="", name=name, version=1)
    if not Template(text).is_valid() or reworded_prompt.placeholders != wanted:
        raise InvalidInput(
            f"The prompt must hold each of {', '.join(f'${each}' for each in sorted(wanted))}, and no other word after a $ "
            "(a dollar sign is written $$)."
        )
    if not called or slugify(called) != called or len(called) > 50:
        raise InvalidInput(f"{called!r} cannot name a judge: use at most 50 small letters, digits and hyphens.")
    try:
        with transaction.atomic():
            return Judge.objects.create(
                name=called,
                endpoint=judge.endpoint,
                prompt_versions=judge.prompt_versions | {name: now.version + 1},
                parameters=judge.parameters,
                wordings=judge.wordings | {name: text},
                revises=judge,
            )
    except IntegrityError as exc:
        raise Conflict(f"There is a judge {called!r} already: choose another name.") from exc


def imported_judge(dataset: Dataset, *, simulated: bool) -> Judge:
    """The judge whose verdicts came with the files of an imported dataset: one for each dataset, and nobody can ask it.

    It decides the statuses of a dataset that has no primary judge yet.
    """
    judge, _ = Judge.objects.get_or_create(
        name=f"imported-{dataset.slug[:30]}-{dataset.pk}", defaults={"simulated_elsewhere": simulated}
    )
    if dataset.primary_judge_id is None:
        Dataset.everything.filter(pk=dataset.pk, primary_judge__isnull=True).update(primary_judge=judge)
        dataset.primary_judge = judge
    return judge


def _create(name: str, endpoint: Endpoint) -> Judge:
    if not name or slugify(name) != name or len(name) > 50:
        raise InvalidInput(f"{name!r} cannot name a judge: use at most 50 small letters, digits and hyphens.")
    versions: dict[str, int] = {}
    for file in FILTER_PROMPTS.files():
        if file.name.startswith(FILTER_STEP):
            versions[file.name] = max(file.version, versions.get(file.name, 0))
    try:
        with transaction.atomic():
            return Judge.objects.create(name=name, endpoint=endpoint, prompt_versions=versions)
    except IntegrityError as exc:
        raise Conflict(f"Somebody has just made a judge {name!r}: look at it first.") from exc
