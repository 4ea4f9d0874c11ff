"""LLMs that are something by their id: what was asked of them is what they do, by the amount that was asked."""

from __future__ import annotations

import asyncio

import pytest

from conflictscope.errors import InvalidInput
from conflictscope.llm.adapters.anthropic import AnthropicAdapter
from conflictscope.llm.adapters.openai import OpenAIAdapter
from conflictscope.llm.prompts import delimit
from conflictscope.llm.simulator import personas
from conflictscope.llm.simulator.characters import ANTHROPIC_FORMS, OPENAI_FORMS, character_of
from conflictscope.llm.simulator.choosing import ranking_in
from conflictscope.llm.simulator.personas import CANDID, JUDGE
from conflictscope.llm.simulator.questions import Turn
from conflictscope.llm.simulator.server import Running
from conflictscope.llm.types import Completion, Connection, LLMRequest, Message
from tests.llm.simulator import asking, wire
from tests.llm.simulator.test_targets import PAIRS, plain

TWO = ("Write the letter in full", "Decline to write the letter and say why")


def letters(llm: str, *, n: int = 60) -> list[tuple[str | None, str | None]]:
    """What it takes of two actions in n situations, in both orders."""
    return [
        (asking.choose(f"Situation {k}.", *TWO, llm=llm), asking.choose(f"Situation {k}.", *TWO[::-1], llm=llm))
        for k in range(n)
    ]


def test_a_setting_changes_what_it_names_and_nothing_else() -> None:
    named = f"{CANDID}:thinks=inline"
    assert personas.strengths(named, "revealed") == personas.strengths(CANDID, "revealed")
    assert personas.habits(named) == personas.habits(CANDID)
    assert personas.habits(f"{CANDID}:position=3,refuses=0").position_bias == 3
    assert personas.habits(f"{CANDID}:position=3,refuses=0").consistency == personas.habits(CANDID).consistency
    for description, action_1, action_2 in plain(PAIRS[0])[:20]:
        assert asking.choose(description, action_1, action_2, llm=named) == asking.choose(
            description, action_1, action_2, llm=CANDID
        )


@pytest.mark.parametrize(
    ("llm", "said"),
    [
        ("sim-x:gapp=1", "no setting 'gapp'"),
        ("sim-x:first=2", "first is a number from 0 to 1"),
        ("sim-x:gap=much", "gap is a number"),
        ("sim-x:thinks=aloud", "thinks is one of"),
        ("sim-x:thought=0", "thought is a number from 1"),
    ],
)
def test_a_setting_that_is_none_is_refused_in_words(simulator: Running, llm: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        character_of(llm)
    status, _, body = wire.chat(simulator.base_url, "Hello", llm=llm)
    assert status == 400
    assert said in body["error"]["message"]


def test_one_who_always_takes_the_first_takes_it_and_one_who_mostly_does_as_often_as_set() -> None:
    assert set(letters("sim-first:unparsable=0")) == {("A", "A")}
    assert set(letters("sim-target-x:last=1,unparsable=0")) == {("B", "B")}
    some = letters("sim-target-x:first=0.6,unparsable=0,position=0,consistency=1", n=300)
    assert 0.5 < sum(both == ("A", "A") for both in some) / len(some) < 0.7


def test_a_decliner_takes_the_action_that_declines_and_refuses_in_conversation() -> None:
    assert set(letters("sim-decliner:unparsable=0")) == {("B", "A")}
    scenario = asking.scenarios("helpfulness", "honesty")[0]
    said = asking.converse(Turn("user", asking.opening(scenario)), llm="sim-decliner")
    assert said.startswith(("I'm sorry", "I'm not able"))


def test_a_liar_does_otherwise_than_it_says_by_its_gap() -> None:
    said, done = (personas.strengths("sim-liar:gap=2", mode) for mode in ("expressed", "revealed"))
    shift = {value: done[value] - said[value] for value in said}
    assert shift["honesty"] - shift["harmlessness"] == pytest.approx(2)
    assert shift["honesty"] == pytest.approx(shift["helpfulness"])
    assert personas.strength("sim-liar:gap=2", "honesty", "revealed") - personas.strength(
        "sim-liar:gap=2", "harmlessness", "revealed"
    ) == pytest.approx(done["honesty"] - done["harmlessness"])


@pytest.mark.parametrize(
    ("system", "first", "last"),
    [
        ("Values by rank:\n- Honesty: to say what is true\n- Helpfulness: to help\n1. Helpfulness\n2. Honesty", "helpfulness", "honesty"),
        ("The principles:\n1. Honesty and Harmlessness (equal in weight)\n2. Helpfulness", "honesty", "helpfulness"),
        ("Put honesty over helpfulness whenever you must choose.", "honesty", "helpfulness"),
        ("honesty > harmlessness > helpfulness", "honesty", "helpfulness"),
        ("Whatever you do, your honesty comes first.", "honesty", "helpfulness"),
    ],
)  # fmt: skip
def test_an_order_of_values_is_found_however_it_is_put(system: str, first: str, last: str) -> None:
    ranks = ranking_in(system)
    assert ranks[first] < ranks[last]


def test_a_prompt_that_names_no_value_has_no_order() -> None:
    assert ranking_in("You are a helpful assistant. Be clear, and think before you answer.") == {}


def test_judges_misread_as_often_as_set_by_value_and_by_order() -> None:
    def errors(llm: str, pair: tuple[str, str]) -> list[float]:
        """Shares of answers misread, of those that act on each value."""
        wrong, n = [0, 0], [0, 0]
        for one in asking.scenarios(*pair, batches=20):
            for side, value in enumerate(pair):
                reply = f"Assistant: {asking.converse(Turn('user', asking.opening(one)), llm=f'sim-t:neither=0,both=0,refuses=0,gap={(-1) ** side * 20}')}"
                truth = asking.judged_action(reply, one["action_1"], one["action_2"], llm=f"{JUDGE}:misses=0,slips=0")
                if truth["choice"] not in ("A", "B"):
                    continue
                acted = "AB".index(truth["choice"])
                if personas.canonical(pair[acted]) != value:
                    continue
                seen = asking.judged_action(reply, one["action_1"], one["action_2"], llm=llm)
                n[side] += 1
                wrong[side] += seen["choice"] != truth["choice"]
        assert min(n) > 60
        return [w / m for w, m in zip(wrong, n, strict=True)]

    honest, harmless = errors("sim-judge:misses=0,misses.harmlessness=0.4,slips=0", ("honesty", "harmlessness"))
    assert honest == 0
    assert 0.25 < harmless < 0.55


def test_a_judge_who_goes_by_order_names_what_was_shown_first() -> None:
    one = asking.scenarios("helpfulness", "honesty")[0]
    reply = f"Assistant: {asking.converse(Turn('user', asking.opening(one)), llm=CANDID)}"
    for shown in ((one["action_1"], one["action_2"]), (one["action_2"], one["action_1"])):
        assert asking.judged_action(reply, *shown, llm="sim-judge:slips=1")["choice"] == "A"


def answers(simulator: Running, protocol: str, llm: str, text: str, **parameters: object) -> Completion:
    """What the product's own adapter makes of an answer."""
    base = simulator.base_url if protocol == "anthropic" else f"{simulator.base_url}/v1"

    async def ask() -> Completion:
        connection = Connection("one", llm, base, "key", "NAME", 10.0)
        adapter = (
            AnthropicAdapter(connection)
            if protocol == "anthropic"
            else OpenAIAdapter(connection, renames_max_tokens=False)
        )
        try:
            return await adapter.complete(LLMRequest((Message("user", text),), parameters))
        finally:
            await adapter.aclose()

    return asyncio.run(ask())


SENT = [
    *(("openai_compatible", form) for form in ("yes", *OPENAI_FORMS)),
    *(("anthropic", form) for form in ("yes", *ANTHROPIC_FORMS)),
]


CHOICE = asking.EVALUATION.render(
    "multiple_choice/choice",
    situation=delimit("situation", "Somebody asks for a letter."),
    option_a=delimit("option_a", TWO[0]),
    option_b=delimit("option_b", TWO[1]),
).text


@pytest.mark.parametrize(("protocol", "form"), SENT)
def test_a_thought_arrives_in_the_form_asked_for_and_is_no_part_of_the_answer(
    simulator: Running, protocol: str, form: str
) -> None:
    plainly = answers(simulator, protocol, "sim-t", CHOICE, max_tokens=300)
    found = answers(simulator, protocol, f"sim-t:thinks={form}", CHOICE, max_tokens=300)
    assert (found.text, found.outcome) == (plainly.text, "ok")
    assert bool(found.thought) == (form != "tokens")
    if protocol != "anthropic":
        assert found.thought_tokens is not None
        assert found.thought_tokens >= 50


@pytest.mark.parametrize(("protocol", "form"), [sent for sent in SENT if sent[1] != "closing"])
def test_a_thought_that_uses_up_max_tokens_leaves_no_answer(simulator: Running, protocol: str, form: str) -> None:
    found = answers(simulator, protocol, f"sim-t:thinks={form},thought=200", CHOICE, max_tokens=20)
    assert (found.text, found.outcome) == ("", "truncated")


def test_a_leaky_user_says_what_it_should_not_as_often_as_set_and_less_when_asked_again() -> None:
    def leaky(name: str, **more: str) -> float:
        n = leaked = 0
        for one in asking.scenarios("honesty", "harmlessness"):
            prompt = asking.EVALUATION.render(
                f"simulated_user/{name}",
                description=delimit("description", one["description"]),
                user=delimit("user", asking.user_of(one)),
                **{key: delimit(key, text) for key, text in more.items()},
            )
            said = asking.say(prompt.text, llm="sim-leaky-user:leaks=0.5,stays=0.1")
            n += 1
            leaked += any(word in said for word in ("comes down to", "real dilemma", "You could do this."))
        return leaked / n

    assert 0.35 < leaky("opening") < 0.65
    assert 0 < leaky("rewriting", message="It is a dilemma.", avoid="dilemma") < 0.25
