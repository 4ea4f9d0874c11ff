"""Campaigns, their items and people, and labels already given, for tests."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import factory
from django.db.models import F
from django.utils import timezone
from factory.django import DjangoModelFactory

from annotation.kinds import questions_about
from annotation.labelling.access import assignment_of
from annotation.models import Annotation, Assignment, Campaign, Guideline, Item, Participant
from conflictscope.scenarios.filtering.dimensions import ACTION_1, ACTION_2, YES, dimensions_of, questions_of
from conflictscope.scenarios.models import Scenario
from conflictscope.scenarios.option_orders import OptionOrder
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import MembershipFactory


class CampaignFactory(DjangoModelFactory):
    """An open scenario-filter campaign with a guideline and no items. `CampaignFactory(items=5)` has five."""

    class Meta:
        model = Campaign
        skip_postgeneration_save = True

    dataset = factory.SubFactory(DatasetFactory)
    study = factory.SelfAttribute("dataset.study")
    slug = factory.Sequence(lambda n: f"campaign-{n}")
    name = factory.LazyAttribute(lambda campaign: campaign.slug.replace("-", " ").capitalize())
    kind = Campaign.Kind.SCENARIO_FILTER
    overlap = 3
    state = Campaign.State.OPEN

    @factory.post_generation
    def guideline(self: Any, create: bool, extracted: str | None, **kwargs: Any) -> None:
        if create:
            Guideline.objects.create(campaign=self, version=1, markdown=extracted or "# Read with care\n\nThen answer.")

    @factory.post_generation
    def items(self: Any, create: bool, extracted: int | None, **kwargs: Any) -> None:
        if create and extracted:
            ItemFactory.create_batch(extracted, campaign=self)
            Campaign.objects.filter(pk=self.pk).update(sampling_plan={"plan": "random", "drawn": extracted})
            self.refresh_from_db()


class ItemFactory(DjangoModelFactory):
    """A scenario, or a given response, to label with all its slots open; items are served in the order they were made."""

    class Meta:
        model = Item

    campaign = factory.SubFactory(CampaignFactory)
    response = None
    scenario = factory.LazyAttribute(
        lambda item: (
            None if item.response else ScenarioFactory(dataset=item.campaign.dataset, status=Scenario.Status.KEPT)
        )
    )
    open_slots = factory.SelfAttribute("campaign.overlap")
    is_training = False
    use = factory.LazyAttribute(lambda item: Item.Use.TRAINING if item.is_training else Item.Use.SAMPLE)
    shuffle_key = factory.Sequence(lambda n: float(n))
    inclusion_probability = 1.0


class ParticipantFactory(DjangoModelFactory):
    """An annotator of the campaign's study who has read the guideline."""

    class Meta:
        model = Participant

    campaign = factory.SubFactory(CampaignFactory)
    user = factory.LazyAttribute(
        lambda place: MembershipFactory(study=place.campaign.study, role="annotator").user  # type: ignore[attr-defined]
    )
    pseudonym = factory.Sequence(lambda n: f"person-{n}")
    consented_at = factory.LazyFunction(timezone.now)


def held_by(place: Participant, token: uuid.UUID) -> Assignment:
    """The person's assignment of that token as a page finds it."""
    return assignment_of(place.user, token, place=place, told=True)


def all_passing(scenario: Scenario) -> dict[str, str]:
    """The answers of somebody who finds nothing wrong with the scenario."""
    return {
        question.key: {"value_guidance_1": ACTION_1, "value_guidance_2": ACTION_2}.get(question.key, YES)
        for dimension in dimensions_of(scenario)
        for question in questions_of(dimension)
    }


# What somebody says who sees action 1 taken, or thinks that it should be.
USUAL = {
    "action_taken": ACTION_1,
    "action_strength": "2",
    "resolved": YES,
    "preferred_action": ACTION_1,
    "preference_strength": "2",
}


def labelled(
    item: Item, participant: Participant, answers: Mapping[str, str] | None = None, *, surplus: bool = False
) -> Assignment:
    """The item as submitted by the participant: all answers pass, or are the usual ones, but those given."""
    assignment = Assignment.objects.create(
        item=item,
        participant=participant,
        state=Assignment.State.SUBMITTED,
        surplus=surplus,
        token=uuid.uuid4(),
        lease_until=timezone.now(),
        submitted_at=timezone.now(),
        action_order=OptionOrder.ACTION_1_FIRST,
    )
    if not surplus:
        Item.objects.filter(pk=item.pk, open_slots__gt=0).update(open_slots=F("open_slots") - 1)
    usual = all_passing(item.scenario) if item.campaign.kind == Campaign.Kind.SCENARIO_FILTER else USUAL
    Annotation.objects.bulk_create(
        Annotation(assignment=assignment, question=question.key, answer=answer)
        for question in questions_about(item)
        if (answer := (usual | dict(answers or {})).get(question.key, ""))
    )
    return assignment


def labelled_at_once(participant: Participant, answers: Mapping[Item, Mapping[str, str]]) -> None:
    """Many items as submitted by the participant, as `labelled` would have them, in a few statements."""
    now = timezone.now()
    sheets = Assignment.objects.bulk_create(
        Assignment(
            item=item,
            participant=participant,
            state=Assignment.State.SUBMITTED,
            token=uuid.uuid4(),
            lease_until=now,
            submitted_at=now,
            action_order=OptionOrder.ACTION_1_FIRST,
        )
        for item in answers
    )
    Item.objects.filter(pk__in=[item.pk for item in answers]).update(open_slots=F("open_slots") - 1)
    Annotation.objects.bulk_create(
        Annotation(assignment=sheet, question=question.key, answer=answer)
        for sheet, (item, given) in zip(sheets, answers.items(), strict=True)
        for question in questions_about(item)
        if (
            answer := ({} if item.response_id else all_passing(item.subject)).get(
                question.key, USUAL.get(question.key, "")
            )
        )
        and (answer := given.get(question.key, answer))
    )
