"""What was asked of endpoints and what it cost: by step, by day, by how calls ended. Sums of the call log, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, IntegerField, Max, Q, QuerySet, Sum, Value, When
from django.utils import timezone

from conflictscope.llm.models import Call, Endpoint

DAYS = 30
# Neither has a cost that somebody forgot to enter: one is unknown for good, the other is an error.
_WITHOUT_REPLY = (Call.Outcome.SENT, Call.Outcome.UNKNOWN, Call.Outcome.FAILED)
_FIGURES = {
    "calls": Count("pk"),
    "spent": Sum("cost", default=Decimal(0)),
    "unpriced": Count("pk", filter=Q(cost__isnull=True) & ~Q(outcome__in=_WITHOUT_REPLY)),
    "tokens_in": Sum("tokens_in", default=0),
    "tokens_out": Sum("tokens_out", default=0),
}


@dataclass(slots=True)
class Spend:
    """Sums over some calls. `spent` leaves out `unpriced` replies (no price, or no count of tokens) and `unknown` calls."""

    calls: int = 0
    spent: Decimal = Decimal(0)
    unpriced: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    @property
    def unknown(self) -> int:
        """Sent, and their worker died before it saw a reply: they may have been billed."""
        return self.outcomes.get(Call.Outcome.UNKNOWN, 0)

    @property
    def on_their_way(self) -> int:
        return self.outcomes.get(Call.Outcome.SENT, 0)

    @property
    def endings(self) -> list[tuple[str, int]]:
        """How calls ended and how many did, in the order of the outcomes; last those that have not ended yet."""
        order = [*(each for each in Call.Outcome if each != Call.Outcome.SENT), Call.Outcome.SENT]
        named = [
            ("on the way" if each == Call.Outcome.SENT else each.value, self.outcomes.get(each, 0)) for each in order
        ]
        return [(name, number) for name, number in named if number]

    def add(self, row: dict[str, Any]) -> None:
        for name in _FIGURES:
            setattr(self, name, getattr(self, name) + row[name])
        self.outcomes[row["outcome"]] = self.outcomes.get(row["outcome"], 0) + row["calls"]


def spend_of(endpoints: Sequence[Endpoint]) -> dict[int, Spend]:
    """Everything ever asked of each, by the endpoint's id, in one query."""
    sums = {endpoint.pk: Spend() for endpoint in endpoints}
    for row in _figures(Call.objects.filter(endpoint__in=endpoints), "endpoint"):
        sums[row["endpoint"]].add(row)
    return sums


def spend_by_purpose(endpoint: Endpoint) -> dict[str, Spend]:
    """By what the calls were for, such as `filtering.realism`, in the order of these names."""
    return _by("purpose", _figures(endpoint.calls.all(), "purpose"))


def spend_by_day(endpoint: Endpoint, *, days: int = DAYS) -> dict[date, Spend]:
    """Of the last so many days (of the server's time zone, UTC) those with calls, newest first."""
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    begins = [today - timedelta(days=ago) for ago in range(days)]
    # Compared rather than truncated: SQLite would call back into Python for every row.
    day = Case(
        *(When(sent_at__gte=begin, then=Value(ago)) for ago, begin in enumerate(begins)), output_field=IntegerField()
    )
    lately = endpoint.calls.filter(sent_at__gte=begins[-1]).annotate(days_ago=day)
    return {begins[ago].date(): spend for ago, spend in _by("days_ago", _figures(lately, "days_ago")).items()}


def together(spends: Iterable[Spend]) -> Spend:
    total = Spend()
    for spend in spends:
        for name in _FIGURES:
            setattr(total, name, getattr(total, name) + getattr(spend, name))
        for outcome, number in spend.outcomes.items():
            total.outcomes[outcome] = total.outcomes.get(outcome, 0) + number
    return total


def last_errors(endpoints: Sequence[Endpoint]) -> dict[int, Call]:
    """The newest failed call of each endpoint that has one, by the endpoint's id."""
    failed = Call.objects.filter(endpoint__in=endpoints, outcome=Call.Outcome.FAILED)
    newest = failed.order_by().values("endpoint").annotate(newest=Max("pk")).values("newest")
    calls = Call.objects.filter(pk__in=newest).defer("request", "reply")
    return {call.endpoint_id: call for call in calls}


def _figures(calls: QuerySet[Call], by: str) -> list[dict[str, Any]]:
    return list(calls.order_by().values(by, "outcome").annotate(**_FIGURES))


def _by(name: str, rows: Iterable[dict[str, Any]]) -> dict[Any, Spend]:
    spends: dict[Any, Spend] = {}
    for row in rows:
        spends.setdefault(row[name], Spend()).add(row)
    return dict(sorted(spends.items()))
