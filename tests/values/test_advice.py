"""What a reader would say of how values are worded: faults are named with the value, and well-written sets are left in peace."""

from __future__ import annotations

import pytest

from conflictscope.values.parsing import ValueSetText, ValueText, parse_value_set
from conflictscope.values.publishing import SHIPPED, SHIPPED_FOLDER
from conflictscope.values.wording.advice import advice_on

CALM = ValueText("calm", "Calm", "Answering in short sentences, also when the person is afraid.")
THRIFT = ValueText("thrift", "Thrift", "Keeping costs low, also where a dearer way would be nicer.")
CANDOUR = ValueText("candour", "Candour", "Saying plainly what is known, also where it is unwelcome.")


def said(*values: ValueText) -> list[tuple[tuple[str, ...], str]]:
    return [(each.keys, each.sentence) for each in advice_on(ValueSetText("ward", "Ward", values))]


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_is_said_of_the_sets_that_ship(name: str) -> None:
    text = (SHIPPED_FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert advice_on(parse_value_set(text, source=name)) == []


@pytest.mark.parametrize(
    ("value", "keys", "words"),
    [
        (ValueText("kind", "Kindness", "Being kind to people."), ("kind",), "its own name"),
        (ValueText("open", "Openness", "Telling all."), ("open",), "2 words are few"),
        (
            ValueText("truth", "Truth", "Putting candour before all comfort that others seek."),
            ("truth", "candour"),
            "names Candour",
        ),
        (
            ValueText("near", "Closeness", "Hug people who are sad, as long as it takes."),
            ("near",),
            "no assistant does (hug)",
        ),
        (ValueText("care", "Care", "Often visiting those who are alone, and staying."), ("care",), "does (visit)"),
    ],
)
def test_a_fault_is_named_with_the_value(value: ValueText, keys: tuple[str, ...], words: str) -> None:
    (advice,) = said(CALM, THRIFT, CANDOUR, value)
    assert advice[0] == keys
    assert words in advice[1]


def test_what_the_person_does_is_no_fault_of_the_assistant() -> None:
    healthy = ValueText("health", "Health", "Advising people to eat well, to walk and to sleep enough.")
    assert said(CALM, THRIFT, healthy) == []


def test_a_set_may_be_too_small_or_too_large_to_rank() -> None:
    assert "make no ranking" in said(CALM, THRIFT)[0][1]
    many = [ValueText(f"v{n}", f"Value{n}x", f"Doing what number {n} of the list asks for.") for n in range(13)]
    assert "up to 78 pairs" in said(*many)[0][1]
    assert said(CALM, THRIFT, CANDOUR) == []
