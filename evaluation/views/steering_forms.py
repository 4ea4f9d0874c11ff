"""The form of a new steering: an order that stands or one written here, a text of one's own, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet

from conflictscope.errors import InvalidInput
from conflictscope.studies.forms import offer
from conflictscope.studies.models import Study
from conflictscope.values.models import TargetRanking, Value, ValueSetVersion
from conflictscope.values.orders import LONGEST, in_tiers, in_words, parse_order
from evaluation.models import Steering
from evaluation.steering.browsing import rankings_to_choose, versions_of
from evaluation.steering.creating import (
    LONGEST_NAME,
    LONGEST_PROMPT,
    create_steering,
    prompt_of,
    steer_by_order,
    written_by,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class RankingField(forms.ModelChoiceField):  # type: ignore[type-arg]  # it takes one in the stubs only
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} ({obj.get_origin_display().lower()}, {obj.version}): {in_words(obj)}"


class SteeringForm(forms.Form):
    """What fits together is checked here only as far as it is about the form's own fields."""

    name = forms.CharField(max_length=LONGEST_NAME, help_text="Stands in commands and tables, and stays.")
    ranking = RankingField(
        TargetRanking.objects.none(),
        required=False,
        label="An order that stands",
        empty_label="None of these",
        help_text="Authors' orders, and those that a preference campaign of this study came to.",
    )
    version = forms.ModelChoiceField(
        ValueSetVersion.objects.none(), required=False, label="Value set", empty_label=None
    )
    order = forms.CharField(
        required=False,
        max_length=LONGEST,
        label="Or an order of your own",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    text = forms.CharField(
        required=False,
        max_length=LONGEST_PROMPT,
        label="Or a text of your own",
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Sent as it stands, instead of what the order would become. Without an order there is no alignment to measure.",
    )

    def __init__(self, *args: Any, study: Study, named: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._study = study
        self._ranks: dict[Value, int] = {}
        versions: QuerySet[ValueSetVersion] = versions_of(study)
        offer(self, "version", versions)
        offer(self, "ranking", rankings_to_choose(study))
        if (first := versions.first()) is None:
            del self.fields["version"], self.fields["order"], self.fields["ranking"]
        else:
            names = [value.name for value in first.values.all()]
            self.fields["version"].initial = first.pk
            self.fields["order"].help_text = f"Every value once, such as: {' = '.join(names[:2])}" + "".join(
                f" > {name}" for name in names[2:]
            )
        if not named:
            del self.fields["name"]

    def clean(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().clean() or {}
        if fields.get("ranking") and fields.get("order"):
            self.add_error("order", "Choose an order that stands, or write one: not both.")
        if fields.get("order"):
            if fields.get("version") is None:
                self.add_error("version", "Say of which value set the order is.")
            else:
                try:
                    self._ranks = parse_order(fields["order"], fields["version"])
                except InvalidInput as exc:
                    self.add_error("order", exc.sentence)
        if not self.errors and not (fields.get("ranking") or fields.get("order") or fields.get("text", "").strip()):
            self.add_error(None, "Choose an order, write one, or write a text of your own.")
        return fields

    def prompt(self) -> str:
        """What the target would get.

        Raises:
            ConflictScopeError: the order says nothing.
        """
        fields = self.cleaned_data
        if fields["text"].strip():
            return str(fields["text"].strip())
        if fields.get("ranking"):
            return written_by(fields["ranking"]).text
        return prompt_of(in_tiers(self._ranks), name=fields["order"]).text

    def save(self, *, created_by: User) -> Steering:
        """
        Raises:
            ConflictScopeError: see `create_steering` and `steer_by_order`.
        """
        fields = self.cleaned_data
        more = {"name": fields["name"], "system_prompt": fields["text"], "created_by": created_by}
        if self._ranks:
            return steer_by_order(self._study, fields["version"], self._ranks, **more)
        return create_steering(self._study, target_ranking=fields.get("ranking"), **more)
