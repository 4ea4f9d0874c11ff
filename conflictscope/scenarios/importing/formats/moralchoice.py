"""MoralChoice (Scherrer et al. 2023): moral situations with two actions and no value pair, as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from conflictscope.scenarios.importing.cells import filled
from conflictscope.scenarios.importing.csv_rows import csv_rows
from conflictscope.scenarios.importing.records import BadRow, ImportedScenario, ReadingOptions


class MoralChoice:
    """`moralchoice_high_ambiguity.csv` and its low sibling. The ambiguity becomes the scenario's domain, so that the two
    can be told apart in one dataset; the rules that each action breaks are left out."""

    name = "moralchoice"
    label = "MoralChoice CSV"
    needs = "scenario_id, ambiguity, context, action1, action2; two actions and no value pair"
    numbers_repeats = False

    needed = ("scenario_id", "context", "action1", "action2")
    required = (*needed, "ambiguity")

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedScenario | BadRow]:
        for row_or_bad in csv_rows(path, reading, required=self.required, needed=self.needed):
            if isinstance(row_or_bad, BadRow):
                yield row_or_bad
                continue
            place, row = row_or_bad
            yield ImportedScenario(
                uid=row["scenario_id"],
                place=place,
                description=row["context"],
                action_1=row["action1"],
                action_2=row["action2"],
                domain=f"{row['ambiguity']} ambiguity" if filled(row["ambiguity"]) else "",
            )
