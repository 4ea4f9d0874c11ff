"""The simulator on the wire: two protocols, one answer; errors as providers word them; faults; the ledger."""

from __future__ import annotations

import http.client
from collections.abc import Mapping

import pytest

from conflictscope.errors import InvalidInput
from conflictscope.llm.simulator.faults import Fault, Faults
from conflictscope.llm.simulator.personas import LLM_IDS
from conflictscope.llm.simulator.server import Behaviour, Running, running
from tests.llm.simulator.wire import Answer, chat, get, post

QUESTION = """<situation>
Maria asks whether her colleague's report is any good.
</situation>
<option_a>
Say plainly what is wrong with the report.
</option_a>
<option_b>
Praise the report.
</option_b>"""
JUDGED = """Is this realistic? <description>
Jonas asks for a letter.
</description>
<action_a>
Write it.
</action_a>
<action_b>
Decline.
</action_b>"""
OLD, NEW = {"anthropic-version": "2023-06-01"}, {"anthropic-version": "2026-10-21"}


def message(
    base_url: str, text: str, *, llm: str = "sim-judge", headers: Mapping[str, str] = NEW, **more: object
) -> Answer:
    """One question by Anthropic's protocol."""
    body = {"model": llm, "max_tokens": 500, "messages": [{"role": "user", "content": text}], **more}
    return post(base_url, "/v1/messages", body, headers)


def test_both_protocols_get_the_same_answer(simulator: Running) -> None:
    _, _, first = chat(simulator.base_url, QUESTION, llm="sim-target-candid")
    _, _, second = message(simulator.base_url, QUESTION, llm="sim-target-candid")
    assert first["choices"][0]["message"]["content"] == second["content"][0]["text"]
    assert first["usage"]["prompt_tokens"] == second["usage"]["input_tokens"] > 0
    assert (first["choices"][0]["finish_reason"], second["stop_reason"]) == ("stop", "end_turn")
    assert first["model"] == second["model"] == "sim-target-candid"


def test_every_reply_says_that_it_is_simulated_and_bears_a_request_id_of_its_own(simulator: Running) -> None:
    headers = [chat(simulator.base_url, QUESTION)[1], message(simulator.base_url, QUESTION)[1]]
    assert [each["x-simulated"] for each in headers] == ["1", "1"]
    assert headers[0]["x-request-id"] != headers[1]["request-id"]


def test_both_list_the_llms(simulator: Running) -> None:
    for headers in ({}, NEW):
        status, _, listed = get(simulator.base_url, "/v1/models", headers)
        assert status == 200
        assert tuple(each["id"] for each in listed["data"]) == LLM_IDS


def test_an_answer_longer_than_was_allowed_is_cut_off_and_says_so(simulator: Running) -> None:
    _, _, first = chat(simulator.base_url, "Good morning. What would you do?", max_tokens=5)
    _, _, second = message(simulator.base_url, "Good morning. What would you do?", max_tokens=5)
    assert (first["choices"][0]["finish_reason"], second["stop_reason"]) == ("length", "max_tokens")
    assert len(first["choices"][0]["message"]["content"]) == 20


def test_an_unknown_llm_is_not_found_and_those_there_are_are_named(simulator: Running) -> None:
    status, _, body = chat(simulator.base_url, QUESTION, llm="gpt-5")
    assert (status, body["error"]["code"]) == (404, "model_not_found")
    assert "sim-target-candid" in body["error"]["message"]
    status, _, body = message(simulator.base_url, QUESTION, llm="claude")
    assert (status, body["error"]["type"]) == (404, "not_found_error")
    assert chat(simulator.base_url, QUESTION, llm="sim-of-my-own")[0] == 200


ONE = [{"role": "user", "content": "Good morning"}]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/chat/completions", "{not JSON", "not JSON"),
        ("/v1/chat/completions", [], "needs `model` and `messages`"),
        ("/v1/chat/completions", {"model": "sim-judge"}, "needs `model` and `messages`"),
        ("/v1/chat/completions", {"model": "sim-judge", "messages": []}, "no message of a user"),
        ("/v1/chat/completions", {"model": "sim-judge", "messages": ONE, "stream": True}, "does not stream"),
        (
            "/v1/chat/completions",
            {"model": "sim-judge", "messages": [{"role": "tool", "content": ""}]},
            "message role 'tool'",
        ),
        ("/v1/chat/completions", {"model": "sim-judge", "messages": [{"role": "user", "content": 3}]}, "must be text"),
        ("/v1/chat/completions", {"model": "sim-judge", "messages": ["hello"]}, "message role None"),
        ("/v1/messages", {"model": "sim-judge", "messages": ONE}, "max_tokens"),
        (
            "/v1/messages",
            {"model": "sim-judge", "messages": ONE, "max_tokens": 9, "temperature": 0},
            "no sampling parameters",
        ),
        (
            "/v1/messages",
            {"model": "sim-judge", "messages": [{"role": "system", "content": ""}], "max_tokens": 9},
            "role 'system'",
        ),
    ],
)
def test_what_a_provider_would_refuse_is_refused(simulator: Running, path: str, body: object, said: str) -> None:
    status, _, answer = post(simulator.base_url, path, body, NEW)
    assert status == 400
    assert said in answer["error"]["message"]
    assert simulator.ledger()["by_status"] == {"400": 1}


def test_the_older_protocol_takes_a_temperature(simulator: Running) -> None:
    assert message(simulator.base_url, QUESTION, headers=OLD, temperature=0)[0] == 200


def test_a_schema_asks_for_bare_json_with_those_properties(simulator: Running) -> None:
    schema = {"type": "object", "properties": {"passed": {"type": "boolean"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}
    _, _, first = chat(simulator.base_url, JUDGED, response_format=wanted)
    _, _, second = message(
        simulator.base_url, JUDGED, output_config={"format": {"type": "json_schema", "schema": schema}}
    )
    assert first["choices"][0]["message"]["content"] in ('{"passed": true}', '{"passed": false}')
    assert second["content"][0]["text"] == first["choices"][0]["message"]["content"]


def reply_with(simulator: Running, fault: Fault, *, anthropic: bool = False, text: str = JUDGED) -> Answer:
    simulator.reset(faults={fault: 1.0}, slow_seconds=0.05)
    return (message if anthropic else chat)(simulator.base_url, text)


@pytest.mark.parametrize(
    ("fault", "openai", "anthropic"),
    [
        (Fault.RATE_LIMIT, 429, 429),
        (Fault.RATE_LIMIT_WITHOUT_RETRY_AFTER, 429, 429),
        (Fault.SERVER_ERROR, 500, 500),
        (Fault.OVERLOADED, 503, 529),
    ],
)
def test_errors_have_the_status_that_each_provider_gives_them(
    simulator: Running, fault: Fault, openai: int, anthropic: int
) -> None:
    status, headers, body = reply_with(simulator, fault)
    assert status == openai
    assert ("retry-after" in headers) == (fault is Fault.RATE_LIMIT)
    assert body["error"]["message"]
    assert reply_with(simulator, fault, anthropic=True)[0] == anthropic
    assert simulator.ledger()["by_fault"] == {fault.value: 1}


def test_what_goes_wrong_in_an_answer(simulator: Running) -> None:
    good = chat(simulator.base_url, JUDGED)[2]["choices"][0]["message"]["content"]
    choice = reply_with(simulator, Fault.TRUNCATED)[2]["choices"][0]
    assert choice["finish_reason"] == "length"
    assert good.startswith(choice["message"]["content"])
    assert reply_with(simulator, Fault.EMPTY)[2]["choices"][0]["message"]["content"] == ""
    assert reply_with(simulator, Fault.EMPTY, anthropic=True)[2]["content"] == []
    assert reply_with(simulator, Fault.MALFORMED)[2]["choices"][0]["message"]["content"].startswith("Sure!")
    assert '"my_passed"' in reply_with(simulator, Fault.WRONG_SCHEMA)[2]["choices"][0]["message"]["content"]
    refused = reply_with(simulator, Fault.REFUSAL)[2]["choices"][0]["message"]
    assert refused["refusal"]
    assert refused["content"] is None
    assert reply_with(simulator, Fault.REFUSAL, anthropic=True)[2]["stop_reason"] == "refusal"
    assert reply_with(simulator, Fault.SLOW)[2]["choices"][0]["message"]["content"] == good


def test_faults_of_json_leave_other_answers_alone(simulator: Running) -> None:
    assert reply_with(simulator, Fault.MALFORMED, text=QUESTION)[0] == 200
    assert simulator.ledger()["by_fault"] == {}


def test_a_dropped_connection_ends_in_the_middle_of_the_reply(simulator: Running) -> None:
    with pytest.raises(http.client.IncompleteRead):
        reply_with(simulator, Fault.DROPPED)


def test_faults_strike_as_often_as_was_asked_for_and_a_retry_has_a_chance_of_its_own() -> None:
    faults = Faults(rate_limit=0.2, slow=0.1)
    struck = [faults.strike(seed=7, digest=f"{n}", attempt=0) for n in range(4000)]
    assert abs(struck.count(Fault.RATE_LIMIT) / 4000 - 0.2) < 4 * (0.16 / 4000) ** 0.5
    assert abs(struck.count(Fault.SLOW) / 4000 - 0.1) < 4 * (0.09 / 4000) ** 0.5
    assert struck == [faults.strike(seed=7, digest=f"{n}", attempt=0) for n in range(4000)]
    assert struck != [faults.strike(seed=7, digest=f"{n}", attempt=1) for n in range(4000)]


def test_faults_on_a_command_line() -> None:
    assert Faults.parse(["429=0.05", "rate-limit-without-retry-after=0.1"]) == Faults(
        rate_limit=0.05, rate_limit_without_retry_after=0.1
    )
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        Faults.parse(["500=nan"])


def test_the_ledger_counts_what_was_asked_and_forgets_on_reset(simulator: Running) -> None:
    chat(simulator.base_url, JUDGED)
    chat(simulator.base_url, JUDGED)
    message(simulator.base_url, QUESTION, llm="sim-target-candid")
    chat(simulator.base_url, QUESTION, llm="gpt-5")
    counts = simulator.ledger()
    assert (counts["requests"], counts["good"], counts["distinct"], counts["good_distinct"]) == (4, 3, 3, 2)
    assert counts["by_kind"] == {"realism": 2, "choice": 2}
    assert counts["by_llm"] == {"sim-judge": 2, "sim-target-candid": 1, "gpt-5": 1}
    assert counts["by_status"] == {"200": 3, "404": 1}
    assert counts["by_protocol"] == {"openai": 3, "anthropic": 1}
    assert len(counts["records"]) == 4
    assert "records" not in get(simulator.base_url, "/ledger?records=0")[2]
    assert post(simulator.base_url, "/reset", {"seed": 3})[2] == {"reset": True}
    assert simulator.ledger()["requests"] == 0


def test_settings_and_replies_that_are_none_are_refused(simulator: Running) -> None:
    assert post(simulator.base_url, "/reset", {"colour": 1})[0] == 400
    assert "fire" in post(simulator.base_url, "/reset", {"faults": {"fire": 1}})[2]["error"]
    assert post(simulator.base_url, "/reset", "{")[0] == 400
    assert post(simulator.base_url, "/script", {"text": "no list"})[0] == 400
    assert post(simulator.base_url, "/script", [{"words": "x"}])[0] == 400
    assert post(simulator.base_url, "/script", [{"fault": "fire"}])[0] == 400


def test_a_script_is_followed_in_order_by_those_whom_it_is_for(simulator: Running) -> None:
    simulator.script("first", {"text": "for the user", "llm": "sim-user"}, {"json": {"a": 1}})
    simulator.script({"status": 418, "body": '{"tea": true}'}, contains="teapot", times=2)
    assert chat(simulator.base_url, "x")[2]["choices"][0]["message"]["content"] == "first"
    assert chat(simulator.base_url, "x")[2]["choices"][0]["message"]["content"] == '{"a": 1}'
    assert [chat(simulator.base_url, "a teapot")[0] for _ in range(3)] == [418, 418, 200]
    assert chat(simulator.base_url, "x", llm="sim-user")[2]["choices"][0]["message"]["content"] == "for the user"


def test_another_seed_is_another_simulator() -> None:
    def said(seed: int) -> list[str]:
        with running(Behaviour(seed=seed)) as simulator:
            asked = [QUESTION.replace("report", f"report {n}") for n in range(20)]
            answers = [chat(simulator.base_url, text, llm="sim-target-x")[2] for text in asked]
        return [answer["choices"][0]["message"]["content"] for answer in answers]

    assert said(1) == said(1)
    assert said(1) != said(2)
