"""API of datasets and scenarios, to read, and of trials of value sets, below /api/v1/."""

from django.urls import path

from conflictscope.scenarios.api import value_sets
from conflictscope.scenarios.api import views as api_views

urlpatterns = [
    path(
        "value-sets/<slug:value_set>/versions/<number:number>/trial/",
        value_sets.TrialOfVersion.as_view(),
        name="api-value-set-trial",
    ),
    path("studies/<slug:study>/datasets/", api_views.DatasetList.as_view(), name="api-datasets"),
    path("studies/<slug:study>/datasets/<slug:dataset>/", api_views.DatasetDetail.as_view(), name="api-dataset"),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/scenarios/",
        api_views.ScenarioList.as_view(),
        name="api-scenarios",
    ),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/scenarios/<str:uid>/",
        api_views.ScenarioDetail.as_view(),
        name="api-scenario",
    ),
]
