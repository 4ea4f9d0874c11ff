"""Agreement to take away: pictures, tables in three formats, groups of items, the words for a paper, and snapshots that stay."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from annotation.agreement.report import DIVISIONS, by_group, group_table
from annotation.agreement.snapshots import check, digest_of, keep, tables_in
from annotation.agreement.tables import subjects_of
from annotation.models import AgreementSnapshot, Annotation, Campaign
from conflictscope.errors import Conflict
from conflictscope.scenarios.models import Judge, Scenario
from evaluation.models import Occasion
from tests.annotation.pages.reading import page, text_of
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled, labelled_at_once
from tests.factories.scenarios import JudgeFactory, ScenarioFactory, judged

pytestmark = pytest.mark.django_db


def test_the_report_has_pictures_tables_and_words(viewer: Client, campaign: Campaign) -> None:
    other = JudgeFactory(name="second-judge")
    for item in campaign.items.select_related("scenario"):
        judged(item.scenario, other)
    text = text_of(page(viewer, "report", "mine", "check"))
    for words in ("Judges and people in The check", "Rater against rater on all six", "by pair of values", "by domain"):
        assert words in text
    assert "4 of 4 items were labelled by 3 people, up to 3 each, 12 sheets in all" in text
    assert "second-judge" in text
    assert page(viewer, "report_chart", "mine", "check", "judges").headers["Content-Type"] == "image/svg+xml"
    csv = page(viewer, "report_chart", "mine", "check", "raters", format="csv", dimension="realism").content.decode()
    assert "ann" in csv
    assert page(viewer, "report_chart", "mine", "check", "times").status_code == 404  # nobody's time is known
    assert page(viewer, "report", "mine", "check", judge="nobody").status_code == 404


def test_every_table_comes_as_csv_markdown_and_latex(viewer: Client, campaign: Campaign) -> None:
    heads = {"csv": "Judge,", "md": "| Judge |", "tex": "\\toprule"}
    for wanted, begins in heads.items():
        assert begins in page(viewer, "report_table", "mine", "check", "judges", format=wanted).content.decode()
    assert "Template" in page(viewer, "report_table", "mine", "check", "by-template").content.decode()
    assert page(viewer, "report_table", "mine", "check", "by-weather").status_code == 404


def test_small_groups_are_put_together_and_said_to_be(campaign: Campaign) -> None:
    dataset, judge = campaign.dataset, campaign.dataset.primary_judge
    assert judge is not None
    first = dataset.scenarios.first()
    made = Scenario.objects.bulk_create(
        Scenario(
            dataset=dataset,
            uid=f"more-{number}",
            value_1=first.value_1,
            value_2=first.value_2,
            description="More.",
            action_1="A.",
            action_2="B.",
            status=Scenario.Status.KEPT,
            domain="school" if number < 22 else f"rare {number}",
        )
        for number in range(25)
    )
    items = {ItemFactory(campaign=campaign, scenario=judged(scenario, judge)): {} for scenario in made}
    labelled_at_once(ParticipantFactory(campaign=campaign), items)
    realism = next(subject for subject in subjects_of(campaign) if subject.key == "realism")
    domain = next(each for each in DIVISIONS if each.key == "domain")
    found = by_group(campaign, judge, realism, domain)
    assert [(row.label, row.agreement.scenarios) for row in found.rows] == [("school", 22), ("others", 7)]
    table = group_table(campaign, judge, realism, domain)
    assert "4 groups of fewer than 20 scenarios each are put together" in table.note
    assert "none given, rare 22, rare 23, rare 24" in table.note


def test_a_snapshot_stays_and_says_whether_it_still_comes_out(researcher: Client, campaign: Campaign) -> None:
    address = reverse("annotation:keep_snapshot", args=["mine", "check"])
    first = researcher.post(address).url  # type: ignore[attr-defined]
    assert researcher.post(address).url == first  # type: ignore[attr-defined]
    kept = AgreementSnapshot.objects.get()
    assert check(kept).same
    assert tables_in(kept)[0].rows[0][1] == "Realism"
    assert "every number is the same" in text_of(researcher.get(first, {"check": ""}))
    assert (
        "\\toprule"
        in page(researcher, "snapshot_table", "mine", "check", kept.pk, "judges", format="tex").content.decode()
    )
    Annotation.objects.filter(question="realism", assignment__participant__pseudonym="cem").update(answer="no")
    assert "The data has moved on" in text_of(researcher.get(first, {"check": ""}))
    before = kept.results
    keep(campaign)
    kept.refresh_from_db()
    assert (AgreementSnapshot.objects.count(), kept.results) == (2, before)


def test_what_a_judge_says_when_asked_again_is_of_what_a_snapshot_rests_on(campaign: Campaign) -> None:
    before = digest_of(campaign)
    judge = campaign.dataset.primary_judge
    Occasion.objects.create(judge=judge, dataset=campaign.dataset, about=Occasion.About.SCENARIOS, samples=2)
    assert digest_of(campaign) != before


def test_nothing_to_take_away_is_said(researcher: Client, campaign: Campaign) -> None:
    empty = CampaignFactory(dataset=campaign.dataset, study=campaign.study, slug="empty")
    assert "No labels yet" in text_of(page(researcher, "report", "mine", "empty"))
    with pytest.raises(Conflict, match="nothing to keep yet"):
        keep(empty)
    unjudged = CampaignFactory(slug="people-alone")
    labelled(
        ItemFactory(campaign=unjudged, scenario=ScenarioFactory(dataset=unjudged.dataset)),
        ParticipantFactory(campaign=unjudged),
    )
    assert not Judge.objects.filter(verdicts__scenario__dataset=unjudged.dataset).exists()
    with pytest.raises(Conflict, match="nothing to keep yet"):
        keep(unjudged)
