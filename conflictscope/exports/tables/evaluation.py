"""Runs, what targets answered in them, and what was decided about each answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from conflictscope.exports.tables.base import (
    CHUNK,
    Column,
    ColumnKind,
    RecordT,
    Selection,
    Table,
    compact,
    simulated,
    uid,
)
from evaluation.models import Judgement, Rating, Response, Run

_T, _B, _I, _N = ColumnKind.TEXT, ColumnKind.BOOLEAN, ColumnKind.INTEGER, ColumnKind.NUMBER


def _run(value: Callable[[RecordT], int]) -> Column[RecordT]:
    return Column("run", _I, "The run; its name in runs, responses, judgements and ratings.", value)


def _sample(value: Callable[[RecordT], int]) -> Column[RecordT]:
    return Column("sample", _I, "Number of the sample, from 0.", value)


def _runs(selection: Selection) -> Iterator[Run]:
    runs = Run.objects.filter(dataset=selection.dataset, responses__scenario__in=selection.scenarios).distinct()
    runs = runs.select_related("target__endpoint", "steering", "user_simulator", "judge__endpoint").order_by("pk")
    return runs.iterator(chunk_size=CHUNK)


def _target_parameters(run: Run) -> str:
    endpoint = run.target.endpoint
    return compact({**(endpoint.parameters if endpoint else {}), **run.target.parameters})


RUNS: Table[Run] = Table(
    "runs",
    "Each evaluation of a target: everything that fixes it.",
    (
        _run(lambda run: run.pk),
        Column("target", _T, "Label of the LLM under evaluation.", lambda run: run.target.label),
        Column(
            "provider",
            _T,
            "openai, anthropic or openai_compatible; empty: its answers were imported.",
            lambda run: run.target.endpoint.provider if run.target.endpoint else None,
        ),
        Column(
            "llm",
            _T,
            "The provider's id of the target.",
            lambda run: run.target.endpoint.llm if run.target.endpoint else None,
        ),
        Column("parameters", _T, "JSON: sampling parameters of the target.", _target_parameters),
        Column("mode", _T, "multiple_choice (what it says) or simulated_user (what it does).", lambda run: run.mode),
        Column("scope", _T, "kept, all or human_validated: which scenarios were asked.", lambda run: run.scope),
        Column(
            "steering", _T, "Name of the steering, if any.", lambda run: run.steering.name if run.steering else None
        ),
        Column(
            "system_prompt",
            _T,
            "The system prompt of the steering.",
            lambda run: run.steering.system_prompt if run.steering else None,
        ),
        Column(
            "user_simulator",
            _T,
            "The LLM that played the user.",
            lambda run: run.user_simulator.llm if run.user_simulator else run.imported_user or None,
        ),
        Column(
            "judge",
            _T,
            "The judge that decided open responses.",
            lambda run: run.judge.name if run.judge else None,
        ),
        Column(
            "judge_llm",
            _T,
            "The LLM behind the judge.",
            lambda run: run.judge.endpoint.llm if run.judge and run.judge.endpoint else None,
        ),
        Column(
            "option_orders",
            ColumnKind.TEXTS,
            "The orders in which options were offered.",
            lambda run: run.option_orders,
        ),
        Column("samples", _I, "Samples a scenario and order.", lambda run: run.samples),
        Column("max_turns", _I, "Turns at most.", lambda run: run.max_turns),
        Column(
            "prompt_versions",
            _T,
            "JSON: version of each prompt that was used.",
            lambda run: compact(run.prompt_versions),
        ),
        Column("seed", _I, "Seed of the run.", lambda run: run.seed),
        simulated(lambda run: run.simulated),
    ),
    _runs,
)


def _responses(selection: Selection) -> Iterator[Response]:
    responses = (
        Response.objects.filter(run__dataset=selection.dataset, scenario__in=selection.scenarios)
        .with_decision()
        .select_related("run__target__endpoint", "scenario")
        .only(
            *("run", "order", "sample", "outcome", "refused", "transcript"),
            *("run__mode", "run__target__label", "run__target__endpoint__simulated", "scenario__uid"),
        )
        .order_by("run_id", "scenario_id", "order", "sample")
    )
    return responses.iterator(chunk_size=CHUNK)


def _last_answer(response: Response) -> str | None:
    turns = reversed(response.transcript)
    return next((turn["text"] for turn in turns if turn["role"] == "assistant"), None)


RESPONSES: Table[Response] = Table(
    "responses",
    "What each target answered, and what was decided about it.",
    (
        _run(lambda response: response.run_id),
        Column("target", _T, "Label of the LLM that answered.", lambda response: response.run.target.label),
        Column("mode", _T, "multiple_choice or simulated_user.", lambda response: response.run.mode),
        uid(lambda response: response.scenario.uid),
        Column(
            "order",
            _T,
            "action_1_first or action_2_first: which action was offered as A; empty without options.",
            lambda response: response.order,
        ),
        _sample(lambda response: response.sample),
        Column(
            "response",
            _I,
            "The response; its name in judgements and annotations.",
            lambda response: response.pk,
        ),
        Column(
            "outcome",
            _T,
            "answered, empty, truncated, blocked or failed: only the first is an answer.",
            lambda response: response.outcome,
        ),
        Column(
            "refused",
            _B,
            "The provider said that it refused; a tag, no decision.",
            lambda response: response.refused,
        ),
        Column("answer", _T, "The last thing it said.", _last_answer),
        Column(
            "transcript",
            ColumnKind.TURNS,
            "The conversation: a list of role (user or assistant) and text.",
            lambda response: response.transcript,
        ),
        Column(
            "decision",
            _T,
            "value_1, value_2, both, neither or none: people first, then the judge or what was parsed.",
            lambda response: response.decision,
        ),
        Column(
            "decided_by",
            _T,
            "human, judge or parsed; empty: nobody has decided yet.",
            lambda response: response.decided_by,
        ),
        simulated(lambda response: response.run.target.simulated),
    ),
    _responses,
)


@dataclass(frozen=True, slots=True)
class JudgementOfPanels:
    """A judgement, and the panels of which simulated people were."""

    judgement: Judgement
    simulated_panels: frozenset[str]

    @property
    def simulated(self) -> bool:
        judgement = self.judgement
        if judgement.judge:
            return judgement.judge.simulated
        if judgement.source == Judgement.Source.HUMAN:
            return judgement.panel in self.simulated_panels
        return judgement.response.run.target.simulated


def _judgements(selection: Selection) -> Iterator[JudgementOfPanels]:
    responses = Response.objects.filter(run__dataset=selection.dataset, scenario__in=selection.scenarios)
    judgements = (
        Judgement.objects.filter(response__in=responses)
        .select_related("response__scenario", "response__run__target__endpoint", "judge__endpoint")
        .defer("response__scenario__embedding")
        .order_by("response__run_id", "response__scenario_id", "response_id", "pk")
    )
    for judgement in judgements.iterator(chunk_size=CHUNK):
        yield JudgementOfPanels(judgement, selection.simulated_panels)


JUDGEMENTS: Table[JudgementOfPanels] = Table(
    "judgements",
    "Which action each response took, by everyone who decided it.",
    (
        _run(lambda record: record.judgement.response.run_id),
        uid(lambda record: record.judgement.response.scenario.uid),
        Column("response", _I, "The response decided.", lambda record: record.judgement.response_id),
        Column(
            "source",
            _T,
            "parsed (read from a multiple-choice answer), judge or human.",
            lambda record: record.judgement.source,
        ),
        Column(
            "decider",
            _T,
            "Name of the judge or of the panel.",
            lambda record: record.judgement.judge.name if record.judgement.judge else record.judgement.panel,
        ),
        Column(
            "choice",
            _T,
            "value_1, value_2, both, neither, or none: there was nothing to decide on.",
            lambda record: record.judgement.choice,
        ),
        Column(
            "order", _T, "The order in which the decider saw the two actions.", lambda record: record.judgement.order
        ),
        Column(
            "strength", _I, "1 = wholly action_1 ... 7 = wholly action_2.", lambda record: record.judgement.strength
        ),
        Column(
            "resolved", _B, "Whether the conversation had come to an end.", lambda record: record.judgement.resolved
        ),
        Column("reason", _T, "Why, in the decider's words.", lambda record: record.judgement.reason),
        Column(
            "inclusion_probability",
            _N,
            "Of a human judgement: how likely its item was to be sampled.",
            lambda record: record.judgement.inclusion_probability,
        ),
        Column(
            "of_selection",
            _B,
            "Of a human judgement: whether its item was drawn from a selected set, so that it tells nothing of the whole.",
            lambda record: record.judgement.of_selection,
        ),
        simulated(lambda record: record.simulated),
    ),
    _judgements,
)


def _ratings(selection: Selection) -> Iterator[Rating]:
    ratings = (
        Rating.objects.filter(run__dataset=selection.dataset, scenario__in=selection.scenarios)
        .select_related("scenario", "run__target__endpoint")
        .defer("scenario__embedding")
        .order_by("run_id", "scenario_id", "sample")
    )
    return ratings.iterator(chunk_size=CHUNK)


RATINGS: Table[Rating] = Table(
    "ratings",
    "How strongly each target supports each action on its own.",
    (
        _run(lambda rating: rating.run_id),
        Column("target", _T, "Label of the LLM that rated.", lambda rating: rating.run.target.label),
        uid(lambda rating: rating.scenario.uid),
        _sample(lambda rating: rating.sample),
        Column("rating_1", _I, "1-7 for action_1; empty: its answer was no rating.", lambda rating: rating.rating_1),
        Column("rating_2", _I, "1-7 for action_2; empty: its answer was no rating.", lambda rating: rating.rating_2),
        simulated(lambda rating: rating.run.target.simulated),
    ),
    _ratings,
)
