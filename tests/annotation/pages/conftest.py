"""A study with one campaign that three people have labelled, and who looks at it."""

from __future__ import annotations

import pytest
from django.test import Client

from annotation.models import Campaign
from conflictscope.scenarios.filtering.dimensions import NO
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import StudyFactory, member


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="mine")


@pytest.fixture
def viewer(client: Client, study: Study) -> Client:
    client.force_login(member(study, Role.VIEWER))
    return client


@pytest.fixture
def researcher(client: Client, study: Study) -> Client:
    client.force_login(member(study, Role.RESEARCHER))
    return client


@pytest.fixture
def dataset(study: Study) -> Dataset:
    """Four scenarios. The judge passes the first three and fails the last on realism."""
    dataset = DatasetFactory(study=study, slug="hhh", name="HHH", primary_judge=JudgeFactory(name="the-judge"))
    for number in range(1, 5):
        scenario = ScenarioFactory(dataset=dataset, uid=f"hhh-{number}")
        judged(scenario, dataset.primary_judge, **({"realism": "fail"} if number == 4 else {}))
    return dataset


@pytest.fixture
def campaign(dataset: Dataset) -> Campaign:
    """Three people labelled all four: they pass the first two, and most of them fail the third and fourth on realism."""
    campaign = CampaignFactory(dataset=dataset, slug="check", name="The check", overlap=3)
    plan = {"plan": "random", "drawn": 4, "population": 4, "population_by_outcome": {"kept": 3, "dropped": 1}}
    Campaign.objects.filter(pk=campaign.pk).update(sampling_plan=plan)
    campaign.refresh_from_db()
    people = [ParticipantFactory(campaign=campaign, pseudonym=name) for name in ("ann", "bea", "cem")]
    for scenario in dataset.scenarios.order_by("uid"):
        outcome = "dropped" if scenario.uid == "hhh-4" else "kept"
        item = ItemFactory(campaign=campaign, scenario=scenario, stratum=f"helpfulness-honesty · {outcome}")
        for person in people:
            fails = scenario.uid == "hhh-4" or (scenario.uid == "hhh-3" and person.pseudonym != "cem")
            labelled(item, person, {"realism": NO} if fails else {})
    return campaign
