"""A people's own order of values, and the targets beside it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from annotation.agreement.community import community_of
from annotation.models import Campaign
from conflictscope.errors import Conflict
from conflictscope.studies.permissions import Role
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.evaluation import JudgementFactory, RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory
from tests.factories.studies import member

pytestmark = pytest.mark.django_db
PER_PAIR = 10


@pytest.fixture
def campaign() -> Campaign:
    """Two people want the first value in 8 of 10 scenarios of a pair, and differ on one. One target does the same, another the opposite
    as its judge sees it; people who looked at every other of its conversations saw it do as the people want."""
    dataset = DatasetFactory(slug="hhh", study__slug="mine", name="HHH")
    made = CampaignFactory(
        study=dataset.study, dataset=dataset, slug="town", name="The town", kind="preference", overlap=2
    )
    first, second = ParticipantFactory.create_batch(2, campaign=made)
    like = RunFactory(dataset=dataset, target=TargetFactory(label="like-them"))
    unlike = RunFactory(dataset=dataset, target=TargetFactory(label="unlike-them"), talks=True)
    for n, scenario in enumerate(scenarios_for(dataset, PER_PAIR)):
        item = ItemFactory(campaign=made, scenario=scenario)
        wanted = n % PER_PAIR < 8
        labelled(item, first, {"preferred_action": "action_1" if wanted else "action_2"})
        labelled(item, second, {"preferred_action": "action_1" if wanted and n % PER_PAIR else "action_2"})
        answered(like, scenario, "value_1" if wanted else "value_2")
        response = answered(unlike, scenario, "value_2" if wanted else "value_1")
        if n % 2:
            JudgementFactory(response=response, human=True, choice="value_1" if wanted else "value_2")
    return made


def test_people_have_an_order_and_each_target_its_distance(campaign: Campaign) -> None:
    """Of ten scenarios of a pair people differ on one, so half a distance there: 0.05 from those who do as they want, 0.95 from the other;
    from each other 0.1. By people's word the other is near as well: on the labelled half no one differs."""
    found = community_of(campaign)
    ranks = {key: rank.value for key, rank in zip(found.ranking.values, found.ranking.ranks, strict=True)}
    assert (ranks["helpfulness"], ranks["harmlessness"]) == (1, 3)
    assert found.among.value == pytest.approx(0.1)
    near, far = found.distances
    assert (near.target, near.doing, near.distance.value) == ("like-them", "says", pytest.approx(0.05))
    assert (far.target, far.doing, far.distance.value) == ("unlike-them", "does", pytest.approx(0.95))
    assert near.corrected is None
    assert far.corrected is not None
    assert far.corrected.value == pytest.approx(0.0, abs=0.05)
    assert near.tau == 1
    assert far.tau == -1
    assert "Nearest is what like-them says: 5% of the time" in found.sentence


def test_the_pairs_and_scenarios_are_those_on_which_they_part(campaign: Campaign) -> None:
    found = community_of(campaign)
    assert len(found.pairs) == 3
    for pair in found.pairs:  # what targets do: people's 0.75 becomes 0.2
        assert pair.people.value == pytest.approx(0.75)
        assert pair.difference.value == pytest.approx(0.2 - 0.75)
        assert pair.difference.high < 0
    assert found.scenarios[0].apart == 1.0
    assert found.scenarios[0].people.startswith(("2 ", "0 "))


def test_what_people_answer_later_is_on_the_page_at_once(campaign: Campaign) -> None:
    before = community_of(campaign).among.value
    third = ParticipantFactory(campaign=campaign)
    for item in campaign.items.all()[:5]:
        labelled(item, third, {"preferred_action": "action_2"})
    assert community_of(campaign).among.value != before


def test_only_preferences_make_an_order(campaign: Campaign) -> None:
    other = CampaignFactory(study=campaign.study, dataset=campaign.dataset, slug="filter")
    with pytest.raises(Conflict, match="preference campaign"):
        community_of(other)


def test_the_page_shows_it_and_gives_it_away(client: Client, campaign: Campaign) -> None:
    client.force_login(member(campaign.study, Role.VIEWER))
    address = reverse("annotation:community", args=["mine", "town"])
    page = " ".join(client.get(address).content.decode().split())
    for words in (
        "Their own order of values: The town",
        "provisional",
        "unlike-them",
        "The scenarios on which they part most",
    ):
        assert words in page
    for table in ("order", "distances", "differences", "pairs"):
        for form in ("csv", "md", "tex"):
            assert client.get(f"{address}tables/{table}/", {"format": form}).status_code == 200
    assert client.get(f"{address}tables/nothing/").status_code == 404
    assert client.get(f"{address}chart/", {"format": "csv"}).content.decode().startswith("Target,In what it,Estimate")
    assert client.get(reverse("annotation:community", args=["mine", "nobody"])).status_code == 404
    assert (
        reverse("annotation:community", args=["mine", "town"])
        in client.get(reverse("annotation:so_far", args=["mine", "town"])).content.decode()
    )


def test_before_the_first_answer_it_says_so(client: Client, campaign: Campaign) -> None:
    CampaignFactory(study=campaign.study, dataset=campaign.dataset, slug="new", kind="preference")
    client.force_login(member(campaign.study, Role.VIEWER))
    assert (
        "Nobody has answered yet" in client.get(reverse("annotation:community", args=["mine", "new"])).content.decode()
    )


def test_programs_and_the_report_have_it_too(client: Client, campaign: Campaign) -> None:
    client.force_login(member(campaign.study, Role.VIEWER))
    told = client.get(reverse("api-community", args=[campaign.pk])).json()
    assert [table["name"] for table in told["tables"]] == ["order", "distances", "differences", "pairs"]
    assert told["tables"][1]["rows"][0][2]["value"] == pytest.approx(0.05)
    assert told["scenarios"][0]["apart"] == 1.0
    report = client.get(reverse("overview:report", args=["mine"])).content.decode()
    assert "The town: People put Helpfulness first." in report
    client.force_login(member(campaign.study, Role.ANNOTATOR))
    assert client.get(reverse("api-community", args=[campaign.pk])).status_code == 404
    assert client.get(reverse("annotation:community", args=["mine", "town"])).status_code == 404
