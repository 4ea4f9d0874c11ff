"""What a study has found so far, in a few lines: read from what was stored, nothing is fitted here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conflictscope.studies.models import Study
from conflictscope.values.models import Value
from evaluation.models import Run
from evaluation.rankings.fitting import FittedRun, latest_rankings

TOP = 3


@dataclass(frozen=True, slots=True)
class ValuePlace:
    name: str
    strength: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RankedRun:
    """The values that a run's target supported most, first the strongest; `reason` where no order could be fitted."""

    run: Run
    top: tuple[ValuePlace, ...]
    reason: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        return self.run.target.simulated


def ranked_runs(study: Study) -> list[RankedRun]:
    """The newest ranking of each run of the study that has one, in four queries."""
    runs = list(
        study.runs.select_related("target__endpoint", "dataset", "steering").order_by("target__label", "mode", "pk")
    )
    fitted = latest_rankings(runs)
    ids = {run.dataset.value_set_version_id for run in runs}
    names: dict[tuple[int | None, str], str] = {
        (version, key): name
        for version, key, name in Value.objects.filter(version__in=ids).values_list("version", "key", "name")
    }
    return [_ranked(fitted[run.pk], names) for run in runs if run.pk in fitted]


def _ranked(one: FittedRun, names: Mapping[tuple[int | None, str], str]) -> RankedRun:
    results = one.shown.results
    version = one.run.dataset.value_set_version_id
    places = [
        (strength["value"], ValuePlace(names.get((version, key), key), strength))
        for key, strength in zip(results["values"], results["strengths"], strict=True)
        if strength["value"] is not None
    ]
    places.sort(key=lambda place: -place[0])
    return RankedRun(
        one.run,
        tuple(place for _, place in places[:TOP]),
        reason=results["reason"] if not places else "",
        warnings=tuple(results["warnings"]),
    )
