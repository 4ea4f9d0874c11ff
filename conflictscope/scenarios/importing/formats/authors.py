"""The files of the paper's authors: scenarios as CSV with what their filter said, and opening messages as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conflictscope.files.texts import printable
from conflictscope.scenarios.filtering.verdicts import settle
from conflictscope.scenarios.importing.cells import as_text, filled, object_in, truth_in
from conflictscope.scenarios.importing.csv_rows import csv_rows
from conflictscope.scenarios.importing.json_rows import json_texts
from conflictscope.scenarios.importing.records import (
    BadRow,
    ImportedScenario,
    ReadingOptions,
    RowPlace,
    RowProblem,
)
from conflictscope.scenarios.models import Dimension, Scenario, Verdict

CHECKS = {
    "scenario_realism": Dimension.REALISM,
    "scenario_groundedness": Dimension.SPECIFICITY,
    "action_feasibility": Dimension.FEASIBILITY,
    "scenario_impossibility": Dimension.IMPOSSIBILITY,
    "value_guidedness": Dimension.VALUE_GUIDANCE,
    "scenario_ambiguity": Dimension.GENUINE_DILEMMA,
}
# Their names of templates. In coc the action that takes the opportunity serves the value named first, with harm to the
# second as a side effect; in cc it violates the first, which is necessary to serve the second.
TEMPLATES = {
    "coc_mild": (Scenario.Template.MINOR_BENEFIT, Scenario.ActingAction.ACTION_1),
    "coc": (Scenario.Template.STRONG_BENEFIT, Scenario.ActingAction.ACTION_1),
    "cc_mild": (Scenario.Template.MINOR_HARM, Scenario.ActingAction.ACTION_2),
    "cc": (Scenario.Template.STRONG_HARM, Scenario.ActingAction.ACTION_2),
}
# <generator>_<v1>_<v2>_<v1>-<v2>-<template>-<number>; names of values have neither sign, those of generators may
_ID = re.compile(r"(?:.+_)?(?P<first>[^_-]+)-(?P<second>[^_-]+)-(?P<template>coc_mild|coc|cc_mild|cc)-\d+")
LEFT_OVER = "a placeholder <ARTIFACT> stands in the opening message; it is left as it is"


@dataclass(frozen=True, slots=True)
class Named:
    """What an id says: the two values in its order, the template, and which action takes the opportunity."""

    first: str
    second: str
    template: str
    acting_action: str


def named_by(uid: str) -> Named | None:
    """What the authors' ids say of a scenario; None for an id of another shape."""
    match = _ID.fullmatch(uid)
    if match is None:
        return None
    template, acting = TEMPLATES[match["template"]]
    return Named(match["first"], match["second"], template, acting)


class AuthorsPrompts:
    """`<set>.prompts.json`: scenarios with an opening message and nothing else. The authors' scenario CSV, imported into the
    same dataset, completes them."""

    name = "authors_prompts"
    label = "ConflictScope authors' prompts JSON"
    needs = "an object of scenario id and opening message; the value set that its ids name"
    numbers_repeats = False

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedScenario | BadRow]:
        number = 0
        for number, (uid, message) in enumerate(json_texts(path, reading), start=1):
            place = RowPlace(path.name, number)
            named = named_by(uid)
            if named is None:
                yield BadRow(place, printable(uid[:80]), "this id does not end in value1-value2-template-number.")
                continue
            if message is None:
                yield BadRow(place, printable(uid[:80]), "holds no text; every id needs its opening message.")
                continue
            if not message.strip():
                yield BadRow(place, printable(uid[:80]), "the opening message is empty.")
                continue
            yield ImportedScenario(
                uid=uid,
                place=place,
                value_1=named.first,
                value_2=named.second,
                template=named.template,
                acting_action=named.acting_action,
                opening_message=message,
                notes=(LEFT_OVER,) if "<ARTIFACT>" in message else (),
            )


class AuthorsScenarios:
    """Their `<generator>.csv` of filtered scenarios. Values are named by short name or by whole definition. What their filter
    checked becomes verdicts of an imported judge, and those decide the status; where checks are missing, keep_scenario does."""

    name = "authors_scenarios"
    label = "ConflictScope authors' scenario CSV"
    needs = "scenario_id, description, value1, value2, action1, action2; check_results or keep_scenario where there; the value set"
    numbers_repeats = True

    needed = ("scenario_id", "description", "value1", "value2", "action1", "action2")

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedScenario | BadRow]:
        for row_or_bad in csv_rows(path, reading, required=self.needed, needed=self.needed):
            if isinstance(row_or_bad, BadRow):
                yield row_or_bad
                continue
            place, row = row_or_bad
            try:
                yield _scenario(place, row)
            except RowProblem as exc:
                yield exc.at(place)


def _scenario(place: RowPlace, row: dict[str, str]) -> ImportedScenario:
    user = _user(row.get("user_prompt", ""))
    named = named_by(row["scenario_id"])
    outcomes = _outcomes(row.get("check_results", ""))
    keep = truth_in(row.get("keep_scenario", ""), column="keep_scenario")
    status, notes = _status(outcomes, keep)
    return ImportedScenario(
        uid=row["scenario_id"],
        place=place,
        value_1=row["value1"],
        value_2=row["value2"],
        template=named.template if named else "",
        acting_action=named.acting_action if named else Scenario.ActingAction.UNKNOWN,
        acting_between=(named.first, named.second) if named else None,
        outline_context=filled(row.get("context", "")),
        outline_opportunity=filled(row.get("action_opportunity", "")),
        description=row["description"],
        persona=user["persona"],
        background=user["background"],
        goal=user["goal"],
        action_1=row["action1"],
        action_2=row["action2"],
        consequence_1=filled(row.get("consequence1", "")),
        consequence_2=filled(row.get("consequence2", "")),
        verdicts=outcomes,
        status=status,
        notes=notes,
    )


def _user(cell: str) -> dict[str, str]:
    """Persona, background and goal. A cell of plain words is the persona; further keys are told after it."""
    user = {"persona": "", "background": "", "goal": ""}
    if filled(cell) and not cell.lstrip().startswith("{"):
        return user | {"persona": cell}
    more = []
    for key, value in object_in(cell, column="user_prompt").items():
        name, text = key.strip().lower(), as_text(value)
        if name in user:
            user[name] = text
        elif text:
            more.append(f"{key.strip()}: {text}")
    user["persona"] = "\n".join(part for part in (user["persona"], *more) if part)
    return user


def _outcomes(cell: str) -> dict[str, str]:
    outcomes: dict[str, str] = {}
    for check, value in object_in(cell, column="check_results").items():
        if check not in CHECKS:
            raise RowProblem("check_results", f"{check[:40]!r} is unknown; checks are {', '.join(CHECKS)}.")
        passed = truth_in(value, column="check_results")
        if passed is not None:
            outcomes[CHECKS[check]] = Verdict.Outcome.PASS if passed else Verdict.Outcome.FAIL
    return outcomes


def _status(outcomes: dict[str, str], keep: bool | None) -> tuple[str, tuple[str, ...]]:
    by_verdicts = settle(outcomes)
    if by_verdicts == Scenario.Status.DRAFTED:
        if keep is None:
            return "", ()
        return (Scenario.Status.KEPT if keep else Scenario.Status.DROPPED), ()
    if keep is not None and keep != (by_verdicts == Scenario.Status.KEPT):
        return by_verdicts, ("keep_scenario says otherwise than check_results; the checks decide",)
    return by_verdicts, ()
