"""Forms of recruiting: what guests agree to, and how a campaign takes them in."""

from __future__ import annotations

from typing import Any

from django import forms

from annotation.crowd.groups import NOT_SAID
from annotation.crowd.models import ConsentText, Departure
from annotation.crowd.recruiting import WITH_A_WAY_OUT, Out, Terms, read_group_questions
from annotation.models import Campaign
from conflictscope.errors import InvalidInput
from conflictscope.studies.forms import GroupedForm


class JoinForm(forms.Form):
    """What a guest agrees to; and what they are asked about themselves, where not to say is chosen until they say something."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    agree = forms.BooleanField(
        label="I have read this, I am at least 18 years old, and I agree to take part",
        error_messages={"required": "Tick this if you agree. If you do not, close the page: nothing is stored."},
    )

    def __init__(self, sent: Any = None, *, consent: ConsentText, campaign: Campaign | None = None) -> None:
        super().__init__(sent, initial={"version": consent.version})
        self._consent = consent
        self._questions = list(campaign.group_questions.all()) if campaign is not None else []
        for question in self._questions:
            self.fields[f"group_{question.pk}"] = forms.ChoiceField(
                label=question.text,
                required=False,
                choices=[("", NOT_SAID), *((answer, answer) for answer in question.answers)],
            )

    def clean_version(self) -> int:
        version: int = self.cleaned_data["version"]
        if version != self._consent.version:
            raise forms.ValidationError("The text has changed while you read it. Please read it again.")
        return version

    @property
    def groups(self) -> dict[int, str]:
        return {question.pk: self.cleaned_data.get(f"group_{question.pk}", "") for question in self._questions}

    @property
    def about(self) -> list[forms.BoundField]:
        return [self[f"group_{question.pk}"] for question in self._questions]


class ConsentForm(forms.Form):
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)
    warning = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What people will read that may be hard to bear. It comes before everything else.",
    )
    markdown = forms.CharField(
        label="What they agree to",
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="Markdown: who asks, what for, how long it takes, what is kept and for how long, whom to write to.",
    )
    ethics = forms.CharField(
        label="Ethics approval",
        required=False,
        max_length=300,
        help_text="Which board approved it, under which number; it stands on the card of exported datasets.",
    )
    labels_go = forms.BooleanField(
        label="Whoever withdraws takes their answers along",
        required=False,
        help_text="Otherwise the answers stay, under the pseudonym, and nothing says whose they were. Say in the text which.",
    )


class AccessForm(forms.Form):
    access = forms.ChoiceField(
        choices=[
            (Campaign.Access.MEMBERS, "Annotators of the study alone"),
            (Campaign.Access.LINK, "Whoever has the link, too"),
            (Campaign.Access.CROWD, "People whom a platform sends, too"),
        ],
        widget=forms.RadioSelect,
        label="Who may label",
    )


class TermsForm(GroupedForm):
    """How a campaign recruits."""

    GROUPS = (
        ("How many, how long", ("places", "minutes")),
        ("Pay", ("pay_per_hour", "currency")),
        ("What the platform's link says", ("person_parameter", "study_parameter", "session_parameter")),
        ("Groups", ("smallest_cell",)),
    )

    places = forms.IntegerField(
        label="People",
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text="At most so many. Empty: any number.",
    )
    minutes = forms.IntegerField(
        label="Minutes for one person", required=False, min_value=1, max_value=100_000, help_text="Empty: no limit."
    )
    pay_per_hour = forms.DecimalField(required=False, min_value=0, max_digits=8, decimal_places=2)
    currency = forms.RegexField(r"^[A-Z]{3}$", initial="GBP", help_text="Three letters, such as GBP.")
    person_parameter = forms.CharField(label="Person", max_length=40)
    study_parameter = forms.CharField(label="The platform's study", max_length=40, required=False)
    session_parameter = forms.CharField(label="Session", max_length=40, required=False)
    smallest_cell = forms.IntegerField(
        label="Smallest group shown", min_value=2, max_value=1000, help_text="Groups of fewer people are never shown."
    )

    @property
    def terms(self) -> Terms:
        return Terms(**self.cleaned_data)


class WaysOutForm(forms.Form):
    """A code and an address for each ending."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for ending in WITH_A_WAY_OUT:
            label = Departure(ending).label
            self.fields[f"code_{ending}"] = forms.CharField(label=f"{label}: code", required=False, max_length=60)
            self.fields[f"url_{ending}"] = forms.URLField(
                label=f"{label}: address to return to", required=False, max_length=500, assume_scheme="https"
            )

    @property
    def ways(self) -> dict[str, Out]:
        return {
            ending: Out(self.cleaned_data[f"code_{ending}"], self.cleaned_data[f"url_{ending}"])
            for ending in WITH_A_WAY_OUT
        }


class GroupsForm(forms.Form):
    questions = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One a line, the answers behind a colon: Your age: under 30 | 30 to 49 | 50 or over. Not to say is always offered.",
    )

    def clean_questions(self) -> str:
        text: str = self.cleaned_data["questions"]
        try:
            read_group_questions(text)
        except InvalidInput as exc:
            raise forms.ValidationError(exc.sentence) from exc
        return text
