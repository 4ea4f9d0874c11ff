"""Scenarios, and what judges and people said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce

from annotation.models import Assignment
from conflictscope.exports.tables.base import CHUNK, Column, ColumnKind, Selection, Table, compact, simulated, uid
from conflictscope.scenarios.filtering.verdicts import standing_verdicts
from conflictscope.scenarios.models import Dimension, OpeningMessage, Scenario, Verdict

_T, _B, _I, _N = ColumnKind.TEXT, ColumnKind.BOOLEAN, ColumnKind.INTEGER, ColumnKind.NUMBER


@dataclass(frozen=True, slots=True)
class JudgedScenario:
    """A scenario with what the primary judge and people found, dimension by dimension, and who labelled it.

    `labelled_by`: the people whose work counts. `people_simulated`: simulated annotators are among all who labelled it.
    """

    scenario: Scenario
    judged: Mapping[str, str]
    human: Mapping[str, Verdict]
    validated: bool
    labelled_by: int
    people_simulated: bool
    opening_message: str | None
    opening_simulated: bool
    simulated: bool


def _scenarios(selection: Selection) -> Iterator[JudgedScenario]:
    primary = selection.dataset.primary_judge_id
    simulated_dataset = selection.dataset.simulated
    of_scenario = Assignment.objects.filter(item__scenario=OuterRef("pk")).order_by()
    robots = of_scenario.filter(state=Assignment.State.SUBMITTED, participant__simulated=True)
    people = of_scenario.counted().values("item__scenario").annotate(n=Count("participant__user", distinct=True))
    opening = OpeningMessage.objects.filter(scenario=OuterRef("pk")).order_by("sample", "pk")
    by_simulator = Coalesce("user_simulator__simulated", "simulated_elsewhere")
    scenarios = (
        selection.scenarios.defer("embedding")
        .select_related("value_1", "value_2", "duplicate_of")
        .prefetch_related("verdicts")
        .annotate(
            opening_message=Subquery(opening.values("text")[:1]),
            opening_simulated=Subquery(opening.values(by=by_simulator)[:1]),
            labelled_by=Coalesce(Subquery(people.values("n")), 0),
            people_simulated=Exists(robots),
        )
        .order_by("pk")
    )
    for scenario in scenarios.iterator(chunk_size=CHUNK):
        verdicts = list(scenario.verdicts.all())
        judged = {verdict.dimension: verdict.outcome for verdict in verdicts if primary and verdict.judge_id == primary}
        human = standing_verdicts(verdicts, primary_judge_id=None)
        yield JudgedScenario(
            scenario,
            judged=judged,
            human=human,
            validated=scenario.pk in selection.validated,
            labelled_by=scenario.labelled_by,
            people_simulated=scenario.people_simulated
            or any(verdict.evidence.get("simulated") for verdict in human.values()),
            opening_message=scenario.opening_message,
            opening_simulated=bool(scenario.opening_simulated),
            simulated=simulated_dataset,
        )


def _text(field: str) -> Column[JudgedScenario]:
    """A text of a scenario: what it says is told once, where the texts are listed."""
    return Column(field, _T, Scenario.TEXTS[field].about, lambda record: getattr(record.scenario, field))


def _by_judge(dimension: Dimension) -> Column[JudgedScenario]:
    about = f"{dimension.label}: pass, fail or unparsable, by the primary judge."
    return Column(f"judge_{dimension}", _T, about, lambda record: record.judged.get(dimension))


def _by_people(dimension: Dimension) -> Column[JudgedScenario]:
    about = f"{dimension.label}: pass or fail, by the panel of people that decided last."

    def outcome(record: JudgedScenario) -> str | None:
        return record.human[dimension].outcome if dimension in record.human else None

    return Column(f"human_{dimension}", _T, about, outcome)


SCENARIOS: Table[JudgedScenario] = Table(
    "scenarios",
    "One row a scenario, whatever became of it.",
    (
        uid(lambda record: record.scenario.uid),
        Column(
            "status",
            _T,
            "outlined, duplicate, drafted, kept, dropped or undecided: what the filter made of it.",
            lambda record: record.scenario.status,
        ),
        Column(
            "value_1",
            _T,
            "Key of the first value of the pair, which action_1 serves; none in a baseline.",
            lambda record: record.scenario.value_1.key if record.scenario.value_1 else None,
        ),
        Column(
            "value_2",
            _T,
            "Key of the second value of the pair, which action_2 serves; none in a baseline.",
            lambda record: record.scenario.value_2.key if record.scenario.value_2 else None,
        ),
        Column(
            "template",
            _T,
            "minor_benefit, strong_benefit, minor_harm or strong_harm: how the values conflict.",
            lambda record: record.scenario.template,
        ),
        Column(
            "acting_action",
            _T,
            "1, 2 or unknown: the action that takes the opportunity; the other declines it.",
            lambda record: record.scenario.acting_action,
        ),
        *(_text(field) for field in Scenario.TEXTS),
        Column(
            "duplicate_of",
            _T,
            "uid of the earlier scenario that it repeats.",
            lambda record: record.scenario.duplicate_of.uid if record.scenario.duplicate_of else None,
        ),
        Column(
            "similarity",
            _N,
            "Cosine to the nearest earlier outline of the pair.",
            lambda record: record.scenario.similarity,
        ),
        Column(
            "opening_message",
            _T,
            "What the simulated user writes first; all samples: opening_messages.",
            lambda record: record.opening_message,
        ),
        *(_by_judge(dimension) for dimension in Dimension),
        *(_by_people(dimension) for dimension in Dimension),
        Column(
            "human_validated",
            _B,
            "One panel of people passed it on every dimension asked.",
            lambda record: record.validated,
        ),
        Column(
            "labelled_by",
            _I,
            "How many people labelled it, as far as their work counts; all answers: annotations.",
            lambda record: record.labelled_by,
        ),
        simulated(lambda record: record.simulated),
        Column(
            "human_labels_simulated",
            _B,
            "Simulated annotators are among those who labelled it.",
            lambda record: record.people_simulated,
        ),
        Column(
            "opening_message_simulated",
            _B,
            "A simulator wrote the opening message.",
            lambda record: record.opening_simulated,
        ),
    ),
    _scenarios,
)


@dataclass(frozen=True, slots=True)
class VerdictOfPanels:
    """A verdict, and the panels of which simulated people were."""

    verdict: Verdict
    simulated_panels: frozenset[str]

    @property
    def simulated(self) -> bool:
        verdict = self.verdict
        if verdict.judge:
            return verdict.judge.simulated
        return verdict.panel in self.simulated_panels or bool(verdict.evidence.get("simulated"))


def _verdicts(selection: Selection) -> Iterator[VerdictOfPanels]:
    verdicts = (
        Verdict.objects.filter(scenario__in=selection.scenarios)
        .select_related("scenario", "judge__endpoint")
        .defer("scenario__embedding")
        .order_by("scenario_id", "pk")
    )
    for verdict in verdicts.iterator(chunk_size=CHUNK):
        yield VerdictOfPanels(verdict, selection.simulated_panels)


VERDICTS: Table[VerdictOfPanels] = Table(
    "verdicts",
    "What each judge and each panel of people found, dimension by dimension.",
    (
        uid(lambda record: record.verdict.scenario.uid),
        Column("dimension", _T, ", ".join(Dimension.values), lambda record: record.verdict.dimension),
        Column("outcome", _T, "pass, fail or unparsable.", lambda record: record.verdict.outcome),
        Column("source", _T, "judge or human.", lambda record: record.verdict.source),
        Column(
            "decider",
            _T,
            "Name of the judge, or of the panel.",
            lambda record: record.verdict.judge.name if record.verdict.judge else record.verdict.panel,
        ),
        Column(
            "evidence",
            _T,
            "JSON: the answers behind the outcome and the reasons given.",
            lambda record: compact(record.verdict.evidence),
        ),
        Column("decided_at", ColumnKind.TIME, "When.", lambda record: record.verdict.created_at),
        simulated(lambda record: record.simulated),
    ),
    _verdicts,
)


def _opening_messages(selection: Selection) -> Iterator[OpeningMessage]:
    messages = (
        OpeningMessage.objects.filter(scenario__in=selection.scenarios)
        .select_related("scenario", "user_simulator")
        .defer("scenario__embedding")
        .order_by("scenario_id", "sample", "pk")
    )
    return messages.iterator(chunk_size=CHUNK)


OPENING_MESSAGES: Table[OpeningMessage] = Table(
    "opening_messages",
    "What the simulated user writes first, once for a scenario and sample, for every target alike.",
    (
        uid(lambda message: message.scenario.uid),
        Column("sample", _I, "Number of the sample, from 0.", lambda message: message.sample),
        Column("text", _T, "The message.", lambda message: message.text),
        Column("source", _T, "simulated (an LLM wrote it) or imported.", lambda message: message.source),
        Column(
            "llm",
            _T,
            "The LLM that wrote it.",
            lambda message: message.user_simulator.llm if message.user_simulator else None,
        ),
        simulated(lambda message: message.simulated),
    ),
    _opening_messages,
)
