"""Commands that work through jobs: what Ctrl-C does to them."""

from __future__ import annotations

import signal
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from conflictscope.jobs import control
from conflictscope.jobs.commands import JobCommand, budget_of
from conflictscope.jobs.models import Job, WorkItem
from tests.factories.llm import EndpointFactory

pytestmark = pytest.mark.django_db(transaction=True)


class CountCommand(JobCommand):
    def start(self, **options):
        return Job.objects.get()


def count(**parameters):
    """Work through the job by a command; returns what it wrote."""
    Job.objects.update(parameters=parameters)
    out = StringIO()
    call_command(CountCommand(), stdout=out)
    return out.getvalue()


def test_ctrl_c_ends_what_is_in_flight_and_the_same_command_does_the_rest(job, monkeypatch):
    monkeypatch.setattr("conflictscope.jobs.worker.IN_FLIGHT", 1)
    with pytest.raises(CommandError, match="What was done is kept") as stopped:
        count(first=3, ctrl_c={"first-1": 1})
    assert stopped.value.returncode == 130
    assert dict(job.items.values_list("key", "state")) == {"first-0": "done", "first-1": "done", "first-2": "open"}
    job.refresh_from_db()
    assert job.state == Job.State.RUNNING
    assert "3 done, 0 failed" in count(first=3)


def test_ctrl_c_pressed_twice_gives_back_what_is_in_flight_as_if_it_had_not_been_claimed(job):
    with pytest.raises(CommandError, match="stopped here"):
        count(first=2, trouble={"first-0": "endless"}, ctrl_c={"first-1": 2})
    dropped = job.items.get(key="first-0")
    assert (dropped.state, dropped.attempts, dropped.lease_until) == (WorkItem.State.OPEN, 0, None)
    assert "2 done, 0 failed" in count(first=2)


def test_one_ctrl_c_between_two_jobs_of_a_command_starts_the_second_no_more(job):
    second = Job.objects.create(
        study=job.study, kind=job.kind, subject="second", title="Second", parameters={"first": 1}
    )
    Job.objects.filter(pk=job.pk).update(parameters={"first": 1})

    class InTurn(JobCommand):
        def start(self, **options):
            return list(Job.objects.order_by("pk"))

        def report(self, job):
            signal.raise_signal(signal.SIGINT)
            return f"{job.title} reported"

    out = StringIO()
    with pytest.raises(CommandError, match="Second: stopped here") as stopped:
        call_command(InTurn(), stdout=out)
    assert stopped.value.returncode == 130
    assert "Count reported" in out.getvalue()
    assert not second.items.exists()


def test_after_a_command_ctrl_c_means_what_it_meant_before(job):
    before = signal.getsignal(signal.SIGINT)
    count(first=1)
    assert signal.getsignal(signal.SIGINT) == before


def test_a_paused_job_is_not_left_without_advice(job):
    control.pause(job)
    with pytest.raises(CommandError, match=r"paused\. Resume it on its page"):
        count(first=1)


def test_an_estimate_asks_no_budget_of_a_job_that_has_spent_more(job):
    Job.objects.update(calls_sent=10)

    class Start(JobCommand):
        def start(self, **options):
            budget = budget_of(options)
            return control.start(job.study, kind=job.kind, subject=job.subject, title="C", parameters={}, budget=budget)

    out = StringIO()
    call_command(Start(), "--estimate", "--budget-calls", "5", stdout=out)
    assert "Count: 3 items now" in out.getvalue()


def test_an_argument_that_is_no_money_is_refused_by_name(job):
    with pytest.raises(CommandError, match="argument --budget: 'a lot' is no amount of US dollars"):
        call_command("filter_scenarios", "--study", "s", "--dataset", "d", "--judge", "j", "--budget", "a lot")


def test_a_budget_in_dollars_that_did_not_bite_for_want_of_a_price_is_told(job, simulator):
    endpoint = EndpointFactory(base_url=f"{simulator.base_url}/v1")
    Job.objects.update(budget=1, parameters={"first": 2, "endpoint": endpoint.pk})
    err = StringIO()
    call_command(CountCommand(), stdout=StringIO(), stderr=err)
    assert "The cost of 2 calls is unknown, so the budget in US dollars did not bite there" in err.getvalue()
