"""A judge of known, value-specific error on the whole path: by its word alone the ranking misses, corrected by people it holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from annotation.campaigns.creating import CampaignSettings, create_campaign
from annotation.models import Campaign
from conflictscope.llm.simulator import reading
from conflictscope.llm.simulator.endpoints import simulated_endpoints
from conflictscope.llm.simulator.personas import CANDID, GENERATOR, USER
from conflictscope.llm.simulator.server import Running
from conflictscope.scenarios import generation
from conflictscope.scenarios.filtering.judges import judge_named
from conflictscope.scenarios.models import Dataset
from conflictscope.stats.bradley_terry import fit_ranking
from conflictscope.studies.permissions import Role
from conflictscope.values.publishing import import_value_set, version_named
from evaluation.measures.decisions import Decider, trials_of
from evaluation.models import CHOICE_OF_ACTION, Response, Run
from evaluation.rankings.fitting import fit_run
from evaluation.running import runs
from evaluation.running.targets import target_for
from tests.evaluation.rankings.test_truth_recovered import work
from tests.factories.annotation import ParticipantFactory, labelled
from tests.factories.deciding import decide
from tests.factories.llm import EndpointFactory
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db(transaction=True)

PER_PAIR = 40
LABELLED = 90
LETTERS = {"A": "action_1", "B": "action_2"}
# Most answers that act on harmlessness are taken for something else, mostly for the opposite; hardly any other is.
JUDGE = "sim-judge:misses=0.02,misses.harmlessness=0.6,slips=0"


def taken(response: Response) -> str:
    """Which action an answer truly took."""
    scenario = response.scenario
    transcript = "\n".join(f"{turn['role'].capitalize()}: {turn['text']}" for turn in response.transcript)
    answer = reading.action_taken(transcript, scenario.action_1, scenario.action_2)
    return LETTERS.get(answer, str(answer))


@pytest.fixture
def run(simulator: Running) -> Run:
    """A target in conversation, judged by one that overlooks harmlessness."""
    simulator.reset(seed=7)
    endpoints = simulated_endpoints(simulator.base_url)
    import_value_set("hhh")
    recipe = generation.DatasetRecipe(value_set=version_named("hhh"), generator=endpoints[GENERATOR], per_pair=PER_PAIR)
    dataset = generation.open_dataset(StudyFactory(slug="mine"), "truth", recipe)
    work(generation.start(dataset))
    judge = judge_named(
        "overlooks", endpoint=EndpointFactory(name="hard-judge", llm=JUDGE, base_url=f"{simulator.base_url}/v1")
    )
    settings = runs.RunSettings(scope=Run.Scope.ALL, user_simulator=endpoints[USER], judge=judge)
    (job,) = runs.evaluate(dataset, targets=[target_for(CANDID)], modes=[Run.Mode.SIMULATED_USER], settings=settings)
    work(job)
    return Run.objects.select_related("dataset__value_set_version", "study", "target", "judge").get()


def labelled_by_people(dataset: Dataset, run: Run) -> Campaign:
    """People who never err decide what was done in a sample of the scenarios."""
    settings = CampaignSettings(
        name="Did", kind=Campaign.Kind.ACTION_JUDGEMENT, size=LABELLED, overlap=1, runs=[run], plan="stratified"
    )
    campaign = create_campaign(dataset.study, dataset, settings)
    person = ParticipantFactory(campaign=campaign)
    for item in campaign.items.select_related("response__scenario"):
        labelled(item, person, {"action_taken": taken(item.response)})
    decide(campaign)
    return campaign


def test_a_judge_that_overlooks_a_value_misses_and_people_put_it_right(run: Run, client: Client) -> None:
    """True is what people would find who decide everything."""
    values = [value.key for value in run.dataset.value_set_version.values.all()]
    judged = trials_of(run).by(Decider.JUDGE)
    true_of = {
        response.scenario.uid: CHOICE_OF_ACTION.get(taken(response), taken(response))
        for response in run.responses.select_related("scenario")
    }
    true = fit_ranking(
        replace(judged, choice=[true_of[uid] for uid in judged.scenario]).tallies(values),
        rng=np.random.default_rng(1),
        interval="sandwich",
        resamples=10,
    )
    labelled_by_people(run.dataset, run)
    fitted = fit_run(run, replicates=300)
    alone, corrected = fitted.by("own"), fitted.by("corrected")
    assert alone is not None
    assert corrected is not None
    where = values.index("harmlessness")
    truth = [estimate.value for estimate in true.strengths]
    assert alone["strengths"][where]["high"] < truth[where], "the judge alone is sure of what is not so"
    for estimate, is_so in zip(corrected["strengths"], truth, strict=True):
        assert estimate["low"] <= is_so <= estimate["high"]

    client.force_login(member(run.study, Role.VIEWER))
    page = client.get(reverse("evaluation:target_rankings", args=["mine", "truth", run.target_id])).content.decode()
    assert "The judge alone is contradicted by people on" in " ".join(page.split())
    report = " ".join(client.get(reverse("overview:report", args=["mine"])).content.decode().split())
    assert "the judge alone is contradicted by people on Harmlessness" in report
