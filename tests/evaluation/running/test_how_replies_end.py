"""What a reply of a language model is, along the whole path of a run: thought, refusal and ending never become an answer."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from conflictscope.errors import InvalidInput
from conflictscope.jobs import worker
from conflictscope.llm.models import Call
from conflictscope.scenarios.filtering import job as filtering
from conflictscope.scenarios.models import OpeningMessage, Verdict
from evaluation.models import Judgement, Rating, Response, Run
from evaluation.running.runs import ask_again
from evaluation.running.summaries import summaries_of
from tests.evaluation.conftest import Conversation, endpoint_at, work
from tests.factories.evaluation import RatingFactory, RunFactory, TargetFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.llm.scripted import Answer, ScriptedServer, openai_error, openai_reply

pytestmark = pytest.mark.django_db(transaction=True)

UNFINISHED = "<think>At first sight I would choose A. But let me weigh the other side, because"


def asked(provider: ScriptedServer, *answers: Answer, scenarios: int = 1, rated: bool = True) -> Run:
    """A multiple-choice run in one order, whose target says these things, the last one for ever. `rated`: its ratings are there."""
    provider.says(*answers[:-1])
    provider.afterwards = answers[-1]
    run: Run = RunFactory(target=TargetFactory(endpoint=endpoint_at(provider)), option_orders=["action_1_first"])
    for _ in range(scenarios):
        scenario = ScenarioFactory(dataset=run.dataset)
        if rated:
            RatingFactory(run=run, scenario=scenario)
    work(run)
    return run


def outcome_and_choice(run: Run) -> tuple[str, str]:
    judgement = Judgement.objects.get(response__run=run)
    return judgement.response.outcome, judgement.choice


@pytest.mark.parametrize(
    ("answer", "outcome", "choice"),
    [
        (openai_reply(UNFINISHED, finish="length"), "truncated", "none"),
        (openai_reply(UNFINISHED), "truncated", "none"),
        (openai_reply("A", finish="MAX_TOKENS"), "truncated", "none"),
        (openai_reply("<think>A. No, B it is.</think>\n\nB"), "answered", "value_2"),
        (openai_reply("A? No.</think>B"), "answered", "value_2"),
        (openai_reply("<think>A</think>"), "empty", "none"),
        (openai_reply("A", finish="error"), "failed", "none"),
        (openai_reply("A", finish="content_filter"), "blocked", "none"),
        (openai_error(400, "blocked", code="content_filter"), "blocked", "none"),
    ],
)
def test_only_what_came_to_its_end_is_a_choice(
    provider: ScriptedServer, answer: Answer, outcome: str, choice: str
) -> None:
    run = asked(provider, answer)
    assert outcome_and_choice(run) == (outcome, choice)
    summary = summaries_of([run])[run.pk]
    assert summary.unanswered == ({} if outcome == "answered" else {outcome: 1})
    assert summary.responses == 1


def test_a_rating_after_a_thought_is_the_rating_and_one_within_it_is_none(provider: ScriptedServer) -> None:
    run = asked(provider, openai_reply("<think>maybe 3 or 4</think>5"), rated=False)
    rating = Rating.objects.get(run=run)
    assert (rating.rating_1, rating.rating_2) == (5, 5)
    run = asked(provider, openai_reply("<think>maybe 3"), rated=False)
    rating = Rating.objects.get(run=run)
    assert (rating.rating_1, rating.rating_2) == (None, None)
    assert rating.unread_2 == "(Its thought used up max_tokens before an answer began; raise max_tokens.)"


def test_what_came_instead_of_a_rating_is_kept_word_for_word(provider: ScriptedServer) -> None:
    run = asked(provider, openai_reply("Somewhere between 3 and 5."), rated=False)
    rating = Rating.objects.get(run=run)
    assert (rating.rating_1, rating.unread_1) == (None, "Somewhere between 3 and 5.")


def test_a_draft_within_a_thought_is_no_verdict(conversation: Conversation) -> None:
    draft = '{"choice": "A", "strength": 1, "resolved": true, "reason": "x"}'
    final = '{"choice": "B", "strength": 6, "resolved": true, "reason": "y"}'
    for thought, choices in ((f"<think>Draft: {draft} no.</think>\n\n{final}", "B"), (f"<think>Draft: {draft}", "")):
        conversation.judge.reset()
        conversation.judge.afterwards = openai_reply(thought)
        conversation.user.afterwards = openai_reply(f"Please finish list {choices}.")  # else the log answers
        run = conversation.run(DatasetFactory(), seed=len(choices))
        ScenarioFactory(dataset=run.dataset)
        work(run)
        judgement = Judgement.objects.get(response__run=run)
        lettered = {"action_1_first": "value_2", "action_2_first": "value_1"}[judgement.order]
        assert judgement.choice == (lettered if choices else "none")


def test_a_users_thought_reaches_nobody(conversation: Conversation) -> None:
    conversation.user.afterwards = openai_reply("<think>I should sound stressed.</think>Can you write it for me?")
    conversation.target.afterwards = openai_reply("<think>They are stressed.</think>Here it is.")
    run = conversation.run(DatasetFactory())
    ScenarioFactory(dataset=run.dataset)
    work(run)
    assert OpeningMessage.objects.get().text == "Can you write it for me?"
    response = Response.objects.get()
    assert [turn["text"] for turn in response.transcript] == ["Can you write it for me?", "Here it is."]
    for server in (conversation.target, conversation.judge):
        assert "stressed" not in json.dumps([seen.body for seen in server.seen])
    assert sorted(Call.objects.exclude(thought="").values_list("thought", flat=True)) == [
        "I should sound stressed.",
        "They are stressed.",
    ]


def test_an_answer_that_was_cut_off_is_not_judged(conversation: Conversation) -> None:
    conversation.target.afterwards = openai_reply("Here is the first ha", finish="length")
    run = conversation.run(DatasetFactory())
    ScenarioFactory(dataset=run.dataset)
    work(run)
    assert not conversation.judge.seen
    assert outcome_and_choice(run) == ("truncated", "none")


def test_a_blocked_scenario_is_counted_and_not_asked_again_unless_somebody_says_so(provider: ScriptedServer) -> None:
    run = asked(provider, openai_error(400, "blocked", code="content_filter"), openai_reply("A"), scenarios=2)
    assert Response.objects.filter(run=run).count() == 2
    assert summaries_of([run])[run.pk].unanswered == {"blocked": 1}
    sent = len(provider.seen)
    job = work(run)
    assert len(provider.seen) == sent
    assert job.state == "done"

    assert ask_again(run, ["blocked"]) == 1
    work(run)
    assert summaries_of([run])[run.pk].unanswered == {}
    with pytest.raises(InvalidInput, match="Only replies that are no answer"):
        ask_again(run, ["answered"])


def test_a_scenario_whose_opening_is_blocked_is_counted(conversation: Conversation) -> None:
    conversation.user.afterwards = openai_error(403, "Your input was flagged", code="moderation_blocked")
    run = conversation.run(DatasetFactory())
    ScenarioFactory(dataset=run.dataset)
    for _ in range(2):
        work(run)
    assert len(conversation.user.seen) == 1
    assert not conversation.target.seen
    assert outcome_and_choice(run) == ("blocked", "none")


def test_a_judge_may_say_more_than_it_was_asked(provider: ScriptedServer) -> None:
    provider.afterwards = openai_reply('{"passed": true, "reason": "y", "confidence": 0.9}')
    dataset = DatasetFactory(baseline=True)
    ScenarioFactory(dataset=dataset)
    worker.work_on(filtering.start(dataset, JudgeFactory(endpoint=endpoint_at(provider))))
    assert set(Verdict.objects.values_list("outcome", flat=True)) == {"pass"}
    assert not Call.objects.exclude(outcome="ok").exists()


def test_the_run_that_asks_again_can_be_started_by_command(provider: ScriptedServer) -> None:
    run = asked(provider, openai_error(400, "blocked", code="content_filter"))
    provider.afterwards = openai_reply("A")
    call_command(
        "evaluate_targets", study=run.study.slug, dataset=run.dataset.slug, targets=[run.target.label],
        scope="all", orders="action_1_first", again=["blocked"],
    )  # fmt: skip
    assert outcome_and_choice(run) == ("answered", "value_1")
