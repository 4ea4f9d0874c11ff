"""A dataset with something in every table of an export."""

from __future__ import annotations

import pytest

from annotation.models import Participant
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.models import Study
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.evaluation import RunFactory, TargetFactory, answered
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.studies import StudyFactory, UserFactory
from tests.factories.whole import grow, validate

# A key's name and an address of an endpoint: neither may stand in any file.
KEY_NAME = "CONFLICTSCOPE_KEY_OF_NOBODY"
ADDRESS = "http://127.0.0.1:9/private/v1"
ANNOTATOR = "wilhelmina.the.annotator"


@pytest.fixture
def study(db: None) -> Study:
    return StudyFactory(slug="mine", name="Mine", created_by=UserFactory(username="the.owner.of.it"))


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
