"""Configured judges: found by name, or made from an endpoint with the prompts of the day."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.llm.models import Endpoint
from conflictscope.llm.prompts import PromptLibrary
from conflictscope.scenarios.models import Judge

FILTER_PROMPTS = PromptLibrary("conflictscope.scenarios")
FILTER_STEP = "filtering/"


def judge_named(name: str, *, endpoint: Endpoint | None = None) -> Judge:
    """The judge of that name; if there is none, a new one over the endpoint given, or else over the endpoint of that name.

    A new judge is bound to the newest filter prompts, so that a prompt that is bettered later makes no old verdict look new.

    Raises:
        NotFound: there is none and no endpoint to make one from; the sentence lists those there are.
        Conflict: it asks another endpoint.
        InvalidInput: the name is no slug.
    """
    judge = Judge.objects.select_related("endpoint").filter(name=name).first()
    if judge is None:
        endpoint = endpoint or Endpoint.objects.filter(name=name).first()
        if endpoint is None:
            known = ", ".join(Judge.objects.values_list("name", flat=True)[:20]) or "none yet"
            raise NotFound(f"There is no judge {name!r}. Judges: {known}. Name an endpoint to make this one.")
        return _create(name, endpoint)
    if endpoint is not None and judge.endpoint_id != endpoint.pk:
        raise Conflict(
            f"Judge {name!r} asks endpoint {judge.endpoint.name!r}, not {endpoint.name!r}: its verdicts would not be "
            "comparable. Name a new judge."
        )
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
