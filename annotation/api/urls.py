"""The labelling API, below /api/v1/, and the download of a campaign's labels."""

from django.urls import path

from annotation.api import community, deciding, downloads, views

_CAMPAIGN = "campaigns/<number:campaign_id>/"
_ASSIGNMENT = "assignments/<uuid:token>/"
urlpatterns = [
    path("campaigns/", views.Campaigns.as_view(), name="api-campaigns"),
    path(f"{_CAMPAIGN}guideline/", views.GuidelineOfCampaign.as_view(), name="api-guideline"),
    path(f"{_CAMPAIGN}consent/", views.Consent.as_view(), name="api-consent"),
    path(f"{_CAMPAIGN}next/", views.Next.as_view(), name="api-next"),
    path(f"{_CAMPAIGN}peek/", views.Peek.as_view(), name="api-peek"),
    path(f"{_CAMPAIGN}progress/", views.ProgressInCampaign.as_view(), name="api-progress"),
    path(f"{_CAMPAIGN}annotations/", downloads.Annotations.as_view(), name="api-annotations"),
    path("preferences/<number:community_id>/", community.CommunityOrder.as_view(), name="api-community"),
    path(f"{_CAMPAIGN}decide/", deciding.Decide.as_view(), name="api-decide"),
    path(_ASSIGNMENT, views.OneAssignment.as_view(), name="api-assignment"),
    path(f"{_ASSIGNMENT}heartbeat/", views.AtWork.as_view(), name="api-heartbeat"),
    path(f"{_ASSIGNMENT}skip/", views.Skip.as_view(), name="api-skip"),
    path(f"{_ASSIGNMENT}flag/", views.RaiseFlag.as_view(), name="api-flag"),
]
