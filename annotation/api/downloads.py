"""A campaign's labels for its researchers. Apart from what annotators are served: whoever labels is refused here."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User
from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from annotation.models import Assignment, Campaign
from annotation.monitoring.downloads import label_lines
from conflictscope.studies.permissions import Action


class Annotations(APIView):
    """A campaign's labels, one JSON object a line for each item and person: for those who may export the study's data.

    Nobody who labels in the study may, as long as they do.
    """

    @extend_schema(
        responses={(200, "application/x-ndjson"): OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter(
                "state",
                str,
                enum=[*Assignment.State.values, "all"],
                default=Assignment.State.SUBMITTED.value,
                description="How the assignments stand.",
            )
        ],
    )
    def get(self, request: Request, campaign_id: int) -> StreamingHttpResponse:
        campaign = _exportable_campaign(request.user, campaign_id)
        state = request.query_params.get("state", Assignment.State.SUBMITTED.value)
        response = StreamingHttpResponse(label_lines(campaign, state=state), content_type="application/x-ndjson")
        response["Content-Disposition"] = f'attachment; filename="{campaign.slug}.annotations.jsonl"'
        response["Cache-Control"] = "no-store, private"
        return response


def _exportable_campaign(user: User | AnonymousUser, campaign_id: int) -> Campaign:
    """
    Raises:
        Http404: there is no such campaign whose labels they may download.
    """
    campaign = Campaign.objects.visible_to(user, may=Action.EXPORT).filter(pk=campaign_id).first()
    if campaign is None:
        raise Http404("No such campaign, or it is not open to you.")
    return campaign
