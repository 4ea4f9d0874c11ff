"""Where endpoints may be, however the address is spelled."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from django.urls import reverse

from conflictscope.errors import InvalidInput
from conflictscope.llm.addresses import check_address, check_resolved
from conflictscope.llm.endpoints import add_endpoint
from conflictscope.llm.errors import PermanentLLMError
from conflictscope.llm.models import Call, Endpoint
from tests.factories.llm import EndpointFactory
from tests.factories.studies import administrator

INTERNAL = [
    "http://127.0.0.1:8100/v1",
    "http://127.1/v1",
    "http://2130706433/v1",
    "http://0x7f000001/v1",
    "http://0.0.0.0:8100/v1",
    "http://10.1.2.3/v1",
    "http://192.168.0.9/v1",
    "http://100.64.0.1/v1",
    "http://[::1]:8100/v1",
    "http://[::ffff:127.0.0.1]/v1",
    "http://[fd12::1]/v1",
    "http://localhost/v1",
    "http://simulator:8100/v1",
    "http://llm.internal/v1",
    "http://llm.internal./v1",
    "http://[64:ff9b::10.1.2.3]/v1",
    "http://[2002:0a01:0203::1]/v1",
    "http://[::192.168.0.9]/v1",
    "http://[::ffff:0:127.0.0.1]/v1",
    "http://[2606:4700::5efe:10.1.2.3]/v1",
    "http://①②⑦.0.0.1/v1",
]
PUBLIC = [
    "https://api.openai.com/v1",
    "https://8.8.8.8/v1",
    "https://[2606:4700::1111]/v1",
    "https://[64:ff9b::8.8.8.8]/v1",
]


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest",
        "http://2852039166/latest",
        "http://[::ffff:169.254.169.254]/latest",
        "http://[fe80::1]/latest",
        "http://[fd00:ec2::254]/latest",
        "http://100.100.100.200/latest",
        "http://metadata.google.internal/v1",
        "http://METADATA.google.internal./v1",
        "http://metadata/computeMetadata",
        "http://metadata.goog/v1",
        "http://instance-data/latest",
        "http://169.254.42.42/conf",  # Scaleway
        "http://168.63.129.16/machine",  # Azure
        "http://192.0.0.192/latest",  # Oracle
        "http://[fd20:ce::254]/v1",  # Google
        "http://[fd00:42::42]/conf",  # Scaleway
        "http://[fe80::a9fe:a9fe%25eth0]/openstack",
        "http://[64:ff9b::a9fe:a9fe]/latest",  # NAT64
        "http://[64:ff9b::169.254.169.254]/latest",
        "http://[64:ff9b:1::a9fe:a9fe]/latest",
        "http://[2002:a9fe:a9fe::1]/latest",  # 6to4
        "http://[::169.254.169.254]/latest",
        "http://[::ffff:0:169.254.169.254]/latest",
        "http://[2001:db8::5efe:169.254.169.254]/latest",  # ISATAP
        "http://[2001:0:4136:e378:8000:63bf:5601:5601]/latest",  # Teredo: the client's address, inverted
        "http://0xa9fea9fe/latest",
        "http://0251.0376.0251.0376/latest",
        "http://169.254.43518/latest",
        "http://%31%36%39.254.169.254/latest",
        "http://１６９.254.169.254/latest",
        "http://169\u3002254\u3002169\u3002254/latest",
    ],
)
def test_where_machines_read_their_credentials_no_endpoint_can_be(address: str) -> None:
    with pytest.raises(InvalidInput, match="read their own credentials there"):
        check_address(address)


@pytest.mark.parametrize("address", [*INTERNAL, *PUBLIC])
def test_servers_of_ones_own_are_reached_by_default(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize("found", ["127.0.0.1", "10.1.2.3", "fe80::1%eth0", "93.184.215.14"])
def test_names_of_ones_own_servers_are_reached_by_default(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (found, 80))])
    check_resolved("http://llm.example.com/v1")


@pytest.mark.parametrize("found", [
        "169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200", "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1", "::169.254.169.254", "168.63.129.16",
    ],
)  # fmt: skip
@pytest.mark.parametrize("allowed", [True, False])
def test_no_name_leads_to_where_machines_read_their_credentials(
    settings: Any, monkeypatch: pytest.MonkeyPatch, found: str, allowed: bool
) -> None:
    settings.LLM_INTERNAL_ADDRESSES = allowed
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (found, 80))])
    with pytest.raises(PermanentLLMError, match="machines read their own credentials"):
        check_resolved("http://llm.example.com/v1")


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_addresses_can_be_closed_off(settings: Any, address: str) -> None:
    settings.LLM_INTERNAL_ADDRESSES = False
    with pytest.raises(InvalidInput, match="LLM_INTERNAL_ADDRESSES=1"):
        check_address(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_stay_open(settings: Any, address: str) -> None:
    settings.LLM_INTERNAL_ADDRESSES = False
    check_address(address)


def test_a_name_that_stands_for_an_internal_address_is_found_out_before_anything_is_sent(settings: Any) -> None:
    settings.LLM_INTERNAL_ADDRESSES = False
    with pytest.raises(PermanentLLMError, match="stands for an internal address"):
        check_resolved("http://localhost:8100/v1")


@pytest.mark.django_db
def test_no_endpoint_is_added_there(settings: Any) -> None:
    settings.LLM_INTERNAL_ADDRESSES = False
    with pytest.raises(InvalidInput, match="is an internal address"):
        add_endpoint(Endpoint(name="judge", provider="openai_compatible", llm="x", base_url="http://10.0.0.1/v1"))
    assert not Endpoint.objects.exists()


@pytest.mark.django_db
def test_an_endpoint_that_was_there_before_is_not_asked(client: Any, settings: Any, simulator: Any) -> None:
    endpoint = EndpointFactory(base_url=simulator.base_url + "/v1")
    settings.LLM_INTERNAL_ADDRESSES = False
    client.force_login(administrator())
    response = client.post(reverse("llm:try_endpoint", args=[endpoint.pk]), {"prompt": "Hi"})
    assert response.status_code == 400
    assert "stands for an internal address" in response.text
    assert simulator.ledger()["requests"] == 0
    assert not Call.objects.exists()
