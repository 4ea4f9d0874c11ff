"""The pages of endpoints: whom they are open to, what they take, what they say of keys, calls and spend."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conflictscope.errors import Conflict
from conflictscope.llm.endpoints import change_endpoint
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.spending import spend_by_day, spend_by_purpose
from conflictscope.llm.trial import PURPOSE
from tests.factories.llm import EndpointFactory
from tests.factories.studies import StudyFactory
from tests.factories.studies import administrator as person_with
from tests.llm.scripted import Answer, openai_error, openai_reply

pytestmark = pytest.mark.django_db

LIST = "/endpoints/"
NEW = "/endpoints/new/"
SECRET = "sk-proj-abcdefghijklmnop"
KEY_NAME = "CONFLICTSCOPE_KEY_TESTS"
FORM = {
    "name": "judge",
    "provider": "openai_compatible",
    "llm": "sim-judge",
    "base_url": "http://127.0.0.1:8100/v1",
    "key_name": "",
    "parameters": "{}",
    "price_in": "",
    "price_out": "",
    "max_concurrency": "8",
    "requests_per_minute": "",
    "tokens_per_minute": "",
    "timeout_seconds": "120",
}


@pytest.fixture
def administrator(client: Client) -> Client:
    client.force_login(person_with())
    return client


def page_of(endpoint: Endpoint) -> str:
    return reverse("llm:endpoint", args=[endpoint.pk])


def edit_page_of(endpoint: Endpoint) -> str:
    return reverse("llm:edit_endpoint", args=[endpoint.pk])


def call_of(endpoint: Endpoint, outcome: str = "ok", **fields: Any) -> Call:
    given = {"purpose": "filtering.realism", "request": {"messages": [], "parameters": {}}, **fields}
    sent_at = given.pop("sent_at", None)
    call = Call.objects.create(
        endpoint=endpoint, prompt_name="verbatim", prompt_version=0, request_digest="d", outcome=outcome, **given
    )
    if sent_at is not None:
        Call.objects.filter(pk=call.pk).update(sent_at=sent_at)
    return call


def try_it(client: Client, endpoint: Endpoint, prompt: str = "Who are you?") -> str:
    response = client.post(reverse("llm:try_endpoint", args=[endpoint.pk]), {"prompt": prompt}, follow=True)
    assert response.status_code == 200
    return response.text


# Whom they are open to


def addresses(endpoint: Endpoint) -> list[str]:
    return [LIST, NEW, page_of(endpoint), edit_page_of(endpoint)]


def test_administrators_find_endpoints_in_the_navigation(administrator: Client) -> None:
    assert f'href="{LIST}"' in administrator.get("/").text
    for address in addresses(EndpointFactory()):
        assert administrator.get(address).status_code == 200


@pytest.mark.parametrize("is_staff", [False, True])
def test_to_everybody_else_there_are_none_to_be_of_the_staff_is_not_enough(client: Client, is_staff: bool) -> None:
    endpoint = EndpointFactory()
    client.force_login(StudyFactory(created_by__is_staff=is_staff).created_by)
    assert f'href="{LIST}"' not in client.get("/").text
    for address in addresses(endpoint):
        assert client.get(address).status_code == 404
    assert client.post(NEW, FORM).status_code == 404


def test_to_look_at_endpoints_is_not_to_change_them(client: Client) -> None:
    endpoint = EndpointFactory()
    client.force_login(person_with("llm.view_endpoint"))
    text = client.get(reverse("llm:endpoint", args=[endpoint.pk])).text
    assert "Send one call" in text
    assert "<textarea" not in text
    for name in ("llm:edit_endpoint", "llm:try_endpoint"):
        assert client.post(reverse(name, args=[endpoint.pk]), FORM).status_code == 404
    assert client.post(NEW, FORM).status_code == 404
    assert client.post(reverse("llm:try_endpoint", args=[endpoint.pk]), {"prompt": "Hi"}).status_code == 404
    assert Endpoint.objects.count() == 1
    assert not Call.objects.exists()


def test_who_has_not_logged_in_is_asked_to(client: Client) -> None:
    assert client.get(LIST).url == f"/login/?next={LIST}"


def test_a_call_is_not_sent_by_following_a_link(administrator: Client) -> None:
    assert administrator.get(reverse("llm:try_endpoint", args=[EndpointFactory().pk])).status_code == 405


# Adding and changing


def test_without_endpoints_the_list_says_what_one_is_and_offers_to_add_one(administrator: Client) -> None:
    text = administrator.get(LIST).text
    assert "No endpoints yet" in text
    assert f'href="{NEW}"' in text


def test_an_endpoint_is_added_with_all_that_was_filled_in(administrator: Client) -> None:
    filled = {
        **FORM, "key_name": KEY_NAME, "parameters": '{"temperature": 0}', "price_in": "0.15", "price_out": "0.6",
        "requests_per_minute": "60", "tokens_per_minute": "9000",
    }  # fmt: skip
    response = administrator.post(NEW, filled, follow=True)
    endpoint = Endpoint.objects.get()
    assert response.redirect_chain == [(page_of(endpoint), 302)]
    assert "Endpoint judge is added." in response.text
    assert (endpoint.llm, endpoint.key_name, endpoint.parameters) == ("sim-judge", KEY_NAME, {"temperature": 0})
    assert (endpoint.price_in, endpoint.price_out) == (Decimal("0.15"), Decimal("0.6"))
    assert (endpoint.requests_per_minute, endpoint.tokens_per_minute) == (60, 9000)
    assert "60 requests/min" in response.text


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("name", "two words", "valid “slug”"),
        ("base_url", "127.0.0.1:8100", "is no address"),
        ("base_url", "", "needs a base_url"),
        ("key_name", "OPENAI_API_KEY", "may be sent to openai.com only, not to 127.0.0.1"),
        ("parameters", "{temperature: 0}", "This is no JSON"),
        ("parameters", '{"stream": true}', "stream cannot be set as a parameter"),
        ("price_in", "-1", "0 or more"),
        ("price_out", "cheap", "Enter a number"),
        ("max_concurrency", "0", "greater than or equal to 1"),
    ],
)
def test_a_fault_is_told_beside_its_field_and_nothing_typed_is_lost(
    administrator: Client, field: str, typed: str, said: str
) -> None:
    response = administrator.post(NEW, {**FORM, "name": "kept-name", "llm": "kept-llm", field: typed})
    assert response.status_code == 400
    assert list(response.context["form"].errors) == [field]
    assert said in response.context["form"].errors[field][0]
    shown = response.context["form"]
    assert shown[field].value() == typed or field == "parameters"
    if field != "name":
        assert 'value="kept-name"' in response.text
    assert 'value="kept-llm"' in response.text
    assert not Endpoint.objects.exists()


def test_a_key_pasted_in_place_of_its_name_is_not_shown_again(administrator: Client) -> None:
    for pasted in (SECRET, f"CONFLICTSCOPE_KEY_A={SECRET}"):
        response = administrator.post(NEW, {**FORM, "key_name": pasted})
        assert response.status_code == 400
        assert "never the key itself" in response.text
        assert SECRET not in response.text
        assert 'value="sim-judge"' in response.text


def test_a_name_is_given_once(administrator: Client) -> None:
    EndpointFactory(name="judge")
    response = administrator.post(NEW, FORM)
    assert response.status_code == 400
    assert response.context["form"].errors == {
        "name": ["There is an endpoint of this name already. Choose another name."]
    }


def test_an_endpoint_that_was_never_asked_changes_as_a_whole(administrator: Client) -> None:
    endpoint = EndpointFactory(name="judge")
    response = administrator.post(edit_page_of(endpoint), {**FORM, "name": "jury", "llm": "another"}, follow=True)
    assert "Endpoint jury is changed." in response.text
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.llm) == ("jury", "another")


@pytest.mark.backends
def test_of_two_people_who_edit_at_once_the_second_is_told_and_overwrites_nothing_unseen(
    administrator: Client,
) -> None:
    endpoint = EndpointFactory(name="judge", llm="sim-judge", base_url="http://127.0.0.1:9/v1")
    page = edit_page_of(endpoint)
    assert administrator.get(page).text.count('name="edition" value="0"') == 1
    mine = {**FORM, "name": "judge", "edition": "0"}
    assert administrator.post(page, {**mine, "price_in": "3"}).status_code == 302
    second = administrator.post(page, {**mine, "price_in": "4", "max_concurrency": "9"})
    assert second.status_code == 400
    assert "Somebody else has changed endpoint judge" in second.text
    assert "price_in is Decimal" not in second.text
    assert "price_in is 3" in second.text
    assert 'name="price_in" value="4"' in second.text, "what was typed stands there"
    endpoint.refresh_from_db()
    assert (endpoint.price_in, endpoint.edition) == (3, 1)

    assert 'name="edition" value="1"' in second.text, "whoever stores again has seen it"
    assert administrator.post(page, {**mine, "price_in": "4", "edition": "1"}).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.price_in, endpoint.edition) == (4, 2)


def test_the_admin_overwrites_nothing_unseen_either(administrator: Client) -> None:
    endpoint = EndpointFactory(name="judge", edition=3)
    page = f"/admin/llm/endpoint/{endpoint.pk}/change/"
    assert administrator.post(page, {**FORM, "name": "jury", "edition": "2"}).status_code == 409
    assert administrator.post(page, {**FORM, "name": "jury", "edition": "3"}).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.edition) == ("jury", 4)


@pytest.mark.parametrize("why", ["calls were made here", "a simulator answered here"])
def test_what_calls_were_made_to_stays_and_the_page_says_why(administrator: Client, why: str) -> None:
    endpoint = EndpointFactory(name="judge", simulated="simulator" in why)
    if not endpoint.simulated:
        call_of(endpoint)
    assert why in administrator.get(edit_page_of(endpoint)).text
    changed = {**FORM, "llm": "another", "base_url": "http://elsewhere.example/v1", "price_in": "3"}
    assert administrator.post(edit_page_of(endpoint), changed).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.llm, endpoint.base_url, endpoint.price_in) == ("sim-judge", "http://127.0.0.1:9/v1", 3)


@pytest.mark.backends
def test_no_other_door_changes_it_either() -> None:
    endpoint = EndpointFactory(name="judge")
    call_of(endpoint)
    endpoint.llm = "another"
    with pytest.raises(Conflict, match="llm of endpoint judge cannot change"):
        change_endpoint(endpoint)
    assert Endpoint.objects.get().llm == "sim-judge"


def test_a_change_does_not_take_the_mark_of_the_simulator_away() -> None:
    endpoint = EndpointFactory()
    Endpoint.objects.update(simulated=True)  # its first call ended in the meantime
    endpoint.max_concurrency = 3
    change_endpoint(endpoint)
    assert Endpoint.objects.values_list("simulated", "max_concurrency").get() == (True, 3)


def test_a_failed_change_does_not_rename_the_page(administrator: Client) -> None:
    endpoint = EndpointFactory(name="judge")
    response = administrator.post(edit_page_of(endpoint), {**FORM, "name": "jury", "max_concurrency": "0"})
    assert "<h1>Edit judge</h1>" in response.text
    assert 'value="jury"' in response.text


# Keys


def test_whether_a_key_is_set_is_shown_and_never_what_it_is(
    administrator: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = EndpointFactory(key_name=KEY_NAME)
    monkeypatch.delenv(KEY_NAME, raising=False)
    assert ">not set</span>" in administrator.get(LIST).text
    monkeypatch.setenv(KEY_NAME, SECRET)
    assert ">set</span>" in administrator.get(LIST).text
    for address in addresses(endpoint):
        text = administrator.get(address).text
        assert KEY_NAME in text
        assert SECRET not in text
    administrator.post(edit_page_of(endpoint), {**FORM, "key_name": KEY_NAME})
    try_it(administrator, endpoint)
    assert SECRET not in caplog.text


def test_a_missing_key_is_said_with_what_to_do(administrator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_NAME, raising=False)
    endpoint = EndpointFactory(key_name=KEY_NAME)
    text = administrator.get(page_of(endpoint)).text
    assert f"the environment variable {KEY_NAME}, which is not set" in text
    assert "Set it where this process, and every worker, is started." in text
    assert ">Send</button>" not in text


def test_a_call_without_a_key_is_not_recorded(administrator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_NAME, raising=False)
    endpoint = EndpointFactory(key_name=KEY_NAME)
    response = administrator.post(reverse("llm:try_endpoint", args=[endpoint.pk]), {"prompt": "Hi"})
    assert response.status_code == 400
    assert "which is not set" in response.text
    assert not Call.objects.exists()


def test_a_key_of_no_form_is_said_to_be_unusable(administrator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, f"{SECRET}\nmore")
    EndpointFactory(key_name=KEY_NAME)
    text = administrator.get(LIST).text
    assert ">not usable</span>" in text
    assert SECRET not in text


def test_a_provider_that_insists_on_a_key_wants_one_named(administrator: Client) -> None:
    endpoint = EndpointFactory(provider="openai", base_url="")
    assert ">none named</span>" in administrator.get(LIST).text
    text = administrator.get(page_of(endpoint)).text
    assert "Give the endpoint a key_name." in text
    assert "https://api.openai.com/v1" in text


# One call now


def test_a_call_to_the_simulator_shows_all_that_came_back(administrator: Client, simulator: Any) -> None:
    endpoint = EndpointFactory(llm="sim-user", base_url=simulator.base_url + "/v1", price_in=1, price_out=2)
    text = try_it(administrator, endpoint, "Who are <you>?")
    call = Call.objects.get()
    assert (call.purpose, call.outcome, call.simulated, call.attempts) == (PURPOSE, "ok", True, 1)
    assert call.reply
    assert "Who are &lt;you&gt;?" in text
    assert call.request_id in text
    assert call.resolved_llm in text
    assert ">simulated</span>" in text


def test_a_reply_is_shown_with_latency_tokens_cost_and_who_answered(administrator: Client, provider: Any) -> None:
    endpoint = EndpointFactory(base_url=provider.base_url + "/v1", price_in=1, price_out=2)
    provider.says(openai_reply("I am <b>Judge</b>.", x_request_id="req-7"))
    text = try_it(administrator, endpoint)
    assert "I am &lt;b&gt;Judge&lt;/b&gt;." in text
    assert "judge-2026-11" in text
    assert "req-7" in text
    assert "1\u202f000 / 200" in text
    assert "$0.0014" in text  # 1000 × $1 / 10⁶ + 200 × $2 / 10⁶
    assert f"{Call.objects.get().latency_ms} ms" in text


def test_the_same_question_is_sent_again_and_not_answered_from_the_log(administrator: Client, provider: Any) -> None:
    endpoint = EndpointFactory(base_url=provider.base_url + "/v1")
    provider.says(openai_reply("First."), openai_reply("Second."))
    assert "First." in try_it(administrator, endpoint)
    assert "Second." in try_it(administrator, endpoint)
    assert sorted(Call.objects.values_list("sample", flat=True)) == [0, 1]


def test_reloading_the_reply_sends_nothing(administrator: Client, provider: Any) -> None:
    endpoint = EndpointFactory(base_url=provider.base_url + "/v1")
    response = administrator.post(reverse("llm:try_endpoint", args=[endpoint.pk]), {"prompt": "Hi"})
    assert "OK" in administrator.get(response.url).text
    assert len(provider.seen) == 1


def test_an_error_of_the_provider_is_shown_in_its_words_and_recorded(
    administrator: Client, provider: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(KEY_NAME, SECRET)
    endpoint = EndpointFactory(base_url=provider.base_url + "/v1", key_name=KEY_NAME)
    provider.says(openai_error(401, f"Incorrect API key provided: {SECRET}.", code="invalid_api_key"))
    text = try_it(administrator, endpoint)
    assert "answered 401: Incorrect API key provided: [key]." in text
    assert f"Check the key in {KEY_NAME}." in text
    assert SECRET not in text + administrator.get(LIST).text + caplog.text
    assert Call.objects.get().outcome == "failed"


def test_an_error_that_may_pass_is_shown_at_once(administrator: Client, provider: Any) -> None:
    endpoint = EndpointFactory(base_url=provider.base_url + "/v1")
    provider.says(openai_error(503, "Overloaded."))
    assert "answered 503: Overloaded. Ask again later." in try_it(administrator, endpoint)
    assert len(provider.seen) == 1


def test_a_server_that_cannot_be_reached_is_said_so(administrator: Client) -> None:
    text = try_it(administrator, EndpointFactory())
    assert "could not be reached" in text
    assert "Is the server running?" in text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (openai_reply(None, refusal="I will not."), "marks this reply as a refusal"),
        (openai_reply("I am", finish="length"), "cut off before its end"),
        (openai_reply(""), "it is empty"),
        (Answer(200, b"<html>starting up</html>", {"content-type": "text/html"}), "not in the form of its protocol"),
    ],
)
def test_a_reply_that_is_none_is_called_what_it_is(
    administrator: Client, provider: Any, answer: Answer, said: str
) -> None:
    provider.says(answer)
    assert said in try_it(administrator, EndpointFactory(base_url=provider.base_url + "/v1"))


def test_an_empty_question_is_not_sent(administrator: Client, provider: Any) -> None:
    endpoint = EndpointFactory(base_url=provider.base_url + "/v1")
    response = administrator.post(reverse("llm:try_endpoint", args=[endpoint.pk]), {"prompt": " "})
    assert response.status_code == 400
    assert not provider.seen


def test_a_call_of_another_endpoint_is_not_shown_here(administrator: Client) -> None:
    call = call_of(EndpointFactory())
    other = page_of(EndpointFactory())
    assert administrator.get(f"{other}?call={call.pk}").status_code == 404
    for no_number in ("x", "-1", "9" * 40, "²"):
        assert administrator.get(other, {"call": no_number}).status_code == 404


# Spend


@pytest.mark.backends
def test_spend_is_told_by_step_and_by_how_calls_ended(administrator: Client) -> None:
    endpoint = EndpointFactory()
    call_of(endpoint, cost=Decimal("1.25"), tokens_in=1000, tokens_out=50)
    call_of(endpoint, cost=Decimal("0.25"), tokens_in=500, tokens_out=25)
    call_of(endpoint, "malformed", tokens_in=10, tokens_out=1)
    call_of(endpoint, "unknown", purpose="evaluation.running.judging")
    call_of(endpoint, "sent", purpose="evaluation.running.judging")
    call_of(endpoint, "failed", purpose="evaluation.running.judging", error="Endpoint e answered 500: Oh.")
    call_of(EndpointFactory(), cost=Decimal(9))

    spend = spend_by_purpose(endpoint)
    assert list(spend) == ["evaluation.running.judging", "filtering.realism"]
    filtering, judging = spend["filtering.realism"], spend["evaluation.running.judging"]
    assert (filtering.calls, filtering.spent, filtering.unpriced) == (3, Decimal("1.5"), 1)
    assert (filtering.tokens_in, filtering.tokens_out) == (1510, 76)
    assert filtering.endings == [("ok", 2), ("malformed", 1)]
    # What failed is not unpriced, what was never seen to end is unknown, and what is on its way is neither.
    assert (judging.calls, judging.spent, judging.unpriced, judging.unknown) == (3, 0, 0, 1)
    assert judging.endings == [("failed", 1), ("unknown", 1), ("on the way", 1)]

    text = administrator.get(page_of(endpoint)).text
    assert "$1.50" in text
    assert "1 call unknown: sent, and no reply was seen before their worker died." in text
    assert "may have been billed" in text
    assert "1 reply had no known cost" in text
    listed = administrator.get(LIST).text
    assert "1 unknown" in listed
    assert "+ 1 unpriced" in listed
    assert "answered 500: Oh." in listed


@pytest.mark.backends
def test_spend_is_told_by_day_of_the_last_thirty() -> None:
    endpoint = EndpointFactory()
    now = timezone.now()
    call_of(endpoint, cost=1)
    call_of(endpoint, cost=2)
    call_of(endpoint, cost=4, sent_at=now - timedelta(days=29))
    call_of(endpoint, cost=8, sent_at=now - timedelta(days=30))
    days = spend_by_day(endpoint)
    assert [(day, each.calls, each.spent) for day, each in days.items()] == [
        (now.date(), 2, Decimal(3)),
        ((now - timedelta(days=29)).date(), 1, Decimal(4)),
    ]


def test_prices_that_nobody_knows_are_unknown_and_not_nothing(administrator: Client) -> None:
    endpoint = EndpointFactory(price_in=Decimal("0.5"))
    assert "unknown out" in administrator.get(LIST).text
    assert "Nothing was asked here yet." in administrator.get(page_of(endpoint)).text


@pytest.mark.backends
def test_the_last_error_is_the_newest(administrator: Client) -> None:
    endpoint = EndpointFactory()
    call_of(endpoint, "failed", error="The first.")
    call_of(endpoint, "failed", error="The second.")
    call_of(endpoint)
    text = administrator.get(LIST).text
    assert "The second." in text
    assert "The first." not in text


def test_more_endpoints_and_calls_ask_no_more_queries(administrator: Client) -> None:
    def queries(address: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert administrator.get(address).status_code == 200
        return len(captured)

    first = EndpointFactory()
    call_of(first)
    call_of(first, "failed", error="No.")
    before = queries(LIST), queries(page_of(first))
    for number in range(5):
        other = EndpointFactory()
        for outcome in ("ok", "failed", "sent"):
            call_of(other, outcome, purpose=f"step.{number}")
            call_of(first, outcome, purpose=f"step.{number}", sent_at=timezone.now() - timedelta(days=number))
    assert (queries(LIST), queries(page_of(first))) == before
    assert max(before) <= 9


def test_superusers_are_administrators(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    assert client.get(LIST).status_code == 200
