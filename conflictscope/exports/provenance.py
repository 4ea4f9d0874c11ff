"""Which prompts made what an export holds, and which language models answered them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db.models import Count

from conflictscope.exports.tables import Selection
from conflictscope.llm.models import Call

# From a call to the scenarios that its answer says something of.
_TO_SCENARIOS = (
    "scenarios",
    "verdicts__scenario",
    "opening_messages__scenario",
    "responses__scenario",
    "ratings__scenario",
    "judgements__response__scenario",
)
_KEY = ("purpose", "prompt_name", "prompt_version", "prompt_digest", "endpoint__llm", "resolved_llm", "simulated")


def prompts_behind(selection: Selection) -> list[dict[str, Any]]:
    """One entry for each prompt, its version and the LLM that answered it, with the number of calls, in a fixed order.

    What was imported has no calls, so it is not here. `answered_by` is what the provider called the LLM in its replies.
    """
    calls: Counter[tuple[Any, ...]] = Counter()
    for path in _TO_SCENARIOS:
        rows = (
            Call.objects.filter(**{f"{path}__in": selection.scenarios})
            .order_by()
            .values_list(*_KEY)
            .annotate(Count("pk", distinct=True))
        )
        for *key, number in rows:
            calls[tuple(key)] += number
    return [
        {
            "purpose": purpose,
            "prompt": prompt,
            "version": version,
            "digest": digest,
            "llm": llm,
            "answered_by": answered_by,
            "simulated": simulated,
            "calls": number,
        }
        for (purpose, prompt, version, digest, llm, answered_by, simulated), number in sorted(calls.items())
    ]
