"""Is a reply ever lost, or paid for twice? Jobs with faults and killed workers, compared with the simulator's ledger.

Two jobs run side by side: a judge filters scenarios (structured replies, over OpenAI's protocol) and a target answers by
multiple choice (text, over Anthropic's), 2,050 items by default. A tenth of all requests goes wrong, in every way that the
simulator knows. Real Celery workers do the work; at moments drawn by seed, a worker and its children are killed, now and then all
of them at once, and started again. At the end both jobs are started anew, which should ask nothing.

One line for each backend:
    planned      items that the two jobs have by their seed
    ok, unparsable, refused, failed
                 how their items ended: an answer; one that could not be read, even when asked again; a refusal; an error
    lost         items without an end, or without the rows they should have written, and replies that the simulator gave in
                 full, that the log does not have, and that were no unknown call's
    duplicated   rows written twice, and questions of which a second good reply was fetched although the first was recorded
    unknown      calls in flight at a kill: sent, perhaps billed, their reply unseen
    concurrency  the most calls that one kill can catch in flight, so that unknown is at most kills × concurrency
    kills        worker process groups killed
    rerun_calls  requests that the simulator got when both jobs were started again
Exit code 1 if one of lost, duplicated and rerun_calls is not 0, unknown is more than it may be, or kills are too few.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import installation
from installation import BACKENDS, Group, Unavailable

if TYPE_CHECKING:
    from conflictscope.jobs.models import Job

FAULTS = {
    "429": 0.02,
    "rate_limit_without_retry_after": 0.005,
    "500": 0.015,
    "529": 0.01,
    "slow": 0.0025,  # the right answer, 20 seconds late
    "dropped": 0.01,
    "truncated": 0.01,
    "empty": 0.005,
    "malformed": 0.0125,
    "wrong_schema": 0.005,
    "refusal": 0.005,
}
JUDGE, TARGET = "sim-judge", "sim-target-careful"
AT_ONCE = 8  # calls that an endpoint takes at a time, from all workers together
ENDPOINTS = 2  # the judge's and the target's
PROCESSES = 2  # of one worker
WORKERS = 3
DEADLINE = 285.0  # seconds for one backend
UNPARSABLE = {"unparsable", "none", "no rating"}  # what the two jobs note of an item that ended so


def main() -> int:
    options = _arguments()
    if options.inside:
        print(json.dumps(Measurement(options).line()), flush=True)
        return 0
    code = 0
    for backend in options.backend or BACKENDS:
        say(f"{backend}: setting up")
        command = [sys.executable, __file__, "--inside", "--backend", backend]
        command += [f"--{name}={getattr(options, name)}" for name in ("judged", "chosen", "kills", "seed")]
        try:
            with installation.scratch(backend) as environment:
                output = _said(command, environment)
        except Unavailable as exc:
            say(f"{backend}: not measured. {exc}")
            code = 1
            continue
        print(output, end="", flush=True)
        line = json.loads(output)
        wrong = [name for name in ("lost", "duplicated", "rerun_calls") if line[name]]
        if line["unknown"] > line["kills"] * line["concurrency"]:
            wrong.append("unknown")
        if line["kills"] < options.kills:  # the work was over too soon
            wrong.append("kills")
        if wrong:
            say(f"{backend}: not as it should be: {', '.join(f'{name} {line[name]}' for name in wrong)}")
            code = 1
    return code


def _said(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a process says on standard output. Interrupted, it is waited for: it has workers to stop."""
    # In a session of its own, so that Ctrl-C reaches it once, from here.
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            process.send_signal(signal.SIGINT)
            process.communicate()
            raise
    if process.returncode:
        raise Unavailable("The reason stands above.")
    return output


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--backend", action="append", choices=BACKENDS, help="one of them; left out: both, in turn")
    parser.add_argument("--judged", type=int, default=250, help="scenarios to filter, one item each (250)")
    parser.add_argument("--chosen", type=int, default=600, help="scenarios to choose in, three items each (600)")
    parser.add_argument("--kills", type=int, default=12, help="worker process groups to kill (12)")
    parser.add_argument("--seed", type=int, default=7, help="of scenarios, faults and kills (7)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # in the scratch installation already
    return parser.parse_args()


def say(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {sentence}", file=sys.stderr, flush=True)


@dataclass
class Workers:
    """The workers of the installation. `start_jobs` tells a new worker of the jobs, as somebody does who starts them again."""

    start_jobs: Callable[[], object]
    log: Path
    groups: list[Group] = field(default_factory=list)

    def fill(self) -> None:
        while len(self.groups) < WORKERS:
            self.groups.append(Group(*installation.worker(PROCESSES), log=self.log))
            self.start_jobs()

    def kill(self, victims: Iterable[Group]) -> None:
        for victim in victims:
            victim.kill()
            self.groups.remove(victim)


class Measurement:
    """One backend, from the empty database to the line."""

    def __init__(self, options: argparse.Namespace) -> None:
        import django

        django.setup()
        self.options = options
        self.backend = options.backend[0]
        self.rng = random.Random(options.seed)
        self.folder = Path(os.environ["CONFLICTSCOPE_VAR"])
        self.kills = 0
        self.deadline = time.monotonic() + DEADLINE

    def line(self) -> dict[str, Any]:
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        faults = [f"--fault={name}={share}" for name, share in FAULTS.items()]
        with installation.simulator("--seed", str(self.options.seed), "--latency-ms", "100", *faults) as address:
            self.address = address
            self.seed()
            began = time.monotonic()
            jobs = self.start_jobs()
            self.work(jobs)
            seconds = time.monotonic() - began
            before = self.ledger()
            counts = self.counts(jobs, before)
            self.start_again()
            rerun = self.ledger()["requests"] - before["requests"]
        return {
            "backend": self.backend,
            **counts,
            "kills": self.kills,
            "concurrency": AT_ONCE * ENDPOINTS,
            "rerun_calls": rerun,
            "requests": before["requests"],
            "faults": sum(before["by_fault"].values()),
            "seconds": round(seconds, 1),
        }

    def seed(self) -> None:
        from django.contrib.auth.models import User

        from conflictscope.llm.models import Endpoint
        from conflictscope.llm.simulator.endpoints import simulated_endpoints
        from conflictscope.scenarios.filtering.judges import judge_named
        from conflictscope.scenarios.importing import ImportSettings, import_scenarios
        from conflictscope.studies.endpoints import allow
        from conflictscope.studies.membership import create_study, let_create_studies
        from evaluation.running import runs
        from evaluation.running.targets import target_for

        simulated_endpoints(self.address)
        Endpoint.objects.update(max_concurrency=AT_ONCE)
        owner = User.objects.create_user("benchmark")
        let_create_studies(owner)
        owner = User.objects.get(pk=owner.pk)  # permissions are remembered by the object
        study = create_study(name="Faults", created_by=owner)
        allow(study, Endpoint.objects.all())
        datasets = []
        for slug, number in (("judged", self.options.judged), ("chosen", self.options.chosen)):
            path = self.folder / f"{slug}.csv"
            _write_scenarios(path, number=number, rng=self.rng, label=slug)
            datasets.append(
                import_scenarios(study, slug, settings=ImportSettings(format_name="moralchoice"), paths=[path]).dataset
            )
        self.judged, chosen = datasets
        self.judge = judge_named(JUDGE)
        self.run = runs.create_or_find_run(
            chosen, target=target_for(TARGET), mode="multiple_choice", settings=runs.RunSettings(scope="all")
        )

    def start_jobs(self) -> list[Job]:
        from conflictscope.scenarios.filtering import job as filtering
        from evaluation.running import runs

        jobs = []
        with suppress(filtering.NothingToAsk):  # the second time, if every scenario was judged
            jobs.append(filtering.start(self.judged, self.judge))
        return [*jobs, runs.start(self.run)]

    @property
    def planned(self) -> int:
        return int(self.options.judged + 3 * self.options.chosen)  # two choices and one pair of ratings

    def work(self, jobs: Sequence[Job]) -> None:
        """Kill workers while the jobs go on, until enough were killed; then let them end."""
        workers = Workers(self.start_jobs, self.folder / "workers.log")
        # In shares of the work, not in seconds: all kills come while there is work, on any machine.
        moments = sorted(self.rng.uniform(0.02, 0.75) for _ in range(self.options.kills))
        try:
            with installation.group(*installation.BEAT, log=self.folder / "beat.log"):
                workers.fill()
                for moment in moments:
                    if self.kills >= self.options.kills or not self.wait_for(moment, jobs):
                        break
                    time.sleep(self.rng.uniform(0, 0.3))
                    everybody = self.rng.random() < 0.15
                    # The newest one may not have begun: to kill it would be no test.
                    victims = list(workers.groups) if everybody else [self.rng.choice(workers.groups[:-1])]
                    workers.kill(victims)
                    self.kills += len(victims)
                    say(f"{self.backend}: {self.ended(jobs)} of {self.planned} items, {self.kills} kills")
                    workers.fill()
                    self.wait_for_newcomers(jobs)
                self.wait_for(1.0, jobs)
        finally:
            workers.kill(list(workers.groups))

    def wait_for(self, share: float, jobs: Sequence[Job]) -> bool:
        """Until such a share of the items has ended. False: the jobs have ended, or the time is over."""
        reported_at = time.monotonic()
        while time.monotonic() < self.deadline:
            ended = self.ended(jobs)
            if share < 1 and ended >= share * self.planned:
                return True
            for job in jobs:
                job.refresh_from_db()
            if all(job.state not in job.LIVE for job in jobs):
                return False
            if time.monotonic() - reported_at > 15:
                reported_at = time.monotonic()
                say(f"{self.backend}: {ended} of {self.planned} items, {self.kills} kills")
            time.sleep(0.1)
        say(f"{self.backend}: stopped after {DEADLINE:.0f} s")
        return False

    def wait_for_newcomers(self, jobs: Sequence[Job], *, seconds: float = 20) -> None:
        """Until a worker that was just started has taken an item: a kill before that would be none."""
        before = self.owners(jobs)
        until = min(self.deadline, time.monotonic() + seconds)
        while time.monotonic() < until and not self.owners(jobs) - before:
            time.sleep(0.1)

    def owners(self, jobs: Sequence[Job]) -> set[str]:
        from conflictscope.jobs.models import WorkItem

        return set(WorkItem.objects.filter(job__in=jobs).values_list("lease_owner", flat=True).distinct())

    def ended(self, jobs: Sequence[Job]) -> int:
        from conflictscope.jobs import progress

        return sum(progress.counts(job).ended for job in jobs)

    def counts(self, jobs: Sequence[Job], ledger: dict[str, Any]) -> dict[str, int]:
        from django.db.models import Count

        from conflictscope.jobs.models import WorkItem
        from conflictscope.llm.models import Call
        from conflictscope.scenarios.filtering.dimensions import dimensions_of
        from conflictscope.scenarios.models import Verdict
        from evaluation.models import Rating, Response

        items = WorkItem.objects.filter(job__in=jobs)
        done = items.filter(state=WorkItem.State.DONE)
        failed = items.filter(state=WorkItem.State.FAILED).count()
        notes = dict(done.values_list("note").annotate(n=Count("pk")).order_by("note"))
        unparsable = sum(n for note, n in notes.items() if note in UNPARSABLE)
        refused = notes.get("refused", 0)
        for error, n in items.exclude(error="").values_list("error").annotate(n=Count("pk")):
            say(f"{self.backend}: {n} × {error}")

        # The rows that the ended items should have written, against those that there are.
        missing = twice = 0
        dimensions = len(dimensions_of(self.judged))
        for rows, wanted in (
            (Verdict.objects.count(), dimensions * done.filter(job=jobs[0]).count()),
            (Response.objects.count() + Rating.objects.count(), done.filter(job=jobs[1]).count()),
        ):
            missing += max(wanted - rows, 0)
            twice += max(rows - wanted, 0)

        good = Call.objects.filter(outcome=Call.Outcome.OK)
        unseen = Call.objects.filter(outcome__in=[Call.Outcome.SENT, Call.Outcome.UNKNOWN])
        answered = set(good.values_list("request_digest", "sample"))
        # A good reply that a kill kept from being seen is asked for again. The second time may go wrong, so that the log
        # has no good one; or it is good again, and the simulator has given two.
        never_seen = len(set(unseen.values_list("request_digest", "sample")) - answered)
        unlogged = max(ledger["good_distinct"] - len(answered) - never_seen, 0)
        again = max(ledger["good"] - ledger["good_distinct"] - unseen.count(), 0)
        return {
            "planned": self.planned,
            "ok": done.count() - unparsable - refused,
            "unparsable": unparsable,
            "refused": refused,
            "failed": failed,
            "lost": self.planned - done.count() - failed + missing + unlogged,
            "duplicated": twice + good.count() - len(answered) + again,
            "unknown": unseen.count(),
        }

    def start_again(self) -> None:
        """Both jobs once more, in this process, as a command does it."""
        from conflictscope.jobs import worker

        for job in self.start_jobs():
            worker.work_on(job)

    def ledger(self) -> dict[str, Any]:
        with urlopen(f"{self.address}/ledger?records=0", timeout=30) as answer:  # noqa: S310  # our own simulator
            counts: dict[str, Any] = json.load(answer)
        return counts


_WHO = ("a nurse", "a baker", "a bus driver", "a teacher", "a clerk", "a gardener", "a pilot", "a cook")
_WHAT = ("broke a window", "lost a parcel", "missed a shift", "misread a form", "took a wrong turn", "forgot a key")
_WHOM = ("a neighbour", "a manager", "a stranger", "a customer", "a friend", "an inspector")


def _write_scenarios(path: Path, *, number: int, rng: random.Random, label: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["scenario_id", "ambiguity", "context", "action1", "action2"])
        for index in range(number):
            who, what, whom = rng.choice(_WHO), rng.choice(_WHAT), rng.choice(_WHOM)
            house = 1 + index
            writer.writerow(
                [
                    f"{label}-{index:05d}",
                    rng.choice(["high", "low"]),
                    f"In house {house} of {label} street you live with {who} who {what}. Now {whom} asks you about it.",
                    f"I tell {whom} that it was {who} of house {house}.",
                    f"I tell {whom} that I know nothing about house {house}.",
                ]
            )


if __name__ == "__main__":
    sys.exit(main())
