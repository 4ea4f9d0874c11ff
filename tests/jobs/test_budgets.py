"""What a job may spend is never passed, by however many workers, and the job goes on when it may spend more."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Sum
from django.utils import timezone

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.jobs import control, leases, progress, tasks, worker
from conflictscope.jobs.budgets import NO_BUDGET, Budget, BudgetReached, JobBook, LeaseLost
from conflictscope.jobs.leases import Trouble
from conflictscope.jobs.models import CallUse, Job, WorkItem
from conflictscope.jobs.progress import limits_of, lost_calls
from conflictscope.llm.client import Entry
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.traffic.tokens import TokenEstimate
from tests.factories.llm import EndpointFactory
from tests.factories.studies import StudyFactory
from tests.jobs.handlers import CountingHandler
from tests.processes import running

pytestmark = [pytest.mark.django_db(transaction=True)]

ME = "this worker"
MOST_OUT = 20  # tokens, at a tenth of a dollar each
MOST = Decimal(2)  # so that a call may cost two dollars


@pytest.fixture
def endpoint(simulator) -> Endpoint:
    return EndpointFactory(
        base_url=f"{simulator.base_url}/v1",
        price_in=0,
        price_out=100_000,
        parameters={"max_tokens": MOST_OUT},
        max_concurrency=4,
    )


def started(endpoint: Endpoint, budget: Budget, *, items: int = 60) -> Job:
    return control.start(
        StudyFactory(),
        kind="tests.count",
        subject="a budget",
        title="Count",
        parameters={"first": items, "endpoint": endpoint.pk},
        budget=budget,
    )


def work_until_idle(job: Job) -> None:
    worker.work_on(job, until=timezone.now() + timedelta(seconds=60))


def entry_of(job: Job, endpoint: Endpoint, number: int = 0, *, out: int = MOST_OUT) -> Entry:
    """A call that is about to be opened for an item of the job."""
    item, _ = job.items.get_or_create(
        key=f"item-{number}",
        defaults={"state": "leased", "lease_owner": ME, "lease_until": timezone.now() + timedelta(minutes=1)},
    )
    call = Call.objects.create(
        endpoint=endpoint, purpose="t", prompt_name="t", prompt_version=0, request={}, request_digest=f"d{number}"
    )
    return Entry(item, call, TokenEstimate(10, out))


@pytest.mark.backends
@pytest.mark.parametrize(
    "budget", [Budget(dollars=Decimal(20)), Budget(calls=37), Budget(tokens=1000)], ids=["dollars", "calls", "tokens"]
)
def test_three_processes_together_stay_within_a_budget_and_go_on_with_a_higher_one(
    endpoint: Endpoint, simulator, budget: Budget
) -> None:
    job = started(endpoint, budget)
    with ExitStack() as stack:
        workers = [stack.enter_context(running("-m", "tests.jobs.work_on", str(job.pk))) for _ in range(3)]
        for each in workers:
            assert each.wait(timeout=120) == 0
    job.refresh_from_db()
    assert (job.state, job.stopped_at_budget) == (Job.State.PAUSED, True)
    assert "Stopped at its budget of" in job.error
    sums = Call.objects.aggregate(cost=Sum("cost"), into=Sum("tokens_in"), out=Sum("tokens_out"))
    assert simulator.ledger()["requests"] == job.calls_sent == Call.objects.count()
    assert (job.spent, job.tokens_used) == (sums["cost"], sums["into"] + sums["out"])
    assert (job.reserved, job.reserved_tokens, job.unknown) == (0, 0, 0)
    for taken, limit in (
        (job.spent, budget.dollars),
        (job.calls_sent, budget.calls),
        (job.tokens_used, budget.tokens),
    ):
        assert limit is None or limit * Decimal("0.7") < taken <= limit
    assert progress.counts(job).failed == 0

    control.set_budget(job, NO_BUDGET)
    work_until_idle(job)
    assert job.state == Job.State.DONE
    assert progress.counts(job).done == 60
    assert simulator.ledger()["requests"] == 60  # nothing was asked twice


def test_without_a_price_dollars_do_not_bite_and_calls_do(endpoint: Endpoint) -> None:
    Endpoint.objects.update(price_in=None, price_out=None)
    job = started(endpoint, Budget(dollars=Decimal("0.01"), calls=5))
    work_until_idle(job)
    assert (job.state, job.calls_sent, job.spent) == (Job.State.PAUSED, 5, 0)
    assert job.error == "Stopped at its budget of 5 calls: 5 spent. With a higher budget it goes on."


def test_a_budget_that_not_one_call_fits_into_stops_before_anything_is_sent(endpoint: Endpoint, simulator) -> None:
    job = started(endpoint, Budget(dollars=Decimal("1.9")))
    work_until_idle(job)
    assert job.state == Job.State.PAUSED
    assert "the next call may take 2" in job.error
    assert simulator.ledger()["requests"] == 0
    assert set(job.items.values_list("state", "attempts")) == {(WorkItem.State.OPEN, 0)}
    control.set_budget(job, Budget(dollars=Decimal(10_000)))
    work_until_idle(job)
    assert job.state == Job.State.DONE


@pytest.mark.backends
def test_what_is_in_flight_is_reserved_and_given_back_by_a_failure(job: Job, endpoint: Endpoint) -> None:
    Job.objects.update(budget=2 * MOST)
    book = JobBook(job, worker=ME)
    first, second, third = (entry_of(job, endpoint, number) for number in range(3))
    book.opened([first, second])
    with pytest.raises(BudgetReached):
        book.opened([third])
    job.refresh_from_db()
    assert (job.reserved, job.reserved_tokens, job.calls_sent) == (2 * MOST, 2 * (10 + MOST_OUT), 2)
    assert limits_of(job)[0].left == 0

    first.call.outcome = Call.Outcome.FAILED
    second.call.outcome, second.call.tokens_in, second.call.tokens_out = Call.Outcome.OK, 10, 5
    second.call.cost = Decimal("0.5")
    book.ended([first, second])
    job.refresh_from_db()
    assert (job.reserved, job.reserved_tokens, job.spent, job.tokens_used, job.calls_sent) == (
        0,
        0,
        Decimal("0.5"),
        15,
        2,
    )
    book.opened([third])  # there is room again


def test_a_reply_without_a_count_of_tokens_counts_as_the_most_that_it_may_have_taken(
    job: Job, endpoint: Endpoint
) -> None:
    book, entry = JobBook(job, worker=ME), entry_of(job, endpoint)
    book.opened([entry])
    entry.call.outcome = Call.Outcome.OK
    book.ended([entry])
    job.refresh_from_db()
    assert (job.spent, job.reserved, job.unknown, job.unknown_tokens) == (0, 0, MOST, 10 + MOST_OUT)


@pytest.mark.backends
@pytest.mark.parametrize("now", [{"lease_owner": "another worker"}, {"state": "open", "lease_until": None}])
def test_for_an_item_that_another_worker_has_by_now_nothing_is_opened(
    job: Job, endpoint: Endpoint, now: dict[str, Any]
) -> None:
    mine, lost = entry_of(job, endpoint, 0), entry_of(job, endpoint, 1)
    job.items.filter(pk=lost.owner.pk).update(**now)
    book = JobBook(job, worker=ME)
    with pytest.raises(LeaseLost):
        book.opened([mine, lost])
    book.opened([mine])
    job.refresh_from_db()
    assert (job.calls_sent, CallUse.objects.get().item) == (1, mine.owner)


def test_a_worker_that_lost_an_item_sends_nothing_for_it_and_leaves_it_alone(
    job: Job, endpoint: Endpoint, simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Job.objects.update(parameters={"first": 1, "endpoint": endpoint.pk})
    theirs = {"lease_owner": "another worker", "lease_until": timezone.now() + timedelta(minutes=1)}
    prepare = CountingHandler.prepare

    def taken_over(handler: CountingHandler, item: WorkItem) -> Any:
        WorkItem.objects.filter(pk=item.pk).update(**theirs)
        return prepare(handler, item)

    monkeypatch.setattr(CountingHandler, "prepare", taken_over)
    work_until_idle(job)
    item = job.items.get()
    assert (item.state, item.lease_owner, item.error) == (WorkItem.State.LEASED, "another worker", "")
    assert (job.calls_sent, simulator.ledger()["requests"]) == (0, 0)


def test_a_call_that_failed_and_may_be_billed_counts_as_the_most_that_it_may_have_taken(
    job: Job, endpoint: Endpoint
) -> None:
    book, entry = JobBook(job, worker=ME), entry_of(job, endpoint)
    book.opened([entry])
    entry.call.outcome = Call.Outcome.FAILED
    book.ended([replace(entry, maybe_billed=True)])
    job.refresh_from_db()
    assert (job.spent, job.reserved, job.unknown, job.unknown_tokens) == (0, 0, MOST, 10 + MOST_OUT)


@pytest.mark.backends
def test_what_a_dead_worker_had_in_flight_counts_as_taken_until_its_end_is_known(job: Job, endpoint: Endpoint) -> None:
    book, entry = JobBook(job, worker=ME), entry_of(job, endpoint)
    book.opened([entry])
    job.items.update(lease_until=timezone.now() - timedelta(minutes=5))
    assert leases.return_expired() == 1
    job.refresh_from_db()
    assert (job.reserved, job.unknown, job.unknown_tokens) == (0, MOST, 10 + MOST_OUT)
    assert lost_calls(job) == 1
    assert leases.return_expired() == 0
    job.refresh_from_db()
    assert job.unknown == MOST

    # The worker was only slow: what the call really took replaces what it might have.
    entry.call.outcome, entry.call.tokens_in, entry.call.tokens_out = Call.Outcome.OK, 9, 4
    entry.call.cost = Decimal("0.4")
    entry.call.save()
    book.ended([entry])
    job.refresh_from_db()
    assert (job.spent, job.tokens_used, job.reserved, job.unknown, job.unknown_tokens) == (Decimal("0.4"), 13, 0, 0, 0)
    assert lost_calls(job) == 0
    assert CallUse.objects.get().hold == CallUse.Hold.SETTLED


@pytest.mark.backends
def test_what_was_reserved_for_a_call_whose_end_was_never_noted_is_no_longer_held_once_its_item_is_put_back(
    job: Job, endpoint: Endpoint
) -> None:
    entry = entry_of(job, endpoint)
    JobBook(job, worker=ME).opened([entry])
    leases.put_back([Trouble(entry.owner, "OperationalError: the disk is full")], ME)
    job.refresh_from_db()
    assert (job.reserved, job.reserved_tokens, job.unknown, job.unknown_tokens) == (0, 0, MOST, 10 + MOST_OUT)


def test_the_reaper_lets_go_of_what_is_reserved_for_items_that_nobody_holds(job: Job, endpoint: Endpoint) -> None:
    held, ended = entry_of(job, endpoint, 0), entry_of(job, endpoint, 1)
    JobBook(job, worker=ME).opened([held, ended])
    job.items.filter(pk=ended.owner.pk).update(state=WorkItem.State.DONE, lease_until=None)
    tasks.reap()
    job.refresh_from_db()
    assert (job.reserved, job.unknown) == (MOST, MOST)


def test_a_call_that_just_fits_into_what_is_left_of_the_budget_is_opened(job: Job, endpoint: Endpoint) -> None:
    """0.1 + 0.2 dollars of 0.3, which binary fractions would make more than that."""
    Job.objects.update(budget=Decimal("0.3"), spent=Decimal("0.2"))
    book = JobBook(job, worker=ME)
    book.opened([entry_of(job, endpoint, 0, out=1)])
    with pytest.raises(BudgetReached):
        book.opened([entry_of(job, endpoint, 1, out=1)])


def test_calls_of_before_there_were_budgets_are_counted_when_the_database_is_brought_up_to_date(
    job: Job, endpoint: Endpoint
) -> None:
    for number, outcome in enumerate([Call.Outcome.SENT, Call.Outcome.OK]):
        entry = entry_of(job, endpoint, number)
        Call.objects.filter(pk=entry.call.pk).update(outcome=outcome, tokens_in=10 * number, tokens_out=number)
        CallUse.objects.create(item=entry.owner, call=entry.call)
    import_module("conflictscope.jobs.migrations.0004_count_what_was_sent").count(apps, None)
    job.refresh_from_db()
    assert (job.calls_sent, job.tokens_used, lost_calls(job)) == (2, 11, 1)


def test_an_old_call_that_nobody_speaks_for_ends_as_unknown(job: Job, endpoint: Endpoint) -> None:
    """A question outside a job, say, whose process was killed; not one for which a job holds something still."""
    book = JobBook(job, worker=ME)
    entries = [entry_of(job, endpoint, number) for number in range(3)]
    old, held, new = (entry.call.pk for entry in entries)
    book.opened([entries[1]])
    Call.objects.filter(pk__in=[old, held]).update(sent_at=timezone.now() - timedelta(hours=2))
    Call.objects.filter(pk__in=[old, held, new]).update(outcome=Call.Outcome.SENT)
    tasks.reap()
    assert dict(Call.objects.values_list("pk", "outcome")) == {old: "unknown", held: "sent", new: "sent"}


def test_answers_from_the_log_take_nothing(endpoint: Endpoint, simulator) -> None:
    Endpoint.objects.update(parameters={})  # a reply that is cut off would be asked for again
    first = started(endpoint, Budget(calls=10), items=10)
    work_until_idle(first)
    assert (first.state, first.calls_sent) == (Job.State.DONE, 10)  # a budget that is just enough stops nothing
    again = started(endpoint, Budget(calls=1), items=10)
    work_until_idle(again)
    assert (again.state, again.calls_sent, simulator.ledger()["requests"]) == (Job.State.DONE, 0, 10)


def test_limits_that_are_not_given_stay_when_a_job_is_started_again(endpoint: Endpoint) -> None:
    job = started(endpoint, Budget(dollars=Decimal(5), calls=7))
    again = control.start(
        job.study, kind=job.kind, subject=job.subject, title="Again", parameters={}, budget=Budget(tokens=10**6)
    )
    assert (again.pk, Budget.of(again)) == (job.pk, Budget(Decimal(5), 7, 10**6))


@pytest.mark.parametrize("budget", [Budget(calls=0), Budget(tokens=-1), Budget(calls=10**16)])
def test_a_number_that_is_no_budget_is_refused(endpoint: Endpoint, budget: Budget) -> None:
    with pytest.raises(InvalidInput, match="A budget in"):
        started(endpoint, budget)


def test_a_budget_below_what_is_spent_is_refused(job: Job) -> None:
    Job.objects.update(calls_sent=10, tokens_used=1000, unknown_tokens=500)
    job.refresh_from_db()
    with pytest.raises(Conflict, match="10 calls are spent already"):
        control.set_budget(job, Budget(calls=10))
    with pytest.raises(Conflict, match="1,500 tokens are spent already"):
        control.set_budget(job, Budget(tokens=1500))
