"""A campaign's labels as lines of JSON: one for each item and person, in the order in which items are served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from annotation.models import Assignment, Campaign, Item
from conflictscope.errors import InvalidInput

CHUNK = 500
ALL = "all"


def label_lines(campaign: Campaign, *, state: str = Assignment.State.SUBMITTED) -> Iterator[bytes]:
    """The lines, read from the database as they are asked for: memory stays flat however many there are.

    Raises:
        InvalidInput: a state that no assignment has.
    """
    if state not in {*Assignment.State.values, ALL}:
        raise InvalidInput(f"The state must be one of: {', '.join(Assignment.State.values)}, {ALL}.")
    rows = Assignment.objects.filter(item__campaign=campaign).exclude(item__use=Item.Use.CHECK)
    if state != ALL:
        rows = rows.filter(state=state)
    rows = (
        rows.select_related("participant", "guideline", "item__scenario", "item__response__scenario")
        .defer("item__scenario__embedding", "item__response__scenario__embedding")
        .prefetch_related("annotations", "revisions", "flags")
        .order_by("item__priority", "item__shuffle_key", "item_id", "pk")
    )
    encode = DjangoJSONEncoder(ensure_ascii=False).encode
    return ((encode(_line(row, campaign)) + "\n").encode() for row in rows.iterator(chunk_size=CHUNK))


def _line(row: Assignment, campaign: Campaign) -> dict[str, Any]:
    item, who = row.item, row.participant
    annotations = sorted(row.annotations.all(), key=lambda each: each.pk)
    return {
        "campaign": campaign.slug,
        "kind": campaign.kind,
        "scenario": item.subject.uid,
        "response": item.response_id,
        "stratum": item.stratum,
        "inclusion_probability": item.inclusion_probability,
        "is_training": item.is_training,
        "use": item.use,
        "annotator": who.pseudonym,
        "simulated": who.simulated,
        "excluded": who.excluded,
        "state": row.state,
        "surplus": row.surplus,
        "skip_reason": row.skip_reason,
        "action_order": row.action_order,
        "guideline": row.guideline.version if row.guideline else None,
        "active_seconds": row.active_seconds,
        "leased_at": row.leased_at,
        "submitted_at": row.submitted_at,
        "answers": {each.question: each.answer for each in annotations if each.answer},
        "comments": {each.question: each.comment for each in annotations if each.comment},
        "also": {each.question: each.also for each in annotations if each.also},
        "revisions": [
            {
                "replaced_at": each.replaced_at,
                "answers": {key: said[0] for key, said in each.answers.items() if said[0]},
                "also": {key: said[2] for key, said in each.answers.items() if len(said) > 2},
            }
            for each in row.revisions.all()
        ],
        "flags": [each.reason for each in row.flags.all()],
    }
