"""What the tests of blindness share: a study in which machines and other people have said all they could."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.crowd.recruiting import recruitment_of
from annotation.labelling import routing
from annotation.models import Annotation, Decision, Flag
from conflictscope.jobs.models import Job
from conflictscope.scenarios.filtering.dimensions import NO
from conflictscope.scenarios.models import Verdict
from conflictscope.studies.permissions import Role
from evaluation.steering.creating import create_steering
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.deciding import decide
from tests.factories.evaluation import RunFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import StudyFactory, member


@pytest.fixture
def world() -> dict[str, Any]:
    """A study in which machines and another person have said everything they could; the values that addresses take."""
    study = StudyFactory(slug="mine")
    judge = JudgeFactory(name="the-judge")
    dataset = DatasetFactory(study=study, slug="hhh", primary_judge=judge)
    # As if there were thirty items: three of them may be skipped.
    campaign = CampaignFactory(dataset=dataset, slug="check", overlap=3, sampling_plan={"plan": "random", "drawn": 30})
    other = ParticipantFactory(campaign=campaign, pseudonym="other-person")
    for number in range(3):
        scenario = judged(
            ScenarioFactory(dataset=dataset, uid=f"hhh-{number}"), judge, realism="fail" if number else "pass"
        )
        item = ItemFactory(campaign=campaign, scenario=scenario, stratum="zinc-stratum · dropped")
        theirs = labelled(item, other, {"realism": NO} if number else {})
    Verdict.objects.update(evidence={"reason": "Zinc verdict"})
    Annotation.objects.update(comment="Copper comment")
    flag = Flag.objects.create(assignment=theirs, reason="Silver flag")
    decide(campaign, minimum=1)
    Decision.objects.update(reason="Iron reason")
    run = RunFactory(dataset=dataset)
    response = answered(run, scenario, "value_1")
    response.transcript = [{"role": "user", "text": "A or B?"}, {"role": "assistant", "text": "Lead refusal"}]
    response.save()
    job = Job.objects.create(study=study, kind="scenarios.filter", parameters={"dataset": dataset.pk})
    me = ParticipantFactory(campaign=campaign, user=member(study, Role.ANNOTATOR), pseudonym="me-myself")
    mine = routing.claim(me)
    assert mine is not None
    return {
        "me": me.user,
        "campaign": campaign,
        "tokens": [str(mine.token), str(theirs.token)],
        "filled": {
            "study": "mine",
            "dataset": "hhh",
            "campaign": "check",
            "campaign_id": campaign.pk,
            "uid": "hhh-2",
            "pseudonym": "other-person",
            "flag": flag.pk,
            "run": run.pk,
            "endpoint": run.target.endpoint_id,
            "job": job.pk,
            "dimension": "realism",
            "value_set": dataset.value_set_version.value_set.slug,
            "token": str(mine.token),
            "number": 1,
            "file": "values.json",
            "proposal": 1,
            "judge": "the-judge",
            "response": response.pk,
            "snapshot": 1,
            "comparison": 1,
            "steering": create_steering(study, name="Kind", system_prompt="Be kind.").pk,
            "table": "data",
            "part": "methods",
            "figure": "strengths-hhh",
            "evaluations": str(mine.token),
            "place": 1,
            "people": "check",
            "username": "nobody",
            "community_id": campaign.pk,
            "distances": "distances",
            "key": recruitment_of(campaign).key,
            "uidb36": "a1",
            "import_number": 1,
            "picture": "judges",
            "extract": "judges",
            "kept": 1,
            "target": run.target_id,
            "value": "helpfulness",
            "prompt": "scenarios.filtering.realism",
            "item": theirs.item_id,
            "upload": str(mine.token),
            "object_id": campaign.pk,
            "id": me.user.pk,
            "content_type_id": 1,
            "app_label": "annotation",
            "url": "annotation/assignment",
        },
    }
