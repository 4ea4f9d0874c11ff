"""Pages of jobs say when no worker is alive, or all are stuck, and what to do."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from conflictscope.jobs import control, tasks
from conflictscope.jobs.models import Job, Worker, WorkItem
from conflictscope.jobs.workers import notice, notice_about
from tests.factories.studies import StudyFactory, member
from tests.jobs.test_queue import CELERY, POOL, kill_pool, pool_of, wait_until
from tests.processes import kill, running

pytestmark = pytest.mark.django_db

# From the moment at which it happens: what people are promised.
WITHIN = 15.0


def ago(seconds: float):
    return timezone.now() - timedelta(seconds=seconds)


def worker(**facts) -> Worker:
    now = timezone.now()
    given = {"name": "celery@here", "processes": 2, "started_at": ago(600), "seen_at": now, "reaped_at": now, **facts}
    return Worker.objects.create(**given)


def code() -> str:
    found = notice()
    return found.code if found else ""


def test_nobody_there_is_said_with_what_to_do(client, job):
    client.force_login(job.study.created_by)
    for address in (reverse("jobs:jobs", args=[job.study.slug]), job.get_absolute_url()):
        text = client.get(address).text
        assert "No worker is running" in text
        assert "make serve" in text
    worker()
    for address in (reverse("jobs:jobs", args=[job.study.slug]), job.get_absolute_url()):
        assert "No worker is running" not in client.get(address).text


def test_a_worker_that_has_not_been_heard_for_a_while_is_no_worker(db):
    worker(seen_at=ago(60))
    assert code() == "none"
    worker(name="celery@there")
    assert code() == ""


def test_the_page_of_jobs_asks_again_and_again_and_only_of_its_own_study(client, job):
    address = reverse("jobs:workers", args=[job.study.slug])
    client.force_login(job.study.created_by)
    assert f'hx-get="{address}"' in client.get(reverse("jobs:jobs", args=[job.study.slug])).text
    assert "No worker is running" in client.get(address).text
    client.force_login(member(job.study, "annotator"))
    assert client.get(address).status_code == 404


def test_a_job_that_somebody_works_on_without_the_queue_misses_no_worker(job):
    Job.objects.update(heartbeat=timezone.now())
    job.refresh_from_db()
    assert notice_about([job]) is None
    Job.objects.update(heartbeat=ago(20))
    job.refresh_from_db()
    assert notice_about([job]) is not None
    job.state = Job.State.PAUSED
    assert notice_about([job]) is None


def test_processes_that_are_all_busy_and_silent_are_stuck(job):
    worker(busy=2, all_busy_since=ago(40))
    assert code() == "stuck"
    Job.objects.update(heartbeat=timezone.now())
    assert code() == "", "a worker that is heard is at work"
    Job.objects.update(heartbeat=ago(40))
    Worker.objects.update(all_busy_since=ago(2))
    assert code() == "", "it has only just begun"
    Worker.objects.update(all_busy_since=ago(40))
    worker(name="celery@there")
    assert code() == "", "another one is free"


def test_messages_that_do_not_reach_free_workers_are_noticed(job):
    worker()
    Job.objects.update(invited_at=ago(16))
    assert code() == "unreached"
    Job.objects.update(heartbeat=timezone.now())
    assert code() == ""


def test_a_scheduler_that_stopped_is_noticed_and_the_reaper_says_that_it_was_there(db):
    worker(reaped_at=ago(60))
    assert code() == "unreaped"
    tasks.reap()
    assert code() == ""
    Worker.objects.update(reaped_at=None, started_at=ago(5))
    assert code() == "", "it has only just begun"


def test_looking_after_workers_takes_two_queries_at_most(job, django_assert_max_num_queries):
    worker()
    Job.objects.update(invited_at=ago(16))
    with django_assert_max_num_queries(3):
        notice()


def seconds_until(wanted: str) -> float:
    began = time.monotonic()
    wait_until(lambda: code() == wanted, seconds=60)
    return time.monotonic() - began


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_is_missed_and_one_that_ended_well_leaves_nothing_behind():
    with running(*POOL) as process:
        wait_until(lambda: Worker.objects.exists())
        wait_until(lambda: code() == "")
        found = Worker.objects.get()
        assert found.processes == 2
        kill(process)
        assert seconds_until("none") < WITHIN
    with running(*POOL):
        wait_until(lambda: Worker.objects.count() == 2)
    assert list(Worker.objects.all()) == [found], "only the killed one's row is left, until a later one clears it away"


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_a_worker_gets_its_processes_back_or_ends_when_they_are_killed_before_it_is_ready():
    """Ended, it is started again by `supervise`; what must not be is a worker that lives and does nothing."""
    with running(*POOL) as process:
        wait_until(lambda: len(pool_of(process)) == 2)
        kill_pool(process)
        wait_until(lambda: process.poll() is not None or len(pool_of(process)) == 2)


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_only_process_hangs_is_stuck_within_moments():
    stuck = (*CELERY, "worker", "--concurrency", "1", "--loglevel", "WARNING")
    with running(*stuck) as process:
        job = control.start(
            StudyFactory(),
            kind="tests.count",
            subject="stuck",
            title="Stuck",
            parameters={"first": 1, "trouble": {"all": "stuck"}},
        )
        wait_until(lambda: job.items.filter(state=WorkItem.State.LEASED).exists())
        assert seconds_until("stuck") < WITHIN + 1  # it was heard at the very moment at which it took the item
        kill(process)
