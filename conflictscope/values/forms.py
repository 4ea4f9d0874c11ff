"""What people fill in about value sets."""

from __future__ import annotations

from django import forms


class ImportValueSetForm(forms.Form):
    file = forms.FileField(
        label="JSON file", help_text="An object of value names and definitions, or the long form with groups and tiers."
    )
    name = forms.CharField(max_length=200, required=False, help_text="Unless the file says it.")
    slug = forms.SlugField(max_length=50, required=False, help_text="Unless the file says it.")
