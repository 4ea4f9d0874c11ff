"""The list of value sets."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Max

from conflictscope.values.models import ValueSet, ValueSetVersion


@dataclass(frozen=True, slots=True)
class ValueSetRow:
    value_set: ValueSet
    newest: ValueSetVersion | None
    values: int
    versions: int


def value_set_rows() -> list[ValueSetRow]:
    sets = list(ValueSet.objects.annotate(newest=Max("versions__pk"), count=Count("versions")).order_by("name"))
    newest = (
        ValueSetVersion.objects.annotate(values_in_it=Count("values"))
        .select_related("value_set")
        .in_bulk([each.newest for each in sets if each.newest])
    )
    rows = []
    for each in sets:
        version = newest.get(each.newest)
        rows.append(ValueSetRow(each, version, version.values_in_it if version else 0, each.count))
    return rows
