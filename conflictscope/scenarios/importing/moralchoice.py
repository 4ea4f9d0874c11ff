"""MoralChoice (Scherrer et al. 2023): moral situations with two actions and no value pair, as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from conflictscope.scenarios.importing.csv_rows import rows_of
from conflictscope.scenarios.importing.records import ImportedScenario


class MoralChoice:
    """`moralchoice_high_ambiguity.csv` and its low sibling. The ambiguity becomes the scenario's domain, so that the two
    can be told apart in one dataset; the rules that each action breaks are left out."""

    name = "moralchoice"
    label = "MoralChoice CSV"

    _filled = ("scenario_id", "context", "action1", "action2")

    def read(self, path: Path, *, encoding: str = "") -> Iterator[ImportedScenario]:
        for number, row in rows_of(path, required=(*self._filled, "ambiguity"), filled=self._filled, encoding=encoding):
            yield ImportedScenario(
                uid=row["scenario_id"],
                description=row["context"],
                action_1=row["action1"],
                action_2=row["action2"],
                domain=f"{row['ambiguity']} ambiguity" if row["ambiguity"] else "",
                place=f"{path.name}, row {number}",
            )
