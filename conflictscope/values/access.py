"""Who may do what in a value set: members by their role, by the table in `studies.permissions`; members come and go here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.files.texts import storable
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import SET_MAY, Action, SetAction, SetRole
from conflictscope.values.models import SetMembership, ValueSet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

MOST_ANSWERS = 50


def role_in(user: User | AnonymousUser, value_set: ValueSet) -> SetRole | None:
    if not user.is_authenticated:
        return None
    role = SetMembership.objects.filter(value_set=value_set, user=user).values_list("role", flat=True).first()
    return SetRole(role) if role else None


def may(user: User | AnonymousUser, action: SetAction, value_set: ValueSet) -> bool:
    role = role_in(user, value_set)
    return role is not None and action in SET_MAY[role]


def members_of(value_set: ValueSet) -> list[SetMembership]:
    """Stewards first, then members, then readers; by username."""
    memberships = value_set.memberships.select_related("user").order_by("user__username")
    return sorted(memberships, key=lambda each: SetRole.values.index(each.role))


def may_import(user: User | AnonymousUser) -> bool:
    """Value sets belong to no study: whoever runs a pipeline anywhere may bring one as a file."""
    return Study.objects.visible_to(user, may=Action.RUN_PIPELINE).exists()


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


def change_settings(value_set: ValueSet, *, public: bool, question: str, answers: Sequence[str]) -> None:
    """Who reads published versions, and what the set asks its members. What they answered before stays until they change it.

    Raises:
        InvalidInput: a question without answers, or answers without a question; one that is too long.
    """
    question = storable(" ".join(question.split()), where="The question")
    lines = (storable(" ".join(answer.split()), where="An answer") for answer in answers)
    different = list(dict.fromkeys(line for line in lines if line))
    if bool(question) != bool(different):
        raise InvalidInput("A question needs its answers, and answers a question.")
    if len(question) > 200 or any(len(answer) > 100 for answer in different) or len(different) > MOST_ANSWERS:
        raise InvalidInput(
            f"A question has at most 200 characters, and at most {MOST_ANSWERS} answers of 100 characters each."
        )
    value_set.public, value_set.question, value_set.question_answers = public, question, different
    value_set.save(update_fields=["public", "question", "question_answers"])


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
