"""The API's routes as its own schema tells them, for a page that needs no script."""

from __future__ import annotations

from dataclasses import dataclass

from drf_spectacular.generators import SchemaGenerator


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    summary: str


def routes() -> list[Route]:
    """Every operation of the OpenAPI schema, in the order of their paths."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return [
        Route(method.upper(), path, operation.get("summary") or operation.get("description", "").split("\n")[0])
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]
