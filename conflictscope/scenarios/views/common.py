"""What the views of this room share: how a dataset is found."""

from __future__ import annotations

from django.shortcuts import get_object_or_404

from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study


def dataset_of(study: Study, slug: str) -> Dataset:
    datasets = Dataset.objects.select_related("study", "value_set_version__value_set", "generator", "primary_judge")
    return get_object_or_404(datasets, study=study, slug=slug)
