"""What people fill in about value sets."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User

from conflictscope.studies.permissions import SetRole
from conflictscope.values.models import Proposal, ValueSetVersion
from conflictscope.values.parsing import ValueSetText, ValueText, long_value
from conflictscope.values.reading import LONGEST


class ImportValueSetForm(forms.Form):
    file = forms.FileField(
        label="JSON or YAML file",
        help_text="An object of value names and definitions, or the long form with groups and tiers.",
    )
    name = forms.CharField(max_length=200, required=False, help_text="Unless the file says it.")
    slug = forms.SlugField(max_length=50, required=False, help_text="Unless the file says it.")


class NameForm(forms.Form):
    name = forms.CharField(max_length=200, help_text="Whose values they are, or what they are about.")
    slug = forms.SlugField(
        label="Address",
        max_length=50,
        required=False,
        help_text="Small letters, digits and hyphens; made from the name.",
    )


class DraftForm(forms.Form):
    name = forms.CharField(max_length=200)
    description = forms.CharField(
        max_length=5_000,
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text="Who holds these values dear, and how they were found.",
    )
    licence = forms.CharField(max_length=100, required=False, help_text="Such as CC BY 4.0: who may use it, and how.")
    pairing = forms.ChoiceField(
        label="Pairs that conflict",
        choices=[
            (ValueSetVersion.Pairing.ALL_PAIRS, "Every value with every other"),
            (ValueSetVersion.Pairing.ACROSS_GROUPS, "Only values of different groups"),
        ],
    )
    edition = forms.IntegerField(required=False, widget=forms.HiddenInput)
    reason = forms.CharField(
        label="Why", max_length=500, required=False, help_text="What this changes, for the history of the set."
    )

    def clean_edition(self) -> int:
        """A form that does not say has seen none that was changed."""
        return self.cleaned_data["edition"] or 0

    def show_edition(self, edition: int) -> None:
        """Whoever sends the form again has seen this edition."""
        self.data = {**{name: self.data[name] for name in self.data}, "edition": str(edition)}


class ValueForm(forms.Form):
    key = forms.CharField(max_length=50, required=False, widget=forms.HiddenInput)
    name = forms.CharField(max_length=100)
    definition = forms.CharField(max_length=20_000, widget=forms.Textarea({"rows": 2}))
    group = forms.CharField(max_length=50, required=False)
    tier = forms.IntegerField(min_value=1, max_value=100, required=False)


class ValueRows(forms.BaseFormSet):  # type: ignore[type-arg]  # it takes one in the stubs only
    ordering_widget = forms.NumberInput

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        if "ORDER" in form.fields:
            form.fields["ORDER"].label = "Place"
            form.fields["ORDER"].widget.attrs["min"] = "1"
        if "DELETE" in form.fields:
            form.fields["DELETE"].label = "Take it out"


ValueFormSet = forms.formset_factory(
    ValueForm, formset=ValueRows, extra=1, can_order=True, can_delete=True, max_num=200, absolute_max=201
)


def rows_of(content: ValueSetText) -> list[dict[str, Any]]:
    return [
        {"key": value.key, "name": value.name, "definition": value.definition, "group": value.group, "tier": value.tier}
        for value in content.values
    ]


def values_from(rows: forms.BaseFormSet[Any]) -> tuple[ValueText, ...]:
    """The values of a valid form set, in the order that was asked for.

    Raises:
        InvalidInput: one that cannot be kept.
    """
    values = []
    for form in rows.ordered_forms:
        cells = {name: form.cleaned_data.get(name) or None for name in ("key", "name", "definition", "group", "tier")}
        if not cells["name"] and not cells["definition"]:
            continue
        fields = {name: value for name, value in cells.items() if value is not None}
        values.append(long_value(fields, where=f"The value {cells['name'] or cells['key']!r}"))
    return tuple(values)


class PasteForm(forms.Form):
    text = forms.CharField(
        label="A list, JSON or YAML",
        max_length=LONGEST,
        widget=forms.Textarea({"rows": 8}),
        help_text="One value a line, its name before a colon and what it asks for after it; or a file's text.",
    )
    replace = forms.BooleanField(label="In place of the values that are there", required=False)
    keep = forms.BooleanField(required=False, widget=forms.HiddenInput)
    edition = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def clean_edition(self) -> int:
        return self.cleaned_data["edition"] or 0


class ProposalForm(forms.Form):
    change = forms.ChoiceField(
        label="What is to change",
        choices=[
            (Proposal.Change.REWORD, "Reword a value"),
            (Proposal.Change.ADD, "Add a value"),
            (Proposal.Change.REGROUP, "Move a value to another group"),
            (Proposal.Change.DROP, "Drop a value"),
        ],
    )
    key = forms.ChoiceField(label="Which value", required=False, help_text="Unless you add one.")
    name = forms.CharField(max_length=100, required=False, help_text="Of a value that is added; or its new name.")
    definition = forms.CharField(
        max_length=5_000, required=False, widget=forms.Textarea({"rows": 3}), help_text="As it should read."
    )
    group = forms.CharField(max_length=50, required=False, help_text="That it should belong to.")
    reason = forms.CharField(
        max_length=5_000, widget=forms.Textarea({"rows": 3}), help_text="Others support or object to it."
    )

    def __init__(self, *args: Any, values: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].choices = [("", "a new one"), *values]  # type: ignore[attr-defined]


class SetMemberForm(forms.Form):
    username = forms.CharField(max_length=150, help_text="Of somebody who has an account here.")
    role = forms.ChoiceField(choices=SetRole.choices, initial=SetRole.MEMBER)

    def clean_username(self) -> User:
        user = User.objects.filter(username=self.cleaned_data["username"], is_active=True).first()
        if user is None:
            raise forms.ValidationError("Nobody here has this username.")
        return user


class SettingsForm(forms.Form):
    public = forms.BooleanField(
        label="Published versions are read by anybody who has the address, without an account", required=False
    )
    question = forms.CharField(
        label="A question to members",
        max_length=200,
        required=False,
        help_text="Voluntary: a ward, an age band, a faith. Proposals are then ordered by support across the answers.",
    )
    answers = forms.CharField(
        required=False,
        max_length=2_000,
        widget=forms.Textarea({"rows": 4}),
        help_text="One a line, of which one is chosen.",
    )

    def clean_answers(self) -> list[str]:
        return str(self.cleaned_data["answers"]).splitlines()

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if bool(cleaned.get("question")) != any(line.strip() for line in cleaned.get("answers", [])):
            raise forms.ValidationError("A question needs its answers, and answers a question.")
        return cleaned


class OrderForm(forms.Form):
    """A rank for each value of a version; equal ranks are ties."""

    name = forms.CharField(max_length=200, help_text="Whose order it is, or what it is for.")

    def __init__(self, *args: Any, values: list[tuple[str, str]], ranks: dict[str, int], **kwargs: Any) -> None:
        """`ranks`: of an order that one begins with; values that it does not know come last."""
        super().__init__(*args, **kwargs)
        last = max(ranks.values(), default=0) + 1
        rows = sorted(values, key=lambda value: ranks.get(value[0], last))
        for place, (key, name) in enumerate(rows, start=1):
            self.fields[f"rank_{key}"] = forms.IntegerField(
                label=name,
                min_value=1,
                max_value=len(values),
                initial=ranks.get(key, last) if ranks else place,
                help_text="New in this version." if ranks and key not in ranks else "",
            )

    @property
    def ranked(self) -> list[forms.BoundField]:
        return [field for field in self if field.name.startswith("rank_")]

    def ranks(self) -> dict[str, int]:
        return {
            name.removeprefix("rank_"): rank
            for name, rank in self.cleaned_data.items()
            if name.startswith("rank_") and rank is not None
        }
