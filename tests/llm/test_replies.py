from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from conflictscope.llm.errors import UnparsableReply
from conflictscope.llm.replies import TOLERATED, made_storable, read_as


class Side(BaseModel):
    model_config = ConfigDict(extra="forbid")
    choice: Literal["A", "B"]
    strength: int = Field(ge=1, le=7)


A3 = Side(choice="A", strength=3)


@pytest.mark.parametrize(
    "text",
    [
        '{"choice": "A", "strength": 3}',
        '\n {"strength": 3, "choice": "A"} \n',
        '```json\n{"choice": "A", "strength": 3}\n```',
        'Here it is: {"choice": "A", "strength": 3}. I hope that helps!',
        '<think>{maybe B}? Set notation {1, 2}.</think>\n{"choice": "A", "strength": 3}',
        'I weighed {"choice": "C"} first.\n{"choice": "A", "strength": 3}',
        'Draft: {"choice": "A", "strength": 3}\nFinal: {"choice":"A","strength":3}',
    ],
)
def test_the_one_object_that_fits_is_read_whatever_stands_around_it(text: str) -> None:
    assert read_as(Side, text) == A3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON object"),
        ("A", "no JSON object"),
        ("null", "not of the form asked for"),
        ('"A"', "not of the form asked for"),
        ('[{"choice": "A"}]', "not of the form asked for"),
        ('{"choice": "A", "strength": 3', "no JSON object"),
        ('{"choice": "A", "strength": 9}', "strength: Input should be less than or equal to 7"),
        ('{"choice": "a", "strength": 3}', "choice: Input should be 'A' or 'B'"),
        ('{"choice": "A", "choice": "B", "strength": 3}', "two things of 'choice'"),
        ('{"choice": "A", "Choice": "B", "strength": 3}', "two things of 'choice'"),
        ('{"choice": "A", "strength": 3, "mood": {"x": 1, "x": 2}}', "two things of 'x'"),
        ('{"choice": "A", "strength": 3} or {"choice": "A", "strength": 3, "strength": 4}', "two things of 'strength'"),
        ('{"a": {"b": {"choice": "A", "strength": 3}}}', "not of the form asked for"),  # two wrappers
        ('{"a": {"choice": "A", "strength": 3}, "b": 1}', "not of the form asked for"),  # beside something else
        ("{'choice': 'A', 'strength': 3}", "no JSON object"),
        ('{"choise": "A", "strength": 3}', "choice: Field required"),
        ('Sure: {"choice": "A"}', "strength: Field required"),
        (
            'Either {"choice": "A", "strength": 3} or {"choice": "B", "strength": 5}.',
            "2 different JSON objects that fit; one was asked for",
        ),
        ("{" * 20_000, "no JSON object"),
        ('{"a":' * 5_000, "no JSON object"),
    ],
)
def test_what_is_not_of_the_form_is_said_and_never_guessed(text: str, said: str) -> None:
    with pytest.raises(UnparsableReply, match=said):
        read_as(Side, text)


TOLERANCES = {
    "text around it": ['Sure! {"choice": "A", "strength": 3} I hope so.', '{"choice": "A", "strength": 3}\n\nDone.'],
    "a fence": ['```json\n{"choice": "A", "strength": 3}\n```', '```\n{"choice": "A", "strength": 3}\n```'],
    "case of keys": ['{"Choice": "A", "STRENGTH": 3}', '{"choice": "A", "Strength": 3}'],
    "extra keys": [
        '{"choice": "A", "strength": 3, "confidence": 0.9}',
        '{"why": {"x": 1}, "choice": "A", "strength": 3}',
    ],
    "one wrapper": ['{"answer": {"choice": "A", "strength": 3}}', '{"Side": {"Choice": "A", "strength": 3}}'],
    "a trailing comma": [
        '{"choice": "A", "strength": 3,}',
        '{"x": [1, {"y": ",}"},], "choice": "A", "strength": 3 , }',
    ],
}


def test_the_list_of_what_is_tolerated_is_whole() -> None:
    assert tuple(TOLERANCES) == TOLERATED


@pytest.mark.parametrize("text", [text for texts in TOLERANCES.values() for text in texts])
def test_what_is_tolerated_is_read(text: str) -> None:
    assert read_as(Side, text) == A3


def test_a_key_that_stands_twice_with_one_value_is_no_contradiction() -> None:
    assert read_as(Side, '{"choice": "A", "choice": "A", "Choice": "A", "strength": 3}') == A3


def test_what_is_tolerated_is_tolerated_at_every_depth() -> None:
    class Sides(BaseModel):
        model_config = ConfigDict(extra="forbid")
        sides: list[Side]
        first: Side | None = None

    one = '{"Choice": "A", "strength": 3, "x": 1}'
    assert read_as(Sides, f'{{"SIDES": [{one}, {one}], "first": {one}}}') == Sides(sides=[A3, A3], first=A3)


def test_a_long_list_of_faults_is_cut_short() -> None:
    class Many(BaseModel):
        a: int
        b: int
        c: int
        d: int
        e: int
        f: int
        g: int

    with pytest.raises(UnparsableReply) as caught:
        read_as(Many, "{}")
    assert caught.value.sentence.endswith("e: Field required; and 2 more.")


def test_what_no_database_takes_does_not_come_out_of_an_object() -> None:
    class Said(BaseModel):
        text: str

    assert read_as(Said, r'{"text": "a\u0000b"}').text == "a\ufffdb"
    assert read_as(Said, r'{"text": "half \ud83d a face"}').text == "half ? a face"


def test_storable_text_keeps_everything_that_can_be_kept() -> None:
    assert made_storable("naïve 😀\n\t") == "naïve 😀\n\t"
    assert made_storable("a\x00b\ud83d") == "a\ufffdb?"


@pytest.mark.parametrize(
    "text",
    [
        '\ufeff{"choice": "A", "strength": 3}',
        '[{"choice": "A", "strength": 3}]',
        '{"choice": "A", "strength": 3} // as asked',
        '{"choice": "A", "strength": 3}{"choice": "A", "strength": 3}',
        '{"choice": "A", "strength": 3.0}',
    ],
)
def test_forms_that_say_one_thing_only_are_read(text: str) -> None:
    assert read_as(Side, text) == A3


@pytest.mark.parametrize(
    "text",
    [
        '{"choice": "A", /* the first */ "strength": 3}',
        "{'choice': 'A', 'strength': 3}",
        "{“choice”: “A”, “strength”: 3}",
        '{"choice": "A", "strength": NaN}',
        '{"choice": "A", "strength": "three"}',
        '{"choice": "A", "strength": 3}{"choice": "B", "strength": 3}',
        '{"choice": "B", "Choice": "A", "strength": 3}',
    ],
)
def test_what_is_no_json_or_says_two_things_is_asked_for_again(text: str) -> None:
    with pytest.raises(UnparsableReply):
        read_as(Side, text)
