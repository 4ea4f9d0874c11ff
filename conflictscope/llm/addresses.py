"""Where an endpoint may be: nobody shall make this server ask what only this server can reach.

Machines of a cloud read their own credentials at addresses that answer to them alone; no LLM is there, so these are refused
always. A loopback or private address is where one's own vLLM or Ollama is: it is allowed where LLM_INTERNAL_ADDRESSES is on.
"""

from __future__ import annotations

import socket
import unicodedata
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import unquote, urlsplit

from django.conf import settings

from conflictscope.errors import InvalidInput
from conflictscope.llm.errors import PermanentLLMError

# Where machines of a cloud read their credentials, apart from link-local IPv4, which all of them use. By address: Alibaba's, Azure's,
# Oracle's, Amazon's, Google's, Scaleway's and OpenStack's by IPv6. By name: Google's, Amazon's, Azure's and Tencent's.
_OF_THE_MACHINE = frozenset(
    {
        "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "fd00:ec2::254", "fd20:ce::254", "fd00:42::42", "fe80::a9fe:a9fe",
        "metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal",
        "metadata.azure.internal", "metadata.tencentyun.com",
    }
)  # fmt: skip
# IPv6 addresses that lead to an IPv4 one: where it stands in them, counted in bits from the right.
_CARRIERS = (
    (ip_network("::/96"), 0),  # IPv4-compatible, as ::10.0.0.1
    (ip_network("::ffff:0:0/96"), 0),  # IPv4-mapped (RFC 4291)
    (ip_network("::ffff:0:0:0/96"), 0),  # IPv4-translated (RFC 2765)
    (ip_network("64:ff9b::/96"), 0),  # NAT64 (RFC 6052)
    (ip_network("64:ff9b:1::/48"), 0),  # NAT64 of one's own (RFC 8215), in its longest form
    (ip_network("2002::/16"), 80),  # 6to4 (RFC 3056)
)
_ISATAP = (0x00005EFE, 0x02005EFE)  # the upper half of an interface id (RFC 5214), before the IPv4 address
_INTERNAL_NAMES = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa")
_ALLOW = "Where it is meant, set LLM_INTERNAL_ADDRESSES=1 for this process and every worker."


def check_address(base_url: str) -> None:
    """By its spelling alone: names are looked up when something is sent (`check_resolved`).

    Raises:
        InvalidInput: the address belongs to the machine itself, or is internal and such are not allowed.
    """
    host = _host(base_url)
    address = _literal(host)
    places = _places(address)
    if any(place.is_link_local or str(place) in _OF_THE_MACHINE for place in places) or host in _OF_THE_MACHINE:
        raise InvalidInput(f"No LLM is at {host}: machines read their own credentials there. Correct the base_url.")
    if settings.LLM_INTERNAL_ADDRESSES:
        return
    by_name = address is None and ("." not in host or host.endswith(_INTERNAL_NAMES))
    if by_name or any(not place.is_global for place in places):
        raise InvalidInput(f"{host} is an internal address, and endpoints may not reach such. {_ALLOW}")


def check_resolved(base_url: str) -> None:
    """The same of the addresses that a name stands for, before something is sent there. An unknown name passes: the adapter
    will say that it cannot be reached.

    Raises:
        PermanentLLMError: the name stands for an address of the machine itself; or for an internal one, and such are not allowed.
    """
    host = _host(base_url)
    try:
        infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return
    check_found(host, [str(info[4][0]) for info in infos])


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
    if any(address is None or not all(place.is_global for place in _places(address)) for address in addresses):
        raise PermanentLLMError(f"{host} stands for an internal address, and endpoints may not reach such. {_ALLOW}")


def _of_the_machine(address: IPv4Address | IPv6Address | None) -> bool:
    """A name in one's own network may also stand for a link-local IPv6 address: no credentials are read at such."""
    return any(
        (isinstance(place, IPv4Address) and place.is_link_local) or str(place) in _OF_THE_MACHINE
        for place in _places(address)
    )


def _places(address: IPv4Address | IPv6Address | None) -> list[IPv4Address | IPv6Address]:
    """The address itself, and the IPv4 addresses to which a gateway, a tunnel or the system would take it."""
    if not isinstance(address, IPv6Address):
        return [] if address is None else [address]
    number = int(address)
    inner = [number >> shift for network, shift in _CARRIERS if address in network]
    if (number >> 32) & 0xFFFFFFFF in _ISATAP:
        inner.append(number)
    carried = [IPv4Address(each & 0xFFFFFFFF) for each in inner]
    return [address, *carried, *(address.teredo or ())]


def _host(base_url: str) -> str:
    """As whoever sends something there would read it: unquoted, and with the digits and dots of other scripts made plain."""
    host = unquote(urlsplit(base_url).hostname or "")
    return unicodedata.normalize("NFKC", host).replace("\N{IDEOGRAPHIC FULL STOP}", ".").lower().rstrip(".")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that is spelled out, in any spelling that the system would take; None: a name."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(host))  # 127.1, 2130706433, 0x7f000001
        except OSError:
            return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
