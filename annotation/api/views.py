"""Labelling by API: what to label next, and answers kept and submitted.

An annotator reaches their own work here and nothing else; a campaign or an assignment that is not theirs answers 404. What is
answered with 2xx has been committed. Nothing of it may be kept by a cache.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.serializers import (
    FlagSerializer,
    GuidelineSerializer,
    HandedOutSerializer,
    HeartbeatSerializer,
    MyCampaignSerializer,
    ProgressSerializer,
    SheetSerializer,
    SkipSerializer,
    StandingSerializer,
    WishSerializer,
    WorkDoneSerializer,
    WorkSerializer,
    corrections_payload,
    progress_payload,
    sheet_payload,
)
from annotation.api.throttling import LabellingThrottle
from annotation.campaigns.lifecycle import consent
from annotation.errors import LeaseExpired
from annotation.labelling import access, checking, editing, qualifying, routing, serving
from annotation.labelling import answers as labelling
from annotation.labelling.progress import progress_of, queue_of, standing_notice
from annotation.labelling.sheets import preview_of, sheet_of
from annotation.models import Assignment, Participant

# Seconds after which it is worth asking again when other people hold the last items.
LOOK_AGAIN = 30

_WHY = OpenApiParameter(
    "X-Nothing",
    str,
    location=OpenApiParameter.HEADER,
    response=[204],
    enum=[each.value for each in serving.Nothing],
    description="Why there is none. done: you have been through all there is for you. waiting: the rest is in other people's "
    "hands and may come back; ask again after Retry-After seconds. quota: you have labelled as many as one person may.",
)
_NOTHING = OpenApiResponse(description="Nothing for this person at present; X-Nothing says why.")


class LabellingView(APIView):
    """What every route of a person's own work shares."""

    request: Request
    throttle_classes = [LabellingThrottle]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store, private"
        return response

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def place(self, campaign_id: int) -> Participant:
        return access.place_in(campaign_id, self.user)

    def assignment(self, token: uuid.UUID, *, told: bool = False) -> Assignment:
        return access.assignment_of(self.user, token, told=told)

    def sent(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        bound_serializer = serializer(data=self.request.data)
        bound_serializer.is_valid(raise_exception=True)
        fields: dict[str, Any] = bound_serializer.validated_data
        return fields


class Campaigns(LabellingView):
    """The campaigns that ask for your labels, paused ones that you began too, and how far you are in each."""

    @extend_schema(operation_id="campaigns_mine", responses=MyCampaignSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(
            [
                {
                    "id": entry.campaign.pk,
                    "study": entry.campaign.study.slug,
                    "slug": entry.campaign.slug,
                    "name": entry.campaign.name,
                    "kind": entry.campaign.kind,
                    "state": entry.campaign.state,
                    "started": entry.started,
                    "notice": entry.notice,
                    "progress": progress_payload(entry.progress),
                }
                for entry in queue_of(self.user)
            ]
        )


class GuidelineOfCampaign(LabellingView):
    """What you are asked to follow, in Markdown."""

    @extend_schema(responses=GuidelineSerializer)
    def get(self, request: Request, campaign_id: int) -> Response:
        place = self.place(campaign_id)
        newest = place.campaign.guidelines.last()
        return Response(
            {
                "version": newest.version if newest else 0,
                "markdown": newest.markdown if newest else "",
                "agreed": place.consented_at is not None
                and not (place.campaign.consent_anew and newest and place.agreed_to_id != newest.pk),
            }
        )


class Consent(LabellingView):
    """You have read the guideline and agree to label by it. Twice is once."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, campaign_id: int) -> Response:
        consent(self.place(campaign_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Next(LabellingView):
    """The item in your hands, or else the next one, which is held for you from now on: one at a time, in all your tabs."""

    @extend_schema(
        request=WishSerializer,
        parameters=[_WHY],
        responses={200: HandedOutSerializer, 204: _NOTHING},
        operation_id="next_item",
    )
    def post(self, request: Request, campaign_id: int) -> Response:
        wish = self.sent(WishSerializer).get("token")
        place = self.place(campaign_id)
        assignment = routing.claim(place, wish=wish)
        if assignment is None:
            return nothing(serving.why_nothing(place))
        return Response(item_payload(assignment, place))


class Peek(LabellingView):
    """An item that you may well get next, to be at hand at once. Nobody holds it: send its token to `next` to have it."""

    @extend_schema(responses={200: SheetSerializer, 204: OpenApiResponse(description="Nothing to show ahead.")})
    def get(self, request: Request, campaign_id: int) -> Response:
        shown = serving.peek(self.place(campaign_id))
        if shown is None:
            return Response(status=status.HTTP_204_NO_CONTENT)
        item, token, order = shown
        sheet = preview_of(item, order=order, token=str(token))
        return Response(sheet_payload(sheet, campaign=campaign_id, state=None) | {"lease_seconds": 0})


class ProgressInCampaign(LabellingView):
    """How far you are."""

    @extend_schema(responses=ProgressSerializer)
    def get(self, request: Request, campaign_id: int) -> Response:
        return Response(progress_payload(progress_of(self.place(campaign_id))))


class OneAssignment(LabellingView):
    """One item of yours, and your answers to it."""

    @extend_schema(responses=SheetSerializer, operation_id="assignment")
    def get(self, request: Request, token: uuid.UUID) -> Response:
        assignment = self.assignment(token, told=True)
        return Response(
            sheet_payload(sheet_of(assignment), campaign=assignment.item.campaign_id, state=assignment.state)
        )

    @extend_schema(request=WorkSerializer, responses=WorkDoneSerializer, operation_id="assignment_work")
    def put(self, request: Request, token: uuid.UUID) -> Response:
        """Let these answers and comments stand, all of them: as a draft, submitted, or in place of what was submitted.

        The same request again changes nothing. 422 `answers_missing` names the open questions of a submission, and keeps
        what was answered; 400 `answer_unknown` names the wrong fields, and stores nothing; 409 `submitted_otherwise` says
        that other answers have been submitted, which stand until they are changed with `edit`; 422 `answers_at_odds` asks
        whether two answers that contradict each other are meant: send `sure` if so.
        """
        assignment = self.assignment(token)
        sent = self.sent(WorkSerializer)
        given = checking.understand(assignment, sent["answers"], sent["comments"], sent["also"])
        handed = None
        stored = True
        if sent["edit"]:
            stored = editing.edit(
                assignment, given.answers, comments=given.comments, also=given.also, sure=sent["sure"]
            )
        elif sent["submit"]:
            done = labelling.submit(
                assignment,
                given.answers,
                comments=given.comments,
                also=given.also,
                worked=sent["active_seconds"],
                sure=sent["sure"],
                then_next=sent["next"] and (sent.get("wish") or True),
            )
            stored, handed = done.fresh, done.handed
        else:
            labelling.save(
                assignment,
                given.answers,
                comments=given.comments,
                also=given.also,
                worked=sent["active_seconds"],
            )
        explained = corrections_payload(qualifying.corrections(assignment), always=handed is not None)
        return Response(standing(assignment, stored=stored) | explained | (handed_out(handed) if handed else {}))


class AtWork(LabellingView):
    """You are still at work on the item: it is held for you anew. 409 `lease_expired`: it has gone back to the queue."""

    @extend_schema(request=HeartbeatSerializer, responses=StandingSerializer)
    def post(self, request: Request, token: uuid.UUID) -> Response:
        assignment = self.assignment(token)
        sent = self.sent(HeartbeatSerializer)
        if not labelling.at_work(assignment, seconds=sent["active_seconds"]):
            raise LeaseExpired(
                "This item is not held for you any more. What you answered is kept, and you may still submit it."
            )
        return Response(standing(assignment, stored=True))


class Skip(LabellingView):
    """Give the item to somebody else; it does not come back to you, unless you undo it. At most one in ten."""

    @extend_schema(request=SkipSerializer, responses=StandingSerializer)
    def post(self, request: Request, token: uuid.UUID) -> Response:
        assignment = self.assignment(token)
        stored = routing.skip(assignment, **self.sent(SkipSerializer))
        return Response(standing(assignment, stored=stored))

    @extend_schema(responses=StandingSerializer, operation_id="assignment_skip_undo")
    def delete(self, request: Request, token: uuid.UUID) -> Response:
        """Have the item in hand again; what you hold meanwhile goes back. 409 `not_skipped`: somebody else has it by now."""
        assignment = self.assignment(token)
        return Response(standing(assignment, stored=routing.undo_skip(assignment)))


class RaiseFlag(LabellingView):
    """Say that something is wrong with the item. Answer or skip it all the same."""

    @extend_schema(request=FlagSerializer, responses={200: FlagSerializer})
    def post(self, request: Request, token: uuid.UUID) -> Response:
        raised = labelling.flag(self.assignment(token), self.sent(FlagSerializer)["reason"])
        return Response({"reason": raised.reason})


def nothing(why: serving.Nothing) -> Response:
    headers = {"X-Nothing": why.value}
    if why is serving.Nothing.WAITING:
        headers["Retry-After"] = str(LOOK_AGAIN)
    return Response(status=status.HTTP_204_NO_CONTENT, headers=headers)


def item_payload(assignment: Assignment, place: Participant) -> dict[str, Any]:
    sheet = sheet_payload(sheet_of(assignment), campaign=place.campaign_id, state=assignment.state)
    return sheet | {"progress": progress_payload(progress_of(place))}


def handed_out(handed: labelling.Handed) -> dict[str, Any]:
    assignment = handed.assignment
    return {
        "next": item_payload(assignment, assignment.participant) if assignment is not None else None,
        "nothing": handed.nothing,
        "nothing_sentence": handed.sentence,
    }


def standing(assignment: Assignment, *, stored: bool) -> dict[str, Any]:
    leased = assignment.state == Assignment.State.LEASED
    seconds = (assignment.lease_until - timezone.now()).total_seconds() if leased else 0
    return {
        "token": str(assignment.token),
        "state": assignment.state,
        "stored": stored,
        "surplus": assignment.surplus,
        "lease_seconds": max(int(seconds), 0),
        "notice": standing_notice(assignment),
    }
