"""The product's own code against a real LLM on this machine: llama.cpp's server, through the openai SDK.

The LLM is tiny and has no opinions worth reading. What is tested is that real replies, real errors and a real server's
fields are understood: no letter is invented for an answer that names none, and no object for a text that holds none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from django.db.models import Sum
from pydantic import BaseModel, ConfigDict

from conflictscope.jobs.models import Job
from conflictscope.llm.client import Client, Door, ask_once
from conflictscope.llm.errors import PermanentLLMError
from conflictscope.llm.models import Call
from conflictscope.scenarios.models import Scenario
from evaluation.models import Judgement, Rating, Response, Run
from evaluation.running.multiple_choice import choice_of, options_of
from evaluation.running.parsing import parse_choice
from tests.evaluation.conftest import work
from tests.factories.evaluation import RunFactory, TargetFactory
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.llm import local_server

pytestmark = [
    pytest.mark.local_llm,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(local_server.why_missing() is not None, reason=str(local_server.why_missing())),
]

MOST_CALLS = 40  # of all tests together
STEADY = {"temperature": 0, "seed": 1, "max_tokens": 48}


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    realistic: bool
    confidence: Literal["low", "medium", "high"]


VERDICT = "A baker guesses an entry of a flour order. Is that realistic? Say so, and how confident you are."


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with local_server.running() as address:
        yield address


@pytest.fixture(scope="module")
def bill() -> list[int]:
    return []


@pytest.fixture(autouse=True)
def few_calls(bill: list[int], transactional_db: None) -> Iterator[None]:
    yield
    bill.append(Call.objects.aggregate(sent=Sum("attempts", default=0))["sent"])
    assert sum(bill) <= MOST_CALLS


@pytest.fixture
def endpoint(server: str) -> Any:
    return EndpointFactory(base_url=f"{server}/v1", llm=local_server.LLM, parameters=STEADY)


async def _asked(question: Callable[[Door], Any]) -> Any:
    async with Client() as client:
        return await question(client.door())


def ask_for_verdict(endpoint: Any) -> Any:
    from asgiref.sync import async_to_sync

    return async_to_sync(_asked)(lambda door: door.ask_for(Verdict, endpoint, VERDICT, purpose="testing"))


def test_a_reply_is_logged_with_what_the_server_says_of_it_and_is_not_asked_for_again(endpoint: Any) -> None:
    endpoint.parameters = {**STEADY, "stop": [".", "\n"]}
    reply = ask_once(endpoint, "Name a colour.", purpose="testing")
    assert reply.ok
    call = Call.objects.get()
    assert call.reply == reply.text != ""
    assert local_server.LLM in call.resolved_llm
    assert call.request_id
    assert call.tokens_in > 0
    assert 0 < call.tokens_out <= STEADY["max_tokens"]
    assert call.attempts == 1
    assert call.cost is None  # nobody said what it costs
    assert not call.simulated
    assert ask_once(endpoint, "Name a colour.", purpose="testing") == reply
    assert Call.objects.count() == 1


def test_a_reply_that_is_cut_off_is_truncated_and_no_answer_for_good(endpoint: Any) -> None:
    for _ in range(2):
        reply = ask_once(endpoint, "Tell me about bread.", purpose="testing", parameters={"max_tokens": 3})
        assert reply.outcome == "truncated"
    assert Call.objects.filter(outcome=Call.Outcome.TRUNCATED, tokens_out=3).count() == 2


def test_a_prompt_that_is_too_long_fails_once_with_the_servers_words(endpoint: Any) -> None:
    with pytest.raises(PermanentLLMError, match="context"):
        ask_once(endpoint, "bread " * (local_server.TOKENS_AT_ONCE + 100), purpose="testing")
    call = Call.objects.get()
    assert (call.outcome, call.attempts) == (Call.Outcome.FAILED, 1)


def test_an_llm_under_a_schema_answers_with_the_object(endpoint: Any) -> None:
    endpoint.parameters = {**STEADY, "json_schema": True}
    parsed = ask_for_verdict(endpoint)
    assert isinstance(parsed.value, Verdict)
    call = Call.objects.get()
    assert call.outcome == Call.Outcome.OK
    assert call.request["schema"]["native"]
    assert Verdict.model_validate_json(call.reply) == parsed.value


def test_an_llm_asked_for_json_in_text_gives_the_object_or_nothing_after_one_more_question(endpoint: Any) -> None:
    parsed = ask_for_verdict(endpoint)
    calls = list(Call.objects.order_by("pk"))
    assert [call.pk for call in calls] == list(parsed.reply.call_ids)
    assert not calls[0].request["schema"]["native"]
    last = calls[-1]
    if parsed.value is None:
        assert parsed.problem
        assert last.outcome != Call.Outcome.OK
        assert last.reply  # kept, whatever it is
    else:
        assert last.outcome == Call.Outcome.OK
    if len(calls) == 2:
        assert calls[0].outcome == Call.Outcome.MALFORMED
        assert last.request["correction_of"] == calls[0].pk
    assert len(calls) <= 2


def test_a_multiple_choice_run_is_done_and_decides_only_what_was_said(endpoint: Any) -> None:
    dataset = DatasetFactory()
    scenarios = [ScenarioFactory(dataset=dataset, status=Scenario.Status.KEPT) for _ in range(2)]
    run = RunFactory(dataset=dataset, scope=Run.Scope.KEPT, target=TargetFactory(endpoint=endpoint))
    job = work(run)
    assert job.state == Job.State.DONE

    responses = Response.objects.filter(run=run).select_related("scenario")
    assert responses.count() == 2 * len(scenarios)  # both orders
    for response in responses:
        option_a, option_b = options_of(response.scenario, response.order)
        call = response.calls.get()
        assert call.reply == response.transcript[-1]["text"]
        said = parse_choice(call.reply, option_a=option_a, option_b=option_b)
        assert Judgement.objects.get(response=response).choice == choice_of(said.letter, response.order)
    ratings = Rating.objects.filter(run=run)
    assert ratings.count() == len(scenarios)
    for given in ratings.values_list("rating_1", "rating_2"):
        assert all(number is None or 1 <= number <= 7 for number in given)

    asked = Call.objects.count()
    assert asked == 4 * len(scenarios)  # two choices, two ratings
    work(run)
    assert Call.objects.count() == asked
