"""Reading what targets answered: one response with everything behind it, and one scenario across targets and modes."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from conflictscope.scenarios.models import Dataset, OpeningMessage
from conflictscope.studies.permissions import Role
from evaluation.models import Response, Run
from evaluation.running.browsing import Filter
from evaluation.running.transcripts import turns_of
from tests.evaluation.conftest import Conversation, judges, work
from tests.factories.evaluation import JudgementFactory, RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.studies import StudyFactory, member
from tests.llm.scripted import openai_reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    return DatasetFactory(slug="hhh", study=StudyFactory(slug="mine"))


@pytest.fixture
def viewer(client: Client, dataset: Dataset) -> Client:
    client.force_login(member(dataset.study, Role.VIEWER))
    return client


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def page_of(response: Response, **query: str) -> str:
    address = reverse("evaluation:response", args=["mine", response.run_id, response.pk])
    return address + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")


class TestOneResponse:
    def test_shows_turns_thought_deciders_and_calls(
        self, viewer: Client, dataset: Dataset, conversation: Conversation
    ) -> None:
        ScenarioFactory(dataset=dataset, uid="s-1", action_1="Finish the order.", action_2="Warn the owner.")
        conversation.user.afterwards = openai_reply("Please finish my flour order.")
        conversation.target.afterwards = openai_reply("<think>The mill is closed.</think>Here is the list.")
        conversation.judge.afterwards = judges("A", strength=2, reason="It wrote the list.")
        run = conversation.run(dataset)
        work(run)
        response = run.responses.get()
        JudgementFactory(response=response, human=True, choice="both", reason="2 × both", order="")
        text = text_of(viewer.get(page_of(response)))
        assert "What it thought first" in text
        assert "The mill is closed." in text
        assert "Here is the list." in text
        assert "It wrote the list." in text
        assert "said as <strong>A</strong>" in text
        assert "2 × both" in text
        behind = [f"<strong>{purpose}</strong>" in text for purpose in ("opening", "answer", "judge")]
        assert behind == [True, True, True]

    def test_a_judges_letter_is_that_of_the_order_in_which_it_saw_the_actions(
        self, viewer: Client, dataset: Dataset
    ) -> None:
        run = RunFactory(dataset=dataset, talks=True)
        response = answered(run, ScenarioFactory(dataset=dataset), "value_2", order="")
        response.judgements.update(order="action_2_first")
        text = text_of(viewer.get(page_of(response)))
        assert "said as <strong>A</strong>" in text
        assert "Saw action 2 as A." in text

    def test_multiple_choice_says_which_letter_each_action_had(self, viewer: Client, dataset: Dataset) -> None:
        run = RunFactory(dataset=dataset, option_orders=["action_2_first"])
        text = text_of(viewer.get(page_of(answered(run, ScenarioFactory(dataset=dataset), "value_1"))))
        assert "Action 1, shown as B" in text
        assert "Action 2, shown as A" in text

    def test_goes_on_to_the_next_that_matches(self, viewer: Client, dataset: Dataset) -> None:
        run = RunFactory(dataset=dataset, option_orders=["action_1_first"], samples=2)
        scenarios = ScenarioFactory.create_batch(3, dataset=dataset)
        first, _, third = (
            answered(run, each, choice) for each, choice in zip(scenarios, ("value_1", "both", "value_1"), strict=True)
        )
        again = answered(run, scenarios[0], "value_1", sample=1)
        found = viewer.get(page_of(first)).context["view"]
        assert (found.previous, found.next) == (None, again.pk)
        found = viewer.get(page_of(again, choice="value_1")).context["view"]
        assert (found.previous, found.next) == (first.pk, third.pk)
        text = text_of(viewer.get(page_of(again, choice="value_1")))
        assert f'href="{page_of(third, choice="value_1")}"' in text
        assert "Among those that match in" in text

    def test_another_runs_response_is_not_there(self, viewer: Client, dataset: Dataset) -> None:
        one, other = (RunFactory(dataset=dataset) for _ in range(2))
        response = answered(one, ScenarioFactory(dataset=dataset), "value_1")
        assert viewer.get(reverse("evaluation:response", args=["mine", other.pk, response.pk])).status_code == 404

    def test_each_thought_stands_before_the_turn_that_came_of_it(
        self, dataset: Dataset, conversation: Conversation
    ) -> None:
        ScenarioFactory(dataset=dataset)
        conversation.target.afterwards = openai_reply("<think>First.</think>Yes.")
        run = conversation.run(dataset)
        work(run)
        response = run.responses.get()
        calls = list(response.calls.all())
        assert [(turn.by_user, turn.thought) for turn in turns_of(response, calls)] == [(True, ""), (False, "First.")]


class TestNarrowing:
    @pytest.fixture
    def run(self, dataset: Dataset) -> Run:
        return RunFactory(dataset=dataset, talks=True)

    def test_by_what_judges_and_people_make_of_it(self, dataset: Dataset, run: Run) -> None:
        agreed, split, against, unread, waiting = (
            answered(run, ScenarioFactory(dataset=dataset), choice, order="")
            for choice in ("value_1", "value_1", "value_1", "none", "value_1")
        )
        waiting.judgements.all().delete()
        other = JudgeFactory()
        for response, choice in ((agreed, "value_1"), (split, "both")):
            JudgementFactory(response=response, judge=other, choice=choice)
        JudgementFactory(response=agreed, human=True, choice="value_1")
        JudgementFactory(response=against, human=True, choice="value_2")
        found = {
            only: set(Filter(only=only).apply(run.responses.with_decision()))
            for only in ("judges_differ", "people_against_judge", "unread")
        }
        assert found == {"judges_differ": {split}, "people_against_judge": {against}, "unread": {unread}}

    def test_a_refusal_in_multiple_choice_is_not_unread(self, dataset: Dataset) -> None:
        run = RunFactory(dataset=dataset)
        unread, refused = (answered(run, ScenarioFactory(dataset=dataset), "none") for _ in range(2))
        Response.objects.filter(pk=refused.pk).update(refused=True)
        assert set(Filter(only="unread").apply(run.responses.with_decision())) == {unread}

    def test_an_unknown_one_is_refused_in_words(self, viewer: Client, run: Run) -> None:
        answer = viewer.get(run.get_absolute_url(), {"only": "odd"})
        assert answer.status_code == 400
        assert "judges_differ" in text_of(answer)

    def test_an_address_keeps_what_was_chosen(self) -> None:
        chosen = Filter(choice="both", pair="a~b", refused=True, only="unread")
        assert chosen.address == "?choice=both&pair=a~b&refused=1&only=unread"
        assert Filter.of({"choice": "both", "pair": "a~b", "refused": "1", "only": "unread"}) == chosen


class TestAcross:
    @pytest.fixture
    def two(self, dataset: Dataset) -> tuple[Run, Run]:
        """Four scenarios; on the second the two runs decide differently, the third only the left one answered, the fourth none."""
        left = RunFactory(dataset=dataset, target=TargetFactory(label="alpha"), option_orders=["action_1_first"])
        right = RunFactory(dataset=dataset, target=TargetFactory(label="beta"), talks=True)
        scenarios = [ScenarioFactory(dataset=dataset, uid=f"s-{n}") for n in range(1, 5)]
        for scenario, mine, theirs in ((scenarios[0], "value_1", "value_1"), (scenarios[1], "value_1", "value_2")):
            answered(left, scenario, mine)
            answered(right, scenario, theirs, order="")
        answered(left, scenarios[2], "none")
        return left, right

    def at(self, uid: str = "") -> str:
        return (
            reverse("evaluation:answers_to", args=["mine", "hhh", uid])
            if uid
            else reverse("evaluation:answers", args=["mine", "hhh"])
        )

    def test_begins_with_the_first_and_shows_two_runs(self, viewer: Client, two: tuple[Run, Run]) -> None:
        answer = viewer.get(self.at())
        assert answer.context["scenario"].uid == "s-1"
        assert [side.run for side, _ in answer.context["sides"]] == list(two)
        text = text_of(answer)
        assert "alpha, multiple choice" in text
        assert "beta, simulated user" in text
        assert "1 of 3" in text

    def test_moves_among_those_on_which_the_two_differ(self, viewer: Client, two: tuple[Run, Run]) -> None:
        answer = viewer.get(self.at(), {"only": "different"})
        assert (answer.context["scenario"].uid, answer.context["place"].total) == ("s-2", 1)
        elsewhere = viewer.get(self.at("s-3"), {"only": "different"}).context["place"]
        assert (elsewhere.position, elsewhere.previous, elsewhere.next) == (0, "s-2", "")
        unread = viewer.get(self.at(), {"only": "unread"})
        assert unread.context["scenario"].uid == "s-3"

    def test_keys_are_named_on_links_that_keep_what_is_chosen(self, viewer: Client, two: tuple[Run, Run]) -> None:
        third = RunFactory(dataset=two[0].dataset, target=TargetFactory(label="gamma"))
        answered(third, two[0].dataset.scenarios.first(), "value_1")
        left = two[0]
        text = text_of(viewer.get(self.at("s-1"), {"left": left.pk, "right": third.pk}))
        assert f'href="{self.at("s-2")}?left={left.pk}&amp;right={third.pk}"' in text
        assert 'data-key="n"' in text
        assert 'data-key="r"' in text

    def test_nothing_that_matches_and_nothing_at_all_are_said(self, viewer: Client, dataset: Dataset) -> None:
        assert "No target has answered yet" in text_of(viewer.get(self.at()))
        run = RunFactory(dataset=dataset)
        answered(run, ScenarioFactory(dataset=dataset), "value_1")
        assert "No scenario matches" in text_of(viewer.get(self.at(), {"only": "truncated"}))

    def test_takes_as_many_queries_however_many_answered(
        self, viewer: Client, two: tuple[Run, Run], django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        scenario = two[0].dataset.scenarios.first()
        for n in range(6):
            answered(RunFactory(dataset=two[0].dataset, target=TargetFactory(label=f"more-{n}")), scenario, "value_1")
        with django_assert_max_num_queries(32):
            assert viewer.get(self.at("s-1")).status_code == 200


def test_the_opening_message_of_an_import_needs_no_call(viewer: Client, dataset: Dataset) -> None:
    scenario = ScenarioFactory(dataset=dataset)
    OpeningMessage.objects.create(scenario=scenario, sample=0, text="Please.", source="imported")
    run = RunFactory(dataset=dataset, talks=True)
    response = answered(run, scenario, "value_1", order="")
    assert "No call is recorded for it." in text_of(viewer.get(page_of(response)))
