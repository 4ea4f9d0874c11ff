from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import MinValueValidator

from conflictscope.jobs.forms import BUDGET_GROUP, calls_field, dollars_field, tokens_field
from conflictscope.llm.models import Endpoint
from conflictscope.scenarios.filtering.judges import judges_for
from conflictscope.scenarios.models import Dataset, Judge
from conflictscope.studies.forms import GroupedForm, offer, offer_endpoints
from evaluation.models import Response, Run, Steering
from evaluation.rankings.fitting import MOST_REPLICATES, REPLICATES, SEED
from evaluation.running.runs import MOST_TURNS
from evaluation.running.targets import labels_to_choose

SCOPES = {
    Run.Scope.KEPT: "The kept ones",
    Run.Scope.HUMAN_VALIDATED: "Those that people passed on all six dimensions",
    Run.Scope.ALL: "All of them",
}
ORDERS = {"both": "Both", "action_1_first": "Action 1 first", "action_2_first": "Action 2 first"}


def further_judges_field() -> forms.ModelMultipleChoiceField[Judge]:
    return forms.ModelMultipleChoiceField(
        Judge.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Decide the same conversations once they are over, each in a column of its own.",
    )


def turns_field() -> forms.IntegerField:
    return forms.IntegerField(
        label="Turns at most",
        required=False,
        min_value=1,
        max_value=MOST_TURNS,
        initial=1,
        help_text="The simulated user goes on until the judge says that the request is resolved. An estimate counts all of them.",
    )


class EvaluateForm(GroupedForm):
    """Which targets to ask, and how. What fits together is checked where runs are made."""

    GROUPS = (
        ("Who is asked what", ("targets", "modes", "scope", "steerings")),
        ("How", ("orders", "samples", "seed")),
        ("The simulated user", ("user_simulator", "max_turns", "judge", "further_judges")),
        ("What was no answer", ("again",)),
        BUDGET_GROUP,
    )

    targets = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, help_text="Language models to put before the scenarios."
    )
    modes = forms.MultipleChoiceField(
        choices=Run.Mode.choices,
        initial=[Run.Mode.MULTIPLE_CHOICE.value],
        widget=forms.CheckboxSelectMultiple,
        help_text="Multiple choice asks what a target says it would do; the simulated user shows what it does.",
    )
    scope = forms.ChoiceField(label="Scenarios", choices=list(SCOPES.items()), initial=Run.Scope.KEPT)
    user_simulator = forms.ModelChoiceField(
        Endpoint.objects.none(),
        required=False,
        help_text="Writes what the simulated user says. Another one is another run.",
    )
    judge = forms.ModelChoiceField(
        Judge.objects.none(),
        required=False,
        help_text="Decides which action an open answer took, and whether the conversation goes on.",
    )
    further_judges = further_judges_field()
    orders = forms.ChoiceField(
        label="Option orders",
        choices=list(ORDERS.items()),
        initial="both",
        help_text="Multiple choice: both orders show, and take out, a liking for the first option.",
    )
    steerings = forms.ModelMultipleChoiceField(
        Steering.objects.none(),
        required=False,
        label="Steered by",
        widget=forms.CheckboxSelectMultiple,
        help_text="Each target is asked without a system prompt, and again with each of these, on the same scenarios.",
    )
    samples = forms.IntegerField(min_value=1, max_value=100, initial=1, help_text="Answers to each question.")
    max_turns = turns_field()
    seed = forms.IntegerField(min_value=0, initial=0, help_text="Another seed begins another run.")
    again = forms.MultipleChoiceField(
        label="Ask again",
        required=False,
        choices=[(outcome, f"What was {outcome}") for outcome in Response.UNANSWERED],
        widget=forms.CheckboxSelectMultiple,
        help_text="Replies of runs begun before that were no answer; by themselves they are not asked for again.",
    )
    budget = dollars_field("For each target and mode; a job pauses before it would spend more. Empty: no limit.")
    budget_calls = calls_field()
    budget_tokens = tokens_field()

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["targets"].choices = [(label, label) for label in labels_to_choose(dataset.study)]  # type: ignore[attr-defined]
        offer_endpoints(self, "user_simulator", dataset.study)
        offer(self, "steerings", Steering.objects.filter(study=dataset.study).select_related("target_ranking"))
        if not self.fields["steerings"].queryset.exists():  # type: ignore[attr-defined]
            del self.fields["steerings"]
        offer(self, "judge", judges_for(dataset.study))
        offer(self, "further_judges", judges_for(dataset.study))
        self.fields["judge"].initial = dataset.primary_judge_id


class TopUpForm(GroupedForm):
    """More of a run that is there: what it has is where each field begins, and cannot be taken away."""

    GROUPS = (("More", ("samples", "orders", "max_turns", "further_judges", "again")), BUDGET_GROUP)

    samples = forms.IntegerField(min_value=1, max_value=100, help_text="Answers to each question.")
    max_turns = turns_field()
    further_judges = further_judges_field()
    again = forms.MultipleChoiceField(
        label="Ask again",
        required=False,
        choices=[(outcome, f"What was {outcome}") for outcome in Response.UNANSWERED],
        widget=forms.CheckboxSelectMultiple,
        help_text="Replies that were no answer; by themselves they are not asked for again.",
    )
    budget = dollars_field("The job pauses before it would spend more. Empty: no limit.")
    budget_calls = calls_field()
    budget_tokens = tokens_field()

    def __init__(self, *args: Any, run: Run, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        at_least(self.fields["samples"], run.samples)
        if run.mode == Run.Mode.MULTIPLE_CHOICE:
            del self.fields["max_turns"], self.fields["further_judges"]
            begun_with = "both" if len(run.option_orders) > 1 else str(run.option_orders[0])
            orders = {key: ORDERS[key] for key in dict.fromkeys((begun_with, "both"))}
            self.fields["orders"] = forms.ChoiceField(
                label="Option orders", choices=list(orders.items()), initial=begun_with
            )
        else:
            at_least(self.fields["max_turns"], run.max_turns)
            others = judges_for(run.study).exclude(pk=run.judge_id or 0)
            offer(self, "further_judges", others)
            self.fields["further_judges"].initial = list(run.further_judges.values_list("pk", flat=True))
            if not others.exists():
                del self.fields["further_judges"]


def at_least(field: forms.Field, number: int) -> None:
    """A number that may only go up from here."""
    field.initial = number
    field.validators.append(
        MinValueValidator(number, message=f"The run has {number}: it keeps what it has, so name as many or more.")
    )
    field.widget.attrs["min"] = number


class FitForm(forms.Form):
    replicates = forms.IntegerField(min_value=100, max_value=MOST_REPLICATES, initial=REPLICATES)
    seed = forms.IntegerField(min_value=0, initial=SEED)
