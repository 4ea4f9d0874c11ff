"""Snapshots at addresses of their own: to cite, and to check."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from conflictscope.http import Request
from conflictscope.studies.access import study_for
from evaluation.models import Comparison, Ranking
from evaluation.rankings.checking import Checked, check, check_ranking, check_shift
from evaluation.rankings.fitting import FittedRun, value_names
from evaluation.steering import effects
from evaluation.views.ranking_cards import cards_of, shift_of

_RUN = ("target__endpoint", "judge__endpoint", "user_simulator", "steering", "study", "dataset__value_set_version")


@require_safe
def ranking(request: Request, study: str, snapshot: int) -> HttpResponse:
    found = study_for(request.user, study)
    rankings = Ranking.objects.select_related("judge", "study", *(f"run__{name}" for name in _RUN))
    one = get_object_or_404(rankings, study=found, pk=snapshot)
    names = value_names(one.run.dataset)
    context = {
        "study": found,
        "section": "rankings",
        "snapshot": one,
        "run": one.run,
        "what": one.get_decider_display(),
        "card": _card(one, names),
        "corrected": one.results if one.decider == Ranking.Decider.CORRECTED else None,
        "columns": _columns(one, names) if one.decider == Ranking.Decider.CORRECTED else (),
        "checked": check_ranking(one) if "check" in request.GET else None,
        "simulated": one.run.simulated,
    }
    return render(request, "evaluation/snapshot.html", context)


@require_safe
def comparison(request: Request, study: str, comparison: int) -> HttpResponse:
    found = study_for(request.user, study)
    selected = [f"{side}__{name}" for side in ("first", "second") for name in _RUN]
    one = get_object_or_404(Comparison.objects.select_related("study", *selected), study=found, pk=comparison)
    steering = one.results.get("steering")
    context = {
        "study": found,
        "section": "rankings",
        "snapshot": one,
        "run": one.second,
        "what": f"Steered by {one.second.steering}" if steering else "What it does minus what it says",
        "steering": steering,
        "effect_corrected": one.results.get("corrected") if steering else None,
        "shift": None if steering else shift_of(one, value_names(one.first.dataset)),
        "checked": _checked(one) if "check" in request.GET else None,
        "simulated": one.first.simulated or one.second.simulated,
    }
    return render(request, "evaluation/snapshot.html", context)


def _checked(one: Comparison) -> Checked:
    if "steering" not in one.results:
        return check_shift(one)
    work = effects.work_of(
        effects.DefaultAndSteered(one.first, one.second),
        one.parameters["target"],
        replicates=int(one.parameters["replicates"]),
        seed=int(one.parameters["seed"]),
    )
    return check(one, work, code=effects.CODE)


def _card(one: Ranking, names: dict[str, str]) -> object:
    """The ranking as its target's page shows it; none for a correction, which is shown beside a ranking there."""
    if one.decider == Ranking.Decider.CORRECTED:
        return None
    (card,) = cards_of([FittedRun(one.run, one)], names)
    return card


def _columns(one: Ranking, names: dict[str, str]) -> list[tuple[object, ...]]:
    results = one.results
    columns = (results["corrected"]["strengths"], results["corrected"]["ranks"], results["people"]["strengths"])
    return [
        (names.get(key, key), *cells) for key, *cells in zip(results["values"], *columns, strict=True)
    ]  # fmt: skip
