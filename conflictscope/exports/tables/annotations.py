"""What every single person answered."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from annotation.models import Annotation, Assignment
from conflictscope.exports.tables.base import CHUNK, Column, ColumnKind, Selection, Table, simulated, uid

_T, _B, _I, _N = ColumnKind.TEXT, ColumnKind.BOOLEAN, ColumnKind.INTEGER, ColumnKind.NUMBER


def _annotations(selection: Selection) -> Iterator[Annotation]:
    chosen = Q(assignment__item__scenario__in=selection.scenarios) | Q(
        assignment__item__response__scenario__in=selection.scenarios
    )
    annotations = (
        Annotation.objects.filter(chosen, assignment__state=Assignment.State.SUBMITTED)
        .select_related(
            "assignment__item__campaign",
            "assignment__item__scenario",
            "assignment__item__response__scenario",
            "assignment__participant",
            "assignment__guideline",
        )
        .defer("assignment__item__scenario__embedding", "assignment__item__response__scenario__embedding")
        .order_by("assignment__item_id", "assignment_id", "pk")
    )
    return annotations.iterator(chunk_size=CHUNK)


ANNOTATIONS: Table[Annotation] = Table(
    "annotations",
    "Every single answer of every person, under a pseudonym: disagreement is data.",
    (
        uid(lambda annotation: annotation.assignment.item.subject.uid),
        Column(
            "response",
            _I,
            "The response labelled, where it was not the scenario itself.",
            lambda annotation: annotation.assignment.item.response_id,
        ),
        Column(
            "campaign",
            _T,
            "The campaign that asked.",
            lambda annotation: annotation.assignment.item.campaign.slug,
        ),
        Column(
            "annotator",
            _T,
            "Pseudonym, the same throughout its campaign.",
            lambda annotation: annotation.assignment.participant.pseudonym,
        ),
        Column(
            "question",
            _T,
            "What was asked; two questions make up feasibility and value guidance.",
            lambda annotation: annotation.question,
        ),
        Column(
            "answer",
            _T,
            "yes, no, action_1, action_2, both or neither, or on a scale 1 (action_1) to 7 (action_2): in the scenario's "
            "order, not the order shown.",
            lambda annotation: annotation.answer,
        ),
        Column(
            "also",
            _T,
            "Another answer that they find defensible, too; none: they were asked for one, and see no other.",
            lambda annotation: annotation.also,
        ),
        Column("comment", _T, "What the annotator added.", lambda annotation: annotation.comment),
        Column(
            "action_order",
            _T,
            "Which action was shown as A.",
            lambda annotation: annotation.assignment.action_order,
        ),
        Column(
            "guideline",
            _I,
            "Version of the guideline that was followed.",
            lambda annotation: annotation.assignment.guideline.version if annotation.assignment.guideline else None,
        ),
        Column(
            "active_seconds",
            _I,
            "Time spent on the item, all its questions together.",
            lambda annotation: annotation.assignment.active_seconds,
        ),
        Column("submitted_at", ColumnKind.TIME, "When.", lambda annotation: annotation.assignment.submitted_at),
        Column(
            "inclusion_probability",
            _N,
            "How likely the item was to be sampled; weight by its inverse.",
            lambda annotation: annotation.assignment.item.inclusion_probability,
        ),
        Column(
            "stratum",
            _T,
            "The stratum it was drawn from.",
            lambda annotation: annotation.assignment.item.stratum,
        ),
        Column(
            "part",
            _T,
            "Of a campaign that is split: dev (judges may have been tuned on it) or test (sealed until it was opened for a judge).",
            lambda annotation: annotation.assignment.item.part,
        ),
        Column(
            "is_training",
            _B,
            "A training item: leave it out of estimates.",
            lambda annotation: annotation.assignment.item.is_training,
        ),
        Column(
            "surplus",
            _B,
            "Submitted after its slot had gone to somebody else: kept, not counted in the study.",
            lambda annotation: annotation.assignment.surplus,
        ),
        Column(
            "excluded",
            _B,
            "The annotator was excluded from the study's estimates.",
            lambda annotation: annotation.assignment.participant.excluded,
        ),
        simulated(lambda annotation: annotation.assignment.participant.simulated),
    ),
    _annotations,
)
