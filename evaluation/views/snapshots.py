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
    this_study = study_for(request.user, study)
    rankings = Ranking.objects.select_related("judge", "study", *(f"run__{name}" for name in _RUN))
    this_ranking = get_object_or_404(rankings, study=this_study, pk=snapshot)
    names = value_names(this_ranking.run.dataset)
    context = {
        "study": this_study,
        "section": "rankings",
        "snapshot": this_ranking,
        "run": this_ranking.run,
        "what": this_ranking.get_decider_display(),
        "card": _card(this_ranking, names),
        "corrected": this_ranking.results if this_ranking.decider == Ranking.Decider.CORRECTED else None,
        "columns": _columns(this_ranking, names) if this_ranking.decider == Ranking.Decider.CORRECTED else (),
        "checked": check_ranking(this_ranking) if "check" in request.GET else None,
        "simulated": this_ranking.run.simulated,
    }
    return render(request, "evaluation/snapshot.html", context)


@require_safe
def comparison(request: Request, study: str, comparison: int) -> HttpResponse:
    this_study = study_for(request.user, study)
    selected = [f"{side}__{name}" for side in ("first", "second") for name in _RUN]
    this_comparison = get_object_or_404(
        Comparison.objects.select_related("study", *selected), study=this_study, pk=comparison
    )
    steering = this_comparison.results.get("steering")
    context = {
        "study": this_study,
        "section": "rankings",
        "snapshot": this_comparison,
        "run": this_comparison.second,
        "what": f"Steered by {this_comparison.second.steering}" if steering else "What it does minus what it says",
        "steering": steering,
        "effect_corrected": this_comparison.results.get("corrected") if steering else None,
        "shift": None if steering else shift_of(this_comparison, value_names(this_comparison.first.dataset)),
        "checked": _checked(this_comparison) if "check" in request.GET else None,
        "simulated": this_comparison.first.simulated or this_comparison.second.simulated,
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
