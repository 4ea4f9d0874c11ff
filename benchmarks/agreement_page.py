"""What agreement costs where many people labelled much: the page and its chart, *so far*, ties, and deciding as a job.

Three of sixty people label each item on six dimensions; the rows are made by the database itself.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import installation
from installation import BACKENDS

if TYPE_CHECKING:
    from annotation.models import Campaign

PEOPLE, OVERLAP = 60, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000, help="of the campaign whose pages are asked for (100000)")
    parser.add_argument("--decided", type=int, default=20_000, help="items of the campaign that is decided (20000)")
    parser.add_argument("--backend", choices=BACKENDS, default="postgresql", help="the database (postgresql)")
    options = parser.parse_args()
    with installation.scratch(options.backend) as environment:
        os.environ.update(environment)
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate", verbosity=0)
        for items, measure in ((options.decided, deciding), (options.items, pages)):
            if not items:
                continue
            began = time.monotonic()
            campaign = made(f"{measure.__name__}-{items}", items)
            say(f"{items} items and their labels are there after {time.monotonic() - began:.0f} s")
            print(json.dumps({"items": items, **apart(measure, campaign.pk)}), flush=True)
        connections.close_all()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def apart(measure: Callable[[Any], dict[str, Any]], campaign: int) -> dict[str, Any]:
    """What a process of its own measures, with the memory that it took at most beyond an idle one."""
    reads, writes = os.pipe()
    from django.db import connections

    connections.close_all()
    if (child := os.fork()) == 0:
        os.close(reads)
        from annotation.models import Campaign

        try:
            idle, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
            figures = measure(Campaign.objects.select_related("study", "dataset__primary_judge").get(pk=campaign))
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            figures |= {"cpu_s": round(time.process_time() - began, 1)}
            os.write(writes, json.dumps({**figures, "peak_mib": most // 1024, "idle_mib": idle // 1024}).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)  # the database and the folder are the parent's to remove
    os.close(writes)
    with os.fdopen(reads) as pipe:
        document = pipe.read()
    os.waitpid(child, 0)
    if not document:
        raise SystemExit("what went wrong stands above")
    figures: dict[str, Any] = json.loads(document)
    return figures


def pages(campaign: Campaign) -> dict[str, Any]:
    from django.test import Client
    from django.urls import reverse

    from annotation.agreement.kept import Figures

    client = Client(headers={"host": "localhost"})
    client.force_login(campaign.study.created_by)
    study, slug = campaign.study.slug, campaign.slug

    def get(name: str, *parts: str, **query: str) -> float:
        began = time.perf_counter()
        response = client.get(reverse(f"annotation:{name}", args=[study, *parts]), query)
        if response.status_code != 200:
            raise SystemExit(f"{name} answered {response.status_code}")
        return round(time.perf_counter() - began, 2)

    began = time.perf_counter()
    Figures(campaign).measured()
    seconds = round(time.perf_counter() - began, 2)
    get("agreement_chart", slug)
    return {
        "case": "page",
        "seconds": seconds,
        "page_cold_s": get("agreement", campaign=slug),
        "page_warm_s": get("agreement", campaign=slug),
        "chart_warm_s": get("agreement_chart", slug),
        "so_far_s": get("so_far", slug),
        "so_far_warm_s": get("so_far", slug),
        "ties_s": get("ties", slug),
    }


def deciding(campaign: Campaign) -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from annotation.consensus import job
    from annotation.consensus.deciding import decide_items, to_decide
    from annotation.models import Decision
    from conflictscope.jobs import worker

    with CaptureQueriesContext(connection) as queries:
        decide_items(campaign, to_decide(campaign)[: job.BATCH], minimum=OVERLAP)
    began = time.perf_counter()
    worker.work_on(started := job.start(campaign))
    seconds = round(time.perf_counter() - began, 1)
    started.refresh_from_db()
    if started.state != "done":
        raise SystemExit(f"the job is {started.state}: {started.error}")
    return {
        "case": "deciding",
        "seconds": seconds,
        "statements_a_batch": len(queries),
        "batch": job.BATCH,
        "decisions": Decision.objects.filter(item__campaign=campaign).count(),
    }


def made(name: str, number: int) -> Campaign:
    """A campaign of so many judged scenarios, each labelled by three people who mostly agree."""
    from django.contrib.auth.models import User
    from django.utils import timezone
    from pages import analyse, grow, spread, text_of, uuid_of

    from annotation.kinds import questions_of
    from annotation.models import Annotation, Assignment, Campaign, Item, Participant
    from conflictscope.llm.endpoints import add_endpoint
    from conflictscope.llm.models import Endpoint
    from conflictscope.scenarios.filtering.judges import judge_named
    from conflictscope.scenarios.models import Dataset, Dimension, Scenario, Verdict
    from conflictscope.studies.models import Membership, Study
    from conflictscope.values.models import Value, ValueSet, ValueSetVersion

    owner = User.objects.create_user(name)
    study = Study.objects.create(slug=name, name=name, created_by=owner)
    Membership.objects.create(study=study, user=owner, role="owner")
    endpoint = add_endpoint(
        Endpoint(
            name=name,
            provider="openai_compatible",
            llm="sim-balanced",
            base_url="http://127.0.0.1:9/v1",
            key_name="CONFLICTSCOPE_KEY_SIMULATOR",
        )
    )
    version = ValueSetVersion.objects.create(value_set=ValueSet.objects.create(slug=name, name=name), number=1)
    values = [
        Value.objects.create(version=version, key=key, name=key, definition=key, position=place)
        for place, key in enumerate(("care", "candour"))
    ]
    judge = judge_named(name, endpoint=endpoint)
    dataset = Dataset.objects.create(
        study=study,
        slug=name,
        name=name,
        variant=Dataset.Variant.IMPORTED,
        value_set_version=version,
        primary_judge=judge,
    )
    first = Scenario.objects.create(
        dataset=dataset, uid=f"{name}-0", status="kept", description="A clerk asks.", action_1="Write it.",
        action_2="Leave it out.", value_1=values[0], value_2=values[1],
    )  # fmt: skip
    grow(first, number - 1, uid=f"'{name}-' || {text_of('g')}")
    every = dataset.scenarios.all().query
    for place, dimension in enumerate(Dimension.values):
        verdict = Verdict(scenario=first, dimension=dimension, outcome="pass", source="judge", judge=judge)
        spread(verdict, every, scenario_id="src.id", outcome=_mostly("src.id", place, "pass", "fail", 7))
    campaign = Campaign.objects.create(
        study=study, slug=name, name=name, kind="scenario_filter", dataset=dataset, state="open", overlap=OVERLAP
    )
    unit = Item(campaign=campaign, scenario=first, open_slots=0, shuffle_key=0.5, inclusion_probability=1.0)
    spread(unit, every, scenario_id="src.id", shuffle_key="(src.id * 7919 % 10007) / 10007.0")
    people = [
        Participant.objects.create(
            campaign=campaign, user=User.objects.create_user(f"{name}-{place}"), pseudonym=f"P{place:02}"
        )
        for place in range(PEOPLE)
    ]
    for turn in range(OVERLAP):
        place = f"(src.id + {turn * PEOPLE // OVERLAP}) % {PEOPLE}"
        sheet = Assignment(
            participant=people[0], state="submitted", submitted_at=timezone.now(), lease_until=timezone.now(), action_order="action_1_first"
        )  # fmt: skip
        token = uuid_of(f"src.id * {OVERLAP} + {turn}")
        spread(
            sheet, campaign.items.all().query, item_id="src.id", participant_id=f"{people[0].pk} + {place}", token=token
        )
    sheets = Assignment.objects.filter(item__campaign=campaign).query
    for place, question in enumerate(questions_of(campaign)):
        answers = {"value_guidance_1": ("action_1", "both"), "value_guidance_2": ("action_2", "both")}
        usual, other = answers.get(question.key, ("yes", "no"))
        label = Annotation(question=question.key, answer=usual)
        spread(label, sheets, assignment_id="src.id", answer=_mostly("src.id", place, usual, other, 9))
    analyse()
    return campaign


def _mostly(key: str, salt: int, usual: str, other: str, every: int) -> str:
    """An answer that is the other one time in so many, scattered over the keys."""
    return f"CASE WHEN (({key} + {salt}) * 48271 % 2147483647) % {every} = 0 THEN '{other}' ELSE '{usual}' END"


if __name__ == "__main__":
    main()
