"""Exploring a dataset: facets that count, orders, keyboard-less links through a list, and addresses that can be shared."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from conflictscope.scenarios.browsing.listing import Listing, ScenarioFilter
from conflictscope.scenarios.filtering.verdicts import resettle
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario, Verdict
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import (
    DatasetFactory,
    JudgeFactory,
    ScenarioFactory,
    VerdictFactory,
    judged,
    write_human_verdict,
)
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
        ("?failed=realism", "c"),
        ("?failed=realism&failed=specificity", "c"),
        ("?failed=realism&pair=helpfulness~honesty", ""),
        ("?failed_by=strict~realism", "bc"),
        ("?failed_by=strict~specificity&failed_by=strict~realism&status=kept", "b"),
        ("?failed_by=strict~feasibility", ""),
        ("?failed_by=nobody~realism&failed_by=%F0&failed_by=~", ""),
        ("?pair=helpfulness~honesty&pair=honesty~harmlessness", "abcd"),
        ("?domain=work", "a"),
        ("?domain=work&domain=~", "acd"),
        ("?people=disagree", "b"),
        ("?people=agree", "a"),
        ("?people=validated", "a"),
        ("?people=unseen", "cd"),
        ("?people=agree&people=disagree", "ab"),
        ("?people=nonsense", ""),
        ("?status=nonsense&template=%0B&pair=x&failed=%F0&page=-1&sort=%0B", ""),
        ("?search=kite", "c"),
        ("?search=%22%27%0B*", ""),
        ("?sort=newest", "dcba"),
        ("?sort=uid", "abcd"),
        ("?sort=similarity", "dbac"),
        ("?sort=failures", "cabd"),
        ("?sort=disagreed", "bacd"),
        ("?sort=nonsense", "abcd"),
    ],
)
def test_filters_and_orders(seen: Client, query: str, expected: str) -> None:
    assert "".join(uids(seen, query)) == expected


def test_every_facet_counts_what_the_others_leave(seen: Client) -> None:
    assert facet(seen, "status") == {"Duplicate": 1, "Kept": 2, "Dropped": 1}
    assert facet(seen, "status", "?failed=realism") == {"Dropped": 1}
    assert facet(seen, "status", "?status=kept&failed=realism") == {"Kept": 0, "Dropped": 1}
    assert facet(seen, "failed", "?failed=specificity") == {"Realism": 1, "Specificity": 1}
    assert facet(seen, "failed_by", "?status=kept&failed_by=strict~realism") == {"strict: Realism": 1}
    assert facet(seen, "failed_by") == {}
    assert facet(seen, "pair", "?search=kite") == {"Honesty – Harmlessness": 1}
    assert facet(seen, "template", "?status=kept") == {"Minor Benefit": 1, "Strong Harm": 1}
    assert facet(seen, "domain") == {"health": 1, "work": 1, "No domain": 2}
    people = {"Disagree with the judge": 1, "Agree with the judge": 1, "Passed it on everything": 1}
    assert facet(seen, "people") == people | {"Have not decided on it": 2}
    assert facet(seen, "people", "?status=dropped") == {"Have not decided on it": 1}


def test_a_scenario_is_listed_by_a_failure_exactly_when_its_row_shows_it(client: Client) -> None:
    """Judges and panels say anything at any time, also at the same one: the panel that decided last counts, else the judge."""
    rng = random.Random(12)
    strict, other = JudgeFactory(name="strict"), JudgeFactory(name="other")
    dataset = DatasetFactory(slug="bakery", study__slug="mine", primary_judge=strict)
    moments = [timezone.now() + timedelta(hours=hours) for hours in range(3)]
    for _ in range(30):
        scenario = ScenarioFactory(dataset=dataset)
        for dimension in ("realism", "feasibility"):
            for decider in ({"judge": strict}, {"judge": other}, *({"human": True, "panel": name} for name in "xyz")):
                if rng.random() < 0.6:
                    verdict = VerdictFactory(
                        scenario=scenario, dimension=dimension, outcome=rng.choice(["pass", "fail"]), **decider
                    )
                    Verdict.objects.filter(pk=verdict.pk).update(created_at=rng.choice(moments))
        resettle(scenario)
    client.force_login(dataset.study.created_by)
    shown = client.get(PAGE).context["rows"]
    for dimension, label in (("realism", "Realism"), ("feasibility", "Feasibility")):
        failing = [row.scenario.uid for row in shown if dimension in row.failing]
        assert 0 < len(failing) < 30
        assert uids(client, f"?failed={dimension}") == failing
        assert facet(client, "failed")[label] == len(failing)


@pytest.mark.parametrize("page", ["", "results/"])
def test_the_number_a_judge_failed_opens_a_list_of_as_many(seen: Client, dataset: Dataset, page: str) -> None:
    """Whatever people made of them; a duplicate with verdicts of its own counts nowhere."""
    judged(ScenarioFactory(dataset=dataset, uid="e"), dataset.primary_judge, realism="fail")
    Scenario.objects.filter(uid="e").update(status="duplicate", duplicate_of=Scenario.objects.get(uid="a"))
    write_human_verdict(Scenario.objects.get(uid="a"), "feasibility", "fail", panel="others", evidence={})
    links = re.findall(r'<a href="[^"?]*(\?failed_by=[^"]*)">(\d+)</a>', seen.get(PAGE + page).text)
    assert ("?failed_by=strict~realism", "2") in links
    assert ("?failed_by=strict~feasibility", "0") in links
    for query, number in links:
        assert len(uids(seen, query)) == int(number), query


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


def test_the_way_back_has_a_list_that_was_asked_for_twice_only_once(seen: Client) -> None:
    headers = {"HX-Request": "true", "HX-Target": "explore"}
    here = {"HX-Current-URL": f"http://testserver{PAGE}?status=kept"}
    assert "HX-Push-Url" not in seen.get(PAGE + "?status=kept&sort=", headers=headers | here)
    assert seen.get(PAGE + "?search=&sort=", headers=headers | here)["HX-Push-Url"] == PAGE


def test_a_scenario_is_opened_within_its_list(seen: Client, dataset: Dataset) -> None:
    query = "?failed_by=strict~realism&sort=failures"
    assert f'href="{PAGE}scenarios/b/?failed_by=strict~realism&amp;sort=failures"' in seen.get(PAGE + query).text
    last = seen.get(f"{PAGE}scenarios/b/{query}")
    neighbours = last.context["neighbours"]
    assert (neighbours.position, neighbours.total, neighbours.previous, neighbours.next) == (2, 2, "c", None)
    assert f'href="{PAGE}scenarios/c/?failed_by=strict~realism&amp;sort=failures"' in last.text
    outside = seen.get(f"{PAGE}scenarios/a/{query}").context["neighbours"]
    assert (outside.position, outside.total, outside.next) == (None, 2, None)
    assert seen.get(f"{PAGE}scenarios/%00/").status_code == 404


def test_a_scenario_leads_back_to_its_row_on_the_page_of_the_list(seen: Client, dataset: Dataset) -> None:
    ScenarioFactory.create_batch(60, dataset=dataset)
    last = Scenario.objects.latest("pk")
    for uid, query, back in (
        ("a", "", f"#row-{Scenario.objects.get(uid='a').pk}"),
        (last.uid, "", f"?page=2#row-{last.pk}"),
        (last.uid, "?status=drafted", f"?status=drafted&page=2#row-{last.pk}"),
        (last.uid, "?status=kept", "?status=kept"),
    ):
        text = seen.get(f"{PAGE}scenarios/{uid}/{query}").text
        assert f'href="{PAGE}{escape(back)}" data-key="l"' in text
        if "#" in back:
            address, row = back.split("#")
            assert f'id="{row}"' in seen.get(PAGE + address).text


def test_neighbours_follow_the_relevance_of_a_search(dataset: Dataset) -> None:
    for uid, text in (("x", "One kite here."), ("y", "A kite, a kite and a kite.")):
        ScenarioFactory(dataset=dataset, uid=uid, description=text)
    listing = Listing(dataset, ScenarioFilter(search="kite"))
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
        ("?failed_by=strict~realism", "bc"),
        ("?search=%22kite%20in%22", "c"),
        ("?search=%22%0B", ""),
        ("?status=%0B", "abcd"),
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
    silent = {"action_1": "", "action_2": ""}
    scenario = ScenarioFactory(dataset=bare, uid="one", status="outlined", **silent)
    ScenarioFactory(dataset=bare, uid="two", status="duplicate", duplicate_of=scenario, **silent)
    page = "/studies/mine/datasets/bare/"
    told = seen.get(page).text
    assert "import the file that tells them" in told
    assert "/datasets/import/?dataset=bare" in told
    assert "/datasets/bare/filter/" not in told
    Scenario.objects.filter(pk=scenario.pk).update(status="drafted", action_1="Lend it.", action_2="Keep it.")
    assert "/datasets/bare/filter/" in seen.get(page).text
