"""What the API views of value sets share."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from conflictscope.studies.permissions import SetAction
from conflictscope.values.finding import set_for
from conflictscope.values.models import ValueSet


class ValueSetView(APIView):
    """A route of a value set. What its person may not see answers 404, as the pages do."""

    request: Request

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def value_set(self, action: SetAction | None = None) -> ValueSet:
        return set_for(self.user, self.kwargs["value_set"], action)

    def sent(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        bound_serializer = serializer(data=self.request.data)
        bound_serializer.is_valid(raise_exception=True)
        fields: dict[str, Any] = bound_serializer.validated_data
        return fields

    def told(self, serializer: type[serializers.Serializer[Any]], said: Any, *, many: bool = False) -> Any:
        return serializer(said, many=many, context={"request": self.request}).data
