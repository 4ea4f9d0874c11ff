"""The pages of campaigns and agreement: what they show, to whom, and at what cost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from annotation.campaigns import close
from annotation.compared import ALL
from annotation.models import Annotation, Assignment, Campaign, Decision, Flag, Item, Participant
from conflictscope.llm.models import Endpoint
from conflictscope.scenarios.dimensions import NO
from conflictscope.scenarios.models import Dataset, Verdict
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import StudyFactory, UserFactory, member

pytestmark = pytest.mark.django_db


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


def page(client: Client, name: str, *args: object, **query: str) -> Any:
    return client.get(reverse(f"annotation:{name}", args=args), query)


def send(client: Client, view: str, /, *args: object, **data: Any) -> Any:
    return client.post(reverse(f"annotation:{view}", args=args), data, follow=True)


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def row_of(text: str, name: str) -> str:
    """The row of a table that has this heading, as words."""
    found = next(row for row in re.findall(r"<tr>.*?</tr>", text) if re.search(rf"<th scope=\"row\".*?{name}", row))
    return " ".join(re.sub(r"<[^>]*>", " ", found).split())


PAGES = [
    ("campaigns", ()),
    ("campaign", ("check",)),
    ("agreement", ()),
    ("agreement_chart", ("check",)),
    ("agreement_items", ("check", ALL)),
    ("scenario_labels", ("hhh", "hhh-1")),
]
CHANGES = [
    ("create_campaign", ()),
    ("open_campaign", ("check",)),
    ("close_campaign", ("check",)),
    ("add_guideline", ("check",)),
]


@pytest.mark.parametrize(("name", "rest"), PAGES)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADJUDICATOR, Role.RESEARCHER, Role.OWNER])
def test_who_may_see_a_study_sees_its_campaigns(
    client: Client, study: Study, campaign: Campaign, name: str, rest: tuple[str, ...], role: str
) -> None:
    client.force_login(member(study, role))
    assert page(client, name, "mine", *rest).status_code == 200


@pytest.mark.parametrize(("name", "rest"), [*PAGES, ("create_campaign", ())])
def test_an_annotator_and_a_stranger_are_told_that_there_is_nothing(
    client: Client, study: Study, campaign: Campaign, name: str, rest: tuple[str, ...]
) -> None:
    for person in (member(study, Role.ANNOTATOR), UserFactory()):
        client.force_login(person)
        assert page(client, name, "mine", *rest).status_code == 404


@pytest.mark.parametrize(("name", "rest"), PAGES)
def test_nobody_sees_anything_without_logging_in(
    client: Client, campaign: Campaign, name: str, rest: tuple[str, ...]
) -> None:
    assert page(client, name, "mine", *rest)["Location"].startswith(reverse("login"))


@pytest.mark.parametrize(("name", "rest"), CHANGES)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADJUDICATOR, Role.ANNOTATOR])
def test_only_who_runs_the_pipeline_may_change_a_campaign(
    client: Client, study: Study, campaign: Campaign, name: str, rest: tuple[str, ...], role: str
) -> None:
    client.force_login(member(study, role))
    assert send(client, name, "mine", *rest, markdown="Anything").status_code == 404
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.OPEN
    assert campaign.guidelines.count() == 1


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 404), (Role.ANNOTATOR, 404), (Role.ADJUDICATOR, 200)])
def test_only_who_settles_disagreements_may_write_down_what_people_agree_on(
    client: Client, study: Study, campaign: Campaign, role: str, status: int
) -> None:
    client.force_login(member(study, role))
    assert send(client, "decide_campaign", "mine", "check", minimum=3).status_code == status
    assert Decision.objects.exists() == (status == 200)


def test_a_viewer_finds_no_button_that_would_not_work(viewer: Client, campaign: Campaign) -> None:
    texts = [text_of(page(viewer, "campaigns", "mine")), text_of(page(viewer, "campaign", "mine", "check"))]
    for button in ("New campaign", "Close the campaign", "Write down", "Change it"):
        assert button not in "".join(texts)


def test_campaigns_and_items_of_another_study_are_not_found(viewer: Client, campaign: Campaign) -> None:
    elsewhere = CampaignFactory(slug="elsewhere")
    assert page(viewer, "campaign", "mine", "elsewhere").status_code == 404
    assert page(viewer, "agreement", "mine", campaign="elsewhere").status_code == 404
    assert page(viewer, "campaign", elsewhere.study.slug, "elsewhere").status_code == 404


# --- the list ---


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


# --- a new one ---

FORM = {
    "kind": "scenario_filter",
    "dataset": "hhh",
    "name": "Second look",
    "size": 3,
    "overlap": 2,
    "plan": "stratified",
    "seed": 5,
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


# --- one campaign ---


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


def test_what_people_agree_on_becomes_verdicts(researcher: Client, campaign: Campaign) -> None:
    text = text_of(send(researcher, "decide_campaign", "mine", "check", minimum=3))
    assert "24 verdicts of people stand, 22 passed and 2 failed, on 4 items. 24 are new or changed." in text
    assert "Written down so far: 24 verdicts on 4 scenarios." in text
    third = Verdict.objects.get(scenario__uid="hhh-3", dimension="realism", source=Verdict.Source.HUMAN)
    assert third.outcome == Verdict.Outcome.FAIL
    again = text_of(send(researcher, "decide_campaign", "mine", "check", minimum=4))
    assert "4 items have fewer than 4 labels and were left for later." in again


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
    with django_assert_max_num_queries(26):
        page(viewer, "campaign", "mine", "check")


# --- agreement ---


def test_agreement_has_its_counts_and_leads_back_to_the_items(viewer: Client, campaign: Campaign) -> None:
    text = text_of(page(viewer, "agreement", "mine"))
    row = row_of(text, "Realism")
    # Judge: pass pass pass fail; people: pass pass fail fail. Raw 3/4; chance 1/2·3/4 + 1/2·1/4 = 1/2, so kappa is 1/2.
    assert row.startswith("Realism 4 75 %")
    assert "0.50 [" in row
    assert row.endswith("1 0 0")
    assert 'src="/studies/mine/agreement/check/chart/' in text
    behind = "/studies/mine/agreement/check/items/realism/?judge=pass&amp;people=fail"
    assert f'<a href="{behind}">1</a>' in text
    items = text_of(viewer.get(behind.replace("&amp;", "&")))
    assert re.findall(r"hhh-\d(?=</a>)", items) == ["hhh-3"]
    assert "1 × pass, 2 × fail" in items


def test_every_number_of_a_table_has_as_many_items_behind_it(viewer: Client, campaign: Campaign) -> None:
    text = text_of(page(viewer, "agreement", "mine"))
    links = re.findall(r'href="(/studies/mine/agreement/check/items/[^"]*)">(\d+)<', text)
    assert len(links) > 7
    for address, number in links:
        rows = text_of(viewer.get(address.replace("&amp;", "&"))).count('<th scope="row"')
        assert rows == int(number), address


def test_the_judge_stands_against_each_person_beside_each_against_each(viewer: Client, campaign: Campaign) -> None:
    text = text_of(page(viewer, "agreement", "mine", dimension="realism"))
    # With cem the judge agrees on all four; with ann and bea on three.
    values = re.findall(r"(\d\.\d\d) \[", row_of(text, "Judge<"))
    assert values == ["0.50", "0.50", "1.00"]
    for rater in ("ann", "bea", "cem"):
        assert row_of(text, rater).count("–") == 1
    assert page(viewer, "agreement", "mine", dimension="beauty").status_code == 404


def test_unequal_chances_are_weighted_back_and_it_says_so(viewer: Client, campaign: Campaign) -> None:
    assert "weighted back" not in text_of(page(viewer, "agreement", "mine"))
    Item.objects.filter(scenario__uid="hhh-1").update(inclusion_probability=0.25)
    text = text_of(page(viewer, "agreement", "mine"))
    assert "weighted back to all 4 scenarios of HHH" in text
    # hhh-1 stands for four scenarios: 6 of 7 agree.
    assert row_of(text, "Realism").startswith("Realism 4 86 %")
    assert "Raw as drawn" in text


def test_an_unreadable_verdict_is_counted_and_listed(viewer: Client, campaign: Campaign) -> None:
    Verdict.objects.filter(scenario__uid="hhh-2", dimension="realism").update(outcome=Verdict.Outcome.UNPARSABLE)
    row = row_of(text_of(page(viewer, "agreement", "mine")), "Realism")
    assert row.startswith("Realism 3")
    assert row.endswith("1 0 1")
    items = text_of(page(viewer, "agreement_items", "mine", "check", "realism", show="unread"))
    assert re.findall(r"hhh-\d(?=</a>)", items) == ["hhh-2"]


def test_without_a_judge_people_are_compared_with_each_other(viewer: Client, campaign: Campaign) -> None:
    Dataset.objects.update(primary_judge=None)
    text = text_of(page(viewer, "agreement", "mine"))
    assert "No judge has filtered HHH" in text
    assert "undefined" in row_of(text, "Realism")


def test_without_labels_the_page_says_what_comes_first(viewer: Client, study: Study, dataset: Dataset) -> None:
    assert "Nothing to compare yet" in text_of(page(viewer, "agreement", "mine"))
    CampaignFactory(dataset=dataset, slug="fresh", items=1)
    assert "No labels yet" in text_of(page(viewer, "agreement", "mine"))
    assert page(viewer, "agreement_chart", "mine", "fresh").status_code == 404


def test_the_newest_campaign_with_labels_is_shown_unless_another_is_chosen(viewer: Client, campaign: Campaign) -> None:
    CampaignFactory(dataset=campaign.dataset, slug="fresh", name="Fresh one", items=1)
    text = text_of(page(viewer, "agreement", "mine"))
    assert '<a href="?campaign=check" aria-current="true">The check</a>' in text
    assert "No labels yet" in text_of(page(viewer, "agreement", "mine", campaign="fresh"))
    assert page(viewer, "agreement", "mine", campaign="none").status_code == 404


@pytest.mark.parametrize("query", [{"judge": "maybe"}, {"people": "maybe"}, {"show": "everything"}])
def test_a_list_that_makes_no_sense_is_answered_in_words(viewer: Client, campaign: Campaign, query: Any) -> None:
    assert page(viewer, "agreement_items", "mine", "check", "realism", **query).status_code == 400


def test_a_list_of_items_of_an_unknown_dimension_is_not_found(viewer: Client, campaign: Campaign) -> None:
    assert page(viewer, "agreement_items", "mine", "check", "beauty").status_code == 404
    empty = page(viewer, "agreement_items", "mine", "check", "realism", judge="fail", people="pass")
    assert "No such items" in text_of(empty)


def test_what_is_simulated_is_labelled_and_nothing_else(viewer: Client, campaign: Campaign) -> None:
    shown = [(name, rest) for name, rest in PAGES if name != "agreement_chart"]
    for name, rest in shown:
        assert "badge-simulated" not in text_of(page(viewer, name, "mine", *rest))
    campaign.participants.filter(pseudonym="ann").update(simulated=True)
    for name, rest in shown:
        assert "badge-simulated" in text_of(page(viewer, name, "mine", *rest)), name
    campaign.participants.update(simulated=False)
    Endpoint.objects.filter(judges=campaign.dataset.primary_judge).update(simulated=True)
    assert "badge-simulated" in text_of(page(viewer, "agreement", "mine"))


@pytest.mark.parametrize(("wanted", "kind"), [("svg", "image/svg+xml"), ("csv", "text/csv; charset=utf-8")])
def test_the_chart_comes_as_a_file(viewer: Client, campaign: Campaign, wanted: str, kind: str) -> None:
    response = page(viewer, "agreement_chart", "mine", "check", format=wanted, theme="dark", size="narrow")
    assert response["Content-Type"] == kind
    assert "Genuine dilemma" in response.content.decode()
    assert 'filename="agreement-check.' in response["Content-Disposition"]


def test_agreement_costs_as_many_queries_for_many_labels_as_for_few(
    viewer: Client, campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for item in ItemFactory.create_batch(6, campaign=campaign):
        for person in campaign.participants.all():
            labelled(item, person)
    with django_assert_max_num_queries(14):
        page(viewer, "agreement", "mine")
    with django_assert_max_num_queries(14):
        page(viewer, "agreement_items", "mine", "check", ALL)


# --- on a scenario's page ---


def test_a_scenario_shows_who_said_what_and_what_was_decided(viewer: Client, campaign: Campaign) -> None:
    Annotation.objects.filter(
        assignment__participant__pseudonym="bea", assignment__item__scenario__uid="hhh-3", question="realism"
    ).update(comment="No baker would.")
    text = text_of(page(viewer, "scenario_labels", "mine", "hhh", "hhh-3"))
    assert row_of(text, "Could this really happen") == (
        "Could this really happen, and would someone in it turn to an AI assistant? No No “No baker would.” Yes open"
    )
    assert "3 of 3 labels" in text
    CampaignFactory(dataset=campaign.dataset)
    lone = ScenarioFactory(dataset=campaign.dataset)
    assert "No campaign asks about this scenario." in text_of(page(viewer, "scenario_labels", "mine", "hhh", lone.uid))


def test_answers_that_are_not_submitted_are_nobody_s_business(viewer: Client, campaign: Campaign) -> None:
    held = Assignment.objects.filter(participant__pseudonym="bea", item__scenario__uid="hhh-3")
    held.update(state=Assignment.State.LEASED, submitted_at=None)
    assert "bea" not in text_of(page(viewer, "scenario_labels", "mine", "hhh", "hhh-3"))


def test_a_scenario_s_labels_cost_as_many_queries_for_many_people_as_for_few(
    viewer: Client, campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    item = campaign.items.get(scenario__uid="hhh-1")
    for _ in range(6):
        labelled(item, ParticipantFactory(campaign=campaign), surplus=True)
    with django_assert_max_num_queries(12):
        page(viewer, "scenario_labels", "mine", "hhh", "hhh-1")


# --- the label screen by plain forms, as a browser without JavaScript sends them ---


@pytest.fixture
def annotator(client: Client, campaign: Campaign) -> Client:
    """Has not read the guideline yet; three items have one free slot each for them."""
    client.force_login(member(campaign.study, Role.ANNOTATOR))
    Item.objects.exclude(scenario__uid="hhh-4").update(open_slots=1)
    return client


def label_screen(client: Client) -> Any:
    return page(client, "label", "mine", "check")


def form_of(response: Any) -> tuple[str, dict[str, str]]:
    """Where the form sends to, and its first answer to every question."""
    text = text_of(response)
    action = re.search(r'<form id="label-form" method="post" action="([^"]*)"', text)
    assert action is not None, text
    answers: dict[str, str] = {}
    for name, value in re.findall(r'<input type="radio" name="([^"]*)" value="([^"]*)"', text):
        answers.setdefault(name, value)
    return action[1], answers


def test_the_guideline_comes_before_the_first_item(annotator: Client) -> None:
    assert "I have read it: start labelling" in text_of(label_screen(annotator))
    text = text_of(send(annotator, "label_start", "mine", "check"))
    assert 'id="label-form"' in text
    assert '<strong id="progress-done">0</strong>' in text


def test_an_item_is_labelled_by_plain_forms_and_the_next_one_comes(annotator: Client, campaign: Campaign) -> None:
    send(annotator, "label_start", "mine", "check")
    action, answers = form_of(label_screen(annotator))
    assert len(answers) == 8
    response = annotator.post(action, answers | {"comment_realism": "I know such a bakery.", "active_seconds": "41"})
    assert response.status_code == 302
    done = Assignment.objects.exclude(participant__pseudonym__in=["ann", "bea", "cem"]).get(state="submitted")
    assert (done.annotations.count(), done.active_seconds) == (8, 41)
    assert done.annotations.get(question="realism").comment == "I know such a bakery."
    following = label_screen(annotator)
    assert '<strong id="progress-done">1</strong>' in text_of(following)
    assert form_of(following)[0] != action


def test_a_form_sent_twice_counts_once(annotator: Client) -> None:
    send(annotator, "label_start", "mine", "check")
    action, answers = form_of(label_screen(annotator))
    for _ in range(2):
        annotator.post(action, answers | {"active_seconds": "41"})
    done = Assignment.objects.exclude(participant__pseudonym__in=["ann", "bea", "cem"]).get(state="submitted")
    assert done.active_seconds == 41


def test_a_form_sent_again_with_other_answers_is_refused_in_words(annotator: Client) -> None:
    send(annotator, "label_start", "mine", "check")
    action, answers = form_of(label_screen(annotator))
    assert annotator.post(action, answers).status_code == 302
    other = "yes" if answers["realism"] == "no" else "no"
    response = annotator.post(action, answers | {"realism": other})
    assert response.status_code == 409
    assert "other answers, and those stand. To change them, open it from Latest." in text_of(response)
    assert annotator.post(action, answers).status_code == 302


def test_a_form_with_a_gap_comes_back_naming_it_and_keeps_the_rest(annotator: Client) -> None:
    send(annotator, "label_start", "mine", "check")
    action, answers = form_of(label_screen(annotator))
    del answers["impossibility"]
    response = annotator.post(action, answers)
    assert response.status_code == 422
    assert "Please answer question 5 too." in text_of(response)
    assert text_of(label_screen(annotator)).count(" checked") == 7


def test_an_answer_that_is_not_on_offer_is_refused_in_words(annotator: Client) -> None:
    send(annotator, "label_start", "mine", "check")
    action, answers = form_of(label_screen(annotator))
    response = annotator.post(action, answers | {"realism": "perhaps"})
    assert response.status_code == 400
    assert "realism: Choose one of: no, yes." in text_of(response)


def test_an_item_is_kept_for_later_flagged_and_skipped_by_plain_forms(annotator: Client) -> None:
    send(annotator, "label_start", "mine", "check")
    action, answers = form_of(label_screen(annotator))
    kept = annotator.post(action, {"realism": answers["realism"], "do": "save"}, follow=True)
    assert "Your answers are kept." in text_of(kept)
    assert form_of(kept)[0] == action
    flagged = annotator.post(action.replace("/submit/", "/flag/"), {"reason": "No such ward."}, follow=True)
    assert "Flagged: No such ward." in text_of(flagged)
    assert annotator.post(action.replace("/submit/", "/flag/"), {"reason": " "}).status_code == 400
    skipped = annotator.post(action.replace("/submit/", "/skip/"), {"reason": "I know them."}, follow=True)
    assert "1 skipped" in text_of(skipped)
    assert form_of(skipped)[0] != action


def test_when_all_is_labelled_the_screen_says_thank_you(annotator: Client, campaign: Campaign) -> None:
    response = send(annotator, "label_start", "mine", "check")
    for _ in range(3):
        action, answers = form_of(response)
        response = annotator.post(action, answers, follow=True)
    assert "That is all" in text_of(response)
    close(campaign)
    assert "The check is closed. Thank you" in text_of(label_screen(annotator))


def test_who_may_see_may_not_label(researcher: Client, campaign: Campaign) -> None:
    assert label_screen(researcher).status_code == 404
    assert send(researcher, "label_start", "mine", "check").status_code == 404
