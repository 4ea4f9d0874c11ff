"""Whatever stands in an address, a query, a form or a body: it is refused in words, and nothing breaks.

The addresses come from the resolver and the names of parameters from what views look up, so that what somebody adds is asked, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.converters import IntConverter

from tests.overview.test_every_page import (
    ADMINISTRATOR,
    BODIES,
    QUERIES,
    Address,
    Whole,
    addresses,
    undone,
    whole,  # noqa: F401 - a fixture
)

pytestmark = [pytest.mark.backends, pytest.mark.django_db]

PEOPLE = ["owner", "annotator", ADMINISTRATOR]
NUMBERS = ["9" * 23, "9" * 19, "9223372036854775808", "9" * 5000]
VALUES = [
    *NUMBERS[:2],
    "-1",
    "\x00",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "nan",
    "1e999",
    "²",
    "x" * 5000,
]
DEEP = "[" * 100_000
JSON_BODIES = [
    DEEP,
    '{"answers":' * 50_000,
    '{"answers": ' + DEEP,
    "9" * 5000,
    '{"answers": ' + "9" * 5000 + "}",
    '"\\ud800"',
    '{"answers": {"realism": "\\ud800"}, "comment": "\\u0000"}',
    '{"answers": {"\\u0000": "yes"}}',
    "NaN",
    "1e999",
    "null",
    "true",
    "[]",
    '"x"',
    "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    "",
]


NOTED: set[str] = set()


class Noting(QueryDict):
    """Notes which names are looked up."""

    def __getitem__(self, name: str) -> Any:
        NOTED.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        NOTED.add(str(name))
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        NOTED.add(name)
        return super().get(name, default)

    def getlist(self, name: str, default: Any = None) -> Any:
        NOTED.add(name)
        return super().getlist(name, default)


def note_names(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A middleware that notes the names which views look up in queries and forms."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.GET = Noting(request.GET.urlencode())  # type: ignore[assignment]
        if request.method == "POST" and "json" not in (request.content_type or ""):
            request.POST = Noting(request.POST.urlencode())  # type: ignore[assignment]
        return get_response(request)

    return middleware


@pytest.fixture
def client_of(whole: Whole, settings: Any) -> Callable[[str], Client]:  # noqa: F811
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.note_names"]
    settings.LABELLING_REQUESTS_PER_MINUTE = 0

    def of(person: str) -> Client:
        client = Client(raise_request_exception=False)
        client.force_login(whole.people[person])
        return client

    return of


def path_of(address: Address, parts: dict[str, Any]) -> str:
    return reverse(address.name, kwargs={part: parts[part] for part in address.parts})


def asked_each() -> Iterator[Address]:
    for address in addresses():
        # The one ends the session; the other sends a call, which it notes on the disk at once: no test can undo that.
        if address.name not in ("logout", "llm:try_endpoint"):
            yield address


def test_every_number_in_an_address_is_one_that_a_row_can_have() -> None:
    def patterns(resolver: Any) -> Iterator[Any]:
        for each in resolver.url_patterns:
            if getattr(each, "namespace", None) == "admin":
                continue
            yield each.pattern
            if hasattr(each, "url_patterns"):
                yield from patterns(each)

    loose = [
        str(pattern)
        for pattern in patterns(get_resolver())
        if any(type(converter) is IntConverter for converter in pattern.converters.values())
    ]
    assert not loose, f"Write <number:...> in place of <int:...> in: {loose}"


@pytest.mark.parametrize("person", PEOPLE)
def test_numbers_of_any_length_in_an_address_are_not_found(
    whole: Whole,  # noqa: F811
    client_of: Callable[[str], Client],
    person: str,
) -> None:
    client = client_of(person)
    faults = []
    for address in asked_each():
        for part in address.parts:
            if not isinstance(whole.parts[part], int):
                continue
            path = path_of(address, whole.parts | {part: 123_456_789})
            for number in NUMBERS:
                with undone():
                    response = client.get(path.replace("123456789", number))
                if response.status_code != 404:
                    faults.append(f"{address.name} {part} of {len(number)} digits: {response.status_code}")
    assert not faults


@pytest.mark.parametrize("person", PEOPLE)
def test_admin_pages_take_numbers_of_any_length(client_of: Callable[[str], Client], person: str) -> None:
    client = client_of(person)
    for number in NUMBERS:
        assert client.get(f"/admin/studies/study/{number}/change/").status_code < 500


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("person", PEOPLE)
def test_anything_in_a_query_or_a_form_is_refused_or_read(
    whole: Whole,  # noqa: F811
    client_of: Callable[[str], Client],
    person: str,
    method: str,
) -> None:
    client = client_of(person)
    faults = []
    for address in asked_each():
        path = path_of(address, whole.parts)
        given = (QUERIES if method == "get" else BODIES).get(address.name, {})
        NOTED.clear()
        with undone():
            status = getattr(client, method)(path, given).status_code
        if status in (404, 405):
            continue
        names = sorted(NOTED | {"page", "page_size"} if address.in_api else NOTED)
        for value in VALUES:
            asked = [{**given, **dict.fromkeys(names, value)}]
            if value in ("9" * 23, "\x00"):  # alone, too: one that is refused may keep others from being read
                asked += [{**given, name: value} for name in names]
            for hostile in asked:
                with undone():
                    status = getattr(client, method)(path, hostile).status_code
                if status >= 500:
                    faults.append(
                        f"{method} {address.name} {hostile if len(str(hostile)) < 300 else len(value)}: {status}"
                    )
    assert not faults, "\n".join(faults[:40])


@pytest.mark.parametrize("person", ["owner", "annotator"])
def test_a_body_of_any_shape_is_refused_in_words(
    whole: Whole,  # noqa: F811
    client_of: Callable[[str], Client],
    person: str,
) -> None:
    client = client_of(person)
    faults = []
    for address in asked_each():
        path = path_of(address, whole.parts)
        with undone():
            allowed = client.options(path).headers.get("Allow", "")
        for method in {"POST", "PUT", "PATCH", "DELETE"} & set(allowed.split(", ")):
            for body in JSON_BODIES:
                with undone():
                    response = client.generic(method, path, body, content_type="application/json")
                if response.status_code >= 500:
                    faults.append(f"{method} {address.name} {body[:40]!r}: {response.status_code}")
    assert not faults, "\n".join(faults[:40])
