"""Where an endpoint may be: nobody shall make this server ask what only this server can reach.

Machines of a cloud read their own credentials at addresses that answer to them alone; no LLM is there, so these are refused
always. A loopback or private address is where one's own vLLM or Ollama is: it is allowed where LLM_INTERNAL_ADDRESSES is on.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from django.conf import settings

from conflictscope.errors import InvalidInput
from conflictscope.llm.errors import PermanentLLMError

# Those that are not link-local: Alibaba's, Amazon's by IPv6, and Google's by name.
_OF_THE_MACHINE = frozenset({"100.100.100.200", "fd00:ec2::254", "metadata.google.internal"})
_INTERNAL_NAMES = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa")
_ALLOW = "Where it is meant, set LLM_INTERNAL_ADDRESSES=1 for this process and every worker."


def check_address(base_url: str) -> None:
    """By its spelling alone: names are looked up when something is sent (`check_resolved`).

    Raises:
        InvalidInput: the address belongs to the machine itself, or is internal and such are not allowed.
    """
    host = _host(base_url)
    address = _literal(host)
    if (address is not None and address.is_link_local) or host in _OF_THE_MACHINE:
        raise InvalidInput(f"No LLM is at {host}: machines read their own credentials there. Correct the base_url.")
    if settings.LLM_INTERNAL_ADDRESSES:
        return
    by_name = address is None and ("." not in host or host.endswith(_INTERNAL_NAMES))
    if by_name or (address is not None and not address.is_global):
        raise InvalidInput(f"{host} is an internal address, and endpoints may not reach such. {_ALLOW}")


def check_resolved(base_url: str) -> None:
    """The same of the addresses that a name stands for, before something is sent there. An unknown name passes: the adapter
    will say that it cannot be reached.

    Raises:
        PermanentLLMError: the name stands for an address of the machine itself; or for an internal one, and such are not allowed.
    """
    host = _host(base_url)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return
    check_found(host, [str(info[4][0]) for info in found])


def check_found(host: str, found: Iterable[str]) -> None:
    """
    Raises:
        PermanentLLMError: as `check_resolved`.
    """
    addresses = [_literal(each.partition("%")[0]) for each in found]
    if any(_of_the_machine(address) for address in addresses):
        raise PermanentLLMError(
            f"{host} stands for an address at which machines read their own credentials. Correct the base_url."
        )
    if settings.LLM_INTERNAL_ADDRESSES:
        return
    if any(address is None or not address.is_global for address in addresses):
        raise PermanentLLMError(f"{host} stands for an internal address, and endpoints may not reach such. {_ALLOW}")


def _of_the_machine(address: IPv4Address | IPv6Address | None) -> bool:
    """A name in one's own network may also stand for a link-local IPv6 address: no credentials are read at such."""
    return (isinstance(address, IPv4Address) and address.is_link_local) or str(address) in _OF_THE_MACHINE


def _host(base_url: str) -> str:
    return (urlsplit(base_url).hostname or "").rstrip(".")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that is spelled out, in any spelling that the system would take; None: a name."""
    try:
        address = ip_address(host)
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(host))  # 127.1, 2130706433, 0x7f000001
        except OSError:
            return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
