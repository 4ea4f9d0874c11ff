"""Real Celery workers on the configured broker and database: nothing is lost when one is killed."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from conflictscope.jobs import control, progress
from conflictscope.jobs.models import CallUse, Job, Worker, WorkItem
from conflictscope.jobs.progress import lost_calls
from conflictscope.llm.models import Call
from tests.factories.llm import EndpointFactory
from tests.factories.studies import StudyFactory
from tests.processes import kill, running

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]

CELERY = ("-m", "celery", "-A", "tests.jobs.celery_app")
POOL = (*CELERY, "worker", "--concurrency", "2", "--loglevel", "WARNING")
WORKER = (*POOL, "--beat")
BEAT = (*CELERY, "beat", "--loglevel", "WARNING")


@pytest.fixture
def endpoint(simulator):
    return EndpointFactory(base_url=simulator.base_url, max_concurrency=4)


def start(endpoint, *, items):
    return control.start(
        StudyFactory(),
        kind="tests.count",
        subject="the queue",
        title="Count",
        parameters={"first": items, "endpoint": endpoint.pk},
    )


def wait_until(condition, *, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("what the test waits for did not come to pass")
        time.sleep(0.05)


def ended(job):
    job.refresh_from_db()
    return job.state not in Job.LIVE


def test_a_started_job_is_done_by_a_worker(endpoint):
    with running(*WORKER):
        job = start(endpoint, items=20)
        wait_until(lambda: ended(job))
    assert job.state == Job.State.DONE
    assert progress.counts(job).done == 20


def test_idle_processes_join_a_running_job_and_no_message_is_left_over(endpoint, simulator):
    simulator.reset(latency_ms=50)
    with running(*WORKER):
        job = start(endpoint, items=240)
        wait_until(lambda: ended(job))
    assert progress.counts(job).done == 240
    assert len(set(job.items.values_list("lease_owner", flat=True))) >= 2
    assert simulator.ledger()["requests"] == 240


def test_a_job_whose_message_was_lost_is_found_by_the_reaper(endpoint):
    job = Job.objects.create(
        study=StudyFactory(), kind="tests.count", subject="lost", title="Lost", parameters={"first": 5}
    )
    with running(*WORKER):
        wait_until(lambda: ended(job))
    assert progress.counts(job).done == 5


def test_a_killed_workers_items_are_done_by_the_next_and_no_reply_is_asked_for_twice(endpoint, simulator):
    items = 150
    with running(*WORKER) as worker:
        job = start(endpoint, items=items)
        wait_until(lambda: progress.counts(job).done >= 20)
        kill(worker)
    before = progress.counts(job)
    assert before.done < items
    answered = set(Call.objects.filter(outcome=Call.Outcome.OK).values_list("request_digest", flat=True))
    unknown = Call.objects.filter(outcome=Call.Outcome.SENT).count()
    assert unknown <= endpoint.max_concurrency * 2  # two worker processes

    long_ago = timezone.now() - timedelta(minutes=5)  # instead of waiting for the leases to end
    job.items.filter(state=WorkItem.State.LEASED).update(lease_until=long_ago)
    Job.objects.filter(pk=job.pk).update(invited_at=None, planning_until=None)
    with running(*WORKER):
        wait_until(lambda: ended(job))

    assert progress.counts(job).done == items
    calls = Counter(Call.objects.filter(outcome=Call.Outcome.OK).values_list("request_digest", flat=True))
    assert len(calls) == items
    assert set(calls.values()) == {1}
    assert answered <= set(calls)
    uses = CallUse.objects.filter(item__job=job)
    assert uses.filter(hold=CallUse.Hold.SETTLED).values("call").distinct().count() == items
    assert lost_calls(job) == unknown
    assert Call.objects.filter(outcome=Call.Outcome.UNKNOWN).count() == unknown
    assert not Call.objects.filter(outcome=Call.Outcome.SENT).exists()
    # Only what was in flight at the kill, and so unseen, was asked again.
    assert items <= simulator.ledger()["requests"] <= items + unknown


def pool_of(worker):
    """The processes of a worker's pool: children of any of its threads."""
    threads = Path(f"/proc/{worker.pid}/task").iterdir()
    return [int(pid) for thread in threads for pid in (thread / "children").read_text().split()]


def kill_pool(worker):
    for child in pool_of(worker):
        os.kill(child, signal.SIGKILL)


def test_a_worker_whose_pool_is_killed_goes_on_by_itself_whether_it_was_idle_or_at_work(endpoint, simulator):
    simulator.reset(latency_ms=50)
    items = 200
    with running(*BEAT), running(*POOL) as worker:
        wait_until(lambda: Worker.objects.exists())  # it is ready
        before = pool_of(worker)
        kill_pool(worker)
        wait_until(lambda: len(set(pool_of(worker)) - set(before)) == 2)
        job = start(endpoint, items=items)
        wait_until(lambda: progress.counts(job).done >= 20)
        kill_pool(worker)
        # The leases of the dead run out, and the reaper or who comes next finds their items.
        wait_until(lambda: ended(job), seconds=90)
    assert progress.counts(job).done == items
