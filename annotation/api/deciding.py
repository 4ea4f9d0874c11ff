"""Writing down what people agree on, by API. Apart from what annotators are served: whoever labels is refused here."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.consensus import job as deciding
from annotation.models import Campaign
from conflictscope.jobs.models import Job
from conflictscope.jobs.registry import outcome_of_job
from conflictscope.studies.permissions import Action

LATEST = 20


class DecideSerializer(serializers.Serializer[dict[str, int]]):
    minimum = serializers.IntegerField(
        min_value=1,
        max_value=100,
        required=False,
        help_text="How many people must have labelled an item; by default as many as the campaign asks for.",
    )


class DecidingSerializer(serializers.Serializer[Job]):
    """The job that decides a campaign."""

    job = serializers.IntegerField(source="pk")
    state = serializers.ChoiceField(choices=Job.State.choices)
    minimum = serializers.IntegerField(source="parameters.minimum")
    outcome = serializers.SerializerMethodField(help_text="Once it is done: what it came to, a line each.")

    def get_outcome(self, job: Job) -> str:
        return outcome_of_job(job)


class Decide(APIView):
    """Write down what people agree on, as a job: for those who settle disagreements."""

    @extend_schema(request=DecideSerializer, responses={202: DecidingSerializer}, operation_id="campaign_decide")
    def post(self, request: Request, campaign_id: int) -> Response:
        campaign = _campaign(request, campaign_id)
        sent = DecideSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        person = request.user if request.user.is_authenticated else None
        job = deciding.start(campaign, minimum=sent.validated_data.get("minimum"), started_by=person)
        return Response(DecidingSerializer(job).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses={200: DecidingSerializer(many=True)}, operation_id="campaign_deciding")
    def get(self, request: Request, campaign_id: int) -> Response:
        """The latest jobs that decide, or decided, the campaign, newest first."""
        jobs: Any = deciding.jobs_of(_campaign(request, campaign_id))[:LATEST]  # the stubs know of one instance only
        return Response(DecidingSerializer(jobs, many=True).data)


def _campaign(request: Request, campaign_id: int) -> Campaign:
    """
    Raises:
        Http404: there is no such campaign in which they settle disagreements.
    """
    campaigns = Campaign.objects.visible_to(request.user, may=Action.ADJUDICATE).select_related("study")
    campaign = campaigns.filter(pk=campaign_id).first()
    if campaign is None:
        raise Http404("No such campaign, or it is not open to you.")
    return campaign
