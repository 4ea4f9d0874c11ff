"""What is asked of somebody who imports evaluations."""

from __future__ import annotations

from typing import Any

from django import forms

from conflictscope.scenarios.models import Dataset
from conflictscope.studies.forms import offer
from conflictscope.studies.models import Study
from evaluation.importing import FORMATS

FORMAT_CHOICES = [("", "Known by what stands in it"), *((each.name, each.label) for each in FORMATS.values())]
ENCODING = "Of the file, when it is not UTF-8, such as cp1252."


class ImportEvaluationsForm(forms.Form):
    """A file, and the dataset whose scenarios its targets were asked about."""

    file = forms.FileField(help_text="What targets answered elsewhere: one of the formats beside.")
    dataset = forms.ModelChoiceField(
        Dataset.objects.none(),
        to_field_name="slug",
        empty_label=None,
        help_text="Whose scenarios were asked; rows find theirs by the scenario's id.",
    )
    format = forms.ChoiceField(choices=FORMAT_CHOICES, required=False)
    encoding = forms.CharField(max_length=40, required=False, help_text=ENCODING)

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "dataset", study.datasets.shown().order_by("-pk"))


class ReadAsForm(forms.Form):
    """How an upload is read, and whether rows that cannot be are left out."""

    format = forms.ChoiceField(choices=FORMAT_CHOICES, required=False)
    encoding = forms.CharField(max_length=40, required=False, help_text=ENCODING)
    skip_bad = forms.BooleanField(required=False, label="Leave out rows that cannot be read")

    def __init__(self, *args: Any, bad: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if bad:
            rows = "a row of it" if bad == 1 else f"{bad} rows of it"
            self.fields["skip_bad"].widget.attrs["required"] = True
            self.fields[
                "skip_bad"
            ].help_text = f"Without this tick nothing is imported, because {rows} cannot be read; or put the file right and upload it again."
