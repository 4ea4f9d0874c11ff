"""Scenarios a page at a time, and one with everything that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet

from conflictscope.llm.models import Call
from conflictscope.scenarios import filtering
from conflictscope.scenarios.datasets import that_fail
from conflictscope.scenarios.dimensions import INCONSISTENT, QUESTION, dimensions_of
from conflictscope.scenarios.models import Dataset, Dimension, Scenario, Verdict
from conflictscope.scenarios.verdicts import human_validated, standing_verdicts

PAGE_SIZE = 50
_HEAVY = ("embedding",)  # no page shows it

_ORDERS = {filtering.ACTION_1_FIRST: "action 1 as A", filtering.ACTION_2_FIRST: "action 2 as A"}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which scenarios a list shows; an empty field asks for all."""

    status: str = ""
    pair: str = ""  # keys of two values with a tilde between them
    template: str = ""
    failed: str = ""  # a dimension
    search: str = ""

    def apply(self, scenarios: QuerySet[Scenario], *, primary_judge_id: int | None) -> QuerySet[Scenario]:
        if self.status:
            scenarios = scenarios.filter(status=self.status)
        if self.pair:
            first, _, second = self.pair.partition("~")
            scenarios = scenarios.filter(value_1__key=first, value_2__key=second)
        if self.template:
            scenarios = scenarios.filter(template=self.template)
        if self.failed:
            scenarios = that_fail(scenarios, self.failed, primary_judge_id=primary_judge_id)
        if self.search:
            words = self.search.strip()
            scenarios = scenarios.filter(
                Q(uid__icontains=words) | Q(description__icontains=words) | Q(outline_context__icontains=words)
            )
        return scenarios


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """`failing` are the dimensions whose standing verdict is a fail, `unparsable` those without a readable answer."""

    scenario: Scenario
    failing: list[Dimension]
    unparsable: list[Dimension]


@dataclass(frozen=True, slots=True)
class AnswerRow:
    question: str
    answer: str
    order: str
    reason: str


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One verdict; `stands` when the scenario's status rests on it."""

    verdict: Verdict
    stands: bool
    answers: list[AnswerRow]


@dataclass(frozen=True, slots=True)
class DimensionRow:
    dimension: Dimension
    verdicts: list[VerdictRow]


@dataclass(frozen=True, slots=True)
class ScenarioView:
    scenario: Scenario
    dimensions: list[DimensionRow]
    duplicates: list[Scenario]
    calls: list[Call]
    human_validated: bool


def page_of_scenarios(
    dataset: Dataset, chosen: Filter, *, page: str | None
) -> tuple[Page[Scenario], list[ScenarioRow]]:
    """One page of the dataset's scenarios, with what its primary judge and people say of them."""
    scenarios = chosen.apply(dataset.scenarios.all(), primary_judge_id=dataset.primary_judge_id)
    scenarios = scenarios.select_related("value_1", "value_2").defer(*_HEAVY).order_by("pk")
    found = Paginator(scenarios, PAGE_SIZE).get_page(page)
    on_page = list(found)
    verdicts: dict[int, list[Verdict]] = {}
    deciding = Q(source=Verdict.Source.HUMAN) | Q(judge=dataset.primary_judge_id, judge__isnull=False)
    for verdict in Verdict.objects.filter(deciding, scenario__in=on_page).defer("evidence"):
        verdicts.setdefault(verdict.scenario_id, []).append(verdict)
    rows = []
    for scenario in on_page:
        scenario.dataset = dataset  # its address names dataset and study
        standing = standing_verdicts(verdicts.get(scenario.pk, []), primary_judge_id=dataset.primary_judge_id)
        outcomes = {dimension: standing[dimension].outcome for dimension in Dimension if dimension in standing}
        rows.append(
            ScenarioRow(
                scenario=scenario,
                failing=[dimension for dimension, outcome in outcomes.items() if outcome == Verdict.Outcome.FAIL],
                unparsable=[
                    dimension for dimension, outcome in outcomes.items() if outcome == Verdict.Outcome.UNPARSABLE
                ],
            )
        )
    return found, rows


def scenario_view(scenario: Scenario) -> ScenarioView:
    """Everything that is known of one scenario in this room."""
    verdicts = list(
        scenario.verdicts.select_related("judge__endpoint").prefetch_related("calls").order_by("created_at", "pk")
    )
    standing = {
        verdict.pk
        for verdict in standing_verdicts(verdicts, primary_judge_id=scenario.dataset.primary_judge_id).values()
    }
    verdict_calls = {call.pk for verdict in verdicts for call in verdict.calls.all()}
    calls = Call.objects.filter(Q(scenarios=scenario) | Q(pk__in=verdict_calls)).distinct()
    return ScenarioView(
        scenario=scenario,
        dimensions=[
            DimensionRow(
                dimension,
                [
                    VerdictRow(verdict, verdict.pk in standing, _answers(verdict))
                    for verdict in verdicts
                    if verdict.dimension == dimension
                ],
            )
            for dimension in dimensions_of(scenario)
        ],
        duplicates=list(scenario.duplicates.defer(*_HEAVY).order_by("pk")),
        calls=list(calls.select_related("endpoint").order_by("pk")),
        human_validated=human_validated(verdicts, dimensions=dimensions_of(scenario)),
    )


def _answers(verdict: Verdict) -> list[AnswerRow]:
    """The answers behind a verdict. A judge's are kept one by one, in the order shown; of people's, how many gave each."""
    asked: Sequence[dict[str, str | None]] = verdict.evidence.get("asked", ())
    rows = [
        AnswerRow(
            question=_wording(key),
            answer=", ".join(f"{count} × {_label(key, answer)}" for answer, count in votes.items()),
            order="",
            reason="",
        )
        for key, votes in verdict.evidence.get("votes", {}).items()
    ]
    for each in asked:
        key, answer = str(each.get("question")), each.get("answer")
        rows.append(
            AnswerRow(
                question=_wording(key),
                answer=_label(key, answer) if answer else "no readable answer",
                order=_ORDERS.get(each.get("order") or "", ""),
                reason=each.get("reason") or each.get("problem") or "",
            )
        )
    if INCONSISTENT in verdict.evidence.get("answers", {}).values():
        rows.append(AnswerRow("", "The answer changed with the order of the actions.", "", ""))
    return rows


def _wording(question: str) -> str:
    return QUESTION[question].text if question in QUESTION else question


def _label(question: str, answer: str) -> str:
    answers = QUESTION[question].answers if question in QUESTION else ()
    return next((each.label for each in answers if each.key == answer), answer)
