"""Values as files name them, found in a version of a value set."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from conflictscope.scenarios.importing.records import ImportedScenario, RowProblem
from conflictscope.values.models import Value, ValueSetVersion


@dataclass(frozen=True, slots=True)
class Pair:
    """The pair in the order of the set. `turned`: the file has them the other way round."""

    first: Value
    second: Value
    turned: bool


class ValueNames:
    """Finds the values of a version by key, name or definition: as they are written, else whatever the case, blanks and
    hyphens, where that means one value alone."""

    def __init__(self, version: ValueSetVersion) -> None:
        self._version = version
        self._pairs = {(first.pk, second.pk) for first, second in version.pairs()}
        values = list(version.values.all())
        self._names = ", ".join(value.key for value in values)
        attributes = ("key", "name", "definition")  # a key wins over a name, a name over a definition
        self._written = [_by_text((getattr(value, each), value) for value in values) for each in attributes]
        self._plain = [_by_text((_plain(getattr(value, each)), value) for value in values) for each in attributes]

    def pair_of(self, record: ImportedScenario) -> Pair:
        """
        Raises:
            RowProblem: a value is not in the set, or the two are no pair of it.
        """
        return self._pair(
            self._value(record.value_1, column="value_1"),
            self._value(record.value_2, column="value_2"),
            column="value_2",
        )

    def pair_named(self, first: str, second: str, *, column: str) -> Pair:
        """
        Raises:
            RowProblem: as `pair_of`, of the column.
        """
        return self._pair(self._value(first, column=column), self._value(second, column=column), column=column)

    def _pair(self, one: Value, two: Value, *, column: str) -> Pair:
        turned = one.position > two.position
        first, second = (two, one) if turned else (one, two)
        if (first.pk, second.pk) not in self._pairs:
            raise RowProblem(column, f"{one.key} and {two.key} are no pair that conflicts in {self._version}.")
        return Pair(first, second, turned)

    def _value(self, name: str, *, column: str) -> Value:
        ways = [each.get(name.strip()) for each in self._written] + [each.get(_plain(name)) for each in self._plain]
        candidates = next((each for each in ways if each), None)
        if candidates is None:
            raise RowProblem(
                column,
                f"{name[:60]!r} is no value of {self._version}, whose values are {self._names}; import the value set that came with "
                "the file, and name it.",
            )
        if len(candidates) > 1:
            keys = " or ".join(value.key for value in candidates)
            raise RowProblem(column, f"{name[:60]!r} may be {keys} of {self._version}; write the key.")
        return candidates[0]


def _by_text(said: Iterable[tuple[str, Value]]) -> dict[str, list[Value]]:
    values_by_text: dict[str, list[Value]] = {}
    for text, value in said:
        values_by_text.setdefault(text, []).append(value)
    return values_by_text


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()
