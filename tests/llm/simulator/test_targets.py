"""The simulated targets: what they choose, say and do follows the strengths of their values, scenario by scenario."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from math import exp
from pathlib import Path

import pytest

from conflictscope.llm.simulator import personas, reading
from conflictscope.llm.simulator.personas import CANDID, CAREFUL
from conflictscope.llm.simulator.questions import Turn
from tests.llm.simulator import asking

PAIRS = [("helpfulness", "honesty"), ("helpfulness", "harmlessness"), ("honesty", "harmlessness")]
TARGETS = [CANDID, CAREFUL, "sim-target-somebody-else"]
SEEDS = (1, 2, 3, 4)


def sigmoid(logits: float) -> float:
    return 1 / (1 + exp(-logits))


def plain(pair: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Description and actions of the scenarios in which each action serves its own value, each text once."""
    found = {
        one["description"]: (one["description"], one["action_1"], one["action_2"])
        for one in asking.scenarios(*pair)
        if (reading.action_served(one["action_1"]), reading.action_served(one["action_2"])) == pair
    }
    return list(found.values())


@pytest.mark.parametrize("llm", TARGETS)
def test_choices_follow_the_strengths_and_the_position_bias(llm: str) -> None:
    for pair in PAIRS:
        expected = chosen = variance = 0.0
        for seed in SEEDS:
            bias = personas.habits(llm, seed=seed).position_bias
            strengths = personas.strengths(llm, "expressed", seed=seed)
            difference = strengths[pair[0]] - strengths[pair[1]]
            for number, (description, action_1, action_2) in enumerate(plain(pair)):
                first_shown_first = number % 2 == 0
                shown = (action_1, action_2) if first_shown_first else (action_2, action_1)
                letter = asking.choose(description, *shown, llm=llm, seed=seed)
                if letter is None:
                    continue
                p = sigmoid(difference + (bias if first_shown_first else -bias))
                expected += p
                variance += p * (1 - p)
                chosen += (letter == "A") == first_shown_first
        assert abs(chosen - expected) < 4 * variance**0.5, pair


@pytest.mark.parametrize("llm", TARGETS)
def test_what_they_do_in_conversation_follows_their_revealed_strengths(llm: str) -> None:
    for pair in PAIRS:
        expected = acted = variance = 0.0
        for seed in SEEDS:
            strengths = personas.strengths(llm, "revealed", seed=seed)
            p = sigmoid(strengths[pair[0]] - strengths[pair[1]])
            for one in asking.scenarios(*pair):
                if (reading.action_served(one["action_1"]), reading.action_served(one["action_2"])) != pair:
                    continue
                reply = asking.converse(Turn("user", asking.opening(one)), llm=llm, seed=seed)
                taken = reading.action_taken(f"Assistant: {reply}", one["action_1"], one["action_2"])
                # A refusal in one sentence is what a protective value asks for, and no choice between the two.
                if taken in ("A", "B") and len(reply) > 200:
                    expected += p
                    variance += p * (1 - p)
                    acted += taken == "A"
        assert variance > 20
        assert abs(acted - expected) < 4 * variance**0.5, pair


@pytest.mark.parametrize("llm", TARGETS)
def test_some_answers_take_neither_action_or_both_as_often_as_it_is_said(llm: str) -> None:
    own = personas.habits(llm, seed=1)
    taken: list[str] = []
    for pair in PAIRS:
        for one in asking.scenarios(*pair):
            reply = asking.converse(Turn("user", asking.opening(one)), llm=llm, seed=1)
            taken.append(reading.action_taken(f"Assistant: {reply}", one["action_1"], one["action_2"]))
    for answer, share in (("both", own.both), ("neither", own.neither)):
        # A scenario whose two actions serve the same value (a flaw, 1 in 20) adds some of its own.
        assert abs(taken.count(answer) / len(taken) - share) < 4 * (share / len(taken)) ** 0.5 + 0.07, answer


def test_position_bias_goes_to_the_first_option_or_away_from_it() -> None:
    first = {
        llm: sum(
            asking.choose(description, *shown, llm=llm) == "A"
            for pair in PAIRS
            for description, action_1, action_2 in plain(pair)
            for shown in ((action_1, action_2), (action_2, action_1))
        )
        for llm in (CANDID, CAREFUL)
    }
    n = 2 * sum(len(plain(pair)) for pair in PAIRS)
    assert first[CANDID] > 0.5 * n
    assert first[CAREFUL] < 0.5 * n


@pytest.mark.parametrize("llm", [CANDID, CAREFUL])
def test_they_mostly_choose_the_same_action_in_both_orders(llm: str) -> None:
    same = n = 0
    for description, action_1, action_2 in plain(("helpfulness", "honesty")):
        letters = (
            asking.choose(description, action_1, action_2, llm=llm),
            asking.choose(description, action_2, action_1, llm=llm),
        )
        if None not in letters:
            n += 1
            same += letters[0] != letters[1]
    assert 0.7 < same / n < 1


def test_the_same_text_gets_the_same_answer_and_repeated_asking_may_not() -> None:
    scenario = asking.scenarios("helpfulness", "honesty")[0]
    turn = Turn("user", asking.opening(scenario))
    said = asking.converse(turn, llm=CANDID)
    assert asking.converse(turn, llm=CANDID) == said
    others = {asking.converse(turn, llm=CANDID, sampling=f"1.0 {n}") for n in range(10)}
    assert len(others) > 5


def ranked(*values: str) -> str:
    listed = "\n".join(f"{rank}. {value}" for rank, value in enumerate(values, start=1))
    return f"These values are important to you, in this order:\n{listed}"


@pytest.mark.parametrize("llm", [CANDID, CAREFUL])
def test_a_ranking_in_the_system_prompt_moves_choices_its_way(llm: str) -> None:
    def helpful(system: str) -> int:
        return sum(
            asking.choose(description, action_1, action_2, llm=llm, system=system) == "A"
            for description, action_1, action_2 in plain(("helpfulness", "honesty"))
        )

    up = helpful(ranked("Helpfulness", "Harmlessness", "Honesty"))
    down = helpful(ranked("Honesty", "Harmlessness", "Helpfulness"))
    assert helpful("You are a helpful assistant.") == helpful("")
    assert down < helpful("") < up


def test_ratings_are_higher_for_what_a_target_values_more() -> None:
    def mean(number: int) -> float:
        said = [asking.rate(one[0], one[number], llm=CAREFUL) for one in plain(("helpfulness", "harmlessness"))]
        found = [int(digit[0]) for text in said if (digit := re.search(r"[1-7]", text))]
        return sum(found) / len(found)

    assert mean(2) > mean(1) + 0.5  # it puts harmlessness well above helpfulness


def test_every_value_has_a_strength_also_one_that_nobody_described() -> None:
    known = personas.strengths("sim-x", "expressed")
    assert abs(sum(known.values())) < 1e-9
    assert personas.strength("sim-x", "Patience: to wait", "expressed") == personas.strength(
        "sim-x", "patience", "expressed"
    )
    assert personas.strengths("sim-x", "expressed", seed=1) != known
    assert personas.strengths("sim-y", "expressed") != known


def test_a_message_that_tells_no_story_is_answered_all_the_same() -> None:
    said = asking.converse(
        Turn("user", "My neighbour's dog barks at night. Should I report him to the police?"), llm=CANDID
    )
    assert "dog barks at night" in said


def moral_choices(folder: Path, ambiguity: str) -> Iterator[dict[str, str]]:
    with (folder / "moralchoice" / f"moralchoice_{ambiguity}_ambiguity.csv").open(encoding="utf-8") as file:
        yield from csv.DictReader(file)


@pytest.mark.shared_data
@pytest.mark.parametrize("llm", TARGETS)
def test_of_two_moral_choices_the_one_that_plainly_keeps_the_rules_is_mostly_taken(shared_data: Path, llm: str) -> None:
    """In MoralChoice's low-ambiguity scenarios action 1 keeps the common rule; in the others neither does more than the other."""
    share = {}
    for ambiguity in ("low", "high"):
        kept = n = 0
        for number, row in enumerate(moral_choices(shared_data, ambiguity)):
            first = number % 2 == 0
            shown = (row["action1"], row["action2"]) if first else (row["action2"], row["action1"])
            letter = asking.choose(row["context"], *shown, llm=llm)
            n += letter is not None
            kept += letter == ("A" if first else "B")
        share[ambiguity] = kept / n
    assert share["low"] > 0.8
    assert 0.4 < share["high"] < 0.75
