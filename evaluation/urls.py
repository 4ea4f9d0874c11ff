"""Pages of runs and rankings."""

from django.urls import path

from evaluation.views import (
    comparing,
    datasets,
    importing,
    rankings,
    runs,
    snapshots,
    steerings,
    transcripts,
    value_sets,
    ways,
)

app_name = "evaluation"
_VERSION = "value-sets/<slug:value_set>/versions/<number:number>/"
urlpatterns = [
    path(f"{_VERSION}orders/", value_sets.value_set_orders, name="value_set_orders"),
    path(f"{_VERSION}orders/preview/", value_sets.preview_order, name="preview_order"),
    path("studies/<slug:study>/runs/", runs.runs, name="runs"),
    path("studies/<slug:study>/runs/missing/", runs.ask_missing, name="ask_missing"),
    path("studies/<slug:study>/runs/<number:run>/", runs.run, name="run"),
    path("studies/<slug:study>/runs/<number:run>/more/", runs.top_up, name="top_up"),
    path(
        "studies/<slug:study>/runs/<number:run>/responses/<number:response>/",
        transcripts.response,
        name="response",
    ),
    path("studies/<slug:study>/datasets/<slug:dataset>/answers/", transcripts.answers, name="answers"),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/scenarios/<str:uid>/answers/",
        transcripts.answers,
        name="answers_to",
    ),
    path("studies/<slug:study>/runs/import/", importing.import_evaluations, name="import_evaluations"),
    path("studies/<slug:study>/runs/import/<uuid:evaluations>/", importing.import_upload, name="import_upload"),
    path(
        "studies/<slug:study>/runs/import/<uuid:evaluations>/remove/", importing.give_up_upload, name="give_up_upload"
    ),
    path(
        "studies/<slug:study>/runs/import/<uuid:evaluations>/bad-rows/",
        importing.import_bad_rows,
        name="import_bad_rows",
    ),
    path("studies/<slug:study>/steerings/", steerings.steerings, name="steerings"),
    path("studies/<slug:study>/steerings/new/", steerings.create_steering, name="create_steering"),
    path("studies/<slug:study>/steerings/preview/", steerings.preview_steering, name="preview_steering"),
    path("studies/<slug:study>/steerings/work-out/", steerings.work_out_steering, name="work_out_steering"),
    path("studies/<slug:study>/steerings/<number:steering>/", steerings.steering, name="steering"),
    path("studies/<slug:study>/steerings/<number:steering>/remove/", steerings.remove_steering, name="remove_steering"),
    path("studies/<slug:study>/datasets-compared/", datasets.compare_datasets, name="compare_datasets"),
    path("studies/<slug:study>/datasets-compared/csv/", datasets.compare_datasets_csv, name="compare_datasets_csv"),
    path("studies/<slug:study>/datasets-compared/ablation/", datasets.ablation_table, name="ablation_table"),
    path("studies/<slug:study>/datasets-compared/chart/", datasets.ablation_figure, name="ablation_chart"),
    path("studies/<slug:study>/datasets-compared/embed/", datasets.embed_descriptions, name="embed_descriptions"),
    path("studies/<slug:study>/rankings/", rankings.rankings, name="rankings"),
    path("studies/<slug:study>/snapshots/rankings/<number:snapshot>/", snapshots.ranking, name="ranking_snapshot"),
    path(
        "studies/<slug:study>/snapshots/comparisons/<number:comparison>/",
        snapshots.comparison,
        name="comparison_snapshot",
    ),
    path("studies/<slug:study>/runs/<number:run>/ways/", ways.ways, name="ways"),
    path("studies/<slug:study>/runs/<number:run>/ways/<slug:part>/", ways.ways_table, name="ways_table"),
    path("studies/<slug:study>/compare/", comparing.compare, name="compare"),
    path("studies/<slug:study>/compare/chart/", comparing.compare_chart, name="compare_chart"),
    path("studies/<slug:study>/datasets/<slug:dataset>/rankings/alike/", comparing.alike, name="alike"),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/rankings/alike/chart/", comparing.alike_chart, name="alike_chart"
    ),
    path("studies/<slug:study>/datasets/<slug:dataset>/evaluate/", runs.evaluate, name="evaluate"),
    path("studies/<slug:study>/datasets/<slug:dataset>/rankings/fit/", rankings.fit_rankings, name="fit_rankings"),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/rankings/chart/", rankings.rankings_chart, name="rankings_chart"
    ),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/rankings/targets/<number:target>/",
        rankings.target_rankings,
        name="target_rankings",
    ),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/rankings/targets/<number:target>/chart/",
        rankings.target_chart,
        name="target_chart",
    ),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/rankings/targets/<number:target>/said-and-done/",
        rankings.target_slope,
        name="slope_chart",
    ),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/rankings/values/<slug:value>/",
        rankings.value_rankings,
        name="value_rankings",
    ),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/rankings/values/<slug:value>/chart/",
        rankings.value_chart,
        name="value_chart",
    ),
    path("studies/<slug:study>/datasets/<slug:dataset>/measures/", datasets.measures, name="measures"),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/scenarios/<str:uid>/responses/",
        runs.scenario_responses,
        name="scenario_responses",
    ),
]
