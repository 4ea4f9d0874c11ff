"""Runs, what targets answered in them, and what was decided about each answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from conflictscope.exports.tables.base import CHUNK, SIMULATED, UID, Column, Kind, Row, Selection, Table, compact
from evaluation.models import Judgement, Rating, Response, Run

_T, _B, _I, _N = Kind.TEXT, Kind.BOOLEAN, Kind.INTEGER, Kind.NUMBER


def _runs(selection: Selection) -> Iterator[Row]:
    runs = Run.objects.filter(dataset=selection.dataset, responses__scenario__in=selection.scenarios).distinct()
    runs = runs.select_related("target__endpoint", "steering", "user_simulator", "judge__endpoint").order_by("pk")
    for one in runs:
        asked = one.target.endpoint
        yield (
            one.pk,
            one.target.label,
            asked.provider if asked else None,
            asked.llm if asked else None,
            compact({**(asked.parameters if asked else {}), **one.target.parameters}),
            one.mode,
            one.scope,
            one.steering.name if one.steering else None,
            one.steering.system_prompt if one.steering else None,
            one.user_simulator.llm if one.user_simulator else one.imported_user or None,
            one.judge.name if one.judge else None,
            one.judge.endpoint.llm if one.judge and one.judge.endpoint else None,
            one.option_orders,
            one.samples,
            one.max_turns,
            compact(one.prompt_versions),
            one.seed,
            one.simulated,
        )


_RUN = Column("run", _I, "The run; its name in runs, responses, judgements and ratings.")
_ORDER = Column("order", _T, "action_1_first or action_2_first: which action was offered as A; empty without options.")
_SAMPLE = Column("sample", _I, "Number of the sample, from 0.")

RUNS = Table(
    "runs",
    "Each evaluation of a target: everything that fixes it.",
    (
        _RUN,
        Column("target", _T, "Label of the LLM under evaluation."),
        Column("provider", _T, "openai, anthropic or openai_compatible; empty: its answers were imported."),
        Column("llm", _T, "The provider's id of the target."),
        Column("parameters", _T, "JSON: sampling parameters of the target."),
        Column("mode", _T, "multiple_choice (what it says) or simulated_user (what it does)."),
        Column("scope", _T, "kept, all or human_validated: which scenarios were asked."),
        Column("steering", _T, "Name of the steering, if any."),
        Column("system_prompt", _T, "The system prompt of the steering."),
        Column("user_simulator", _T, "The LLM that played the user."),
        Column("judge", _T, "The judge that decided open responses."),
        Column("judge_llm", _T, "The LLM behind the judge."),
        Column("option_orders", Kind.TEXTS, "The orders in which options were offered."),
        Column("samples", _I, "Samples a scenario and order."),
        Column("max_turns", _I, "Turns at most."),
        Column("prompt_versions", _T, "JSON: version of each prompt that was used."),
        Column("seed", _I, "Seed of the run."),
        SIMULATED,
    ),
    _runs,
)


def _responses(selection: Selection) -> Iterator[Row]:
    responses = (
        Response.objects.filter(run__dataset=selection.dataset, scenario__in=selection.scenarios)
        .with_decision()
        .order_by("run_id", "scenario_id", "order", "sample")
        .values_list(
            *(
                "run_id",
                "run__target__label",
                "run__mode",
                "scenario__uid",
                "order",
                "sample",
                "pk",
                "outcome",
                "refused",
            ),
            *("transcript", "decision", "decided_by", "run__target__endpoint__simulated"),
        )
    )
    for *of_the_answer, transcript, decision, decided_by, simulated in responses.iterator(chunk_size=CHUNK):
        yield (*of_the_answer, _last_answer(transcript), transcript, decision, decided_by, bool(simulated))


def _last_answer(transcript: Sequence[Mapping[str, str]]) -> str | None:
    return next((turn["text"] for turn in reversed(transcript) if turn["role"] == "assistant"), None)


RESPONSES = Table(
    "responses",
    "What each target answered, and what was decided about it.",
    (
        _RUN,
        Column("target", _T, "Label of the LLM that answered."),
        Column("mode", _T, "multiple_choice or simulated_user."),
        UID,
        _ORDER,
        _SAMPLE,
        Column("response", _I, "The response; its name in judgements and annotations."),
        Column("outcome", _T, "answered, empty, truncated, blocked or failed: only the first is an answer."),
        Column("refused", _B, "The provider said that it refused; a tag, no decision."),
        Column("answer", _T, "The last thing it said."),
        Column("transcript", Kind.TURNS, "The conversation: a list of role (user or assistant) and text."),
        Column(
            "decision", _T, "value_1, value_2, both, neither or none: people first, then the judge or what was parsed."
        ),
        Column("decided_by", _T, "human, judge or parsed; empty: nobody has decided yet."),
        SIMULATED,
    ),
    _responses,
)


def _judgements(selection: Selection) -> Iterator[Row]:
    responses = Response.objects.filter(run__dataset=selection.dataset, scenario__in=selection.scenarios)
    judgements = (
        Judgement.objects.filter(response__in=responses)
        .select_related("response__scenario", "response__run__target__endpoint", "judge__endpoint")
        .order_by("response__run_id", "response__scenario_id", "response_id", "pk")
    )
    for one in judgements.iterator(chunk_size=CHUNK):
        yield (
            one.response.run_id,
            one.response.scenario.uid,
            one.response_id,
            one.source,
            one.judge.name if one.judge else one.panel,
            one.choice,
            one.order,
            one.strength,
            one.resolved,
            one.reason,
            one.inclusion_probability,
            _judged_by_simulator(one, selection),
        )


def _judged_by_simulator(one: Judgement, selection: Selection) -> bool:
    if one.judge:
        return one.judge.simulated
    if one.source == Judgement.Source.HUMAN:
        return one.panel in selection.simulated_panels
    return one.response.run.target.simulated


JUDGEMENTS = Table(
    "judgements",
    "Which action each response took, by everyone who decided it.",
    (
        _RUN,
        UID,
        Column("response", _I, "The response decided."),
        Column("source", _T, "parsed (read from a multiple-choice answer), judge or human."),
        Column("decider", _T, "Name of the judge or of the panel."),
        Column("choice", _T, "value_1, value_2, both, neither, or none: there was nothing to decide on."),
        Column("order", _T, "The order in which the decider saw the two actions."),
        Column("strength", _I, "1 = wholly action_1 ... 7 = wholly action_2."),
        Column("resolved", _B, "Whether the conversation had come to an end."),
        Column("reason", _T, "Why, in the decider's words."),
        Column("inclusion_probability", _N, "Of a human judgement: how likely its item was to be sampled."),
        SIMULATED,
    ),
    _judgements,
)


def _ratings(selection: Selection) -> Iterator[Row]:
    ratings = (
        Rating.objects.filter(run__dataset=selection.dataset, scenario__in=selection.scenarios)
        .select_related("scenario", "run__target__endpoint")
        .order_by("run_id", "scenario_id", "sample")
    )
    for one in ratings.iterator(chunk_size=CHUNK):
        simulated = one.run.target.simulated
        yield (one.run_id, one.run.target.label, one.scenario.uid, one.sample, one.rating_1, one.rating_2, simulated)


RATINGS = Table(
    "ratings",
    "How strongly each target supports each action on its own.",
    (
        _RUN,
        Column("target", _T, "Label of the LLM that rated."),
        UID,
        _SAMPLE,
        Column("rating_1", _I, "1-7 for action_1; empty: its answer was no rating."),
        Column("rating_2", _I, "1-7 for action_2; empty: its answer was no rating."),
        SIMULATED,
    ),
    _ratings,
)
