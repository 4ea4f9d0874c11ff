"""What a person fills in about a job; the engine decides what it comes to."""

from __future__ import annotations

from django import forms


class BudgetForm(forms.Form):
    budget = forms.DecimalField(
        label="Budget", min_value=0, required=False, help_text="US dollars, in all. Empty: no limit."
    )
