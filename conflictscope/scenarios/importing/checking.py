"""Whether a record makes a scenario, and its columns as the table has them: values in the order of the value set."""

from __future__ import annotations

import re
from dataclasses import dataclass

from conflictscope.files.texts import unstorable
from conflictscope.scenarios.importing.records import ImportedScenario, RowProblem
from conflictscope.scenarios.importing.values import Pair, ValueNames
from conflictscope.scenarios.models import Scenario

UID_LENGTH = 200
UID = re.compile(rf"(?=[.:+-]*\w)[\w.:+-]{{1,{UID_LENGTH}}}")  # it stands in addresses
_DOMAIN_LENGTH = 60
_SWAPPED = {"action_1": "action_2", "consequence_1": "consequence_2"}
_SWAPPED |= {two: one for one, two in _SWAPPED.items()}
_FLIPPED = {"1": "2", "2": "1", "unknown": "unknown"}


@dataclass(frozen=True, slots=True)
class PlacedScenario:
    """A record as columns of the table, in the order of the value set."""

    record: ImportedScenario
    uid: str
    columns: dict[str, str]
    pair: Pair | None

    def says(self) -> int:
        values = (self.pair.first.pk, self.pair.second.pk) if self.pair else ()
        return hash((*values, self.record.opening_message, *sorted(self.columns.items())))


def checked(record: ImportedScenario, names: ValueNames | None) -> PlacedScenario:
    """
    Args:
        names: of the dataset's value set; None where it has none.

    Raises:
        RowProblem: the record makes no scenario.
    """
    if len(record.uid) > UID_LENGTH:
        raise RowProblem(
            "", f"the id {record.uid[:60]!r}... has {len(record.uid):,} characters; at most {UID_LENGTH} fit."
        )
    if not UID.fullmatch(record.uid):
        raise RowProblem("", f"the id {record.uid[:60]!r} cannot be used; ids are letters, digits and . : + _ - alone.")
    pair = _pair(record, names)
    columns = record.texts()
    if pair is not None and pair.turned:
        columns |= {to_column: getattr(record, from_column) for to_column, from_column in _SWAPPED.items()}
    columns["acting_action"] = _acting(record, pair, names)
    if record.template and record.template not in Scenario.Template.values:
        raise RowProblem("template", f"{record.template[:40]!r} is none of {', '.join(Scenario.Template.values)}.")
    columns["template"] = record.template
    others = {"opening_message": record.opening_message, "duplicate_of": record.duplicate_of}
    for column, text in (columns | others).items():
        if why := unstorable(text):
            raise RowProblem(column, why)
    if len(record.domain) > _DOMAIN_LENGTH:
        raise RowProblem("domain", f"{record.domain!r} is longer than {_DOMAIN_LENGTH} characters.")
    _check_status(record)
    return PlacedScenario(record, record.uid, columns, pair)


def _acting(record: ImportedScenario, pair: Pair | None, names: ValueNames | None) -> str:
    """The action that takes the opportunity, in the order of the value set."""
    if record.acting_action not in _FLIPPED:
        raise RowProblem("acting_action", f"{record.acting_action[:40]!r} is none of {', '.join(_FLIPPED)}.")
    turned = pair is not None and pair.turned
    if pair is not None and names is not None and record.acting_between is not None:
        turned = _turned_between(record.acting_between, pair, names)
    return _FLIPPED[record.acting_action] if turned else record.acting_action


def _pair(record: ImportedScenario, names: ValueNames | None) -> Pair | None:
    named = record.value_1 or record.value_2
    if names is None:
        if named:
            raise RowProblem(
                "value_1",
                f"{named[:60]!r} is a value, and no value set is named; name it (on the command line: --value-set).",
            )
        return None
    if not (record.value_1 and record.value_2):
        raise RowProblem("value_1", "no pair of values is named, and this dataset has a value set.")
    return names.pair_of(record)


def _turned_between(values: tuple[str, str], pair: Pair, names: ValueNames) -> bool:
    """Whether the id has the values the other way round than the set. It may have them otherwise than the row.

    Raises:
        RowProblem: they are others than the row's.
    """
    named = names.pair_named(*values, column="scenario_id")
    if (named.first, named.second) != (pair.first, pair.second):
        raise RowProblem(
            "scenario_id",
            f"names {named.first.key} and {named.second.key}, and the row's values are {pair.first.key} and {pair.second.key}.",
        )
    return named.turned


def _check_status(record: ImportedScenario) -> None:
    status = Scenario.Status
    if record.status and record.status not in status.values:
        raise RowProblem("status", f"{record.status[:40]!r} is none of {', '.join(status.values)}.")
    if bool(record.action_1) != bool(record.action_2):
        raise RowProblem("action_2" if record.action_1 else "action_1", "is empty, and the other action is not.")
    if record.status in (status.DRAFTED, status.KEPT, status.DROPPED, status.UNDECIDED) and not record.drafted:
        raise RowProblem("status", f"a scenario without two actions cannot be {record.status}.")
    if (record.status == status.DUPLICATE) != bool(record.duplicate_of):
        raise RowProblem("duplicate_of", "a duplicate names its twin, and nothing else does.")
