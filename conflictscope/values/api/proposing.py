"""Proposals by API: made, spoken to, decided."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from conflictscope.studies.permissions import SetAction
from conflictscope.values.api.common import ValueSetView
from conflictscope.values.api.serializers import DecisionSent, ProposalSent, ProposalSerializer, VoiceSent
from conflictscope.values.finding import proposal_or_404
from conflictscope.values.models import Proposal, ValueSet
from conflictscope.values.together import proposing


@extend_schema(
    parameters=[OpenApiParameter("state", str, enum=Proposal.State.values, description="Open ones, unless it is said.")]
)
class Proposals(ValueSetView, generics.ListAPIView[Any]):
    """Proposals of a set, those that bridge its groups best first: for members."""

    queryset = Proposal.objects.none()
    serializer_class = ProposalSerializer

    def get_queryset(self) -> Any:
        this_value_set = self.value_set(SetAction.SEE)
        wanted = self.request.query_params.get("state", Proposal.State.OPEN)
        proposals = Proposal.objects.filter(version__value_set=this_value_set, state=wanted)
        return proposing.heard(this_value_set, proposals.select_related("author", "decided_by", "version"))

    @extend_schema(
        request=ProposalSent, responses={201: ProposalSerializer}, parameters=[], operation_id="value_set_propose"
    )
    def post(self, request: Request, value_set: str) -> Response:
        """Ask for a change of one value, with a reason."""
        this_value_set = self.value_set(SetAction.PROPOSE)
        fields = self.sent(ProposalSent)
        reason = fields.pop("reason")
        proposal = proposing.propose(this_value_set, proposing.Wish(**fields), reason=reason, by=self.user)
        return Response(_heard(self, this_value_set, proposal), status=status.HTTP_201_CREATED)


class OneProposal(ValueSetView):
    """One proposal and what is said to it: for members."""

    @extend_schema(responses=ProposalSerializer, operation_id="value_set_proposal")
    def get(self, request: Request, value_set: str, proposal: int) -> Response:
        this_value_set = self.value_set(SetAction.SEE)
        return Response(_heard(self, this_value_set, proposal_or_404(this_value_set, proposal)))


class Voices(ValueSetView):
    """Support a proposal, object to it, or only comment. Of support and objection you have one, the latest."""

    @extend_schema(request=VoiceSent, responses={201: ProposalSerializer}, operation_id="value_set_voice")
    def post(self, request: Request, value_set: str, proposal: int) -> Response:
        this_value_set = self.value_set(SetAction.PROPOSE)
        this_proposal = proposal_or_404(this_value_set, proposal)
        fields = self.sent(VoiceSent)
        proposing.speak(this_proposal, fields["stance"], words=fields["words"], by=self.user)
        return Response(_heard(self, this_value_set, this_proposal), status=status.HTTP_201_CREATED)


class ProposalDecision(ValueSetView):
    """What becomes of a proposal: stewards accept it into the draft or decline it with a reason; its author withdraws it."""

    @extend_schema(request=DecisionSent, responses=ProposalSerializer, operation_id="value_set_decision")
    def post(self, request: Request, value_set: str, proposal: int) -> Response:
        this_value_set = self.value_set(SetAction.PROPOSE)
        this_proposal = proposal_or_404(this_value_set, proposal)
        fields = self.sent(DecisionSent)
        if fields["decision"] == "accept":
            proposing.accept(this_proposal, reason=fields["reason"], by=self.user)
        elif fields["decision"] == "decline":
            proposing.decline(this_proposal, reason=fields["reason"], by=self.user)
        else:
            proposing.withdraw(this_proposal, by=self.user)
        return Response(_heard(self, this_value_set, this_proposal))


def _heard(view: ValueSetView, value_set: ValueSet, proposal: Proposal) -> Any:
    """The proposal with its voices, and what other open ones it clashes with."""
    others = Proposal.objects.filter(version__value_set=value_set, state=Proposal.State.OPEN).exclude(pk=proposal.pk)
    every = proposing.heard(value_set, [proposal, *others])
    (mine,) = [each for each in every if each.proposal.pk == proposal.pk]
    return view.told(ProposalSerializer, mine)
