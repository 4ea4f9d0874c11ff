"""Runs, responses and rankings as the API shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.values.orders import said_order
from evaluation.models import Comparison, Judgement, Ranking, Response, Run, Steering
from evaluation.running.summaries import CHOICE_LABELS

_CHOICES = [choice for choice in CHOICE_LABELS if choice != "unjudged"]


class RunSerializer(serializers.ModelSerializer[Run]):
    dataset: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    target: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="label", read_only=True)
    steering: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="name", read_only=True, allow_null=True
    )
    user_simulator: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="name", read_only=True, allow_null=True
    )
    judge: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="name", read_only=True, allow_null=True
    )
    further_judges: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="name", many=True, read_only=True
    )
    option_orders = serializers.ListField(child=serializers.ChoiceField(choices=OptionOrder.choices), read_only=True)
    prompt_versions = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    simulated = serializers.BooleanField(read_only=True, help_text="A simulator wrote answers, openings or judgements.")

    class Meta:
        model = Run
        fields = [
            "id",
            "dataset",
            "scope",
            "mode",
            "target",
            "steering",
            "user_simulator",
            "judge",
            "further_judges",
            "option_orders",
            "samples",
            "max_turns",
            "seed",
            "prompt_versions",
            "imported",
            "import_unfinished",
            "simulated",
            "created_at",
        ]


class SteeringSerializer(serializers.ModelSerializer[Steering]):
    target_ranking: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="name", read_only=True, allow_null=True
    )
    order = serializers.SerializerMethodField(
        help_text="Keys of the values from the highest rank to the lowest, those of one rank together; empty: it stands for no order."
    )
    runs: serializers.PrimaryKeyRelatedField[Any] = serializers.PrimaryKeyRelatedField(
        many=True, read_only=True, help_text="Those that were steered by it."
    )

    class Meta:
        model = Steering
        fields = ["id", "name", "system_prompt", "template", "target_ranking", "order", "runs", "created_at"]

    def get_order(self, steering: Steering) -> list[list[str]]:
        ranking = steering.target_ranking
        return [[value.key for value in tier] for tier in said_order(ranking)] if ranking else []


class TurnSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=["user", "assistant"])
    text = serializers.CharField()
    ended = serializers.CharField(required=False, help_text="Of an answer that did not come to its end: how.")


class JudgementSerializer(serializers.ModelSerializer[Judgement]):
    judge: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="name", read_only=True, allow_null=True
    )

    class Meta:
        model = Judgement
        fields = [
            "source",
            "judge",
            "panel",
            "choice",
            "order",
            "strength",
            "resolved",
            "turns",
            "reason",
            "of_selection",
            "created_at",
        ]


class ResponseSerializer(serializers.ModelSerializer[Response]):
    scenario = serializers.CharField(source="scenario.uid", read_only=True)
    value_1 = serializers.CharField(source="scenario.value_1.key", read_only=True, default=None, allow_null=True)
    value_2 = serializers.CharField(source="scenario.value_2.key", read_only=True, default=None, allow_null=True)
    transcript = TurnSerializer(many=True, read_only=True)
    decision = serializers.ChoiceField(
        choices=_CHOICES, read_only=True, allow_null=True, help_text="People's, else the judge's or what was parsed."
    )
    judgements = JudgementSerializer(many=True, read_only=True)

    class Meta:
        model = Response
        fields = [
            "id",
            "scenario",
            "value_1",
            "value_2",
            "order",
            "sample",
            "outcome",
            "turns",
            "ended",
            "refused",
            "transcript",
            "decision",
            "judgements",
            "created_at",
        ]


class RankingSerializer(serializers.ModelSerializer[Ranking]):
    judge: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="name", read_only=True, allow_null=True, help_text="Where it is another than the run's own."
    )
    dataset: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    target = serializers.CharField(source="run.target.label", read_only=True)
    mode = serializers.ChoiceField(source="run.mode", choices=Run.Mode.choices, read_only=True)
    simulated = serializers.BooleanField(source="run.simulated", read_only=True)
    parameters = serializers.DictField(read_only=True)
    results = serializers.DictField(read_only=True, help_text="Strengths, ranks, pair shares and fit, with intervals.")

    class Meta:
        model = Ranking
        fields = [
            "id",
            "dataset",
            "run",
            "target",
            "mode",
            "simulated",
            "decider",
            "judge",
            "method",
            "parameters",
            "inputs_digest",
            "results",
            "created_at",
        ]


class ComparisonSerializer(serializers.ModelSerializer[Comparison]):
    dataset: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    target = serializers.CharField(source="second.target.label", read_only=True)
    what = serializers.SerializerMethodField(
        help_text="said_and_done: conversations minus multiple choice; steering: the steered run against the default one."
    )
    steering: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        source="second.steering", slug_field="name", read_only=True, allow_null=True
    )
    simulated = serializers.SerializerMethodField()
    parameters = serializers.DictField(read_only=True)
    results = serializers.DictField(read_only=True, help_text="Second minus first, with paired intervals.")

    class Meta:
        model = Comparison
        fields = [
            "id",
            "dataset",
            "target",
            "what",
            "steering",
            "first",
            "second",
            "simulated",
            "parameters",
            "inputs_digest",
            "results",
            "created_at",
        ]

    def get_what(self, comparison: Comparison) -> str:
        return str(comparison.parameters.get("what", "said_and_done"))

    def get_simulated(self, comparison: Comparison) -> bool:
        return comparison.first.simulated or comparison.second.simulated
