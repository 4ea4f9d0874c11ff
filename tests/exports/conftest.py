"""A dataset with something in every table of an export."""

from __future__ import annotations

import pytest

from annotation.models import Participant
from conflictscope.scenarios.dimensions import dimensions_of
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario
from conflictscope.scenarios.verdicts import write_human_verdict
from conflictscope.studies.models import Study
from evaluation.models import OptionOrder
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.evaluation import JudgementFactory, RatingFactory, RunFactory, TargetFactory, answered
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, VerdictFactory
from tests.factories.studies import StudyFactory, UserFactory

# A key's name and an address of an endpoint: neither may stand in any file.
KEY_NAME = "CONFLICTSCOPE_KEY_OF_NOBODY"
ADDRESS = "http://127.0.0.1:9/private/v1"
ANNOTATOR = "wilhelmina.the.annotator"


@pytest.fixture
def study(db: None) -> Study:
    return StudyFactory(slug="mine", name="Mine", created_by=UserFactory(username="the.owner.of.it"))


def validate(scenario: Scenario, *, panel: str = "people") -> None:
    """One panel of people passes the scenario on everything that can be asked of it."""
    for dimension in dimensions_of(scenario):
        write_human_verdict(scenario, dimension, "pass", panel=panel, evidence={"labels": 3})


def grow(dataset: Dataset, scenarios: int) -> list[Scenario]:
    """Scenarios that a judge passed, people labelled and targets answered, in campaigns and runs of their own."""
    judge = dataset.primary_judge
    made = ScenarioFactory.create_batch(scenarios, dataset=dataset, status=Scenario.Status.KEPT)
    campaign = CampaignFactory(study=dataset.study, dataset=dataset)
    participant = ParticipantFactory(campaign=campaign, user=UserFactory())
    asked = RunFactory(dataset=dataset, option_orders=[order.value for order in OptionOrder])
    talked = RunFactory(dataset=dataset, talks=True, judge=judge)
    for scenario in made:
        for dimension in dimensions_of(scenario):
            VerdictFactory(scenario=scenario, dimension=dimension, judge=judge)
        labelled(ItemFactory(campaign=campaign, scenario=scenario), participant)
        OpeningMessage.objects.create(scenario=scenario, sample=0, text="Please finish the list.", source="imported")
        for order in OptionOrder:
            answered(asked, scenario, "value_1", order=order)
        RatingFactory(run=asked, scenario=scenario)
        JudgementFactory(response=answered(talked, scenario, "value_2"), human=True, choice="value_1", panel="people")
    return made


@pytest.fixture
def dataset(study: Study) -> Dataset:
    """Three scenarios: the first is human-validated; the second holds texts that a spreadsheet would run."""
    endpoint = EndpointFactory(name="judging", base_url=ADDRESS, key_name=KEY_NAME, parameters={"temperature": 0})
    judge = JudgeFactory(name="the-judge", endpoint=endpoint, prompt_versions={"filtering/realism": 1})
    generator = EndpointFactory(name="writing", llm="writer-1", base_url=ADDRESS, key_name=KEY_NAME)
    dataset = DatasetFactory(
        study=study,
        slug="hhh",
        name="HHH",
        generator=generator,
        primary_judge=judge,
        recipe={"per_pair": 3, "threshold": 0.8, "prompts": {"generation/outline": {"version": 1, "digest": "ab"}}},
        created_by=study.created_by,
    )
    first, second, _third = grow(dataset, 3)
    validate(first)
    Scenario.objects.filter(pk=second.pk).update(
        persona='=HYPERLINK("http://127.0.0.1/","open me")', goal="'-1 and more,\nin two lines", background="Grüße 🙂"
    )
    person = ParticipantFactory(
        campaign=CampaignFactory(study=study, dataset=dataset, slug="check"),
        user=UserFactory(username=ANNOTATOR),
        pseudonym="heron",
    )
    labelled(ItemFactory(campaign=person.campaign, scenario=first), person, {"realism": "no"})
    return dataset


@pytest.fixture
def simulated(study: Study) -> Dataset:
    """A dataset whose scenarios, answers and annotators are simulated."""
    endpoint = EndpointFactory(simulated=True)
    dataset = DatasetFactory(
        study=study, slug="made-up", generator=endpoint, primary_judge=JudgeFactory(endpoint=endpoint)
    )
    scenario = ScenarioFactory(dataset=dataset)
    campaign = CampaignFactory(study=study, dataset=dataset)
    robot: Participant = ParticipantFactory(campaign=campaign, simulated=True, user=UserFactory())
    labelled(ItemFactory(campaign=campaign, scenario=scenario), robot)
    answered(RunFactory(dataset=dataset, target=TargetFactory(endpoint=endpoint)), scenario, "value_1")
    return dataset
