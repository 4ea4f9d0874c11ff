"""The list of value sets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from django.db.models import Count

from conflictscope.studies.permissions import SetRole
from conflictscope.values.models import SetMembership, ValueSet, ValueSetVersion

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


@dataclass(frozen=True, slots=True)
class ValueSetRow:
    """A set in the list: `shown` is its newest published version, or its draft for whoever may see that."""

    value_set: ValueSet
    shown: ValueSetVersion
    values: int
    published: int
    draft: bool
    role: SetRole | None


def value_set_rows(user: User | AnonymousUser) -> list[ValueSetRow]:
    """The sets that the person may see, each by what is newest of it for them."""
    sets = {each.pk: each for each in ValueSet.objects.visible_to(user)}
    roles = {}
    if user.is_authenticated:
        of_mine = SetMembership.objects.filter(user=user, value_set__in=sets)
        roles = {pk: SetRole(role) for pk, role in of_mine.values_list("value_set", "role")}
    versions = ValueSetVersion.objects.filter(value_set__in=sets).annotate(values_in_it=Count("values"))
    rows = []
    for pk, group in groupby(versions.order_by("value_set", "number"), key=lambda version: version.value_set_id):
        mine = list(group)
        published = [each for each in mine if each.status != ValueSetVersion.Status.DRAFT]
        draft = pk in roles and len(published) < len(mine)
        shown = published[-1] if published else mine[-1]
        rows.append(ValueSetRow(sets[pk], shown, shown.values_in_it, len(published), draft, roles.get(pk)))
    return sorted(rows, key=lambda row: row.value_set.name.casefold())
