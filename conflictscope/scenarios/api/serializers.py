"""Datasets and scenarios as the API shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario, Verdict


def _named(slug_field: str, **kwargs: Any) -> serializers.SlugRelatedField[Any]:
    return serializers.SlugRelatedField(slug_field=slug_field, read_only=True, allow_null=True, **kwargs)


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    value_set = serializers.CharField(
        source="value_set_version.value_set.slug", read_only=True, default=None, allow_null=True
    )
    value_set_version = _named("number")
    generator = _named("name")
    primary_judge = _named("name")
    simulated = serializers.BooleanField(read_only=True, help_text="A simulator wrote its scenarios.")
    scenarios = serializers.IntegerField(read_only=True, source="scenario_count", help_text="Duplicates included.")

    class Meta:
        model = Dataset
        fields = [
            "slug",
            "name",
            "value_set",
            "value_set_version",
            "variant",
            "recipe",
            "generator",
            "primary_judge",
            "simulated",
            "scenarios",
            "created_at",
        ]


class VerdictSerializer(serializers.ModelSerializer[Verdict]):
    judge = _named("name")
    simulated = serializers.SerializerMethodField(help_text="A simulator gave it.")

    class Meta:
        model = Verdict
        fields = ["dimension", "outcome", "source", "judge", "panel", "evidence", "simulated", "created_at"]

    def get_simulated(self, verdict: Verdict) -> bool:
        return verdict.judge is not None and verdict.judge.simulated


class OpeningMessageSerializer(serializers.ModelSerializer[OpeningMessage]):
    user_simulator = _named("name")
    simulated = serializers.BooleanField(read_only=True, help_text="A simulator wrote it.")

    class Meta:
        model = OpeningMessage
        fields = ["sample", "text", "source", "user_simulator", "simulated", "created_at"]


class ScenarioSerializer(serializers.ModelSerializer[Scenario]):
    value_1 = _named("key")
    value_2 = _named("key")
    duplicate_of = _named("uid")
    opening_messages = OpeningMessageSerializer(many=True, read_only=True)
    verdicts = VerdictSerializer(many=True, read_only=True)

    class Meta:
        model = Scenario
        fields = [
            "uid",
            "value_1",
            "value_2",
            "template",
            "acting_action",
            *Scenario.TEXTS,
            "opening_messages",
            "duplicate_of",
            "similarity",
            "status",
            "verdicts",
            "created_at",
        ]
