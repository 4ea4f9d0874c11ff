"""What people fill in to import, generate and filter. What fits together is checked where the work is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.text import Truncator

from conflictscope.jobs.forms import BUDGET_GROUP, calls_field, dollars_field, tokens_field
from conflictscope.llm.models import Endpoint
from conflictscope.scenarios.dedup.settings import DEFAULT_THRESHOLD, Scope, settings_of
from conflictscope.scenarios.filtering.job import scenarios_to_judge
from conflictscope.scenarios.filtering.judges import judges_for
from conflictscope.scenarios.generation.recipe import DEFAULT_CONTEXT, DEFAULT_YIELD_FLOOR
from conflictscope.scenarios.importing import FORMATS
from conflictscope.scenarios.importing.mapping import FIELDS
from conflictscope.scenarios.importing.staging import MappedColumn
from conflictscope.scenarios.models import Dataset, ImportUpload, Judge
from conflictscope.studies.forms import GroupedForm, SeenForm, offer, offer_endpoints
from conflictscope.studies.models import Study, StudyEndpoint
from conflictscope.studies.permissions import Action
from conflictscope.values.models import ValueSetVersion

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def _slug(what: str) -> forms.SlugField:
    return forms.SlugField(max_length=50, help_text=f"What addresses and commands call the {what}.")


def _threshold(**options: Any) -> forms.FloatField:
    return forms.FloatField(
        min_value=0,
        max_value=1,
        help_text="Cosine from which a scenario counts as a duplicate of an earlier one. It can be changed later.",
        **options,
    )


def _scope() -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Compared within",
        required=False,
        choices=[("pair", "each value pair"), ("template", "each value pair and template"), ("dataset", "the dataset")],
    )


def _yield_floor(**options: Any) -> forms.FloatField:
    return forms.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        help_text="A pair is given up when a smaller share than this of the latest scenarios was usable.",
        **options,
    )


# What a new dataset has of each pair unless told otherwise: a multiple of four templates with two sides.
SCENARIOS_A_PAIR = 24


class PromptForm(SeenForm):
    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 20, "spellcheck": "true"}), strip=False)
    note = forms.CharField(max_length=200, required=False, help_text="What is different in it.")


class TryValueSetForm(forms.Form):
    """Whose generator writes a trial's scenarios: of the studies in which the person may spend."""

    generator = forms.ChoiceField(help_text="Of a study whose pipeline you run; it pays.")
    budget = dollars_field()
    budget_calls = calls_field()
    budget_tokens = tokens_field()

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        allowed = StudyEndpoint.objects.filter(study__in=Study.objects.visible_to(user, may=Action.RUN_PIPELINE))
        allowed = allowed.select_related("study", "endpoint").order_by("study__name", "endpoint__name")
        self._offered = {f"{each.study.slug} {each.endpoint.name}": (each.study, each.endpoint) for each in allowed}
        by_study: dict[str, list[tuple[str, str]]] = {}
        for key, (study, endpoint) in self._offered.items():
            by_study.setdefault(str(study), []).append((key, endpoint.name))
        field = self.fields["generator"]
        field.choices = [("", "Choose one"), *by_study.items()]  # type: ignore[attr-defined]
        if not self._offered:
            field.help_text = "You run the pipeline of no study that may use an endpoint: ask somebody who does."

    def clean_generator(self) -> tuple[Study, Endpoint]:
        return self._offered[self.cleaned_data["generator"]]


class DedupForm(SeenForm):
    """By what a dataset is compared; without value pairs it can only be compared as a whole."""

    threshold = _threshold()
    scope = _scope()

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settings = settings_of(dataset)
        self.initial = {"threshold": settings.threshold, "scope": settings.scope.value}
        if dataset.value_set_version_id is None:
            self.fields["scope"] = forms.ChoiceField(
                label="Compared within", required=False, choices=[(Scope.DATASET.value, "the dataset")]
            )
            self.initial["scope"] = Scope.DATASET.value


def _format() -> forms.ChoiceField:
    known = [(each.name, each.label) for each in FORMATS.values()]
    return forms.ChoiceField(choices=[("", "Known by its columns"), *known], required=False)


def _encoding() -> forms.CharField:
    return forms.CharField(
        max_length=40, required=False, help_text="Of the file, when it is not UTF-8, such as cp1252."
    )


def _value_set() -> forms.ModelChoiceField[ValueSetVersion]:
    return forms.ModelChoiceField(
        ValueSetVersion.objects.filter(status=ValueSetVersion.Status.PUBLISHED)
        .select_related("value_set")
        .order_by("value_set__name", "-number"),
        required=False,
        empty_label="No pairs of values, or as the dataset or the export has it",
        help_text="The version that the file's values are of.",
    )


class ImportScenariosForm(forms.Form):
    file = forms.FileField()
    slug = forms.SlugField(
        max_length=50,
        label="Dataset",
        help_text="What addresses and commands call it: a new one, or an imported one that this file adds to.",
    )
    name = forms.CharField(max_length=200, required=False, help_text="What people call a new dataset.")
    format = _format()
    value_set = _value_set()
    encoding = _encoding()


class ImportOptionsForm(forms.Form):
    """How an upload is read. `columns` are those that a mapping speaks of."""

    format = _format()
    value_set = _value_set()
    encoding = _encoding()
    skip_bad = forms.BooleanField(required=False, label="Leave out rows that cannot be read")

    def __init__(self, *args: Any, upload: ImportUpload, columns: Sequence[MappedColumn], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for option in ("format", "value_set", "encoding"):
            self.fields[option].initial = upload.options.get(option)
        self._before = upload.options
        self._columns = {f"column_{number}": column.name for number, column in enumerate(columns)}
        choices = [("", "Left out"), *((field.name, field.name) for field in FIELDS)]
        for key, column in zip(self._columns, columns, strict=True):
            self.fields[key] = forms.ChoiceField(
                choices=choices,
                required=False,
                label=column.name,
                initial=column.field,
                help_text=Truncator(column.example).chars(70),
            )

    @property
    def mapped(self) -> list[forms.BoundField]:
        """The fields of columns, for a template."""
        return [self[key] for key in self._columns]

    @property
    def others(self) -> list[forms.BoundField]:
        return [self[name] for name in ("format", "value_set", "encoding")]

    def options(self) -> dict[str, Any]:
        """What is remembered with the upload. A mapping that the form did not ask for is guessed again."""
        fields = self.cleaned_data
        mapping = {column: fields[key] for key, column in self._columns.items()}
        read_otherwise = any(fields[option] != self._before[option] for option in ("format", "encoding"))
        return {
            "format": fields["format"],
            "encoding": fields["encoding"],
            "value_set": fields["value_set"].pk if fields["value_set"] else None,
            "mapping": None if read_otherwise else mapping or None,
        }


class NewDatasetForm(GroupedForm):
    GROUPS = (
        ("The dataset", ("name", "slug", "value_set", "per_pair")),
        ("Who writes it, and how", ("generator", "variant", "deployment_contexts", "shipped_prompts")),
        ("Duplicates", ("threshold", "scope", "yield_floor")),
        BUDGET_GROUP,
    )

    name = forms.CharField(max_length=200)
    slug = _slug("dataset")
    value_set = forms.ModelChoiceField(
        ValueSetVersion.objects.filter(status=ValueSetVersion.Status.PUBLISHED)
        .select_related("value_set")
        .order_by("value_set__name", "-number")
    )
    generator = forms.ModelChoiceField(Endpoint.objects.none(), help_text="The endpoint that writes the scenarios.")
    per_pair = forms.IntegerField(
        label="Scenarios for each value pair",
        min_value=1,
        max_value=10_000,
        initial=SCENARIOS_A_PAIR,
        help_text="Near-duplicates not counted. Multiples of 8 spread evenly over the four templates and both sides.",
    )
    variant = forms.ChoiceField(
        label="How it is written",
        required=False,
        choices=[
            ("full", "In two stages: outlines, then a draft of each"),
            ("single_stage", "In one stage: everything in one call"),
            ("direct", "Directly: asked straight for a dilemma between two values"),
        ],
        help_text="The second and third are for comparison with the first.",
    )
    deployment_contexts = forms.CharField(
        required=False,
        initial=DEFAULT_CONTEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Where the assistant is deployed, one a line; scenarios are spread over them. Not used when asked directly.",
    )
    threshold = _threshold(initial=DEFAULT_THRESHOLD)
    scope = _scope()
    yield_floor = _yield_floor(initial=DEFAULT_YIELD_FLOOR)
    shipped_prompts = forms.BooleanField(
        required=False, label="Shipped prompts only", help_text="Leave the study's own versions of prompts aside."
    )
    budget = dollars_field()
    budget_calls = calls_field()
    budget_tokens = tokens_field()

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_endpoints(self, "generator", study)


class GenerateForm(GroupedForm):
    """More of the same: everything else stands in the recipe."""

    GROUPS = (("How many", ("per_pair", "yield_floor")), BUDGET_GROUP)

    per_pair = forms.IntegerField(
        label="Scenarios for each value pair", min_value=1, max_value=10_000, help_text="Near-duplicates not counted."
    )
    yield_floor = _yield_floor()
    budget = dollars_field()
    budget_calls = calls_field()
    budget_tokens = tokens_field()


class FilterForm(GroupedForm):
    GROUPS = (("Judge", ("judge", "new_judge", "endpoint", "primary")), BUDGET_GROUP)

    judge = forms.ModelChoiceField(
        Judge.objects.none(),
        required=False,
        empty_label="A new judge, named below",
    )
    new_judge = forms.RegexField(
        r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=50,
        required=False,
        label="Name of a new judge",
        help_text="Small letters, digits and hyphens, such as strict-judge.",
        error_messages={"invalid": "Use small letters, digits and single hyphens between them."},
    )
    endpoint = forms.ModelChoiceField(
        Endpoint.objects.none(), required=False, label="Endpoint of the new judge", help_text="The LLM that it asks."
    )
    primary = forms.BooleanField(
        required=False, label="Its verdicts decide what is kept", help_text="The first judge of a dataset does anyway."
    )
    budget = dollars_field()
    budget_calls = calls_field()
    budget_tokens = tokens_field()

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_endpoints(self, "endpoint", dataset.study)
        offer(self, "judge", judges_for(dataset.study))
        # A judge that has nothing left to answer is not asked again: then another one is wanted.
        if (judge := dataset.primary_judge) and scenarios_to_judge(dataset, judge).exists():
            self.fields["judge"].initial = judge.pk

    def clean(self) -> dict[str, Any]:
        fields = self.cleaned_data
        judge, new = fields.get("judge"), fields.get("new_judge")
        if judge and new:
            raise forms.ValidationError(
                f"A judge is chosen and another one named. To make {new}, choose “A new judge, named below”; to ask {judge}, "
                "empty the name."
            )
        if not judge and not (new and fields.get("endpoint")) and not self.errors:
            raise forms.ValidationError("Choose a judge, or name a new one and its endpoint.")
        return fields


class TagDomainsForm(GroupedForm):
    GROUPS = (("Tagging", ("endpoint", "domains", "again")), BUDGET_GROUP)

    endpoint = forms.ModelChoiceField(Endpoint.objects.none(), help_text="The LLM that tags.")
    domains = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text="What it chooses from, one a line; the dataset keeps the list.",
    )
    again = forms.BooleanField(
        required=False, label="Also those that have a domain", help_text="What a person tagged stays in any case."
    )
    budget = dollars_field()
    budget_calls = calls_field()
    budget_tokens = tokens_field()

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_endpoints(self, "endpoint", dataset.study)
