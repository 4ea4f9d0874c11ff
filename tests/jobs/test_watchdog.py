"""A process that hangs at an item is killed, the item fails with this reason at the second time, and the rest goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from conflictscope.jobs import control, leases, progress
from conflictscope.jobs.models import Job, WorkItem
from tests.factories.studies import StudyFactory
from tests.jobs.test_queue import BEAT, POOL, ended, wait_until
from tests.processes import running

SILENT_SECONDS = "1.5"


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_items_that_burn_the_processor_fail_at_the_second_kill_and_the_rest_is_done(monkeypatch):
    monkeypatch.setenv("WORKER_SILENT_SECONDS", SILENT_SECONDS)
    hostile = {
        "first-3": "burns while it is read",
        "first-5": "backtracks for ever",
        "first-7": "burns while it is stored",
    }
    waits = {"first-11": "waits while it is stored"}  # as for a lock of the database: it needs no processor
    with running(*BEAT), running(*POOL):
        job = control.start(
            StudyFactory(),
            kind="tests.count",
            subject="hostile",
            title="Hostile",
            parameters={"first": 20, "trouble": hostile | waits},
        )
        wait_until(lambda: ended(job), seconds=90)
    assert job.state == Job.State.DONE
    counted = progress.counts(job)
    assert (counted.done, counted.failed) == (17, 3)
    failed = job.items.filter(state=WorkItem.State.FAILED)
    assert set(failed.values_list("key", flat=True)) == set(hostile)
    assert all("hung at this item, 1.5 s each" in item.error for item in failed)
    assert set(failed.values_list("killed", flat=True)) == {leases.MAX_KILLED}
    # Being there when a process was killed is no attempt.
    others = job.items.filter(state=WorkItem.State.DONE)
    assert set(others.values_list("attempts", "killed")) == {(1, 0)}


def held(job, owner, *keys):
    items = [WorkItem.objects.create(job=job, key=key) for key in keys]
    assert leases.claim(job, owner, len(items)) == items
    return items


def test_what_a_killed_process_did_not_have_in_hand_is_as_if_it_had_not_been_claimed(job):
    blamed, other = held(job, "hung", "a", "b")
    leases.give_back_killed(job.pk, "hung", in_hand={blamed.pk})
    facts = {item.key: (item.state, item.attempts, item.killed) for item in job.items.all()}
    assert facts == {"a": ("open", 1, 1), "b": ("open", 0, 0)}
    assert leases.claim(job, "next", 10) == [other], "the blamed one comes after all others, and alone"
    assert leases.claim_suspect(job, "next") == [blamed]
    leases.give_back_killed(job.pk, "next", in_hand={blamed.pk})
    blamed.refresh_from_db()
    assert (blamed.state, blamed.killed) == (WorkItem.State.FAILED, 2)
    assert "hung at this item" in blamed.error


def test_an_item_that_another_process_did_meanwhile_is_not_blamed(job):
    (item,) = held(job, "hung", "a")
    job.items.update(lease_owner="next")
    leases.end([item], "next")
    leases.give_back_killed(job.pk, "hung", in_hand={item.pk})
    item.refresh_from_db()
    assert (item.state, item.killed) == (WorkItem.State.DONE, 0)


def test_leases_of_a_silent_process_are_held_without_its_job_being_heard(job):
    (item,) = held(job, "silent", "a")
    job.items.update(lease_until=timezone.now() + timedelta(seconds=1))
    leases.hold(job.pk, "silent")
    item.refresh_from_db()
    job.refresh_from_db()
    assert item.lease_until > timezone.now() + leases.LEASE / 2
    assert job.heartbeat is None
