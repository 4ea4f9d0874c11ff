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
    this_study = study_for(request.user, study)
    this_dataset = dataset_of(this_study, dataset)
    judges = judge_comparison.judges_of(this_dataset)
    wanted = request.GET.get("judge", "")
    judge = next((each for each in judges if each.name == wanted), judges[0] if judges and not wanted else None)
    if wanted and judge is None:
        raise Http404("No such judge has judged this dataset.")
    by = request.GET.get("by", "")
    by = by if by in browsing.GROUPINGS else ("pair" if this_dataset.value_set_version_id else "template")
    whole, by_pair = pass_rates.funnel(this_dataset), pass_rates.funnels_by_pair(this_dataset)
    judged = {each: pass_rates.findings_of(this_dataset, each) for each in judges}
    shown = judged[judge] if judge else None
    context = {
        "study": this_study,
        "section": "datasets",
        "dataset": this_dataset,
        "judges": judges,
        "judge": judge,
        "by": by,
        "groupings": browsing.GROUPINGS.items(),
        "grouping": browsing.GROUPINGS[by],
        "dimensions": dimensions_of(this_dataset),
        "rates": browsing.rate_rows(this_dataset, pass_rates.dimension_rates(shown)) if shown else [],
        "groups": [
            (group, browsing.rate_rows(this_dataset, group.rates))
            for group in pass_rates.rates_by(shown, by=cast(pass_rates.By, by))
        ]
        if shown
        else [],
        "drops": pass_rates.drops(shown) if shown else [],
        "funnel": whole,
        "funnel_chart": browsing.funnel_chart(this_dataset, whole, by_pair),
        "rates_chart": browsing.rates_chart(this_dataset, list(judged.values())),
        "compared": judge_comparison.compare_all(this_dataset),
    }
    return render(request, "scenarios/results.html", context)


@require_POST
def primary_judge(request: Request, study: str, dataset: str) -> HttpResponse:
    """Let another judge that has judged the dataset decide what is kept."""
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_dataset = dataset_of(this_study, dataset)
    wanted = request.POST.get("judge", "")
    judge = next((each for each in judge_comparison.judges_of(this_dataset) if each.name == wanted), None)
    if judge is None:
        messages.error(request, "No such judge has judged this dataset: nothing was changed.")
    else:
        changed = make_primary(this_dataset, judge)
        messages.success(
            request, f"{judge} decides what is kept now. {changed} scenario{pluralize(changed)} changed status."
        )
    return redirect("scenarios:results", study, dataset)


@require_safe
def rates_chart(request: Request, study: str, dataset: str) -> HttpResponse:
    this_dataset = dataset_of(study_for(request.user, study), dataset)
    judged = [pass_rates.findings_of(this_dataset, judge) for judge in judge_comparison.judges_of(this_dataset)]
    return _drawn(request, browsing.rates_chart(this_dataset, judged), f"pass-rates-{this_dataset.slug}")


@require_safe
def funnel_chart(request: Request, study: str, dataset: str) -> HttpResponse:
    this_dataset = dataset_of(study_for(request.user, study), dataset)
    chart = browsing.funnel_chart(
        this_dataset, pass_rates.funnel(this_dataset), pass_rates.funnels_by_pair(this_dataset)
    )
    return _drawn(request, chart, f"funnel-{this_dataset.slug}")


def _drawn(request: Request, chart: Chart | None, name: str) -> HttpResponse:
    if chart is None:
        raise Http404("There is nothing to draw yet.")
    return chart_response(request, chart, name=name)
