"""How the SDKs reach a server: never by a redirect, and never at an address that was not looked at first."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.request import getproxies

import httpx2
from django.conf import settings

from conflictscope.llm.addresses import check_found

_LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)  # as the SDKs' own


def http_options() -> dict[str, Any]:
    """For the HTTP client of an SDK. A redirect could lead anywhere, and take the prompt and the key along."""
    options: dict[str, Any] = {"follow_redirects": False}
    # A proxy, where the environment names one, looks names up itself, and decides what it connects to.
    if not settings.LLM_INTERNAL_ADDRESSES and not getproxies().keys() & {"http", "https", "all"}:
        options["transport"] = LookingTransport(limits=_LIMITS)
    return options


class LookingTransport(httpx2.AsyncHTTPTransport):
    """Connects to the very address that was looked up and found to be no internal one: a name may stand for another the next
    moment."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        address = await _looked_up(host, request.url.port)
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(
            host=address
        )  # the Host header stays, and so does the name in the certificate
        return await super().handle_async_request(request)


async def _looked_up(host: str, port: int | None) -> str:
    """
    Raises:
        PermanentLLMError: the name stands for an internal address.
        httpx2.ConnectError: it stands for nothing.
    """
    loop = asyncio.get_running_loop()
    try:
        infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except OSError as exc:
        raise httpx2.ConnectError(str(exc)) from exc
    addresses = [str(info[4][0]) for info in infos]
    check_found(host, addresses)
    return addresses[0]
