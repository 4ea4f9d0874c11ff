"""Value sets, their versions and values, and rankings that somebody wants them to have."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from conflictscope.studies.models import Study


class ValueSet(models.Model):
    """A named set of values under study. What it says lives in its versions."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    stewards = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="stewarded_value_sets")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


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
        max_length=64, help_text="SHA-256 of pairing, keys, names, definitions, groups and tiers."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["value_set", "number"]
        constraints = [
            models.UniqueConstraint(fields=["value_set", "number"], name="version_number_unique_in_value_set"),
            models.CheckConstraint(condition=Q(number__gte=1), name="version_numbers_start_at_1"),
            models.CheckConstraint(condition=Q(pairing__in=["all_pairs", "across_groups"]), name="pairing_known"),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "published", "retired"]), name="version_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.value_set} v{self.number}"

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


class TargetRankingQuerySet(models.QuerySet["TargetRanking"]):
    def of_study(self, study: Study) -> Self:
        """Those that the study may choose from: its own, and those that are every study's."""
        return self.filter(Q(study=study) | Q(study__isnull=True))


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
