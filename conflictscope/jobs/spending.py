"""What the jobs of a study asked for and paid: by job, by step and endpoint, by day.

Sums over the uses of calls, so that an answer from the log is counted where it was paid for and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, F, IntegerField, Q, Sum, Value, When
from django.utils import timezone

from conflictscope.jobs.models import CallUse, Job
from conflictscope.llm.models import Call
from conflictscope.llm.spending import DAYS, Spend, together
from conflictscope.studies.models import Study

_WITHOUT_REPLY = (Call.Outcome.SENT, Call.Outcome.UNKNOWN, Call.Outcome.FAILED)
_FIGURES = {
    "calls": Count("pk"),
    "spent": Sum("call__cost", default=Decimal(0)),
    "unpriced": Count("pk", filter=Q(call__cost__isnull=True) & ~Q(call__outcome__in=_WITHOUT_REPLY)),
    "tokens_in": Sum("call__tokens_in", default=0),
    "tokens_out": Sum("call__tokens_out", default=0),
}


@dataclass(frozen=True, slots=True)
class StudySpend:
    """`by_step`: by purpose and the name of the endpoint. `by_day`: of the last DAYS days, in UTC, newest first."""

    total: Spend
    by_job: Mapping[Job, Spend]
    by_step: Mapping[str, Spend]
    by_day: Mapping[date, Spend]
    days: int = DAYS


def spending_of(study: Study) -> StudySpend:
    """In three queries, however many jobs and calls there are."""
    paid = CallUse.objects.filter(item__job__study=study, from_cache=False).order_by()
    outcome = F("call__outcome")
    by_job: dict[int, Spend] = {}
    by_step: dict[str, Spend] = {}
    rows = paid.values(
        job=F("item__job"), purpose=F("call__purpose"), endpoint=F("call__endpoint__name"), outcome=outcome
    )
    row: Any
    for row in rows.annotate(**_FIGURES):
        by_job.setdefault(row["job"], Spend()).add(row)
        by_step.setdefault(f"{row['purpose']} · {row['endpoint']}", Spend()).add(row)
    jobs = Job.objects.filter(pk__in=by_job).select_related("study")
    return StudySpend(
        total=together(by_job.values()),
        by_job={job: by_job[job.pk] for job in jobs},
        by_step=dict(sorted(by_step.items())),
        by_day=_by_day(paid.annotate(outcome=outcome)),
    )


def _by_day(paid: Any) -> dict[date, Spend]:
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    begins = [today - timedelta(days=ago) for ago in range(DAYS)]
    # Compared rather than truncated: SQLite would call back into Python for every row.
    day = Case(
        *(When(call__sent_at__gte=begin, then=Value(ago)) for ago, begin in enumerate(begins)),
        output_field=IntegerField(),
    )
    lately = paid.filter(call__sent_at__gte=begins[-1]).annotate(days_ago=day)
    spends: dict[int, Spend] = {}
    for row in lately.values("days_ago", "outcome").annotate(**_FIGURES):
        spends.setdefault(row["days_ago"], Spend()).add(row)
    return {begins[ago].date(): spend for ago, spend in sorted(spends.items())}
