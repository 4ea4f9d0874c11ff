"""Who may do what in a value set: members by their role, by the table in `studies.permissions`; members come and go here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.studies.permissions import SET_MAY, SetAction, SetRole
from conflictscope.values.models import SetMembership, ValueSet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


def role_in(user: User | AnonymousUser, value_set: ValueSet) -> SetRole | None:
    if not user.is_authenticated:
        return None
    role = SetMembership.objects.filter(value_set=value_set, user=user).values_list("role", flat=True).first()
    return SetRole(role) if role else None


def may(user: User | AnonymousUser, action: SetAction, value_set: ValueSet) -> bool:
    role = role_in(user, value_set)
    return role is not None and action in SET_MAY[role]


def set_role(value_set: ValueSet, user: User, role: str) -> None:
    """Make the person a member with this role, or change theirs.

    Raises:
        InvalidInput: there is no such role.
        Conflict: they are the last steward, and would be none any more.
    """
    if role not in SetRole.values:
        raise InvalidInput(f"There is no role {role!r}: use {', '.join(SetRole.values)}.")
    with transaction.atomic():
        ValueSet.objects.select_for_update().get(pk=value_set.pk)
        if role != SetRole.STEWARD:
            _refuse_last_steward(value_set, user)
        SetMembership.objects.update_or_create(value_set=value_set, user=user, defaults={"role": role})


def remove_member(value_set: ValueSet, user: User) -> None:
    """Take the person out of the set. What they proposed and said stays.

    Raises:
        Conflict: they are the last steward.
    """
    with transaction.atomic():
        ValueSet.objects.select_for_update().get(pk=value_set.pk)
        _refuse_last_steward(value_set, user)
        SetMembership.objects.filter(value_set=value_set, user=user).delete()


def answer_question(value_set: ValueSet, user: User, answer: str) -> None:
    """Keep what a member says of themselves; empty takes it back.

    Raises:
        InvalidInput: it is none of the answers that the stewards wrote down.
    """
    if answer and answer not in value_set.question_answers:
        raise InvalidInput("Choose one of the answers, or leave it open.")
    SetMembership.objects.filter(value_set=value_set, user=user).update(answer=answer)


def _refuse_last_steward(value_set: ValueSet, user: User) -> None:
    stewards = value_set.memberships.filter(role=SetRole.STEWARD)
    if stewards.filter(user=user).exists() and not stewards.exclude(user=user).exists():
        raise Conflict(f"{user} is the last steward of {value_set}: make somebody else a steward first.")
