"""Queries of the way that an item takes, compiled once in a process.

Django compiles a query anew whenever it is run, which here costs several times what the database takes to answer it: a profile
of the labelling API shows two thirds of its time there. What varies from call to call are a few values; so each query is
compiled with marks in their place, and then run with the values instead.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from copy import copy
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet

_M = TypeVar("_M", bound=Model)

# Stand for a value while a query is compiled; no row has such an id, and no assignment such a token.
_NUMBER = -9_007_199_254_000_000
_TOKEN = 0xC0FFEE_0000_4000_8000_000000000000


class Compiled(Generic[_M]):
    """A query with parameters. Two databases, or two threads, never share a cursor: only the SQL and its shape are kept.

    Args:
        build: gives the query for values of the parameters, by their names. Which values are given must not change its SQL,
            and every value must be a parameter of the SQL as it is, neither computed with nor compared in Python.
        numbers, tokens: the names of parameters that are ids, and of those that are UUIDs.
    """

    def __init__(
        self, build: Callable[..., QuerySet[_M, Any]], *, numbers: tuple[str, ...] = (), tokens: tuple[str, ...] = ()
    ) -> None:
        self._build = build
        self._marks: dict[str, Any] = {name: _NUMBER - place for place, name in enumerate(numbers)}
        self._marks |= {name: uuid.UUID(int=_TOKEN + place) for place, name in enumerate(tokens)}
        self._compiled: dict[str, tuple[QuerySet[_M, Any], Any, str, tuple[Any, ...]]] = {}

    def rows(self, **values: Any) -> list[Any]:
        """What the query gives for these values, read now."""
        using = "default"
        connection = connections[using]
        if using not in self._compiled:
            queryset = self._build(**self._marks)
            compiler = queryset.query.get_compiler(using=using)
            self._compiled[using] = (queryset, compiler, *compiler.as_sql())
        queryset, compiler, sql, params = self._compiled[using]
        in_place = {
            _adapted(mark, connection): _adapted(values[name], connection) for name, mark in self._marks.items()
        }
        bound = tuple(in_place.get(param, param) for param in params)
        run = copy(compiler)
        run.connection = connection
        run.as_sql = lambda *_, **__: (sql, bound)
        fresh = queryset.all()
        fresh.query.get_compiler = lambda *_, **__: run  # type: ignore[method-assign]
        return list(fresh)

    def first(self, **values: Any) -> Any | None:
        """The first row, of a query that asks for no more than one; None: there is none."""
        return next(iter(self.rows(**values)), None)


def _adapted(value: Any, connection: Any) -> Any:
    return value.hex if isinstance(value, uuid.UUID) and not connection.features.has_native_uuid_field else value
