"""What the views of this room share: how a dataset is found and a form bound."""

from __future__ import annotations

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.shortcuts import get_object_or_404
from django.utils.datastructures import MultiValueDict

from conflictscope.http import Request
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study


def dataset_of(study: Study, slug: str) -> Dataset:
    datasets = Dataset.objects.select_related("study", "value_set_version__value_set", "generator", "primary_judge")
    return get_object_or_404(datasets, study=study, slug=slug)


def posted(request: Request) -> tuple[QueryDict | None, MultiValueDict[str, UploadedFile[bytes]] | None]:
    """What a form is bound to: also when nothing was filled in, and to nothing when it is only shown."""
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)
