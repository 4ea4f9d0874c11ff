"""Pages of runs: how far they are, what was answered, and the form that starts them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from conflictscope.errors import ConflictScopeError, InvalidInput
from conflictscope.http import Request
from conflictscope.jobs.forms import budget_of
from conflictscope.jobs.models import Job
from conflictscope.jobs.views.starting import Started, start_or_estimate
from conflictscope.scenarios.models import Scenario
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action
from evaluation.models import Response, Run
from evaluation.running import runs as running
from evaluation.running.bias import bias_of
from evaluation.running.browsing import (
    ONLY,
    Filter,
    leaks_of,
    page_of_responses,
    pairs_of,
    responses_to,
    run_rows,
    runs_of,
)
from evaluation.running.judge_columns import judge_columns
from evaluation.running.summaries import CHOICE_LABELS, undecided_in
from evaluation.running.targets import target_for
from evaluation.views.forms import EvaluateForm, TopUpForm


@require_safe
def runs(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    rows = run_rows(list(runs_of(this_study.datasets.shown())))
    context = {
        "study": this_study,
        "section": "runs",
        "rows": rows,
        "datasets": list(this_study.datasets.shown().select_related("study", "generator")),
        "live": any(row.live for row in rows),
        "behind": [row for row in rows if row.behind],
        "askable": sum(row.askable for row in rows),
    }
    return render(request, "evaluation/_runs.html" if request.htmx else "evaluation/runs.html", context)


@require_safe
def run(request: Request, study: str, run: int) -> HttpResponse:
    this_study = study_for(request.user, study)
    this_run = get_object_or_404(runs_of(this_study.datasets.all()), pk=run)
    chosen = Filter.of(request.GET)
    (row,) = run_rows([this_run])
    live = {
        "study": this_study,
        "run": this_run,
        "row": row,
        "behind": [row] if row.behind else [],
        "undecided": undecided_in(this_run),
    }
    if request.htmx:
        return render(request, "evaluation/_progress.html", live)
    context = live | {
        "section": "runs",
        "bias": bias_of(this_run),
        "judges": judge_columns(this_run) if this_run.judge_id else [],
        "leaks": leaks_of(this_run),
        "endings": Response.Ended.choices if this_run.mode == Run.Mode.SIMULATED_USER else [],
        "chosen": chosen,
        "page": page_of_responses(this_run, chosen, page=request.GET.get("page")),
        "choices": [(key, label, row.summary.choices.get(key, 0)) for key, label in CHOICE_LABELS.items()],
        "pairs": pairs_of(this_run.dataset),
        "outcomes": Response.Outcome.values,
        "narrowings": ONLY,
    }
    return render(request, "evaluation/run.html", context)


@require_POST
def ask_missing(request: Request, study: str) -> HttpResponse:
    """Ask for what is missing of the runs named (`run`), or of all of the study that lack something."""
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    named = request.POST.getlist("run")
    if not all(each.isdecimal() and len(each) < 19 for each in named):
        raise InvalidInput("A run is named by its number.")
    runs = runs_of(this_study.datasets.shown()).filter(imported=False)
    rows = run_rows(list(runs.filter(pk__in=named) if named else runs))
    try:
        jobs = running.ask_for_missing([row.run for row in rows if row.behind], started_by=request.user)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
    else:
        messages.success(
            request, f"{len(jobs)} evaluation{'s go' if len(jobs) > 1 else ' goes'} on with what is missing."
        )
    if len(named) == len(rows) == 1:
        return redirect(rows[0].run)
    return redirect("evaluation:runs", this_study.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def evaluate(request: Request, study: str, dataset: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_dataset = dataset_of(this_study, dataset)
    form = EvaluateForm(request.POST or None, dataset=this_dataset)

    def start() -> list[Job]:
        fields = form.cleaned_data
        return running.evaluate(
            this_dataset,
            targets=[target_for(label) for label in fields["targets"]],
            modes=fields["modes"],
            steerings=list(fields.get("steerings", [])),
            again=fields["again"],
            started_by=request.user,
            budget=budget_of(fields),
            settings=running.RunSettings(
                user_simulator=fields["user_simulator"],
                judge=fields["judge"],
                further_judges=fields["further_judges"],
                max_turns=fields["max_turns"] or 1,
                scope=fields["scope"],
                option_orders=running.ORDERS[fields["orders"]],
                samples=fields["samples"],
                seed=fields["seed"],
            ),
        )

    def to_the_runs(started: Started) -> HttpResponse:
        jobs = [started] if isinstance(started, Job) else started
        messages.success(request, f"{len(jobs)} evaluation{'s are' if len(jobs) > 1 else ' is'} on the way.")
        return redirect("evaluation:runs", this_study.slug)

    context = {"study": this_study, "section": "runs", "dataset": this_dataset}
    return start_or_estimate(
        request, form, start, template="evaluation/evaluate.html", context=context, then=to_the_runs
    )


@require_http_methods(["GET", "HEAD", "POST"])
def top_up(request: Request, study: str, run: int) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_run = get_object_or_404(runs_of(this_study.datasets.all()).filter(imported=False), pk=run)
    form = TopUpForm(request.POST or None, run=this_run)

    def start() -> Job:
        fields = form.cleaned_data
        running.top_up(
            this_run,
            samples=fields["samples"],
            max_turns=fields.get("max_turns"),
            option_orders=running.ORDERS[fields["orders"]] if fields.get("orders") else (),
            judges=fields.get("further_judges", ()),
        )
        running.ask_again(this_run, fields["again"])
        return running.start(this_run, started_by=request.user, budget=budget_of(fields))

    def to_the_run(started: Started) -> HttpResponse:
        messages.success(request, "What is missing is being asked.")
        return redirect(this_run)

    context = {
        "study": this_study,
        "section": "runs",
        "run": this_run,
        "unasked": running.unasked_scenarios(this_run).count(),
        "shown": this_run.responses.filter(shown_to_people=True).count(),
    }
    return start_or_estimate(request, form, start, template="evaluation/top_up.html", context=context, then=to_the_run)


@require_safe
def scenario_responses(request: Request, study: str, dataset: str, uid: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    scenarios = Scenario.objects.complete().select_related("dataset")
    scenario = get_object_or_404(scenarios, dataset__study=this_study, dataset__slug=dataset, uid=uid)
    context = {"study": this_study, "scenario": scenario, "responses": list(responses_to(scenario))}
    return render(request, "evaluation/_scenario_responses.html", context)
