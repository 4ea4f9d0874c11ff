"""Datasets and scenarios to read, in the studies that the caller may see."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Prefetch
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics

from conflictscope.scenarios.api.serializers import DatasetSerializer, ScenarioSerializer
from conflictscope.scenarios.browsing.listing import PEOPLE, SORTS, UNTAGGED, Listing, ScenarioFilter
from conflictscope.scenarios.models import Dataset, Dimension, OpeningMessage, Scenario, Verdict
from conflictscope.studies.api import InStudy
from conflictscope.studies.models import Study


def _several(name: str, description: str, *, enum: list[str] | None = None) -> OpenApiParameter:
    """A parameter that may be given more than once: any of its values will do."""
    return OpenApiParameter(name, str, many=True, explode=True, enum=enum, description=description)


FILTERS = [
    _several("status", "Where it stands in its life.", enum=Scenario.Status.values),
    _several("pair", "Keys of two values with a tilde between them, in the set's order."),
    _several("template", "How acting bears on the values.", enum=Scenario.Template.values),
    _several(
        "failed",
        "Failed on this dimension: by people, or by the primary judge where they left it.",
        enum=Dimension.values,
    ),
    _several(
        "failed_by", "A judge's name and a dimension that it failed, with a tilde between them; duplicates left out."
    ),
    _several("people", "What people's verdicts are beside the primary judge's.", enum=list(PEOPLE)),
    _several("domain", f"Its field of life; {UNTAGGED} for those without one."),
    OpenApiParameter("search", str, description="Words as they begin, or phrases in quotes; all must occur."),
    OpenApiParameter("sort", str, enum=[key for key in SORTS if key], description="As made, unless it is given."),
]


class DatasetList(InStudy[Dataset], generics.ListAPIView[Dataset]):
    """The study's datasets."""

    queryset = Dataset.objects.none()
    serializer_class = DatasetSerializer

    def get_queryset(self) -> Any:
        return datasets_of(self.study).order_by("pk")


class DatasetDetail(InStudy[Dataset], generics.RetrieveAPIView[Dataset]):
    """One dataset, with its recipe."""

    queryset = Dataset.objects.none()
    serializer_class = DatasetSerializer
    lookup_field = "slug"
    lookup_url_kwarg = "dataset"

    def get_queryset(self) -> Any:
        return datasets_of(self.study)


@extend_schema(parameters=FILTERS)
class ScenarioList(InStudy[Scenario], generics.ListAPIView[Scenario]):
    """A dataset's scenarios with what users open with, and the verdicts of judges and people."""

    queryset = Scenario.objects.none()
    serializer_class = ScenarioSerializer

    def get_queryset(self) -> Any:
        dataset = get_object_or_404(Dataset, study=self.study, slug=self.kwargs["dataset"])
        return whole(Listing(dataset, ScenarioFilter.of(self.request.query_params)).scenarios)


class ScenarioDetail(InStudy[Scenario], generics.RetrieveAPIView[Scenario]):
    """One scenario."""

    queryset = Scenario.objects.none()
    serializer_class = ScenarioSerializer
    lookup_field = "uid"

    def get_queryset(self) -> Any:
        return whole(get_object_or_404(Dataset, study=self.study, slug=self.kwargs["dataset"]).scenarios.order_by("pk"))


def datasets_of(study: Study) -> Any:
    return study.datasets.select_related("value_set_version__value_set", "generator", "primary_judge").annotate(
        scenario_count=Count("scenarios")
    )


def whole(scenarios: Any) -> Any:
    """With everything the API shows of a scenario, in as many queries for a hundred as for one."""
    openings = OpeningMessage.objects.select_related("user_simulator").order_by("sample", "pk")
    verdicts = Verdict.objects.select_related("judge__endpoint").order_by("created_at", "pk")
    return (
        scenarios.select_related("value_1", "value_2", "duplicate_of")
        .defer("embedding", "duplicate_of__embedding")
        .prefetch_related(Prefetch("opening_messages", queryset=openings), Prefetch("verdicts", queryset=verdicts))
    )
