"""Drafts by API: read, written whole, published, discarded; versions retired; members, and orders of values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from conflictscope.errors import InvalidInput
from conflictscope.studies.permissions import SetAction
from conflictscope.values import access, drafting, orders, publishing
from conflictscope.values.api.common import ValueSetView
from conflictscope.values.api.serializers import (
    AnswerSent,
    DraftSent,
    DraftSerializer,
    EditionSent,
    MemberSent,
    OrderSent,
    OrderSerializer,
    PastedSent,
    PastedSerializer,
    SetMemberSerializer,
    VersionSerializer,
)
from conflictscope.values.contents import content_of
from conflictscope.values.finding import draft_or_404, published_or_404
from conflictscope.values.models import SetMembership, ValueSet
from conflictscope.values.orders import orders_of
from conflictscope.values.parsing import ValueText, long_value, parse_values


class Draft(ValueSetView):
    """The draft that is being written: for the set's members."""

    @extend_schema(responses=DraftSerializer, operation_id="value_set_draft")
    def get(self, request: Request, value_set: str) -> Response:
        return Response(self.told(DraftSerializer, draft_or_404(self.value_set(SetAction.SEE))))

    @extend_schema(request=DraftSent, responses=DraftSerializer, operation_id="value_set_draft_write")
    def put(self, request: Request, value_set: str) -> Response:
        """Make it say this. 409 `changed_meanwhile`, with its `edition`, where somebody else has written since you read it."""
        draft = draft_or_404(self.value_set(SetAction.STEWARD))
        fields = self.sent(DraftSent)
        content = replace(
            content_of(draft),
            name=fields.get("name", draft.value_set.name),
            description=fields["description"],
            licence=fields["licence"],
            pairing=fields["pairing"],
            values=tuple(_value(each, number) for number, each in enumerate(fields["values"], start=1)),
        )
        written = drafting.write(draft, content, edition=fields["edition"], by=self.user, reason=fields["reason"])
        return Response(self.told(DraftSerializer, written))

    @extend_schema(responses={204: None}, operation_id="value_set_draft_discard")
    def delete(self, request: Request, value_set: str) -> Response:
        """Take it away, and its set where it never had another version."""
        drafting.discard(draft_or_404(self.value_set(SetAction.STEWARD)))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Paste(ValueSetView):
    """How a text is understood: a list, JSON or YAML. Nothing is kept; send the values as part of the draft."""

    @extend_schema(request=PastedSent, responses=PastedSerializer, operation_id="value_set_draft_paste")
    def post(self, request: Request, value_set: str) -> Response:
        self.value_set(SetAction.STEWARD)
        values = parse_values(self.sent(PastedSent)["text"], source="The text")
        return Response(self.told(PastedSerializer, {"values": values}))


class Publish(ValueSetView):
    """Publish what the draft says, for good."""

    @extend_schema(request=EditionSent, responses={201: VersionSerializer}, operation_id="value_set_publish")
    def post(self, request: Request, value_set: str) -> Response:
        draft = draft_or_404(self.value_set(SetAction.STEWARD))
        version = publishing.publish_draft(draft, edition=self.sent(EditionSent)["edition"], by=self.user)
        return Response(self.told(VersionSerializer, version), status=status.HTTP_201_CREATED)


class Retire(ValueSetView):
    """No new dataset is made of the version from now on; what there is stays. It cannot be brought back."""

    @extend_schema(request=None, responses=VersionSerializer, operation_id="value_set_retire")
    def post(self, request: Request, value_set: str, number: int) -> Response:
        version = published_or_404(self.value_set(SetAction.STEWARD), number)
        publishing.retire(version)
        return Response(self.told(VersionSerializer, version))


class Members(ValueSetView):
    """Who belongs to the set, in which role."""

    @extend_schema(responses=SetMemberSerializer(many=True), operation_id="value_set_members")
    def get(self, request: Request, value_set: str) -> Response:
        return Response(self._listed(self.value_set(SetAction.SEE)))

    @extend_schema(request=MemberSent, responses=SetMemberSerializer(many=True), operation_id="value_set_member_role")
    def post(self, request: Request, value_set: str) -> Response:
        """Give somebody a role, or another one: for stewards."""
        this_value_set = self.value_set(SetAction.STEWARD)
        fields = self.sent(MemberSent)
        person = User.objects.filter(username=fields["username"], is_active=True).first()
        if person is None:
            raise InvalidInput("Nobody here has this username.")
        access.set_role(this_value_set, person, fields["role"])
        return Response(self._listed(this_value_set))

    def _listed(self, value_set: ValueSet) -> Any:
        return self.told(SetMemberSerializer, access.members_of(value_set), many=True)


class Member(ValueSetView):
    """One member."""

    @extend_schema(responses={204: None}, operation_id="value_set_member_remove")
    def delete(self, request: Request, value_set: str, username: str) -> Response:
        """Take somebody out of the set: for stewards. What they wrote stays."""
        this_value_set = self.value_set(SetAction.STEWARD)
        memberships = SetMembership.objects.select_related("user")
        membership = get_object_or_404(memberships, value_set=this_value_set, user__username=username)
        access.remove_member(this_value_set, membership.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OwnAnswer(ValueSetView):
    """What you say of yourself to the set's own question, if you like. Nobody sees it beside your name."""

    @extend_schema(request=AnswerSent, responses={204: None}, operation_id="value_set_answer")
    def put(self, request: Request, value_set: str) -> Response:
        access.answer_question(self.value_set(SetAction.PROPOSE), self.user, self.sent(AnswerSent)["answer"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class Orders(ValueSetView):
    """Orders of a published version's values that every study may use."""

    @extend_schema(responses=OrderSerializer(many=True), operation_id="value_set_orders")
    def get(self, request: Request, value_set: str, number: int) -> Response:
        version = published_or_404(self.value_set(), number)
        return Response(self.told(OrderSerializer, orders_of(version), many=True))

    @extend_schema(request=OrderSent, responses={201: OrderSerializer}, operation_id="value_set_order_write")
    def post(self, request: Request, value_set: str, number: int) -> Response:
        """Write one by hand: for members who may propose."""
        version = published_or_404(self.value_set(SetAction.PROPOSE), number)
        fields = self.sent(OrderSent)
        begun = None
        if "begun_with" in fields:
            known = orders.orders_to_begin_with(self.user, version.value_set)
            begun = get_object_or_404(known, pk=fields["begun_with"])
        order = orders.order_of_members(version, fields["ranks"], name=fields["name"], by=self.user, begun_with=begun)
        return Response(self.told(OrderSerializer, order), status=status.HTTP_201_CREATED)


def _value(fields: dict[str, Any], number: int) -> ValueText:
    given = {name: said for name, said in fields.items() if said not in ("", None)}
    return long_value(given, where=f"Value {number}")
