"""The API of value sets, below /api/v1/."""

from django.urls import path

from conflictscope.values.api import proposing, reading, writing

_SET = "value-sets/<slug:value_set>/"
_VERSION = f"{_SET}versions/<number:number>/"
_PROPOSAL = f"{_SET}proposals/<number:proposal>/"
urlpatterns = [
    path("value-sets/", reading.ValueSets.as_view(), name="api-value-sets"),
    path("value-sets/import/", reading.ImportValueSet.as_view(), name="api-value-set-import"),
    path(_SET, reading.OneValueSet.as_view(), name="api-value-set"),
    path(f"{_SET}differences/", reading.ComparedVersions.as_view(), name="api-value-set-differences"),
    path(f"{_SET}history/", reading.History.as_view(), name="api-value-set-history"),
    path(f"{_SET}versions/", reading.Versions.as_view(), name="api-value-set-versions"),
    path(_VERSION, reading.PublishedVersion.as_view(), name="api-value-set-version"),
    path(f"{_VERSION}fork/", reading.Fork.as_view(), name="api-value-set-fork"),
    path(f"{_VERSION}retire/", writing.Retire.as_view(), name="api-value-set-retire"),
    path(f"{_VERSION}orders/", writing.Orders.as_view(), name="api-value-set-orders"),
    path(f"{_VERSION}files/<str:file>", reading.VersionFile.as_view(), name="api-value-set-file"),
    path(f"{_SET}draft/", writing.Draft.as_view(), name="api-value-set-draft"),
    path(f"{_SET}draft/paste/", writing.Paste.as_view(), name="api-value-set-paste"),
    path(f"{_SET}draft/publish/", writing.Publish.as_view(), name="api-value-set-publish"),
    path(f"{_SET}proposals/", proposing.Proposals.as_view(), name="api-value-set-proposals"),
    path(_PROPOSAL, proposing.OneProposal.as_view(), name="api-value-set-proposal"),
    path(f"{_PROPOSAL}voices/", proposing.Voices.as_view(), name="api-value-set-voices"),
    path(f"{_PROPOSAL}decision/", proposing.ProposalDecision.as_view(), name="api-value-set-decision"),
    path(f"{_SET}members/", writing.Members.as_view(), name="api-value-set-members"),
    path(f"{_SET}members/<str:username>/", writing.Member.as_view(), name="api-value-set-member"),
    path(f"{_SET}answer/", writing.OwnAnswer.as_view(), name="api-value-set-answer"),
]
