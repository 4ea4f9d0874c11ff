"""Practice with known answers, gold that nothing marks, attention checks: served, scored, and in no count."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from annotation.campaigns.lifecycle import add_guideline, consent, join
from annotation.consensus.deciding import decide_items, settle
from annotation.consensus.labels import counted
from annotation.errors import ConsentMissing, NotQualified, SkipsUsedUp
from annotation.labelling import answers, editing, progress, routing, serving
from annotation.labelling.qualifying import TOLD_IN, corrections, practice_of
from annotation.models import Assignment, Campaign, GoldAnswer, Item, Participant
from annotation.monitoring.downloads import label_lines
from annotation.quality.known import keep_as_checks, known_in, settled_in, take_checks, take_known
from annotation.quality.people import signals_in
from annotation.quality.rules import QualityRules, set_rules, told_to
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.filtering.dimensions import NO, YES
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.permissions import Role
from tests.factories.annotation import CampaignFactory, ParticipantFactory, all_passing, labelled
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(dataset) -> Campaign:
    """Twelve items: on ten both people agree, one is tied, and one is settled by hand."""
    source = CampaignFactory(dataset=dataset, slug="pilot", overlap=2, items=12)
    people = [ParticipantFactory(campaign=source) for _ in range(2)]
    for number, item in enumerate(source.items.order_by("pk")):
        for place, person in enumerate(people):
            labelled(item, person, {"realism": NO} if number in (10, 11) and place else {})
    decide_items(source, [item.pk for item in source.items.all()], minimum=2)
    by_hand = source.items.order_by("pk")[11]
    settle(by_hand, {"realism": NO}, by=member(source.study, Role.ADJUDICATOR), reason="Nobody would ask this.")
    return source


@pytest.fixture
def campaign(dataset, source) -> Campaign:
    """Twenty items of its own, six to practise on and five of gold, mixed in half of the time."""
    campaign = CampaignFactory(dataset=dataset, slug="main", overlap=3, items=20)
    take_known(campaign, source, training=6, gold=5)
    return campaign


def newcomer(campaign) -> Participant:
    place = join(campaign, member(campaign.study, Role.ANNOTATOR))
    consent(place)
    return place


def work(place, given=None) -> Assignment | None:
    """Claim and submit the next item; `given` are answers other than what passes everything."""
    assignment = routing.claim(place)
    if assignment is not None:
        answers.submit(assignment, all_passing(assignment.item.subject) | (given or {}))
    return assignment


def test_what_another_campaign_settled_becomes_known(campaign, source):
    assert len(settled_in(source, without=CampaignFactory(dataset=source.dataset))) == 11  # not the tied one
    known = known_in(campaign)
    assert (known.training, known.gold) == (6, 5)
    # What somebody settled comes first, and its reason explains it.
    assert GoldAnswer.objects.filter(
        item__campaign=campaign, item__use=Item.Use.TRAINING, feedback="Nobody would ask this.", answer=NO
    ).exists()
    with pytest.raises(InvalidInput, match="no settled item that is new here"):
        take_known(campaign, source, training=1, gold=0)


def test_practice_comes_first_is_explained_and_decides_who_goes_on(campaign):
    set_rules(campaign, QualityRules(training_each=3, training_tries=2, pass_at=0.9))
    place = newcomer(campaign)
    assert place.qualification == Participant.Qualification.PENDING
    assert serving.peek(place) is None
    # The first try: everything wrong that can be.
    for number in (1, 2, 3):
        assert practice_of(place).number == number
        done = work(place, {"realism": NO, "specificity": NO, "impossibility": NO})
        assert done.item.use == Item.Use.TRAINING
    place.refresh_from_db()
    assert place.qualification == Participant.Qualification.PENDING
    said = {each.text: each for each in corrections(done)}
    wrong = next(each for text, each in said.items() if "specific" in text.lower() or "concrete" in text.lower())
    assert (wrong.right, wrong.said, wrong.known) == (False, "No", "Yes")
    # The second, on fresh items, with the known answers.
    for _ in range(3):
        assignment = routing.claim(place)
        known = dict(assignment.item.gold_answers.values_list("question", "answer"))
        answers.submit(assignment, all_passing(assignment.item.subject) | known)
    place.refresh_from_db()
    assert place.qualification == Participant.Qualification.PASSED
    assert work(place).item.use == Item.Use.SAMPLE
    # Practice is in no count, goal or estimate.
    assert counted(campaign).counts.tolist() == [1]
    assert progress.progress_of(place).done == 1


def test_who_fails_their_last_try_is_told_so_and_given_nothing(campaign):
    set_rules(campaign, QualityRules(training_each=2, pass_at=1.0))
    place = newcomer(campaign)
    for _ in range(2):
        work(place, {"specificity": NO})
    place.refresh_from_db()
    assert place.qualification == Participant.Qualification.FAILED
    with pytest.raises(NotQualified, match="cannot go on"):
        routing.claim(place)
    entry = next(each for each in progress.queue_of(place.user) if each.campaign == campaign)
    assert "cannot go on" in entry.notice


def test_items_to_practise_on_are_neither_skipped_nor_changed(campaign):
    set_rules(campaign, QualityRules(training_each=2))
    place = newcomer(campaign)
    assignment = routing.claim(place)
    with pytest.raises(SkipsUsedUp):
        routing.skip(assignment)
    answers.submit(assignment, all_passing(assignment.item.subject))
    assert not editing.latest(place)[0].editable


def test_gold_is_mixed_in_at_its_share_and_looks_like_any_item(campaign):
    set_rules(campaign, QualityRules(gold_share=0.25))
    uses = []
    for _ in range(3):
        place = newcomer(campaign)
        while (assignment := work(place)) is not None:
            uses.append(assignment.item.use)
        assert serving.why_nothing(place) in (serving.Nothing.DONE, serving.Nothing.WAITING)
        assert editing.latest(place)[0].editable
    gold = uses.count(Item.Use.GOLD)
    assert uses.count(Item.Use.SAMPLE) == 60  # three people an item, whatever is mixed in
    assert 5 <= gold <= 20
    # In no estimate, though there are known answers to score it by.
    labels = counted(campaign)
    assert len(labels.items) == 20
    assert labels.counts.tolist() == [3] * 20
    assert any(row.signals.gold.share.defined for row in signals_in(campaign))


def test_an_item_shown_ahead_may_be_gold_and_is_then_served(campaign, monkeypatch):
    set_rules(campaign, QualityRules(gold_share=0.5))
    monkeypatch.setattr("secrets.randbelow", lambda _below: 0)  # chance has it that gold is due
    place = newcomer(campaign)
    item, token, _order = serving.peek(place)
    assert item.use == Item.Use.GOLD
    assert routing.claim(place, wish=token).item_id == item.pk


def test_known_items_are_no_work_by_themselves(campaign, monkeypatch):
    """Neither asked for nor shown ahead, once nothing is left that is asked about."""
    set_rules(campaign, QualityRules(gold_share=0.5))
    monkeypatch.setattr("secrets.randbelow", lambda _below: 0)
    place = newcomer(campaign)
    campaign.items.filter(use=Item.Use.SAMPLE).update(open_slots=0)
    assert serving.peek(place) is None
    assert routing.claim(place) is None


def test_practice_that_was_given_up_takes_no_place_of_a_quota_and_does_not_come_back(campaign):
    set_rules(campaign, QualityRules(training_each=2))
    place = newcomer(campaign)
    work(place)
    routing.claim(place)
    routing.hand_back(place)
    set_rules(campaign, QualityRules())
    Participant.objects.filter(pk=place.pk).update(quota=1)
    assert work(place).item.use == Item.Use.SAMPLE
    assert routing.claim(place) is None
    Participant.objects.filter(pk=place.pk).update(quota=None)
    campaign.items.filter(use=Item.Use.SAMPLE).update(open_slots=0)
    assert routing.claim(place) is None


def test_a_dataset_whose_checks_are_refused_stays_what_it_was(client: Client, campaign):
    imported = DatasetFactory(study=campaign.study, variant=Dataset.Variant.IMPORTED, generator=None, slug="checks")
    ScenarioFactory(dataset=imported, uid="check-1", value_1=None, value_2=None)
    client.force_login(member(campaign.study, Role.RESEARCHER))
    refused = client.post(reverse("annotation:add_checks", args=[campaign.study.slug, "main"]), {"dataset": "checks"})
    assert refused.status_code == 400
    imported.refresh_from_db()
    assert imported.variant == Dataset.Variant.IMPORTED


def test_rules_that_cannot_be_kept_are_refused(campaign):
    with pytest.raises(InvalidInput, match="there are 6"):
        set_rules(campaign, QualityRules(training_each=4, training_tries=2))
    empty = CampaignFactory(dataset=campaign.dataset, slug="empty", items=1)
    with pytest.raises(InvalidInput, match="no item with known answers"):
        set_rules(empty, QualityRules(gold_share=0.1))


def test_attention_checks_are_scored_and_in_no_list_count_or_export(campaign):
    checks = DatasetFactory(study=campaign.study, variant=Dataset.Variant.IMPORTED, generator=None, slug="checks")
    for number in range(2):
        ScenarioFactory(dataset=checks, uid=f"check-{number}", value_1=None, value_2=None)
    with pytest.raises(InvalidInput, match="attention checks"):
        take_checks(campaign, checks, {"realism": NO})
    keep_as_checks(checks)
    assert take_checks(campaign, checks, {"realism": NO, "specificity": YES}) == 2
    assert checks not in campaign.study.datasets.shown()
    place = newcomer(campaign)
    check = campaign.items.filter(use=Item.Use.CHECK).first()
    labelled(check, place)  # says yes to both
    given = signals_in(campaign)[0].signals.gold.share
    assert given.value == pytest.approx(0.5)
    assert len(counted(campaign).items) == 0
    assert not list(label_lines(campaign))
    with pytest.raises(InvalidInput, match="campaign or a run"):
        keep_as_checks(campaign.dataset)


def test_what_people_are_told_is_the_campaigns_choice_and_marks_no_item(campaign):
    """Known answers are told of whole tens of items that cannot be changed any more, so no single one moves the figure."""
    place = newcomer(campaign)
    gold = campaign.items.filter(use=Item.Use.GOLD).order_by("pk")
    labelled(gold[0], place)
    rest = campaign.items.filter(use=Item.Use.SAMPLE).order_by("pk")
    for item in rest[:18]:
        labelled(item, place)
    assert told_to(place).known is None
    set_rules(campaign, QualityRules(told=Campaign.Told.OTHERS))
    place.campaign.refresh_from_db()
    assert TOLD_IN >= editing.LATEST
    assert told_to(place).known is None  # one short of a ten that stands
    labelled(rest[18], place)
    known = told_to(place).known
    assert known is not None
    labelled(gold[1], place, {"realism": NO})
    assert told_to(place).known == known
    assert told_to(place).like_others is None  # not while others may still be asked
    Campaign.objects.update(state=Campaign.State.CLOSED)
    place.campaign.refresh_from_db()
    assert told_to(place).like_others is not None


def test_a_new_guideline_is_agreed_to_before_work_goes_on_where_the_campaign_says_so(client: Client, campaign):
    place = newcomer(campaign)
    work(place)
    set_rules(campaign, QualityRules(consent_anew=True))
    assert work(place) is not None
    add_guideline(campaign, "# Read with more care", changes="What counts as concrete is said.")
    with pytest.raises(ConsentMissing, match="guideline has changed"):
        routing.claim(place)
    client.force_login(place.user)
    address = reverse("annotation:label", args=[campaign.study.slug, "main"])
    page = client.get(address).content.decode()
    assert "What counts as concrete is said." in page
    client.post(f"{address}start/")
    assert work(place).guideline.version == 2


def test_a_new_guideline_is_shown_and_work_goes_on_elsewhere(client: Client, campaign):
    place = newcomer(campaign)
    add_guideline(campaign, "# Read with more care", changes="What counts as concrete is said.")
    client.force_login(place.user)
    address = reverse("annotation:label", args=[campaign.study.slug, "main"])
    assert "What counts as concrete is said." in client.get(address).content.decode()
    client.post(f"{address}start/")
    assert "What counts as concrete" not in client.get(address).content.decode()


def test_by_page_training_is_made_in_two_clicks_and_explains_itself(client: Client, source):
    main = CampaignFactory(dataset=source.dataset, slug="main", items=3)
    client.force_login(member(main.study, Role.RESEARCHER))
    rules = reverse("annotation:rules", args=[main.study.slug, "main"])
    assert rules in client.get(main.get_absolute_url()).content.decode()
    page = " ".join(client.get(rules).content.decode().split())
    assert "11 settled items that are new here" in page
    taken = client.post(f"{rules}known/", {"source": "pilot", "training": 2, "gold": 3}, follow=True)
    assert "2 items to practise on and 3 to mix in" in taken.content.decode()
    fields = {"gold_percent": 10, "training_each": 2, "pass_percent": 80, "training_tries": 1, "told": "nothing"}
    assert client.post(f"{rules}save/", fields | {"training_tries": 3}).status_code == 400
    client.post(f"{rules}save/", fields)
    annotator = member(main.study, Role.ANNOTATOR)
    client.force_login(annotator)
    address = reverse("annotation:label", args=[main.study.slug, "main"])
    client.post(f"{address}start/")
    assert "To practise on: item 1 of 2" in client.get(address).content.decode()
    assignment = Assignment.objects.get(participant__user=annotator)
    sent = {"realism": "no", "specificity": "no", "feasibility_a": "yes", "feasibility_b": "yes"}
    sent |= {
        "impossibility": "yes",
        "genuine_dilemma": "yes",
        "value_guidance_1": "a",
        "value_guidance_2": "b",
        "signs": "12",
    }
    reply = client.post(f"{address}{assignment.token}/submit/", sent, headers={"x-requested-with": "label"})
    shown = " ".join(reply.content.decode().split())
    assert "The item before, explained" in shown
    assert "you said: No" in shown
    assignment.refresh_from_db()
    assert assignment.signs == 12


def test_by_api_an_item_to_practise_on_comes_back_with_what_is_known(client: Client, campaign):
    set_rules(campaign, QualityRules(training_each=2))
    place = newcomer(campaign)
    client.force_login(place.user)
    sheet = client.post(reverse("api-next", args=[campaign.pk])).json()
    fields = {question["field"]: question["options"][0]["value"] for question in sheet["questions"]}
    body = {"answers": fields, "submit": True}
    reply = client.put(reverse("api-assignment", args=[sheet["token"]]), body, content_type="application/json").json()
    assert {each["right"] for each in reply["corrections"]} <= {True, False}
    assert reply["corrections"]
