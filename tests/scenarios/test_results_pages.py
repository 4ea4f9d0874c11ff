"""The pages of duplicates and of filter results."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from conflictscope.jobs.models import Job
from conflictscope.scenarios.browsing.differences import differences
from conflictscope.scenarios.filtering.pass_rates import funnels_by_pair
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged, write_human_verdict
from tests.factories.studies import MembershipFactory

pytestmark = pytest.mark.django_db

PAGE = "/studies/mine/datasets/bakery/"
OUTLINE = "Mira runs the bakery. The assistant could finish her list."


@pytest.fixture
def dataset() -> Dataset:
    """One pair: a kept, b and c duplicates of it, e near; another pair: d dropped."""
    dataset = DatasetFactory(
        name="Bakery", slug="bakery", study__slug="mine", primary_judge=JudgeFactory(name="strict")
    )
    values = list(dataset.value_set_version.values.all())
    first = ScenarioFactory(dataset=dataset, uid="a", outline_context="Mira runs the bakery.", position=0)
    judged(first, dataset.primary_judge)
    for position, (uid, cosine) in enumerate({"b": 0.84, "c": 0.97, "e": 0.79}.items(), start=1):
        duplicate = cosine >= 0.8
        ScenarioFactory(
            dataset=dataset,
            uid=uid,
            outline_context="Mira runs the old <mill>.",
            status="duplicate" if duplicate else "drafted",
            duplicate_of=first if duplicate else None,
            nearest=first,
            similarity=cosine,
            position=position,
        )
    dropped = ScenarioFactory(dataset=dataset, uid="d", value_1=values[1], value_2=values[2], template="strong_harm")
    judged(dropped, dataset.primary_judge, realism="fail", specificity="fail")
    return dataset


@pytest.fixture
def seen(client: Client, dataset: Dataset) -> Client:
    client.force_login(dataset.study.created_by)
    return client


def shown(client: Client, query: str) -> str:
    return "".join(row.scenario.uid for row in client.get(f"{PAGE}duplicates/{query}").context["rows"])


@pytest.mark.parametrize(
    ("query", "uids"),
    [
        ("", "cb"),
        ("?sort=least", "bc"),
        ("?sort=newest", "cb"),
        ("?show=near", "e"),
        ("?pair=honesty~harmlessness", ""),
        ("?pair=&show=x&sort=x&page=x&threshold=x", "cb"),
    ],
)
def test_duplicates_stand_beside_their_twins(seen: Client, query: str, uids: str) -> None:
    assert shown(seen, query) == uids


def test_what_differs_is_marked_and_escaped(seen: Client) -> None:
    text = seen.get(f"{PAGE}duplicates/").text
    assert "Mira runs the <mark>old &lt;mill&gt;</mark>." in text
    assert "Mira runs the <mark>bakery</mark>." in text
    assert "cosine 0.970" in text


def test_differences_are_words_and_lose_nothing() -> None:
    mine, theirs = differences("The red kite, high.", "the blue kite high")
    assert [piece.text for piece in mine if piece.marked] == ["red"]
    assert [piece.text for piece in theirs if piece.marked] == ["blue"]
    assert "".join(piece.text for piece in mine) == "The red kite, high."
    assert "".join(piece.text for piece in theirs) == "the blue kite high"
    assert differences("", "x")[0] == []


def test_the_page_says_what_other_thresholds_would_make(seen: Client) -> None:
    response = seen.get(f"{PAGE}duplicates/?threshold=0.84")
    counts = dict(response.context["at_thresholds"])
    assert (counts[0.75], counts[0.8], counts[0.84], counts[0.85], counts[0.95]) == (3, 2, 2, 1, 1)
    chart = seen.get(f"{PAGE}duplicates/chart/?format=csv").content.decode()
    assert sum(int(line.rsplit(",", 1)[1]) for line in chart.splitlines()[1:]) == 3
    assert seen.get(f"{PAGE}duplicates/chart/").content.startswith(b"<svg")
    assert seen.get(f"{PAGE}duplicates/chart/?format=exe").status_code == 400


def test_where_nothing_was_compared_the_pages_say_so(client: Client) -> None:
    dataset = DatasetFactory()
    client.force_login(dataset.study.created_by)
    duplicates = client.get(f"{dataset.get_absolute_url()}duplicates/")
    assert "Nothing has been compared" in duplicates.text
    assert "No scenario is as near" not in duplicates.text
    results = client.get(f"{dataset.get_absolute_url()}results/")
    assert "No judge has filtered this dataset" in results.text
    for chart in ("duplicates/chart/", "results/rates/", "results/funnel/"):
        assert client.get(dataset.get_absolute_url() + chart).status_code == 404


def test_duplicates_that_a_file_brought_are_not_called_compared(client: Client) -> None:
    dataset = DatasetFactory(baseline=True)
    twin = ScenarioFactory(dataset=dataset)
    ScenarioFactory(dataset=dataset, status="duplicate", duplicate_of=twin)
    client.force_login(dataset.study.created_by)
    page = f"{dataset.get_absolute_url()}duplicates/"
    text = client.get(page).text
    assert "Nothing has been compared here yet" in text
    assert "were duplicates in the imported file" in text
    assert "cosine </strong>" not in text
    Scenario.objects.filter(pk=twin.pk).update(position=0)
    assert "No scenario has an earlier one to be compared with" in client.get(page).text


def test_without_value_pairs_a_dataset_is_compared_as_a_whole(client: Client) -> None:
    dataset = DatasetFactory(baseline=True)
    client.force_login(dataset.study.created_by)
    for page in ("duplicates/", "find-duplicates/"):
        assert "value pair" not in client.get(dataset.get_absolute_url() + page).text
    form = client.get(f"{dataset.get_absolute_url()}find-duplicates/").context["form"]
    assert form["scope"].value() == "dataset"
    ScenarioFactory(dataset=dataset)
    client.post(f"{dataset.get_absolute_url()}find-duplicates/", {"threshold": "0.9", "scope": "dataset"})
    assert Job.objects.get().parameters["scope"] == "dataset"


def test_messages_that_are_alike_stand_beside_each_other(client: Client) -> None:
    dataset = DatasetFactory(baseline=True)
    bare = dict.fromkeys(("outline_context", "outline_opportunity", "description", "action_1", "action_2"), "")
    twin = ScenarioFactory(dataset=dataset, uid="one", status="outlined", position=0, **bare)
    copy = ScenarioFactory(
        dataset=dataset, uid="two", status="duplicate", duplicate_of=twin, similarity=0.9, position=1, **bare
    )
    for scenario, text in ((twin, "May I borrow the flute?"), (copy, "May I borrow the lute?")):
        OpeningMessage.objects.create(scenario=scenario, source="imported", text=text, sample=0)
    client.force_login(dataset.study.created_by)
    for page in ("duplicates/", "scenarios/two/"):
        text = client.get(dataset.get_absolute_url() + page).text
        assert "May I borrow the <mark>flute</mark>?" in text
        assert "May I borrow the <mark>lute</mark>?" in text


def test_the_results_tell_what_drops_and_what_is_left(seen: Client, dataset: Dataset) -> None:
    response = seen.get(f"{PAGE}results/")
    assert {row.label: (row.rate.passed, row.failed) for row in response.context["rates"]}["Realism"] == (1, 1)
    assert [(drop.dimension, drop.failed, drop.alone) for drop in response.context["drops"]][:2] == [
        ("realism", 1, 0),
        ("specificity", 1, 0),
    ]
    assert [stage.count for stage in response.context["funnel"]] == [5, 3, 3, 2, 1, 0]
    assert f'href="{PAGE}?failed_by=strict~realism"' in response.text
    assert [group.label for group, _ in response.context["groups"]] == [
        "Helpfulness – Honesty",
        "Honesty – Harmlessness",
    ]
    by_template = seen.get(f"{PAGE}results/?by=template").context["groups"]
    assert [group.label for group, _ in by_template] == ["Minor Benefit", "Strong Harm"]


def test_the_funnel_is_told_for_each_pair(dataset: Dataset) -> None:
    kept = Scenario.objects.get(uid="a")
    for dimension in ("realism", "specificity", "feasibility", "impossibility", "value_guidance", "genuine_dilemma"):
        write_human_verdict(kept, dimension, "pass", panel="people", evidence={})
    told = {name: [stage.count for stage in stages] for name, stages in funnels_by_pair(dataset)}
    assert told == {"Helpfulness – Honesty": [4, 2, 2, 1, 1, 1], "Honesty – Harmlessness": [1, 1, 1, 1, 0, 0]}


def test_several_judges_are_compared(seen: Client, dataset: Dataset) -> None:
    mild = JudgeFactory(name="mild")
    for scenario in dataset.scenarios.exclude(status="duplicate"):
        judged(scenario, mild)
    response = seen.get(f"{PAGE}results/?judge=mild")
    assert response.context["judge"] == mild
    assert {row.failed for row in response.context["rates"]} == {0}
    (pair,) = response.context["compared"]
    assert (pair.first.name, pair.second.name) == ("strict", "mild")
    rows = {row.label: row.agreement for row in pair.rows}
    assert (rows["Realism"].n, rows["Realism"].raw.value, rows["Realism"].left_out) == (2, 0.5, 1)
    svg = seen.get(f"{PAGE}results/rates/").content.decode()
    assert "mild" in svg
    assert "strict" in svg
    assert seen.get(f"{PAGE}results/?judge=nobody").status_code == 404


@pytest.mark.parametrize("number", [1, 15])
def test_the_pages_take_the_same_queries_however_many_scenarios(
    client: Client, number: int, django_assert_max_num_queries: Any
) -> None:
    dataset = DatasetFactory(primary_judge=JudgeFactory())
    first = judged(ScenarioFactory(dataset=dataset), dataset.primary_judge)
    for position in range(number):
        ScenarioFactory(
            dataset=dataset, status="duplicate", duplicate_of=first, nearest=first, similarity=0.9, position=position
        )
        judged(ScenarioFactory(dataset=dataset), dataset.primary_judge)
    client.force_login(dataset.study.created_by)
    with django_assert_max_num_queries(14):
        assert client.get(f"{dataset.get_absolute_url()}duplicates/").status_code == 200
    with django_assert_max_num_queries(30):
        assert client.get(f"{dataset.get_absolute_url()}results/").status_code == 200


def test_another_judge_can_be_made_the_one_that_decides(seen: Client, dataset: Dataset, client: Client) -> None:
    mild = JudgeFactory(name="mild")
    judged(dataset.scenarios.get(uid="d"), mild)
    JudgeFactory(name="elsewhere")
    page = f"{PAGE}results/"
    assert "Let strict decide" not in seen.get(page).text, "it does already"
    assert "Let mild decide what is kept" in seen.get(f"{page}?judge=mild").text
    for unknown in ("elsewhere", "", "\x0b"):
        answer = seen.post(f"{page}primary/", {"judge": unknown}, follow=True)
        assert "nothing was changed" in answer.text
    answer = seen.post(f"{page}primary/", {"judge": "mild"}, follow=True)
    assert "mild decides what is kept now. 2 scenarios changed status." in answer.text
    dataset.refresh_from_db()
    assert dataset.primary_judge == mild
    assert dict(dataset.scenarios.filter(uid__in="ad").values_list("uid", "status")) == {"a": "drafted", "d": "kept"}


def test_a_viewer_may_not_choose_the_judge(client: Client, dataset: Dataset) -> None:
    membership = MembershipFactory(study=dataset.study, role="viewer")
    client.force_login(membership.user)
    assert client.post(f"{PAGE}results/primary/", {"judge": "strict"}).status_code == 404
    assert "decide what is kept</button>" not in client.get(f"{PAGE}results/").text
