"""What researchers fill in to make and close off a campaign. What fits together is checked where the work is done."""

from __future__ import annotations

from typing import Any

from django import forms

from annotation.guidelines import default_guideline
from annotation.models import Campaign
from annotation.sampling import Plan
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study

PLANS = {
    Plan.RANDOM: "Random: every scenario is as likely as any other",
    Plan.STRATIFIED: "Stratified: kept and rejected ones in equal parts, spread over pairs",
}


class CampaignForm(forms.Form):
    dataset = forms.ModelChoiceField(Dataset.objects.none(), to_field_name="slug", empty_label=None)
    name = forms.CharField(max_length=200, help_text="Annotators see it.")
    size = forms.IntegerField(
        label="Items", min_value=1, initial=50, help_text="Scenarios to label; more than there are takes all of them."
    )
    overlap = forms.IntegerField(
        label="People for each item",
        min_value=1,
        max_value=100,
        initial=3,
        help_text="With two or more you learn how far people agree with each other; an odd number makes fewer ties.",
    )
    plan = forms.ChoiceField(
        label="How items are drawn",
        choices=list(PLANS.items()),
        initial=Plan.RANDOM,
        widget=forms.RadioSelect,
        help_text="Either way rejected scenarios are drawn too, and figures are weighted back to the dataset.",
    )
    quota = forms.IntegerField(
        min_value=1, required=False, help_text="Items that one person may label; empty: as many as there are."
    )
    seed = forms.IntegerField(min_value=0, initial=0, help_text="The same seed draws the same items.")
    guideline = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 16}),
        help_text="Markdown. Annotators read it before they start, and can open it at any time.",
    )

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        datasets = study.datasets.order_by("-pk")
        self.fields["dataset"].queryset = datasets  # type: ignore[attr-defined]
        self.fields["guideline"].initial = default_guideline(Campaign.Kind.SCENARIO_FILTER)


class DecideForm(forms.Form):
    minimum = forms.IntegerField(
        label="Labels needed",
        min_value=1,
        max_value=100,
        help_text="Items that fewer people have labelled are left for later.",
    )


class GuidelineForm(forms.Form):
    markdown = forms.CharField(label="Guideline", widget=forms.Textarea(attrs={"rows": 16}), help_text="Markdown.")
