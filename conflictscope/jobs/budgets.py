"""What a job may spend, and how it is kept to: in US dollars, calls and tokens, each of them optional.

The most that a call may take is reserved in the transaction that opens it, by a conditional update of the job's row, so that any
number of workers together never promise more than the budget. When the call has ended, what it took is spent and the rest is
given back. What nobody can know counts as taken: a request whose worker died or that got no answer in time, or a reply without
a count of tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Round
from django.utils import timezone

from conflictscope.errors import ConflictScopeError, InvalidInput
from conflictscope.jobs.models import CallUse, Job, WorkItem
from conflictscope.llm import log
from conflictscope.llm.client import Entry
from conflictscope.llm.models import Call

logger = logging.getLogger(__name__)

MOST_DOLLARS = 10**8  # less than this fits its column
MOST_COUNTED = 10**15


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a job; None: no limit."""

    dollars: Decimal | None = None
    calls: int | None = None
    tokens: int | None = None

    @classmethod
    def of(cls, job: Job) -> Self:
        return cls(job.budget, job.budget_calls, job.budget_tokens)

    def __bool__(self) -> bool:
        return (self.dollars, self.calls, self.tokens) != (None, None, None)

    def over(self, other: Budget) -> Budget:
        """These limits, and those of the other where there is none here."""
        return Budget(
            other.dollars if self.dollars is None else self.dollars,
            other.calls if self.calls is None else self.calls,
            other.tokens if self.tokens is None else self.tokens,
        )

    def check(self) -> None:
        """
        Raises:
            InvalidInput: a limit that is no amount.
        """
        if self.dollars is not None and not (self.dollars.is_finite() and 0 < self.dollars < MOST_DOLLARS):
            raise InvalidInput(
                f"A budget is an amount of US dollars, more than 0 and less than {MOST_DOLLARS}, not {self.dollars}."
            )
        for what, limit in (("calls", self.calls), ("tokens", self.tokens)):
            if limit is not None and not 0 < limit < MOST_COUNTED:
                raise InvalidInput(f"A budget in {what} is a number of them, 1 or more, not {limit}.")


NO_BUDGET = Budget()
WAITS_FOR_BUDGET = "Waits for room in the budget: what calls in flight may take at most is reserved."


class BudgetReached(ConflictScopeError):
    """There is no room in the job's budget for one more call. Nothing was sent."""

    code = "budget_reached"
    http_status = 409

    def __init__(self, need: Need) -> None:
        super().__init__("The budget of the job has no room for this call. With a higher budget it goes on.")
        self.need = need


class LeaseLost(Exception):
    """An item is somebody else's by now, or ended: its call is not sent. No error of the item, which is not ours to put back."""


@dataclass(frozen=True, slots=True)
class Need:
    """The most that calls may take. `dollars` is 0 where the endpoint has no price: no budget in dollars bites there."""

    dollars: Decimal = Decimal(0)
    tokens: int = 0
    calls: int = 0

    @classmethod
    def of(cls, entry: Entry) -> Self:
        most = entry.estimate
        return cls(entry.call.endpoint.cost(most.tokens_in, most.tokens_out) or Decimal(0), most.total, 1)

    @classmethod
    def together(cls, needs: Iterable[Need]) -> Self:
        needs = list(needs)
        return cls(
            sum((need.dollars for need in needs), Decimal(0)),
            sum(need.tokens for need in needs),
            sum(need.calls for need in needs),
        )


class JobBook:
    """What a job notes of the calls of its items, whose owners they are: who asked for which, and what it took.

    Args:
        worker: by its name: only for items that it holds is anything sent.
    """

    def __init__(self, job: Job, *, worker: str) -> None:
        self._job_id = job.pk
        self._worker = worker

    def opened(self, entries: Sequence[Entry]) -> None:
        """
        Raises:
            LeaseLost: the worker does not hold all the items any more.
            BudgetReached: not all of them fit into the budget; those that do are opened one by one.
        """
        items = {entry.owner.pk for entry in entries}
        held = WorkItem.objects.filter(pk__in=items, state=WorkItem.State.LEASED, lease_owner=self._worker)
        if held.count() < len(items):
            raise LeaseLost
        needs = [Need.of(entry) for entry in entries]
        need = Need.together(needs)
        if (
            not self._job()
            .filter(_room_for(need))
            .update(
                calls_sent=F("calls_sent") + need.calls,
                reserved=F("reserved") + need.dollars,
                reserved_tokens=F("reserved_tokens") + need.tokens,
            )
        ):
            raise BudgetReached(need)
        CallUse.objects.bulk_create(
            CallUse(
                item=entry.owner,
                call=entry.call,
                hold=CallUse.Hold.HELD,
                reserved=each.dollars,
                reserved_tokens=each.tokens,
            )
            for entry, each in zip(entries, needs, strict=True)
        )

    def ended(self, entries: Sequence[Entry]) -> None:
        CallUse.objects.bulk_create(
            [CallUse(item=entry.owner, call=entry.call, from_cache=True) for entry in entries if entry.from_cache],
            ignore_conflicts=True,
        )
        sent = [entry for entry in entries if not entry.from_cache]
        if not sent:
            return
        written_off = self._settle(sent)
        unsure = [entry for entry in sent if _nobody_knows(entry)]
        if unsure:
            calls = [entry.call.pk for entry in unsure]
            CallUse.objects.filter(call__in=calls, from_cache=False).update(hold=CallUse.Hold.UNKNOWN)
        held = Need.together(Need.of(entry) for entry in sent if entry.call.pk not in written_off)
        back = Need.together(Need.of(entry) for entry in sent if entry.call.pk in written_off)
        taken = Need.together(Need.of(entry) for entry in unsure)
        spent = sum((entry.call.cost or Decimal(0) for entry in sent), Decimal(0))
        tokens = sum(_tokens(entry.call) for entry in sent if entry not in unsure)
        self._job().update(
            spent=F("spent") + spent,
            tokens_used=F("tokens_used") + tokens,
            reserved=F("reserved") - held.dollars,
            reserved_tokens=F("reserved_tokens") - held.tokens,
            unknown=F("unknown") + (taken.dollars - back.dollars),
            unknown_tokens=F("unknown_tokens") + (taken.tokens - back.tokens),
        )

    def _settle(self, sent: Sequence[Entry]) -> set[int]:
        """Note that these calls have ended; returns those that had been written off, as their worker seemed to be dead."""
        uses = CallUse.objects.filter(call__in=[entry.call.pk for entry in sent], from_cache=False)
        if uses.filter(hold=CallUse.Hold.HELD).update(hold=CallUse.Hold.SETTLED) == len(sent):
            return set()
        doubtful = uses.filter(hold=CallUse.Hold.UNKNOWN)
        written_off = set(doubtful.values_list("call", flat=True))
        doubtful.update(hold=CallUse.Hold.SETTLED)
        return written_off

    def _job(self) -> Any:
        return Job.objects.filter(pk=self._job_id)


@transaction.atomic
def write_off(items: Collection[int] | None = None) -> int:
    """Calls in flight of items (by their ids; all, if left out) that nobody holds any more may have been billed: they end as
    unknown, and what they reserved counts as taken from now on. Returns how many calls these are.

    Run in the transaction that opens the items again. Should their worker live after all, and end a call, what it took
    replaces this.
    """
    # Said twice, as an index holds those that are not settled.
    held = CallUse.objects.filter(hold=CallUse.Hold.HELD).exclude(hold=CallUse.Hold.SETTLED)
    held = held.exclude(item__state=WorkItem.State.LEASED)
    if items is not None:
        held = held.filter(item__in=items)
    held = held.select_for_update(of=("self",))
    of_job: dict[int, list[tuple[int, Decimal, int]]] = {}
    calls: list[int] = []
    for job_id, pk, call, dollars, tokens in held.values_list("item__job", "pk", "call", "reserved", "reserved_tokens"):
        of_job.setdefault(job_id, []).append((pk, dollars, tokens))
        calls.append(call)
    log.give_up(Call.objects.filter(pk__in=calls))
    for job_id, rows in of_job.items():
        CallUse.objects.filter(pk__in=[pk for pk, _, _ in rows]).update(hold=CallUse.Hold.UNKNOWN)
        dollars, tokens = sum((row[1] for row in rows), Decimal(0)), sum(row[2] for row in rows)
        Job.objects.filter(pk=job_id).update(
            reserved=F("reserved") - dollars,
            reserved_tokens=F("reserved_tokens") - tokens,
            unknown=F("unknown") + dollars,
            unknown_tokens=F("unknown_tokens") + tokens,
        )
        logger.warning("Job %s: nobody waits any more for %s calls that were in flight", job_id, len(rows))
    return sum(len(rows) for rows in of_job.values())


def give_up_forgotten() -> int:
    """Calls that were sent long ago, and for which no job holds anything, end as unknown. Returns how many."""
    held = CallUse.objects.filter(call=OuterRef("pk"), hold=CallUse.Hold.HELD)
    return log.give_up(log.forgotten(timezone.now()).filter(~Exists(held)))


def reached(job: Job, need: Need | None = None) -> str:
    """Why the job cannot go on within its budget, in a sentence; empty: it can, or could once calls in flight have ended.

    Args:
        need: what has to fit; left out: anything at all.
    """
    dollars = job.spent + job.unknown
    tokens = job.tokens_used + job.unknown_tokens
    more = need or Need()
    for what, limit, taken, wanted in (
        ("US dollars", job.budget, dollars, more.dollars),
        ("calls", job.budget_calls, job.calls_sent, more.calls),
        ("tokens", job.budget_tokens, tokens, more.tokens),
    ):
        if limit is None or taken + wanted < limit or (need is not None and taken + wanted == limit):
            continue
        if what == "US dollars" and need is not None and not wanted:
            continue  # no price, nothing that this limit could hold
        spent = in_dollars(taken) if isinstance(taken, Decimal) else f"{taken:,}"
        budget = in_dollars(limit) if isinstance(limit, Decimal) else f"{limit:,}"
        next_one = ""
        if wanted and taken < limit and what != "calls":
            next_one = (
                f", and the next call may take {in_dollars(wanted) if isinstance(wanted, Decimal) else f'{wanted:,}'}"
            )
        return f"Stopped at its budget of {budget} {what}: {spent} spent{next_one}. With a higher budget it goes on."
    return ""


def stop_if_reached(job: Job, need: Need | None = None) -> bool:
    """Pause the job if its budget has no room left; returns whether it has none."""
    job.refresh_from_db()
    sentence = reached(job, need)
    if sentence:
        Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).update(
            state=Job.State.PAUSED, error=sentence, stopped_at_budget=True
        )
    return bool(sentence)


def in_dollars(amount: Decimal) -> str:
    """Every digit that counts and no other: 0.00012, not 1.2E-4 or 0.00012000."""
    return f"{amount.normalize():f}"


def _room_for(need: Need) -> Q:
    room = Q(budget_calls__isnull=True) | Q(budget_calls__gte=F("calls_sent") + need.calls)
    room &= Q(budget_tokens__isnull=True) | Q(
        budget_tokens__gte=F("tokens_used") + F("reserved_tokens") + F("unknown_tokens") + need.tokens
    )
    if need.dollars:
        # Rounded, as SQLite adds in binary: 0.1 + 0.2 is more than 0.3 there.
        taken = Round(F("spent") + F("reserved") + F("unknown") + need.dollars, precision=8)
        room &= Q(budget__isnull=True) | Q(budget__gte=taken)
    return room


def _nobody_knows(entry: Entry) -> bool:
    """A reply that does not say how many tokens it took, or an error for which the provider may charge all the same."""
    call = entry.call
    if entry.maybe_billed:
        return True
    return call.outcome != Call.Outcome.FAILED and (call.tokens_in is None or call.tokens_out is None)


def _tokens(call: Call) -> int:
    return (call.tokens_in or 0) + (call.tokens_out or 0)
