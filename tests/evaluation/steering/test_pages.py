"""The pages of steerings: made with a preview, listed with what they do, and told word for word by a run."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from conflictscope.scenarios.models import Dataset
from conflictscope.studies.permissions import Role
from conflictscope.values.models import TargetRanking
from conflictscope.values.orders import parse_order, write_order
from evaluation.models import Run, Steering
from evaluation.steering.creating import create_steering
from tests.evaluation.steering.test_steering import ORDER, pair, steered_by
from tests.factories.evaluation import RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    return DatasetFactory(slug="hhh")


@pytest.fixture
def researcher(client: Client, dataset: Dataset) -> Client:
    client.force_login(member(dataset.study, Role.RESEARCHER))
    return client


def address(dataset: Dataset, name: str, *more: object) -> str:
    return reverse(f"evaluation:{name}", args=[dataset.study.slug, *more])


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_an_order_is_previewed_before_it_is_kept(researcher: Client, dataset: Dataset) -> None:
    version = dataset.value_set_version
    given = {"version": version.pk, "order": ORDER, "name": "Careful"}
    preview = text_of(researcher.post(address(dataset, "preview_steering"), given))
    assert "1. Harmlessness 2. Helpfulness and Honesty (equal in weight)" in preview
    assert not Steering.objects.exists()
    assert not TargetRanking.objects.exists()
    kept = researcher.post(address(dataset, "create_steering"), given, follow=True)
    steering = Steering.objects.get()
    assert kept.redirect_chain == [(steering.get_absolute_url(), 302)]
    assert "Harmlessness &gt; Helpfulness = Honesty" in text_of(kept)
    assert steering.created_by is not None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Choose an order, write one, or write a text of your own."),
        ({"order": "Honesty > Kindness"}, "is no value of"),
        ({"order": ORDER, "ranking": "STANDING"}, "not both"),
        ({"ranking": "FOREIGN"}, "Select a valid choice"),
        ({"order": "Honesty = Helpfulness = Harmlessness"}, "steers nowhere"),
    ],
)
def test_what_cannot_be_kept_says_why_on_the_page_and_in_the_preview(
    researcher: Client, dataset: Dataset, given: dict[str, str], said: str
) -> None:
    version = dataset.value_set_version
    orders = {
        "STANDING": write_order(version, parse_order(ORDER, version), name="Standing").pk,
        "FOREIGN": write_order(version, parse_order(ORDER, version), name="Foreign", study=StudyFactory()).pk,
    }
    filled = {name: orders.get(value, value) for name, value in given.items()} | {"version": version.pk}
    assert said in text_of(researcher.post(address(dataset, "preview_steering"), filled))
    refused = researcher.post(address(dataset, "create_steering"), {**filled, "name": "N"})
    assert refused.status_code == 400
    assert said in text_of(refused)
    assert not Steering.objects.exists()


def test_a_communitys_order_can_be_chosen_and_a_text_of_ones_own_stands_for_it(
    researcher: Client, dataset: Dataset
) -> None:
    version = dataset.value_set_version
    ranking = write_order(version, parse_order(ORDER, version), name="Our people", study=dataset.study)
    TargetRanking.objects.filter(pk=ranking.pk).update(origin="community")
    assert "Our people (community" in text_of(researcher.get(address(dataset, "create_steering")))
    given = {"name": "Ours", "ranking": ranking.pk, "version": version.pk, "text": "Do as they said."}
    researcher.post(address(dataset, "create_steering"), given)
    steering = Steering.objects.get()
    assert (steering.system_prompt, steering.target_ranking, steering.template) == ("Do as they said.", ranking, "")
    assert "the community's order Our people" in text_of(researcher.get(address(dataset, "steerings")))


@pytest.fixture
def steered(dataset: Dataset) -> Run:
    """Of 12 scenarios harmlessness wins 3 by default, and 9 when steered."""
    target = TargetFactory(label="moved")
    default = RunFactory(dataset=dataset, target=target)
    steered = RunFactory(dataset=dataset, target=target, steering=steered_by(dataset))
    for n in range(12):
        scenario = pair(dataset, "honesty", "harmlessness")
        answered(default, scenario, "value_2" if n < 3 else "value_1")
        answered(steered, scenario, "value_2" if n < 9 else "value_1")
    return steered


def test_the_list_says_what_is_to_do_and_then_what_came_of_it(
    researcher: Client, dataset: Dataset, steered: Run
) -> None:
    before = text_of(researcher.get(address(dataset, "steerings")))
    assert "1 effect is not worked out" in before
    after = text_of(researcher.post(address(dataset, "work_out_steering"), follow=True))
    assert "1 effect worked out now" in after
    assert "0.67" in after  # (0.75 - 0.25) / 0.75
    assert "1 of 1 steered run moved towards its order" in after
    assert "Largest effect of those: 0.67 [" in after
    assert "not worked out" not in after
    one = text_of(researcher.get(steered.steering.get_absolute_url()))
    assert "1 of 1 steered run moved" in one
    assert "When two of them conflict" in one


def test_a_run_says_which_prompt_word_for_word(researcher: Client, steered: Run) -> None:
    text = text_of(researcher.get(steered.get_absolute_url()))
    assert "steered by" in text
    assert "1. Harmlessness 2. Helpfulness and Honesty (equal in weight)" in text


def test_evaluating_offers_the_studys_steerings(researcher: Client, dataset: Dataset) -> None:
    url = reverse("evaluation:evaluate", args=[dataset.study.slug, dataset.slug])
    assert "Steered by" not in text_of(researcher.get(url))
    create_steering(dataset.study, name="Kind", system_prompt="Be kind.")
    create_steering(StudyFactory(), name="Foreign", system_prompt="Be bold.")
    text = text_of(researcher.get(url))
    assert "Kind" in text
    assert "Foreign" not in text


def test_only_what_no_run_was_steered_by_can_be_removed(researcher: Client, dataset: Dataset, steered: Run) -> None:
    refused = researcher.post(address(dataset, "remove_steering", steered.steering_id))
    assert refused.status_code == 409
    other = create_steering(dataset.study, name="Kind", system_prompt="Be kind.")
    researcher.post(address(dataset, "remove_steering", other.pk))
    assert list(Steering.objects.all()) == [steered.steering]


def test_the_list_takes_as_many_queries_however_many_there_are(
    researcher: Client, dataset: Dataset, steered: Run, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(5):
        other = RunFactory(dataset=dataset, target=steered.target, steering=steered_by(dataset, name=f"No. {n}"))
        answered(other, dataset.scenarios.first(), "value_1")
    with django_assert_max_num_queries(16):
        researcher.get(address(dataset, "steerings"))
