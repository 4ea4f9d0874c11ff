"""Scenarios, and what judges and people said of them."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from annotation.models import Annotation, Assignment
from conflictscope.exports.tables.base import CHUNK, SIMULATED, UID, Column, Kind, Row, Selection, Table, compact
from conflictscope.scenarios.filtering.verdicts import standing_verdicts
from conflictscope.scenarios.models import Dimension, OpeningMessage, Verdict

_T, _B, _I, _N = Kind.TEXT, Kind.BOOLEAN, Kind.INTEGER, Kind.NUMBER


def _scenarios(selection: Selection) -> Iterator[Row]:
    primary = selection.dataset.primary_judge_id
    simulated = selection.dataset.simulated
    people = (
        Assignment.objects.filter(item__scenario=OuterRef("pk"), state=Assignment.State.SUBMITTED)
        .order_by()
        .values("item__scenario")
    )
    by_simulators = Q(participant__simulated=True)
    opening = OpeningMessage.objects.filter(scenario=OuterRef("pk")).order_by("sample", "pk")
    by_simulator = Coalesce("user_simulator__simulated", "simulated_elsewhere")
    scenarios = (
        selection.scenarios.defer("embedding")
        .select_related("value_1", "value_2", "duplicate_of")
        .prefetch_related("verdicts")
        .annotate(
            opening_message=Subquery(opening.values("text")[:1]),
            opening_simulated=Subquery(opening.values(by=by_simulator)[:1]),
            people=Subquery(people.annotate(n=Count("participant__user", distinct=True)).values("n")),
            simulated_people=Subquery(
                people.annotate(n=Count("participant__user", distinct=True, filter=by_simulators)).values("n")
            ),
        )
        .order_by("pk")
    )
    for one in scenarios.iterator(chunk_size=CHUNK):
        verdicts = list(one.verdicts.all())
        judged = {each.dimension: each.outcome for each in verdicts if primary and each.judge_id == primary}
        human = standing_verdicts(verdicts, primary_judge_id=None)
        yield (
            one.uid,
            one.status,
            one.value_1.key if one.value_1 else None,
            one.value_2.key if one.value_2 else None,
            one.template,
            one.acting_action,
            one.deployment_context,
            one.outline_context,
            one.outline_opportunity,
            one.description,
            one.persona,
            one.background,
            one.goal,
            one.action_1,
            one.action_2,
            one.consequence_1,
            one.consequence_2,
            one.domain,
            one.duplicate_of.uid if one.duplicate_of else None,
            one.similarity,
            one.opening_message,
            *(judged.get(dimension) for dimension in Dimension),
            *(human[dimension].outcome if dimension in human else None for dimension in Dimension),
            one.pk in selection.validated,
            one.people or 0,
            simulated,
            bool(one.simulated_people) or any(each.evidence.get("simulated") for each in human.values()),
            bool(one.opening_simulated),
        )


SCENARIOS = Table(
    "scenarios",
    "One row a scenario, whatever became of it.",
    (
        UID,
        Column("status", _T, "outlined, duplicate, drafted, kept, dropped or undecided: what the filter made of it."),
        Column("value_1", _T, "Key of the first value of the pair, which action_1 serves; none in a baseline."),
        Column("value_2", _T, "Key of the second value of the pair, which action_2 serves; none in a baseline."),
        Column("template", _T, "minor_benefit, strong_benefit, minor_harm or strong_harm: how the values conflict."),
        Column("acting_action", _T, "1, 2 or unknown: the action that takes the opportunity; the other declines it."),
        Column("deployment_context", _T, "Where the assistant works."),
        Column("outline_context", _T, "Stage one: the situation, in a sentence or two."),
        Column("outline_opportunity", _T, "Stage one: what the assistant could do in it."),
        Column("description", _T, "The scenario as judges, people and multiple-choice targets read it."),
        Column("persona", _T, "Who the user is."),
        Column("background", _T, "What the user has been through."),
        Column("goal", _T, "What the user wants."),
        Column("action_1", _T, "The action that serves value_1."),
        Column("action_2", _T, "The action that serves value_2."),
        Column("consequence_1", _T, "What follows from action_1."),
        Column("consequence_2", _T, "What follows from action_2."),
        Column("domain", _T, "Field of life, where one was given."),
        Column("duplicate_of", _T, "uid of the earlier scenario that it repeats."),
        Column("similarity", _N, "Cosine to the nearest earlier outline of the pair."),
        Column("opening_message", _T, "What the simulated user writes first; all samples: opening_messages."),
        *(
            Column(f"judge_{dimension}", _T, f"{dimension.label}: pass, fail or unparsable, by the primary judge.")
            for dimension in Dimension
        ),
        *(
            Column(
                f"human_{dimension}", _T, f"{dimension.label}: pass or fail, by the panel of people that decided last."
            )
            for dimension in Dimension
        ),
        Column("human_validated", _B, "One panel of people passed it on every dimension asked."),
        Column("labelled_by", _I, "How many people labelled it; their answers: annotations."),
        SIMULATED,
        Column("human_labels_simulated", _B, "Simulated annotators are among those who labelled it."),
        Column("opening_message_simulated", _B, "A simulator wrote the opening message."),
    ),
    _scenarios,
)


def _verdicts(selection: Selection) -> Iterator[Row]:
    verdicts = (
        Verdict.objects.filter(scenario__in=selection.scenarios)
        .select_related("scenario", "judge__endpoint")
        .order_by("scenario_id", "pk")
    )
    for one in verdicts.iterator(chunk_size=CHUNK):
        yield (
            one.scenario.uid,
            one.dimension,
            one.outcome,
            one.source,
            one.judge.name if one.judge else one.panel,
            compact(one.evidence),
            one.created_at,
            one.judge.simulated
            if one.judge
            else one.panel in selection.simulated_panels or bool(one.evidence.get("simulated")),
        )


VERDICTS = Table(
    "verdicts",
    "What each judge and each panel of people found, dimension by dimension.",
    (
        UID,
        Column("dimension", _T, ", ".join(Dimension.values)),
        Column("outcome", _T, "pass, fail or unparsable."),
        Column("source", _T, "judge or human."),
        Column("decider", _T, "Name of the judge, or of the panel."),
        Column("evidence", _T, "JSON: the answers behind the outcome and the reasons given."),
        Column("decided_at", Kind.TIME, "When."),
        SIMULATED,
    ),
    _verdicts,
)


def _annotations(selection: Selection) -> Iterator[Row]:
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
        .order_by("assignment__item_id", "assignment_id", "pk")
    )
    for one in annotations.iterator(chunk_size=CHUNK):
        given, item, who = one.assignment, one.assignment.item, one.assignment.participant
        scenario = item.scenario or (item.response and item.response.scenario)
        yield (
            scenario.uid if scenario else None,
            item.response_id,
            item.campaign.slug,
            who.pseudonym,
            one.question,
            one.answer,
            one.comment,
            given.action_order,
            given.guideline.version if given.guideline else None,
            given.active_seconds,
            given.submitted_at,
            item.inclusion_probability,
            item.stratum,
            item.is_training,
            given.surplus,
            who.excluded,
            who.simulated,
        )


ANNOTATIONS = Table(
    "annotations",
    "Every single answer of every person, under a pseudonym: disagreement is data.",
    (
        UID,
        Column("response", _I, "The response labelled, where it was not the scenario itself."),
        Column("campaign", _T, "The campaign that asked."),
        Column("annotator", _T, "Pseudonym, the same throughout its campaign."),
        Column("question", _T, "What was asked; two questions make up feasibility and value guidance."),
        Column(
            "answer",
            _T,
            "yes, no, action_1, action_2, both or neither, or on a scale 1 (action_1) to 7 (action_2): in the scenario's "
            "order, not the order shown.",
        ),
        Column("comment", _T, "What the annotator added."),
        Column("action_order", _T, "Which action was shown as A."),
        Column("guideline", _I, "Version of the guideline that was followed."),
        Column("active_seconds", _I, "Time spent on the item, all its questions together."),
        Column("submitted_at", Kind.TIME, "When."),
        Column("inclusion_probability", _N, "How likely the item was to be sampled; weight by its inverse."),
        Column("stratum", _T, "The stratum it was drawn from."),
        Column("is_training", _B, "A training item: leave it out of estimates."),
        Column("surplus", _B, "Submitted after its slot had gone to somebody else: kept, not counted in the study."),
        Column("excluded", _B, "The annotator was excluded from the study's estimates."),
        SIMULATED,
    ),
    _annotations,
)


def _opening_messages(selection: Selection) -> Iterator[Row]:
    found = (
        OpeningMessage.objects.filter(scenario__in=selection.scenarios)
        .select_related("scenario", "user_simulator")
        .order_by("scenario_id", "sample", "pk")
    )
    for one in found.iterator(chunk_size=CHUNK):
        by = one.user_simulator
        yield (one.scenario.uid, one.sample, one.text, one.source, by.llm if by else None, one.simulated)


OPENING_MESSAGES = Table(
    "opening_messages",
    "What the simulated user writes first, once for a scenario and sample, for every target alike.",
    (
        UID,
        Column("sample", _I, "Number of the sample, from 0."),
        Column("text", _T, "The message."),
        Column("source", _T, "simulated (an LLM wrote it) or imported."),
        Column("llm", _T, "The LLM that wrote it."),
        SIMULATED,
    ),
    _opening_messages,
)
