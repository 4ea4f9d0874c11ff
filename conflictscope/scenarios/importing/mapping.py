"""Which column of a file means which field of a scenario: guessed by name, put right by a person, checked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from conflictscope.errors import InvalidInput
from conflictscope.scenarios.models import Scenario


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a column may mean; `known_as`: names under which others have it, letters and digits only."""

    name: str
    about: str
    known_as: tuple[str, ...] = ()


def _text(name: str, *known_as: str) -> Field:
    return Field(name, Scenario.TEXTS[name].about, known_as)


FIELDS = (
    Field("uid", "Its id; made from the words where there is none.", ("id", "idx", "scenarioid", "questionid")),
    _text(
        "description",
        *("scenario", "situation", "context", "dilemma", "dilemmasituation", "question", "text", "vignette"),
    ),
    _text("action_1", "actiona", "optiona", "option1", "choicea", "choice1", "response0", "a"),
    _text("action_2", "actionb", "optionb", "option2", "choiceb", "choice2", "response1", "b"),
    Field("value_1", "The value that action_1 serves: key, name or definition.", ("valuea",)),
    Field("value_2", "The value that action_2 serves.", ("valueb",)),
    Field("template", "minor_benefit, strong_benefit, minor_harm or strong_harm."),
    Field("acting_action", "1 or 2: the action that takes the opportunity."),
    Field("opening_message", "What the user writes first.", ("prompt", "userprompt", "message", "firstmessage")),
    _text("persona", "userpromptpersona"),
    _text("background", "userpromptbackground"),
    _text("goal", "userpromptgoal"),
    _text("consequence_1", "consequencea"),
    _text("consequence_2", "consequenceb"),
    _text("deployment_context", "deployment"),
    _text("outline_context"),
    _text("outline_opportunity", "actionopportunity", "opportunity"),
    _text("domain", "topic", "category", "topicgroup", "subject"),
    Field("status", "drafted, kept, dropped or undecided; drafted where nothing is said."),
)
NAMES = tuple(field.name for field in FIELDS)
ENOUGH = "two actions with a description, or an opening message"


def guessed(columns: Iterable[str]) -> dict[str, str]:
    """Column to field, for the columns whose names tell. A field goes to the first column that may mean it, best name first."""
    plain = {column: re.sub(r"[\W_]+", "", column).lower() for column in columns}
    mapping: dict[str, str] = {}
    for field in FIELDS:
        for name in (field.name.replace("_", ""), *field.known_as):
            matching_column = next(
                (column for column, plain_name in plain.items() if plain_name == name and column not in mapping), None
            )
            if matching_column is not None:
                mapping[matching_column] = field.name
                break
    return {column: mapping[column] for column in plain if column in mapping}


def checked(mapping: Mapping[str, str], columns: Sequence[str], *, source: str) -> dict[str, str]:
    """The mapping without columns that mean nothing.

    Raises:
        InvalidInput: an unknown column or field, a field twice, or too little for a scenario.
    """
    used = {column: field for column, field in mapping.items() if field}
    if unknown := [column for column in used if column not in columns]:
        raise InvalidInput(f"{source} has no column {unknown[0]!r}; its columns are: {', '.join(columns)[:300]}.")
    if wrong := [field for field in used.values() if field not in NAMES]:
        raise InvalidInput(f"There is no field {wrong[0]!r}; fields are: {', '.join(NAMES)}.")
    if twice := [field for field, times in Counter(used.values()).items() if times > 1]:
        both = " and ".join(repr(column) for column, field in used.items() if field == twice[0])
        raise InvalidInput(f"{both} cannot both be {twice[0]}: choose one of them.")
    fields = set(used.values())
    if not ({"description", "action_1", "action_2"} <= fields or "opening_message" in fields):
        raise InvalidInput(
            f"{source}: say which columns mean {ENOUGH}; so far: "
            f"{', '.join(f'{column} = {field}' for column, field in used.items()) or 'none'}."
        )
    if ("value_1" in fields) != ("value_2" in fields):
        raise InvalidInput(f"{source}: a pair of values needs both value_1 and value_2.")
    return used


def completed(given: Mapping[str, str] | None, columns: Sequence[str], *, source: str) -> dict[str, str]:
    """What a person gave, over what is guessed for the columns and fields that they did not name; checked."""
    given = dict(given or {})
    guess = {
        column: field
        for column, field in guessed(columns).items()
        if column not in given and field not in given.values()
    }
    return checked(guess | given, columns, source=source)
