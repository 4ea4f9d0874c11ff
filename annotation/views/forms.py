"""What researchers fill in to make, extend and close off a campaign. What fits together is checked where the work is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import QuerySet

from annotation.campaigns.creating import judgeable_runs
from annotation.campaigns.sampling import Plan
from annotation.guidelines import default_guideline
from annotation.kinds import KINDS
from annotation.models import Campaign
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role
from evaluation.models import Run
from evaluation.running.variants import variants

PLANS = {
    Plan.RANDOM: "Random: every scenario is as likely as any other",
    Plan.STRATIFIED: "Stratified: equal parts of what the judge made of them, spread over pairs and templates",
    Plan.UNCERTAINTY: "Leaning to uncertainty: up to four times as likely where the judge was least sure",
}
SECOND = {
    Campaign.SecondAnswers.OFF: "One answer to each question",
    Campaign.SecondAnswers.OPTIONAL: "Optional: whoever sees a second defensible answer marks it with a key",
    Campaign.SecondAnswers.ASKED: "Asked: after each answer, whether another one is defensible, too",
}
# Where no judge has said anything of what is drawn.
PLANS_BY_PAIR = {
    Plan.RANDOM: PLANS[Plan.RANDOM],
    Plan.STRATIFIED: "Stratified: equal parts of all pairs of values, spread over templates",
}


class WhatForm(forms.Form):
    """The first step: what is labelled, and what it is drawn from."""

    kind = forms.ChoiceField(
        label="What do you want to know?",
        choices=[(kind.key, kind.about) for kind in KINDS.values()],
        initial=next(iter(KINDS)),
        widget=forms.RadioSelect,
    )
    dataset = forms.ModelChoiceField(Dataset.objects.none(), to_field_name="slug", empty_label=None)

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["dataset"].queryset = study.datasets.shown().order_by("-pk")  # type: ignore[attr-defined]


class RunsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # it takes one in the stubs only
    """Runs by their targets, and by what tells them apart where a target has several."""

    labels: Mapping[int, str] = {}

    def offer(self, runs: QuerySet[Run]) -> None:
        self.queryset = runs
        self.initial = list(runs)
        self.labels = variants(self.initial)

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.target}: {self.labels[obj.pk]}"


class CampaignForm(forms.Form):
    """The second step, for a kind and a dataset: why, how many, drawn how, by whom, by which guideline."""

    runs = RunsField(
        Run.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        label="Whose responses",
        help_text="All the responses that these targets gave to a drawn scenario become items.",
    )
    responses_each = forms.IntegerField(
        label="Responses of each scenario",
        min_value=1,
        required=False,
        help_text="At most so many, chosen at random; empty: all. A corrected ranking of a target is narrower with all.",
    )
    among = forms.CharField(required=False, max_length=500, widget=forms.HiddenInput)
    name = forms.CharField(max_length=200, help_text="Annotators see it.")
    purpose = forms.CharField(
        label="Why",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What is to be decided by these labels. Stands on the campaign's page; annotators do not see it.",
    )
    size = forms.IntegerField(
        label="Scenarios", min_value=1, initial=50, help_text="How many to draw; more than there are takes all of them."
    )
    overlap = forms.IntegerField(
        label="People for each item",
        min_value=1,
        max_value=100,
        initial=3,
        help_text="With two or more you learn how far people agree with each other; an odd number makes fewer ties.",
    )
    plan = forms.ChoiceField(
        label="How they are drawn",
        choices=list(PLANS.items()),
        initial=Plan.RANDOM,
        widget=forms.RadioSelect,
        help_text="Every scenario has a known chance, rejected ones too, and figures are weighted back to all of them.",
    )
    second_answers = forms.ChoiceField(
        label="Second answers",
        choices=list(SECOND.items()),
        initial=Campaign.SecondAnswers.OFF,
        required=False,
        widget=forms.RadioSelect,
        help_text="Where more than one answer can be defended, agreement is told by sets of answers, too.",
    )
    seed = forms.IntegerField(min_value=0, initial=0, help_text="The same seed draws the same scenarios.")
    invited = forms.ModelMultipleChoiceField(
        User.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        label="Who labels",
        required=False,
        help_text="None chosen: all annotators of the study, and those who join later.",
    )
    quota = forms.IntegerField(
        min_value=1, required=False, help_text="Items that one person may label; empty: as many as there are."
    )
    lease_minutes = forms.IntegerField(
        label="Minutes an item is held",
        min_value=1,
        max_value=10_000,
        initial=30,
        help_text="An item that somebody leaves open for longer goes to the next person; saving an answer starts the time anew.",
    )
    guideline = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 16}),
        help_text="Markdown. Annotators read it before they start, and can open it at any time.",
    )

    WHAT = ("runs", "responses_each")
    WHY = ("name", "purpose")
    HOW_MANY = ("size", "overlap")
    HOW = ("plan", "seed")
    ANSWERS = ("second_answers",)
    WHO = ("invited", "quota", "lease_minutes")

    def __init__(self, *args: Any, study: Study, kind: str, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["guideline"].initial = default_guideline(kind)
        annotators = User.objects.filter(memberships__study=study, memberships__role=Role.ANNOTATOR)
        self.fields["invited"].queryset = annotators.order_by("username")  # type: ignore[attr-defined]
        if KINDS[kind].of_responses:
            self.fields["runs"].offer(judgeable_runs(dataset))  # type: ignore[attr-defined]
        else:
            del self.fields["runs"], self.fields["responses_each"], self.fields["among"]
        if not KINDS[kind].by_outcome:
            self.fields["plan"].choices = list(PLANS_BY_PAIR.items())  # type: ignore[attr-defined]
            self.fields["plan"].initial = Plan.STRATIFIED

    def clean_second_answers(self) -> str:
        return self.cleaned_data["second_answers"] or Campaign.SecondAnswers.OFF

    def part(self, names: tuple[str, ...]) -> list[forms.BoundField]:
        """The fields of one step of the page, those that the kind has."""
        return [self[name] for name in names if name in self.fields]

    @property
    def steps(self) -> list[tuple[str, list[forms.BoundField]]]:
        steps = [
            ("What", self.part(self.WHAT)),
            ("Why", self.part(self.WHY)),
            ("How many", self.part(self.HOW_MANY)),
            ("Drawn how", self.part(self.HOW)),
            ("Answers", self.part(self.ANSWERS)),
            ("Who", self.part(self.WHO)),
        ]
        return [(title, fields) for title, fields in steps if fields]


class PrecisionForm(forms.Form):
    """How many items a wanted interval of kappa needs."""

    kappa = forms.FloatField(label="κ you expect", initial=0.6, min_value=0, max_value=0.99)
    prevalence = forms.FloatField(label="Share of the commoner answer", initial=0.8, min_value=0.5, max_value=0.99)
    half_width = forms.FloatField(label="κ to within ±", initial=0.1, min_value=0.01, max_value=0.5)


class ExtendForm(forms.Form):
    size = forms.IntegerField(label="Scenarios in all", min_value=1)
    overlap = forms.IntegerField(label="People for each item", min_value=1, max_value=100)
    seen_size = forms.IntegerField(widget=forms.HiddenInput, required=False)
    seen_overlap = forms.IntegerField(widget=forms.HiddenInput, required=False)

    @property
    def seen(self) -> tuple[int, int] | None:
        """What the person chose from; None: the form does not say."""
        size, overlap = self.cleaned_data["seen_size"], self.cleaned_data["seen_overlap"]
        return None if size is None or overlap is None else (size, overlap)


class DecideForm(forms.Form):
    minimum = forms.IntegerField(
        label="Labels needed",
        min_value=1,
        max_value=100,
        help_text="Items that fewer people have labelled are left for later.",
    )


class GuidelineForm(forms.Form):
    markdown = forms.CharField(label="Guideline", widget=forms.Textarea(attrs={"rows": 16}), help_text="Markdown.")
    changes = forms.CharField(
        label="What is new",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Those who read an earlier version are told.",
    )
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)


class SplitForm(forms.Form):
    percent = forms.IntegerField(
        label="Per cent of the scenarios for tuning judges", min_value=5, max_value=95, initial=50
    )
