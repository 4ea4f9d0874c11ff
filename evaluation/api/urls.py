"""Read-only API of runs and rankings, below /api/v1/."""

from django.urls import path

from evaluation.api import views as api_views

urlpatterns = [
    path("studies/<slug:study>/runs/", api_views.RunList.as_view(), name="api-runs"),
    path("studies/<slug:study>/runs/<number:run>/", api_views.RunDetail.as_view(), name="api-run"),
    path("studies/<slug:study>/runs/<number:run>/responses/", api_views.ResponseList.as_view(), name="api-responses"),
    path("studies/<slug:study>/rankings/", api_views.RankingList.as_view(), name="api-rankings"),
    path("studies/<slug:study>/rankings/<number:snapshot>/", api_views.RankingDetail.as_view(), name="api-ranking"),
    path("studies/<slug:study>/steerings/", api_views.SteeringList.as_view(), name="api-steerings"),
    path("studies/<slug:study>/steerings/<number:steering>/", api_views.SteeringDetail.as_view(), name="api-steering"),
    path("studies/<slug:study>/comparisons/", api_views.ComparisonList.as_view(), name="api-comparisons"),
    path(
        "studies/<slug:study>/comparisons/<number:comparison>/",
        api_views.ComparisonDetail.as_view(),
        name="api-comparison",
    ),
]
