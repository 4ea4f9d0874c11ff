"""Pages of runs and rankings."""

from django.urls import path

from evaluation import views

app_name = "evaluation"
urlpatterns = [
    path("studies/<slug:study>/runs/", views.runs, name="runs"),
    path("studies/<slug:study>/runs/<int:run>/", views.run, name="run"),
    path("studies/<slug:study>/datasets-compared/", views.compare_datasets, name="compare_datasets"),
    path("studies/<slug:study>/datasets-compared/csv/", views.compare_datasets_csv, name="compare_datasets_csv"),
    path("studies/<slug:study>/datasets-compared/embed/", views.embed_descriptions, name="embed_descriptions"),
    path("studies/<slug:study>/rankings/", views.rankings, name="rankings"),
    path("studies/<slug:study>/datasets/<slug:dataset>/evaluate/", views.evaluate, name="evaluate"),
    path("studies/<slug:study>/datasets/<slug:dataset>/rankings/fit/", views.fit_rankings, name="fit_rankings"),
    path("studies/<slug:study>/datasets/<slug:dataset>/rankings/chart/", views.rankings_chart, name="rankings_chart"),
    path("studies/<slug:study>/datasets/<slug:dataset>/measures/", views.measures, name="measures"),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/scenarios/<str:uid>/responses/",
        views.scenario_responses,
        name="scenario_responses",
    ),
]
