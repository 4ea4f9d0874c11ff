"""Endpoint and Call: where language models are reached, and everything that was ever asked of them."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q


class Endpoint(models.Model):
    """One language model at one address.

    The key itself is never stored: `key_name` names an environment variable, from an allow-list, so that no endpoint can
    be made to send another secret to a stranger's server.
    """

    class Provider(models.TextChoices):
        OPENAI = "openai", "OpenAI"
        ANTHROPIC = "anthropic", "Anthropic"
        OPENAI_COMPATIBLE = "openai_compatible", "OpenAI-compatible"

    name = models.SlugField(unique=True, help_text="What pages and commands call it.")
    provider = models.CharField(max_length=20, choices=Provider)
    llm = models.CharField(max_length=200, help_text="The provider's id of the language model.")
    # No URLField: it refuses the single-word host names of a container network.
    base_url = models.CharField(max_length=200, blank=True, help_text="Empty: the provider's own address.")
    key_name = models.CharField(max_length=100, blank=True, help_text="The environment variable that holds the key.")
    parameters = models.JSONField(
        default=dict, blank=True, help_text="Sampling parameters sent unless a call sets its own."
    )
    price_in = models.DecimalField(
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="US dollars per million tokens in. Empty: unknown.",
    )
    price_out = models.DecimalField(
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="US dollars per million tokens out. Empty: unknown.",
    )
    max_concurrency = models.PositiveIntegerField(default=8, validators=[MinValueValidator(1)])
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Of all workers together. Empty: no limit."
    )
    tokens_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Tokens in and out, of all workers together. Empty: no limit.",
    )
    timeout_seconds = models.PositiveIntegerField(default=120, validators=[MinValueValidator(1)])
    simulated = models.BooleanField(
        default=False, help_text="Set for good when the server says that it is a simulator: all it made is labelled so."
    )
    edition = models.PositiveIntegerField(
        default=0, help_text="How often it was changed: whoever changes it says which edition they read."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(key_name="")
                | Q(key_name__in=["OPENAI_API_KEY", "ANTHROPIC_API_KEY"])
                | Q(key_name__startswith="CONFLICTSCOPE_KEY_"),
                name="endpoint_key_name_allowed",
            ),
            models.CheckConstraint(
                condition=~Q(provider="openai_compatible") | ~Q(base_url=""), name="compatible_endpoint_has_base_url"
            ),
            models.CheckConstraint(
                condition=Q(provider__in=["openai", "anthropic", "openai_compatible"]), name="endpoint_provider_known"
            ),
            models.CheckConstraint(condition=Q(max_concurrency__gte=1), name="endpoint_concurrency_positive"),
            models.CheckConstraint(
                condition=Q(requests_per_minute__isnull=True) | Q(requests_per_minute__gte=1),
                name="endpoint_requests_positive",
            ),
            models.CheckConstraint(
                condition=Q(tokens_per_minute__isnull=True) | Q(tokens_per_minute__gte=1),
                name="endpoint_tokens_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def cost(self, tokens_in: int | None, tokens_out: int | None) -> Decimal | None:
        """US dollars for so many tokens; None when a price or a count is unknown, never a guess."""
        if self.price_in is None or self.price_out is None or tokens_in is None or tokens_out is None:
            return None
        dollars = (tokens_in * Decimal(self.price_in) + tokens_out * Decimal(self.price_out)) / 1_000_000
        return dollars.quantize(Decimal("0.00000001"))


class Call(models.Model):
    """One question put to one language model. The row is committed before the request is sent and completed by its reply.

    A call whose worker died is `unknown` once its items are somebody else's: it may have been billed, so it is reported, never hidden.
    """

    class Outcome(models.TextChoices):
        SENT = "sent"  # an intent; no reply yet
        OK = "ok"
        REFUSED = "refused"  # the provider's own field says so
        TRUNCATED = "truncated"
        BLOCKED = "blocked"  # by the provider's filter: the question, or the reply; `error` says more
        EMPTY = "empty"
        MALFORMED = "malformed"  # an answer, but not of the form asked for; `error` says why
        FAILED = "failed"  # an error instead of a reply, or at its end
        UNKNOWN = "unknown"  # sent, and whoever waited for the reply is gone: it may have been billed

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="calls")
    purpose = models.CharField(max_length=60)
    prompt_name = models.CharField(max_length=100)
    prompt_version = models.PositiveSmallIntegerField()
    prompt_digest = models.CharField(max_length=64)
    request = models.JSONField(help_text="Messages, parameters and reply schema, as handed to the adapter.")
    request_digest = models.CharField(max_length=64)
    sample = models.PositiveIntegerField(default=0)
    scope = models.CharField(
        max_length=60, blank=True, help_text="For whom it was made: who may use its answer again. Rooms above say."
    )
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.SENT)
    reply = models.TextField(blank=True, help_text="What was said, without the thought before it.")
    thought = models.TextField(blank=True, help_text="What the LLM thought, as far as its provider tells.")
    error = models.TextField(blank=True)
    resolved_llm = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=200, blank=True)
    unsupported_parameters = models.JSONField(
        default=list, help_text="Asked for, but not sent: the provider refuses them."
    )
    tokens_in = models.PositiveIntegerField(null=True)
    tokens_out = models.PositiveIntegerField(null=True)
    cost = models.DecimalField(max_digits=14, decimal_places=8, null=True, help_text="US dollars; empty: unknown.")
    latency_ms = models.PositiveIntegerField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    simulated = models.BooleanField(default=False)
    sent_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(request_digest=""), name="call_has_a_digest"),
            models.CheckConstraint(
                condition=Q(
                    outcome__in=[
                        "sent",
                        "ok",
                        "refused",
                        "truncated",
                        "blocked",
                        "empty",
                        "malformed",
                        "failed",
                        "unknown",
                    ]
                ),
                name="call_outcome_known",
            ),
        ]
        indexes = [  # log.find: has this very question been answered before?
            models.Index("request_digest", "sample", name="call_of_request"),
            # spending: sums over all calls of an endpoint, without reading what was said in them
            models.Index(
                "endpoint", "purpose", "outcome", "sent_at", "cost", "tokens_in", "tokens_out", name="call_spend"
            ),
            # spending.last_errors: the newest failed call of an endpoint
            models.Index("endpoint", "id", condition=Q(outcome="failed"), name="call_failed"),
            # log.give_up: the few whose end nobody has seen
            models.Index("sent_at", condition=Q(outcome="sent"), name="call_unseen"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} call {self.pk} ({self.outcome})"
