"""Pages of datasets and scenarios."""

from django.urls import path

from conflictscope.scenarios.views import (
    datasets,
    dedup,
    domains,
    duplicates,
    filtering,
    generating,
    importing,
    prompts,
    results,
    scenarios,
    value_sets,
)

app_name = "scenarios"
_VERSION = "value-sets/<slug:value_set>/versions/<number:number>/"
urlpatterns = [
    path(f"{_VERSION}uses/", value_sets.value_set_uses, name="value_set_uses"),
    path(f"{_VERSION}try/", value_sets.try_value_set, name="try_value_set"),
    path(f"{_VERSION}trial/", value_sets.value_set_trial, name="value_set_trial"),
    path(f"{_VERSION}likeness/", value_sets.value_set_likeness, name="value_set_likeness"),
    path("studies/<slug:study>/datasets/", datasets.datasets, name="datasets"),
    path("studies/<slug:study>/prompts/", prompts.prompts, name="prompts"),
    path("studies/<slug:study>/prompts/<path:prompt>/", prompts.prompt, name="prompt"),
    path("studies/<slug:study>/datasets/new/", generating.new_dataset, name="new_dataset"),
    path("studies/<slug:study>/datasets/import/", importing.import_dataset, name="import_dataset"),
    path("studies/<slug:study>/datasets/import/<uuid:upload>/", importing.import_upload, name="import_upload"),
    path(
        "studies/<slug:study>/datasets/import/<uuid:upload>/give-up/", importing.give_up_upload, name="give_up_upload"
    ),
    path(
        "studies/<slug:study>/datasets/import/<uuid:upload>/bad-rows/",
        importing.import_bad_rows,
        name="import_bad_rows",
    ),
    path("studies/<slug:study>/datasets/<slug:dataset>/", datasets.dataset, name="dataset"),
    path("studies/<slug:study>/datasets/<slug:dataset>/live/", datasets.dataset_live, name="dataset_live"),
    path("studies/<slug:study>/datasets/<slug:dataset>/hide/", datasets.hide_dataset, name="hide_dataset"),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/imports/<number:import_number>/take-back/",
        datasets.take_back_import,
        name="take_back_import",
    ),
    path("studies/<slug:study>/datasets/<slug:dataset>/generate/", generating.generate, name="generate"),
    path("studies/<slug:study>/datasets/<slug:dataset>/filter/", filtering.filter_dataset, name="filter"),
    path("studies/<slug:study>/datasets/<slug:dataset>/duplicates/", duplicates.duplicates, name="duplicates"),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/duplicates/chart/",
        duplicates.duplicates_chart,
        name="duplicates_chart",
    ),
    path("studies/<slug:study>/datasets/<slug:dataset>/tag-domains/", domains.tag_domains, name="tag_domains"),
    path("studies/<slug:study>/datasets/<slug:dataset>/set-domains/", domains.set_domains, name="set_domains"),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/scenarios/<str:uid>/domain/",
        domains.set_domain,
        name="set_domain",
    ),
    path("studies/<slug:study>/datasets/<slug:dataset>/results/", results.results, name="results"),
    path("studies/<slug:study>/datasets/<slug:dataset>/results/primary/", results.primary_judge, name="primary_judge"),
    path("studies/<slug:study>/datasets/<slug:dataset>/results/rates/", results.rates_chart, name="rates_chart"),
    path("studies/<slug:study>/datasets/<slug:dataset>/results/funnel/", results.funnel_chart, name="funnel_chart"),
    path("studies/<slug:study>/datasets/<slug:dataset>/find-duplicates/", dedup.find_duplicates, name="dedup"),
    path("studies/<slug:study>/datasets/<slug:dataset>/scenarios/<str:uid>/", scenarios.scenario, name="scenario"),
]
