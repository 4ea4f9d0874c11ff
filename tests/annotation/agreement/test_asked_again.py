"""Judges asked again about their anchors: what the passport then knows of them, and that nothing else reads it."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from annotation.agreement.asked_again import ask_again, itself
from annotation.agreement.passport import passport_of
from annotation.agreement.tables import subjects_of
from annotation.models import Campaign
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.jobs import worker
from conflictscope.jobs.estimating import estimate
from conflictscope.jobs.models import Job
from conflictscope.llm.models import Call
from conflictscope.llm.simulator.server import Running
from conflictscope.scenarios.models import Judge, Verdict
from conflictscope.studies.endpoints import allow
from conflictscope.studies.permissions import Role
from evaluation.models import Anchor, Judgement, Occasion, Reading
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.evaluation import RunFactory, answered
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def judge(simulator: Running) -> Judge:
    return JudgeFactory(name="steady", endpoint=EndpointFactory(base_url=f"{simulator.base_url}/v1"))


@pytest.fixture
def campaign(judge: Judge) -> Campaign:
    """Six scenarios that the judge passes, as do two people."""
    dataset = DatasetFactory(primary_judge=judge, generator=judge.endpoint)
    allow(dataset.study, [judge.endpoint])
    made = CampaignFactory(study=dataset.study, dataset=dataset, slug="check", name="The check", overlap=2)
    people = ParticipantFactory.create_batch(2, campaign=made)
    for _ in range(6):
        item = ItemFactory(campaign=made, scenario=judged(ScenarioFactory(dataset=dataset), judge))
        for person in people:
            labelled(item, person)
    return made


def passes(simulator: Running, *, about: str, passed: bool = True, times: int = 0) -> None:
    simulator.script({"json": {"passed": passed, "reason": "So it seems."}}, contains=about, times=times)


def test_a_judge_is_asked_afresh_and_twice_alike_and_its_verdicts_stay_as_they_are(
    simulator: Running, campaign: Campaign, judge: Judge
) -> None:
    before = list(Verdict.objects.order_by("pk").values_list("pk", "outcome"))
    foreseen = estimate(lambda: ask_again(campaign, judge, size=4))
    assert not Occasion.objects.exists()
    job = ask_again(campaign, judge, size=4)
    worker.work_on(job)
    assert Anchor.objects.filter(judge=judge).count() == 4
    # Two samples of six dimensions, and four of them with the actions the other way round.
    assert Reading.objects.count() == 4 * (2 * 6 + 4)
    assert Call.objects.filter(purpose="reading").count() == foreseen.calls == 4 * (2 * 10 + 4)
    assert list(Verdict.objects.order_by("pk").values_list("pk", "outcome")) == before
    found = itself(campaign, judge, subjects_of(campaign))
    realism = found["realism"]
    assert realism.steady is not None
    assert (realism.anchors, realism.steady.n, realism.since) == (4, 4, None)
    assert realism.position is not None
    assert realism.position.agreement.n == 4
    assert found["feasibility"].position is None
    assert found["all"].steady is not None
    # Asked once more nothing comes from the log, and the anchors are what they were.
    anchors = list(Anchor.objects.values_list("scenario", flat=True))
    worker.work_on(ask_again(campaign, judge, size=6, samples=1))
    assert list(Anchor.objects.values_list("scenario", flat=True)) == anchors
    assert Call.objects.filter(purpose="reading").count() == 4 * (2 * 10 + 4) + 4 * (10 + 4)
    later = itself(campaign, judge, subjects_of(campaign))["realism"]
    assert later.since == Occasion.objects.order_by("pk")[0].started_at
    assert later.steady is None


def test_a_judge_that_says_otherwise_today_is_told_so_on_its_passport(
    client: Client, simulator: Running, campaign: Campaign, judge: Judge
) -> None:
    passes(simulator, about="realis", passed=False)
    worker.work_on(ask_again(campaign, judge))
    realism = next(row for row in passport_of(campaign, judge).rows if row.subject.key == "realism")
    assert realism.itself is not None
    assert realism.itself.moved is not None
    assert realism.itself.moved.agreement.raw.value == 0.0
    client.force_login(member(campaign.study, Role.RESEARCHER))
    page = client.get(reverse("annotation:passport", args=[campaign.study.slug, "check", "steady"])).content.decode()
    assert "against what it had decided" in page
    assert "Last asked on" in page


def test_the_page_says_the_price_starts_the_job_and_keeps_anchors(
    client: Client, campaign: Campaign, judge: Judge
) -> None:
    client.force_login(member(campaign.study, Role.RESEARCHER))
    address = reverse("annotation:ask_again", args=[campaign.study.slug, "check", "steady"])
    assert "Anchors" in client.get(address).content.decode()
    told = client.post(address, {"size": 3, "samples": 2, "estimate": "1"}).content.decode()
    assert "72" in told  # 3 anchors, twice 10 questions and 4 in the other order
    assert not Job.objects.exists()
    assert client.post(address, {"size": 3, "samples": 99}).status_code == 400
    assert client.post(address, {"size": 3, "samples": 2}).url == Job.objects.get().get_absolute_url()  # type: ignore[attr-defined]
    assert "It has 3 anchors" in client.get(address).content.decode()
    with pytest.raises(InvalidInput, match="From 1 to 10"):
        ask_again(campaign, judge, samples=11)


def test_a_judge_of_responses_is_asked_in_both_orders_and_no_ranking_reads_it(simulator: Running) -> None:
    """A simulated judge that always names what stands first: its two orders never agree, and all moves are to the first place."""
    judge = JudgeFactory(name="follower", endpoint=EndpointFactory(base_url=f"{simulator.base_url}/v1"))
    run = RunFactory(talks=True, judge=judge, dataset__generator=judge.endpoint)
    allow(run.study, [judge.endpoint])
    campaign = CampaignFactory(
        kind=Campaign.Kind.ACTION_JUDGEMENT, dataset=run.dataset, study=run.study, slug="which", overlap=1
    )
    campaign.runs.add(run)
    person = ParticipantFactory(campaign=campaign)
    for _ in range(5):
        response = answered(run, ScenarioFactory(dataset=run.dataset), Judgement.Choice.VALUE_1)
        labelled(ItemFactory(campaign=campaign, response=response, scenario=None), person, {"resolved": "yes"})
    reply = {"choice": "A", "strength": 2, "resolved": True, "reason": "The first one."}
    simulator.script({"json": reply}, contains="action_a", times=0)
    stood = list(Judgement.objects.order_by("pk").values_list("pk", "choice"))
    out = StringIO()
    call_command(
        *("ask_judge_again", "--study", run.study.slug, "--campaign", "which", "--judge", "follower", "--samples", "2"),
        stdout=out,
    )
    assert "5 anchors asked about again" in out.getvalue()
    taken = itself(campaign, judge, subjects_of(campaign))["action_taken"]
    assert taken.steady is not None
    assert taken.position is not None
    assert (taken.steady.raw.value, taken.position.agreement.raw.value) == (1.0, 0.0)
    assert taken.position.followed_first.value == 1.0
    assert list(Judgement.objects.order_by("pk").values_list("pk", "choice")) == stood
    Judgement.objects.filter(pk=stood[0][0]).update(choice=Judgement.Choice.NEITHER)
    rows = {row.subject.key: row.undecided for row in passport_of(campaign, judge).rows}
    assert rows["action_taken"] is not None
    assert (rows["action_taken"].value, rows["resolved"]) == (0.2, None)


def test_who_cannot_be_asked_is_said_to(campaign: Campaign) -> None:
    imported = JudgeFactory(name="from-a-file", endpoint=None)
    with pytest.raises(Conflict, match="nobody can ask it"):
        ask_again(campaign, imported)
    wishes = CampaignFactory(kind=Campaign.Kind.PREFERENCE, dataset=campaign.dataset, study=campaign.study)
    with pytest.raises(Conflict, match="against no judge"):
        ask_again(wishes, campaign.dataset.primary_judge)
