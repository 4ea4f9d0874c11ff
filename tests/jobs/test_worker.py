"""Working through a job: stages, failures, leases and money."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError, connection
from django.utils import timezone

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.jobs import budgets, control, invitations, leases, progress, tasks, worker
from conflictscope.jobs.budgets import NO_BUDGET, Budget
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.progress import waiting as waiting_items
from conflictscope.jobs.worker import Stop, _Next, _Worker
from conflictscope.llm.models import Call
from tests.factories.llm import EndpointFactory

pytestmark = pytest.mark.django_db


def ready_now(job):
    """Let the time pass that waiting items wait for."""
    job.items.filter(state=WorkItem.State.OPEN).update(not_before=None)


def work_until_idle(job):
    worker.work_on(job, until=timezone.now() + timedelta(seconds=30))


def test_a_job_plans_its_second_stage_when_the_first_is_done_and_then_ends(job):
    worker.work_on(job)
    assert job.state == Job.State.DONE
    assert job.finished_at is not None
    notes = dict(job.items.values_list("key", "note"))
    assert notes == {f"{key}": f"{key} stored" for key in ["first-0", "first-1", "first-2", "second-0", "second-1"]}


@pytest.mark.django_db(transaction=True)
def test_leases_are_renewed_again_after_the_database_was_away_for_a_moment(job, monkeypatch):
    monkeypatch.setattr("conflictscope.jobs.worker.RENEW_AGAIN_SECONDS", 0)
    worker = _Worker(job, until=None, progress=None, stop=Stop())
    renewals = []

    def away_once(execute, sql, *rest):
        if sql.startswith("UPDATE") and "lease_until" in sql:
            renewals.append(sql)
            if len(renewals) == 1:
                raise OperationalError("the server closed the connection")
        return execute(sql, *rest)

    async def renew_twice():
        renewing = asyncio.create_task(worker._renew_for_ever())
        async with asyncio.timeout(2):
            while len(renewals) < 2:
                await asyncio.sleep(0.01)
        renewing.cancel()

    with connection.execute_wrapper(away_once):
        async_to_sync(renew_twice)()
    assert worker.trouble is None


def test_where_progress_cannot_be_shown_what_is_in_flight_still_ends(job, monkeypatch):
    monkeypatch.setattr("conflictscope.jobs.worker.POLL_SECONDS", 0.01)
    Job.objects.filter(pk=job.pk).update(parameters={"first": 2, "trouble": {"all": "slow"}})

    def broken(_):
        raise BrokenPipeError("the terminal is gone")

    with pytest.raises(BrokenPipeError):
        worker.work_on(job, progress=broken)
    assert set(job.items.values_list("state", flat=True)) == {WorkItem.State.DONE}


def test_a_job_with_nothing_to_do_is_done(job):
    Job.objects.filter(pk=job.pk).update(parameters={})
    worker.work_on(job)
    assert job.state == Job.State.DONE
    assert progress.counts(job).total == 0


def test_starting_a_job_twice_gives_the_same_live_job(job):
    again = control.start(job.study, kind=job.kind, subject=job.subject, title="Again", parameters={"first": 99})
    assert again == job
    assert again.parameters["first"] == 3


def test_a_finished_job_makes_way_for_a_new_one(job):
    worker.work_on(job)
    again = control.start(job.study, kind=job.kind, subject=job.subject, title="Again", parameters={"first": 1})
    assert again != job


def test_an_error_that_may_pass_puts_the_item_off_and_then_it_succeeds(job):
    Job.objects.filter(pk=job.pk).update(parameters={"first": 2, "trouble": {"first-1": "transient once"}})
    work_until_idle(job)
    waiting = job.items.get(key="first-1")
    assert waiting.state == WorkItem.State.OPEN
    assert waiting.not_before > timezone.now()
    assert [each.until for each in waiting_items(job)] == [waiting.not_before]
    assert "busy" in waiting.error
    ready_now(job)
    work_until_idle(job)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.attempts, waiting.error) == (WorkItem.State.DONE, 2, "")
    job.refresh_from_db()
    assert job.state == Job.State.DONE


def test_an_error_that_never_passes_fails_the_item_with_its_words_after_five_attempts(job):
    Job.objects.filter(pk=job.pk).update(parameters={"first": 2, "trouble": {"first-0": "transient"}})
    for _ in range(5):
        ready_now(job)
        work_until_idle(job)
    failed = job.items.get(key="first-0")
    assert (failed.state, failed.attempts) == (WorkItem.State.FAILED, 5)
    assert progress.errors(job) == [("The server is busy. Try later.", 1)]
    job.refresh_from_db()
    assert job.state == Job.State.DONE
    assert job.items.get(key="first-1").state == WorkItem.State.DONE


def test_a_permanent_error_is_not_tried_again_and_ends_a_job_in_which_nothing_works(job):
    Job.objects.filter(pk=job.pk).update(parameters={"first": 500, "trouble": {"all": "permanent"}})
    worker.work_on(job)
    assert job.state == Job.State.FAILED
    assert "The key is wrong. Set another." in job.error
    assert job.items.filter(state=WorkItem.State.OPEN).count() > 300
    assert set(job.items.filter(state=WorkItem.State.FAILED).values_list("attempts", flat=True)) == {1}


def test_an_error_that_meets_every_item_pauses_a_job_in_which_nothing_works(job):
    """An LLM that cannot be reached: six items, two attempts of each."""
    Job.objects.filter(pk=job.pk).update(parameters={"first": 6, "trouble": {"all": "transient"}})
    for _ in range(2):
        ready_now(job)
        work_until_idle(job)
    job.refresh_from_db()
    assert job.state == Job.State.PAUSED
    assert "attempts in a row met the same error, and no item was done. The server is busy." in job.error
    assert "Resume the job" in job.error
    Job.objects.filter(pk=job.pk).update(parameters={"first": 6})
    ready_now(job)
    control.resume(job)
    worker.work_on(job)
    assert (job.state, progress.counts(job).done) == (Job.State.DONE, 6)


def test_an_outage_is_waited_for_by_a_job_that_had_got_on_and_then_pauses_it(job):
    Job.objects.filter(pk=job.pk).update(parameters={"first": 40, "trouble": {"all": "transient"}})
    job.items.create(key="first-0", state=WorkItem.State.DONE)
    work_until_idle(job)
    job.refresh_from_db()
    assert (job.state, job.errors_in_a_row) == (Job.State.RUNNING, 39)
    long_ago = timezone.now() - timedelta(minutes=6)
    Job.objects.filter(pk=job.pk).update(errors_since=long_ago)
    job.items.filter(key="first-0").update(updated_at=long_ago - timedelta(minutes=1))
    ready_now(job)
    work_until_idle(job)
    job.refresh_from_db()
    assert job.state == Job.State.PAUSED
    assert "no item was done. The server is busy." in job.error
    # While nothing worked, only a few items were tried again.
    assert job.items.filter(attempts=2).count() <= 8


def test_an_account_that_runs_empty_half_way_pauses_the_job_and_the_rest_is_not_tried(job):
    troubles = {f"first-{number}": "permanent" for number in range(100, 500)}
    Job.objects.filter(pk=job.pk).update(parameters={"first": 500, "trouble": troubles})
    worker.work_on(job)
    assert job.state == Job.State.PAUSED
    counts = progress.counts(job)
    assert counts.done == 100
    assert counts.failed < 150
    assert "The key is wrong. Set another. Resume the job" in job.error


def test_errors_between_which_items_are_done_stop_nothing(job):
    troubles = {f"first-{number}": "permanent" for number in range(0, 200, 2)}
    Job.objects.filter(pk=job.pk).update(parameters={"first": 200, "trouble": troubles})
    worker.work_on(job)
    assert (job.state, progress.counts(job).done, progress.counts(job).failed) == (Job.State.DONE, 100, 100)


def test_a_rate_limit_may_be_met_more_often_than_another_error_and_for_a_day_at_most(job):
    item = job.items.create(key="first-0", state=WorkItem.State.LEASED, lease_owner="me", lease_until=timezone.now())
    item.attempts, item.tried_since = 11, timezone.now()
    leases.put_back([leases.Trouble(item, "Slow down.", rate_limited=True, wait=7200)], "me")
    item.refresh_from_db()
    assert item.state == WorkItem.State.OPEN
    assert timedelta(minutes=119) < item.not_before - timezone.now() < timedelta(minutes=121)
    assert [each.until for each in waiting_items(job)] == [item.not_before]

    WorkItem.objects.filter(pk=item.pk).update(state=WorkItem.State.LEASED, lease_until=timezone.now())
    item.tried_since = timezone.now() - timedelta(hours=23)
    leases.put_back([leases.Trouble(item, "Slow down.", rate_limited=True, wait=7200)], "me")
    item.refresh_from_db()
    assert (item.state, item.error) == (WorkItem.State.FAILED, "Slow down.")


def test_a_mistake_of_our_own_is_raised_and_its_item_is_put_back_while_the_others_end(job):
    Job.objects.filter(pk=job.pk).update(parameters={"first": 3, "trouble": {"first-1": "bug"}})
    with pytest.raises(ZeroDivisionError):
        worker.work_on(job)
    states = dict(job.items.values_list("key", "state"))
    assert states == {"first-0": "done", "first-1": "open", "first-2": "done"}
    assert "a mistake of our own" in job.items.get(key="first-1").error


def test_a_plan_that_cannot_be_made_fails_the_job_with_its_sentence(job):
    Job.objects.filter(pk=job.pk).update(parameters={"plan_error": "The judge has no endpoint. Give it one."})
    worker.work_on(job)
    assert (job.state, job.error) == (Job.State.FAILED, "The judge has no endpoint. Give it one.")


def test_items_of_a_worker_that_died_come_back_when_their_lease_ends(job):
    long_ago = timezone.now() - timedelta(minutes=5)
    job.items.create(key="first-0", state=WorkItem.State.LEASED, lease_owner="dead", lease_until=long_ago, attempts=1)
    worker.work_on(job)
    assert job.state == Job.State.DONE
    back = job.items.get(key="first-0")
    assert (back.state, back.attempts) == (WorkItem.State.DONE, 2)


def test_an_item_that_killed_five_workers_is_given_up(job):
    long_ago = timezone.now() - timedelta(minutes=5)
    job.items.create(key="first-0", state=WorkItem.State.LEASED, lease_owner="dead", lease_until=long_ago, attempts=5)
    worker.work_on(job)
    assert "5 workers died" in job.items.get(key="first-0").error
    assert job.items.get(key="first-1").state == WorkItem.State.DONE


def test_a_live_lease_of_another_worker_is_left_alone(job):
    soon = timezone.now() + timedelta(minutes=1)
    job.items.create(key="first-0", state=WorkItem.State.LEASED, lease_owner="other", lease_until=soon)
    work_until_idle(job)
    held = job.items.get(key="first-0")
    assert (held.state, held.lease_owner) == (WorkItem.State.LEASED, "other")
    job.refresh_from_db()
    assert job.state == Job.State.RUNNING


def test_a_paused_job_is_not_worked_on_until_it_is_resumed(job):
    control.pause(job)
    worker.work_on(job)
    assert progress.counts(job).total == 0
    control.resume(job)
    worker.work_on(job)
    assert job.state == Job.State.DONE


def test_a_job_paused_while_it_runs_keeps_what_was_in_flight_and_asks_only_the_rest_when_it_is_resumed(job, simulator):
    endpoint = EndpointFactory(base_url=simulator.base_url, max_concurrency=4)
    Job.objects.filter(pk=job.pk).update(parameters={"first": 150, "endpoint": endpoint.pk, "pauses": "first-20"})
    worker.work_on(job)
    paused = progress.counts(job)
    assert job.state == Job.State.PAUSED
    assert (paused.leased, paused.failed) == (0, 0)
    assert 20 < paused.done < 150
    assert simulator.ledger()["requests"] == paused.done
    control.resume(job)
    worker.work_on(job)
    assert (job.state, progress.counts(job).done) == (Job.State.DONE, 150)
    assert simulator.ledger()["requests"] == 150


def test_an_llm_that_cannot_be_reached_pauses_the_job_soon_with_what_to_do(job):
    endpoint = EndpointFactory(base_url="http://127.0.0.1:9/v1", max_concurrency=8)
    Job.objects.filter(pk=job.pk).update(parameters={"first": 12, "endpoint": endpoint.pk})
    worker.work_on(job)
    assert job.state == Job.State.PAUSED
    assert "could not be reached" in job.error
    assert "Resume the job" in job.error
    # No item had to be given up for it.
    assert progress.counts(job).failed == 0
    assert Call.objects.count() <= 24


def test_a_cancelled_job_keeps_what_is_done_and_cannot_be_resumed(job):
    job.items.create(key="first-0", state=WorkItem.State.DONE)
    job.items.create(key="first-1")
    control.cancel(job)
    assert dict(job.items.values_list("key", "state")) == {"first-0": "done", "first-1": "cancelled"}
    with pytest.raises(Conflict, match="cancelled cannot be resumed"):
        control.resume(job)


def test_a_job_that_stopped_at_its_budget_resumes_with_a_higher_one(job):
    Job.objects.filter(pk=job.pk).update(budget=Decimal("1.5"), spent=Decimal("1.5"))
    assert budgets.stop_if_reached(job)
    job.refresh_from_db()
    assert job.state == Job.State.PAUSED
    assert job.error == "Stopped at its budget of 1.5 US dollars: 1.5 spent. With a higher budget it goes on."
    with pytest.raises(Conflict, match="With a higher budget"):
        control.resume(job)
    with pytest.raises(Conflict, match=r"1\.5 US dollars are spent already"):
        control.set_budget(job, Budget(Decimal("1.5")))
    again = control.start(
        job.study, kind=job.kind, subject=job.subject, title="Again", parameters={}, budget=Budget(Decimal("2.25"))
    )
    assert (again.pk, again.state, again.budget, again.error) == (job.pk, Job.State.RUNNING, Decimal("2.25"), "")
    worker.work_on(again)
    assert again.state == Job.State.DONE


def test_another_budget_does_not_resume_what_a_person_paused(job):
    control.pause(job)
    control.set_budget(job, NO_BUDGET)
    assert job.state == Job.State.PAUSED


@pytest.mark.parametrize("budget", ["0", "-1", "NaN", "Infinity", "1e8"])
def test_a_budget_that_is_no_amount_starts_nothing(job, budget):
    with pytest.raises(InvalidInput, match="A budget is an amount of US dollars"):
        control.start(
            job.study, kind=job.kind, subject="new", title="New", parameters={}, budget=Budget(Decimal(budget))
        )
    assert not Job.objects.filter(subject="new").exists()


def test_a_job_that_has_ended_takes_no_budget(job):
    control.cancel(job)
    with pytest.raises(Conflict, match="has ended"):
        control.set_budget(job, Budget(Decimal(1)))


def test_failed_items_can_be_tried_again(job):
    Job.objects.filter(pk=job.pk).update(parameters={"first": 2, "trouble": {"first-0": "permanent"}})
    worker.work_on(job)
    assert progress.counts(job).failed == 1
    Job.objects.filter(pk=job.pk).update(parameters={"first": 2})
    assert control.retry_failed(job) == 1
    worker.work_on(job)
    assert progress.counts(job).done == 2


def test_the_task_works_on_a_slice_and_leaves_ended_jobs_alone(job):
    tasks.work_on(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.DONE
    ended_at = job.finished_at
    tasks.work_on(job.pk)
    job.refresh_from_db()
    assert job.finished_at == ended_at


def test_a_job_wants_workers_while_there_is_something_to_claim_or_to_plan(job):
    assert invitations.wants_workers(job)  # nothing is planned yet
    item = job.items.create(key="first-0")
    assert invitations.wants_workers(job)
    later = timezone.now() + timedelta(minutes=1)
    for state, not_before in ((WorkItem.State.OPEN, later), (WorkItem.State.LEASED, None)):
        WorkItem.objects.filter(pk=item.pk).update(state=state, not_before=not_before, lease_until=later)
        assert not invitations.wants_workers(job)
    WorkItem.objects.filter(pk=item.pk).update(state=WorkItem.State.DONE)
    assert invitations.wants_workers(job)  # to plan further, or to end it
    job.planning_until = later
    assert not invitations.wants_workers(job)
    control.pause(job)
    assert not invitations.wants_workers(job)


def test_of_one_job_one_invitation_waits_at_a_time(job):
    assert invitations.invite(job)
    assert not invitations.invite(job)
    invitations.accept(job.pk)
    assert invitations.invite(job)
    Job.objects.filter(pk=job.pk).update(invited_at=timezone.now() - timedelta(minutes=1))  # it was lost
    assert invitations.invite(job)


def test_the_reaper_opens_what_dead_workers_held_also_of_jobs_that_do_not_run(job):
    long_ago = timezone.now() - timedelta(minutes=5)
    item = job.items.create(key="first-0", state=WorkItem.State.LEASED, lease_owner="dead", lease_until=long_ago)
    control.pause(job)
    tasks.reap()
    item.refresh_from_db()
    assert (item.state, item.lease_owner) == (WorkItem.State.OPEN, "")
    job.refresh_from_db()
    assert job.invited_at is None  # it is paused: nobody is to come


def test_an_item_put_back_after_its_job_was_cancelled_is_cancelled_too(job):
    Job.objects.filter(pk=job.pk).update(parameters={"first": 2, "cancels": "first-0", "trouble": {"all": "transient"}})
    job.refresh_from_db()
    worker.work_on(job)
    assert job.state == Job.State.CANCELLED
    assert set(job.items.values_list("state", flat=True)) == {WorkItem.State.CANCELLED}


def test_an_item_of_a_dead_worker_is_cancelled_with_its_job(job):
    long_ago = timezone.now() - timedelta(minutes=5)
    item = job.items.create(key="first-0", state=WorkItem.State.LEASED, lease_owner="dead", lease_until=long_ago)
    control.cancel(job)
    tasks.reap()
    item.refresh_from_db()
    assert item.state == WorkItem.State.CANCELLED


def test_who_finds_that_another_has_planned_meanwhile_does_not_end_the_job(job):
    """It saw no items, then the other planned them and let go of the planning lease, then it planned and found nothing new."""
    Job.objects.filter(pk=job.pk).update(parameters={"first": 1})
    job.refresh_from_db()
    job.items.create(key="first-0")
    late = _Worker(job, until=None, progress=None, stop=worker.Stop())
    assert late._plan() is _Next.CLAIM
    job.refresh_from_db()
    assert job.state == Job.State.RUNNING
