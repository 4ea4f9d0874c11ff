"""Target LLMs by the names that commands and pages give them."""

from __future__ import annotations

from conflictscope.errors import Conflict, NotFound
from conflictscope.llm.endpoints import endpoint_named
from conflictscope.llm.models import Endpoint
from conflictscope.studies.endpoints import endpoints_of
from conflictscope.studies.models import Study
from evaluation.models import Target


def target_for(spec: str) -> Target:
    """The target that `label` or `label=endpoint` names; made if it is new, over the endpoint named (or called like it).

    Raises:
        NotFound: there is no such endpoint; the sentence names those that exist.
        Conflict: the label belongs to a target over another endpoint.
    """
    label, _, endpoint_name = (part.strip() for part in spec.partition("="))
    if not label:
        raise NotFound(f"{spec!r} names no target: write a label, or label=endpoint.")
    target = Target.objects.select_related("endpoint").filter(label=label).first()
    if target is None:
        endpoint = endpoint_named(endpoint_name or label)
        target, _ = Target.objects.select_related("endpoint").get_or_create(
            label=label, defaults={"endpoint": endpoint}
        )
    if target.endpoint is None:
        raise Conflict(f"Target {label!r} was imported with its answers: nobody can ask it. Choose another label.")
    if endpoint_name and target.endpoint.name != endpoint_name:
        raise Conflict(
            f"Target {label!r} is the endpoint {target.endpoint.name!r}, not {endpoint_name!r}: choose another label for it."
        )
    return target


def endpoint_of_target(target: Target) -> Endpoint:
    """
    Raises:
        Conflict: the target was imported, so there is nobody to ask.
    """
    if target.endpoint is None:
        raise Conflict(f"Target {target.label!r} was imported with its answers: nobody can ask it. Name another.")
    return target.endpoint


def labels_to_choose(study: Study) -> list[str]:
    """What a study may put up for evaluation: the targets over its endpoints, and those of its endpoints that are no target yet."""
    theirs = endpoints_of(study)
    targets = list(Target.objects.filter(endpoint__in=theirs).order_by("label").values_list("label", "endpoint__name"))
    covered = {name for target in targets for name in target} | set(Target.objects.values_list("label", flat=True))
    free = theirs.exclude(name__in=covered).values_list("name", flat=True)
    return [label for label, _ in targets] + list(free)
