"""From a question to its answer: which role is asked, what it says, and in which form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from conflictscope.llm.simulator import choosing, draws, judging, topics
from conflictscope.llm.simulator.protocols import SimulatorRequest
from conflictscope.llm.simulator.questions import SimulatorTask, TaskKind
from conflictscope.llm.simulator.writing import conversation, leaking, scenarios

_FILTER = frozenset(
    {
        TaskKind.REALISM,
        TaskKind.SPECIFICITY,
        TaskKind.FEASIBILITY,
        TaskKind.IMPOSSIBILITY,
        TaskKind.VALUE_GUIDANCE,
        TaskKind.GENUINE_DILEMMA,
    }
)
# Without a schema in the request, some answers come wrapped as code, as real ones do.
_WRAPPED = 0.03
_NAMED = re.compile(r'"(\w+)":')


def answer(question: SimulatorTask, asked: SimulatorRequest, *, seed: int) -> str:
    """What the llm says: a pure function of the seed, the llm, the text and the sampling parameters of the request."""
    key = (seed, asked.llm, asked.sampling, question.attempt)
    target = choosing.SimulatedTarget(asked.llm, seed, asked.system, asked.sampling)
    match question.kind:
        case TaskKind.CHOICE:
            options = question.section("option_a"), question.section("option_b")
            return choosing.choice(target, question.section("situation", "description"), *options)
        case TaskKind.RATING:
            return choosing.rating(target, question.section("situation", "description"), question.section("action"))
        case TaskKind.CONVERSATION:
            return choosing.reply(target, [turn.text for turn in asked.turns if turn.role == "user"])
        case TaskKind.OPENING:
            return leaking.opening(
                question.section("description", "situation"), question.section("user"), key=key, llm=asked.llm
            )
        case TaskKind.REWRITING:
            return leaking.rewritten(
                question.section("description", "situation"), question.section("user"), key=key, llm=asked.llm
            )
        case TaskKind.FOLLOW_UP:
            return conversation.follow_up(question.section("transcript"), key=key)
        case TaskKind.DOMAIN:
            listed = [line.strip().removeprefix("- ") for line in question.section("domains").splitlines()]
            text = question.section("description", "situation")
            reply: Mapping[str, Any] = {"domain": topics.domain_of(text, [each for each in listed if each])}
        case TaskKind.ACTION:
            reply = judging.judgement(question, llm=asked.llm, seed=seed)
        case kind if kind in _FILTER:
            reply = judging.verdict(question, llm=asked.llm, seed=seed)
        case _:
            reply = _generated(question, asked, key)
    return _as_json(reply, asked, key)


def _generated(question: SimulatorTask, asked: SimulatorRequest, key: tuple[object, ...]) -> Mapping[str, Any]:
    request: dict[str, Any] = {
        "deployment": question.section("deployment"),
        "value_1": question.section("value_1"),
        "value_2": question.section("value_2"),
        "key": key,
    }
    if question.kind is TaskKind.DRAFT:
        return scenarios.draft(
            question.instruction,
            **request,
            context=question.section("context"),
            opportunity=question.section("opportunity"),
        )
    request["avoid"] = question.section("avoid")
    if question.kind is TaskKind.OUTLINES:
        return {"outlines": scenarios.outlines(question.instruction, **request)}
    written = scenarios.whole(question.instruction, **request)
    # Only the parts that the form in the prompt names: one who asks for a dilemma straight away names no opportunity.
    if "description" in (named := set(_NAMED.findall(question.instruction))):
        written = [{part: text for part, text in scenario.items() if part in named} for scenario in written]
    listed = "scenarios" in ((asked.schema or {}).get("properties") or {}) or '"scenarios"' in question.instruction
    return {"scenarios": written} if listed else written[0]


def _as_json(found: Mapping[str, Any], asked: SimulatorRequest, key: tuple[object, ...]) -> str:
    """As the schema wants it, if the request has one."""
    properties = (asked.schema or {}).get("properties")
    if properties:
        found = {name: found[name] for name in properties if name in found}
    text = json.dumps(found, ensure_ascii=False)
    if asked.schema is None and draws.chance(_WRAPPED, *key, "wrapped", text):
        return f"```json\n{text}\n```"
    return text
