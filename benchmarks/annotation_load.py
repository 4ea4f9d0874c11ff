"""Twenty people label at once, over HTTP, on the production server: how fast, at what cost, and is anything lost?

Each submits answers and gets the next item, as fast as replies come, with no connection or thread shared: asked for apart
(`two_requests`), then brought by the submission (`one_request`), in turn on one server. One line of JSON for each database,
number of items and way. With `--kills` the server is killed meanwhile, with all its processes, and started
again: people send again what got no reply. With `--quality` every tenth item served is gold, and everybody practises first.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import installation
import watching
from installation import BACKENDS

if TYPE_CHECKING:
    from annotation.models import Campaign

OVERLAP = 3
WAYS = ("two_requests", "one_request")
WARM_UP = 2  # submissions of each person before the clock starts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", choices=BACKENDS, nargs="+", default=list(BACKENDS), help="databases (both)")
    parser.add_argument("--items", type=int, nargs="+", default=[2_000, 100_000], help="items (2000 100000)")
    parser.add_argument("--annotators", type=int, default=20, help="people at once (20)")
    parser.add_argument("--submissions", type=int, default=1_200, help="of all of them together (1200)")
    parser.add_argument("--kills", type=int, default=0, help="SIGKILLs of the server while they work (0)")
    parser.add_argument("--way", choices=WAYS, nargs="+", default=list(WAYS), help="how the next item comes (both)")
    parser.add_argument("--quality", action="store_true", help="with gold, training and signals on")
    parser.add_argument("--seed", type=int, default=0, help="of texts, answers and kills (0)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # the process of one case
    options = parser.parse_args()
    if options.here:
        return measure(options)
    worst = 0
    for backend in options.backend:
        for items in options.items:
            with installation.scratch(backend) as environment:
                case = ["--here", "--backend", backend, "--items", str(items)]
                same = ["annotators", "submissions", "kills", "seed"]
                case += ["--way", *options.way]
                case += [f"--{name}={getattr(options, name)}" for name in same]
                case += ["--quality"] if options.quality else []
                worst = max(worst, subprocess.run([sys.executable, __file__, *case], env=environment).returncode)
    return worst


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(options: argparse.Namespace) -> int:
    import django
    from django.core.management import call_command
    from django.db import connection, connections

    django.setup()
    (backend,), (items,) = options.backend, options.items
    call_command("migrate", verbosity=0)
    say(f"{backend}, {items} items: seeding")
    campaign, tokens = seed(items, annotators=options.annotators, seed=options.seed, quality=options.quality)
    if backend == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("analyze")  # as autovacuum does within a minute of such a load
    database = str(connection.settings_dict["NAME"])
    connections.close_all()
    port = installation.free_port()
    with Server(port) as server:
        people = [Person(server.address, campaign.pk, token, number, options) for number, token in enumerate(tokens)]
        lines = [labelled(way, options, server, people, database=database) for way in options.way]
        for person in people:
            person.client.close()
    faults: dict[str, Any] = account(campaign, people)
    if options.quality:
        faults["signals_s"] = signals_seconds(campaign)
    for text, count in Counter(error for person in people for error in person.errors).most_common(5):
        say(f"{count} × {text}")
    for line in lines:
        print(json.dumps(line | faults), flush=True)
    faults.pop("signals_s", None)
    return int(any(line["errors"] for line in lines) or any(faults.values()))


def labelled(
    way: str, options: argparse.Namespace, server: Server, people: list[Person], *, database: str
) -> dict[str, Any]:
    """What it took to label by that way, after a warm-up."""
    (backend,), (items,) = options.backend, options.items
    for person in people:
        person.one_request = way == "one_request"
    at_work(people, limit=WARM_UP * len(people))
    for person in people:
        person.times.clear()
    errors, kills = sum(len(person.errors) for person in people), server.kills
    before, database_before = server.cpu_seconds, watching.postgresql_cpu_seconds(database)
    say(f"{backend}, {items} items: labelling, {way}")
    began = time.monotonic()
    with server.killed(options.kills, people, limit=options.submissions, rng=random.Random(options.seed)):
        done = at_work(people, limit=options.submissions)
    seconds = time.monotonic() - began
    cpu, database_cpu = server.cpu_seconds - before, watching.postgresql_cpu_seconds(database) - database_before
    return {
        "database": backend,
        "items": items,
        "annotators": len(people),
        "submissions": done,
        "way": way,
        "quality": options.quality,
        **percentiles("next", [took for person in people for what, took in person.times if what == "next"]),
        **percentiles("submit", [took for person in people for what, took in person.times if what == "submit"]),
        "per_s": round(done / seconds, 1),
        "server_cpu_ms_per_submission": round(1000 * cpu / done, 2),
        "database_cpu_ms_per_submission": round(1000 * database_cpu / done, 2) if backend == "postgresql" else None,
        "errors": sum(len(person.errors) for person in people) - errors,
        "kills": server.kills - kills,
    }


class Person:
    """One annotator with a connection of their own. `stored` is what the server has acknowledged: token to answers."""

    def __init__(self, address: str, campaign: int, token: str, number: int, options: argparse.Namespace) -> None:
        from annotation.simulated.client import LabellingClient

        # Without kills nothing may fail, not even in passing.
        self.client = LabellingClient(address, token, patience=60 if options.kills else 0)
        self.campaign = campaign
        self.rng = random.Random(f"{options.seed}:{number}")
        self.stored: dict[str, dict[str, str]] = {}
        self.times: list[tuple[str, float]] = []
        self.errors: list[str] = []
        self.one_request = False
        self.sheet: dict[str, Any] | None = None  # what the last submission has brought

    def label_one(self) -> bool:
        """One item, from asking for it to its acknowledgement. False: it came to nothing."""
        from conflictscope.errors import ConflictScopeError

        try:
            sheet, self.sheet = self.sheet, None
            if sheet is None:
                sheet = self.timed("next", lambda: self.client.next(self.campaign))
            if sheet is None:
                self.errors.append("there was no next item")
                return False
            answers = {
                question["field"]: self.rng.choice(question["options"])["value"] for question in sheet["questions"]
            }
            done = self.timed("submit", lambda: self.submit(sheet["token"], answers))
            self.sheet = done.get("next")
        except ConflictScopeError as exc:
            self.errors.append(exc.sentence)
            return False
        self.stored[sheet["token"]] = {question: answers[question] for question in answers}
        return True

    def submit(self, token: str, answers: dict[str, str]) -> dict[str, Any]:
        return self.client.submit(token, answers, active_seconds=40, then_next=self.one_request)

    def timed(self, what: str, ask: Any) -> Any:
        began = time.perf_counter()
        reply = ask()
        self.times.append((what, time.perf_counter() - began))
        return reply


def at_work(people: list[Person], *, limit: int) -> int:
    """Everybody labels until `limit` items have been begun. Returns how many were submitted."""
    lock, begun, done = threading.Lock(), 0, 0

    def work(person: Person) -> None:
        nonlocal begun, done
        while True:
            with lock:
                if begun >= limit:
                    return
                begun += 1
            stored = person.label_one()
            with lock:
                done += stored

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


class Server:
    """The web process of the Procfile, on a port of its own."""

    def __init__(self, port: int) -> None:
        self.port, self.address = port, f"http://127.0.0.1:{port}"
        self.kills = 0
        self._spent = 0.0

    def __enter__(self) -> Server:
        self._start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._group.stop()

    @property
    def cpu_seconds(self) -> float:
        return self._spent + watching.Watched(self._group.pid).cpu_seconds

    def _start(self) -> None:
        log = Path(os.environ["CONFLICTSCOPE_VAR"]) / "web.log"
        self._group = installation.procfile("web", port=self.port, log=log)
        try:
            installation.wait_for_port(self.port, self._group)
        except installation.Unavailable:
            say(log.read_text()[-3000:])
            raise

    @contextmanager
    def killed(self, kills: int, people: list[Person], *, limit: int, rng: random.Random) -> Iterator[None]:
        """Meanwhile the server is killed so many times, at moments spread over the work, and started again."""
        moments = sorted(rng.uniform(0.1, 0.9) * limit for _ in range(kills))
        stop = threading.Event()

        def kill() -> None:
            began = sum(len(person.stored) for person in people)
            for moment in moments:
                while sum(len(person.stored) for person in people) - began < moment:
                    if stop.wait(0.005):
                        return
                self._spent += watching.Watched(self._group.pid).cpu_seconds
                self._group.kill()
                self.kills += 1
                self._start()

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def account(campaign: Campaign, people: list[Person]) -> dict[str, int]:
    """What the rows say, held against what was acknowledged. At the end all leases are let run out."""
    from datetime import timedelta

    from django.utils import timezone

    from annotation.labelling import checking, routing, serving
    from annotation.models import Annotation, Assignment

    acknowledged = {token: answers for person in people for token, answers in person.stored.items()}
    rows = Assignment.objects.filter(item__campaign=campaign)
    stored: dict[str, dict[str, str]] = {}
    submitted = rows.filter(state=Assignment.State.SUBMITTED)
    answered = Annotation.objects.filter(assignment__in=submitted)
    for token, question, answer in answered.values_list("assignment__token", "question", "answer").iterator():
        stored.setdefault(str(token), {})[question] = answer
    lost = 0
    assignments = submitted.select_related("item__campaign", *serving.TOLD_WITH)
    for assignment in assignments.iterator():
        sent = acknowledged.pop(str(assignment.token), None)
        if sent is not None:
            lost += checking.understand(assignment, sent, {}).answers != stored.get(str(assignment.token))
    routing.return_expired(campaign, now=timezone.now() + timedelta(days=1))
    counted = Counter(submitted.filter(surplus=False, item__is_training=False).values_list("item", flat=True))
    slots = dict(campaign.items.filter(is_training=False).values_list("pk", "open_slots"))
    return {
        "over_assigned": sum(max(count - OVERLAP, 0) for count in counted.values()),
        "lost": lost + len(acknowledged),
        "slots_wrong": sum(slots[item] != OVERLAP - counted[item] for item in slots)
        + rows.filter(state=Assignment.State.LEASED).count(),
    }


def signals_seconds(campaign: Campaign) -> float:
    """How long everybody's signals take on what has been submitted, from the tables on."""
    from annotation.quality.people import signals_in

    began = time.perf_counter()
    signals_in(campaign)
    return round(time.perf_counter() - began, 2)


def percentiles(what: str, seconds: list[float]) -> dict[str, float]:
    ranked = sorted(seconds)

    def at(share: float) -> float:
        return round(1000 * ranked[min(int(share * len(ranked)), len(ranked) - 1)], 1) if ranked else 0.0

    return {f"{what}_p50_ms": at(0.50), f"{what}_p95_ms": at(0.95)}


def seed(items: int, *, annotators: int, seed: int, quality: bool) -> tuple[Campaign, list[str]]:
    """A dataset of that many scenarios, all of them in an open campaign, and the tokens of its annotators.

    `quality`: two hundred more have known answers, of which a tenth of what is served is mixed in, and two are practised on.
    """
    from django.contrib.auth.models import User
    from rest_framework.authtoken.models import Token

    from annotation.campaigns import creating
    from annotation.campaigns import lifecycle as campaigns
    from conflictscope.scenarios.models import Dataset, Scenario
    from conflictscope.studies.membership import create_study, let_create_studies
    from conflictscope.studies.models import Membership
    from conflictscope.values.publishing import import_value_set

    rng = random.Random(seed)
    owner = User.objects.create_user("owner")
    let_create_studies(owner)
    study = create_study(name="Load", created_by=owner)
    version = import_value_set("hhh").version
    dataset = Dataset.objects.create(
        study=study, value_set_version=version, slug="load", name="Load", variant=Dataset.Variant.IMPORTED
    )
    pairs = list(version.pairs())

    def scenario(number: int) -> Scenario:
        value_1, value_2 = pairs[number % len(pairs)]
        return Scenario(
            dataset=dataset,
            uid=f"load-{number:06d}",
            value_1=value_1,
            value_2=value_2,
            template=Scenario.Template.values[number // len(pairs) % 4],
            status=Scenario.Status.DRAFTED,
            description=prose(90, rng),
            persona=prose(12, rng),
            background=prose(25, rng),
            goal=prose(12, rng),
            action_1=prose(30, rng),
            action_2=prose(30, rng),
            embedding=rng.randbytes(4 * 384),
        )

    for start in range(0, items, 2_000):
        Scenario.objects.bulk_create(scenario(number) for number in range(start, min(start + 2_000, items)))
    settings = creating.CampaignSettings(name="Load", size=items, overlap=OVERLAP, seed=seed)
    campaign = creating.open_campaign(study, dataset, settings)
    if quality:
        Scenario.objects.bulk_create(scenario(number) for number in range(items, items + 202))
        known_items(campaign, list(Scenario.objects.filter(dataset=dataset).order_by("-uid")[:202]))
        campaign.refresh_from_db()
    tokens = []
    for number in range(annotators):
        user = User.objects.create_user(f"annotator-{number}")
        Membership.objects.create(study=study, user=user, role="annotator")
        campaigns.consent(campaigns.join(campaign, user))
        tokens.append(Token.objects.create(user=user).key)
    return campaign, tokens


def known_items(campaign: Campaign, scenarios: list[Any]) -> None:
    """Gold of all but two of these scenarios, which are practised on; whatever is answered there is enough."""
    from annotation.models import Campaign, GoldAnswer, Item

    for place, scenario in enumerate(scenarios):
        use = Item.Use.TRAINING if place < 2 else Item.Use.GOLD
        item = Item.objects.create(
            campaign=campaign,
            scenario=scenario,
            open_slots=30_000,
            shuffle_key=place,
            inclusion_probability=1,
            use=use,
            is_training=True,
        )
        GoldAnswer.objects.create(item=item, question="realism", answer="yes", feedback="It could happen.")
    Campaign.objects.filter(pk=campaign.pk).update(gold_share=0.1, training_each=2, pass_at=1e-9, training_tries=1)


_WORDS = [
    "order",
    "flour",
    "clinic",
    "letter",
    "nurse",
    "ledger",
    "harbour",
    "school",
    "invoice",
    "neighbour",
    "garden",
    "ticket",
    "lawyer",
    "draft",
    "meeting",
    "medicine",
    "winter",
    "keeper",
    "station",
    "apprentice",
    "bakery",
    "contract",
    "promise",
    "record",
    "signal",
    "warehouse",
]


def prose(words: int, rng: random.Random) -> str:
    return " ".join(rng.choices(_WORDS, k=words)).capitalize() + "."


if __name__ == "__main__":
    sys.exit(main())
