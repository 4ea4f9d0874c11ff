"""What the pages of endpoints show, fetched for a whole page at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from conflictscope.llm import registry
from conflictscope.llm.endpoints import OWN_ADDRESSES
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.spending import (
    DAYS,
    Spend,
    last_errors,
    spend_by_day,
    spend_by_purpose,
    spend_of,
    together,
)

LATEST = 10
# No list of calls shows what was said.
_HEAVY = ("request", "reply")


@dataclass(frozen=True, slots=True)
class EndpointRow:
    endpoint: Endpoint
    address: str
    key: str  # set | not set | not usable | not named | none
    key_problem: str  # why no call can be made, and what to do; empty: calls can be made
    spend: Spend
    last_error: Call | None
    error_words: str


@dataclass(frozen=True, slots=True)
class EndpointView:
    """Everything on an endpoint's own page."""

    row: EndpointRow
    by_purpose: dict[str, Spend]
    by_day: dict[date, Spend]
    days: int
    latest: list[tuple[Call, str]]  # with the words of its error


def endpoint_rows(endpoints: Sequence[Endpoint]) -> list[EndpointRow]:
    spends = spend_of(endpoints)
    errors = last_errors(endpoints)
    return [_row(endpoint, spends[endpoint.pk], errors.get(endpoint.pk)) for endpoint in endpoints]


def endpoint_view(endpoint: Endpoint) -> EndpointView:
    by_purpose = spend_by_purpose(endpoint)
    return EndpointView(
        row=_row(endpoint, together(by_purpose.values()), last_errors([endpoint]).get(endpoint.pk)),
        by_purpose=by_purpose,
        by_day=spend_by_day(endpoint),
        days=DAYS,
        latest=[(call, error_words(call, endpoint)) for call in endpoint.calls.order_by("-pk").defer(*_HEAVY)[:LATEST]],
    )


def error_words(call: Call, endpoint: Endpoint) -> str:
    """The error of a call without the endpoint it begins with: where the endpoint is named anyway."""
    return call.error.removeprefix(f"Endpoint {endpoint.name} ({endpoint.llm} at {_address(endpoint)}) ")


def _address(endpoint: Endpoint) -> str:
    return endpoint.base_url or OWN_ADDRESSES.get(endpoint.provider, "")


def _row(endpoint: Endpoint, spend: Spend, last_error: Call | None) -> EndpointRow:
    problem = registry.key_problem(endpoint)
    return EndpointRow(
        endpoint=endpoint,
        address=_address(endpoint),
        key=_key(endpoint, problem),
        key_problem=problem,
        spend=spend,
        last_error=last_error,
        error_words=error_words(last_error, endpoint) if last_error is not None else "",
    )


def _key(endpoint: Endpoint, problem: str) -> str:
    if not endpoint.key_name:
        return "not named" if problem else "none"
    if not registry.key_is_set(endpoint):
        return "not set"
    return "not usable" if problem else "set"
