"""Forms of studies and their members: they ask and check the form of what comes in; the domain decides."""

from __future__ import annotations

from django import forms

from conflictscope.studies.permissions import Role

ROLES = [
    (Role.OWNER, "Owner: everything, and the members"),
    (Role.RESEARCHER, "Researcher: runs the pipeline, adjudicates, exports"),
    (Role.ADJUDICATOR, "Adjudicator: sees everything, settles disagreements"),
    (Role.ANNOTATOR, "Annotator: labels, and sees nothing else"),
    (Role.VIEWER, "Viewer: sees everything, exports"),
]


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
