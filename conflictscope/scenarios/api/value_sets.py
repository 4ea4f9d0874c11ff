"""Trials of value sets by API: what a generator makes of a version's pairs, in no dataset."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from conflictscope.errors import NotFound
from conflictscope.jobs.budgets import Budget
from conflictscope.jobs.estimating import estimate
from conflictscope.jobs.models import Job
from conflictscope.scenarios.models import Trial, TrialScenario
from conflictscope.scenarios.value_sets import trying
from conflictscope.sending import Sent
from conflictscope.studies.endpoints import endpoints_of
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action, SetAction
from conflictscope.values.api.common import ValueSetView
from conflictscope.values.finding import version_for_member


class TrialSent(Sent):
    study = serializers.SlugField(help_text="Whose pipeline you run; it pays.")
    generator = serializers.CharField(max_length=200, help_text="The name of an endpoint that the study may use.")
    budget = serializers.DecimalField(
        max_digits=12, decimal_places=6, min_value=0, allow_null=True, default=None, help_text="US dollars."
    )
    estimate = serializers.BooleanField(default=False, help_text="True: start nothing, and say what it would cost.")


class TrialScenarioSerializer(serializers.ModelSerializer[TrialScenario]):
    class Meta:
        model = TrialScenario
        fields = [
            "first",
            "second",
            "number",
            "description",
            "persona",
            "background",
            "goal",
            "action_1",
            "action_2",
            "consequence_1",
            "consequence_2",
        ]


class TrialSerializer(serializers.ModelSerializer[Trial]):
    study = serializers.CharField(source="study.slug")
    generator = serializers.CharField(source="generator.name")
    started_by = serializers.CharField(source="started_by.username", default=None, allow_null=True)
    simulated = serializers.BooleanField(help_text="A simulator wrote its scenarios.")
    running = serializers.SerializerMethodField(help_text="Its job has not ended.")
    scenarios = TrialScenarioSerializer(many=True)

    class Meta:
        model = Trial
        fields = ["edition", "study", "generator", "started_by", "created_at", "simulated", "running", "scenarios"]

    def get_running(self, trial: Trial) -> bool:
        return trying.live_job(trial.version) is not None


class TrialStarted(serializers.Serializer[Any]):
    job = serializers.IntegerField(allow_null=True, help_text="None: only an estimate.")
    calls = serializers.IntegerField(required=False, help_text="Of an estimate.")
    cost = serializers.DecimalField(
        max_digits=12, decimal_places=6, allow_null=True, required=False, help_text="US dollars; none without a price."
    )


class TrialOfVersion(ValueSetView):
    """The latest trial of a version, published or not: for the set's members."""

    @extend_schema(responses=TrialSerializer, operation_id="value_set_trial")
    def get(self, request: Request, value_set: str, number: int) -> Response:
        trial = trying.latest_trial(version_for_member(self.user, value_set, number))
        if trial is None:
            raise NotFound("This version was not tried yet.")
        return Response(self.told(TrialSerializer, trial))

    @extend_schema(
        request=TrialSent, responses={200: TrialStarted, 202: TrialStarted}, operation_id="value_set_trial_start"
    )
    def post(self, request: Request, value_set: str, number: int) -> Response:
        """Have a study's generator write three scenarios a pair, as a job; or say before what that costs."""
        version = version_for_member(self.user, value_set, number, SetAction.PROPOSE)
        fields = self.sent(TrialSent)
        study = Study.objects.visible_to(self.user, may=Action.RUN_PIPELINE).filter(slug=fields["study"]).first()
        generator = endpoints_of(study).filter(name=fields["generator"]).first() if study else None
        if study is None or generator is None:
            raise NotFound("You run the pipeline of no such study, or it may use no endpoint of this name.")

        def start() -> Job:
            return trying.start(version, study, generator, started_by=self.user, budget=Budget(fields["budget"]))

        if fields["estimate"]:
            found = estimate(start)
            return Response(self.told(TrialStarted, {"job": None, "calls": found.calls, "cost": found.cost}))
        return Response(self.told(TrialStarted, {"job": start().pk}), status=status.HTTP_202_ACCEPTED)
