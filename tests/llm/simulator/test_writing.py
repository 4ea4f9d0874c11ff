"""What the simulated generator and user write: whole sentences, one story from outline to opening message, known flaws."""

from __future__ import annotations

import re
from collections import Counter
from math import prod

import pytest

from conflictscope.llm.simulator.cases import CASES, STRANDS, Found
from conflictscope.llm.simulator.phrases import phrases_of
from conflictscope.llm.simulator.pronouns import Person, Voice
from conflictscope.llm.simulator.reading import action_served, truth_of
from conflictscope.llm.simulator.values import KNOWN
from conflictscope.llm.simulator.writing.scenarios import FLAW_SHARES
from tests.llm.simulator import asking

HHH_PAIRS = [("helpfulness", "honesty"), ("helpfulness", "harmlessness"), ("honesty", "harmlessness")]
PAIRS = [*HHH_PAIRS, ("autonomy", "privacy"), ("honesty", "patience")]
USES = ("act", "cost", "pull", "plea", "good", "bad", "reply", "slight")
UNTIDY = re.compile(r"[{}]|  |\.\.(?!\.)|,,|\s[.,;]|\bNone\b|(?:^|[.!?] )[a-z]")


def test_the_same_request_gets_the_same_outlines_and_another_seed_others() -> None:
    first = asking.outlines("helpfulness", "honesty")
    assert asking.outlines("helpfulness", "honesty") == first
    assert asking.outlines("helpfulness", "honesty", seed=8) != first
    assert asking.outlines("helpfulness", "honesty", n=1) != first


@pytest.mark.parametrize("number", [1, 5, 13])
def test_as_many_outlines_are_written_as_were_asked_for(number: int) -> None:
    assert len(asking.outlines("honesty", "harmlessness", number=number)) == number


@pytest.mark.parametrize(("value_1", "value_2"), PAIRS)
def test_every_text_is_made_of_whole_sentences(value_1: str, value_2: str) -> None:
    for scenario in asking.scenarios(value_1, value_2):
        blurred = "[Name]" in scenario["description"]
        for name, text in scenario.items():
            assert text
            if name != "acting" and not blurred:
                assert not UNTIDY.search(text), f"{name}: {text}"
        message = asking.opening(scenario)
        assert not UNTIDY.search(message.partition('"')[0]), message


@pytest.mark.parametrize("pair", PAIRS)
def test_the_opportunity_serves_the_value_whose_turn_it_is(pair: tuple[str, str]) -> None:
    for scenario in asking.scenarios(*pair):
        assert action_served(scenario["opportunity"]) == pair[int(scenario["acting"]) - 1]


def test_a_scenario_goes_on_with_the_people_and_the_place_of_its_outline() -> None:
    for scenario in asking.scenarios("helpfulness", "honesty"):
        person = scenario["persona"].partition(",")[0]
        if "[" in person or person in ("A certain person", "Person X"):
            continue  # a flaw of its own: names gave way to placeholders
        assert person in scenario["context"]
        assert person in scenario["description"]
        assert person.partition(" ")[0] in scenario["goal"] + scenario["background"] + scenario["action_1"]


def test_the_user_tells_the_story_in_the_first_person_and_does_not_speak_of_values() -> None:
    for scenario in asking.scenarios("honesty", "harmlessness", 2):
        message = asking.opening(scenario)
        person = scenario["persona"].partition(",")[0]
        assert person not in message
        assert re.search(r"\bI\b|\bI'm\b|\bmy\b", message)
        assert "honesty" not in message
        assert "harmlessness" not in message


def test_a_situation_of_others_is_told_as_it_stands() -> None:
    told = {
        "description": "Maria praised her colleague's report. Now he asks her to be frank.",
        "persona": "a teacher from Lima",
        "background": "She has known him for years.",
        "goal": "She wants to keep the friendship.",
    }
    message = asking.opening(told)
    assert "Maria praised her colleague's report." in message
    assert "a teacher from Lima" in message


def test_a_plain_scenario_passes_every_question_and_flaws_have_their_known_shares() -> None:
    failed: Counter[str] = Counter()
    scenarios = [(pair, one) for pair in HHH_PAIRS for one in asking.scenarios(*pair)]
    for (value_1, value_2), one in scenarios:
        truth = truth_of(
            one["description"], one["action_1"], one["action_2"], value_1, value_2, user=asking.user_of(one)
        )
        good = {**dict.fromkeys(truth, "yes"), "value_guidance_1": "action_1", "value_guidance_2": "action_2"}
        wrong = {
            question.removesuffix("_1").removesuffix("_2") for question in truth if truth[question] != good[question]
        }
        failed.update(wrong or {"none"})
    n = len(scenarios)
    shares = {
        "realism": FLAW_SHARES["unrealistic"],
        "specificity": FLAW_SHARES["unspecific"],
        "feasibility": FLAW_SHARES["infeasible"],
        "impossibility": FLAW_SHARES["compatible"],
        "value_guidance": FLAW_SHARES["misguided"],
        "genuine_dilemma": FLAW_SHARES["no_dilemma"],
    }
    for question, share in shares.items():
        spread = 4 * (share * (1 - share) / n) ** 0.5
        assert abs(failed[question] / n - share) < spread, question
    plain = prod(1 - share for share in FLAW_SHARES.values())
    assert abs(failed["none"] / n - plain) < 4 * (plain * (1 - plain) / n) ** 0.5


@pytest.mark.parametrize("voice", ["first", "second", "third"])
def test_every_phrase_of_every_value_can_be_said_of_every_case(voice: Voice) -> None:
    for strand in STRANDS:
        setting = strand.settings[0]
        for case in strand.cases:
            story = Found(
                case, Person("Marta", "Okafor"), Person("Luc", "Varga"), setting, setting.org, "Graz", "tonight", True
            )
            slots = {**story.slots(voice), "harm": "somebody is hurt"}
            for value in KNOWN:
                for use in USES:
                    for phrase in phrases_of(value, use):  # type: ignore[arg-type]
                        said = phrase.text.format_map(slots)
                        assert "{" not in said
                        if voice != "third":
                            assert "Marta" not in said


def test_cases_have_names_of_their_own_and_users_who_have_them() -> None:
    assert len({case.short for strand in STRANDS for case in strand.cases}) > 20
    assert len(CASES) == sum(len(strand.cases) for strand in STRANDS)
    for strand in STRANDS:
        users = {setting.who for setting in strand.settings}
        for case in strand.cases:
            assert set(case.by) <= users
            assert any(case.fits(setting) for setting in strand.settings)
        assert all(any(case.fits(setting) for case in strand.cases) for setting in strand.settings)
