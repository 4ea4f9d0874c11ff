"""What the filter let pass, and why the rest was dropped."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.views.decorators.http import require_POST, require_safe

from conflictscope.charts import Chart
from conflictscope.charts.downloads import chart_response
from conflictscope.http import Request
from conflictscope.scenarios.browsing import results as browsing
from conflictscope.scenarios.filtering import judge_comparison, pass_rates
from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.verdicts import make_primary
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action


@require_safe
def results(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study)
    one = dataset_of(found, dataset)
    judges = judge_comparison.judges_of(one)
    wanted = request.GET.get("judge", "")
    judge = next((each for each in judges if each.name == wanted), judges[0] if judges and not wanted else None)
    if wanted and judge is None:
        raise Http404("No such judge has judged this dataset.")
    by = request.GET.get("by", "")
    by = by if by in browsing.GROUPINGS else ("pair" if one.value_set_version_id else "template")
    whole, by_pair = pass_rates.funnel(one), pass_rates.funnels_by_pair(one)
    judged = {each: pass_rates.findings_of(one, each) for each in judges}
    shown = judged[judge] if judge else None
    context = {
        "study": found,
        "section": "datasets",
        "dataset": one,
        "judges": judges,
        "judge": judge,
        "by": by,
        "groupings": browsing.GROUPINGS.items(),
        "grouping": browsing.GROUPINGS[by],
        "dimensions": dimensions_of(one),
        "rates": browsing.rate_rows(one, pass_rates.dimension_rates(shown)) if shown else [],
        "groups": [
            (group, browsing.rate_rows(one, group.rates))
            for group in pass_rates.rates_by(shown, by=cast(pass_rates.By, by))
        ]
        if shown
        else [],
        "drops": pass_rates.drops(shown) if shown else [],
        "funnel": whole,
        "funnel_chart": browsing.funnel_chart(one, whole, by_pair),
        "rates_chart": browsing.rates_chart(one, list(judged.values())),
        "compared": judge_comparison.compare_all(one),
    }
    return render(request, "scenarios/results.html", context)


@require_POST
def primary_judge(request: Request, study: str, dataset: str) -> HttpResponse:
    """Let another judge that has judged the dataset decide what is kept."""
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = dataset_of(found, dataset)
    wanted = request.POST.get("judge", "")
    judge = next((each for each in judge_comparison.judges_of(one) if each.name == wanted), None)
    if judge is None:
        messages.error(request, "No such judge has judged this dataset: nothing was changed.")
    else:
        changed = make_primary(one, judge)
        messages.success(
            request, f"{judge} decides what is kept now. {changed} scenario{pluralize(changed)} changed status."
        )
    return redirect("scenarios:results", study, dataset)


@require_safe
def rates_chart(request: Request, study: str, dataset: str) -> HttpResponse:
    one = dataset_of(study_for(request.user, study), dataset)
    judged = [pass_rates.findings_of(one, judge) for judge in judge_comparison.judges_of(one)]
    return _drawn(request, browsing.rates_chart(one, judged), f"pass-rates-{one.slug}")


@require_safe
def funnel_chart(request: Request, study: str, dataset: str) -> HttpResponse:
    one = dataset_of(study_for(request.user, study), dataset)
    chart = browsing.funnel_chart(one, pass_rates.funnel(one), pass_rates.funnels_by_pair(one))
    return _drawn(request, chart, f"funnel-{one.slug}")


def _drawn(request: Request, chart: Chart | None, name: str) -> HttpResponse:
    if chart is None:
        raise Http404("There is nothing to draw yet.")
    return chart_response(request, chart, name=name)
