"""Forms of studies and their members: they ask and check the form of what comes in; the domain decides."""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar, cast

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.text import Truncator

from conflictscope.converters import MOST_DIGITS
from conflictscope.llm.models import Endpoint
from conflictscope.studies.endpoints import endpoints_of
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role

NO_ENDPOINTS = "This study may use no endpoint yet: an administrator decides which."

ROLES = [
    (Role.OWNER, "Owner: everything, and the members"),
    (Role.RESEARCHER, "Researcher: runs the pipeline, adjudicates, exports"),
    (Role.ADJUDICATOR, "Adjudicator: sees what people said, settles disagreements blind"),
    (Role.ANNOTATOR, "Annotator: labels, and sees nothing else"),
    (Role.VIEWER, "Viewer: sees everything, exports"),
]


class GroupedForm(forms.Form):
    """A form with so many fields that a page shows them in groups, side by side where there is room (`_form.html`).

    `GROUPS`: titles with the names of their fields; a field that no group names, or that a form has taken out, is in none.
    """

    GROUPS: ClassVar[tuple[tuple[str, tuple[str, ...]], ...]] = ()

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        named = {name for _, names in self.GROUPS for name in names}
        groups = [*self.GROUPS, ("More", tuple(name for name in self.fields if name not in named))]
        sections = [(title, [self[name] for name in names if name in self.fields]) for title, names in groups]
        return [(title, fields) for title, fields in sections if fields]


class SeenForm(forms.Form):
    """A form over something that others may change meanwhile. Of two people who send it the second is told what there is now, and
    keeps what they wrote; sent again it takes the place of the other's.

    `initial` is what there is at the moment of asking, also where the form is bound. Whoever sends no `seen` has read nothing.
    """

    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        return self.fingerprint if field_name == "seen" else super().get_initial_for_field(field, field_name)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what there is now."""
        return hashlib.sha256(json.dumps(self._now()).encode()).hexdigest()

    def clean(self) -> dict[str, Any]:
        super().clean()
        seen, now = self.cleaned_data.get("seen"), self.fingerprint
        if seen and seen != now:
            sent = cast("QueryDict", self.data).copy()
            sent[self.add_prefix("seen")] = now  # whoever sends it again has seen this
            self.data = sent
            current = "; ".join(
                f"{self[name].label}: {Truncator(value or 'nothing').chars(120)}" for name, value in self._now()
            )
            raise forms.ValidationError(
                f"Somebody has changed this since you opened it. Now there is {current}. Nothing is stored yet: what you chose stands "
                "below; send it again to put it in the place of theirs."
            )
        return self.cleaned_data

    def _now(self) -> list[tuple[str, str]]:
        shown = [name for name, field in self.fields.items() if name in self.initial and name != "seen"]
        return [(name, _in_words(self.get_initial_for_field(self.fields[name], name))) for name in shown]


def _in_words(value: Any) -> str:
    if isinstance(value, QuerySet):
        return ", ".join(sorted(map(str, value)))
    return "" if value is None else str(value)


class StudyForm(forms.Form):
    name = forms.CharField(max_length=200, help_text="What the study is called on every page.")
    slug = forms.SlugField(
        label="Short name",
        max_length=50,
        required=False,
        help_text="Stands in addresses and commands, and stays. Empty: made from the name.",
    )
    description = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What you want to find out, for the people you will invite.",
    )


class MemberForm(forms.Form):
    username = forms.CharField(
        max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"})
    )
    role = forms.ChoiceField(choices=ROLES, initial=Role.ANNOTATOR)


class ChosenStudies(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # it takes one in the stubs only
    """Django looks them up all at once, and a number that no row can have would break that."""

    def clean(self, value: Any) -> Any:
        for each in value or ():
            if len(str(each)) > MOST_DIGITS:
                raise forms.ValidationError(self.error_messages["invalid_pk_value"], params={"pk": str(each)[:40]})
        return super().clean(value)


class EndpointStudiesForm(SeenForm):
    studies = ChosenStudies(
        Study.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Whoever runs the pipeline of a study may have its jobs ask this endpoint.",
    )


def offer(form: forms.Form, name: str, rows: QuerySet[Any]) -> None:
    """Have a field that chooses among rows choose among these."""
    cast("forms.ModelChoiceField[Any]", form.fields[name]).queryset = rows


def offer_endpoints(form: forms.Form, name: str, study: Study) -> None:
    """The field offers the endpoints that the study may use; if there are none, it says whose decision that is."""
    theirs: QuerySet[Endpoint] = endpoints_of(study)
    offer(form, name, theirs)
    if not theirs.exists():
        form.fields[name].help_text = NO_ENDPOINTS
