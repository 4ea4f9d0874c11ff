"""Who labels what a filter is held against learns nothing of it from another campaign on the same dataset."""

from __future__ import annotations

import pytest

from annotation.campaigns.lifecycle import close, pause
from annotation.errors import HeldBack, NotSkipped, SkipsUsedUp
from annotation.labelling import answers as labelling
from annotation.labelling import routing, serving
from annotation.labelling.progress import progress_of, queue_of
from annotation.models import Assignment, Campaign
from conflictscope.scenarios.models import Dataset
from evaluation.models import Run
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, all_passing
from tests.factories.evaluation import RunFactory, answered
from tests.factories.scenarios import ScenarioFactory
from tests.factories.studies import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def filtering(dataset: Dataset) -> Campaign:
    return CampaignFactory(dataset=dataset, name="Is it good", items=3)


@pytest.fixture
def preferring(dataset: Dataset) -> Campaign:
    return CampaignFactory(dataset=dataset, name="What to do", items=3, kind=Campaign.Kind.PREFERENCE)


@pytest.fixture
def places(filtering, preferring):
    """One person's places in both campaigns: that of the filter, and that of preferences."""
    user = member(filtering.study, "annotator")
    return tuple(ParticipantFactory(campaign=campaign, user=user) for campaign in (filtering, preferring))


def test_who_labels_an_open_filter_campaign_gets_kept_items_when_it_has_closed(places, filtering):
    _, preferring = places
    for goes_on in (lambda: None, lambda: pause(filtering)):
        goes_on()
        with pytest.raises(HeldBack, match="when that campaign has closed"):
            routing.claim(preferring)
        with pytest.raises(HeldBack):
            serving.peek(preferring)
    close(filtering)
    assert routing.claim(preferring) is not None


def test_who_has_labelled_kept_items_alone_gets_none_of_the_filters(places, filtering, preferring):
    of_filter, of_preference = places
    filtering.state = Campaign.State.DRAFT
    filtering.save()
    assert routing.claim(of_preference) is not None
    filtering.state = Campaign.State.OPEN
    filtering.save()
    with pytest.raises(HeldBack, match="cannot be asked"):
        routing.claim(of_filter)


def test_my_work_says_so_and_offers_nothing_there(places):
    notices = {entry.campaign.name: entry.notice for entry in queue_of(places[0].user)}
    assert notices["Is it good"] == ""
    assert "Its items come to you when that campaign has closed" in notices["What to do"]


def test_other_people_label_it_meanwhile(places, preferring):
    assert routing.claim(ParticipantFactory(campaign=preferring)) is not None


def test_who_has_not_agreed_to_the_guideline_labels_no_filter(filtering, preferring):
    user = member(filtering.study, "annotator")
    ParticipantFactory(campaign=filtering, user=user, consented_at=None)
    assert routing.claim(ParticipantFactory(campaign=preferring, user=user)) is not None


@pytest.mark.parametrize(
    ("scope", "held"), [(Run.Scope.KEPT, True), (Run.Scope.HUMAN_VALIDATED, True), (Run.Scope.ALL, False)]
)
def test_responses_tell_of_the_filter_where_their_run_asked_about_kept_scenarios(dataset, filtering, scope, held):
    run = RunFactory(dataset=dataset, talks=True, scope=scope)
    judging = CampaignFactory(dataset=dataset, kind=Campaign.Kind.ACTION_JUDGEMENT)
    judging.runs.add(run)
    ItemFactory(campaign=judging, response=answered(run, ScenarioFactory(dataset=dataset, status="kept"), "value_1"))
    user = member(filtering.study, "annotator")
    ParticipantFactory(campaign=filtering, user=user)
    place = ParticipantFactory(campaign=judging, user=user)
    if held:
        with pytest.raises(HeldBack):
            routing.claim(place)
    else:
        assert routing.claim(place) is not None


def test_what_is_in_hand_when_the_filter_opens_can_still_be_submitted(places, filtering):
    _, of_preference = places
    Campaign.objects.filter(pk=filtering.pk).update(state="draft")
    assignment = routing.claim(of_preference)
    Campaign.objects.filter(pk=filtering.pk).update(state="open")
    answers = {"preferred_action": "action_1", "preference_strength": "2"}
    done = labelling.submit(assignment, answers, then_next=True)
    assert done.fresh
    assert done.handed.nothing == "held_back"
    assert Assignment.objects.counted().count() == 1


# Skips


def test_at_most_one_item_in_ten_is_skipped_and_a_skip_can_be_undone(dataset):
    campaign = CampaignFactory(dataset=dataset, items=21)
    place = ParticipantFactory(campaign=campaign)
    for _ in range(2):
        skipped = routing.claim(place)
        routing.skip(skipped)
    after = routing.claim(place)
    assert progress_of(place).skips_left == 0
    with pytest.raises(SkipsUsedUp, match="at most one in ten"):
        routing.skip(after)
    assert routing.undo_skip(skipped)
    assert routing.claim(place) == skipped
    assert not routing.undo_skip(skipped)
    assert progress_of(place).skips_left == 1
    labelling.submit(skipped, all_passing(skipped.item.scenario))
    slots = {item.pk: item.open_slots for item in campaign.items.all()}
    assert slots[skipped.item_id] == campaign.overlap - 1
    assert slots[after.item_id] == campaign.overlap


def test_a_skipped_item_that_has_gone_to_others_does_not_come_back(campaign):
    place = ParticipantFactory(campaign=campaign)
    skipped = routing.claim(place)
    routing.skip(skipped)
    kept = routing.claim(place)
    campaign.items.filter(pk=skipped.item_id).update(open_slots=0)
    with pytest.raises(NotSkipped, match="gone to somebody else"):
        routing.undo_skip(skipped)
    assert routing.claim(place) == kept
