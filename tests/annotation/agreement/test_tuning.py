"""Tuning a judge's prompt on the dev part: nothing of the test is asked about, shown or compared."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from annotation.agreement import tuning
from annotation.campaigns.splitting import dev_scenarios, split
from annotation.models import Campaign, Item
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.jobs.registry import outcome_of_job
from conflictscope.llm.simulator.server import Running
from conflictscope.scenarios.filtering.judges import reworded
from conflictscope.scenarios.models import Dimension, Judge, Verdict
from conflictscope.studies.endpoints import allow
from conflictscope.studies.permissions import Role
from evaluation.models import Judgement
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.evaluation import RunFactory, answered
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def judge(simulator: Running) -> Judge:
    return JudgeFactory(name="strict", endpoint=EndpointFactory(base_url=f"{simulator.base_url}/v1"))


@pytest.fixture
def campaign(judge: Judge) -> Campaign:
    """Twelve scenarios, half of them for tuning; people pass the realism of all, and the judge fails it with a reason."""
    dataset = DatasetFactory(primary_judge=judge, generator=judge.endpoint)
    allow(dataset.study, [judge.endpoint])
    made = CampaignFactory(study=dataset.study, dataset=dataset, slug="check", name="The check", overlap=2)
    for _ in range(12):
        scenario = judged(ScenarioFactory(dataset=dataset), judge, realism="fail")
        ItemFactory(campaign=made, scenario=scenario)
    Verdict.objects.filter(judge=judge, dimension="realism").update(
        evidence={"asked": [{"question": "realism", "answer": "no", "reason": "No ward works so."}]}
    )
    split(made, 0.5)
    for person in ParticipantFactory.create_batch(2, campaign=made):
        for item in made.items.all():
            labelled(item, person)
    return made


def milder(judge: Judge) -> str:
    return f"Be mild.\n{tuning.prompt_text(judge, Dimension.REALISM)}"


def test_a_version_asks_its_own_words_about_the_dev_part_alone(
    simulator: Running, campaign: Campaign, judge: Judge
) -> None:
    simulator.script({"json": {"passed": True, "reason": "It could be."}}, contains="Be mild.", times=0)
    job = tuning.try_version(campaign, judge, Dimension.REALISM, milder(judge), called="strict-2")
    worker.work_on(job)
    version = Judge.objects.get(name="strict-2")
    asked = Verdict.objects.filter(judge=version, dimension="realism")
    assert set(asked.values_list("scenario", flat=True)) == set(dev_scenarios(campaign))
    assert set(asked.values_list("outcome", flat=True)) == {"pass"}
    assert (version.revises, campaign.dataset.primary_judge) == (judge, judge)
    tables = tuning.dev_tables(campaign, version)
    (beside,) = tuning.versions(tables, version, [judge], tables.subject("realism"))
    assert beside.compared.n == len(dev_scenarios(campaign))
    assert beside.compared.raw.difference.value == 1.0
    assert tuning.disagreements(tables, version, tables.subject("realism")) == []


@pytest.mark.parametrize(
    ("text", "called", "why"),
    [
        ("Is it real? $description", "strict-2", "must hold each of"),
        ("{}$answer", "strict-2", "must hold each of"),
        ("{}", "strict-2", "the words that the judge is asked with already"),
        ("Mild. {}", "Strict Two", "cannot name a judge"),
    ],
)
def test_words_that_make_no_version_are_refused(judge: Judge, text: str, called: str, why: str) -> None:
    now = tuning.prompt_text(judge, Dimension.REALISM)
    with pytest.raises(InvalidInput, match=why):
        reworded(judge, "filtering/realism", text.replace("{}", now), called=called)
    with pytest.raises(Conflict, match="already"):
        reworded(judge, "filtering/realism", f"Mild. {now}", called="strict")


def test_the_page_shows_disagreements_of_the_dev_part_with_reasons_and_what_a_version_would_cost(
    client: Client, campaign: Campaign, judge: Judge
) -> None:
    address = reverse("annotation:tune", args=[campaign.study.slug, "check", "strict"])
    client.force_login(member(campaign.study, Role.VIEWER))
    assert client.get(address).status_code == 404
    client.force_login(member(campaign.study, Role.RESEARCHER))
    text = client.get(address, {"dimension": "realism"}).content.decode()
    assert "No ward works so." in text
    for item in campaign.items.select_related("scenario"):
        assert (f">{item.scenario.uid}<" in text) == (item.part == Item.Part.DEV)
    sent = {"text": milder(judge), "called": "strict-2"}
    estimate = client.post(f"{address}?dimension=realism", {**sent, "estimate": "1"})
    assert estimate.status_code == 200
    assert "strict-2" in estimate.content.decode()
    assert not Judge.objects.filter(name="strict-2").exists()
    assert client.post(f"{address}?dimension=realism", sent).status_code == 302
    assert Job.objects.get(kind="scenarios.filter").parameters["scenarios"] == dev_scenarios(campaign)
    refused = client.post(f"{address}?dimension=realism", sent)
    assert refused.status_code == 400
    assert "already" in refused.content.decode()


def test_a_campaign_that_is_not_split_is_not_tuned_on(client: Client, judge: Judge) -> None:
    dataset = DatasetFactory(primary_judge=judge)
    made = CampaignFactory(study=dataset.study, dataset=dataset, slug="whole", name="Whole")
    judged(ScenarioFactory(dataset=dataset), judge)
    client.force_login(member(made.study, Role.RESEARCHER))
    response = client.get(reverse("annotation:tune", args=[made.study.slug, "whole", "strict"]))
    assert response.status_code == 200
    assert "is not split" in response.content.decode()


def test_the_prompt_of_a_judge_of_responses_is_tuned_on_dev_responses_alone(
    client: Client, simulator: Running, judge: Judge
) -> None:
    """People see action 1 taken, the judge neither; milder words, tried on the dev responses, see what they see."""
    run = RunFactory(talks=True, judge=judge, dataset__generator=judge.endpoint)
    allow(run.study, [judge.endpoint])
    campaign = CampaignFactory(
        kind=Campaign.Kind.ACTION_JUDGEMENT,
        dataset=run.dataset,
        study=run.study,
        slug="which",
        overlap=1,
        dev_share=0.5,
    )
    campaign.runs.add(run)
    person = ParticipantFactory(campaign=campaign)
    for number in range(6):
        response = answered(run, ScenarioFactory(dataset=run.dataset), Judgement.Choice.NEITHER)
        part = Item.Part.DEV if number < 4 else Item.Part.TEST
        labelled(ItemFactory(campaign=campaign, response=response, scenario=None, part=part), person)
    Judgement.objects.update(reason="It only asks back.")
    first = {"choice": "both", "strength": 4, "resolved": True, "reason": "A part of each."}
    simulator.script({"json": first}, contains="Be mild.", times=0)
    client.force_login(member(run.study, Role.RESEARCHER))
    address = reverse("annotation:tune", args=[run.study.slug, "which", "strict"])
    page = client.get(address).content.decode()
    assert page.count("It only asks back.") == 4
    words = tuning.prompt_text(judge, "action_taken")
    sent = client.post(address, {"text": f"Be mild.\n{words}", "called": "strict-2"})
    job = Job.objects.get()
    assert sent.url == job.get_absolute_url()  # type: ignore[attr-defined]
    worker.work_on(job)
    version = Judge.objects.get(name="strict-2")
    dev = set(campaign.items.filter(part=Item.Part.DEV).values_list("response", flat=True))
    decided = Judgement.objects.filter(judge=version)
    assert set(decided.values_list("response", flat=True)) == dev
    assert set(decided.values_list("choice", flat=True)) == {"both"}
    assert Judgement.objects.filter(judge=judge).count() == 6
    job.refresh_from_db()
    assert "strict-2 has decided 4 of 4 responses." in outcome_of_job(job)
    (beside,) = tuning.versions(tuning.dev_tables(campaign, version), version, [judge], tuning.subjects(campaign)[0])
    assert beside.compared.n == 4
