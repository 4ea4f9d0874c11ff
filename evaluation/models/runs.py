"""Targets, runs, what they answered, and what each answer was decided to be."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Value, When
from django.urls import reverse

from conflictscope.llm.models import Call, Endpoint
from conflictscope.scenarios.filtering.dimensions import ACTION_1, ACTION_2
from conflictscope.scenarios.models import Dataset, Judge, Scenario
from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.studies.models import Study, StudyScopedQuerySet
from conflictscope.values.models import TargetRanking


class Target(models.Model):
    """An LLM under evaluation, with the parameters it answers with.

    An imported target has no endpoint: its answers came with a file, and nobody can ask it.
    """

    endpoint = models.ForeignKey(
        Endpoint,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="targets",
        help_text="Empty: an imported target.",
    )
    label = models.CharField(max_length=100, unique=True)
    parameters = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["label"]

    def __str__(self) -> str:
        return self.label

    @property
    def simulated(self) -> bool:
        """Whether a simulator answers for it."""
        return self.endpoint is not None and self.endpoint.simulated


class Steering(models.Model):
    """A system prompt that is to move a target's choices, in one study. It never changes: runs say word for word what they sent.

    Without a target ranking there is no order to be moved towards, and so no alignment.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="steerings")
    name = models.CharField(max_length=100)
    system_prompt = models.TextField()
    target_ranking = models.ForeignKey(
        TargetRanking,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="steerings",
        help_text="The order that the prompt stands for; empty: none.",
    )
    template = models.CharField(
        max_length=100, blank=True, help_text="The prompt file that it was written by; empty: a text of its own."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StudyScopedQuerySet.as_manager()

    class Meta:
        ordering = ["study", "name"]
        constraints = [
            models.UniqueConstraint(fields=["study", "name"], name="steering_name_unique_in_study"),
            models.CheckConstraint(condition=~Q(system_prompt=""), name="steering_says_something"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("evaluation:steering", args=[self.study.slug, self.pk])


class RunQuerySet(StudyScopedQuerySet["Run"]):
    def whole(self) -> Self:
        """Without those whose import is under way, or was broken off: their first rows are no sample of anything."""
        return self.filter(import_unfinished=False)


class Run(models.Model):
    """One evaluation of one target on one dataset, with everything that fixes it."""

    class Scope(models.TextChoices):
        KEPT = "kept"
        ALL = "all"
        HUMAN_VALIDATED = "human_validated"

    class Mode(models.TextChoices):
        MULTIPLE_CHOICE = "multiple_choice", "Multiple choice"
        SIMULATED_USER = "simulated_user", "Simulated user"

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="runs")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="runs")
    scope = models.CharField(max_length=20, choices=Scope, default=Scope.KEPT)
    mode = models.CharField(max_length=20, choices=Mode)
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="runs")
    steering = models.ForeignKey(Steering, on_delete=models.PROTECT, null=True, blank=True, related_name="runs")
    user_simulator = models.ForeignKey(Endpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    judge = models.ForeignKey(
        Judge, on_delete=models.PROTECT, null=True, blank=True, related_name="runs", help_text="Decides open responses."
    )
    further_judges = models.ManyToManyField(
        Judge,
        blank=True,
        related_name="runs_beside",
        help_text="They decide the same responses, each in a column of its own; `judge` says when a conversation has come to its end.",
    )
    option_orders = models.JSONField(
        default=list, help_text="Multiple choice: the orders in which each scenario is asked."
    )
    samples = models.PositiveSmallIntegerField(default=1)
    max_turns = models.PositiveSmallIntegerField(default=1)
    seed = models.PositiveIntegerField(default=0)
    prompt_versions = models.JSONField(
        default=dict, help_text="Prompt name to the version that the run began with, and goes on with."
    )
    imported = models.BooleanField(default=False, help_text="Its responses came with files; nothing is asked for it.")
    import_unfinished = models.BooleanField(
        default=False,
        help_text="Of an imported run: its import is under way, or was broken off; the same files again add the rest.",
    )
    imported_user = models.CharField(
        max_length=100, blank=True, help_text="Of an imported run: the user simulator, as its file calls it."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["study", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "mode", "target", "scope", "seed"],
                condition=Q(steering__isnull=True, imported=False, user_simulator__isnull=True),
                name="one_default_run_without_a_user_simulator",
            ),
            models.UniqueConstraint(
                fields=["dataset", "mode", "target", "scope", "seed", "user_simulator"],
                condition=Q(steering__isnull=True, imported=False, user_simulator__isnull=False),
                name="one_default_run_per_user_simulator",
            ),
            models.UniqueConstraint(
                fields=["dataset", "mode", "target", "scope", "seed", "steering"],
                condition=Q(steering__isnull=False, user_simulator__isnull=True),
                name="one_steered_run_without_a_user_simulator",
            ),
            models.UniqueConstraint(
                fields=["dataset", "mode", "target", "scope", "seed", "steering", "user_simulator"],
                condition=Q(steering__isnull=False, user_simulator__isnull=False),
                name="one_steered_run_per_user_simulator",
            ),
            models.UniqueConstraint(
                fields=["dataset", "mode", "target", "imported_user"],
                condition=Q(imported=True, judge__isnull=True),
                name="one_imported_run_per_target_mode_and_user",
            ),
            models.UniqueConstraint(
                fields=["dataset", "mode", "target", "imported_user", "judge"],
                condition=Q(imported=True, judge__isnull=False),
                name="one_imported_run_per_target_mode_user_and_judge",
            ),
            models.CheckConstraint(
                condition=Q(mode="multiple_choice")
                | Q(user_simulator__isnull=False, judge__isnull=False)
                | Q(imported=True, judge__isnull=False),
                name="simulated_user_run_has_user_and_judge",
            ),
            models.CheckConstraint(condition=Q(scope__in=["kept", "all", "human_validated"]), name="run_scope_known"),
            models.CheckConstraint(condition=Q(mode__in=["multiple_choice", "simulated_user"]), name="run_mode_known"),
            models.CheckConstraint(condition=Q(samples__gte=1, max_turns__gte=1), name="run_asks_at_least_once"),
        ]

    def __str__(self) -> str:
        return f"{self.target}, {self.get_mode_display()}, on {self.dataset}"

    def get_absolute_url(self) -> str:
        return reverse("evaluation:run", args=[self.study.slug, self.pk])

    @property
    def simulated(self) -> bool:
        """Whether a simulator wrote answers, opening messages or judgements. Needs its endpoints selected with it."""
        simulator = self.user_simulator is not None and self.user_simulator.simulated
        return simulator or self.target.simulated or (self.judge is not None and self.judge.simulated)


class ResponseQuerySet(StudyScopedQuerySet["Response"]):
    to_study = "run__study"

    def with_decision(self) -> Self:
        """Adds `decision` and `decided_by`: the choice that pages and rankings show, and its source.

        People first (their latest panel), then the run's own judge, or what was parsed. None: nobody has decided yet.
        """
        shown = Judgement.objects.filter(response=OuterRef("pk")).filter(
            ~Q(source=Judgement.Source.JUDGE) | Q(judge=OuterRef("run__judge"))
        )
        people_first = Case(When(source=Judgement.Source.HUMAN, then=Value(0)), default=Value(1))
        shown = shown.order_by(people_first, F("pk").desc())
        return self.annotate(
            decision=Subquery(shown.values("choice")[:1]), decided_by=Subquery(shown.values("source")[:1])
        )

    def judges_differ(self) -> Self:
        """Responses for which two judges chose otherwise."""
        mine = Judgement.objects.filter(response=OuterRef("pk"), source=Judgement.Source.JUDGE)
        lowest, highest = (mine.order_by(order).values("choice")[:1] for order in ("choice", "-choice"))
        return self.alias(_lowest=Subquery(lowest), _highest=Subquery(highest)).filter(_lowest__lt=F("_highest"))

    def people_against_judge(self) -> Self:
        """Responses for which people chose otherwise than a judge, or than what was read in the answer."""
        machine = Judgement.objects.filter(response=OuterRef("response")).exclude(source=Judgement.Source.HUMAN)
        against = Judgement.objects.filter(response=OuterRef("pk"), source=Judgement.Source.HUMAN)
        return self.filter(Exists(against.filter(Exists(machine.exclude(choice=OuterRef("choice"))))))

    def unread(self) -> Self:
        """Answers in which no choice could be read: no letter in one that is no refusal, or a judge's reply of another form."""
        none = Judgement.objects.filter(response=OuterRef("pk"), choice=Judgement.Choice.NONE)
        answered = self.filter(outcome=Response.Outcome.ANSWERED)
        return answered.filter(
            Q(Exists(none.filter(source=Judgement.Source.PARSED)), refused=False)
            | Q(Exists(none.filter(source=Judgement.Source.JUDGE)))
        )

    def over(self) -> Self:
        """Those that no further turn will be added to, unless more is asked of their run."""
        may_go_on = Q(ended__in=["", Response.Ended.MAX_TURNS], turns__lt=F("run__max_turns"), run__imported=False)
        return self.exclude(may_go_on & Q(shown_to_people=False))

    def of_pair(self, first: str, second: str) -> Self:
        """Responses to the scenarios of two values, named by their keys."""
        keys = [first, second]
        return self.filter(scenario__value_1__key__in=keys, scenario__value_2__key__in=keys)


class Response(models.Model):
    """What a target said about one scenario, once: an answer, or a conversation of several turns."""

    class Outcome(models.TextChoices):
        ANSWERED = "answered"
        EMPTY = "empty"
        TRUNCATED = "truncated"  # cut off before its end, or lost in thought
        BLOCKED = "blocked"  # by the provider's filter
        FAILED = "failed"  # broken off by an error

    class Ended(models.TextChoices):
        """Why a conversation went no further; empty: it is not over, or it is no conversation."""

        RESOLVED = "resolved"  # so says the run's judge
        REFUSED = "refused"  # resolved by a refusal, or the provider refuses
        MAX_TURNS = "max_turns"
        TRUNCATED = "truncated"
        BLOCKED = "blocked"
        FAILED = "failed"
        EMPTY = "empty"
        UNREAD = "unread"  # the judge's reply could not be read, so that nobody says whether it goes on

    # What is none of an answer, and is asked again when somebody says so.
    UNANSWERED = (Outcome.EMPTY.value, Outcome.TRUNCATED.value, Outcome.BLOCKED.value, Outcome.FAILED.value)

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="responses")
    scenario = models.ForeignKey(Scenario, on_delete=models.PROTECT, related_name="responses")
    order = models.CharField(
        max_length=16, choices=OptionOrder, blank=True, help_text="Empty in simulated-user runs: no options are shown."
    )
    sample = models.PositiveSmallIntegerField(default=0)
    transcript = models.JSONField(
        default=list,
        help_text="[{'role': 'user' | 'assistant', 'text': ...}, ...]; a later answer that did not come to its end says how: 'ended'.",
    )
    turns = models.PositiveSmallIntegerField(default=1, help_text="Answers of the target that came to their end.")
    ended = models.CharField(max_length=10, choices=Ended, blank=True)
    refused = models.BooleanField(default=False, help_text="A tag beside the decision, never a decision.")
    outcome = models.CharField(max_length=10, choices=Outcome)
    turned_in_file = models.BooleanField(
        default=False, help_text="Of an imported response: its file has the scenario's two values the other way round."
    )
    shown_to_people = models.BooleanField(
        default=False, help_text="People are asked about it in a campaign: what they read does not change any more."
    )
    calls = models.ManyToManyField(Call, blank=True, related_name="responses")
    created_at = models.DateTimeField(auto_now_add=True)

    # no columns: `with_decision` adds them
    decision: str | None
    decided_by: str | None

    objects = ResponseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "scenario", "order", "sample"], name="one_response_per_trial"),
            models.CheckConstraint(
                condition=Q(order__in=["", "action_1_first", "action_2_first"]), name="response_order_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["answered", "empty", "truncated", "blocked", "failed"]),
                name="response_outcome_known",
            ),
            models.CheckConstraint(
                condition=Q(ended="")
                | Q(
                    ended__in=["resolved", "refused", "max_turns", "truncated", "blocked", "failed", "empty", "unread"]
                ),
                name="response_end_known",
            ),
        ]

    def __str__(self) -> str:
        return f"response {self.pk} of run {self.run_id}"


class Rating(models.Model):
    """How strongly a target supports each action on its own, 1-7; empty where its answer was no rating."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="ratings")
    scenario = models.ForeignKey(Scenario, on_delete=models.PROTECT, related_name="ratings")
    sample = models.PositiveSmallIntegerField(default=0)
    rating_1 = models.PositiveSmallIntegerField(null=True)
    rating_2 = models.PositiveSmallIntegerField(null=True)
    unread_1 = models.TextField(blank=True, help_text="What came instead of a rating, word for word.")
    unread_2 = models.TextField(blank=True)
    calls = models.ManyToManyField(Call, blank=True, related_name="ratings")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "scenario", "sample"], name="one_rating_per_run_scenario_and_sample"
            ),
            models.CheckConstraint(
                condition=(Q(rating_1__isnull=True) | Q(rating_1__range=(1, 7)))
                & (Q(rating_2__isnull=True) | Q(rating_2__range=(1, 7))),
                name="rating_from_1_to_7",
            ),
        ]

    def __str__(self) -> str:
        return f"rating {self.pk} of run {self.run_id}"


class Judgement(models.Model):
    """Which action a response took, as one decider says: the only place where a choice is written.

    In a baseline dataset, without values, `value_1` and `value_2` stand for action 1 and action 2.
    """

    class Source(models.TextChoices):
        PARSED = "parsed"  # read from a multiple-choice answer
        JUDGE = "judge"
        HUMAN = "human"

    class Choice(models.TextChoices):
        VALUE_1 = "value_1"
        VALUE_2 = "value_2"
        BOTH = "both"
        NEITHER = "neither"
        NONE = "none"  # nothing to decide on: an unparsable answer, a failed call

    response = models.ForeignKey(Response, on_delete=models.CASCADE, related_name="judgements")
    source = models.CharField(max_length=10, choices=Source)
    judge = models.ForeignKey(Judge, on_delete=models.PROTECT, null=True, blank=True, related_name="judgements")
    panel = models.CharField(max_length=100, blank=True, help_text="The name of the campaign whose people decided.")
    choice = models.CharField(max_length=10, choices=Choice)
    order = models.CharField(
        max_length=16, choices=OptionOrder, blank=True, help_text="The order in which the decider saw the two actions."
    )
    strength = models.PositiveSmallIntegerField(
        null=True, help_text="Bipolar: 1 = wholly action 1 ... 7 = wholly action 2."
    )
    resolved = models.BooleanField(
        null=True, help_text="Whether the conversation has come to an end; empty: not asked."
    )
    turns = models.PositiveSmallIntegerField(
        default=1, help_text="How many answers of the target the decider had read."
    )
    reason = models.TextField(blank=True)
    inclusion_probability = models.FloatField(
        null=True, help_text="Of a human judgement: how likely its item was sampled."
    )
    dev = models.BooleanField(
        default=False, help_text="Of a human judgement: set aside for tuning judges, so that it corrects no ranking."
    )
    of_selection = models.BooleanField(
        default=False,
        help_text="Of a human judgement: its item was drawn from a selected set, so no estimate for the whole uses it.",
    )
    calls = models.ManyToManyField(Call, blank=True, related_name="judgements")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["response"], condition=Q(source="parsed"), name="one_parsed_judgement_per_response"
            ),
            models.UniqueConstraint(
                fields=["response", "judge"], condition=Q(source="judge"), name="one_judgement_per_response_and_judge"
            ),
            models.UniqueConstraint(
                fields=["response", "panel"], condition=Q(source="human"), name="one_judgement_per_response_and_panel"
            ),
            models.CheckConstraint(
                condition=Q(source="parsed", judge__isnull=True, panel="")
                | Q(source="judge", judge__isnull=False, panel="")
                | (Q(source="human", judge__isnull=True) & ~Q(panel="")),
                name="judgement_has_one_decider",
            ),
            models.CheckConstraint(
                condition=Q(choice__in=["value_1", "value_2", "both", "neither", "none"]), name="judgement_choice_known"
            ),
            models.CheckConstraint(
                condition=Q(strength__isnull=True) | Q(strength__range=(1, 7)), name="strength_from_1_to_7"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.choice} for response {self.response_id}"


# Action 1 serves value 1, always.
CHOICE_OF_ACTION = {ACTION_1: Judgement.Choice.VALUE_1, ACTION_2: Judgement.Choice.VALUE_2}
