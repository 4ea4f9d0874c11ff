"""What a person fills in about a job; the engine decides what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from conflictscope.jobs.budgets import Budget
from conflictscope.jobs.models import Job
from conflictscope.studies.forms import SeenForm

# Of a GroupedForm: the three fields that `budget_of` reads.
BUDGET_GROUP = ("Budget", ("budget", "budget_calls", "budget_tokens"))


def dollars_field(help_text: str = "") -> forms.DecimalField:
    return forms.DecimalField(
        label="Budget in US dollars",
        min_value=0,
        required=False,
        help_text=help_text or "The job pauses before it would spend more. Empty: no limit.",
    )


def calls_field() -> forms.IntegerField:
    return forms.IntegerField(
        label="Budget in calls", min_value=1, required=False, help_text="Answers from the log are not counted."
    )


def tokens_field() -> forms.IntegerField:
    return forms.IntegerField(
        label="Budget in tokens", min_value=1, required=False, help_text="In and out; it bites without a price, too."
    )


class BudgetForm(SeenForm):
    """The limits of a job that runs already, in all, with what is spent."""

    budget = dollars_field()
    budget_calls = calls_field()
    budget_tokens = tokens_field()


def budget_form_of(job: Job, given: Mapping[str, Any] | None = None) -> BudgetForm:
    """With the limits that the job has. `given`: what was sent."""
    dollars = None if job.budget is None else f"{job.budget.normalize():f}"
    limits = {"budget": dollars, "budget_calls": job.budget_calls, "budget_tokens": job.budget_tokens}
    return BudgetForm(given, initial=limits)


def budget_of(given: Mapping[str, Any]) -> Budget:
    """From the cleaned data of a form with these three fields."""
    return Budget(given["budget"], given["budget_calls"], given["budget_tokens"])
