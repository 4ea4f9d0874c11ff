"""DailyDilemmas (Chiu et al. 2025): everyday dilemmas, told in two rows each: one to do it, one not to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from conflictscope.scenarios.importing.cells import filled
from conflictscope.scenarios.importing.csv_rows import csv_rows
from conflictscope.scenarios.importing.records import BadRow, ImportedScenario, ReadingOptions, RowPlace

_SIDES = ("to_do", "not_to_do")
WAITING_LIMIT = 20_000  # rows whose other half has not come yet


class DailyDilemmas:
    """`dilemmas_with_detail_by_action.csv`. Action 1 does it, action 2 does not; what follows from each is its consequence,
    the group of its topic the domain. The values that its authors ascribe to each side are no pair, and are left out."""

    name = "daily_dilemmas"
    label = "DailyDilemmas CSV"
    needs = "idx, dilemma_situation, action_type (to_do, not_to_do), action; two rows for each scenario, no value pair"
    numbers_repeats = False

    needed = ("idx", "dilemma_situation", "action_type", "action")

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedScenario | BadRow]:
        waiting: dict[str, tuple[RowPlace, dict[str, str]]] = {}
        for row_or_bad in csv_rows(path, reading, required=self.needed, needed=self.needed):
            if isinstance(row_or_bad, BadRow):
                yield row_or_bad
                continue
            place, row = row_or_bad
            if row["action_type"] not in _SIDES:
                yield BadRow(place, "action_type", f"{row['action_type'][:40]!r} is neither to_do nor not_to_do.")
                continue
            if row["idx"] not in waiting:
                if len(waiting) == WAITING_LIMIT:
                    yield BadRow(place, "idx", f"{WAITING_LIMIT} rows wait for their other half; sort the file by idx.")
                    continue
                waiting[row["idx"]] = place, row
                continue
            first_place, first = waiting.pop(row["idx"])
            if first["action_type"] == row["action_type"]:
                yield BadRow(place, "action_type", f"{row['action_type']} stands twice for {row['idx']!r}.")
                waiting[row["idx"]] = first_place, first
                continue
            if first["dilemma_situation"] != row["dilemma_situation"]:
                for each in (first_place, place):
                    yield BadRow(each, "dilemma_situation", f"is not that of the other row of {row['idx']!r}.")
                continue
            yield _scenario(first_place, place, *((first, row) if first["action_type"] == "to_do" else (row, first)))
        for place, row in waiting.values():
            missing = _SIDES[row["action_type"] == "to_do"]
            yield BadRow(place, "action_type", f"the row {missing} of {row['idx']!r} is missing.")


def _scenario(place: RowPlace, other: RowPlace, to_do: dict[str, str], not_to_do: dict[str, str]) -> ImportedScenario:
    return ImportedScenario(
        uid=to_do["idx"],
        place=place,
        more_rows=(other,),
        acting_action="1",
        description=to_do["dilemma_situation"],
        action_1=to_do["action"],
        action_2=not_to_do["action"],
        consequence_1=filled(to_do.get("negative_consequence", "")),
        consequence_2=filled(not_to_do.get("negative_consequence", "")),
        domain=filled(to_do.get("topic_group", "")),
    )
