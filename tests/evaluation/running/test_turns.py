"""Conversations of several turns: the user goes on until the judge says that it is over, and each ends for its reason."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from conflictscope.llm.types import Reply
from conflictscope.scenarios.models import OpeningMessage, Scenario
from evaluation.models import Judgement, Response, Run
from evaluation.running.coverage import show_to_people
from evaluation.running.runs import ask_again, top_up
from evaluation.running.simulated_user import Turned, TurnStep
from tests.evaluation.conftest import Conversation, endpoint_at, judges, work
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.studies import member
from tests.llm.scripted import Answer, openai_error, openai_reply

pytestmark = pytest.mark.django_db(transaction=True)

NOT_YET, OVER = judges("neither", strength=4, resolved=False), judges("A")


def talked(talk: Conversation, *, max_turns: int = 3, scenario: Scenario | None = None) -> Response:
    """The one conversation of a run that has been carried out."""
    run = talk.run((scenario or ScenarioFactory()).dataset, max_turns=max_turns)
    work(run)
    return Response.objects.get(run=run)


def said(response: Response) -> list[tuple[str, str]]:
    return [(turn["role"], turn["text"]) for turn in response.transcript]


@pytest.fixture
def talk(conversation: Conversation) -> Conversation:
    """A user with a second thing to say, and a target that first asks back."""
    conversation.user.says(openai_reply("Please finish my flour order."))
    conversation.user.afterwards = openai_reply("It is for tomorrow.")
    conversation.target.says(openai_reply("For when?"))
    return conversation


def test_the_user_goes_on_until_the_judge_says_that_it_is_over(talk: Conversation) -> None:
    talk.judge.says(NOT_YET)
    response = talked(talk)
    assert said(response) == [
        ("user", "Please finish my flour order."),
        ("assistant", "For when?"),
        ("user", "It is for tomorrow."),
        ("assistant", "Here is the finished list."),
    ]
    assert (response.turns, response.ended, response.outcome) == (2, "resolved", "answered")
    judgement = Judgement.objects.get()
    assert (judgement.turns, judgement.resolved, judgement.choice) == (2, True, judgement.choice)
    assert judgement.choice in ("value_1", "value_2")
    assert judgement.calls.count() == 2  # what it said after the first turn stays in the log
    assert response.calls.count() == 3
    assert [len(server.seen) for server in (talk.user, talk.target, talk.judge)] == [2, 2, 2]


def test_one_turn_is_one_turn_whatever_the_judge_says(talk: Conversation) -> None:
    talk.judge.says(NOT_YET)
    response = talked(talk, max_turns=1)
    assert (response.turns, response.ended, len(talk.user.seen)) == (1, "max_turns", 1)


def test_it_ends_at_the_last_turn_and_goes_on_when_the_run_gets_more(talk: Conversation) -> None:
    talk.judge.afterwards = NOT_YET
    response = talked(talk, max_turns=2)
    assert (response.turns, response.ended) == (2, "max_turns")
    talk.judge.afterwards = OVER
    top_up(response.run, max_turns=4)
    work(response.run)
    response.refresh_from_db()
    assert (response.turns, response.ended, Judgement.objects.get().turns) == (3, "resolved", 3)
    assert len(talk.user.seen) == 3  # nothing of before is asked again
    asked = len(talk.judge.seen)
    work(response.run)
    assert len(talk.judge.seen) == asked


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (openai_reply("Here is the fi", finish="length"), "truncated"),
        (openai_reply("Here", finish="content_filter"), "blocked"),
        (openai_reply("Here", finish="error"), "failed"),
        (openai_reply(""), "empty"),
    ],
)
def test_an_answer_that_breaks_off_later_ends_it_and_the_earlier_decision_stands(
    talk: Conversation, client: Client, answer: Answer, ended: str
) -> None:
    talk.target.afterwards = answer
    talk.judge.afterwards = NOT_YET
    response = talked(talk)
    assert (response.turns, response.ended, response.outcome) == (1, ended, "answered")
    assert response.transcript[-1]["ended"] == ended
    assert (Judgement.objects.get().turns, Judgement.objects.get().choice) == (1, "neither")
    assert len(talk.judge.seen) == 1
    client.force_login(member(response.run.study, "viewer"))
    page = client.get(reverse("evaluation:response", args=[response.run.study.slug, response.run.pk, response.pk]))
    assert f"This answer was {ended}: nobody judged it." in page.content.decode()

    talk.target.afterwards = openai_reply("Here is the finished list.")
    talk.judge.afterwards = OVER
    assert ask_again(response.run, [ended]) == 1
    work(response.run)
    response.refresh_from_db()
    assert (response.turns, response.ended, len(response.transcript)) == (2, "resolved", 4)
    assert "ended" not in response.transcript[-1]


def test_a_refusal_is_judged_and_ends_it(talk: Conversation) -> None:
    talk.judge.says(NOT_YET)
    talk.target.afterwards = openai_reply(None, refusal="I will not do this.")
    response = talked(talk)
    assert (response.turns, response.ended, response.refused) == (2, "refused", True)
    assert Judgement.objects.get().turns == 2


def test_a_refusal_in_words_that_the_judge_takes_for_the_end_is_told_as_one(conversation: Conversation) -> None:
    conversation.target.afterwards = openai_reply("I'm sorry, but I can't help with this.")
    response = talked(conversation)
    assert (response.turns, response.ended) == (1, "refused")


def test_a_user_whose_message_is_blocked_ends_it(talk: Conversation) -> None:
    talk.judge.afterwards = NOT_YET
    talk.user.afterwards = openai_error(403, "Your input was flagged", code="moderation_blocked")
    response = talked(talk)
    assert (response.turns, response.ended, len(response.transcript)) == (1, "blocked", 2)


def test_a_judge_that_cannot_be_read_ends_it(talk: Conversation) -> None:
    talk.judge.afterwards = openai_reply("Hm.")
    response = talked(talk)
    assert (response.turns, response.ended, Judgement.objects.get().choice) == (1, "unread", "none")


def test_a_user_who_writes_nothing_fails_the_step_and_nothing_is_lost(talk: Conversation) -> None:
    talk.judge.says(NOT_YET)
    talk.user.afterwards = openai_reply("")
    response = talked(talk)
    assert (response.turns, response.ended) == (1, "")
    talk.user.afterwards = openai_reply("It is for tomorrow.")
    work(response.run)
    response.refresh_from_db()
    assert (response.turns, response.ended) == (2, "resolved")


def test_what_people_are_asked_about_is_not_changed_under_their_eyes(talk: Conversation, client: Client) -> None:
    talk.judge.afterwards = NOT_YET
    response = talked(talk, max_turns=1)
    show_to_people(Response.objects.values("pk"))
    top_up(response.run, max_turns=3)
    work(response.run)
    response.refresh_from_db()
    assert response.turns == 1
    client.force_login(member(response.run.study, "researcher"))
    page = client.get(reverse("evaluation:top_up", args=[response.run.study.slug, response.run.pk]))
    assert "People are asked about 1 of its answers" in page.content.decode()


def test_a_turn_that_comes_back_after_people_were_asked_changes_nothing(talk: Conversation) -> None:
    talk.judge.afterwards = NOT_YET
    response = talked(talk, max_turns=1)
    outcome = Turned(Reply("And now?", "ok", ()), Reply("Here.", "ok", ()))
    show_to_people(Response.objects.values("pk"))
    assert "shown to people" in TurnStep().store(response.run_id, {"response": response.pk, "turns": 1}, outcome)
    before = response.transcript
    response.refresh_from_db()
    assert response.transcript == before


def test_the_target_gets_what_was_said_and_nothing_of_the_scenario_in_any_turn(talk: Conversation) -> None:
    scenario = ScenarioFactory()
    talk.judge.says(NOT_YET, NOT_YET)
    talked(talk, scenario=scenario)
    first, second, third = [seen.body["messages"] for seen in talk.target.seen]
    assert first == [{"role": "user", "content": "Please finish my flour order."}]
    assert second == [
        *first,
        {"role": "assistant", "content": "For when?"},
        {"role": "user", "content": "It is for tomorrow."},
    ]
    assert len(third) == 5
    sent = json.dumps([seen.body for seen in talk.target.seen])
    for secret in (scenario.description, scenario.action_1, scenario.action_2, scenario.goal, scenario.value_1.name):
        assert secret not in sent
    assert scenario.description in json.dumps(talk.user.seen[-1].body)


def test_thoughts_of_user_target_and_judge_stay_theirs_in_every_turn(talk: Conversation) -> None:
    talk.user.afterwards = openai_reply("<think>They are slow.</think>It is for tomorrow.")
    talk.target.afterwards = openai_reply("<think>A or B? B.</think>Here is the finished list.")
    talk.judge.says(openai_reply(f"<think>Not yet A.</think>{json.dumps(json.loads(reply_of(NOT_YET)))}"))
    response = talked(talk)
    assert [text for _, text in said(response)][2:] == ["It is for tomorrow.", "Here is the finished list."]
    for server in (talk.user, talk.target, talk.judge):
        assert "They are slow" not in json.dumps([seen.body for seen in server.seen])
        assert "A or B? B." not in json.dumps([seen.body for seen in server.seen])


def reply_of(answer: Answer) -> str:
    return str(json.loads(answer.body)["choices"][0]["message"]["content"])


def test_a_further_judge_reads_what_is_over_and_is_a_column_of_its_own(talk: Conversation) -> None:
    """It is asked once, about the whole, and costs no call of the target."""
    talk.judge.says(NOT_YET)
    other = JudgeFactory(name="other-judge", endpoint=endpoint_at(talk.judge), parameters={"seed": 2})
    run = talk.run(DatasetFactory(), max_turns=3)
    run.further_judges.add(other)
    ScenarioFactory(dataset=run.dataset)
    work(run)
    found = Judgement.objects.order_by("pk").values_list("judge__name", "turns")
    assert list(found) == [(run.judge.name, 2), ("other-judge", 2)]
    assert len(talk.judge.seen) == 3


def test_a_judge_that_comes_later_costs_its_own_calls_only(conversation: Conversation) -> None:
    run = conversation.run(DatasetFactory())
    for number in range(3):
        ScenarioFactory(dataset=run.dataset, action_1=f"Hand over list {number}.")
    work(run)
    before = [len(server.seen) for server in (conversation.user, conversation.target, conversation.judge)]
    other = JudgeFactory(endpoint=endpoint_at(conversation.judge), parameters={"seed": 2})
    top_up(run, judges=[other])
    work(run)
    after = [len(server.seen) for server in (conversation.user, conversation.target, conversation.judge)]
    assert [late - early for early, late in zip(before, after, strict=True)] == [0, 0, 3]
    assert Judgement.objects.filter(judge=other).count() == 3
    assert Run.objects.count() == 1


def test_more_samples_ask_for_what_they_add(conversation: Conversation) -> None:
    run = conversation.run(DatasetFactory())
    ScenarioFactory.create_batch(2, dataset=run.dataset)
    work(run)
    top_up(run, samples=3)
    work(run)
    assert sorted(Response.objects.values_list("sample", flat=True)) == [0, 0, 1, 1, 2, 2]
    assert OpeningMessage.objects.count() == 6
    assert len(conversation.user.seen) == 6
    assert len(conversation.target.seen) == 3  # both scenarios' users write the same here, and the log knows the answer
