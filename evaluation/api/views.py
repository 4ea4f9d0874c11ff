"""Runs, responses and rankings to read, in the studies that the caller may see."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics

from conflictscope.studies.api import InStudy
from evaluation.api.serializers import (
    ComparisonSerializer,
    RankingSerializer,
    ResponseSerializer,
    RunSerializer,
    SteeringSerializer,
)
from evaluation.models import Comparison, Ranking, Response, Run, Steering
from evaluation.running.browsing import ONLY, Filter, in_scope_or_not, responses_of, runs_of
from evaluation.running.summaries import CHOICE_LABELS

# What the parameter says, as a filter knows it: what is out of scope, what is in it, or (anything else) both.
IN_SCOPE = {"0": True, "false": True, "1": False, "true": False}
_OF_BOTH = (
    *("first__target__endpoint", "first__user_simulator", "first__judge__endpoint"),
    *("second__target__endpoint", "second__user_simulator", "second__judge__endpoint", "second__steering"),
)
_STEERED = ("target_ranking__positions__value", "runs")
_SELECTED = ("run__target__endpoint", "run__user_simulator", "run__judge__endpoint", "run__steering")


class RunList(InStudy[Run], generics.ListAPIView[Run]):
    """The study's runs."""

    queryset = Run.objects.none()
    serializer_class = RunSerializer

    def get_queryset(self) -> Any:
        return runs_of(self.study.datasets.all()).prefetch_related("further_judges").order_by("pk")


class RunDetail(InStudy[Run], generics.RetrieveAPIView[Run]):
    """One run."""

    queryset = Run.objects.none()
    serializer_class = RunSerializer
    lookup_field = "pk"
    lookup_url_kwarg = "run"

    def get_queryset(self) -> Any:
        return runs_of(self.study.datasets.all())


@extend_schema(
    parameters=[
        OpenApiParameter("choice", str, enum=list(CHOICE_LABELS), description="By decision."),
        OpenApiParameter("pair", str, description="Keys of two values with a tilde between them."),
        OpenApiParameter("scenario", str, description="The uid of a scenario."),
        OpenApiParameter("outcome", str, enum=Response.Outcome.values, description="By how the reply ended."),
        OpenApiParameter(
            "only", str, enum=list(ONLY), description="Judges differ, people against a judge, or not read."
        ),
        OpenApiParameter(
            "in_scope",
            bool,
            description="Only responses to scenarios that are in the run's scope now, or only the others. Default: both.",
        ),
        OpenApiParameter("refused", bool, description="Only what was read as a refusal."),
    ]
)
class ResponseList(InStudy[Response], generics.ListAPIView[Response]):
    """A run's responses with their transcripts and judgements."""

    queryset = Response.objects.none()
    serializer_class = ResponseSerializer

    def get_queryset(self) -> Any:
        run = get_object_or_404(Run, study=self.study, pk=self.kwargs["run"])
        query = self.request.query_params
        responses = Filter.of(query).apply(responses_of([run]))
        outside = IN_SCOPE.get(query.get("in_scope", ""))
        return responses if outside is None else in_scope_or_not(responses, run, outside=outside)


class RankingList(InStudy[Ranking], generics.ListAPIView[Ranking]):
    """The study's rankings, newest first: snapshots with the digest of the decisions they were fitted to."""

    queryset = Ranking.objects.none()
    serializer_class = RankingSerializer

    def get_queryset(self) -> Any:
        return Ranking.objects.filter(study=self.study).select_related("dataset", *_SELECTED)


class RankingDetail(InStudy[Ranking], generics.RetrieveAPIView[Ranking]):
    """One snapshot of a ranking: its address and its numbers stay."""

    queryset = Ranking.objects.none()
    serializer_class = RankingSerializer
    lookup_url_kwarg = "snapshot"

    def get_queryset(self) -> Any:
        return Ranking.objects.filter(study=self.study).select_related("dataset", *_SELECTED)


class SteeringList(InStudy[Steering], generics.ListAPIView[Steering]):
    """The study's steerings: the system prompt of each, word for word, and the order that it stands for."""

    queryset = Steering.objects.none()
    serializer_class = SteeringSerializer

    def get_queryset(self) -> Any:
        return Steering.objects.filter(study=self.study).select_related("target_ranking").prefetch_related(*_STEERED)


class SteeringDetail(InStudy[Steering], generics.RetrieveAPIView[Steering]):
    """One steering."""

    queryset = Steering.objects.none()
    serializer_class = SteeringSerializer
    lookup_url_kwarg = "steering"

    def get_queryset(self) -> Any:
        return Steering.objects.filter(study=self.study).select_related("target_ranking").prefetch_related(*_STEERED)


class ComparisonList(InStudy[Comparison], generics.ListAPIView[Comparison]):
    """What targets do minus what they say, and what steerings do, newest first: snapshots."""

    queryset = Comparison.objects.none()
    serializer_class = ComparisonSerializer

    def get_queryset(self) -> Any:
        return Comparison.objects.filter(study=self.study).select_related("dataset", *_OF_BOTH)


class ComparisonDetail(InStudy[Comparison], generics.RetrieveAPIView[Comparison]):
    """One snapshot of a comparison: its address and its numbers stay."""

    queryset = Comparison.objects.none()
    serializer_class = ComparisonSerializer
    lookup_url_kwarg = "comparison"

    def get_queryset(self) -> Any:
        return Comparison.objects.filter(study=self.study).select_related("dataset", *_OF_BOTH)
