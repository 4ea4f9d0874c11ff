"""Pages to read what targets answered: one response with everything behind it, and one scenario across targets and modes."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from conflictscope.converters import MOST_DIGITS
from conflictscope.http import Request
from conflictscope.scenarios.models import Scenario
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import study_for
from evaluation.models import Run
from evaluation.running.across import NARROWINGS, across, labels_of, looked_through, runs_on, side_of
from evaluation.running.browsing import Filter, pairs_of, responses_of, responses_to, runs_of
from evaluation.running.transcripts import transcript_of


@require_safe
def response(request: Request, study: str, run: int, response: int) -> HttpResponse:
    this_study = study_for(request.user, study)
    this_run = get_object_or_404(runs_of(this_study.datasets.all()), pk=run)
    answer = get_object_or_404(responses_of([this_run]), pk=response)
    answer.run = this_run
    chosen = Filter.of(request.GET)
    context = {
        "study": this_study,
        "section": "runs",
        "run": this_run,
        "view": transcript_of(answer, chosen),
        "scenario": answer.scenario,
        "address": chosen.address,
        "narrowed": chosen.narrowed,
    }
    return render(request, "evaluation/transcript.html", context)


@require_safe
def answers(request: Request, study: str, dataset: str, uid: str = "") -> HttpResponse:
    """Two runs side by side on one scenario; without a uid on the first of those that are looked through."""
    this_study = study_for(request.user, study)
    this_dataset = dataset_of(this_study, dataset)
    runs = runs_on(this_dataset)
    shown = _two_of(runs, request.GET.get("left", ""), request.GET.get("right", ""))
    only, pair = request.GET.get("only", ""), request.GET.get("pair", "")
    scenarios = looked_through(shown, only=only, pair=pair)
    more = {"left": str(shown[0].pk), "right": str(shown[1].pk), "only": only, "pair": pair} if shown else {}
    address = urlencode({name: value for name, value in more.items() if value})
    uid = uid or scenarios.values_list("uid", flat=True).first() or ""
    labels = labels_of(runs)
    context = {
        "study": this_study,
        "section": "runs",
        "dataset": this_dataset,
        "runs": [(run.pk, labels[run.pk]) for run in runs],
        "narrowings": NARROWINGS,
        "pairs": pairs_of(this_dataset),
        "only": only,
        "pair": pair,
        "left": shown[0].pk if shown else None,
        "right": shown[1].pk if shown else None,
        "address": address,
    }
    if uid:
        rows = Scenario.objects.complete().select_related("value_1", "value_2").defer("embedding")
        scenario = get_object_or_404(rows, dataset=this_dataset, uid=uid.replace("\x00", ""))
        sides = [side_of(run, scenario, runs) for run in shown]
        context |= {
            "scenario": scenario,
            "place": across(scenario, scenarios),
            "sides": [(side, labels[side.run.pk]) for side in sides],
            "everybody": list(responses_to(scenario)),
        }
        if shown:
            context |= {
                "next_left": urlencode({**more, "left": sides[0].after}),
                "next_right": urlencode({**more, "right": sides[1].after}),
            }
    return render(request, "evaluation/answers.html", context)


def _two_of(runs: list[Run], left: str, right: str) -> list[Run]:
    """The two runs that are asked for, else the first, and beside it another target asked in the same way; empty where there is no run,
    one twice where it is alone."""
    if not runs:
        return []
    by_id = {str(run.pk): run for run in runs}
    first = by_id.get(left[:MOST_DIGITS]) or runs[0]
    others = [run for run in runs if run != first]
    alike = [run for run in others if run.mode == first.mode and run.steering_id == first.steering_id]
    return [first, by_id.get(right[:MOST_DIGITS]) or next(iter([*alike, *others, first]))]
