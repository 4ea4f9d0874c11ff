"""Steerings of a study: made once, chosen by name, and never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.files.texts import unstorable
from conflictscope.llm.types import Prompt
from conflictscope.studies.models import Study
from conflictscope.values.models import TargetRanking, Value, ValueSetVersion
from conflictscope.values.orders import said_order, write_order
from evaluation.models import Steering
from evaluation.steering.prompts import ranking_prompt

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LONGEST_PROMPT = 50_000
LONGEST_NAME = 100


def steering_named(study: Study, name: str) -> Steering:
    """
    Raises:
        NotFound: naming those that the study has.
    """
    steerings = Steering.objects.filter(study=study)
    steering = steerings.select_related("target_ranking").filter(name=name).first()
    if steering is None:
        known = ", ".join(steerings.values_list("name", flat=True)) or "none; make one by create_steering"
        raise NotFound(f"Study {study.slug!r} has no steering {name!r}; it has: {known}.")
    return steering


def steer_by_order(
    study: Study,
    version: ValueSetVersion,
    ranks: Mapping[Value, int],
    *,
    name: str,
    system_prompt: str = "",
    created_by: User | None = None,
) -> Steering:
    """A steering by an order of the study's own: the order is kept as a target ranking of that name, both or neither.

    Raises:
        InvalidInput, Conflict: see `create_steering` and `write_order`.
    """
    with transaction.atomic():
        ranking = write_order(version, ranks, name=_checked_name(name), study=study)
        return create_steering(
            study, name=name, target_ranking=ranking, system_prompt=system_prompt, created_by=created_by
        )


def create_steering(
    study: Study,
    *,
    name: str,
    target_ranking: TargetRanking | None = None,
    system_prompt: str = "",
    created_by: User | None = None,
) -> Steering:
    """A steering by the prompt that its target ranking becomes, or by a text of its own, which may stand for an order too.

    The same one again is found.

    Raises:
        InvalidInput: neither a ranking nor a text; a name or a text that is too long; an order that says nothing.
        NotFound: the ranking is another study's.
        Conflict: the study has another steering of that name.
    """
    name = _checked_name(name)
    text, template = system_prompt.strip(), ""
    if target_ranking is not None and target_ranking.study_id not in (None, study.pk):
        raise NotFound(f"Study {study.slug!r} has no target ranking {target_ranking.name!r}.")
    if not text:
        if target_ranking is None:
            raise InvalidInput("A steering prompt needs a target ranking, a text of its own, or both.")
        prompt = written_by(target_ranking)
        text, template = prompt.text, f"{prompt.name}.v{prompt.version}"
    _check_text(text)
    fields = {"system_prompt": text, "target_ranking": target_ranking, "template": template}
    try:
        with transaction.atomic():
            steering, created = Steering.objects.get_or_create(
                study=study, name=name, defaults={**fields, "created_by": created_by}
            )
    except IntegrityError as exc:  # two at once, and the other came first
        raise Conflict(f"The study has a steering {name!r} since a moment ago: choose another name.") from exc
    if not created and any(getattr(steering, field) != value for field, value in fields.items()):
        raise Conflict(
            f"The study has a steering {name!r} already, with another prompt. Runs say which prompt they sent, so it never "
            "changes: choose another name."
        )
    return steering


def written_by(ranking: TargetRanking) -> Prompt:
    """The system prompt that a target ranking becomes.

    Raises:
        InvalidInput: the ranking says nothing: it has fewer than two values, or all on one rank.
    """
    return prompt_of(said_order(ranking), name=ranking.name)


def prompt_of(tiers: Sequence[Sequence[Value]], *, name: str) -> Prompt:
    """The system prompt that an order becomes, which need not be kept yet; `name` is for the complaint.

    Raises:
        InvalidInput: as `written_by`.
    """
    if len(tiers) < 2:
        raise InvalidInput(f"The order {name!r} puts no value above another, so it steers nowhere.")
    return ranking_prompt(tiers)


def delete_steering(steering: Steering) -> None:
    """
    Raises:
        Conflict: runs were steered by it.
    """
    if (runs := steering.runs.count()) > 0:
        raise Conflict(f"{runs} run{'s were' if runs > 1 else ' was'} steered by {steering.name!r}, so it stays.")
    steering.delete()


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise InvalidInput(f"A steering needs a name, of {LONGEST_NAME} characters at the most.")
    return name


def _check_text(text: str) -> None:
    if len(text) > LONGEST_PROMPT:
        raise InvalidInput(f"A system prompt has {LONGEST_PROMPT:,} characters at the most, not {len(text):,}.")
    if problem := unstorable(text):
        raise InvalidInput(f"The system prompt cannot be stored: {problem}")
