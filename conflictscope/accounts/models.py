"""Invitation, MailWish, and the table of what all web processes share for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self, *, now: datetime | None = None) -> Self:
        """Those that somebody can still accept."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=now or timezone.now(), uses__lt=F("most_uses"))


class Invitation(models.Model):
    """A link by which so many people take a role in a study, until a day; also those who have no account yet."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=20, choices=Role)
    key = models.SlugField(max_length=40, unique=True, help_text="Stands in the link, and nobody can guess it.")
    email = models.EmailField(blank=True, help_text="Sent there, and shown nowhere. Empty: a link to be passed on.")
    most_uses = models.PositiveIntegerField(default=1)
    uses = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["study", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role_known"),
            models.CheckConstraint(condition=Q(uses__lte=F("most_uses")), name="invitation_used_at_most"),
            models.CheckConstraint(condition=~Q(key=""), name="invitation_has_a_key"),
        ]

    def __str__(self) -> str:
        return f"invitation {self.pk} to {self.study_id} as {self.role}"

    def get_absolute_url(self) -> str:
        return reverse("accounts:invitation", args=[self.key])


class Acceptance(models.Model):
    """Who took a role by which invitation."""

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="acceptances")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["invitation", "user"], name="invitation_accepted_once")]

    def __str__(self) -> str:
        return f"{self.user_id} by invitation {self.invitation_id}"


class MailWish(models.Model):
    """Somebody wants a mail when work waits for them: at most one a day."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mail_wish")
    when_work_waits = models.BooleanField(default=False)
    last_sent = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "mail wishes"

    def __str__(self) -> str:
        return f"mail wish of {self.user_id}"


class SharedEntry(models.Model):
    """What `settings.CACHES["default"]` keeps: how often somebody has tried to log in, known to every web process. Django's
    cache reads and writes it by its own SQL; it stands here so that `migrate` makes the table."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "shared_entries"
        verbose_name_plural = "shared entries"

    def __str__(self) -> str:
        return self.cache_key
