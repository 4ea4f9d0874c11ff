"""What a study can steer by, and what came of it, as lists and sentences."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from conflictscope.studies.models import Study
from conflictscope.values.models import TargetRanking, ValueSetVersion
from conflictscope.values.orders import in_words
from evaluation.models import Steering
from evaluation.steering.effects import Effect
from evaluation.tables import aligned, said

SURE = 0.05  # below this a p-value, adjusted, is taken for a difference


@dataclass(frozen=True, slots=True)
class SteeringRow:
    """`order`: in words, empty where the prompt stands for none. `runs`: those steered by it."""

    steering: Steering
    order: str
    runs: int


def steering_rows(study: Study) -> list[SteeringRow]:
    """The study's steerings by name, in three queries however many there are."""
    steerings = (
        Steering.objects.filter(study=study)
        .select_related("study", "target_ranking__version__value_set")
        .prefetch_related("target_ranking__positions__value")
        .annotate(number_of_runs=Count("runs"))
        .order_by("name")
    )
    return [
        SteeringRow(
            steering, in_words(steering.target_ranking) if steering.target_ranking else "", steering.number_of_runs
        )
        for steering in steerings
    ]


def versions_of(study: Study) -> QuerySet[ValueSetVersion]:
    """The value sets that the study's datasets are about."""
    used = study.datasets.exclude(value_set_version=None).values("value_set_version")
    return ValueSetVersion.objects.filter(pk__in=used).select_related("value_set").order_by("value_set__name", "number")


def rankings_to_choose(study: Study) -> QuerySet[TargetRanking]:
    """The target rankings over these value sets that the study may steer by: its own, its people's, and everybody's."""
    return (
        TargetRanking.objects.of_study(study)
        .filter(version__in=versions_of(study))
        .select_related("version__value_set")
        .prefetch_related("positions__value")
        .order_by("version__value_set__name", "name")
    )


def finding(effects: Collection[Effect]) -> str:
    """What the effects come to in a sentence; empty where none is worked out."""
    known = [effect for effect in effects if effect.found and effect.found["effect"]["value"] is not None]
    if not known:
        return ""
    towards = [effect for effect in known if _sure(effect) and effect.found and effect.found["effect"]["value"] > 0]
    away = [effect for effect in known if _sure(effect) and effect.found and effect.found["effect"]["value"] < 0]
    parts = [
        f"{_counted(len(towards), len(known))} moved towards its order beyond chance (p < {SURE}, adjusted by Holm)"
    ]
    if away:
        parts.append(f"{len(away)} away from it")
    sentence = f"{', '.join(parts)}."
    if towards:
        most = max(towards, key=lambda effect: effect.found["effect"]["value"] if effect.found else 0)
        largest = said(most.found["effect"]) if most.found else ""
        sentence += (
            f" Largest effect of those: {largest}, {most.run.target} by {most.run.get_mode_display().lower()}, steered by "
            f"{most.run.steering}."
        )
    return sentence


def _sure(one: Effect) -> bool:
    return one.adjusted is not None and one.adjusted < SURE


def _counted(part: int, whole: int) -> str:
    return f"{part} of {whole} steered run{'s' if whole != 1 else ''}"


def effects_table(effects: Collection[Effect]) -> str:
    """The table for a terminal."""
    head = ("Dataset", "Target", "Mode", "Steering", "Default", "Steered", "Effect", "p (Holm)", "Scenarios")
    rows: list[tuple[str, ...]] = [head]
    for effect in effects:
        figures = effect.found
        first = (
            str(effect.run.dataset),
            str(effect.run.target),
            effect.run.get_mode_display(),
            str(effect.run.steering),
        )
        if figures is None:
            why = "not worked out" if effect.ranked else "no order, so no alignment"
            rows.append((*first, why, "", "", "", ""))
            continue
        p_value = "" if effect.adjusted is None else f"{effect.adjusted:.3g}"
        shares = (said(figures[name]) for name in ("default", "steered", "effect"))
        rows.append((*first, *shares, p_value, str(figures["scenarios"])))
    return aligned(rows)
