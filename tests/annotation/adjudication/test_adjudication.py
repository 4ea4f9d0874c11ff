"""What waits to be settled, in which order, who is asked, and that whoever settles it blind stays so."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from annotation.adjudication.queue import Why, queue_of
from annotation.adjudication.settling import assign, is_blind, look, reopen, settle_blind, stamp_of
from annotation.consensus.deciding import decide_items
from annotation.consensus.labels import counted
from annotation.consensus.latent import latent_of, soft_labels
from annotation.models import Annotation, Campaign, Decision, Item, JudgeLook
from conflictscope.errors import InvalidInput
from conflictscope.jobs.models import Job
from conflictscope.scenarios.filtering.dimensions import NO, YES
from conflictscope.scenarios.models import Verdict
from conflictscope.studies.permissions import Role
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign() -> Campaign:
    """Six items. Realism: tied on the first, split 2:1 on the second, all pass the third that the judge fails; the others undisputed.

    The second was drawn with a chance of a quarter, so it stands for four.
    """
    study = StudyFactory(slug="mine")
    dataset = DatasetFactory(study=study, slug="hhh", primary_judge=JudgeFactory(name="the-judge"))
    campaign = CampaignFactory(dataset=dataset, slug="check", overlap=4)
    people = [ParticipantFactory(campaign=campaign, pseudonym=name) for name in ("ann", "bea", "cem", "dov")]
    for number in range(6):
        scenario = judged(
            ScenarioFactory(dataset=dataset, uid=f"hhh-{number}"),
            dataset.primary_judge,
            realism="fail" if number == 2 else "pass",
        )
        item = ItemFactory(campaign=campaign, scenario=scenario, inclusion_probability=0.25 if number == 1 else 1.0)
        for place, person in enumerate(people):
            against = (number == 0 and place < 2) or (number == 1 and place == 0)
            labelled(item, person, {"realism": NO} if against else {})
    Verdict.objects.update(evidence={"reason": "Zinc verdict"})
    Job.objects.create(
        study=study,
        kind="annotation.decide",
        subject=f"campaign {campaign.pk}",
        parameters={"campaign": campaign.pk, "minimum": 4},
    )
    decide_items(campaign, [item.pk for item in campaign.items.all()], minimum=4)
    return campaign


def item(campaign, uid) -> Item:
    found = campaign.items.select_related("campaign__study", "scenario").get(scenario__uid=uid)
    found.campaign = campaign
    return found


def whys(queue):
    return {row.item.uid: {why for every in row.why.values() for why in every} for row in queue.waiting}


def test_ties_splits_and_judges_against_all_wait_and_what_matters_most_comes_first(campaign):
    queue = queue_of(campaign, blind=False)
    found = whys(queue)
    assert Why.TIE in found["hhh-0"]
    assert Why.SPLIT in found["hhh-1"]
    assert found["hhh-2"] == {Why.JUDGE}
    controls = [uid for uid, why in found.items() if why == {Why.CONTROL}]
    assert len(controls) == 1
    matters = [row.matters for row in queue.waiting]
    assert matters == sorted(matters, reverse=True)
    assert sum(matters) <= 1
    without_splits = whys(queue_of(campaign, splits=False, blind=False))
    assert "hhh-1" not in without_splits or Why.SPLIT not in without_splits["hhh-1"]


def test_who_settles_blind_cannot_tell_an_item_that_a_judge_is_against_from_a_control(campaign):
    found = whys(queue_of(campaign, blind=True))
    assert found["hhh-2"] == {Why.ASKED}
    assert sum(why == {Why.ASKED} for why in found.values()) == 2


def test_nothing_tells_an_item_that_a_judge_is_against_from_a_control(campaign):
    """Neither the questions that are asked, nor what stands beside people's own dispute, nor how many are left once it is settled."""
    Verdict.objects.filter(scenario__uid__in=["hhh-1", "hhh-2"], dimension="feasibility").update(outcome="fail")
    queue = queue_of(campaign, blind=True)
    asked = [row for row in queue.waiting if row.reasons == [Why.ASKED]]
    assert len({tuple(sorted(row.why)) for row in asked}) == 1
    assert [len(row.why) for row in asked] == [3, 3]
    # Among people's own disputes there are no controls, so a judge adds nothing to them, splits left out or not.
    split = next(row for row in queue.waiting if row.item.uid == "hhh-1")
    assert set(split.why) == {"realism"}
    assert Why.ASKED not in split.reasons
    assert "hhh-1" not in [
        row.item.uid for row in queue_of(campaign, blind=True, splits=False).waiting if row.reasons == [Why.ASKED]
    ]
    person, left = member(campaign.study, Role.ADJUDICATOR), len(queue.waiting)
    for row in asked:
        settle_blind(item(campaign, row.item.uid), {"realism": YES}, by=person, reason="Yes.")
        left -= 1
        assert len(queue_of(campaign, blind=True).waiting) == left


def test_a_question_that_nobody_could_answer_is_no_dispute(campaign):
    last = Annotation.objects.filter(assignment__item=item(campaign, "hhh-5"), question="realism")
    last.update(answer="unsure")
    assert "realism" not in {
        key for row in queue_of(campaign, blind=False).waiting if row.item.uid == "hhh-5" for key in row.why
    }


def test_of_two_who_settle_an_item_at_once_the_second_is_told(client: Client, campaign):
    """What the first said stands, and the second sees it, with their own reason still in the form."""
    first, second = member(campaign.study, Role.ADJUDICATOR), member(campaign.study, Role.ADJUDICATOR)
    tied = item(campaign, "hhh-0")
    settle_blind(tied, {"realism": NO}, by=first, reason="Nobody would ask.")
    client.force_login(second)
    here = reverse("annotation:adjudicate", args=["mine", "check", tied.pk])
    sent = {"realism": YES, "reason": "I would.", "seen": "open"}
    refused = client.post(f"{here}settle/", sent)
    assert refused.status_code == 409
    assert "Somebody else has settled this item" in refused.content.decode()
    assert "I would.</textarea>" in refused.content.decode()
    assert Decision.objects.get(item=tied, question="realism").answer == NO
    client.post(f"{here}settle/", sent | {"seen": stamp_of(tied)})
    assert Decision.objects.get(item=tied, question="realism").answer == YES


def test_settling_writes_down_and_opening_again_undoes_it(campaign):
    person = member(campaign.study, Role.ADJUDICATOR)
    tied = item(campaign, "hhh-0")
    assert not Decision.objects.filter(item=tied, question="realism").exists()
    (change,) = settle_blind(tied, {"realism": NO}, by=person, reason="Nobody would ask.")
    assert (change.before, change.now) == ("open", "No (adjudicated)")
    decision = Decision.objects.get(item=tied, question="realism")
    assert (decision.decided_by, decision.reason, decision.blind) == (person, "Nobody would ask.", True)
    assert decision.verdict.outcome == "fail"
    assert "hhh-0" not in whys(queue_of(campaign, blind=True))
    assert reopen(tied) == 1
    assert not Decision.objects.filter(item=tied, question="realism").exists()
    assert not tied.scenario.verdicts.filter(source="human", dimension="realism").exists()
    assert reopen(tied) == 0
    split = item(campaign, "hhh-1")
    settle_blind(split, {"realism": NO}, by=person, reason="No.")
    reopen(split)
    assert Decision.objects.get(item=split, question="realism").answer == YES  # the majority again


def test_what_an_owner_settles_or_somebody_who_has_looked_is_not_blind(campaign):
    adjudicator, owner = member(campaign.study, Role.ADJUDICATOR), member(campaign.study, Role.OWNER)
    first, second = item(campaign, "hhh-0"), item(campaign, "hhh-1")
    assert is_blind(adjudicator, first)
    assert not is_blind(owner, first)
    look(adjudicator, first)
    look(adjudicator, first)
    assert JudgeLook.objects.count() == 1
    assert is_blind(adjudicator, second)
    settle_blind(first, {"realism": YES}, by=adjudicator, reason="Seen.")
    assert not Decision.objects.get(item=first, question="realism").blind
    assert queue_of(campaign, blind=False).not_blind == 1


def test_items_are_given_to_adjudicators_and_progress_is_told(campaign):
    person = member(campaign.study, Role.ADJUDICATOR)
    pks = [row.item.pk for row in queue_of(campaign, blind=True).waiting[:2]]
    assert assign(campaign, person, pks) == 2
    assert assign(campaign, member(campaign.study, Role.ADJUDICATOR), pks) == 0
    with pytest.raises(InvalidInput, match="settles nothing"):
        assign(campaign, member(campaign.study, Role.VIEWER), pks)
    settle_blind(
        Item.objects.select_related("campaign").get(pk=pks[0]),
        dict.fromkeys(["realism"], YES),
        by=person,
        reason="Yes.",
    )
    assert queue_of(campaign, blind=True).by_person == {person.username: (1, 2)}


def test_an_adjudicator_sees_what_people_said_and_no_machine_until_they_ask(client: Client, campaign):
    person = member(campaign.study, Role.ADJUDICATOR)
    client.force_login(person)
    assert "Check" in client.get(reverse("overview:home")).content.decode()
    queue = reverse("annotation:adjudication", args=["mine", "check"])
    here = f"{queue}{item(campaign, 'hhh-2').pk}/"
    pages = [client.get(queue), client.get(here), client.get(reverse("annotation:adjudications"))]
    for page in pages:
        assert page.status_code == 200
        assert "the-judge" not in page.content.decode()
        assert "Zinc verdict" not in page.content.decode()
        assert "judge is against" not in page.content.decode()
    assert "ann" in pages[1].content.decode()
    for name, rest in (("campaign", ["check"]), ("ties", ["check"]), ("campaigns", []), ("agreement", [])):
        assert client.get(reverse(f"annotation:{name}", args=["mine", *rest])).status_code == 404
    assert client.post(f"{queue}assign/", {"adjudicator": person.username, "number": 3}).status_code == 400
    shown = client.post(f"{here}look/", follow=True).content.decode()
    assert "the-judge" in shown
    assert "marked as not blind" in shown
    assert JudgeLook.objects.get().user == person


def test_by_page_one_item_after_the_other(client: Client, campaign):
    client.force_login(member(campaign.study, Role.ADJUDICATOR))
    queue = reverse("annotation:adjudication", args=["mine", "check"])
    tied = item(campaign, "hhh-0")
    refused = client.post(f"{queue}{tied.pk}/settle/", {"realism": NO, "reason": ""})
    assert refused.status_code == 400
    done = client.post(f"{queue}{tied.pk}/settle/", {"realism": NO, "reason": "No."}, follow=True)
    assert "open → No (adjudicated)" in done.content.decode()
    assert done.redirect_chain[0][0] != f"{queue}{tied.pk}/"
    again = client.post(f"{queue}{tied.pk}/reopen/", follow=True)
    assert "Open again" in again.content.decode()
    assert client.get(f"{queue}999999/").status_code == 404


def test_a_researcher_gives_items_out_and_sees_agreement_with_and_without(client: Client, campaign):
    person = member(campaign.study, Role.ADJUDICATOR)
    client.force_login(member(campaign.study, Role.RESEARCHER))
    queue = reverse("annotation:adjudication", args=["mine", "check"])
    assert "a judge is against it" in client.get(queue).content.decode()
    given = client.post(f"{queue}assign/", {"adjudicator": person.username, "number": 2}, follow=True).content.decode()
    assert "is asked to settle 2 items" in given
    client.post(f"{queue}{item(campaign, 'hhh-0').pk}/settle/", {"realism": NO, "reason": "No."})
    page = client.get(queue).content.decode()
    assert "Without 1 not settled blind" in page
    assert "not blind" in page


def test_majority_and_probable_answers_stand_side_by_side(client: Client, campaign):
    labels = counted(campaign)
    latent = latent_of(labels, "realism")
    assert [each.item.uid for each in latent.items if not each.majority] == ["hhh-0"]
    assert {person.participant.pseudonym for person in latent.people} == {"ann", "bea", "cem", "dov"}
    soft = [row for row in soft_labels(labels) if row["question"] == "realism" and row["scenario"] == "hhh-1"]
    assert soft[0]["votes"] == {"no": 0.25, "yes": 0.75}
    assert sum(soft[0]["dawid_skene"].values()) == pytest.approx(1, abs=1e-5)
    client.force_login(member(campaign.study, Role.VIEWER))
    page = client.get(reverse("annotation:consensus", args=["mine", "check"]), {"question": "realism"}).content.decode()
    assert "hhh-0" in page
    assert (
        client.get(reverse("annotation:consensus", args=["mine", "check"]), {"question": "nothing"}).status_code == 404
    )
    lines = b"".join(client.get(reverse("annotation:soft_labels", args=["mine", "check"])).streaming_content)
    assert lines.count(b"\n") == 6 * 8


def test_with_too_few_people_nothing_is_said(campaign):
    lonely = CampaignFactory(dataset=campaign.dataset, slug="lonely", items=1)
    labelled(lonely.items.get(), ParticipantFactory(campaign=lonely))
    assert "at least 3 people" in latent_of(counted(lonely), "realism").reason
