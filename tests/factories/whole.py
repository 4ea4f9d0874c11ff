"""Datasets with everything in them: judged, labelled, answered and decided, for tests that look at the whole."""

from __future__ import annotations

from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario
from conflictscope.scenarios.option_orders import OptionOrder
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.evaluation import JudgementFactory, RatingFactory, RunFactory, answered
from tests.factories.scenarios import ScenarioFactory, VerdictFactory, write_human_verdict
from tests.factories.studies import UserFactory


def validate(scenario: Scenario, *, panel: str = "people") -> None:
    """One panel of people passes the scenario on everything that can be asked of it."""
    for dimension in dimensions_of(scenario):
        write_human_verdict(scenario, dimension, "pass", panel=panel, evidence={"labels": 3})


def grow(dataset: Dataset, scenarios: int) -> list[Scenario]:
    """Scenarios that the primary judge passed, a person labelled and two targets answered, in a campaign and runs of their own."""
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
