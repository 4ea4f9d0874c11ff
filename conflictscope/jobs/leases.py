"""Items under leases: claimed by one worker, kept while it lives, ended once, returned when it dies.

A worker renews the leases of all its items every few seconds. When it stops (killed, cut off, or stalled for long), they run
out, and whoever looks first opens the items again. A worker that only stalled loses nothing by that: what it ends too late is not
taken, and the replies that it got are in the call log.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from conflictscope.jobs import budgets
from conflictscope.jobs.models import Job, WorkItem

State = WorkItem.State

LEASE = timedelta(seconds=15)
RENEW_EVERY = timedelta(seconds=3)
# After an error that may pass: how often an item is tried, and for how long after it was first taken up. A rate limit is no
# sign that anything is wrong with the item, so it may wait more often.
MAX_ATTEMPTS = 5
MAX_RATE_LIMITED = 12
PATIENCE = timedelta(hours=24)
# So often a process that hung is killed with the same item in hand: then the item is at fault.
MAX_KILLED = 2
FIRST_BACKOFF = timedelta(seconds=2)
LONGEST_BACKOFF = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Trouble:
    """An item that could not be done, and what is to become of it.

    `wait`: seconds that the provider asked for. `permanent`: trying again, unchanged, cannot help.
    """

    item: WorkItem
    sentence: str
    permanent: bool = False
    rate_limited: bool = False
    wait: float = 0.0


def claim(job: Job, owner: str, room: int) -> list[WorkItem]:
    """Up to `room` open items that need not wait, now leased to this owner; none that a process was killed with."""
    return _claim(job, job.items.filter(killed=0), owner, room)


def claim_suspect(job: Job, owner: str) -> list[WorkItem]:
    """One item that was in hand when a process hung and was killed, if any: to be done alone, so that nothing else is taken for it."""
    return _claim(job, job.items.filter(killed__gt=0), owner, 1)


def _claim(job: Job, among: QuerySet[WorkItem], owner: str, room: int) -> list[WorkItem]:
    now = timezone.now()
    with transaction.atomic():
        ready = _due(among)
        if connection.features.has_select_for_update_skip_locked:
            ready = ready.select_for_update(skip_locked=True)
        items = list(ready.order_by("pk")[:room])
        if not items:
            return []
        WorkItem.objects.filter(pk__in=[item.pk for item in items]).update(
            state=State.LEASED,
            lease_owner=owner,
            lease_until=now + LEASE,
            attempts=F("attempts") + 1,
            tried_since=Coalesce("tried_since", now),
            updated_at=now,
        )
    for item in items:
        item.job = job  # no query for what is known
        item.attempts += 1
        item.tried_since = item.tried_since or now
    return items


def renew(job: Job, owner: str) -> None:
    now = timezone.now()
    _held(owner).filter(job=job).update(lease_until=now + LEASE)
    Job.objects.filter(pk=job.pk).update(heartbeat=now)


def end(items: Sequence[WorkItem], owner: str) -> int:
    """How many of them were this owner's still, and are done now."""
    done: int = (
        _held(owner)
        .filter(pk__in=[item.pk for item in items])
        .update(state=State.DONE, error="", lease_until=None, updated_at=timezone.now())
    )
    return done


def put_back(troubles: Sequence[Trouble], owner: str) -> None:
    """Open each item again, to be tried later, or fail it with the words of its error. Run in a transaction."""
    now = timezone.now()
    for trouble in troubles:
        item = trouble.item
        mine = _held(owner).filter(pk=item.pk)
        backoff = min(FIRST_BACKOFF * 2 ** min(item.attempts - 1, 20), LONGEST_BACKOFF)
        later = now + max(backoff, timedelta(seconds=min(trouble.wait, 2 * PATIENCE.total_seconds())))
        most = MAX_RATE_LIMITED if trouble.rate_limited else MAX_ATTEMPTS
        too_late = later > (item.tried_since or now) + PATIENCE
        if trouble.permanent or item.attempts >= most or too_late:
            mine.update(state=State.FAILED, lease_until=None, error=trouble.sentence, updated_at=now)
        else:
            mine.update(state=State.OPEN, not_before=later, lease_until=None, error=trouble.sentence, updated_at=now)
    items = [trouble.item.pk for trouble in troubles]
    budgets.write_off(items)  # a reply that could not be recorded, say
    cancel_open(WorkItem.objects.filter(pk__in=items))


def give_back(job: Job, owner: str) -> None:
    """Open what was dropped, as if it had not been claimed, so that nobody waits for the end of its lease."""
    dropped = list(_held(owner).filter(job=job).values_list("pk", flat=True))
    with transaction.atomic():
        _held(owner).filter(pk__in=dropped).update(
            state=State.OPEN, lease_owner="", lease_until=None, attempts=F("attempts") - 1
        )
        budgets.write_off(dropped)
    cancel_open(job.items.all())


def hold(job_id: int, owner: str) -> None:
    """Keep the leases of a worker that is silent, while it is not known whether it hangs. It is not heard by that."""
    _held(owner).filter(job=job_id).update(lease_until=timezone.now() + LEASE)


def give_back_killed(job_id: int, owner: str, *, in_hand: Collection[int]) -> None:
    """Open what a worker held that hung and was killed. What it had in hand is counted, and fails when that happens again; the rest is
    as if it had not been claimed."""
    now = timezone.now()
    blamed = WorkItem.objects.filter(job=job_id, pk__in=in_hand).exclude(state__in=[State.DONE, State.CANCELLED])
    held = set(_held(owner).filter(job=job_id).values_list("pk", flat=True))
    with transaction.atomic():
        blamed.update(killed=F("killed") + 1)
        blamed.filter(killed__gte=MAX_KILLED).update(
            state=State.FAILED,
            lease_until=None,
            updated_at=now,
            error=f"Given up: {MAX_KILLED} worker processes hung at this item, {settings.WORKER_SILENT_SECONDS:g} s each, and were "
            "ended. What was asked for it is on the page of calls; something in its texts, or in a reply, takes for ever to read.",
        )
        _held(owner).filter(pk__in=held - set(in_hand)).update(attempts=F("attempts") - 1)
        _held(owner).filter(pk__in=held).update(state=State.OPEN, lease_owner="", lease_until=None)
        budgets.write_off(held)
    cancel_open(WorkItem.objects.filter(pk__in=held))


def put_off(item: WorkItem, owner: str, *, wait: timedelta = timedelta(0), why: str = "") -> None:
    """Open an item as if it had not been claimed, to be taken up after a while: nothing is wrong with it."""
    _held(owner).filter(pk=item.pk).update(
        state=State.OPEN,
        not_before=timezone.now() + wait if wait else None,
        lease_until=None,
        attempts=F("attempts") - 1,
        error=why,
    )
    cancel_open(WorkItem.objects.filter(pk=item.pk))


def return_expired(items: QuerySet[WorkItem] | None = None) -> int:
    """Items of workers that died come back; one that has killed its worker too often is failed. Returns how many came back.

    Args:
        items: among these; all there are, if left out.
    """
    expired = (WorkItem.objects.all() if items is None else items).filter(
        state=State.LEASED, lease_until__lt=timezone.now()
    )
    lost = list(expired.values_list("pk", "attempts", "error"))
    if not lost:
        return 0
    # One that was put back for an error has been tried more often than workers died.
    hopeless = [pk for pk, attempts, error in lost if attempts >= (MAX_RATE_LIMITED if error else MAX_ATTEMPTS)]
    with transaction.atomic():
        expired.filter(pk__in=hopeless).update(
            state=State.FAILED,
            lease_until=None,
            error=f"Given up: {MAX_ATTEMPTS} workers died, or lost their lease, while they did this item.",
        )
        among = expired.filter(pk__in=[pk for pk, _, _ in lost])
        returned: int = among.update(state=State.OPEN, lease_until=None, lease_owner="")
        budgets.write_off([pk for pk, _, _ in lost])
    cancel_open(WorkItem.objects.filter(pk__in=[pk for pk, _, _ in lost]))
    return returned


def cancel_open(items: QuerySet[WorkItem]) -> None:
    """Items that were opened again although their job was cancelled meanwhile."""
    items.filter(state=State.OPEN, job__state=Job.State.CANCELLED).update(state=State.CANCELLED)


def can_be_claimed(job: Job) -> bool:
    return _due(job.items.all()).exists()


def unended(job: Job) -> bool:
    """Whether anybody works on an item, or could now or later."""
    return bool(job.items.filter(state__in=[State.OPEN, State.LEASED]).exists())


def owners(job: Job) -> set[str]:
    """The workers that hold items of the job and live, by their names."""
    held = job.items.filter(state=State.LEASED, lease_until__gte=timezone.now())
    return set(held.values_list("lease_owner", flat=True).distinct())


def _held(owner: str) -> QuerySet[WorkItem]:
    return WorkItem.objects.filter(state=State.LEASED, lease_owner=owner)


def _due(items: QuerySet[WorkItem]) -> QuerySet[WorkItem]:
    now = timezone.now()
    return items.filter(Q(not_before__isnull=True) | Q(not_before__lte=now), state=State.OPEN)
