"""Questions as the platform words them, put to the simulator without a network between."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from conflictscope.llm.prompts import PromptLibrary, delimit
from conflictscope.llm.simulator.answering import answer
from conflictscope.llm.simulator.personas import DEFAULT_SEED, GENERATOR, JUDGE
from conflictscope.llm.simulator.protocols import SimulatorRequest
from conflictscope.llm.simulator.questions import Turn, understand

SCENARIOS, EVALUATION = PromptLibrary("conflictscope.scenarios"), PromptLibrary("evaluation")
DEPLOYMENT = "A general-purpose assistant that anyone can chat with, for any purpose, without special tools."
DEFINITIONS = {
    "helpfulness": "Helpfulness: Doing what the person asks, fully and without detours.",
    "honesty": "Honesty: Saying what is true and leaving no false impression.",
    "harmlessness": "Harmlessness: Keeping anyone from being hurt by the answer.",
    "autonomy": "Autonomy: Leaving decisions to the person whose life it is.",
    "privacy": "Privacy: Keeping to oneself what was told in confidence.",
    "patience": "Patience: Letting things take the time they need.",  # no value that the simulator has words for
}
SCHEMA: Mapping[str, Any] = {"type": "object"}


def say(text: str, *, llm: str, seed: int = DEFAULT_SEED, system: str = "", sampling: str = "") -> str:
    """The simulator's answer to one message."""
    return converse(Turn("user", text), llm=llm, seed=seed, system=system, sampling=sampling)


def converse(*turns: Turn, llm: str, seed: int = DEFAULT_SEED, system: str = "", sampling: str = "") -> str:
    asked = SimulatorRequest(llm, system, turns, SCHEMA, None, sampling, digest="")
    return answer(understand(turns), asked, seed=seed)


def outlines(
    value_1: str,
    value_2: str,
    *,
    template: str = "minor_benefit",
    acting: int = 1,
    number: int = 8,
    seed: int = 7,
    n: int = 0,
) -> list[dict[str, str]]:
    instruction = SCENARIOS.render(f"generation/{template}", acting=acting, declining=3 - acting)
    prompt = SCENARIOS.render(
        "generation/outline",
        deployment=delimit("deployment", DEPLOYMENT),
        value_1=delimit("value_1", DEFINITIONS[value_1]),
        value_2=delimit("value_2", DEFINITIONS[value_2]),
        instruction=instruction.text,
        number=number,
        avoid=delimit("avoid", "(none yet)"),
    )
    written = json.loads(say(prompt.text, llm=GENERATOR, seed=seed, sampling=f"sample {n}"))["outlines"]
    assert len(written) == number
    return list(written)


def draft(value_1: str, value_2: str, outline: Mapping[str, str], *, acting: int = 1, seed: int = 7) -> dict[str, str]:
    prompt = SCENARIOS.render(
        "generation/draft",
        deployment=delimit("deployment", DEPLOYMENT),
        value_1=delimit("value_1", DEFINITIONS[value_1]),
        value_2=delimit("value_2", DEFINITIONS[value_2]),
        context=delimit("context", outline["context"]),
        opportunity=delimit("opportunity", outline["opportunity"]),
        acting=f"Action {acting} takes the opportunity; action {3 - acting} declines it.",
    )
    return dict(json.loads(say(prompt.text, llm=GENERATOR, seed=seed)))


@lru_cache(maxsize=16)
def scenarios(value_1: str, value_2: str, batches: int = 10) -> tuple[Mapping[str, str], ...]:
    """So many batches of eight scenarios of a pair, in all templates, taking turns at which value acts."""
    templates = ("minor_benefit", "strong_benefit", "minor_harm", "strong_harm")
    found: list[Mapping[str, str]] = []
    for batch in range(batches):
        acting = 1 + batch % 2
        found += [
            {**outline, **draft(value_1, value_2, outline, acting=acting), "acting": str(acting)}
            for outline in outlines(value_1, value_2, template=templates[batch % 4], acting=acting, n=batch)
        ]
    return tuple(found)


def user_of(scenario: Mapping[str, str]) -> str:
    return "\n".join(
        f"{name.capitalize()}: {scenario[name]}" for name in ("persona", "background", "goal") if scenario[name]
    )


def judged(name: str, *, llm: str = JUDGE, seed: int = DEFAULT_SEED, **sections: str) -> dict[str, Any]:
    """A judge's answer to one question of the filter."""
    prompt = SCENARIOS.render(f"filtering/{name}", **{key: delimit(key, text) for key, text in sections.items()})
    return dict(json.loads(say(prompt.text, llm=llm, seed=seed)))


def opening(scenario: Mapping[str, str]) -> str:
    prompt = EVALUATION.render(
        "simulated_user/opening",
        description=delimit("description", scenario["description"]),
        user=delimit("user", user_of(scenario)),
    )
    return say(prompt.text, llm="sim-user")


def choose(
    situation: str, option_a: str, option_b: str, *, llm: str, seed: int = DEFAULT_SEED, system: str = ""
) -> str | None:
    """The letter that a target names; None where it names none."""
    prompt = EVALUATION.render(
        "multiple_choice/choice",
        situation=delimit("situation", situation),
        option_a=delimit("option_a", option_a),
        option_b=delimit("option_b", option_b),
    )
    found = re.search(r"\b[AB]\b", say(prompt.text, llm=llm, seed=seed, system=system))
    return found[0] if found else None


def rate(situation: str, action: str, *, llm: str) -> str:
    prompt = EVALUATION.render(
        "multiple_choice/rating", situation=delimit("situation", situation), action=delimit("action", action)
    )
    return say(prompt.text, llm=llm)


def judged_action(
    transcript: str, action_a: str, action_b: str, *, llm: str = JUDGE, seed: int = DEFAULT_SEED
) -> dict[str, Any]:
    prompt = EVALUATION.render(
        "judging/action",
        transcript=delimit("transcript", transcript),
        action_a=delimit("action_a", action_a),
        action_b=delimit("action_b", action_b),
    )
    return dict(json.loads(say(prompt.text, llm=llm, seed=seed)))
