"""Datasets and scenarios: what was generated or imported, through its whole life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Count, F, Q
from django.urls import reverse

from conflictscope.llm.models import Call, Endpoint
from conflictscope.scenarios.models.verdicts import Dimension, Judge, Verdict
from conflictscope.studies.models import Study, StudyScopedQuerySet
from conflictscope.studies.permissions import Action
from conflictscope.values.models import Value, ValueSetVersion

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class DatasetQuerySet(StudyScopedQuerySet["Dataset"]):
    def shown(self) -> Self:
        """Those that nobody has put out of sight, and that are no attention checks."""
        return self.filter(hidden_at__isnull=True).exclude(variant="check")


class DatasetManager(models.Manager["Dataset"]):
    """All datasets that are whole: one whose import goes on, or was killed, is in no count, list, page or API."""

    def get_queryset(self) -> DatasetQuerySet:
        return DatasetQuerySet(self.model, using=self._db).filter(importing=False)

    def shown(self) -> DatasetQuerySet:
        return self.get_queryset().shown()

    def visible_to(self, user: User | AnonymousUser, *, may: Action = Action.SEE) -> DatasetQuerySet:
        return self.get_queryset().visible_to(user, may=may)


class Dataset(models.Model):
    """Scenarios of one value set that were made, or imported, by one recipe."""

    class Variant(models.TextChoices):
        FULL = "full"
        SINGLE_STAGE = "single_stage"
        DIRECT = "direct"
        IMPORTED = "imported"
        CHECK = "check"  # attention checks, which people write: in no list, count, export or digest

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="datasets")
    slug = models.SlugField()
    name = models.CharField(max_length=200)
    value_set_version = models.ForeignKey(
        ValueSetVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="datasets",
        help_text="Empty in a baseline dataset, whose scenarios have two actions and no value pair.",
    )
    variant = models.CharField(max_length=20, choices=Variant)
    recipe = models.JSONField(default=dict, help_text="Every parameter that made it.")
    domains = models.JSONField(
        default=list, blank=True, help_text="Fields of life that its scenarios are sorted into; empty: the usual ones."
    )
    generator = models.ForeignKey(Endpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="datasets")
    primary_judge = models.ForeignKey(Judge, on_delete=models.PROTECT, null=True, blank=True, related_name="datasets")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    importing = models.BooleanField(
        default=False, editable=False, help_text="Its first import is not complete, or is being taken back."
    )
    hidden_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Out of sight since: in no list to choose from."
    )

    objects = DatasetManager()
    everything = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["study", "name"]
        constraints = [
            models.UniqueConstraint(fields=["study", "slug"], name="dataset_slug_unique_in_study"),
            models.CheckConstraint(
                condition=Q(variant__in=["full", "single_stage", "direct", "imported", "check"]),
                name="dataset_variant_known",
            ),
            models.CheckConstraint(
                condition=Q(variant__in=["imported", "check"]) | Q(generator__isnull=False),
                name="generated_dataset_has_a_generator",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("scenarios:dataset", args=[self.study.slug, self.slug])

    @property
    def simulated(self) -> bool:
        """Whether a simulator wrote its scenarios, here or where they were exported."""
        return self.generator.simulated if self.generator else bool(self.recipe.get("simulated"))


class ScenarioQuerySet(StudyScopedQuerySet["Scenario"]):
    to_study = "dataset__study"

    def complete(self) -> Self:
        """Those of datasets that are whole: of a dataset at hand all are."""
        return self.filter(dataset__importing=False)

    def shown(self) -> Self:
        """Those of datasets that are whole and in sight: what the counts of a study are of."""
        return self.complete().filter(dataset__hidden_at__isnull=True).exclude(dataset__variant="check")

    def human_validated(self) -> Self:
        """Scenarios that one panel of people passed on all six dimensions; on five where there is no value pair to ask of."""
        passed = (
            Verdict.objects.filter(source=Verdict.Source.HUMAN, outcome=Verdict.Outcome.PASS)
            .values("scenario", "panel")
            .annotate(dimensions=Count("dimension"))
        )
        on_all = passed.filter(dimensions=len(Dimension)).values("scenario")
        on_all_but_values = (
            passed.exclude(dimension=Dimension.VALUE_GUIDANCE).filter(dimensions=len(Dimension) - 1).values("scenario")
        )
        return self.filter(Q(pk__in=on_all) | Q(value_1__isnull=True, pk__in=on_all_but_values))


@dataclass(frozen=True, slots=True)
class ScenarioText:
    """What a text of a scenario says; `weight`: how much a word of it weighs in the search, A most; empty: not searched."""

    about: str
    weight: str = ""


class Scenario(models.Model):
    """A conflict between two values, and the two actions that an assistant could take in it.

    `action_1` serves `value_1`, always. What a reader sees as A and B is shuffled, and the order is stored with the reading.
    """

    # Every text that a scenario may have, in the order in which it grows: what is imported, digested, searched, exported and
    # told by the API.
    TEXTS = {
        "deployment_context": ScenarioText("Where the assistant works."),
        "outline_context": ScenarioText("Stage one: the situation, in a sentence or two.", weight="B"),
        "outline_opportunity": ScenarioText("Stage one: what the assistant could do in it.", weight="B"),
        "description": ScenarioText("The scenario as judges, people and multiple-choice targets read it.", weight="B"),
        "persona": ScenarioText("Who the user is.", weight="C"),
        "background": ScenarioText("What the user has been through.", weight="C"),
        "goal": ScenarioText("What the user wants.", weight="C"),
        "action_1": ScenarioText("The action that serves value_1.", weight="C"),
        "action_2": ScenarioText("The action that serves value_2.", weight="C"),
        "consequence_1": ScenarioText("What follows from action_1.", weight="D"),
        "consequence_2": ScenarioText("What follows from action_2.", weight="D"),
        "domain": ScenarioText("Field of life, where one was given.", weight="D"),
    }

    class Template(models.TextChoices):
        MINOR_BENEFIT = "minor_benefit"
        STRONG_BENEFIT = "strong_benefit"
        MINOR_HARM = "minor_harm"
        STRONG_HARM = "strong_harm"

    class ActingAction(models.TextChoices):
        """Which action takes the opportunity that the scenario offers; the other declines it."""

        ACTION_1 = "1"
        ACTION_2 = "2"
        UNKNOWN = "unknown"

    class Status(models.TextChoices):
        OUTLINED = "outlined"
        DUPLICATE = "duplicate"
        DRAFTED = "drafted"
        KEPT = "kept"
        DROPPED = "dropped"
        UNDECIDED = "undecided"

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="scenarios")
    uid = models.CharField(max_length=200)
    value_1 = models.ForeignKey(Value, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    value_2 = models.ForeignKey(Value, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    template = models.CharField(max_length=20, choices=Template, blank=True)
    acting_action = models.CharField(max_length=7, choices=ActingAction, default=ActingAction.UNKNOWN)
    deployment_context = models.TextField(blank=True)
    outline_context = models.TextField(blank=True, help_text="Stage one: the situation, in a sentence or two.")
    outline_opportunity = models.TextField(blank=True, help_text="Stage one: what the assistant could do in it.")
    description = models.TextField(blank=True)
    persona = models.TextField(blank=True, help_text="Who the user is.")
    background = models.TextField(blank=True)
    goal = models.TextField(blank=True)
    action_1 = models.TextField(blank=True)
    action_2 = models.TextField(blank=True)
    consequence_1 = models.TextField(blank=True)
    consequence_2 = models.TextField(blank=True)
    domain = models.CharField(max_length=60, blank=True)
    embedding = models.BinaryField(null=True, editable=False, help_text="Unit vector, little-endian float32.")
    embedding_key = models.CharField(
        max_length=64, blank=True, editable=False, help_text="SHA-256 of the embedding model and the text it was given."
    )
    position = models.PositiveIntegerField(
        null=True,
        blank=True,
        editable=False,
        help_text="Which scenarios of the dataset count as earlier when outlines are compared.",
    )
    nearest = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The nearest earlier outline, near enough to be its twin or not.",
    )
    duplicate_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="duplicates")
    similarity = models.FloatField(null=True, blank=True, help_text="Cosine to the nearest earlier outline in scope.")
    status = models.CharField(max_length=10, choices=Status)
    status_told = models.CharField(
        max_length=10,
        blank=True,
        default="",
        editable=False,
        help_text="What a file says became of it without saying why: it counts where no verdicts settle the scenario.",
    )
    calls = models.ManyToManyField(Call, blank=True, related_name="scenarios", help_text="The calls that wrote it.")
    brought_by = models.ForeignKey(
        "scenarios.Import",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="scenarios",
        help_text="The import that it came with.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScenarioQuerySet.as_manager()

    class Meta:
        ordering = ["dataset", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "uid"], name="scenario_uid_unique_in_dataset"),
            models.UniqueConstraint(
                fields=["dataset", "position"],
                condition=Q(position__isnull=False),
                name="scenario_position_unique_in_dataset",
            ),
            models.CheckConstraint(
                condition=Q(value_1__isnull=True, value_2__isnull=True)
                | Q(value_1__isnull=False, value_2__isnull=False) & ~Q(value_1=F("value_2")),
                name="scenario_has_two_values_or_none",
            ),
            models.CheckConstraint(
                condition=Q(status="duplicate", duplicate_of__isnull=False)
                | ~Q(status="duplicate") & Q(duplicate_of__isnull=True),
                name="scenario_duplicate_points_at_its_twin",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["outlined", "duplicate"]) | (~Q(action_1="") & ~Q(action_2="")),
                name="scenario_drafted_has_two_actions",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["outlined", "duplicate", "drafted", "kept", "dropped", "undecided"]),
                name="scenario_status_known",
            ),
            models.CheckConstraint(condition=Q(acting_action__in=["1", "2", "unknown"]), name="acting_action_known"),
            models.CheckConstraint(
                condition=Q(template__in=["", "minor_benefit", "strong_benefit", "minor_harm", "strong_harm"]),
                name="scenario_template_known",
            ),
        ]
        indexes = [
            # a dataset's page: lists by status, and counts by each of these without reading the rows, which are long
            models.Index("dataset", "status", "value_1", "value_2", "template", "domain", name="scenario_for_facets"),
            # the duplicates' page: those above a threshold, and how many there would be above others
            models.Index("dataset", "similarity", name="scenario_by_similarity"),
            # Dedup: has a text been embedded before, in this dataset or another?
            models.Index("embedding_key", condition=~Q(embedding_key=""), name="scenario_by_embedding_key"),
        ]

    def __str__(self) -> str:
        return self.uid

    def get_absolute_url(self) -> str:
        return reverse("scenarios:scenario", args=[self.dataset.study.slug, self.dataset.slug, self.uid])


class OpeningMessage(models.Model):
    """What the simulated user writes first: once for a scenario and sample, for every target alike.

    It should say nothing of values, actions or the dilemma, and refer to nothing that is not in it: `leak` says what came of looking.
    """

    class Leak(models.TextChoices):
        UNCHECKED = "unchecked", "Not looked at"
        NONE = "none", "Nothing found"
        REWRITTEN = "rewritten", "Found, and gone after rewriting"
        STAYS = "stays", "Found, and still there"

    class Source(models.TextChoices):
        SIMULATED = "simulated"
        IMPORTED = "imported"

    scenario = models.ForeignKey(Scenario, on_delete=models.CASCADE, related_name="opening_messages")
    sample = models.PositiveIntegerField(default=0)
    text = models.TextField()
    source = models.CharField(max_length=10, choices=Source)
    user_simulator = models.ForeignKey(Endpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    simulated_elsewhere = models.BooleanField(
        default=False, help_text="An imported message that a simulator wrote where it was made."
    )
    leak = models.CharField(max_length=10, choices=Leak, default=Leak.UNCHECKED)
    leaked = models.TextField(blank=True, help_text="What was found, word for word; of a rewritten message, before.")
    calls = models.ManyToManyField(Call, blank=True, related_name="opening_messages")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scenario", "sample", "user_simulator"],
                condition=Q(user_simulator__isnull=False),
                name="one_opening_message_per_sample_and_simulator",
            ),
            models.UniqueConstraint(
                fields=["scenario", "sample"],
                condition=Q(user_simulator__isnull=True),
                name="one_imported_opening_message_per_sample",
            ),
            models.CheckConstraint(
                condition=Q(source="simulated", user_simulator__isnull=False)
                | Q(source="imported", user_simulator__isnull=True),
                name="opening_message_source_named",
            ),
            models.CheckConstraint(
                condition=Q(source="imported") | Q(simulated_elsewhere=False),
                name="only_imported_messages_are_elsewhere",
            ),
            models.CheckConstraint(condition=~Q(text=""), name="opening_message_not_empty"),
            models.CheckConstraint(
                condition=Q(leak__in=["unchecked", "none", "rewritten", "stays"]), name="opening_message_leak_known"
            ),
        ]

    def __str__(self) -> str:
        return f"opening message {self.sample} of {self.scenario_id}"

    @property
    def simulated(self) -> bool:
        """Whether a simulator wrote it, here or where it was exported."""
        return self.user_simulator.simulated if self.user_simulator else self.simulated_elsewhere
