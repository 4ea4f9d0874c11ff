"""The simulated judge: the truth that stands in a text, seen through known errors, by the text alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from conflictscope.llm.simulator import personas, reading
from conflictscope.llm.simulator.personas import CANDID, JUDGE
from conflictscope.llm.simulator.questions import Turn
from tests.llm.simulator import asking

PAIRS = [("helpfulness", "honesty"), ("helpfulness", "harmlessness"), ("honesty", "harmlessness")]
SEEDS = (1, 2, 3)
Judged = tuple[bool, bool]  # the truth, and what the judge said


def scenarios() -> Iterator[tuple[tuple[str, str], Mapping[str, str]]]:
    for pair in PAIRS:
        for scenario in asking.scenarios(*pair):
            yield pair, scenario


def sections(scenario: Mapping[str, str], *, swapped: bool = False) -> dict[str, str]:
    a, b = ("action_2", "action_1") if swapped else ("action_1", "action_2")
    return {
        "description": scenario["description"],
        "user": asking.user_of(scenario),
        "action_a": scenario[a],
        "action_b": scenario[b],
    }


TRUTHS: Mapping[str, Callable[..., bool]] = {
    "realism": reading.realistic,
    "specificity": reading.specific,
    "impossibility": lambda _description, _user, a, b: reading.impossible_together(a, b),
    "genuine_dilemma": lambda description, _user, a, b: reading.dilemma(description, a, b),
}


def answers_about(dimension: str) -> list[Judged]:
    found = []
    for _, scenario in scenarios():
        for seed in SEEDS:
            if dimension == "feasibility":
                for action in (scenario["action_1"], scenario["action_2"]):
                    said = asking.judged(dimension, seed=seed, description=scenario["description"], action=action)
                    found.append((reading.feasible(action), said["passed"]))
            else:
                shown = sections(scenario)
                found.append(
                    (TRUTHS[dimension](*shown.values()), asking.judged(dimension, seed=seed, **shown)["passed"])
                )
    return found


def within(wrong: int, n: int, share: float) -> bool:
    """Four standard deviations of a binomial count, and one case more for the discreteness."""
    return abs(wrong - share * n) <= 4 * (share * (1 - share) * n) ** 0.5 + 1


@pytest.mark.parametrize("dimension", [*TRUTHS, "feasibility"])
def test_its_errors_on_a_dimension_are_as_frequent_as_they_are_said_to_be(dimension: str) -> None:
    errors = personas.judge_errors(JUDGE).of(dimension)
    answers = answers_about(dimension)
    true = [said for truth, said in answers if truth]
    false = [said for truth, said in answers if not truth]
    assert within(true.count(False), len(true), errors.missed)
    assert within(false.count(True), len(false), errors.false_pass)
    assert len(false) > 10


def test_it_errs_on_value_guidance_as_often_as_it_is_said_to() -> None:
    errors = personas.judge_errors(JUDGE)
    wrong = decided = 0
    for pair, scenario in scenarios():
        for number, value in enumerate(pair):
            truth = reading.supports(value, scenario["action_1"], scenario["action_2"])
            if truth not in ("A", "B"):
                continue
            shown = {key: text for key, text in sections(scenario).items() if key != "user"}
            said = asking.judged("value_guidance", value=asking.DEFINITIONS[value], **shown)
            decided += 1
            wrong += said["supports"] != truth
            if truth == "AB"[number]:
                assert value in said["reason"] or said["supports"] != truth
    assert within(wrong, decided, errors.of("value_guidance").missed + errors.order_slip / 2)


def test_the_order_of_the_actions_hardly_ever_changes_what_it_says() -> None:
    swap = {"A": "B", "B": "A", "both": "both", "neither": "neither"}
    changed = n = 0
    for pair, scenario in scenarios():
        said = []
        for swapped in (False, True):
            shown = {key: text for key, text in sections(scenario, swapped=swapped).items() if key != "user"}
            said.append(asking.judged("value_guidance", value=asking.DEFINITIONS[pair[0]], **shown)["supports"])
        n += 1
        changed += said[0] != swap[said[1]]
    assert within(changed, n, personas.judge_errors(JUDGE).order_slip)
    assert changed < 0.03 * n


def conversations() -> Iterator[tuple[str, Mapping[str, str]]]:
    for _, scenario in scenarios():
        message = asking.opening(scenario)
        reply = asking.converse(Turn("user", message), llm=CANDID)
        yield f"User: {message}\n\nAssistant: {reply}", scenario


def test_it_misreads_as_many_responses_as_it_is_said_to() -> None:
    errors = personas.judge_errors(JUDGE)
    wrong: dict[bool, list[int]] = {True: [0, 0], False: [0, 0]}
    for transcript, scenario in conversations():
        actions = scenario["action_1"], scenario["action_2"]
        truth = reading.action_taken(transcript, *actions)
        for seed in SEEDS:
            said = asking.judged_action(transcript, *actions, seed=seed)
            count = wrong[truth in ("A", "B")]
            count[0] += said["choice"] != truth
            count[1] += 1
    assert within(*wrong[True], errors.of("action").missed + errors.order_slip / 2)
    assert within(*wrong[False], errors.of("action").false_pass)


def test_strength_leans_to_the_action_that_it_saw_and_its_reason_quotes_the_answer() -> None:
    quoted = n = 0
    for transcript, scenario in list(conversations())[:80]:
        said = asking.judged_action(transcript, scenario["action_1"], scenario["action_2"])
        strength = said["strength"]
        assert 1 <= strength <= 7
        assert {"A": strength < 4, "B": strength > 4}.get(said["choice"], strength == 4)
        if said["choice"] in ("A", "B"):
            quote = said["reason"].partition("“")[2].partition("”")[0].rstrip("…").strip()
            n += 1
            quoted += bool(quote) and quote in " ".join(transcript.split())
    assert quoted > 0.8 * n


def test_an_answer_that_asks_back_is_not_resolved() -> None:
    said = asking.judged_action(
        "User: Can you write the letter?\n\nAssistant: Before I write anything, who exactly will read it?",
        "Write the letter in full",
        "Decline to write the letter",
        llm="sim-judge-of-tests",
    )
    assert not said["resolved"]


def test_judges_of_other_names_differ_in_quality_and_each_is_the_same_every_time() -> None:
    shares = {
        llm: personas.judge_errors(llm).of("realism").missed for llm in ("sim-judge-a", "sim-judge-b", "sim-judge-c")
    }
    known = personas.judge_errors(JUDGE).of("realism").missed
    assert len(set(shares.values())) == 3
    assert all(0.5 * known <= share <= 2 * known for share in shares.values())
    _, scenario = next(scenarios())
    said: list[dict[str, Any]] = [asking.judged("realism", llm="sim-judge-a", **sections(scenario)) for _ in range(2)]
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("dimension", "text"),
    [
        ("realism", "A dragon guards the village hall of Leeds and asks Jonas Thorne for a poem."),
        ("specificity", "[Name] from Company XYZ wants to write to a certain person."),
    ],
)
def test_real_texts_are_searched_for_the_same_marks(dimension: str, text: str) -> None:
    shown = {"description": text, "user": "Persona: a clerk", "action_a": "Write it.", "action_b": "Decline."}
    passed = [asking.judged(dimension, seed=seed, **shown)["passed"] for seed in range(40)]
    assert passed.count(True) < 20
