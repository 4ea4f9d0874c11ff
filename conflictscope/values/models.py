"""Value sets, their versions and values, the people who own them, and rankings that somebody wants them to have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from conflictscope.studies.models import Study
from conflictscope.studies.permissions import SetAction, SetRole, set_roles_that_may

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class ValueSetQuerySet(models.QuerySet["ValueSet"]):
    def where_may(self, user: User | AnonymousUser, action: SetAction) -> Self:
        """The sets in which the user's role allows the action."""
        if not user.is_authenticated:
            return self.none()
        theirs = SetMembership.objects.filter(user=user, role__in=set_roles_that_may(action))
        return self.filter(pk__in=theirs.values("value_set"))

    def may_read_draft(self, user: User | AnonymousUser, value_set: ValueSet) -> bool:
        return self.where_may(user, SetAction.SEE).filter(pk=value_set.pk).exists()

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Sets that have a version that was published (without an account: only where their stewards say so), and one's own."""
        published = ValueSetVersion.objects.exclude(status=ValueSetVersion.Status.DRAFT)
        seen = self.filter(pk__in=published.values("value_set"))
        if not user.is_authenticated:
            return seen.filter(public=True)
        return seen | self.where_may(user, SetAction.SEE)


class ValueSet(models.Model):
    """A named set of values under study. What it says lives in its versions."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    public = models.BooleanField(
        default=False, help_text="Whoever has the address reads published versions, without an account."
    )
    question = models.CharField(
        max_length=200, blank=True, help_text="What members may say of themselves, if they like: ward, age band, faith."
    )
    question_answers = models.JSONField(default=list, blank=True, help_text="The answers that can be chosen, in order.")
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="SetMembership", related_name="value_sets")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ValueSetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("values:value_set", args=[self.slug])


class SetMembership(models.Model):
    """A person's one role in a value set, and what they answered to the set's own question."""

    value_set = models.ForeignKey(ValueSet, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="set_memberships")
    role = models.CharField(max_length=10, choices=SetRole)
    answer = models.CharField(max_length=100, blank=True, help_text="Empty: they would rather not say.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["value_set", "user"], name="one_role_per_set_member"),
            models.CheckConstraint(condition=Q(role__in=SetRole.values), name="set_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.value_set}"


class ValueSetVersion(models.Model):
    """One state of a value set. Published = immutable; a change is a new version, a fork remembers its parent."""

    class Pairing(models.TextChoices):
        ALL_PAIRS = "all_pairs"
        ACROSS_GROUPS = "across_groups"

    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"
        RETIRED = "retired"

    value_set = models.ForeignKey(ValueSet, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    description = models.TextField(blank=True)
    pairing = models.CharField(max_length=20, choices=Pairing, default=Pairing.ALL_PAIRS)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="forks")
    licence = models.CharField(max_length=100, blank=True)
    digest = models.CharField(
        max_length=64,
        blank=True,
        help_text="SHA-256 of pairing, keys, names, definitions, groups and tiers. Empty while it is a draft.",
    )
    edition = models.PositiveIntegerField(
        default=1,
        help_text="Counts what was written into the draft, so that of two people who write at once one is told.",
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["value_set", "number"]
        constraints = [
            models.UniqueConstraint(fields=["value_set", "number"], name="version_number_unique_in_value_set"),
            models.UniqueConstraint(fields=["value_set"], condition=Q(status="draft"), name="one_draft_per_value_set"),
            models.CheckConstraint(condition=Q(number__gte=1), name="version_numbers_start_at_1"),
            models.CheckConstraint(condition=Q(pairing__in=["all_pairs", "across_groups"]), name="pairing_known"),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "published", "retired"]), name="version_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.value_set} v{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("values:version", args=[self.value_set.slug, self.number])

    def pairs(self) -> list[tuple[Value, Value]]:
        """The value pairs that conflict in this set, each in the order of the values' positions."""
        values = list(self.values.all())
        return [
            (first, second)
            for index, first in enumerate(values)
            for second in values[index + 1 :]
            if self.pairing == self.Pairing.ALL_PAIRS or first.group != second.group
        ]


class Value(models.Model):
    """A principle that an assistant may follow."""

    version = models.ForeignKey(ValueSetVersion, on_delete=models.CASCADE, related_name="values")
    key = models.SlugField()
    name = models.CharField(max_length=100)
    definition = models.TextField()
    group = models.CharField(max_length=50, blank=True)
    tier = models.PositiveSmallIntegerField(null=True, blank=True, help_text="1 = to be followed first.")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["version", "position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "key"], name="value_key_unique_in_version"),
            models.UniqueConstraint(fields=["version", "position"], name="value_position_unique_in_version"),
            models.CheckConstraint(condition=~Q(definition=""), name="value_has_a_definition"),
        ]

    def __str__(self) -> str:
        return self.name


class DraftRevision(models.Model):
    """What a draft said after somebody wrote into it. The last one of a version is what the draft says; none is ever changed."""

    version = models.ForeignKey(ValueSetVersion, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField(help_text="The edition of the version that this wrote.")
    content = models.JSONField(
        help_text="Description, licence, pairing and values, as the long form of a file says them."
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    reason = models.CharField(max_length=500, blank=True)
    proposal = models.ForeignKey(
        "Proposal",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The one it carried out.",
    )

    class Meta:
        ordering = ["version", "number"]
        constraints = [models.UniqueConstraint(fields=["version", "number"], name="revision_number_unique_in_version")]

    def __str__(self) -> str:
        return f"{self.version}, revision {self.number}"


class Proposal(models.Model):
    """A change of one value that a member of a set asks its stewards for."""

    class Change(models.TextChoices):
        ADD = "add"
        REWORD = "reword"
        REGROUP = "regroup"
        DROP = "drop"

    class State(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        WITHDRAWN = "withdrawn"

    version = models.ForeignKey(
        ValueSetVersion,
        on_delete=models.PROTECT,
        related_name="proposals",
        help_text="The newest one when it was made.",
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    change = models.CharField(max_length=10, choices=Change)
    key = models.SlugField(help_text="Of the value that is to be added, reworded, regrouped or dropped.")
    name = models.CharField(max_length=100, blank=True)
    definition = models.TextField(blank=True)
    group = models.CharField(max_length=50, blank=True)
    reason = models.TextField()
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(change__in=["add", "reword", "regroup", "drop"]), name="change_known"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "accepted", "declined", "withdrawn"]), name="proposal_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True) | (~Q(state="open") & Q(decided_at__isnull=False)),
                name="proposal_decided_when_not_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.change} {self.key}"


class Voice(models.Model):
    """What a member says to a proposal: for it, against it, or only a comment."""

    class Stance(models.TextChoices):
        SUPPORT = "support"
        OBJECT = "object"
        COMMENT = "comment"

    proposal = models.ForeignKey(Proposal, on_delete=models.CASCADE, related_name="voices")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    stance = models.CharField(max_length=10, choices=Stance)
    words = models.TextField(blank=True)
    at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["proposal", "user"],
                condition=Q(stance__in=["support", "object"]),
                name="one_voice_for_or_against_per_member",
            ),
            models.CheckConstraint(condition=Q(stance__in=["support", "object", "comment"]), name="stance_known"),
            models.CheckConstraint(condition=~Q(stance="comment") | ~Q(words=""), name="a_comment_says_something"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.stance}"


class TargetRankingQuerySet(models.QuerySet["TargetRanking"]):
    def of_study(self, study: Study) -> Self:
        """Those that the study may choose from: its own, and those that are every study's."""
        return self.filter(Q(study=study) | Q(study__isnull=True))

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Those that are every study's, and those of studies into which the person may look. Of which set is not asked."""
        return self.filter(Q(study__in=Study.objects.visible_to(user)) | Q(study__isnull=True))


class TargetRanking(models.Model):
    """An order of a set's values that an author or a community wants an LLM to follow; ties allowed."""

    class Origin(models.TextChoices):
        AUTHOR = "author"
        COMMUNITY = "community"

    version = models.ForeignKey(ValueSetVersion, on_delete=models.PROTECT, related_name="target_rankings")
    study = models.ForeignKey(
        Study,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="target_rankings",
        help_text="The study that wrote it, or whose people it is of, and that alone sees it; empty: every study's.",
    )
    name = models.CharField(max_length=200)
    origin = models.CharField(max_length=10, choices=Origin)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: a campaign found it.",
    )
    begun_with = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The order that its writer began with: a campaign's, or one of another version.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TargetRankingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["version", "name"],
                condition=Q(study__isnull=True),
                name="target_ranking_name_unique_in_version",
            ),
            models.UniqueConstraint(
                fields=["version", "name", "study"],
                condition=Q(study__isnull=False),
                name="target_ranking_name_unique_in_study",
            ),
            models.CheckConstraint(condition=Q(origin__in=["author", "community"]), name="target_ranking_origin_known"),
        ]

    def __str__(self) -> str:
        return self.name


class TargetRankingPosition(models.Model):
    """Where a value stands in a target ranking; 1 = to be followed first, equal ranks are ties."""

    ranking = models.ForeignKey(TargetRanking, on_delete=models.CASCADE, related_name="positions")
    value = models.ForeignKey(Value, on_delete=models.PROTECT, related_name="+")
    rank = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["ranking", "rank"]
        constraints = [models.UniqueConstraint(fields=["ranking", "value"], name="value_once_in_target_ranking")]

    def __str__(self) -> str:
        return f"{self.value}: {self.rank}"
