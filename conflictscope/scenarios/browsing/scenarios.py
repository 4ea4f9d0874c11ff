"""Scenarios a page at a time, and one with everything that is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet

from conflictscope.llm.models import Call
from conflictscope.scenarios.browsing.differences import differences
from conflictscope.scenarios.browsing.listing import Listing
from conflictscope.scenarios.filtering.dimensions import INCONSISTENT, QUESTION, dimensions_of
from conflictscope.scenarios.filtering.verdicts import human_validated, standing_verdicts
from conflictscope.scenarios.models import Dimension, DomainTag, OpeningMessage, Scenario, Verdict
from conflictscope.scenarios.option_orders import order_in_words
from conflictscope.scenarios.search import Piece, excerpt, pieces

PAGE_SIZE = 50
_HEAVY = ("embedding",)  # no page shows it


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """`failing` are the dimensions whose standing verdict is a fail, `unparsable` those without a readable answer, `disputed`
    those on which people and the primary judge say different things. `excerpt` is what the list shows of its text."""

    scenario: Scenario
    failing: list[Dimension]
    unparsable: list[Dimension]
    disputed: list[Dimension]
    name: list[Piece]
    excerpt: list[Piece]


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
class Beside:
    """A scenario's outline beside that of another one, both with the words marked in which they differ."""

    other: Scenario
    similarity: float | None
    mine: list[Piece]
    theirs: list[Piece]


@dataclass(frozen=True, slots=True)
class ScenarioView:
    """`twin` is what it is a duplicate of, `duplicates` are those that are duplicates of it."""

    scenario: Scenario
    dimensions: list[DimensionRow]
    twin: Beside | None
    duplicates: list[Scenario]
    openings: list[OpeningMessage]
    domain_tags: list[DomainTag]
    calls: list[Call]
    human_validated: bool


def page_of_scenarios(listing: Listing, *, page: str | None) -> tuple[Page[Any], list[ScenarioRow]]:
    """One page of a list, with what the primary judge and people say of its scenarios."""
    dataset = listing.dataset
    shown = Scenario.objects.select_related("value_1", "value_2").defer(*_HEAVY)
    if listing.by_relevance:
        this_page: Page[Any] = Paginator(listing.pks(), PAGE_SIZE).get_page(page)
        by_pk = shown.in_bulk(list(this_page))
        on_page = [by_pk[pk] for pk in this_page if pk in by_pk]
    else:
        scenarios = listing.scenarios.select_related("value_1", "value_2").defer(*_HEAVY)
        this_page = Paginator(scenarios, PAGE_SIZE).get_page(page)
        on_page = list(this_page)
    verdicts: dict[int, list[Verdict]] = {}
    deciding = Q(source=Verdict.Source.HUMAN) | Q(judge=dataset.primary_judge_id, judge__isnull=False)
    for verdict in Verdict.objects.filter(deciding, scenario__in=[each.pk for each in on_page]).defer("evidence"):
        verdicts.setdefault(verdict.scenario_id, []).append(verdict)
    openings: dict[int, list[str]] = {}
    opening_messages = OpeningMessage.objects.filter(scenario__in=[each.pk for each in on_page]).order_by(
        "sample", "pk"
    )
    for pk, text in opening_messages.values_list("scenario", "text"):
        openings.setdefault(pk, []).append(text)
    for scenario in on_page:
        scenario.dataset = dataset  # its address names dataset and study
    return this_page, [
        _row(scenario, verdicts.get(scenario.pk, []), openings.get(scenario.pk, []), listing) for scenario in on_page
    ]


def address_of_row(listing: Listing, scenario: Scenario, *, position: int | None) -> str:
    """The query string of the page of the list on which the scenario stands, and its row; of the first, if on none."""
    if position is None:
        return listing.chosen.address()
    return f"{listing.chosen.address(page=(position - 1) // PAGE_SIZE + 1)}#row-{scenario.pk}"


def _row(scenario: Scenario, verdicts: list[Verdict], openings: list[str], listing: Listing) -> ScenarioRow:
    standing = standing_verdicts(verdicts, primary_judge_id=listing.dataset.primary_judge_id)
    outcomes: dict[str, set[str]] = {}
    for verdict in verdicts:
        if verdict.outcome != Verdict.Outcome.UNPARSABLE:
            outcomes.setdefault(verdict.dimension, set()).add(verdict.outcome)

    def that_are(outcome: str) -> list[Dimension]:
        return [each for each in Dimension if each in standing and standing[each].outcome == outcome]

    return ScenarioRow(
        scenario=scenario,
        failing=that_are(Verdict.Outcome.FAIL),
        unparsable=that_are(Verdict.Outcome.UNPARSABLE),
        disputed=[dimension for dimension in Dimension if len(outcomes.get(dimension, ())) > 1],
        name=pieces(scenario.uid, listing.query),
        excerpt=excerpt(_texts(scenario, openings), listing.query),
    )


def _texts(scenario: Scenario, openings: Sequence[str]) -> list[str]:
    """What a list may show of a scenario, the telling first."""
    outline = f"{scenario.outline_context} {scenario.outline_opportunity}".strip()
    named = [
        ("", scenario.description),
        ("Outline" if scenario.description else "", outline),
        ("Action 1", scenario.action_1),
        ("Action 2", scenario.action_2),
        ("User", scenario.persona),
        ("Background", scenario.background),
        ("Goal", scenario.goal),
        ("Consequence of action 1", scenario.consequence_1),
        ("Consequence of action 2", scenario.consequence_2),
        ("Domain", scenario.domain),
        *(("Opening message", text) for text in openings),
    ]
    if not scenario.description and not outline and openings:
        named.insert(0, named.pop(-len(openings)))  # all that is known of what happens
    return [f"{name}: {text}" if name else text for name, text in named if text]


def calls_about(scenario: Scenario) -> QuerySet[Call]:
    """The calls that wrote the scenario, opened its conversations, tagged or judged it.

    A union of the few ids, by indexes that begin with the scenario: with OR over joins the database walks every call of everybody.
    """
    ids = [
        Scenario.calls.through.objects.filter(scenario=scenario).values_list("call"),
        OpeningMessage.calls.through.objects.filter(openingmessage__scenario=scenario).values_list("call"),
        Verdict.calls.through.objects.filter(verdict__scenario=scenario).values_list("call"),
        scenario.domain_tags.filter(call__isnull=False).order_by().values_list("call"),
    ]
    first, *others = ids
    return Call.objects.filter(pk__in=first.union(*others))


def scenario_view(scenario: Scenario) -> ScenarioView:
    """Everything that is known of one scenario in this room."""
    if scenario.duplicate_of:
        scenario.duplicate_of.dataset = scenario.dataset  # its address names dataset and study
    verdicts = list(
        scenario.verdicts.select_related("judge__endpoint").prefetch_related("calls").order_by("created_at", "pk")
    )
    standing = {
        verdict.pk
        for verdict in standing_verdicts(verdicts, primary_judge_id=scenario.dataset.primary_judge_id).values()
    }
    calls = calls_about(scenario)
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
        twin=_beside_twin(scenario),
        duplicates=list(scenario.duplicates.defer(*_HEAVY).order_by("-similarity", "pk")),
        domain_tags=list(scenario.domain_tags.select_related("endpoint", "set_by").order_by("-pk")),
        openings=list(scenario.opening_messages.select_related("user_simulator").order_by("sample", "pk")),
        calls=list(calls.select_related("endpoint").order_by("pk")),
        human_validated=human_validated(verdicts, dimensions=dimensions_of(scenario)),
    )


def _beside_twin(scenario: Scenario) -> Beside | None:
    twin = scenario.duplicate_of
    return beside(scenario, twin, messages=first_messages([scenario, twin])) if twin else None


def beside(duplicate: Scenario, twin: Scenario, *, messages: Mapping[int, str]) -> Beside:
    """Both in the texts that duplicates are told by; `messages` are the `first_messages` of the two."""
    mine, theirs = (_outline_of(each) or messages.get(each.pk, "") for each in (duplicate, twin))
    return Beside(twin, duplicate.similarity, *differences(mine, theirs))


def first_messages(scenarios: Iterable[Scenario]) -> dict[int, str]:
    """What the user writes first in those of which nothing else is known, by primary key."""
    bare = [scenario.pk for scenario in scenarios if not _outline_of(scenario)]
    if not bare:
        return {}
    opening_messages = OpeningMessage.objects.filter(scenario__in=bare).order_by("-sample", "-pk")
    return dict(opening_messages.values_list("scenario", "text"))


def _outline_of(scenario: Scenario) -> str:
    """Context and opportunity, or the description where there is no outline."""
    return f"{scenario.outline_context} {scenario.outline_opportunity}".strip() or scenario.description


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
                order=order_in_words(each.get("order") or ""),
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
