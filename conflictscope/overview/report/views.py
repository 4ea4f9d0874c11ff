"""The report's page, and its tables and figures as files."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from conflictscope.charts.downloads import chart_response
from conflictscope.http import Request
from conflictscope.overview.report.facts import judges_of
from conflictscope.overview.report.gathering import report_of
from conflictscope.overview.report.parts import Report
from conflictscope.scenarios.models import Dataset, Judge
from conflictscope.studies.access import study_for
from conflictscope.studies.models import Study
from conflictscope.tables import table_response
from evaluation.models import Ranking

ALL = "all"
WAYS = {"own": "As the judge decided", "corrected": "Corrected by people", "people": "By people alone"}


@require_safe
def report(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    judges = judges_of(this_study)
    judge, who = _chosen(request, judges)
    datasets = list(this_study.datasets.shown().filter(value_set_version__isnull=False).order_by("name", "pk"))
    wanted = request.GET.get("dataset", "")
    only = "" if wanted == ALL else _only(request, this_study) or _most_ranked(datasets)
    made = report_of(this_study, judge=judge, who=who, only=only)
    query = urlencode({"judge": judge.pk if judge else "", "by": who, "dataset": only})
    context = {
        "study": this_study,
        "section": "report",
        "report": made,
        "judges": judges,
        "judge": judge,
        "who": who,
        "ways": WAYS.items(),
        "datasets": datasets,
        "only": only,
        "sections": [
            (
                section,
                [(figure.chart(), _address(this_study, "figure", figure.key, query)) for figure in section.figures],
                [(table, _address(this_study, "table", table.name, query)) for table in section.tables],
            )
            for section in made.sections
        ],
    }
    return render(request, "overview/report.html", context)


@require_safe
def table(request: Request, study: str, table: str) -> HttpResponse:
    this_table = _of(request, study_for(request.user, study)).table(table)
    if this_table is None:
        raise Http404("The report has no such table.")
    return table_response(request, this_table)


@require_safe
def figure(request: Request, study: str, figure: str) -> HttpResponse:
    this_figure = _of(request, study_for(request.user, study)).figure(figure)
    if this_figure is None:
        raise Http404("The report has no such figure.")
    return chart_response(request, this_figure.chart(), name=f"{study}-{figure}")


def _of(request: Request, study: Study) -> Report:
    judge, who = _chosen(request, judges_of(study))
    return report_of(study, judge=judge, who=who, only=_only(request, study))


def _only(request: HttpRequest, study: Study) -> str:
    """The slug of the dataset whose findings are asked for; empty: of all."""
    wanted = request.GET.get("dataset", "")
    if wanted and wanted != ALL and not study.datasets.shown().filter(slug=wanted).exists():
        raise Http404("No such dataset in this study.")
    return "" if wanted == ALL else wanted


def _most_ranked(datasets: Sequence[Dataset]) -> str:
    """One dataset at a time fits on a few screens: the one with the most rankings, or else the first."""
    ranked = dict(
        Ranking.objects.filter(dataset__in=datasets)
        .order_by()
        .values_list("dataset")
        .annotate(Count("run", distinct=True))
    )
    return max(datasets, key=lambda each: ranked.get(each.pk, 0)).slug if datasets else ""


def _chosen(request: Request, judges: list[Judge]) -> tuple[Judge | None, str]:
    """The judge (None: each run's own) and the way that the query asks for."""
    wanted, who = request.GET.get("judge", ""), request.GET.get("by", "") or "own"
    judge = next((judge for judge in judges if str(judge.pk) == wanted), None)
    if wanted and judge is None:
        raise Http404("No such judge has decided anything in this study.")
    if who not in WAYS:
        raise Http404("A report shows what the judge decided, people alone, or one corrected by the other.")
    return judge, who


def _address(study: Study, kind: str, name: str, query: str) -> str:
    return f"{reverse(f'overview:report_{kind}', args=[study.slug, name])}?{query}"
