"""Which prompts made what an export holds, which language models answered them, and which labels were kept sealed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db.models import Count

from annotation.models import Campaign
from conflictscope.exports.tables import Selection
from conflictscope.llm.models import Call
from conflictscope.scenarios.models import Dataset

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


def sealed_tests_of(dataset: Dataset) -> list[dict[str, Any]]:
    """The campaigns that set labels aside for tuning judges, and for which judges the rest was opened: who reads a figure of such a
    judge must know how often its test was looked at."""
    split = Campaign.objects.filter(dataset=dataset, dev_share__gt=0).order_by("slug")
    return [
        {
            "campaign": campaign.slug,
            "dev_share": campaign.dev_share,
            "openings": [
                {
                    "judge": each.judge.name,
                    "why": each.get_how_display(),
                    "reason": each.reason,
                    "labelled_items": each.items,
                    "opened_at": each.opened_at.isoformat(),
                }
                for each in campaign.openings.all()
            ],
        }
        for campaign in split.prefetch_related("openings__judge")
    ]
