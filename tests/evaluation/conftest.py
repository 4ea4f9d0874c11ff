from __future__ import annotations

from tests.scenarios.conftest import shared_data

__all__ = ["shared_data"]
