"""Datasets and scenarios to read, in the studies that the caller may see."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Prefetch
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics

from conflictscope.scenarios.browsing.scenarios import Filter
from conflictscope.scenarios.models import Dataset, Dimension, Scenario, Verdict
from conflictscope.scenarios.serializers import DatasetSerializer, ScenarioSerializer
from conflictscope.studies.access import study_for
from conflictscope.studies.models import Study

FILTERS = [
    OpenApiParameter("status", str, enum=Scenario.Status.values, description="Where it stands in its life."),
    OpenApiParameter("pair", str, description="Keys of two values with a tilde between them, in the set's order."),
    OpenApiParameter("template", str, enum=Scenario.Template.values),
    OpenApiParameter(
        "failed", str, enum=Dimension.values, description="Failed on this dimension, by the primary judge or by people."
    ),
    OpenApiParameter("search", str, description="Words of the uid, the description or the outline."),
]


class InStudy(generics.GenericAPIView):
    """Rows of the study in the address; 404 for those who may not see it."""

    @property
    def study(self) -> Study:
        return study_for(self.request.user, self.kwargs["study"])


class DatasetList(InStudy, generics.ListAPIView):
    """The study's datasets."""

    queryset = Dataset.objects.none()
    serializer_class = DatasetSerializer

    def get_queryset(self) -> Any:
        return datasets_of(self.study).order_by("pk")


class DatasetDetail(InStudy, generics.RetrieveAPIView):
    """One dataset, with its recipe."""

    queryset = Dataset.objects.none()
    serializer_class = DatasetSerializer
    lookup_field = "slug"
    lookup_url_kwarg = "dataset"

    def get_queryset(self) -> Any:
        return datasets_of(self.study)


@extend_schema(parameters=FILTERS)
class ScenarioList(InStudy, generics.ListAPIView):
    """A dataset's scenarios with the verdicts of judges and people."""

    queryset = Scenario.objects.none()
    serializer_class = ScenarioSerializer

    def get_queryset(self) -> Any:
        dataset = get_object_or_404(Dataset, study=self.study, slug=self.kwargs["dataset"])
        given = self.request.query_params
        chosen = Filter(**{field: given.get(field, "") for field in ("status", "pair", "template", "failed", "search")})
        return chosen.apply(scenarios_of(dataset), primary_judge_id=dataset.primary_judge_id)


class ScenarioDetail(InStudy, generics.RetrieveAPIView):
    """One scenario."""

    queryset = Scenario.objects.none()
    serializer_class = ScenarioSerializer
    lookup_field = "uid"

    def get_queryset(self) -> Any:
        return scenarios_of(get_object_or_404(Dataset, study=self.study, slug=self.kwargs["dataset"]))


def datasets_of(study: Study) -> Any:
    return study.datasets.select_related("value_set_version__value_set", "generator", "primary_judge").annotate(
        scenario_count=Count("scenarios")
    )


def scenarios_of(dataset: Dataset) -> Any:
    verdicts = Verdict.objects.select_related("judge__endpoint").order_by("created_at", "pk")
    return (
        dataset.scenarios.select_related("value_1", "value_2", "duplicate_of")
        .defer("embedding", "duplicate_of__embedding")
        .prefetch_related(Prefetch("verdicts", queryset=verdicts))
        .order_by("pk")
    )
