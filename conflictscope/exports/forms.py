"""What to download."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from conflictscope.scenarios.models import Dataset

FORMATS = [
    ("jsonl", "JSON Lines: every text as it is, for pandas and Hugging Face datasets"),
    ("csv", "CSV: for spreadsheets"),
]


class DownloadForm(forms.Form):
    dataset = forms.ModelChoiceField(queryset=Dataset.objects.none(), to_field_name="slug", empty_label=None)
    format = forms.ChoiceField(choices=FORMATS, initial="jsonl", widget=forms.RadioSelect)
    excel = forms.BooleanField(
        required=False,
        label="For Excel",
        help_text="CSV with a byte order mark, without which Excel spoils letters beyond English.",
    )
    only_validated = forms.BooleanField(
        required=False,
        label="Only human-validated scenarios",
        help_text="Those that one panel of people passed on every dimension.",
    )

    def __init__(self, *args: Any, datasets: QuerySet[Dataset], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["dataset"].queryset = datasets  # type: ignore[attr-defined]
