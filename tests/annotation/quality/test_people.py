"""Signals gathered from the tables, the pages of people, and leaving somebody out: estimates change both ways."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.agreement.kept import Figures
from annotation.consensus.deciding import decide_items
from annotation.models import Annotation, Assignment, Campaign, Decision, ExclusionStep, Participant
from annotation.quality.excluding import exclude, include
from annotation.quality.gathering import work_of
from annotation.quality.people import signals_in
from conflictscope.errors import InvalidInput
from conflictscope.jobs.models import Job
from conflictscope.scenarios.filtering.dimensions import NO
from conflictscope.studies.permissions import Role
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db

ITEMS = 12


@pytest.fixture
def campaign(dataset) -> Campaign:
    """Five people and twelve items; four agree that the last six are not realistic, and "odd-one" says the contrary of each."""
    campaign = CampaignFactory(dataset=dataset, slug="check", overlap=5, items=ITEMS)
    people = [ParticipantFactory(campaign=campaign, pseudonym=name) for name in ("ann", "bea", "cem", "dov", "odd-one")]
    began = timezone.now() - timedelta(hours=2)
    for place, person in enumerate(people):
        at = began
        for number, item in enumerate(campaign.items.order_by("pk")):
            bad = (number >= ITEMS / 2) != (person.pseudonym == "odd-one")
            done = labelled(item, person, {"realism": NO} if bad else {})
            # The odd one takes two seconds for each item, the others a minute and more.
            gap = 2 if person.pseudonym == "odd-one" else 60 + 7 * ((number + place) % 4)
            at += timedelta(seconds=gap)
            Assignment.objects.filter(pk=done.pk).update(
                leased_at=at - timedelta(seconds=gap), lease_until=at + timedelta(minutes=30), submitted_at=at
            )
    return campaign


def signals_by_name(campaign):
    return {row.participant.pseudonym: row for row in signals_in(campaign)}


def test_signals_are_gathered_from_what_was_submitted(campaign):
    work = work_of(campaign)
    assert [person.pseudonym for person in work.people] == ["ann", "bea", "cem", "dov", "odd-one"]
    seconds = work.sheets.seconds
    assert seconds[:, 4] == pytest.approx(2, abs=0.01)
    assert seconds[:, :4].min() >= 59
    rows = signals_by_name(campaign)
    ann, odd = rows["ann"].signals, rows["odd-one"].signals
    assert ann.items == ITEMS
    assert odd.agreement.by_question["realism"].value == 0
    assert ann.agreement.by_question["realism"].value == 1
    assert {reason.signal for reason in rows["odd-one"].reasons} >= {"impossible speed", "pace"}
    assert not rows["ann"].reasons


def test_signals_are_worked_out_again_when_something_is_submitted_and_else_kept(
    campaign, django_assert_max_num_queries
):
    signals_in(campaign)
    with django_assert_max_num_queries(8):
        assert len(signals_in(campaign)) == 5
    item = ItemFactory(campaign=campaign)
    labelled(item, Participant.objects.get(campaign=campaign, pseudonym="ann"))
    assert signals_by_name(campaign)["ann"].signals.items == ITEMS + 1


def test_an_item_answered_without_a_connection_has_no_time(campaign):
    one = Assignment.objects.filter(participant__pseudonym="ann").first()
    Assignment.objects.filter(pk=one.pk).update(leased_at=one.submitted_at, lease_until=one.submitted_at)
    assert signals_by_name(campaign)["ann"].signals.times_unknown == 1


def test_leaving_somebody_out_changes_the_estimates_and_taking_them_back_changes_them_again(campaign):
    """At once, and both ways: agreement, and what had been written down."""
    Job.objects.create(
        study=campaign.study,
        kind="annotation.decide",
        subject=f"campaign {campaign.pk}",
        parameters={"campaign": campaign.pk, "minimum": 5},
    )
    decide_items(campaign, [item.pk for item in campaign.items.all()], minimum=5)
    decided = Decision.objects.filter(item__campaign=campaign).count()
    assert decided == ITEMS * 8
    odd = Participant.objects.get(campaign=campaign, pseudonym="odd-one")
    before = Figures(campaign).so_far().measured.alpha.value
    assert exclude(odd, reason="Two seconds an item.", by=campaign.study.created_by) == ITEMS
    assert set(campaign.items.values_list("open_slots", flat=True)) == {1}
    assert Annotation.objects.filter(assignment__participant=odd).count() == ITEMS * 8
    without = Figures(Campaign.objects.get(pk=campaign.pk)).so_far().measured.alpha.value
    assert without > before
    # Five labels were asked for, and only four count now.
    assert not Decision.objects.filter(item__campaign=campaign).exists()
    assert include(odd, by=None) == ITEMS
    assert Figures(Campaign.objects.get(pk=campaign.pk)).so_far().measured.alpha.value == pytest.approx(before)
    assert Decision.objects.filter(item__campaign=campaign).count() == decided
    steps = ExclusionStep.objects.filter(participant=odd).order_by("pk").values_list("excluded", "reason")
    assert list(steps) == [(True, "Two seconds an item."), (False, "")]


def test_somebody_left_out_is_no_other_to_anybody(campaign):
    """Two say the contrary of three; left out, the two are still compared with the three, and the three with one another alone."""
    dov = Participant.objects.get(campaign=campaign, pseudonym="dov")
    mine = Annotation.objects.filter(assignment__participant=dov, question="realism")
    no = list(mine.filter(answer=NO).values_list("pk", flat=True))
    mine.exclude(pk__in=no).update(answer=NO)
    mine.filter(pk__in=no).update(answer="yes")
    assert signals_by_name(campaign)["ann"].signals.agreement.by_question["realism"].n == 0  # two against two
    for name in ("dov", "odd-one"):
        exclude(Participant.objects.get(campaign=campaign, pseudonym=name), reason="Clicks.", by=None)
    rows = signals_by_name(campaign)
    assert rows["ann"].signals.agreement.by_question["realism"].value == 1
    assert rows["dov"].signals.agreement.by_question["realism"].value == 0


def test_an_exclusion_needs_a_reason_and_done_twice_is_one(campaign):
    odd = Participant.objects.get(campaign=campaign, pseudonym="odd-one")
    with pytest.raises(InvalidInput, match="why"):
        exclude(odd, reason="  ", by=None)
    assert exclude(odd, reason="Clicks.", by=None) == ITEMS
    assert exclude(odd, reason="Clicks at random.", by=None) == 0
    assert odd.excluded_reason == "Clicks at random."
    assert ExclusionStep.objects.count() == 1


def test_by_page_a_researcher_sees_why_and_leaves_somebody_out(client: Client, campaign):
    study = campaign.study
    client.force_login(member(study, Role.RESEARCHER))
    table = client.get(reverse("annotation:people", args=[study.slug, "check"])).content.decode()
    assert "1 of 5 is worth a look" in " ".join(table.split())
    address = reverse("annotation:person", args=[study.slug, "check", "odd-one"])
    shown = client.get(address).content.decode()
    assert "faster than anybody can skim" in shown
    done = client.post(f"{address}exclude/", {"reason": "Clicks."}, follow=True).content.decode()
    assert "12 places on items are free" in " ".join(done.split())
    assert "Left out: Clicks." in done
    back = client.post(f"{address}include/", {}, follow=True).content.decode()
    assert "12 submissions count again" in back


def test_only_who_runs_the_pipeline_leaves_anybody_out(client: Client, campaign):
    address = reverse("annotation:exclude_person", args=[campaign.study.slug, "check", "ann"])
    for role in (Role.VIEWER, Role.ANNOTATOR):
        client.force_login(member(campaign.study, role))
        assert client.post(address, {"reason": "x"}).status_code == 404
    client.force_login(member(StudyFactory(), Role.OWNER))
    assert client.post(address, {"reason": "x"}).status_code == 404
    assert not Participant.objects.filter(excluded=True).exists()


def test_by_command(campaign, capsys):
    named = {"study": campaign.study.slug, "campaign": "check"}
    call_command("exclude_annotator", annotator="odd-one", reason="Clicks.", **named)
    assert "12 slots are free" in capsys.readouterr().out
    call_command("exclude_annotator", annotator="odd-one", undo=True, **named)
    assert "12 submissions count again" in capsys.readouterr().out
    with pytest.raises(CommandError, match="ann, bea"):
        call_command("exclude_annotator", annotator="nobody", reason="x", **named)


def test_the_table_of_a_campaign_asks_no_more_queries_for_more_people(
    client: Client, campaign, django_assert_max_num_queries
):
    client.force_login(member(campaign.study, Role.VIEWER))
    address = reverse("annotation:people", args=[campaign.study.slug, "check"])
    client.get(address)
    for number in range(20):
        labelled(campaign.items.first(), ParticipantFactory(campaign=campaign, pseudonym=f"more-{number:02}"))
    with django_assert_max_num_queries(28):
        assert client.get(address).status_code == 200


def test_before_anybody_has_submitted_anything_the_page_says_so(client: Client, dataset):
    empty = CampaignFactory(dataset=dataset, slug="empty", items=1)
    client.force_login(member(empty.study, Role.VIEWER))
    page = client.get(reverse("annotation:people", args=[empty.study.slug, "empty"])).content.decode()
    assert "No work yet" in page
