"""Campaigns, their guidelines, people and items."""

from __future__ import annotations

from typing import Self, cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.models import Study, StudyScopedQuerySet
from conflictscope.studies.permissions import Action
from conflictscope.values.models import TargetRanking
from evaluation.models import Response, Run


class CampaignQuerySet(StudyScopedQuerySet["Campaign"]):
    def labelled_by(self, user: User | AnonymousUser) -> Self:
        """Campaigns that ask this person: begun ones of studies in which they label, for all annotators or for them; a guest's own."""
        if not user.is_authenticated:
            return self.none()
        chosen = Campaign.invited.through.objects.filter(campaign=OuterRef("pk"))
        as_member = Q(study__in=Study.objects.visible_to(user, may=Action.LABEL)) & (
            ~Exists(chosen) | Q(Exists(chosen.filter(user=user.pk)))
        )
        as_guest = Exists(Participant.objects.filter(campaign=OuterRef("pk"), user=user.pk, guest=True))
        return self.exclude(state="draft").filter(as_member | as_guest)


class Campaign(models.Model):
    """People label a sample of what machines made, to say whether it can be trusted."""

    class Kind(models.TextChoices):
        SCENARIO_FILTER = "scenario_filter", "Scenario filter"
        ACTION_JUDGEMENT = "action_judgement", "Action judgement"
        PREFERENCE = "preference", "Preference"

    class Access(models.TextChoices):
        MEMBERS = "members"
        LINK = "link"
        CROWD = "crowd"

    class SecondAnswers(models.TextChoices):
        OFF = "off", "one answer only"
        OPTIONAL = "optional", "a second one may be marked"
        ASKED = "asked", "whether there is a second one is asked each time"

    class State(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAUSED = "paused"
        CLOSED = "closed"

    class Told(models.TextChoices):
        NOTHING = "nothing", "nothing"
        GOLD = "gold", "how many known answers they gave"
        OTHERS = "others", "that, and once the campaign is closed how often they agreed with the others"

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="campaigns")
    slug = models.SlugField()
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=Kind)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="campaigns")
    runs = models.ManyToManyField(
        Run, blank=True, related_name="campaigns", help_text="Action judgement: whose responses are judged."
    )
    purpose = models.TextField(blank=True, help_text="What the labels are for; annotators do not see it.")
    overlap = models.PositiveSmallIntegerField(default=3, help_text="How many people label each item.")
    lease_minutes = models.PositiveSmallIntegerField(default=30)
    sampling_plan = models.JSONField(default=dict, help_text="Plan, size, strata and seed: how items were drawn.")
    quota = models.PositiveIntegerField(null=True, blank=True, help_text="Items one person may label; empty: no limit.")
    access = models.CharField(max_length=10, choices=Access, default=Access.MEMBERS)
    invited = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="+",
        help_text="The annotators who are asked; none chosen: all of the study.",
    )
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    dev_share = models.FloatField(
        default=0,
        help_text="Share of scenarios whose labels judges are tuned on; the others are their sealed test. 0: no split.",
    )
    second_answers = models.CharField(
        max_length=10,
        choices=SecondAnswers,
        default=SecondAnswers.OFF,
        help_text="Whether people may mark another answer as defensible, too, beside the one they give.",
    )
    target_ranking = models.ForeignKey(
        TargetRanking,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="campaigns",
        help_text="Preference: the community's order of values that it came to.",
    )
    gold_share = models.FloatField(
        default=0, help_text="Share of the items served that are mixed in unmarked, with known answers. 0: none."
    )
    training_each = models.PositiveSmallIntegerField(
        default=0, help_text="Items to practise on, of one try, before work begins. 0: no training."
    )
    pass_at = models.FloatField(default=0.8, help_text="Share of a try's answers that must be the known ones.")
    training_tries = models.PositiveSmallIntegerField(default=1, help_text="How often one may try, on fresh items.")
    told = models.CharField(
        max_length=10, choices=Told, default=Told.NOTHING, help_text="What people are told about their own work."
    )
    unsure = models.BooleanField(default=False, help_text="Whether a question may be answered with unsure.")
    consent_anew = models.BooleanField(
        default=False, help_text="Whether a new version of the guideline has to be agreed to before work goes on."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        ordering = ["study", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["study", "slug"], name="campaign_slug_unique_in_study"),
            models.CheckConstraint(
                condition=Q(overlap__gte=1, lease_minutes__gte=1), name="campaign_overlap_and_lease"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["scenario_filter", "action_judgement", "preference"]), name="campaign_kind_known"
            ),
            models.CheckConstraint(condition=Q(access__in=["members", "link", "crowd"]), name="campaign_access_known"),
            models.CheckConstraint(condition=Q(dev_share__gte=0, dev_share__lt=1), name="campaign_dev_share_below_1"),
            models.CheckConstraint(
                condition=Q(second_answers__in=["off", "optional", "asked"]), name="campaign_second_answers_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "open", "paused", "closed"]), name="campaign_state_known"
            ),
            models.CheckConstraint(condition=Q(gold_share__gte=0, gold_share__lte=0.5), name="campaign_gold_share"),
            models.CheckConstraint(
                condition=Q(pass_at__gt=0, pass_at__lte=1, training_tries__gte=1), name="campaign_pass_at_and_tries"
            ),
            models.CheckConstraint(condition=Q(told__in=["nothing", "gold", "others"]), name="campaign_told_known"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("annotation:campaign", args=[self.study.slug, self.slug])


class Guideline(models.Model):
    """What annotators are asked to follow; a change is a new version, and each assignment remembers its own."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="guidelines")
    version = models.PositiveSmallIntegerField()
    markdown = models.TextField()
    changes = models.TextField(blank=True, help_text="What is new against the version before, for those who label.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["campaign", "version"]
        constraints = [models.UniqueConstraint(fields=["campaign", "version"], name="guideline_version_unique")]

    def __str__(self) -> str:
        return f"guideline v{self.version} of {self.campaign_id}"


class Participant(models.Model):
    """A person's place in a campaign: the row that a claim locks."""

    class Qualification(models.TextChoices):
        NOT_NEEDED = "not_needed"
        PENDING = "pending"
        PASSED = "passed"
        FAILED = "failed"

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="participants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="participations")
    pseudonym = models.CharField(max_length=40, help_text="The only name that exports and other people see.")
    simulated = models.BooleanField(default=False, help_text="No person: answers come from simulate_annotators.")
    guest = models.BooleanField(
        default=False, help_text="Came by the campaign's link, without an account of their own."
    )
    consented_at = models.DateTimeField(null=True, blank=True)
    agreed_to = models.ForeignKey(
        Guideline,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The newest version of the guideline that they have read.",
    )
    shown_since = models.DateTimeField(
        null=True, blank=True, help_text="A guest on another device: what they said before is not shown there."
    )
    ended_at = models.DateTimeField(
        null=True, blank=True, help_text="A guest who has left: nothing more is handed out."
    )
    qualification = models.CharField(max_length=12, choices=Qualification, default=Qualification.NOT_NEEDED)
    quota = models.PositiveIntegerField(null=True, blank=True, help_text="Over the campaign's own.")
    excluded = models.BooleanField(default=False)
    excluded_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "user"], name="one_participant_per_campaign_and_user"),
            models.UniqueConstraint(fields=["campaign", "pseudonym"], name="pseudonym_unique_in_campaign"),
            models.CheckConstraint(condition=Q(excluded=False) | ~Q(excluded_reason=""), name="exclusion_has_a_reason"),
            models.CheckConstraint(
                condition=Q(qualification__in=["not_needed", "pending", "passed", "failed"]), name="qualification_known"
            ),
        ]

    def __str__(self) -> str:
        return self.pseudonym


class ItemQuerySet(models.QuerySet["Item"]):
    def open(self) -> Self:
        return self.filter(open_slots__gt=0)


class Item(models.Model):
    """One thing to label. Its capacity lives on its own row, where a concurrent claim rechecks it."""

    class Part(models.TextChoices):
        DEV = "dev"  # judges may be tuned on its labels
        TEST = "test"  # sealed until somebody opens the test for a judge

    class Use(models.TextChoices):
        SAMPLE = "sample"  # what the campaign is about
        TRAINING = "training"  # to practise on: known answers, explained after each
        GOLD = "gold"  # mixed in unmarked: known answers, never told
        CHECK = "check"  # an attention check: reads like an item, and says what to answer

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="items")
    scenario = models.ForeignKey(Scenario, on_delete=models.PROTECT, null=True, blank=True, related_name="items")
    response = models.ForeignKey(Response, on_delete=models.PROTECT, null=True, blank=True, related_name="items")
    open_slots = models.PositiveSmallIntegerField()
    priority = models.SmallIntegerField(default=0, help_text="Lower is served first.")
    shuffle_key = models.FloatField(
        help_text="Random: items are served in random order, so that an early stop is a sample."
    )
    inclusion_probability = models.FloatField()
    stratum = models.CharField(max_length=200, blank=True)
    use = models.CharField(max_length=8, choices=Use, default=Use.SAMPLE)
    is_training = models.BooleanField(
        default=False, help_text="In no count, estimate or digest: all uses but the sample."
    )
    part = models.CharField(
        max_length=4,
        choices=Part,
        blank=True,
        help_text="Of a campaign that is split: which part its scenario fell into.",
    )

    objects = ItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(open_slots__gte=0), name="item_never_over_its_overlap"),
            models.CheckConstraint(
                condition=Q(scenario__isnull=False, response__isnull=True)
                | Q(scenario__isnull=True, response__isnull=False),
                name="item_is_a_scenario_or_a_response",
            ),
            models.CheckConstraint(
                condition=Q(inclusion_probability__gt=0, inclusion_probability__lte=1),
                name="inclusion_probability_in_0_1",
            ),
            models.CheckConstraint(condition=Q(part__in=["", "dev", "test"]), name="item_part_known"),
            models.CheckConstraint(
                condition=Q(use="sample", is_training=False)
                | Q(use__in=["training", "gold", "check"], is_training=True),
                name="item_counts_if_of_the_sample",
            ),
            models.UniqueConstraint(
                fields=["campaign", "scenario"], condition=Q(scenario__isnull=False), name="scenario_once_in_campaign"
            ),
            models.UniqueConstraint(
                fields=["campaign", "response"], condition=Q(response__isnull=False), name="response_once_in_campaign"
            ),
        ]
        indexes = [  # serving.best_open_item: the best open item of a campaign
            models.Index("campaign", "priority", "shuffle_key", condition=Q(open_slots__gt=0), name="item_open"),
        ]

    def __str__(self) -> str:
        return f"item {self.pk} of campaign {self.campaign_id}"

    @property
    def subject(self) -> Scenario:
        """The scenario that the item is, or whose response it is. Needs either selected with it."""
        scenario = self.response.scenario if self.response is not None else self.scenario
        return cast(Scenario, scenario)  # a constraint: an item is the one or the other


class Unsealing(models.Model):
    """The sealed test of a campaign, opened for one judge: once, by somebody, for a reason. Its rows are the log."""

    class How(models.TextChoices):
        PASSPORT = "passport", "to see the judge's passport"
        CORRECTION = "correction", "to correct a ranking"

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="openings")
    judge = models.ForeignKey("scenarios.Judge", on_delete=models.PROTECT, related_name="openings")
    how = models.CharField(max_length=10, choices=How)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.TextField(blank=True)
    items = models.PositiveIntegerField(help_text="Labelled items of the test at that moment.")
    opened_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["campaign", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "judge"], name="test_opened_once_for_a_judge"),
            models.CheckConstraint(condition=Q(how__in=["passport", "correction"]), name="test_opening_how_known"),
        ]

    def __str__(self) -> str:
        return f"test of campaign {self.campaign_id} opened for judge {self.judge_id}"

    @property
    def who(self) -> str:
        """Who opened it, in words; needs the person selected with it."""
        if self.opened_by is None:
            return "a ranking that its labels corrected"
        return self.opened_by.get_username() + (", to correct a ranking" if self.how == self.How.CORRECTION else "")


class GoldAnswer(models.Model):
    """The known answer to a question of an item, with what to say to those who answer otherwise."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="gold_answers")
    question = models.CharField(max_length=40)
    answer = models.CharField(max_length=20)
    feedback = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "question"], name="one_gold_answer_per_question")]

    def __str__(self) -> str:
        return f"{self.question} of item {self.item_id}: {self.answer}"
