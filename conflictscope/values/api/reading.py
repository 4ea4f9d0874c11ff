"""Value sets to read: the list, one, its versions, two compared, files, history."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from conflictscope.studies.permissions import SetAction
from conflictscope.values import access, drafting
from conflictscope.values.access import change_settings, role_in
from conflictscope.values.api.common import ValueSetView
from conflictscope.values.api.serializers import (
    DifferencesSerializer,
    DraftSerializer,
    EventSerializer,
    FileSent,
    ImportedSerializer,
    NamedSet,
    SettingsSent,
    ShownSet,
    ValueSetLine,
    ValueSetSerializer,
    VersionLine,
    VersionSerializer,
)
from conflictscope.values.contents import content_of
from conflictscope.values.finding import published_or_404, versions_seen
from conflictscope.values.models import ValueSet, ValueSetVersion
from conflictscope.values.parsing import parse_value_set
from conflictscope.values.publishing import publish
from conflictscope.values.showing.browsing import value_set_rows
from conflictscope.values.showing.citing import FILES
from conflictscope.values.showing.taking_along import taken_along
from conflictscope.values.together.history import events_of
from conflictscope.values.wording.differences import differences


class ValueSets(ValueSetView, generics.ListAPIView[Any]):
    """The value sets that you may read, by name."""

    queryset = ValueSet.objects.none()
    serializer_class = ValueSetLine

    def get_queryset(self) -> Any:
        return value_set_rows(self.user)

    @extend_schema(request=NamedSet, responses={201: DraftSerializer}, operation_id="value_set_begin")
    def post(self, request: Request) -> Response:
        """Begin a value set: an empty draft, whose steward you are."""
        draft = drafting.start_set(**self.sent(NamedSet), by=self.user)
        return Response(self.told(DraftSerializer, draft), status=status.HTTP_201_CREATED)


class ImportValueSet(ValueSetView):
    """Publish the value set of a file; the same values again find their version. For those who run a pipeline somewhere."""

    @extend_schema(
        request=FileSent,
        responses={200: ImportedSerializer, 201: ImportedSerializer},
        operation_id="value_set_import",
    )
    def post(self, request: Request) -> Response:
        if not access.may_import(self.user):
            raise PermissionDenied("Value sets are imported by those who run a pipeline.")
        fields = self.sent(FileSent)
        content = parse_value_set(fields["text"], source="The text", slug=fields["slug"], name=fields["name"])
        imported = publish(content, created_by=self.user)
        code = status.HTTP_201_CREATED if imported.created else status.HTTP_200_OK
        return Response(self.told(ImportedSerializer, imported), status=code)


class OneValueSet(ValueSetView):
    """A value set and its versions."""

    @extend_schema(responses=ValueSetSerializer, operation_id="value_set")
    def get(self, request: Request, value_set: str) -> Response:
        return Response(self._shown(self.value_set()))

    @extend_schema(request=SettingsSent, responses=ValueSetSerializer, operation_id="value_set_settings")
    def patch(self, request: Request, value_set: str) -> Response:
        """Who reads it, and what it asks its members: for stewards."""
        this_value_set = self.value_set(SetAction.STEWARD)
        fields = self.sent(SettingsSent)
        change_settings(
            this_value_set,
            public=fields.get("public", this_value_set.public),
            question=fields.get("question", this_value_set.question),
            answers=fields.get("question_answers", this_value_set.question_answers),
        )
        return Response(self._shown(this_value_set))

    def _shown(self, value_set: ValueSet) -> Any:
        shown = ShownSet(value_set, role_in(self.user, value_set), versions_seen(self.user, value_set))
        return self.told(ValueSetSerializer, shown)


class Versions(ValueSetView):
    """The versions of a set, newest first."""

    @extend_schema(responses=VersionLine(many=True), operation_id="value_set_versions")
    def get(self, request: Request, value_set: str) -> Response:
        return Response(self.told(VersionLine, versions_seen(self.user, self.value_set()), many=True))

    @extend_schema(request=None, responses={201: DraftSerializer}, operation_id="value_set_next_version")
    def post(self, request: Request, value_set: str) -> Response:
        """Begin the next version: a draft that says what the newest one says; the draft itself where there is one."""
        draft = drafting.start_version(self.value_set(SetAction.STEWARD), by=self.user)
        return Response(self.told(DraftSerializer, draft), status=status.HTTP_201_CREATED)


class PublishedVersion(ValueSetView):
    """A published version, whole. It never changes."""

    @extend_schema(responses=VersionSerializer, operation_id="value_set_version")
    def get(self, request: Request, value_set: str, number: int) -> Response:
        return Response(self.told(VersionSerializer, published_or_404(self.value_set(), number)))


class VersionFile(ValueSetView):
    """A published version as a file to take along."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """The file's name says what it is, whatever the caller says that they accept."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(
        parameters=[OpenApiParameter("file", str, OpenApiParameter.PATH, enum=list(FILES))],
        responses={(200, kind): OpenApiTypes.STR for kind in dict.fromkeys(each[2] for each in FILES.values())},
        operation_id="value_set_file",
    )
    def get(self, request: Request, value_set: str, number: int, file: str) -> HttpResponse:
        return taken_along(request, published_or_404(self.value_set(), number), file)


class ComparedVersions(ValueSetView):
    """What makes one version of another, word by word."""

    @extend_schema(
        parameters=[
            OpenApiParameter("from", int, description="A version's number; unless said, the one before."),
            OpenApiParameter("to", int, description="A version's number; unless said, the newest that you may read."),
        ],
        responses=DifferencesSerializer,
        operation_id="value_set_differences",
    )
    def get(self, request: Request, value_set: str) -> Response:
        versions = versions_seen(self.user, self.value_set())
        after = self._version(versions, "to") or versions[0]
        earlier = next((each for each in versions if each.number < after.number), versions[-1])
        before = self._version(versions, "from") or earlier
        return Response(self.told(DifferencesSerializer, differences(content_of(before), content_of(after))))

    def _version(self, versions: list[ValueSetVersion], name: str) -> ValueSetVersion | None:
        wanted = self.request.query_params.get(name, "")
        if not wanted:
            return None
        for version in versions:
            if str(version.number) == wanted:
                return version
        raise Http404(f"There is no version {wanted[:20]!r} that you may read.")


class History(ValueSetView, generics.ListAPIView[Any]):
    """What happened to the set, newest first: for its members."""

    queryset = ValueSet.objects.none()
    serializer_class = EventSerializer

    def get_queryset(self) -> Any:
        return events_of(self.value_set(SetAction.SEE))


class Fork(ValueSetView):
    """A set of your own that begins as this version and remembers where it came from."""

    @extend_schema(request=NamedSet, responses={201: DraftSerializer}, operation_id="value_set_fork")
    def post(self, request: Request, value_set: str, number: int) -> Response:
        draft = drafting.fork(published_or_404(self.value_set(), number), **self.sent(NamedSet), by=self.user)
        return Response(self.told(DraftSerializer, draft), status=status.HTTP_201_CREATED)
