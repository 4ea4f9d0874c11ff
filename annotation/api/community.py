"""A people's own order of values, and the targets' distances to it, for programs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.agreement.community import community_of
from annotation.models import Campaign
from conflictscope.errors import NotFound
from conflictscope.stats.types import plain
from conflictscope.studies.permissions import Action


class CommunityTableSerializer(serializers.Serializer[Any]):
    name = serializers.ChoiceField(choices=["order", "distances", "differences", "pairs"])
    title = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(
        child=serializers.ListField(),
        help_text="Text, numbers, or estimates with value, low, high, n, reason and warning.",
    )


class PartedScenarioSerializer(serializers.Serializer[Any]):
    uid = serializers.CharField()
    people = serializers.CharField(help_text="How many answers each value got.")
    targets = serializers.CharField(help_text="How many targets took the side of each value.")
    apart = serializers.FloatField(help_text="How often a target does what a person would not.")


class CommunitySerializer(serializers.Serializer[Any]):
    campaign = serializers.CharField()
    simulated = serializers.BooleanField()
    sentence = serializers.CharField()
    tables = CommunityTableSerializer(many=True)
    scenarios = PartedScenarioSerializer(many=True, help_text="Those on which people and targets part most.")


class CommunityOrder(APIView):
    """What a preference campaign comes to: people's own order of values, and how far each target stands from it."""

    @extend_schema(responses=CommunitySerializer)
    def get(self, request: Request, community_id: int) -> Response:
        campaigns = Campaign.objects.visible_to(request.user, may=Action.SEE).select_related("dataset__study", "study")
        campaign = campaigns.filter(pk=community_id, kind=Campaign.Kind.PREFERENCE).first()
        if campaign is None:
            raise NotFound("No such campaign about preferences, or it is not open to you.")
        found = community_of(campaign)
        document = {
            "campaign": campaign.slug,
            "simulated": found.simulated,
            "sentence": found.sentence,
            "tables": [
                {"name": it.name, "title": it.title, "columns": it.columns, "rows": plain(it.rows)}
                for it in found.tables()
            ],
            "scenarios": plain(found.scenarios),
        }
        return Response(CommunitySerializer(document).data)
