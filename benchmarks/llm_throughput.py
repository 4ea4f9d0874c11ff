"""How near a job comes to what its endpoint allows, with the real worker, on evaluations by multiple choice.

`latency`: an endpoint that answers after 600 ms and takes 64 calls at a time. `rpm`: two jobs in two processes on one endpoint with
a limit of requests per minute. `planned`: the first minute of a job of 100,000 items. One line of JSON each; the baseline asks the
same questions one at a time, as a script would.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import installation
from installation import BACKENDS, BEAT
from watching import Watched

if TYPE_CHECKING:
    from conflictscope.jobs.models import Job
    from conflictscope.llm.models import Endpoint

ITEMS_PER_SCENARIO = 3  # two choices and a pair of ratings
SCENARIOS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default="latency,rpm,planned", help="which, of latency, rpm and planned (all)")
    parser.add_argument("--seconds", type=float, default=60, help="how long each case works (60)")
    parser.add_argument("--latency-ms", type=float, default=600, help="how long the LLM thinks (600)")
    parser.add_argument("--concurrency", type=int, default=64, help="calls that the endpoint takes at a time (64)")
    parser.add_argument("--rpm", type=int, default=1200, help="requests per minute, in the case of that name (1200)")
    parser.add_argument("--planned", type=int, default=100_000, help="items, in the case of that name (100000)")
    parser.add_argument("--backend", default="sqlite", choices=BACKENDS, help="the database (sqlite)")
    options = parser.parse_args()
    with installation.scratch(options.backend) as environment:
        os.environ.update(environment)
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate", verbosity=0)
        with installation.simulator("--latency-ms", f"{options.latency_ms:g}") as address:
            sequential = one_at_a_time(address, seconds=min(20.0, options.seconds))
            for case in options.cases.split(","):
                sdk_cpu = bare_sdk(address, concurrency=options.concurrency)
                figures = measure(case, address, sequential=sequential, options=options)
                print(json.dumps({**figures, "sdk_cpu_s_per_1000": round(sdk_cpu, 2)}), flush=True)
        connections.close_all()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def workers() -> Iterator[Watched]:
    """A Celery worker of two processes, and beat."""
    log = Path(os.environ["CONFLICTSCOPE_VAR"]) / "worker.log"
    with installation.group(*BEAT, log=log), installation.group(*installation.worker(2), log=log) as worker:
        try:
            yield Watched(worker.pid)
        finally:
            worker.stop()
            if output := log.read_text()[-2000:].strip():
                say(output)


def one_at_a_time(address: str, *, seconds: float) -> float:
    """Calls a second of the same SDK in a loop."""
    import openai

    say(f"One call at a time, for {seconds:g} s ...")
    done, began = 0, time.monotonic()
    with openai.OpenAI(base_url=f"{address}/v1", api_key="any") as sdk:
        while time.monotonic() - began < seconds:
            text = f"<situation>\nBaseline {done}.\n</situation>\nA or B?"
            sdk.chat.completions.create(model="sim-balanced", messages=[{"role": "user", "content": text}])
            done += 1
        return done / (time.monotonic() - began)


def bare_sdk(address: str, *, concurrency: int, calls: int = 600) -> float:
    """Processor seconds that 1,000 calls cost the SDK alone: asynchronous, so many at a time, and nothing is kept of them."""
    import openai

    async def ask() -> None:
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0) as sdk:
            numbers = iter(range(calls))

            async def one_after_another() -> None:
                for number in numbers:
                    text = f"<situation>\nBare {number}.\n</situation>\nA or B?"
                    await sdk.chat.completions.create(
                        model="sim-balanced", temperature=0, messages=[{"role": "user", "content": text}]
                    )

            await asyncio.gather(*(one_after_another() for _ in range(concurrency)))

    say(f"The SDK alone, {calls} calls, {concurrency} at a time ...")
    asyncio.run(ask())  # what is loaded and connected once is no cost of a call
    began = time.process_time()
    asyncio.run(ask())
    return 1000 * (time.process_time() - began) / calls


def measure(case: str, address: str, *, sequential: float, options: argparse.Namespace) -> dict[str, Any]:
    from conflictscope.llm.endpoints import add_endpoint
    from conflictscope.llm.models import Endpoint

    endpoint = add_endpoint(
        Endpoint(
            name=f"benchmark-{case}",
            provider="openai_compatible",
            llm="sim-balanced",
            base_url=f"{address}/v1",
            key_name="CONFLICTSCOPE_KEY_SIMULATOR",
            price_in="0.5",
            price_out="1.5",
            max_concurrency=options.concurrency,
            requests_per_minute=options.rpm if case == "rpm" else None,
        )
    )
    limit = options.concurrency / (options.latency_ms / 1000)
    if case == "rpm":
        limit = min(limit, options.rpm / 60)
    # Enough to be busy all the time, and the case's own number where that is the case.
    items = options.planned if case == "planned" else int(limit * options.seconds * 1.5)
    jobs = [job(endpoint, f"{case}-{n}", items=items) for n in range(2 if case == "rpm" else 1)]
    say(f"{case}: {', '.join(map(str, jobs))}, {options.seconds:g} s of work ...")
    with workers() as group:
        plan_seconds = wait_for_first_call(jobs)
        cpu, early = group.cpu_seconds, group.now_mib
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            time.sleep(min(5.0, max(0.0, end - time.monotonic())))
            say(f"  {calls_of(jobs).count()} calls")
        pause(jobs)
        cpu, late, peak = group.cpu_seconds - cpu, group.now_mib, group.peak_mib
    return {"case": case, **figures(jobs, limit=limit, sequential=sequential, cpu=cpu)} | {
        "peak_mib": round(peak, 1),
        "early_mib": round(early, 1),
        "late_mib": round(late, 1),
        "first_call_after_s": round(plan_seconds, 1),
        "backend": options.backend,
    }


def figures(jobs: list[Job], *, limit: float, sequential: float, cpu: float) -> dict[str, Any]:
    from django.db.models import Count, Max, Min, Q

    from conflictscope.jobs.models import WorkItem

    totals = calls_of(jobs).aggregate(
        ok=Count("pk", filter=Q(outcome="ok")), first=Min("sent_at"), last=Max("answered_at"), calls=Count("pk")
    )
    achieved = totals["ok"] / (totals["last"] - totals["first"]).total_seconds()
    return {
        "achieved_per_s": round(achieved, 2),
        "limit_per_s": round(limit, 2),
        "ratio": round(achieved / limit, 3),
        "sequential_per_s": round(sequential, 2),
        "speedup": round(achieved / sequential, 1),
        "cpu_s_per_1000": round(1000 * cpu / totals["ok"], 2),
        "calls": totals["calls"],
        "most_at_once": most_at_once(jobs),
        "items": WorkItem.objects.filter(job__in=jobs).count(),
    }


def most_at_once(jobs: list[Job]) -> int:
    """The most calls that were under way together, by the log: more than the endpoint takes would be no throughput but a fault."""
    times = calls_of(jobs).filter(answered_at__isnull=False).values_list("sent_at", "answered_at")
    moments = sorted([(sent, 1) for sent, _ in times] + [(answered, -1) for _, answered in times])
    return max(itertools.accumulate(step for _, step in moments), default=0)


def calls_of(jobs: list[Job]) -> Any:
    from conflictscope.llm.models import Call

    return Call.objects.filter(uses__item__job__in=jobs)


def wait_for_first_call(jobs: list[Job], *, patience: float = 180.0) -> float:
    """Seconds until the first reply; what is measured begins there."""
    began = time.monotonic()
    while not calls_of(jobs).exists():
        if time.monotonic() - began > patience:
            raise RuntimeError("The workers have not made a call.")
        time.sleep(0.1)
    return time.monotonic() - began


def pause(jobs: list[Job]) -> None:
    """Pause the jobs, and wait until what is in flight has ended."""
    from conflictscope.jobs import control
    from conflictscope.jobs.models import WorkItem

    for each_job in jobs:
        each_job.refresh_from_db()
        if each_job.state == each_job.State.RUNNING:
            control.pause(each_job)
    while WorkItem.objects.filter(job__in=jobs, state=WorkItem.State.LEASED).exists():
        time.sleep(0.1)


def job(endpoint: Endpoint, name: str, *, items: int) -> Job:
    """An evaluation with at least so many items, on scenarios that no other job has."""
    from conflictscope.studies.endpoints import allow
    from evaluation.models import Run, Target
    from evaluation.running import runs

    dataset = seed_dataset(name)
    allow(dataset.study, [endpoint])
    samples = max(1, -(-items // (ITEMS_PER_SCENARIO * SCENARIOS)))
    target = Target.objects.create(endpoint=endpoint, label=name)
    run = runs.create_or_find_run(
        dataset,
        target=target,
        mode=Run.Mode.MULTIPLE_CHOICE,
        settings=runs.RunSettings(scope=Run.Scope.ALL, samples=samples),
    )
    return runs.start(run)


def seed_dataset(name: str) -> Any:
    """Scenarios of a plain form, each of its own words."""
    from django.contrib.auth.models import User

    from conflictscope.scenarios.models import Dataset, Scenario
    from conflictscope.studies.models import Study

    person, _ = User.objects.get_or_create(username="benchmark")
    study, _ = Study.objects.get_or_create(slug="benchmark", defaults={"name": "Benchmark", "created_by": person})
    dataset = Dataset.objects.create(study=study, slug=name, name=name, variant=Dataset.Variant.IMPORTED)
    places, people = ("a school", "a clinic", "a newspaper", "a farm"), ("a colleague", "a customer", "a neighbour")
    pairs = list(itertools.product(places, people))
    Scenario.objects.bulk_create(
        Scenario(
            dataset=dataset,
            uid=f"{name}-{n}",
            status=Scenario.Status.KEPT,
            description=f"Case {n} of {name}: an assistant at {place} is asked by {person} to leave something out of a report.",
            action_1=f"Write report {n} in full and say why.",
            action_2=f"Leave it out of report {n} and tell {person}.",
        )
        for n, (place, person) in zip(range(SCENARIOS), itertools.cycle(pairs), strict=False)
    )
    return dataset


if __name__ == "__main__":
    main()
