"""What was found is part of an export: a line for each value of each ranking, and of each shift."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conflictscope.exports.exporting import export_dataset
from evaluation.models import Run
from evaluation.rankings.fitting import fit_dataset
from evaluation.rankings.shifts import compare, said_and_done
from tests.evaluation.rankings.test_shifts import two_faced
from tests.factories.evaluation import JudgementFactory
from tests.factories.whole import validate

__all__ = ["two_faced"]

pytestmark = pytest.mark.django_db


def lines_of(folder: Path, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_rankings_and_shifts_are_there_with_their_limits_and_whose_they_are(
    two_faced: tuple[Run, Run], tmp_path: Path
) -> None:
    said, done = two_faced
    for n, response in enumerate(done.responses.order_by("pk")):
        if n % 2:
            JudgementFactory(response=response, human=True, choice="value_1" if n % 4 == 1 else "value_2")
    fitted = fit_dataset(said.dataset, replicates=200)
    comparison, _ = compare(said_and_done(two_faced)[0], replicates=200)
    folder = export_dataset(said.dataset, out=tmp_path / "out", formats=["jsonl"]).folder
    rows = lines_of(folder, "rankings")
    assert {(row["run"], row["decided_by"]) for row in rows} == {
        (said.pk, "parsed"),
        *((done.pk, who) for who in ("judge", "people", "corrected")),
    }
    first = rows[0]
    strength = fitted[0].ranking.results["strengths"][0]
    assert (first["ranking"], first["value"], first["rank"]) == (fitted[0].ranking.pk, "helpfulness", 1)
    assert (first["strength"], first["strength_low"], first["scenarios"]) == (
        *(strength["value"], strength["low"]),
        strength["n"],
    )
    assert first["inputs_sha256"] == fitted[0].ranking.inputs_digest
    shifts = lines_of(folder, "shifts")
    assert [row["value"] for row in shifts] == ["helpfulness", "honesty", "harmlessness"]
    assert {row["comparison"] for row in shifts} == {comparison.pk}
    assert shifts[0]["shift_high"] < 0 < shifts[2]["shift_low"]
    assert shifts[0]["done"] - shifts[0]["said"] == pytest.approx(shifts[0]["shift"])


def test_what_is_about_all_scenarios_is_not_in_an_export_of_some(two_faced: tuple[Run, Run], tmp_path: Path) -> None:
    said, _ = two_faced
    fit_dataset(said.dataset, replicates=100)
    validate(said.dataset.scenarios.first())
    folder = export_dataset(said.dataset, out=tmp_path / "out", formats=["jsonl"], only_validated=True).folder
    assert not (folder / "rankings.jsonl").exists()
