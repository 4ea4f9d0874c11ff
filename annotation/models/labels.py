"""Who got what, what they said, and what people together say."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.models.campaigns import Guideline, Item, Participant
from conflictscope.scenarios.option_orders import OptionOrder


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def counted(self) -> Self:
        """Work that counts: submitted in time for its slot, on no training item, by nobody who was excluded."""
        return self.filter(
            state=Assignment.State.SUBMITTED, surplus=False, item__is_training=False, participant__excluded=False
        )


class Assignment(models.Model):
    """One item handed to one person."""

    class State(models.TextChoices):
        LEASED = "leased"
        SUBMITTED = "submitted"
        SKIPPED = "skipped"
        EXPIRED = "expired"

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="assignments")
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="assignments")
    state = models.CharField(max_length=10, choices=State, default=State.LEASED)
    surplus = models.BooleanField(
        default=False, help_text="Submitted after its slot had gone to somebody else: kept, not counted."
    )
    token = models.UUIDField(
        unique=True, help_text="Names the assignment to its person; makes a submission idempotent."
    )
    lease_until = models.DateTimeField()
    action_order = models.CharField(max_length=16, choices=OptionOrder, help_text="Which action was shown as A.")
    guideline = models.ForeignKey(Guideline, on_delete=models.PROTECT, null=True, related_name="+")
    active_seconds = models.PositiveIntegerField(default=0)
    signs = models.PositiveIntegerField(
        null=True, help_text="Keys, movements and changes of focus that the page saw; empty: no page told."
    )
    skip_reason = models.CharField(max_length=200, blank=True)
    distressing = models.BooleanField(default=False, help_text="Skipped because it was hard to bear, at no cost.")
    leased_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True)
    objects = AssignmentQuerySet.as_manager()

    seen: int | None = None  # no column: the signs of life of the page, on their way to `signs`
    untouched = False  # no column: set where the row has just been made, so that nothing can have been said about it

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "participant"], name="one_assignment_per_item_and_participant"),
            models.UniqueConstraint(
                fields=["participant"], condition=Q(state="leased"), name="at_most_one_lease_per_participant"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["leased", "submitted", "skipped", "expired"]), name="assignment_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="submitted") | Q(submitted_at__isnull=False), name="submission_has_a_time"
            ),
        ]
        indexes = [  # routing.return_expired: leases that ran out
            models.Index("lease_until", condition=Q(state="leased"), name="assignment_leased"),
            # a person's latest submissions
            models.Index("participant", models.F("submitted_at").desc(), name="assignment_latest"),
        ]

    def __str__(self) -> str:
        return f"assignment {self.pk} ({self.state})"


class Annotation(models.Model):
    """One answer to one question. Saved as it is given; it counts once its assignment is submitted."""

    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="annotations")
    question = models.CharField(max_length=40)
    answer = models.CharField(max_length=20)
    also = models.CharField(
        max_length=20,
        blank=True,
        help_text="Another answer that the person finds defensible, too; none: they were asked, and see no other.",
    )
    comment = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assignment", "question"], name="one_annotation_per_question"),
            models.CheckConstraint(
                condition=Q(also="") | (~Q(answer="") & ~Q(also=models.F("answer"))),
                name="also_defensible_beside_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.question}: {self.answer}"


class Revision(models.Model):
    """The answers of a submission as they stood before its person changed them: what has counted is never lost."""

    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveSmallIntegerField(help_text="1 is what was submitted first.")
    answers = models.JSONField(
        help_text="Question to its answer and comment, and third the answer that was also defensible, if one was marked."
    )
    replaced_at = models.DateTimeField()

    class Meta:
        ordering = ["assignment", "number"]
        constraints = [models.UniqueConstraint(fields=["assignment", "number"], name="revision_number_unique")]

    def __str__(self) -> str:
        return f"revision {self.number} of assignment {self.assignment_id}"


class Flag(models.Model):
    """An annotator says that something is wrong with an item."""

    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="flags")
    reason = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"flag on assignment {self.assignment_id}"


class Decision(models.Model):
    """What people together say about one question of an item."""

    class Method(models.TextChoices):
        MAJORITY = "majority"
        DAWID_SKENE = "dawid_skene"
        ADJUDICATED = "adjudicated"

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="decisions")
    question = models.CharField(max_length=40)
    answer = models.CharField(max_length=20)
    method = models.CharField(max_length=12, choices=Method)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.TextField(blank=True)
    blind = models.BooleanField(
        default=True, help_text="Whether who settled it had seen no machine's word on the item, nor could have."
    )
    verdict = models.ForeignKey(
        "scenarios.Verdict", on_delete=models.SET_NULL, null=True, related_name="decisions", help_text="What it wrote."
    )
    judgement = models.ForeignKey(
        "evaluation.Judgement",
        on_delete=models.SET_NULL,
        null=True,
        related_name="decisions",
        help_text="What it wrote.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "question"], name="one_decision_per_item_and_question"),
            models.CheckConstraint(
                condition=Q(method__in=["majority", "dawid_skene", "adjudicated"]), name="decision_method_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.question} of item {self.item_id}: {self.answer} ({self.method})"
