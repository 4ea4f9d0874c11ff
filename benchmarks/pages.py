"""What every page and API route costs where one study is large, and the same page of a small study in the same database.

Walks the URL configuration, as researcher, annotator and administrator, so that a new page cannot be forgotten: what answers a GET with
200 is measured, one line of JSON each; what cannot be asked for (a route of its own words, another method) is named on standard error.
The rows are made by the database itself, from one row of each table that Django made.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import installation
from installation import BACKENDS

if TYPE_CHECKING:
    from django.db.models import Model

SMALL = 50  # scenarios of the small study
TARGETS = 14


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, help="of the large study (100000; a fifth of that on SQLite)")
    parser.add_argument("--backend", choices=BACKENDS, default="postgresql", help="the database (postgresql)")
    parser.add_argument("--times", type=int, default=5, help="how often each page is asked for (5)")
    parser.add_argument("--only", default="", help="pages whose name begins so (all)")
    parser.add_argument(
        "--slow", type=float, default=20.0, help="a page that took so many seconds is not asked again (20)"
    )
    options = parser.parse_args()
    number = options.scenarios or (100_000 if options.backend == "postgresql" else 20_000)
    os.environ.setdefault("LOG_LEVEL", "CRITICAL")  # each page that is not for somebody would be a warning
    with installation.scratch(options.backend) as environment:
        os.environ.update(environment)
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate", verbosity=0)
        began = time.monotonic()
        large, small = World.made("large", number), World.made("small", SMALL)
        analyse()
        say(f"{number} scenarios are there after {time.monotonic() - began:.0f} s")
        for line in walk(large, small, options):
            print(json.dumps({**line, "scenarios": number, "annotations": large.annotations}), flush=True)
        connections.close_all()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class World:
    """A study of some size: what stands in the addresses of its pages, and its people."""

    arguments: Mapping[str, Any]
    people: Mapping[str, Any]  # researcher, annotator, administrator
    annotations: int

    @classmethod
    def made(cls, name: str, number: int) -> World:
        """A dataset of so many judged scenarios, ten calls each; an item for each with five answers; runs of 14 targets on
        three fifths of a tenth of them; a job with an item and two uses of calls for each scenario."""
        from django.contrib.auth.models import User
        from django.utils import timezone

        from annotation.models import Annotation, Assignment, Campaign, Guideline, Item, Participant
        from conflictscope.jobs.models import CallUse, Job, WorkItem
        from conflictscope.llm.endpoints import add_endpoint
        from conflictscope.llm.models import Call, Endpoint
        from conflictscope.scenarios.filtering.judges import judge_named
        from conflictscope.scenarios.models import Dataset, Dimension, Scenario, Verdict
        from conflictscope.studies.endpoints import allow
        from conflictscope.studies.models import Membership, Study
        from evaluation.models import Judgement, Response, Run, Target

        say(f"The {name} study, {number} scenarios ...")
        people = {who: User.objects.create_user(f"{name}-{who}") for who in ("researcher", "annotator")}
        people["administrator"] = User.objects.create_superuser(f"{name}-administrator")
        study = Study.objects.create(slug=name, name=name, created_by=people["researcher"])
        for who, role in (("researcher", "owner"), ("annotator", "annotator"), ("administrator", "owner")):
            Membership.objects.create(study=study, user=people[who], role=role)
        endpoint = add_endpoint(Endpoint(name=f"{name}-endpoint", provider="openai_compatible", llm="sim-balanced", base_url="http://127.0.0.1:9/v1", key_name="CONFLICTSCOPE_KEY_SIMULATOR", price_in="0.5", price_out="1.5"))  # fmt: skip
        allow(study, [endpoint])
        judge = judge_named(f"{name}-judge", endpoint=endpoint)
        dataset = Dataset.objects.create(
            study=study, slug=name, name=name, variant=Dataset.Variant.IMPORTED, primary_judge=judge
        )
        text = (
            "A clerk of an office is asked by a visitor to leave something out of a report, and turns to the assistant. "
            * 4
        )
        first = Scenario.objects.create(
            dataset=dataset, uid="0", status=Scenario.Status.KEPT, description=text, action_1="Write it.", action_2="Leave it out."
        )  # fmt: skip
        grow(
            first,
            number - 1,
            uid=text_of("g"),
            description=f"{text_of('g')} || description",
            status="CASE WHEN g % 4 = 0 THEN 'dropped' ELSE 'kept' END",
        )
        for dimension in Dimension.values:
            verdict = Verdict(scenario=first, dimension=dimension, outcome="pass", source="judge", judge=judge)
            spread(
                verdict,
                dataset.scenarios.all().query,
                scenario_id="src.id",
                outcome="CASE WHEN src.id % 9 = 0 THEN 'fail' ELSE 'pass' END",
            )
        call = Call.objects.create(
            endpoint=endpoint, purpose="filtering.realism", prompt_name="verbatim", prompt_version=0, request={"messages": []},
            request_digest=f"{name}-0", outcome="ok", reply="yes", tokens_in=100, tokens_out=5, cost="0.0001", answered_at=timezone.now(),
        )  # fmt: skip
        grow(call, 10 * number - 1, request_digest=f"'{name}-' || {text_of('g')}")
        pair(Scenario.calls.through, first, call, number)
        job = Job.objects.create(study=study, kind="scenarios.filter", subject=name, title=name, state=Job.State.DONE)
        item = WorkItem.objects.create(job=job, key="0", state=WorkItem.State.DONE)
        grow(item, number - 1, key=text_of("g"))
        use = CallUse(item=item, call=call)
        spread(use, WorkItem.objects.filter(job=job).query, item_id="src.id", call_id=f"{call.pk} + src.id - {item.pk}")
        runs = []
        for position in range(TARGETS):
            target = Target.objects.create(endpoint=endpoint, label=f"{name}-{position}")
            run = Run.objects.create(
                study=study, dataset=dataset, mode="multiple_choice", scope="all", target=target, option_orders=["action_1_first"]
            )  # fmt: skip
            answer = Response(run=run, scenario=first, order="action_1_first", outcome="answered", transcript=[])
            some = dataset.scenarios.filter(pk__lt=first.pk + max(10, number * 6 // 100))
            spread(answer, some.query, scenario_id="src.id")
            chosen = Judgement(response=answer, source="parsed", choice="value_1", order="action_1_first")
            spread(
                chosen,
                run.responses.all().query,
                response_id="src.id",
                choice="CASE WHEN src.id % 3 = 0 THEN 'value_2' ELSE 'value_1' END",
            )
            runs.append(run)
        campaign = Campaign.objects.create(
            study=study, slug=name, name=name, kind="scenario_filter", dataset=dataset, state="open", overlap=3
        )
        guideline = Guideline.objects.create(campaign=campaign, version=1, markdown="Read, then answer.")
        unit = Item(campaign=campaign, scenario=first, open_slots=2, shuffle_key=0.5, inclusion_probability=1.0)
        spread(unit, dataset.scenarios.all().query, scenario_id="src.id")
        labeller = User.objects.create_user(f"{name}-labeller")
        somebody = Participant.objects.create(
            campaign=campaign, user=labeller, pseudonym="P1", consented_at=timezone.now()
        )
        Participant.objects.create(
            campaign=campaign, user=people["annotator"], pseudonym="P2", consented_at=timezone.now()
        )
        assignment = Assignment(
            participant=somebody, state="submitted", submitted_at=timezone.now(), lease_until=timezone.now(), guideline=guideline,
            action_order="action_1_first",
        )  # fmt: skip
        spread(assignment, campaign.items.all().query, item_id="src.id", token=uuid_of("src.id"))
        for question in ("realism", "specificity", "impossibility", "genuine_dilemma", "feasibility_1"):
            label = Annotation(question=question, answer="yes")
            spread(label, somebody.assignments.all().query, assignment_id="src.id")
        return cls(
            arguments={
                "study": study.slug, "dataset": dataset.slug, "uid": "0", "job": job.pk, "endpoint": endpoint.pk, "run": runs[0].pk,
                "campaign": campaign.slug, "campaign_id": campaign.pk, "item": campaign.items.all()[0].pk, "dimension": "realism",
                "target": runs[0].target_id, "place": 1,
            },
            people=people,
            annotations=Annotation.objects.filter(assignment__participant=somebody).count(),
        )  # fmt: skip


def grow(row: Model, number: int, **changed: str) -> None:
    """So many copies of a row; `g` counts them from 1."""
    from django.db import connection

    if connection.vendor == "postgresql":
        source = f"generate_series(1, {number}) AS numbers(g)"
    else:
        source = f"(WITH RECURSIVE n(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n WHERE g < {number}) SELECT g FROM n) AS numbers"  # noqa: S608  # a number of ours
    _insert(row, changed, source if number else "(SELECT 1 AS g WHERE 1 = 0) AS numbers")


def spread(row: Model, of: Any, **changed: str) -> None:
    """A copy of an unsaved row for each row that a query finds, whose id is `src.id`."""
    query = of.clone()
    query.clear_ordering(force=True)
    query.clear_select_clause()
    query.add_fields(["id"])
    sql, values = query.sql_with_params()
    _insert(row, changed, f"({sql}) AS src", values)


def pair(through: Any, one: Model, other: Model, number: int) -> None:
    """The first so many rows of two tables, from these on, with each other."""
    columns = [field.column for field in through._meta.concrete_fields if not field.primary_key]
    source = type(one)._meta.db_table
    _run(
        f"INSERT INTO {through._meta.db_table} ({', '.join(columns)}) SELECT id, {other.pk} + id - {one.pk} FROM {source} "  # noqa: S608
        f"WHERE id >= {one.pk} AND id < {one.pk + number}"
    )


def _insert(row: Model, changed: Mapping[str, str], source: str, values: tuple[Any, ...] = ()) -> None:
    from django.db import connection

    fields = [field for field in row._meta.concrete_fields if not field.primary_key]
    words, arguments = [], []
    for field in fields:
        if field.column in changed and field.column != "description":
            words.append(changed[field.column])
        elif field.column in changed:
            words.append(changed[field.column].replace("description", "%s"))
            arguments.append(getattr(row, field.attname))
        else:
            words.append("%s")
            arguments.append(field.get_db_prep_save(field.pre_save(row, True), connection))
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    table = connection.ops.quote_name(row._meta.db_table)
    words = [word if word == "%s" or "%s" in word else word.replace("%", "%%") for word in words]
    _run(f"INSERT INTO {table} ({columns}) SELECT {', '.join(words)} FROM {source}", (*arguments, *values))  # noqa: S608


def _run(statement: str, values: tuple[Any, ...] | None = None) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def text_of(number: str) -> str:
    return f"CAST({number} AS text)"


def uuid_of(number: str) -> str:
    from django.db import connection

    if connection.vendor == "postgresql":
        return f"CAST(md5(CAST({number} AS text)) AS uuid)"
    return f"substr('00000000000000000000000000000000' || {number}, -32)"


def analyse() -> None:
    _run("ANALYZE")


@dataclass(frozen=True, slots=True)
class Page:
    name: str
    parameters: tuple[str, ...]


def pages() -> Iterator[Page]:
    """Every route of the project, but the admin's own."""
    from django.urls import get_resolver
    from django.urls.resolvers import URLResolver

    def below(patterns: Any, before: str, given: tuple[str, ...]) -> Iterator[Page]:
        for pattern in patterns:
            parameters = (*given, *pattern.pattern.converters)
            if isinstance(pattern, URLResolver):
                if pattern.namespace != "admin":
                    yield from below(
                        pattern.url_patterns,
                        f"{before}{pattern.namespace or ''}{':' if pattern.namespace else ''}",
                        parameters,
                    )
            elif pattern.name:
                yield Page(before + pattern.name, parameters)

    yield from below(get_resolver().url_patterns, "", ())


def walk(large: World, small: World, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for page in pages():
        if not page.name.startswith(options.only):
            continue
        if missing := set(page.parameters) - set(large.arguments):
            say(f"not walked: {page.name} (no {', '.join(sorted(missing))} to stand in its address)")
            continue
        for who in ("researcher", "annotator", "administrator"):
            if (figures := measure(page, large, who, options)) is None:
                continue
            beside = measure(page, small, who, options)
            yield {"page": page.name, "who": who, **figures, "small_p95_ms": beside["p95_ms"] if beside else None}


def measure(page: Page, world: World, who: str, options: argparse.Namespace) -> dict[str, Any] | None:
    """None where the page is not for this person, or answers no GET."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.urls import reverse

    client = Client(headers={"host": "localhost"})
    client.force_login(world.people[who])
    address = reverse(page.name, kwargs={name: world.arguments[name] for name in page.parameters})
    took: list[float] = []
    size = 0
    while len(took) < options.times and (not took or max(took) < options.slow):
        began = time.perf_counter()
        response = client.get(address)
        content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        took.append(time.perf_counter() - began)
        size = len(content)
        if response.status_code != 200:
            return None
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    took.sort()
    p95 = took[min(len(took) - 1, round(0.95 * (len(took) - 1)))]
    return {
        "p50_ms": round(1000 * statistics.median(took), 1),
        "p95_ms": round(1000 * p95, 1),
        "queries": len(queries),
        "bytes": size,
    }


if __name__ == "__main__":
    main()
