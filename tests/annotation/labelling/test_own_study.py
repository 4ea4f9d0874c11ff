"""An annotator who turns researcher elsewhere, to learn what the judge said of the items they label: they find nothing.

They start a study of their own, import the very items, and have the same judge answer the same questions. Each wall is met in
turn, each by somebody for whom the walls before it have been opened.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.test import Client
from django.urls import reverse

from annotation.campaigns.lifecycle import close
from annotation.models import Campaign
from conflictscope.errors import NotAllowed
from conflictscope.jobs import control, worker
from conflictscope.jobs.estimating import estimate
from conflictscope.jobs.models import CallUse, Job, WorkItem
from conflictscope.llm.models import Call
from conflictscope.llm.simulator.server import Running
from conflictscope.scenarios.filtering import job as filtering
from conflictscope.scenarios.models import Dataset, Judge, Verdict
from conflictscope.studies.endpoints import allow, withdraw
from conflictscope.studies.membership import create_study, let_create_studies
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.studies import StudyFactory, UserFactory, member

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]

SCENARIOS = 2
CALLS = 10 * SCENARIOS  # questions of a filter about scenarios with two values


@dataclass
class World:
    judge: Judge
    dataset: Dataset
    campaign: Campaign
    simulator: Running

    @property
    def sent(self) -> int:
        return int(self.simulator.ledger()["requests"])


@pytest.fixture
def world(simulator: Running) -> World:
    """A dataset that the judge has answered everything about, and an open campaign on it."""
    judge = JudgeFactory(name="the-judge", endpoint=EndpointFactory(base_url=f"{simulator.base_url}/v1"))
    dataset = DatasetFactory(study=StudyFactory(slug="theirs"), generator=judge.endpoint)
    campaign = CampaignFactory(study=dataset.study, dataset=dataset, overlap=3)
    for number in range(SCENARIOS):
        ItemFactory(campaign=campaign, scenario=ScenarioFactory(dataset=dataset, uid=f"s-{number}"))
    worker.work_on(filtering.start(dataset, judge, started_by=dataset.study.created_by))
    world = World(judge, dataset, campaign, simulator)
    assert world.sent == CALLS
    return world


def copy_of(dataset: Dataset, study: Study) -> Dataset:
    """The very items, imported into another study."""
    copy = DatasetFactory(
        study=study, value_set_version=dataset.value_set_version, generator=None, variant=Dataset.Variant.IMPORTED
    )
    for scenario in dataset.scenarios.all():
        scenario.pk, scenario.dataset, scenario.status = None, copy, "drafted"
        scenario.save()
    return copy


def test_whoever_came_to_label_creates_no_study(world: World, client: Client) -> None:
    annotator = member(world.dataset.study, Role.ANNOTATOR)
    client.force_login(annotator)
    page = reverse("overview:create_study")
    for answer in (client.get(page), client.post(page, {"name": "Mine", "slug": "mine"})):
        assert answer.status_code == 403
        assert "may not create studies" in answer.text
    with pytest.raises(NotAllowed, match="let_create_studies"):
        create_study(name="Mine", created_by=annotator)
    assert not Study.objects.filter(memberships__user=annotator).exclude(pk=world.dataset.study_id).exists()
    assert "Create a study" not in client.get(reverse("overview:home")).text


def test_a_study_that_was_allowed_no_endpoint_asks_no_judge_by_page_or_job(world: World, client: Client) -> None:
    annotator = member(world.dataset.study, Role.ANNOTATOR)
    let_create_studies(annotator)
    copy = copy_of(world.dataset, create_study(name="Mine", created_by=annotator))
    with pytest.raises(NotAllowed, match=f"may not use {world.judge.endpoint}"):
        filtering.start(copy, world.judge, started_by=annotator)
    client.force_login(annotator)
    page = reverse("scenarios:filter", args=[copy.study.slug, copy.slug])
    assert "the-judge" not in client.get(page).text
    assert client.post(page, {"judge": world.judge.pk}).status_code == 400
    assert not Job.objects.filter(study=copy.study).exists()


def test_an_annotator_with_a_study_and_the_same_judge_still_finds_nothing(world: World) -> None:
    annotator = member(world.dataset.study, Role.ANNOTATOR)
    let_create_studies(annotator)
    copy = copy_of(world.dataset, create_study(name="Mine", created_by=annotator))
    allow(copy.study, [world.judge.endpoint])
    job = filtering.start(copy, world.judge, started_by=annotator)
    worker.work_on(job)
    assert not Verdict.objects.filter(scenario__dataset=copy).exists()
    assert not CallUse.objects.filter(item__job=job).exists(), "no answer of the log was handed over"
    assert world.sent == CALLS, "and none was had anew: at temperature 0 it would be the same"
    job.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert "items whoever started this job labels" in job.error


def test_an_estimate_tells_them_no_more(world: World) -> None:
    annotator = member(world.dataset.study, Role.ANNOTATOR)
    let_create_studies(annotator)
    copy = copy_of(world.dataset, create_study(name="Mine", created_by=annotator))
    allow(copy.study, [world.judge.endpoint])
    with pytest.raises(Exception, match="items whoever started this job labels"):
        estimate(lambda: filtering.start(copy, world.judge, started_by=annotator))


def test_another_role_does_not_lift_it_while_their_campaign_is_open(world: World) -> None:
    """A place in the campaign counts, also of one who has become a researcher of that study since, or was never a member."""
    person = UserFactory()
    labelled(world.campaign.items.first(), ParticipantFactory(campaign=world.campaign, user=person))
    let_create_studies(person)
    copy = copy_of(world.dataset, create_study(name="Mine", created_by=person))
    allow(copy.study, [world.judge.endpoint])
    job = filtering.start(copy, world.judge, started_by=person)
    worker.work_on(job)
    assert not Verdict.objects.filter(scenario__dataset=copy).exists()

    close(world.campaign)
    control.retry_failed(job)
    worker.work_on(job)
    assert Verdict.objects.filter(scenario__dataset=copy).exists()
    assert world.sent == 2 * CALLS, "answers given to a study that is not open to them are had anew, and paid for"


def test_a_stranger_has_no_answers_from_the_log_and_a_researcher_of_both_studies_has_all(world: World) -> None:
    stranger, researcher = UserFactory(), member(world.dataset.study, Role.RESEARCHER)
    let_create_studies(stranger)
    let_create_studies(researcher)
    copy = copy_of(world.dataset, create_study(name="Of both", created_by=researcher))
    allow(copy.study, [world.judge.endpoint])
    job = filtering.start(copy, world.judge, started_by=researcher)
    worker.work_on(job)
    assert world.sent == CALLS, "everything came from the log"
    assert CallUse.objects.filter(item__job=job, from_cache=True).count() == CALLS

    other = copy_of(world.dataset, create_study(name="Of a stranger", created_by=stranger))
    allow(other.study, [world.judge.endpoint])
    worker.work_on(filtering.start(other, world.judge, started_by=stranger))
    assert world.sent == 2 * CALLS
    assert Call.objects.filter(scope=f"study:{other.study_id}").count() == CALLS


def test_an_endpoint_that_is_taken_away_is_asked_nothing_more_by_a_job_under_way(world: World) -> None:
    owner = world.dataset.study.created_by
    ScenarioFactory(dataset=world.dataset)
    job = filtering.start(world.dataset, world.judge, started_by=owner)
    withdraw(world.dataset.study, [world.judge.endpoint])
    worker.work_on(job)
    assert world.sent == CALLS
    job.refresh_from_db()
    assert "may not use endpoint" in job.error
    assert set(job.items.values_list("state", flat=True)) <= {WorkItem.State.FAILED, WorkItem.State.OPEN}
