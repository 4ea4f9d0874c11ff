"""What comes back from the generator, written down: each scenario once, numbered as it stands in the reply."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from conflictscope.scenarios.generation.recipe import recipe_of
from conflictscope.scenarios.generation.replies import DilemmasReply, DraftReply, OutlinesReply, WholesReply
from conflictscope.scenarios.generation.stock import ScenarioKind
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.values.models import Value

_OUTLINE_COLUMNS = {"context": "outline_context", "opportunity": "outline_opportunity"}


def store_batch(
    dataset: Dataset,
    payload: dict[str, Any],
    reply: OutlinesReply | WholesReply | DilemmasReply,
    *,
    call_ids: Iterable[int],
) -> str:
    """Outlines, or scenarios that are drafted already. More than were asked for are left out, fewer are noted."""
    cell, recipe = ScenarioKind.of_payload(payload), recipe_of(dataset)
    came = reply.outlines if isinstance(reply, OutlinesReply) else reply.scenarios
    status = Scenario.Status.OUTLINED if isinstance(reply, OutlinesReply) else Scenario.Status.DRAFTED
    contexts = recipe.deployment_contexts
    values = Value.objects.in_bulk([cell.value_1, cell.value_2])
    # Keys may have hyphens, so that something else must part them: no two pairs share a prefix.
    prefix = f"{values[cell.value_1].key}.{values[cell.value_2].key}.{cell.template or 'direct'}"
    written = Scenario.objects.bulk_create(
        Scenario(
            dataset=dataset,
            uid=f"{prefix}.{number:03d}",
            value_1_id=cell.value_1,
            value_2_id=cell.value_2,
            template=cell.template,
            acting_action=cell.acting,
            deployment_context=contexts[payload["deployment"]] if "deployment" in payload else "",
            status=status,
            **{_OUTLINE_COLUMNS.get(name, name): text for name, text in each.model_dump().items()},
        )
        for number, each in enumerate(came[: payload["count"]], start=payload["first"])
    )
    through = Scenario.calls.through
    through.objects.bulk_create(
        through(scenario_id=scenario.pk, call_id=call) for scenario in written for call in call_ids
    )
    asked = payload["count"]
    return "" if len(came) == asked else f"{len(came)} instead of {asked}"


def store_draft(scenario_id: int, reply: DraftReply, *, call_ids: Iterable[int]) -> str:
    """The first draft of an outline counts. An outline that was found to be a duplicate meanwhile keeps its draft as one."""
    undrafted = Scenario.objects.filter(pk=scenario_id, action_1="", action_2="")
    parts = reply.model_dump()
    drafted = undrafted.filter(status=Scenario.Status.OUTLINED).update(**parts, status=Scenario.Status.DRAFTED)
    if not drafted and not undrafted.filter(status=Scenario.Status.DUPLICATE).update(**parts):
        return "drafted before"
    Scenario(pk=scenario_id).calls.add(*call_ids)
    return ""
