from __future__ import annotations

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client

from conflictscope.errors import Conflict, ConflictScopeError, InvalidInput, NotFound
from conflictscope.llm.endpoints import add_endpoint, endpoint_named
from conflictscope.llm.models import Call, Endpoint
from tests.factories.llm import EndpointFactory

pytestmark = [pytest.mark.django_db, pytest.mark.backends]

JUDGE: dict[str, Any] = {"provider": "openai_compatible", "llm": "sim-judge", "base_url": "http://127.0.0.1:8100/v1"}


def test_an_endpoint_is_added_with_all_it_is_given() -> None:
    add_endpoint(
        Endpoint(
            name="judge",
            **JUDGE,
            key_name="CONFLICTSCOPE_KEY_LOCAL",
            parameters={"temperature": 0},
            price_in="0.15",
            price_out=Decimal("0.6"),
            max_concurrency=3,
            requests_per_minute=500,
            tokens_per_minute=200_000,
            timeout_seconds=30,
        )
    )
    endpoint = Endpoint.objects.get(name="judge")
    assert (endpoint.provider, endpoint.llm, endpoint.base_url) == tuple(JUDGE.values())
    assert (endpoint.key_name, endpoint.parameters) == ("CONFLICTSCOPE_KEY_LOCAL", {"temperature": 0})
    assert (endpoint.price_in, endpoint.price_out) == (Decimal("0.15"), Decimal("0.6"))
    assert (endpoint.max_concurrency, endpoint.timeout_seconds, endpoint.simulated) == (3, 30, False)
    assert (endpoint.requests_per_minute, endpoint.tokens_per_minute) == (500, 200_000)


@pytest.mark.parametrize(
    "fields",
    [
        {"provider": "openai", "llm": "gpt", "key_name": "OPENAI_API_KEY"},
        {"provider": "openai", "llm": "gpt", "key_name": "OPENAI_API_KEY", "base_url": "https://eu.api.openai.com/v1"},
        {"provider": "anthropic", "llm": "claude", "key_name": "ANTHROPIC_API_KEY"},
        {**JUDGE, "base_url": "http://simulator:8100/v1"},
        {**JUDGE, "base_url": "http://[::1]:8100/v1"},
        {**JUDGE, "base_url": "https://openrouter.example/api/v1", "key_name": "CONFLICTSCOPE_KEY_OPENROUTER"},
    ],
)
def test_addresses_and_keys_of_every_kind_are_taken(fields: dict[str, Any]) -> None:
    assert add_endpoint(Endpoint(name="one", **fields)).pk


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"provider": "openrouter"}, "providers: openai, anthropic, openai_compatible"),
        ({"llm": " "}, "needs the id of its language model"),
        ({"base_url": ""}, "needs a base_url"),
        ({"base_url": "127.0.0.1:8100"}, "is no address"),
        ({"base_url": "ftp://host/v1"}, "is no address"),
        ({"base_url": "http://"}, "is no address"),
        ({"base_url": "http://host:port/v1"}, "is no address"),
        ({"base_url": "http://ho st/v1"}, "is no address"),
        ({"base_url": "http://me:secret@host/v1"}, "no user, password, query or fragment"),
        ({"base_url": "http://host/v1?key=secret"}, "no user, password, query or fragment"),
        ({"key_name": "AWS_SECRET_ACCESS_KEY"}, "never the key itself"),
        ({"key_name": "SECRET_KEY"}, "never the key itself"),
        ({"key_name": "CONFLICTSCOPE_KEY_"}, "never the key itself"),
        ({"key_name": "CONFLICTSCOPE_KEY_A B"}, "never the key itself"),
        ({"key_name": "OPENAI_API_KEY"}, "may be sent to openai.com only, not to 127.0.0.1"),
        (
            {"key_name": "OPENAI_API_KEY", "base_url": "https://openai.com.evil.example/v1"},
            "only, not to openai.com.evil",
        ),
        ({"key_name": "OPENAI_API_KEY", "base_url": "https://notopenai.com/v1"}, "only, not to notopenai.com"),
        ({"key_name": "OPENAI_API_KEY", "provider": "anthropic", "base_url": ""}, "only, not to api.anthropic.com"),
        ({"parameters": {"model": "x", "stream": True}}, "model, stream cannot be set"),
        ({"parameters": [1]}, "are a JSON object"),
        ({"parameters": {"a": float("nan")}}, "are JSON values"),
        ({"parameters": {"unsupported": "temperature"}}, "lists names of parameters"),
        ({"price_in": "cheap"}, "price_in is US dollars per million tokens"),
        ({"price_out": "-1"}, "0 or more"),
        ({"price_out": "NaN"}, "0 or more"),
        ({"price_in": "99999999"}, "price_in: "),
        ({"max_concurrency": 0}, "max_concurrency: "),
        ({"requests_per_minute": 0}, "requests_per_minute: "),
        ({"tokens_per_minute": -5}, "tokens_per_minute: "),
        ({"tokens_per_minute": "many"}, "tokens_per_minute: "),
        ({"timeout_seconds": 0}, "timeout_seconds: "),
        ({"name": "two words"}, "name: "),
    ],
)
def test_what_is_no_endpoint_is_refused_with_what_to_do(change: dict[str, Any], said: str) -> None:
    fields = {"name": "judge", **JUDGE, **change}
    with pytest.raises(InvalidInput) as caught:
        add_endpoint(Endpoint(name=fields.pop("name"), **fields))
    assert said in caught.value.sentence
    assert "secret" not in caught.value.sentence
    assert not Endpoint.objects.exists()


def test_a_key_given_in_place_of_its_name_is_not_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        add_endpoint(Endpoint(name="judge", **JUDGE, key_name="sk-proj-abcdef123456"))
    assert "sk-proj" not in caught.value.sentence


def test_a_name_is_given_once() -> None:
    add_endpoint(Endpoint(name="judge", **JUDGE))
    with pytest.raises(Conflict, match="named 'judge' already"):
        add_endpoint(Endpoint(name="judge", **JUDGE))


@pytest.mark.parametrize(
    "fields",
    [
        {"key_name": "AWS_SECRET_ACCESS_KEY"},
        {"base_url": ""},
        {"provider": "smoke_signals"},
        {"max_concurrency": 0},
        {"requests_per_minute": 0},
        {"tokens_per_minute": 0},
    ],
)
def test_the_database_refuses_what_got_past_everybody(fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        EndpointFactory(**fields)


def test_an_endpoint_is_found_by_name_or_those_there_are_are_named() -> None:
    with pytest.raises(NotFound, match=r"Add one with manage\.py create_endpoint"):
        endpoint_named("judge")
    judge = add_endpoint(Endpoint(name="judge", **JUDGE))
    assert endpoint_named("judge") == judge
    with pytest.raises(NotFound, match=r"Endpoints: judge\."):
        endpoint_named("jugde")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("create_endpoint", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_adds_an_endpoint_and_says_so() -> None:
    said = run(
        "judge", "--provider", "openai_compatible", "--llm", "sim-judge", "--base-url", "http://127.0.0.1:8100/v1",
        "--key-name", "CONFLICTSCOPE_KEY_LOCAL", "--price-in", "0", "--price-out", "0", "--parameters", '{"temperature": 0}',
        "--max-concurrency", "3", "--timeout", "9",
    )  # fmt: skip
    assert said == "Endpoint judge: sim-judge at http://127.0.0.1:8100/v1.\n"
    endpoint = Endpoint.objects.get()
    assert (endpoint.parameters, endpoint.price_in, endpoint.max_concurrency) == ({"temperature": 0}, 0, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--parameters", "{temperature: 0}"], "--parameters is no JSON"),
        (["--key-name", "HOME"], "never the key itself"),
        (["--base-url", "nowhere"], "is no address"),
    ],
)
def test_the_command_refuses_in_one_sentence(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said) as caught:
        run("judge", "--provider", "openai_compatible", "--llm", "x", "--base-url", "http://host/v1", *arguments)
    assert isinstance(caught.value.__cause__, ConflictScopeError)
    assert not Endpoint.objects.exists()


def test_prompts_are_listed_with_version_and_digest() -> None:
    out = StringIO()
    call_command("list_prompts", stdout=out)
    assert "conflictscope.llm structured/correction v1 " in out.getvalue()


# The administrator's pages


@pytest.fixture
def administrator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


FORM = {
    "name": "judge",
    **JUDGE,
    "key_name": "",
    "parameters": "{}",
    "max_concurrency": "8",
    "timeout_seconds": "120",
}


def test_an_administrator_adds_an_endpoint(administrator: Client) -> None:
    response = administrator.post(
        "/admin/llm/endpoint/add/", {**FORM, "base_url": "http://simulator:8100/v1", "parameters": ""}
    )
    assert response.status_code == 302
    endpoint = Endpoint.objects.get()
    assert (endpoint.base_url, endpoint.parameters) == ("http://simulator:8100/v1", {})


def test_an_administrator_is_held_to_the_same_rules(administrator: Client) -> None:
    response = administrator.post("/admin/llm/endpoint/add/", {**FORM, "key_name": "OPENAI_API_KEY"})
    assert "may be sent to openai.com only" in response.content.decode()
    assert not Endpoint.objects.exists()


def call_of(endpoint: Endpoint) -> Call:
    return Call.objects.create(
        endpoint=endpoint, purpose="testing", prompt_name="verbatim", prompt_version=0, request={}, request_digest="d"
    )


def test_an_endpoint_that_was_asked_keeps_its_llm_and_takes_a_new_price(administrator: Client) -> None:
    endpoint = add_endpoint(Endpoint(name="judge", **JUDGE))
    call_of(endpoint)
    response = administrator.post(
        f"/admin/llm/endpoint/{endpoint.pk}/change/", {**FORM, "llm": "another", "price_in": "3"}
    )
    assert response.status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.llm, endpoint.price_in) == ("sim-judge", 3)


def test_calls_can_be_looked_at_and_not_touched(administrator: Client) -> None:
    call = call_of(add_endpoint(Endpoint(name="judge", **JUDGE)))
    assert administrator.get("/admin/llm/call/").status_code == 200
    assert administrator.get(f"/admin/llm/call/{call.pk}/change/").status_code == 200
    assert administrator.get("/admin/llm/call/add/").status_code == 403
    assert administrator.post(f"/admin/llm/call/{call.pk}/change/", {"outcome": "ok"}).status_code == 403
    assert administrator.post(f"/admin/llm/call/{call.pk}/delete/", {"post": "yes"}).status_code == 403


OWN_KEY = {"provider": "openai_compatible", "llm": "qwen", "key_name": "CONFLICTSCOPE_KEY_OWN"}


def test_a_key_that_is_not_listed_goes_nowhere_in_an_installation_of_several(settings: Any) -> None:
    settings.LLM_UNLISTED_KEYS_ANYWHERE = False
    with pytest.raises(InvalidInput, match=r'LLM_KEY_HOSTS="CONFLICTSCOPE_KEY_OWN=llm\.example"'):
        add_endpoint(Endpoint(name="own", **OWN_KEY, base_url="https://llm.example/v1"))


@pytest.mark.parametrize("host", ["gpu.example", "a.gpu.example", "GPU.example."])
def test_a_key_goes_to_the_hosts_that_it_was_listed_with(settings: Any, host: str) -> None:
    settings.LLM_UNLISTED_KEYS_ANYWHERE = False
    settings.LLM_KEY_HOSTS = {"CONFLICTSCOPE_KEY_OWN": ["10.0.0.7", "gpu.example"]}
    assert add_endpoint(Endpoint(name="own", **OWN_KEY, base_url=f"https://{host}/v1")).key_name == OWN_KEY["key_name"]


@pytest.mark.parametrize("host", ["evil.example", "notgpu.example", "gpu.example.evil.example", "10.0.0.70"])
def test_a_listed_key_goes_nowhere_else_also_where_others_may(settings: Any, host: str) -> None:
    settings.LLM_KEY_HOSTS = {"CONFLICTSCOPE_KEY_OWN": ["10.0.0.7", "gpu.example"]}
    with pytest.raises(InvalidInput, match=f"to 10.0.0.7 and gpu.example only, not to {host}"):
        add_endpoint(Endpoint(name="own", **OWN_KEY, base_url=f"https://{host}/v1"))
