"""Study and Membership."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from conflictscope.llm.models import Endpoint
from conflictscope.studies.permissions import Action, Role, roles_that_may

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


RowT = TypeVar("RowT", bound=models.Model)


class StudyScopedQuerySet(models.QuerySet[RowT]):
    """Rows that belong to a study, over the lookup path `to_study`; each room's QuerySets build on it."""

    to_study = "study"

    def visible_to(self, user: User | AnonymousUser, *, may: Action = Action.SEE) -> Self:
        """The rows of studies in which the user's role allows the action. Views answer 404 for all others."""
        if not user.is_authenticated:
            return self.none()
        study = Study.objects.visible_to(user, may=may)
        return self.filter(**{f"{self.to_study}__in": study})


class StudyQuerySet(models.QuerySet["Study"]):
    def visible_to(self, user: User | AnonymousUser, *, may: Action = Action.SEE) -> Self:
        """Studies in which the user's role allows the action."""
        if not user.is_authenticated:
            return self.none()
        theirs = Membership.objects.filter(user=user, role__in=roles_that_may(may))
        return self.filter(pk__in=theirs.values("study"))


class Study(models.Model):
    """One investigation: datasets over one or more value sets, campaigns and runs on them, and the people who do it."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="studies")

    objects = StudyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "studies"
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=~Q(slug=""), name="study_has_a_slug")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("overview:study", args=[self.slug])


class StudyEndpoint(models.Model):
    """An endpoint that a study may use. Administrators decide; a study that lists none asks no language model."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="allowed_endpoints")
    # An endpoint goes only while nothing was ever asked of it, and then nothing is lost with this.
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="allowed_in")
    allowed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="Empty: a command, or it was in use before studies listed their endpoints.",
    )
    allowed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "endpoint"], name="endpoint_allowed_once_per_study")]

    def __str__(self) -> str:
        return f"{self.study} may use {self.endpoint}"


class Membership(models.Model):
    """A person's one role in a study."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "user"], name="one_role_per_member"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.study}"
