"""How a campaign recruits by a link, what people agree to, and who they are elsewhere, kept apart from what they answer."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from annotation.models import Campaign, Participant


class Departure(models.TextChoices):
    """How a guest's time in a campaign ended."""

    FINISHED = "finished", "Finished"
    SCREENED_OUT = "screened_out", "Nothing to do for them"
    FAILED = "failed", "Failed the checks"
    TIMED_OUT = "timed_out", "Out of time"
    WITHDREW = "withdrew", "Withdrew"


class Recruitment(models.Model):
    """A campaign's link for people without an account."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, primary_key=True, related_name="recruitment")
    key = models.SlugField(max_length=40, unique=True, help_text="Stands in the link, and nobody can guess it.")
    person_parameter = models.CharField(max_length=40, default="PROLIFIC_PID")
    study_parameter = models.CharField(max_length=40, default="STUDY_ID", blank=True)
    session_parameter = models.CharField(max_length=40, default="SESSION_ID", blank=True)
    places = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many people may come; empty: any number."
    )
    minutes = models.PositiveIntegerField(null=True, blank=True, help_text="Time for one person; empty: no limit.")
    pay_per_hour = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, default="GBP")
    smallest_cell = models.PositiveSmallIntegerField(default=5, help_text="Groups of fewer people are never shown.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(key=""), name="recruitment_has_a_key"),
            models.CheckConstraint(condition=~Q(person_parameter=""), name="recruitment_knows_people_by_something"),
            models.CheckConstraint(condition=Q(smallest_cell__gte=2), name="recruitment_smallest_cell_hides"),
        ]

    def __str__(self) -> str:
        return f"recruitment of campaign {self.campaign_id}"

    def get_absolute_url(self) -> str:
        return reverse("annotation:join", args=[self.key])


class ConsentText(models.Model):
    """What a guest is told and agrees to before they see an item; a change is a new version."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="consents")
    version = models.PositiveSmallIntegerField()
    warning = models.TextField(blank=True, help_text="What one will read, said before everything else.")
    markdown = models.TextField()
    ethics = models.CharField(max_length=300, blank=True, help_text="Approval, for the card of the dataset.")
    labels_go = models.BooleanField(default=False, help_text="Whoever withdraws takes their answers along.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["campaign", "version"]
        constraints = [models.UniqueConstraint(fields=["campaign", "version"], name="consent_version_unique")]

    def __str__(self) -> str:
        return f"consent v{self.version} of campaign {self.campaign_id}"


class WayOut(models.Model):
    """What a guest takes back to the platform, by how their time ended: a code, an address, or both."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="ways_out")
    ending = models.CharField(max_length=12, choices=Departure)
    code = models.CharField(max_length=60, blank=True)
    url = models.URLField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "ending"], name="one_way_out_per_ending"),
            models.CheckConstraint(
                condition=Q(ending__in=["finished", "screened_out", "failed", "timed_out"]), name="way_out_ending_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ending} of campaign {self.campaign_id}"


class Guest(models.Model):
    """A participant who came by the link: what they agreed to, and how their time ended."""

    participant = models.OneToOneField(Participant, on_delete=models.PROTECT, primary_key=True, related_name="as_guest")
    consent = models.ForeignKey(ConsentText, on_delete=models.PROTECT, related_name="guests")
    agreed_at = models.DateTimeField()
    ending = models.CharField(max_length=12, choices=Departure, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ending__in=["", "finished", "screened_out", "failed", "timed_out", "withdrew"]),
                name="guest_ending_known",
            ),
        ]

    def __str__(self) -> str:
        return f"guest at place {self.participant_id}"


class CrowdIdentity(models.Model):
    """Who a guest is on the platform that sent them: apart from everything else, and erased when they withdraw."""

    participant = models.OneToOneField(
        Participant, on_delete=models.PROTECT, primary_key=True, related_name="crowd_identity"
    )
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=200)
    study_ref = models.CharField(max_length=200, blank=True)
    session_ref = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "crowd identities"
        constraints = [
            models.UniqueConstraint(fields=["campaign", "external_id"], name="one_place_per_person_from_elsewhere"),
            models.CheckConstraint(condition=~Q(external_id=""), name="crowd_identity_is_somebody"),
        ]

    def __str__(self) -> str:
        return f"identity of place {self.participant_id}"


class Withdrawn(models.Model):
    """Somebody with this keyed digest of an id has withdrawn: they get no second place, and nothing leads from here to the first."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name_plural = "withdrawn"
        constraints = [models.UniqueConstraint(fields=["campaign", "digest"], name="withdrawn_once")]

    def __str__(self) -> str:
        return f"withdrawn from campaign {self.campaign_id}"


class GroupQuestion(models.Model):
    """What a campaign asks guests about themselves, if they want to say: age band, community, profession."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="group_questions")
    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=200)
    answers = models.JSONField(help_text="The answers on offer, in order; not to say is always one more.")

    class Meta:
        ordering = ["campaign", "position"]
        constraints = [models.UniqueConstraint(fields=["campaign", "position"], name="group_question_position_unique")]

    def __str__(self) -> str:
        return self.text


class GroupAnswer(models.Model):
    """What a guest said about themselves. Whoever would rather not say has no row."""

    question = models.ForeignKey(GroupQuestion, on_delete=models.PROTECT, related_name="given")
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="+")
    answer = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["question", "participant"], name="one_group_answer_per_question")
        ]

    def __str__(self) -> str:
        return f"{self.question_id}: {self.answer}"
