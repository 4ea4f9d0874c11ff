"""The pages of jobs: what they show, whom they are open to, and the buttons."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from conflictscope.errors import NotFound
from conflictscope.jobs import budgets, control, planning, progress, registry
from conflictscope.jobs.models import CallUse, Job, WorkItem
from conflictscope.jobs.progress import progress_of, usage_of
from conflictscope.jobs.registry import WorkedOn
from conflictscope.llm.models import Call, Endpoint
from tests.factories.llm import EndpointFactory
from tests.factories.studies import StudyFactory, UserFactory, member
from tests.jobs.handlers import CountingHandler

pytestmark = pytest.mark.django_db

SEERS = ["owner", "researcher", "viewer"]
RUNNERS = ["owner", "researcher"]
HTMX = {"HX-Request": "true"}


def add_items(job: Job, **states: int) -> list[WorkItem]:
    rows = [(state, number) for state, count in states.items() for number in range(count)]
    lease = timezone.now() + timedelta(minutes=1)
    return WorkItem.objects.bulk_create(
        WorkItem(job=job, key=f"{state}-{number}", state=state, lease_until=lease if state == "leased" else None)
        for state, number in rows
    )


def address(name: str, job: Job) -> str:
    return reverse(f"jobs:{name}", args=[job.study.slug, job.pk])


def list_address(job: Job) -> str:
    return reverse("jobs:jobs", args=[job.study.slug])


@pytest.mark.parametrize("role", SEERS)
def test_those_who_may_see_the_study_see_its_jobs(client, job, role):
    client.force_login(member(job.study, role))
    for url in (list_address(job), job.get_absolute_url()):
        response = client.get(url)
        assert response.status_code == 200
        assert job.title in response.text


def test_an_annotator_and_a_stranger_find_nothing(client, job):
    for user in (member(job.study, "annotator"), UserFactory()):
        client.force_login(user)
        assert client.get(list_address(job)).status_code == 404
        assert client.get(job.get_absolute_url()).status_code == 404


def test_who_has_not_logged_in_is_asked_to(client, job):
    assert client.get(job.get_absolute_url()).url == f"/login/?next={job.get_absolute_url()}"


def test_a_job_of_another_study_is_not_found_under_this_one(client, job):
    owner = job.study.created_by
    other = Job.objects.create(study=StudyFactory(created_by=owner), kind="tests.count", subject="other", title="Other")
    client.force_login(owner)
    assert client.get(reverse("jobs:job", args=[job.study.slug, other.pk])).status_code == 404


def test_the_page_shows_how_far_the_job_is(client, job):
    add_items(job, open=2, leased=1, done=5, failed=2)
    client.force_login(job.study.created_by)
    text = client.get(job.get_absolute_url()).text
    assert '<progress max="10" value="7"' in text
    assert "7 of 10" in text


def test_a_page_says_what_a_job_works_on_and_once_it_is_done_what_came_of_it(client, job):
    client.force_login(job.study.created_by)
    assert "Works on" not in client.get(job.get_absolute_url()).text, "a handler may say nothing"

    class Telling(CountingHandler):
        kind = "tests.tell"

        def worked_on(self, job):
            if job.parameters["first"] == 0:
                raise NotFound("It is gone.")
            return WorkedOn("The <numbers>", "/numbers/")

        def outcome(self, job):
            return f"{self.worked_on(job).name}: 3 counted.\nNone was odd."

    registry.register(Telling())
    try:
        Job.objects.update(kind="tests.tell")
        text = client.get(job.get_absolute_url()).text
        assert 'Works on <a href="/numbers/">The &lt;numbers&gt;</a>' in text
        assert "3 counted" not in text
        Job.objects.update(state=Job.State.DONE)
        text = client.get(job.get_absolute_url()).text
        assert "The &lt;numbers&gt;: 3 counted.<br>None was odd." in text
        assert "nothing had to be asked" in text
        Job.objects.update(parameters={"first": 0})
        text = client.get(job.get_absolute_url()).text
        assert "Works on" not in text
        assert "What came of it" not in text
    finally:
        registry.unregister("tests.tell")


def test_errors_are_shown_once_each_with_their_number(client, job):
    for item in add_items(job, failed=3):
        item.error = "The key is wrong." if item.key == "failed-0" else "The server is gone."
        item.save()
    client.force_login(job.study.created_by)
    text = client.get(job.get_absolute_url()).text
    assert text.count("The server is gone.") == 1
    assert text.index("The server is gone.") < text.index("The key is wrong.")


def test_htmx_gets_the_fragment_which_polls_only_while_the_job_runs(client, job):
    client.force_login(job.study.created_by)
    running = client.get(job.get_absolute_url(), headers=HTMX).text
    assert "<html" not in running
    assert 'hx-trigger="every 2s"' in running
    assert (
        f'hx-get="{reverse("jobs:row", args=[job.study.slug, job.pk])}"'
        in client.get(list_address(job), headers=HTMX).text
    )

    control.cancel(job)
    ended = client.get(job.get_absolute_url(), headers=HTMX).text
    assert "hx-trigger" not in ended
    assert reverse("jobs:row", args=[job.study.slug, job.pk]) not in client.get(list_address(job), headers=HTMX).text


@pytest.mark.parametrize("role", RUNNERS)
def test_those_who_run_the_pipeline_pause_resume_and_cancel(client, job, role):
    add_items(job, open=2, done=1)
    client.force_login(member(job.study, role))
    for button, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        page = client.get(job.get_absolute_url()).text
        assert f'action="{address(button, job)}"' in page
        response = client.post(address(button, job), follow=True)
        assert response.redirect_chain == [(job.get_absolute_url(), 302)]
        job.refresh_from_db()
        assert job.state == state
    assert progress.counts(job).cancelled == 2


def test_failed_items_are_tried_again(client, job):
    add_items(job, failed=2, done=1)
    Job.objects.filter(pk=job.pk).update(state="done", finished_at=timezone.now())
    client.force_login(job.study.created_by)
    assert "Try the 2 failed again" in client.get(job.get_absolute_url()).text
    response = client.post(address("retry", job), follow=True)
    assert "2 failed items are tried again." in response.text
    job.refresh_from_db()
    assert (job.state, progress.counts(job).open, progress.counts(job).failed) == ("running", 2, 0)


@pytest.mark.parametrize("role", ["adjudicator", "viewer", "annotator"])
def test_others_get_no_button_and_no_effect(client, job, role):
    add_items(job, open=1, failed=1)
    client.force_login(member(job.study, role))
    assert address("pause", job) not in client.get(job.get_absolute_url()).text
    for button in ("pause", "resume", "cancel", "retry"):
        assert client.post(address(button, job)).status_code == 404
    job.refresh_from_db()
    assert job.state == "running"
    assert progress.counts(job).failed == 1


def test_a_button_that_no_longer_fits_says_so_and_changes_nothing(client, job):
    control.cancel(job)
    client.force_login(job.study.created_by)
    response = client.post(address("pause", job))
    assert response.status_code == 409
    assert "A job that is cancelled cannot be paused." in response.text
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_steering_needs_a_post(client, job):
    client.force_login(job.study.created_by)
    assert client.get(address("cancel", job)).status_code == 405
    job.refresh_from_db()
    assert job.state == "running"


def test_the_list_takes_as_many_queries_for_thirty_jobs_as_for_one(client, job, django_assert_num_queries):
    client.force_login(job.study.created_by)
    add_items(job, done=1)
    # session, user, study, role for the tabs, count, jobs, progress, its phase, workers
    with django_assert_num_queries(9):
        client.get(list_address(job))
    for number in range(29):
        add_items(
            Job.objects.create(study=job.study, kind="tests.count", subject=f"more {number}", title="More"), done=2
        )
    with django_assert_num_queries(9):
        client.get(list_address(job))


def test_the_time_left_comes_from_the_last_minute_only(job):
    Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(hours=5))
    job.refresh_from_db()
    items = add_items(job, open=10, done=8)
    long_ago = [item.pk for item in items if item.state == "done"][:3]
    WorkItem.objects.filter(pk__in=long_ago).update(updated_at=timezone.now() - timedelta(hours=4))
    [progress] = progress_of([job])
    assert progress.seconds_left == pytest.approx(10 * 60 / 5)

    WorkItem.objects.filter(job=job).update(updated_at=timezone.now() - timedelta(hours=4))
    [progress] = progress_of([job])
    assert progress.seconds_left is None


def test_usage_tells_paid_logged_unknown_and_unpriced_calls_apart(client, job):
    endpoint = Endpoint.objects.create(
        name="local", provider="openai_compatible", llm="sim-x", base_url="http://127.0.0.1:9/v1"
    )
    items = add_items(job, done=4)
    calls = [
        {"outcome": "ok", "cost": Decimal("0.01"), "tokens_in": 100, "tokens_out": 20, "simulated": True},
        {"outcome": "ok", "cost": None, "tokens_in": 50, "tokens_out": 10},
        {"outcome": "ok", "cost": Decimal("0.01"), "tokens_in": 7, "tokens_out": 7},
        {"outcome": "failed", "purpose": "retest"},
    ]
    for number, (item, facts) in enumerate(zip(items, calls, strict=True)):
        call = Call.objects.create(
            endpoint=endpoint,
            prompt_name="verbatim",
            prompt_version=0,
            prompt_digest="d",
            request={},
            request_digest=f"r{number}",
            **{"purpose": "test", **facts},
        )
        CallUse.objects.create(item=item, call=call, from_cache=number == 2)
    # Two requests whose end nobody has seen. The worker of one of them died; the other is on its way.
    for item, hold in zip(items, (CallUse.Hold.UNKNOWN, CallUse.Hold.HELD), strict=False):
        call = Call.objects.create(
            endpoint=endpoint, purpose="test", prompt_name="x", prompt_version=0, request={}, request_digest=hold
        )
        CallUse.objects.create(item=item, call=call, hold=hold)
    usage = usage_of(job)
    assert (usage.calls, usage.from_log, usage.unknown, usage.unpriced, usage.simulated) == (6, 1, 1, 1, 1)
    assert (usage.tokens_in, usage.tokens_out) == (150, 30)
    assert [(step.purpose, step.endpoint, step.calls, step.spent) for step in usage.steps] == [
        ("retest", endpoint.name, 1, 0),
        ("test", endpoint.name, 5, Decimal("0.01")),
    ]

    client.force_login(job.study.created_by)
    text = client.get(job.get_absolute_url()).text
    assert "1 call was in flight when a worker died" in text
    assert "The cost of 1 call is unknown" in text
    assert "retest" in text
    assert "badge-simulated" in text


def test_items_that_wait_say_for_what_and_until_when(client, job):
    until = timezone.now() + timedelta(minutes=3)
    for number, item in enumerate(add_items(job, open=3)):
        item.error = "The provider asked for 180 s." if number else "Waits for room in the budget."
        item.not_before = until + timedelta(minutes=number)
        item.save()
    client.force_login(job.study.created_by)
    text = client.get(job.get_absolute_url(), headers=HTMX).text
    assert f"{until + timedelta(minutes=1):%H:%M:%S} UTC" in text
    assert text.index("The provider asked for 180 s.") < text.index("Waits for room in the budget.")


def test_a_running_job_tells_its_rate_its_retries_and_when_it_will_be_done(client, job):
    Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(minutes=10))
    items = add_items(job, open=60, done=40)
    WorkItem.objects.filter(pk__in=[item.pk for item in items], state="done").update(updated_at=timezone.now())
    WorkItem.objects.filter(pk=items[0].pk).update(attempts=3)
    long_ago = timezone.now() - timedelta(minutes=5)
    WorkItem.objects.filter(key="done-0").update(updated_at=long_ago)
    client.force_login(job.study.created_by)
    text = client.get(job.get_absolute_url(), headers=HTMX).text
    assert "Lately 39 items and 0 calls a minute." in text
    assert "about 1 min 32 s left" in text
    assert '<span class="tile-label">Tried again</span><span class="tile-value">1</span>' in text


def test_a_running_job_says_what_it_is_at_and_never_that_nothing_is_left(client, job):
    class Naming(CountingHandler):
        kind = "tests.naming"

        def phase(self, key, payload):
            return f"counting, round {payload['round']}"

    def phase_and_left():
        job.refresh_from_db()
        [progress] = progress_of([job])
        return progress.phase, progress.seconds_left

    registry.register(Naming())
    try:
        now = timezone.now()
        Job.objects.filter(pk=job.pk).update(kind="tests.naming", created_at=now - timedelta(minutes=10))
        add_items(job, done=60)
        assert phase_and_left() == ("waiting for a worker", None)
        Job.objects.filter(pk=job.pk).update(heartbeat=now)
        assert phase_and_left() == ("planning", None), "all that was planned has ended, and more may come"
        Job.objects.filter(pk=job.pk).update(planning_until=now + timedelta(seconds=15))
        planning.say(job, "embedding")
        assert phase_and_left() == ("embedding", None)
        Job.objects.filter(pk=job.pk).update(planning_until=None)
        WorkItem.objects.create(job=job, key="round two", payload={"round": 2})
        assert phase_and_left() == ("counting, round 2", pytest.approx(1.0))
        client.force_login(job.study.created_by)
        text = client.get(list_address(job)).text
        assert "counting, round 2" in text
        assert "about 1 s left of what is planned" in text
    finally:
        registry.unregister("tests.naming")


def test_only_rows_of_running_jobs_are_asked_for_again(client, job):
    ended = Job.objects.create(study=job.study, kind="tests.count", subject="ended", title="Ended", state="done")
    client.force_login(job.study.created_by)
    text = client.get(list_address(job)).text
    assert f'hx-get="{address("row", job)}"' in text
    assert f'hx-get="{address("row", ended)}"' not in text
    assert client.get(address("row", job), headers=HTMX).text.strip().startswith("<tr id=")
    control.cancel(job)
    assert "hx-get" not in client.get(address("row", job), headers=HTMX).text


def test_a_fragment_of_another_state_has_the_whole_page_renewed(client, job):
    client.force_login(job.study.created_by)
    address_of_poll = f"{job.get_absolute_url()}?state=running"
    assert address_of_poll in client.get(job.get_absolute_url(), headers=HTMX).text
    assert "HX-Refresh" not in client.get(address_of_poll, headers=HTMX)
    control.pause(job)
    assert client.get(address_of_poll, headers=HTMX)["HX-Refresh"] == "true"


def test_spent_reserved_and_left_are_told_for_each_measure(client, job):
    Job.objects.filter(pk=job.pk).update(
        budget=Decimal(5), spent=Decimal(2), reserved=Decimal(1), unknown=Decimal("0.5"), calls_sent=7, budget_calls=9
    )
    client.force_login(job.study.created_by)
    text = client.get(job.get_absolute_url()).text
    for shown in ("$2.00", "$1.00", "$0.5000", "$5.00", "$1.50"):
        assert shown in text
    assert '<td class="num" data-label="Left">2</td>' in text
    assert "Change the budget" in text
    client.post(address("budget", job), {"budget": "5", "budget_calls": "20", "budget_tokens": "1000"})
    job.refresh_from_db()
    assert (job.budget, job.budget_calls, job.budget_tokens) == (5, 20, 1000)


@pytest.mark.parametrize("role", SEERS)
def test_the_spending_of_a_study_is_told_by_job_step_endpoint_and_day(client, job, role, django_assert_max_num_queries):
    cheap, dear = EndpointFactory(name="cheap"), EndpointFactory(name="dear")
    other = Job.objects.create(study=job.study, kind="tests.count", subject="other", title="Another job")
    elsewhere = Job.objects.create(study=StudyFactory(), kind="tests.count", subject="x", title="Elsewhere")
    for number, (of, endpoint, cost, from_cache) in enumerate(
        [
            (job, cheap, "0.25", False),
            (job, dear, "1.50", False),
            (other, dear, "2.00", False),
            (other, dear, "8.00", True),
            (elsewhere, dear, "9.00", False),
        ]
    ):
        call = Call.objects.create(
            endpoint=endpoint, purpose="filter", prompt_name="x", prompt_version=0, request={},
            request_digest=f"s{number}", outcome="ok", cost=Decimal(cost), tokens_in=1, tokens_out=1,
        )  # fmt: skip
        item = of.items.create(key=f"item {number}", state="done")
        CallUse.objects.create(item=item, call=call, from_cache=from_cache)
    client.force_login(member(job.study, role))
    with django_assert_max_num_queries(12):
        text = client.get(reverse("jobs:spending", args=[job.study.slug])).text
    assert "$3.75" in text  # in all, and today
    assert "$1.75" in text  # the one job
    assert "$3.50" in text  # asked of the dear endpoint
    assert "filter · dear" in text
    assert "$8" not in text
    assert "$9" not in text
    assert "Elsewhere" not in text
    assert f"{timezone.now():%Y-%m-%d}" in text


def test_what_a_job_shows_takes_as_many_queries_for_many_items_as_for_few(client, job, django_assert_max_num_queries):
    add_items(job, open=50, leased=10, done=50, failed=20)
    client.force_login(job.study.created_by)
    with django_assert_max_num_queries(12):
        client.get(job.get_absolute_url(), headers=HTMX)
    with django_assert_max_num_queries(14):
        client.get(job.get_absolute_url())


def test_text_of_a_provider_cannot_become_markup(client, job):
    [item] = add_items(job, failed=1)
    item.error = "<script>alert(1)</script>"
    item.save()
    client.force_login(job.study.created_by)
    text = client.get(job.get_absolute_url()).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_job_that_stopped_at_its_budget_goes_on_with_a_higher_one(client, job):
    Job.objects.filter(pk=job.pk).update(budget=Decimal(2), spent=Decimal(2))
    budgets.stop_if_reached(job)
    client.force_login(job.study.created_by)
    assert f'action="{address("budget", job)}"' in client.get(job.get_absolute_url()).text
    refused = client.post(address("budget", job), {"budget": "2"})
    assert (refused.status_code, "2 US dollars are spent already" in refused.text) == (409, True)
    assert client.post(address("budget", job), {"budget": "much"}).status_code == 400
    response = client.post(address("budget", job), {"budget": "2.50"}, follow=True)
    assert "the job goes on" in response.text
    job.refresh_from_db()
    assert (job.state, job.budget) == (Job.State.RUNNING, Decimal("2.50"))
