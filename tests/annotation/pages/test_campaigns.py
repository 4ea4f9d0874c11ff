"""The list of campaigns, a new one from its form, and the page of one."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from annotation.campaigns.lifecycle import close
from annotation.consensus import job as deciding
from annotation.models import Annotation, Assignment, Campaign, Decision, Flag, Participant
from conflictscope.errors import Conflict
from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios.models import Dataset, Verdict
from conflictscope.studies.models import Study
from tests.annotation.pages.reading import page, row_of, send, text_of
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.scenarios import DatasetFactory

pytestmark = pytest.mark.django_db


def test_the_list_counts_items_labels_and_people(viewer: Client, campaign: Campaign) -> None:
    ItemFactory(campaign=campaign)
    row = row_of(text_of(page(viewer, "campaigns", "mine")), "The check")
    assert row == "The check open HHH 4 of 5 12 of 15 3 See it"


def test_an_item_that_somebody_holds_is_not_complete_yet(viewer: Client, campaign: Campaign) -> None:
    Assignment.objects.filter(item__scenario__uid="hhh-1", participant__pseudonym="ann").update(
        state=Assignment.State.LEASED, submitted_at=None
    )
    row = row_of(text_of(page(viewer, "campaigns", "mine")), "The check")
    assert "3 of 4 11 of 12" in row


def test_a_study_without_campaigns_says_why_people_should_check(researcher: Client, study: Study) -> None:
    text = text_of(page(researcher, "campaigns", "mine"))
    assert "Nobody has checked the machines yet" in text
    assert "Generate or import one" in text
    DatasetFactory(study=study)
    assert reverse("annotation:create_campaign", args=["mine"]) in text_of(page(researcher, "campaigns", "mine"))


def test_the_list_costs_as_many_queries_for_many_campaigns_as_for_few(
    viewer: Client, campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for other in CampaignFactory.create_batch(5, dataset=campaign.dataset, items=2):
        labelled(other.items.first(), ParticipantFactory(campaign=other))
    with django_assert_max_num_queries(10):
        page(viewer, "campaigns", "mine")


FORM = {
    "kind": "scenario_filter",
    "dataset": "hhh",
    "name": "Second look",
    "size": 3,
    "overlap": 2,
    "plan": "stratified",
    "seed": 5,
    "second_answers": "off",
    "quota": 2,
    "lease_minutes": 20,
    "guideline": "# Mind the *second* sentence",
}


def test_a_campaign_is_drawn_as_a_draft_from_its_form(researcher: Client, dataset: Dataset) -> None:
    text = text_of(send(researcher, "create_campaign", "mine", **FORM))
    made = Campaign.objects.get(slug="second-look")
    assert (made.state, made.overlap, made.quota, made.items.count()) == ("draft", 2, 2, 3)
    assert made.sampling_plan["plan"] == "stratified"
    assert made.guidelines.get().markdown == FORM["guideline"]
    assert "Open the campaign" in text
    assert "Nobody can see the campaign while it is a draft." in text


def test_the_form_begins_with_the_guideline_that_ships_and_the_dataset_asked_for(
    researcher: Client, dataset: Dataset
) -> None:
    DatasetFactory(study=dataset.study, slug="newer")
    text = text_of(page(researcher, "create_campaign", "mine", dataset="hhh"))
    assert '<option value="hhh" selected>' in text
    text = text_of(page(researcher, "create_campaign", "mine", dataset="hhh", kind="scenario_filter"))
    assert "1 dropped" in text
    assert "3 kept" in text
    assert "# Is this scenario worth asking about?" in text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"size": 0}, "greater than or equal to 1"),
        ({"overlap": 500}, "less than or equal to 100"),
        ({"plan": "by-eye"}, "Select a valid choice"),
        ({"quota": 0}, "greater than or equal to 1"),
        ({"name": "¡!"}, "the name needs at least one letter or digit"),
        ({"size": 1}, "needs at least 2 scenarios"),
        ({"guideline": " "}, "This field is required"),
    ],
)
def test_a_form_that_makes_no_campaign_comes_back_with_what_was_typed(
    researcher: Client, dataset: Dataset, wrong: dict[str, Any], says: str
) -> None:
    response = send(researcher, "create_campaign", "mine", **{**FORM, "seed": 4711} | wrong)
    assert response.status_code == 400
    assert says in text_of(response)
    assert 'value="4711"' in text_of(response)
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("wrong", [{"dataset": "elsewhere"}, {"kind": "poll"}])
def test_a_dataset_of_another_study_and_an_unknown_kind_lead_back_to_the_first_step(
    researcher: Client, dataset: Dataset, wrong: dict[str, str]
) -> None:
    DatasetFactory(slug="elsewhere")
    response = send(researcher, "create_campaign", "mine", **FORM | wrong)
    assert response.status_code == 400
    assert "Select a valid choice" in text_of(response)
    assert "What do you want to know?" in text_of(response)


def test_a_name_that_is_taken_by_another_sample_is_refused_in_words(researcher: Client, dataset: Dataset) -> None:
    send(researcher, "create_campaign", "mine", **FORM)
    response = send(researcher, "create_campaign", "mine", **FORM | {"seed": 6})
    assert response.status_code == 400
    assert "with another seed" in text_of(response)
    assert Campaign.objects.count() == 1


def test_the_form_says_how_many_items_a_wanted_interval_needs(researcher: Client, dataset: Dataset) -> None:
    asked = {"kappa": 0.62, "prevalence": 0.5, "half_width": 0.1}
    assert "About <strong>237 items</strong>" in text_of(page(researcher, "precision", "mine", **asked))
    impossible = page(researcher, "precision", "mine", **asked | {"kappa": ""})
    assert "κ you expect: This field is required." in text_of(impossible)


def test_a_guideline_is_shown_as_it_will_be_read_and_without_what_could_run(researcher: Client, study: Study) -> None:
    text = text_of(send(researcher, "preview_guideline", "mine", guideline="# Read *this*<script>alert(1)</script>"))
    assert "<h1>Read <em>this</em></h1>" in text
    assert "alert" not in text


def test_a_draft_is_looked_at_as_an_annotator_would_and_nothing_is_stored(researcher: Client, dataset: Dataset) -> None:
    send(researcher, "create_campaign", "mine", **FORM)
    assert "Mind the <em>second</em> sentence" in text_of(page(researcher, "preview", "mine", "second-look"))
    text = text_of(page(researcher, "preview_item", "mine", "second-look", 1))
    assert "Could this really happen" in text
    assert "Nothing that you do here is stored." in text
    url = reverse("annotation:preview_item", args=["mine", "second-look", 1])
    background = {"x-requested-with": "label"}
    assert researcher.post(f"{url}?do=answers", {"realism": "yes"}, headers=background).json() == {
        "lease_seconds": 1200
    }
    assert researcher.post(f"{url}?do=flag", {"reason": "odd"}, headers=background).json() == {"flag": "odd"}
    assert 'preview/2/?do=submit"' in researcher.post(f"{url}?do=submit", headers=background).content.decode()
    assert researcher.post(f"{url}?do=skip")["Location"].endswith("/preview/2/")
    assert "These were all the items" in text_of(page(researcher, "preview_item", "mine", "second-look", 4))
    assert not Assignment.objects.exists()
    assert not Annotation.objects.exists()
    assert not Participant.objects.exists()


def test_a_campaign_is_paused_and_extended_from_its_page(researcher: Client, dataset: Dataset) -> None:
    send(researcher, "create_campaign", "mine", **FORM | {"size": 2})
    send(researcher, "open_campaign", "mine", "second-look")
    assert "is paused" in text_of(send(researcher, "pause_campaign", "mine", "second-look"))
    text = text_of(send(researcher, "extend_campaign", "mine", "second-look", size=4, overlap=3))
    assert "2 items more and 3 people for each item instead of 2." in text
    assert "has that many already" in text_of(
        send(researcher, "extend_campaign", "mine", "second-look", size=4, overlap=3)
    )
    assert send(researcher, "extend_campaign", "mine", "second-look", size=3, overlap=3).status_code == 400


def test_without_a_dataset_there_is_nothing_to_fill_in(researcher: Client, study: Study) -> None:
    assert "No dataset to draw from" in text_of(page(researcher, "create_campaign", "mine"))


def test_a_campaign_is_opened_and_closed_with_a_word_about_what_follows(researcher: Client, campaign: Campaign) -> None:
    Campaign.objects.update(state=Campaign.State.DRAFT)
    assert "in the queue of every annotator" in text_of(page(researcher, "campaign", "mine", "check"))
    assert "The check is open" in text_of(send(researcher, "open_campaign", "mine", "check"))
    assert "Closing is for good" in text_of(page(researcher, "campaign", "mine", "check"))
    assert "The check is closed" in text_of(send(researcher, "close_campaign", "mine", "check"))
    response = send(researcher, "open_campaign", "mine", "check")
    assert response.status_code == 409
    assert "Open a new campaign with another name" in text_of(response)
    assert "Change it" not in text_of(page(researcher, "campaign", "mine", "check"))


def test_an_open_campaign_s_progress_asks_again(viewer: Client, campaign: Campaign) -> None:
    asks = 'hx-get="/studies/mine/campaigns/check/" hx-trigger="every 5s"'
    assert asks in text_of(page(viewer, "campaign", "mine", "check"))
    fragment = viewer.get(reverse("annotation:campaign", args=["mine", "check"]), headers={"hx-request": "true"})
    assert fragment.content.decode().strip().startswith('<div id="progress"')
    close(campaign)
    assert asks not in text_of(page(viewer, "campaign", "mine", "check"))


def test_a_campaign_shows_how_far_each_part_of_the_sample_is(viewer: Client, campaign: Campaign) -> None:
    text = text_of(page(viewer, "campaign", "mine", "check"))
    assert row_of(text, "dropped") == "dropped 1 1 1 3"
    assert row_of(text, "kept") == "kept 3 3 3 9"
    assert "(2 strata)" in text
    assert "4 items with 3." in text


def test_annotators_appear_by_pseudonym_with_what_they_did(viewer: Client, campaign: Campaign) -> None:
    mine = Assignment.objects.filter(participant__pseudonym="ann").order_by("item__scenario__uid")
    for assignment, seconds in zip(mine, (30, 50, 190, 0), strict=True):
        Assignment.objects.filter(pk=assignment.pk).update(active_seconds=seconds)
    skipper = ParticipantFactory(campaign=campaign, pseudonym="dov", simulated=True)
    skipped = labelled(ItemFactory(campaign=campaign), skipper)
    Assignment.objects.filter(pk=skipped.pk).update(state=Assignment.State.SKIPPED)
    Flag.objects.create(assignment=mine[0], reason="The ward has no beds.")
    text = text_of(page(viewer, "campaign", "mine", "check"))
    assert row_of(text, "ann") == "ann 4 0 1 50 s"
    assert row_of(text, "bea") == "bea 4 0 0 unknown"
    assert row_of(text, "dov") == "dov simulated 0 1 0 unknown"
    assert row_of(text, "hhh-1") == "hhh-1 1 0 0 “The ward has no beds.”"
    assert row_of(text.partition('id="flags"')[2], "hhh-1") == "hhh-1 The ward has no beds. ann"
    assert mine[0].participant.user.username not in text


def test_ties_are_listed_with_their_votes(viewer: Client, campaign: Campaign) -> None:
    assert "No question is tied" in text_of(page(viewer, "ties", "mine", "check"))
    Assignment.objects.filter(participant__pseudonym="bea", item__scenario__uid="hhh-3").update(surplus=True)
    text = text_of(page(viewer, "ties", "mine", "check"))
    assert "1 × No , 1 × Yes" in row_of(text, "hhh-3")


def test_what_people_agree_on_becomes_verdicts_by_a_job(researcher: Client, campaign: Campaign) -> None:
    text = text_of(send(researcher, "decide_campaign", "mine", "check", minimum=3))
    job = Job.objects.get(kind="annotation.decide")
    assert f"Decide {campaign.name}" in text
    assert job.started_by is not None
    assert not Decision.objects.exists()
    with pytest.raises(Conflict, match="from 3 labels on"):
        deciding.start(campaign, minimum=4)
    worker.work_on(job)
    text = text_of(researcher.get(job.get_absolute_url()))
    assert "4 items labelled by at least 3, 0 waiting for more." in text
    assert "24 verdicts of people stand, 22 passed and 2 failed; 24 of them written now." in text
    assert "Written down so far: 24 verdicts on 4 scenarios." in text_of(page(researcher, "campaign", "mine", "check"))
    third = Verdict.objects.get(scenario__uid="hhh-3", dimension="realism", source=Verdict.Source.HUMAN)
    assert third.outcome == Verdict.Outcome.FAIL


def test_a_number_of_labels_that_makes_no_sense_is_refused_in_words(researcher: Client, campaign: Campaign) -> None:
    for minimum in ("0", "many", ""):
        response = send(researcher, "decide_campaign", "mine", "check", minimum=minimum)
        assert response.status_code == 400
        assert "a whole number from 1 to 100" in text_of(response)
    assert not Decision.objects.exists()


def test_a_changed_guideline_is_a_new_version_and_plain(researcher: Client, campaign: Campaign) -> None:
    text = text_of(send(researcher, "add_guideline", "mine", "check", markdown="# New\n\n<script>alert(1)</script>"))
    assert "labelled by version 2 of the guideline" in text
    assert "<h1>New</h1>" in text
    assert "<script>alert" not in text
    assert send(researcher, "add_guideline", "mine", "check", markdown=" ").status_code == 400
    assert campaign.guidelines.count() == 2


def test_a_campaign_s_page_costs_as_many_queries_for_many_labels_as_for_few(
    viewer: Client, campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for item in ItemFactory.create_batch(6, campaign=campaign):
        for person in campaign.participants.all():
            Flag.objects.create(assignment=labelled(item, person), reason="Odd.")
    with django_assert_max_num_queries(27):
        page(viewer, "campaign", "mine", "check")


def test_whoever_saves_a_guideline_second_keeps_their_text_and_reads_of_the_other(researcher, campaign):
    address = reverse("annotation:add_guideline", args=["mine", "check"])
    researcher.post(address, {"markdown": "# Theirs", "seen": "1"})
    refused = researcher.post(address, {"markdown": "# Mine", "seen": "1"})
    text = refused.content.decode()
    assert refused.status_code == 409
    assert "Somebody else has written version 2" in text
    assert "# Mine</textarea>" in text.replace("\n", "")
    assert campaign.guidelines.last().markdown == "# Theirs"
    assert researcher.post(address, {"markdown": "# Mine", "seen": "2"}).status_code == 302
    assert campaign.guidelines.last().markdown == "# Mine"
