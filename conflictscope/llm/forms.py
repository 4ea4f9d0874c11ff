"""What an administrator fills in: an endpoint, and a question to try it with. What an endpoint may be is checked elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings

from conflictscope.errors import InvalidInput
from conflictscope.llm.endpoints import (
    IDENTITY,
    check_base_url,
    check_key_name,
    check_parameters,
    check_price,
    is_key_name,
    keeps_identity,
)
from conflictscope.llm.models import Endpoint

_TRIAL = "Which language model are you? Answer in one short sentence."


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes one in the stubs only
    """Every fault is told beside its field."""

    edition = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Endpoint
        fields = [
            "name",
            "provider",
            "llm",
            "base_url",
            "key_name",
            "parameters",
            "price_in",
            "price_out",
            "max_concurrency",
            "requests_per_minute",
            "tokens_per_minute",
            "timeout_seconds",
        ]
        error_messages = {
            "name": {"unique": "There is an endpoint of this name already. Choose another name."},
            "parameters": {"invalid": 'This is no JSON. Write an object, such as {"temperature": 0}.'},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["edition"] = self.instance.edition

    def show_edition(self, edition: int) -> None:
        """Whoever sends the form again has seen this edition."""
        self.data = {**{name: self.data[name] for name in self.data}, self.add_prefix("edition"): str(edition)}

    def clean(self) -> dict[str, Any]:
        super().clean()  # has the name looked up: there is one endpoint of each
        cleaned = {**self.cleaned_data, "parameters": self.cleaned_data.get("parameters") or {}}
        fields = {field: cleaned.get(field, getattr(self.instance, field)) for field in self.Meta.fields}
        whose = {"provider": fields["provider"]}
        # A form that does not say was made before editions were counted, or by hand: it has seen none that was changed.
        self.instance.edition = cleaned.pop("edition", None) or 0
        self._check("base_url", lambda: check_base_url(fields["base_url"], **whose), needs=("provider",))
        self._check(
            "key_name",
            lambda: check_key_name(fields["key_name"], base_url=fields["base_url"], **whose),
            needs=("provider", "base_url"),
        )
        self._check("parameters", lambda: check_parameters(fields["parameters"]))
        for price in ("price_in", "price_out"):
            self._check(price, lambda price=price: check_price(fields[price], price))  # type: ignore[misc]
        return {field: value for field, value in cleaned.items() if field not in self.errors}

    def _check(self, field: str, check: Callable[[], None], *, needs: tuple[str, ...] = ()) -> None:
        if self.errors.keys() & {field, *needs}:
            return
        try:
            check()
        except InvalidInput as exc:
            self.add_error(field if field in self.fields else None, exc.sentence)


class EndpointPageForm(EndpointForm):
    """The form of our own pages: what the endpoint keeps is shown and cannot be changed."""

    class Meta(EndpointForm.Meta):
        labels = {
            "llm": "LLM",
            "base_url": "Address (base_url)",
            "key_name": "Name of the key's variable",
            "price_in": "Price of tokens in",
            "price_out": "Price of tokens out",
            "max_concurrency": "Calls at a time",
            "timeout_seconds": "Seconds to wait for a reply",
        }
        widgets = {
            "llm": forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
            "base_url": forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
            "key_name": forms.TextInput(
                attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "list": "key-names"}
            ),
            "parameters": forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key_name"].help_text = (
            f"The environment variable that holds the key, never the key itself: {', '.join(settings.LLM_KEY_NAMES)} or one "
            f"that begins with {settings.LLM_KEY_PREFIX}. Empty: the server asks for none."
        )
        for price in ("price_in", "price_out"):
            if self.initial.get(price) is not None:  # without the zeros of its column
                self.initial[price] = format(self.initial[price].normalize(), "f")
        self.keeps_identity = self.instance.pk is not None and keeps_identity(self.instance)
        for field in IDENTITY:
            self.fields[field].disabled = self.keeps_identity

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "key_name" in self.errors and not is_key_name(self["key_name"].value() or ""):
            # It may be the key itself: what was typed into the other fields is shown again, this is not.
            shown = {name: self.data[name] for name in self.data}
            self.data = {**shown, self.add_prefix("key_name"): ""}
        return cleaned


class TrialForm(forms.Form):
    prompt = forms.CharField(
        max_length=4000,
        initial=_TRIAL,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Sent once, now, and recorded and paid for like every call.",
    )
