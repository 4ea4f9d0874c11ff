"""What the API views of all rooms share: they answer about the study in their address."""

from __future__ import annotations

from typing import TypeVar

from django.db import models
from rest_framework import generics

from conflictscope.studies.access import study_for
from conflictscope.studies.models import Study

RowT = TypeVar("RowT", bound=models.Model)


class InStudy(generics.GenericAPIView[RowT]):
    """Rows of the study in the address; 404 for those who may not see it."""

    @property
    def study(self) -> Study:
        return study_for(self.request.user, self.kwargs["study"])
