"""Exploring a dataset: facets that count, orders, keyboard-less links through a list, and addresses that can be shared."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from conflictscope.scenarios.browsing.listing import Filter, Listing
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario
from conflictscope.scenarios.verdicts import write_human_verdict
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.backends]


@pytest.fixture
def dataset() -> Dataset:
    """a kept and validated by people; b dropped on realism, people disagree; c dropped on two; d a duplicate of a."""
    judge = JudgeFactory(name="strict")
    dataset = DatasetFactory(name="Bakery", slug="bakery", study__slug="mine", primary_judge=judge)
    values = list(dataset.value_set_version.values.all())
    a = judged(ScenarioFactory(dataset=dataset, uid="a", domain="work", similarity=0.2), judge)
    b = judged(
        ScenarioFactory(dataset=dataset, uid="b", template="strong_harm", domain="health", similarity=0.5),
        judge,
        realism="fail",
    )
    judged(
        ScenarioFactory(
            dataset=dataset, uid="c", value_1=values[1], value_2=values[2], description="A kite in a tree."
        ),
        judge,
        realism="fail",
        specificity="fail",
    )
    ScenarioFactory(dataset=dataset, uid="d", status="duplicate", duplicate_of=a, similarity=0.9)
    for dimension in ("realism", "specificity", "feasibility", "impossibility", "value_guidance", "genuine_dilemma"):
        write_human_verdict(a, dimension, "pass", panel="people", evidence={})
    write_human_verdict(b, "realism", "pass", panel="people", evidence={})
    return dataset


@pytest.fixture
def seen(client: Client, dataset: Dataset) -> Client:
    client.force_login(dataset.study.created_by)
    return client


PAGE = "/studies/mine/datasets/bakery/"


def uids(client: Client, query: str) -> list[str]:
    response = client.get(PAGE + query)
    assert response.status_code == 200
    return [row.scenario.uid for row in response.context["rows"]]


def facet(client: Client, name: str, query: str = "") -> dict[str, int]:
    found = {each.name: each for each in client.get(PAGE + query).context["facets"]}
    return {option.label: option.count for option in found[name].options} if name in found else {}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?status=kept&status=duplicate", "abd"),
        ("?failed=realism", "bc"),
        ("?failed=realism&failed=specificity", "bc"),
        ("?failed=realism&pair=helpfulness~honesty", "b"),
        ("?pair=helpfulness~honesty&pair=honesty~harmlessness", "abcd"),
        ("?domain=work", "a"),
        ("?domain=work&domain=~", "acd"),
        ("?people=disagree", "b"),
        ("?people=agree", "a"),
        ("?people=validated", "a"),
        ("?people=unseen", "cd"),
        ("?people=agree&people=disagree", "ab"),
        ("?people=nonsense", ""),
        ("?status=nonsense&template=%00&pair=x&failed=%F0&page=-1&sort=%00", ""),
        ("?search=kite", "c"),
        ("?search=%22%27%00*", ""),
        ("?sort=newest", "dcba"),
        ("?sort=uid", "abcd"),
        ("?sort=similarity", "dbac"),
        ("?sort=failures", "cbad"),
        ("?sort=disagreed", "bacd"),
        ("?sort=nonsense", "abcd"),
    ],
)
def test_filters_and_orders(seen: Client, query: str, expected: str) -> None:
    assert "".join(uids(seen, query)) == expected


def test_every_facet_counts_what_the_others_leave(seen: Client) -> None:
    assert facet(seen, "status") == {"Duplicate": 1, "Kept": 2, "Dropped": 1}
    assert facet(seen, "status", "?failed=realism") == {"Kept": 1, "Dropped": 1}
    assert facet(seen, "status", "?status=kept&failed=realism") == {"Kept": 1, "Dropped": 1}
    assert facet(seen, "failed", "?failed=specificity") == {"Realism": 2, "Specificity": 1}
    assert facet(seen, "pair", "?search=kite") == {"Honesty – Harmlessness": 1}
    assert facet(seen, "template", "?status=kept") == {"Minor Benefit": 1, "Strong Harm": 1}
    assert facet(seen, "domain") == {"health": 1, "work": 1, "No domain": 2}
    people = {"Disagree with the judge": 1, "Agree with the judge": 1, "Passed it on everything": 1}
    assert facet(seen, "people") == people | {"Have not decided on it": 2}
    assert facet(seen, "people", "?status=dropped") == {"Have not decided on it": 1}


def test_a_facet_that_tells_nothing_apart_is_not_shown(client: Client) -> None:
    dataset = DatasetFactory(baseline=True)
    ScenarioFactory(dataset=dataset)
    client.force_login(dataset.study.created_by)
    facets = client.get(dataset.get_absolute_url()).context["facets"]
    assert [each.name for each in facets] == ["status"]


def test_a_judge_that_could_not_be_read_is_not_disagreed_with(seen: Client, dataset: Dataset) -> None:
    unread = judged(ScenarioFactory(dataset=dataset, uid="e"), dataset.primary_judge, realism="unparsable")
    write_human_verdict(unread, "realism", "pass", panel="people", evidence={})
    assert "e" not in uids(seen, "?people=disagree") + uids(seen, "?people=agree")


def test_what_the_list_is_narrowed_down_to_can_be_taken_back(seen: Client) -> None:
    response = seen.get(PAGE + "?status=dropped&failed=realism&search=kite&sort=uid&nonsense=1")
    back = {(chip.facet, chip.label): chip.address for chip in response.context["chips"]}
    assert back == {
        ("Status", "Dropped"): "?failed=realism&search=kite&sort=uid",
        ("Failed on", "Realism"): "?status=dropped&search=kite&sort=uid",
        ("Words", "kite"): "?status=dropped&failed=realism&sort=uid",
    }
    assert "<mark>kite</mark>" in response.text


@pytest.mark.parametrize(
    ("query", "words"),
    [("?search=%21%21", "No word to look for"), ("?search=zebra", "No scenario matches")],
)
def test_an_empty_list_says_why(seen: Client, query: str, words: str) -> None:
    assert words in seen.get(PAGE + query).text


def test_htmx_gets_the_list_alone_and_the_address_to_share(seen: Client) -> None:
    response = seen.get(PAGE + "?status=kept&search=&sort=", headers={"HX-Request": "true", "HX-Target": "explore"})
    assert response["HX-Push-Url"] == PAGE + "?status=kept"
    assert "<html" not in response.text
    assert 'id="explore"' in response.text


def test_a_scenario_is_opened_within_its_list(seen: Client, dataset: Dataset) -> None:
    query = "?failed=realism&sort=failures"
    assert f'href="{PAGE}scenarios/b/?failed=realism&amp;sort=failures"' in seen.get(PAGE + query).text
    last = seen.get(f"{PAGE}scenarios/b/{query}")
    neighbours = last.context["neighbours"]
    assert (neighbours.position, neighbours.total, neighbours.previous, neighbours.next) == (2, 2, "c", None)
    assert f'href="{PAGE}scenarios/c/?failed=realism&amp;sort=failures"' in last.text
    outside = seen.get(f"{PAGE}scenarios/a/{query}").context["neighbours"]
    assert (outside.position, outside.total, outside.next) == (None, 2, None)
    assert seen.get(f"{PAGE}scenarios/%00/").status_code == 404


def test_neighbours_follow_the_relevance_of_a_search(dataset: Dataset) -> None:
    for uid, text in (("x", "One kite here."), ("y", "A kite, a kite and a kite.")):
        ScenarioFactory(dataset=dataset, uid=uid, description=text)
    listing = Listing(dataset, Filter(search="kite"))
    names = Scenario.objects.in_bulk(listing.pks())
    in_order = [names[pk].uid for pk in listing.pks()]
    assert in_order[0] == "y"
    assert set(in_order) == {"c", "x", "y"}
    assert listing.neighbours(names[listing.pks()[0]]).next == in_order[1]


def test_the_api_takes_the_same_filters(seen: Client) -> None:
    url = reverse("api-scenarios", args=["mine", "bakery"])
    for query, expected in (
        ("?status=kept&status=duplicate&sort=newest", "dba"),
        ("?people=disagree", "b"),
        ("?domain=~&failed=realism", "c"),
        ("?search=%22kite%20in%22", "c"),
        ("?search=%22%00", ""),
        ("?status=%00", "abcd"),
    ):
        response = seen.get(url + query)
        assert response.status_code == 200
        assert "".join(each["uid"] for each in response.json()["results"]) == expected, query


@pytest.mark.parametrize("number", [1, 15])
def test_a_narrowed_list_takes_the_same_queries_however_many_match(
    client: Client, number: int, django_assert_max_num_queries: Any
) -> None:
    dataset = DatasetFactory(primary_judge=JudgeFactory())
    for _ in range(number):
        judged(ScenarioFactory(dataset=dataset, domain="work"), dataset.primary_judge, realism="fail")
    client.force_login(dataset.study.created_by)
    query = "?status=dropped&failed=realism&domain=work&people=unseen&search=bakery"
    with django_assert_max_num_queries(26):
        response = client.get(dataset.get_absolute_url() + query)
    assert len(response.context["rows"]) == number


@pytest.mark.parametrize("number", [1, 12])
def test_the_api_tells_what_users_open_with_in_the_same_queries_however_many(
    seen: Client, dataset: Dataset, number: int, django_assert_max_num_queries: Any
) -> None:
    """Scenarios imported from opening messages have nothing else to tell."""
    simulator = EndpointFactory(name="user", simulated=True)
    for index in range(number):
        scenario = ScenarioFactory(dataset=dataset, uid=f"opened {index}", domain="play")
        OpeningMessage.objects.create(scenario=scenario, source="simulated", text="Hello!", user_simulator=simulator)
        OpeningMessage.objects.create(scenario=scenario, source="imported", text="Another.", sample=1)
    with django_assert_max_num_queries(9):
        found = seen.get(reverse("api-scenarios", args=["mine", "bakery"]) + "?domain=play").json()["results"]
    assert len(found) == number
    told = [
        [one[key] for key in ("sample", "text", "source", "user_simulator", "simulated")]
        for one in found[0]["opening_messages"]
    ]
    assert told == [[0, "Hello!", "simulated", "user", True], [1, "Another.", "imported", None, False]]


def test_strangers_explore_nothing(client: Client, dataset: Dataset) -> None:
    client.force_login(UserFactory())
    assert client.get(PAGE + "?search=kite", headers={"HX-Request": "true"}).status_code == 404


def test_a_scenario_of_which_only_the_opening_message_is_known_is_listed_by_it(seen: Client, dataset: Dataset) -> None:
    blank = dict.fromkeys(("description", "outline_context", "outline_opportunity", "action_1", "action_2"), "")
    bare = ScenarioFactory(dataset=dataset, uid="bare", status="outlined", **blank)
    for sample, text in enumerate(["May I borrow your accordion?", "Then the trumpet?"]):
        OpeningMessage.objects.create(scenario=bare, source="imported", text=text, sample=sample)
    rows = {row.scenario.uid: row for row in seen.get(PAGE).context["rows"]}
    assert "".join(piece.text for piece in rows["bare"].excerpt) == "Opening message: May I borrow your accordion?"
    (found,) = seen.get(f"{PAGE}?search=trumpet").context["rows"]
    assert found.scenario == bare
    assert [piece.text for piece in found.excerpt if piece.marked] == ["trumpet"]


def test_a_dataset_of_opening_messages_alone_asks_for_the_rest(seen: Client, dataset: Dataset) -> None:
    bare = DatasetFactory(study=dataset.study, slug="bare", variant=Dataset.Variant.IMPORTED)
    scenario = ScenarioFactory(dataset=bare, uid="one", status="outlined")
    page = "/studies/mine/datasets/bare/"
    told = seen.get(page).text
    assert "import the file that tells them" in told
    assert "/datasets/import/?dataset=bare" in told
    assert "/datasets/bare/filter/" not in told
    Scenario.objects.filter(pk=scenario.pk).update(status="drafted")
    assert "/datasets/bare/filter/" in seen.get(page).text
