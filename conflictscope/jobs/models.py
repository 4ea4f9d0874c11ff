"""Job, WorkItem and CallUse: the rows are the truth about what was done, what is left, and who paid for what."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from conflictscope.llm.models import Call
from conflictscope.studies.models import Study, StudyScopedQuerySet


class JobQuerySet(StudyScopedQuerySet["Job"]):
    def live(self) -> Self:
        """Jobs that have not ended."""
        return self.filter(state__in=Job.LIVE)

    def with_failures(self) -> Self:
        """Jobs that ended with something undone and that nobody has started anew since."""
        later = Job.objects.filter(kind=OuterRef("kind"), subject=OuterRef("subject"), pk__gt=OuterRef("pk"))
        failed = WorkItem.objects.filter(job=OuterRef("pk"), state=WorkItem.State.FAILED)
        undone = Q(state=Job.State.FAILED) | Q(Exists(failed), state=Job.State.DONE)
        return self.filter(undone, ~Exists(later))


class Job(models.Model):
    """A long piece of work, of a kind that a room has registered, on one subject of a study."""

    class State(models.TextChoices):
        RUNNING = "running"  # to be worked on by whoever is free
        PAUSED = "paused"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    LIVE = (State.RUNNING, State.PAUSED)

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="jobs")
    kind = models.CharField(max_length=40)
    subject = models.CharField(
        max_length=100, help_text="What it works on, such as 'dataset 12': one live job a kind and subject."
    )
    title = models.CharField(max_length=200)
    parameters = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    budget = models.DecimalField(
        max_digits=12, decimal_places=4, null=True, blank=True, help_text="US dollars; empty: no limit."
    )
    budget_calls = models.PositiveBigIntegerField(null=True, blank=True, help_text="Calls to be sent; empty: no limit.")
    budget_tokens = models.PositiveBigIntegerField(null=True, blank=True, help_text="In and out; empty: no limit.")
    # What calls took that have ended; what those in flight may take at most; and what may have been billed unseen: of calls whose
    # worker died, and of replies that do not count their tokens. Together they never pass a budget: see `budgets`.
    spent = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    reserved = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    unknown = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    tokens_used = models.PositiveBigIntegerField(default=0)
    reserved_tokens = models.PositiveBigIntegerField(default=0)
    unknown_tokens = models.PositiveBigIntegerField(default=0)
    calls_sent = models.PositiveBigIntegerField(default=0)
    stopped_at_budget = models.BooleanField(default=False, help_text="Paused by its budget, not by a person.")
    error = models.TextField(blank=True)
    errors_in_a_row = models.PositiveIntegerField(
        default=0, help_text="Alike, and no item done since the first of them."
    )
    errors_since = models.DateTimeField(null=True)
    errors_alike = models.CharField(max_length=200, blank=True, help_text="What is the same in all of them.")
    heartbeat = models.DateTimeField(null=True, help_text="When a worker last said that it is on it.")
    phase = models.CharField(max_length=100, blank=True, help_text="What its planning is at, in words for people.")
    planning_until = models.DateTimeField(null=True, help_text="The lease of the one worker that plans further items.")
    invited_at = models.DateTimeField(null=True, help_text="When a message was sent that no worker has taken up yet.")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(state__in=["running", "paused"]),
                name="one_live_job_per_kind_and_subject",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["running", "paused", "done", "failed", "cancelled"]), name="job_state_known"
            ),
        ]
        indexes = [  # jobs of a study, newest first
            models.Index("study", models.F("id").desc(), name="job_of_study"),
        ]

    def __str__(self) -> str:
        return f"{self.title} (job {self.pk})"

    def get_absolute_url(self) -> str:
        return reverse("jobs:job", args=[self.study.slug, self.pk])


class Worker(models.Model):
    """A worker of the queue, with the processes of its pool: it writes every few seconds that it lives. See `workers`."""

    name = models.CharField(max_length=200, unique=True, help_text="What the queue calls it: celery@HOST.")
    processes = models.PositiveIntegerField()
    busy = models.PositiveIntegerField(default=0, help_text="Processes that are at a task.")
    all_busy_since = models.DateTimeField(null=True, help_text="Since when all of them are, without a break.")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    reaped_at = models.DateTimeField(null=True, help_text="When the reaper last ran, on any worker.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class WorkItem(models.Model):
    """One unit of a job: claimed under a lease, done once, safe to do again if its worker dies."""

    class State(models.TextChoices):
        OPEN = "open"
        LEASED = "leased"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=200, help_text="Unique in the job: planning the same item twice adds it once.")
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    attempts = models.PositiveSmallIntegerField(default=0)
    killed = models.PositiveSmallIntegerField(
        default=0, help_text="How often a process had to be killed with this item in hand."
    )
    tried_since = models.DateTimeField(
        null=True, help_text="When it was first taken up: its patience counts from here."
    )
    not_before = models.DateTimeField(null=True, help_text="Waiting after an error that may pass.")
    lease_owner = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)
    note = models.CharField(max_length=200, blank=True, help_text="How it ended, in a word, such as 'unparsable'.")
    error = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "key"], name="work_item_key_unique_in_job"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "leased", "done", "failed", "cancelled"]), name="work_item_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="leased") | Q(lease_until__isnull=False), name="a_lease_has_an_end"
            ),
        ]
        indexes = [
            # leases.claim: open items of a job that need not wait
            models.Index("job", "id", condition=Q(state="open"), name="work_item_open"),
            # progress: what ended lately
            models.Index("job", "updated_at", condition=Q(state__in=["done", "failed"]), name="work_item_ended"),
            # Job.objects.with_failures: jobs in which something failed
            models.Index("job", condition=Q(state="failed"), name="work_item_failed"),
            # leases.return_expired: leases of dead workers
            models.Index("lease_until", condition=Q(state="leased"), name="work_item_leased"),
        ]

    def __str__(self) -> str:
        return f"{self.key} of job {self.job_id}"


class CallUse(models.Model):
    """Which work item asked for which call, whether it was paid for or answered from the log, and what is held for it."""

    class Hold(models.TextChoices):
        HELD = "held"  # in flight: the most that it may take is reserved
        SETTLED = "settled"  # ended, or never sent
        UNKNOWN = "unknown"  # nobody knows what it took: what was reserved counts as taken

    item = models.ForeignKey(WorkItem, on_delete=models.CASCADE, related_name="call_uses")
    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="uses")
    from_cache = models.BooleanField(default=False)
    hold = models.CharField(max_length=8, choices=Hold, default=Hold.SETTLED)
    reserved = models.DecimalField(max_digits=14, decimal_places=8, default=0, help_text="US dollars.")
    reserved_tokens = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "call"], name="call_used_once_per_item"),
            models.CheckConstraint(condition=Q(hold__in=["held", "settled", "unknown"]), name="call_hold_known"),
        ]
        indexes = [  # budgets.write_off, progress.lost_calls: the few that have not ended well
            models.Index("item", condition=~Q(hold="settled"), name="call_use_open"),
        ]

    def __str__(self) -> str:
        return f"call {self.call_id} for item {self.item_id}"
