"""What programs send to the API, checked key by key. Apart from `api`, which REST framework loads while it loads itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class Sent(serializers.Serializer[Any]):
    """What comes in. A key that means nothing is refused: misspelt, it would be taken for an answer taken back."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, Mapping) else []
        if unknown:
            known = ", ".join(self.fields)
            raise serializers.ValidationError(
                dict.fromkeys(unknown, f"Nothing is known by this name. What may be sent: {known}.")
            )
        return super().to_internal_value(data)
