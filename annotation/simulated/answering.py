"""What a simulated annotator answers to a sheet of the labelling API, and how long it takes them.

It depends on the seed, on who they are and on what they read, and on nothing else: not on the order of the actions (but for
those who do not read), nor on when or after whom they came.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.kinds import KINDS
from annotation.models import Campaign
from annotation.questions import MIDDLE, NO_OTHER, Control
from conflictscope.errors import InvalidInput
from conflictscope.llm.simulator import draws, reading
from conflictscope.scenarios.filtering.dimensions import ACTION_1, ACTION_2, BOTH, NEITHER, NO, YES
from conflictscope.scenarios.option_orders import FARTHEST

Sheet = Mapping[str, Any]  # as `annotation.api.serializers.SheetSerializer` describes it

# An honest person; one who answers at random; one who reads the first twenty items; one who always takes the first answer; one who
# copies another; and a program, right as often and as regular as a clock.
KINDS_OF_PEOPLE = ("honest", "random", "careless", "always_a", "colluder", "agent")
CARELESS_AFTER = 20
AGENT_SECONDS = 6
READERS = 4.0  # words a second of a person who reads with care
# How the actions of a sheet are called there, and what they are called where the truth is told.
_LETTERS = {ACTION_1: "a", ACTION_2: "b"}
_SECONDS_A_QUESTION = 5


@dataclass(frozen=True, slots=True)
class Annotator:
    """Who answers, and how.

    Attributes:
        accuracy: of the answers that follow a reading, the share that is true.
        speed: words they read in a second; with some seconds a question it makes their time at work.
        bias: the share of answers given without reading: yes, action A, the middle of a scale.
        doubt: where a second answer may be marked, the share of answers beside which they mark one: the truth beside a
            mistake, a mistake beside the truth.
        kind: what sort of person, one of `KINDS_OF_PEOPLE`. copies: of a colluder, the name of whom they copy.

    Raises:
        InvalidInput: a share that is none, no speed, or no such kind.
    """

    name: str
    accuracy: float = 0.9
    speed: float = READERS
    bias: float = 0.0
    seed: int = 0
    doubt: float = 0.0
    kind: str = "honest"
    copies: str = ""

    def __post_init__(self) -> None:
        for what, share in (("An accuracy", self.accuracy), ("A bias", self.bias), ("A doubt", self.doubt)):
            if not 0 <= share <= 1:
                raise InvalidInput(f"{what} is a probability from 0 to 1, not {share:g}.")
        if self.kind not in KINDS_OF_PEOPLE:
            raise InvalidInput(f"There is no kind of annotator {self.kind!r}. The kinds: {', '.join(KINDS_OF_PEOPLE)}.")
        if not (self.speed > 0 and math.isfinite(self.speed)):
            raise InvalidInput(f"A speed is a number of words a second above 0, not {self.speed:g}.")

    def answers_to(self, sheet: Sheet) -> dict[str, str]:
        """What they would send: for each question the truth, or a mistake, or what is nearest at hand."""
        if not self._reads(sheet):
            return {question["field"]: self._blindly(question, sheet) for question in sheet["questions"]}
        truth = true_answers(sheet)
        return {
            question["field"]: self._answer(question, truth[question["field"]], sheet)
            for question in sheet["questions"]
        }

    def _reads(self, sheet: Sheet) -> bool:
        """Whether they read this item at all."""
        if self.kind == "careless":
            return int(sheet.get("progress", {}).get("done", 0)) < CARELESS_AFTER
        return self.kind not in ("random", "always_a")

    def _blindly(self, question: Mapping[str, Any], sheet: Sheet) -> str:
        options = [str(option["value"]) for option in question["options"]]
        if self.kind == "always_a":
            return options[0]
        return draws.pick(options, "at random", self.seed, self.name, *_asked_about(question["field"], sheet))

    def second_answers_to(self, sheet: Sheet, answers: Mapping[str, str]) -> dict[str, str]:
        """What they find defensible beside what they answer; where the sheet asks for it also that nothing is."""
        truth = true_answers(sheet)
        second = {}
        for question in sheet["questions"]:
            if not question["may_have_two"]:
                continue
            field = question["field"]
            key = (self.seed, self.name, *_asked_about(field, sheet))
            if draws.chance(self.doubt, "in doubt", *key):
                right = answers[field] == truth[field]
                second[field] = _mistake(question, truth[field], sheet, key) if right else truth[field]
            elif sheet["second_answers"] == Campaign.SecondAnswers.ASKED:
                second[field] = NO_OTHER
        return second

    def seconds_for(self, sheet: Sheet) -> int:
        """Some seconds for reading and some for each question, more or fewer by the person and by the item."""
        text = "\n".join(_texts(sheet))
        if self.kind == "agent":
            return AGENT_SECONDS
        if self.kind in ("random", "always_a"):
            return draws.pick(range(5, 15), "clicks", self.seed, self.name, text)
        hurry = 1.0 if self._reads(sheet) else 0.3
        pace: float = 1.2 ** (
            draws.normal(self.seed, self.name, "pace") + draws.normal(self.seed, self.name, "pace", text)
        )
        return round(hurry * pace * (len(text.split()) / self.speed + _SECONDS_A_QUESTION * len(sheet["questions"])))

    def _answer(self, question: Mapping[str, Any], truth: str, sheet: Sheet) -> str:
        key = (self.seed, self.copies or self.name, *_asked_about(question["field"], sheet))
        if self.bias and draws.chance(self.bias, "without reading", *key):
            return str(MIDDLE) if question["control"] == Control.SCALE else str(question["options"][0]["value"])
        if draws.chance(self.accuracy, "right", *key):
            return truth
        return _mistake(question, truth, sheet, key)


def true_answers(sheet: Sheet) -> dict[str, str]:
    """What is true of a sheet, by the fields and in the words of the sheet."""
    answers: dict[str, str] = KINDS[sheet["kind"]].true_answers(sheet)
    return answers


def true_of_scenario(sheet: Sheet) -> dict[str, str]:
    """What the text of a scenario comes to, question by question."""
    content = sheet["content"]
    values = {each["field"]: each["value"]["name"] for each in sheet["questions"] if each["value"] is not None}
    truth = reading.truth_of(
        content["description"],
        *_actions(sheet),
        values.get("value_guidance_1", ""),
        values.get("value_guidance_2", ""),
        user="\n".join(filter(None, (content["persona"], content["background"], content["goal"]))),
    )
    fields = {"feasibility_1": "feasibility_a", "feasibility_2": "feasibility_b"}
    return {fields.get(key, key): _LETTERS.get(answer, answer) for key, answer in truth.items()}


def true_of_conversation(sheet: Sheet) -> dict[str, str]:
    turns = sheet["content"]["transcript"]
    transcript = "\n".join(f"{turn['role'].capitalize()}: {turn['text']}" for turn in turns)
    taken = reading.action_taken(transcript, *_actions(sheet)).lower()
    waits = reading.spoken_by_assistant(transcript).rstrip().endswith("?")
    return {
        "action_taken": taken,
        "action_strength": _strength(taken, transcript, sheet),
        "resolved": NO if taken == NEITHER and waits else YES,
    }


def preferred(sheet: Sheet) -> dict[str, str]:
    """A community of one mind: it weighs values alike everywhere, and actions that serve none it knows by their words."""
    first, second = _actions(sheet)
    weights = [
        draws.normal("community", served)
        if (served := reading.action_served(text))
        else draws.normal("community", text)
        for text in (first, second)
    ]
    choice = "a" if weights[0] > weights[1] else "b"
    return {"preferred_action": choice, "preference_strength": _strength(choice, "preference", sheet)}


def _strength(choice: str, said: str, sheet: Sheet) -> str:
    steps = draws.pick((0, 0, 1, 1, 2), "strength", said, *sorted(_actions(sheet)))
    return str({"a": 1 + steps, "b": FARTHEST - steps}.get(choice, MIDDLE))


def _mistake(question: Mapping[str, Any], truth: str, sheet: Sheet, key: Sequence[object]) -> str:
    if truth in (YES, NO):
        return NO if truth == YES else YES
    if question["control"] == Control.SCALE:
        # Drawn as a distance from the truth along the scale of the actions in an order of their own.
        places = [place for place in range(1, FARTHEST + 1) if str(place) != truth]
        if _swapped(sheet):
            places.reverse()
        return str(draws.pick(places, "mistake", *key))
    if truth in _LETTERS.values():
        # As with judges, most mistakes take one action for the other; the rest see both or neither.
        other = "b" if truth == "a" else "a"
        return draws.pick((other, other, other, BOTH, NEITHER), "mistake", *key)
    in_one_order = ("b", "a") if _swapped(sheet) else ("a", "b")
    others = [answer for answer in (*in_one_order, BOTH, NEITHER) if answer != truth]
    return draws.pick(others, "mistake", *key)


def _asked_about(field: str, sheet: Sheet) -> Sequence[str]:
    """What a question is about, said without the order of the actions."""
    content = sheet["content"]
    situation = content["description"] or "\n".join(turn["text"] for turn in content["transcript"])
    texts = (situation, *sorted(_actions(sheet)))
    if field in ("feasibility_a", "feasibility_b"):
        return "feasibility", _actions(sheet)["ab".index(field[-1])], *texts
    return field, *texts


def _actions(sheet: Sheet) -> tuple[str, str]:
    first, second = sheet["actions"]
    return first["text"], second["text"]


def _swapped(sheet: Sheet) -> bool:
    first, second = _actions(sheet)
    return second < first


def _texts(sheet: Sheet) -> list[str]:
    content = sheet["content"]
    parts = [content[part] for part in ("description", "persona", "background", "goal")]
    return [*parts, *(turn["text"] for turn in content["transcript"]), *sorted(_actions(sheet))]
