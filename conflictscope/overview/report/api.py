"""The report for programs, below /api/v1/."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conflictscope.errors import InvalidInput
from conflictscope.overview.report.facts import judges_of
from conflictscope.overview.report.gathering import report_of
from conflictscope.overview.report.views import WAYS
from conflictscope.stats.types import plain
from conflictscope.studies.access import study_for


class ReportTableSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(
        child=serializers.ListField(),
        help_text="Text, numbers, or estimates with value, low, high, n, reason and warning.",
    )
    links = serializers.ListField(child=serializers.CharField(), help_text="Of each row, the page of its data.")


class ReportSectionSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    title = serializers.CharField()
    sentences = serializers.ListField(child=serializers.CharField())
    tables = ReportTableSerializer(many=True)


class ReportSerializer(serializers.Serializer[Any]):
    simulated = serializers.BooleanField(help_text="Simulators wrote some of what it is about.")
    methods = serializers.CharField(help_text="A paragraph made of the facts.")
    sections = ReportSectionSerializer(many=True)


class ReportView(APIView):
    """The report of a study: its sections with their tables, and a methods paragraph."""

    @extend_schema(
        parameters=[
            OpenApiParameter("judge", str, description="Name of a judge; each run's own if not given."),
            OpenApiParameter("by", str, enum=list(WAYS), description="Whose decisions conversations are ranked by."),
        ],
        responses=ReportSerializer,
    )
    def get(self, request: Request, study: str) -> Response:
        this_study = study_for(request.user, study)
        wanted, who = request.query_params.get("judge", ""), request.query_params.get("by", "own")
        judge = next((judge for judge in judges_of(this_study) if judge.name == wanted), None)
        if (wanted and judge is None) or who not in WAYS:
            raise InvalidInput(f"Name a judge of the study, and one of {', '.join(WAYS)}.")
        report = report_of(this_study, judge=judge, who=who)
        sections = [
            {
                "key": section.key,
                "title": section.title,
                "sentences": section.sentences,
                "tables": [
                    {
                        "name": it.name,
                        "title": it.title,
                        "columns": it.columns,
                        "rows": plain(it.rows),
                        "links": it.links,
                    }
                    for it in section.tables
                ],
            }
            for section in report.sections
        ]
        document = {"simulated": report.simulated, "methods": report.methods, "sections": sections}
        return Response(ReportSerializer(document).data)
