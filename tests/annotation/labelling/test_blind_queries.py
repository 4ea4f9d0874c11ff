"""No page and no route that serves annotators reads a verdict, a judgement, a decision, or what another person said.

Imports alone do not hold this (`scenario.verdicts` needs none), so every labelling route is run and its SQL is read.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver, reverse

import annotation.labelling
from annotation.labelling import routing
from annotation.models import Annotation, Assignment, Decision, Flag, FlagReply, Participant, Revision
from conflictscope.scenarios.models import Verdict
from evaluation.models import Judgement
from tests.factories.annotation import ItemFactory
from tests.factories.scenarios import ScenarioFactory

SECRET = (Verdict, Judgement, Decision)
PERSONAL = (Annotation, Flag, Revision)
# What the contract in pyproject.toml names, which import-linter holds.
SERVING = (
    "annotation.views.labelling",
    "annotation.views.alongside",
    "annotation.views.mine",
    "annotation.views.links",
    "annotation.views.crowd",
    "annotation.api.views",
    "annotation.api.serializers",
    "annotation.api.throttling",
)

Step = Callable[[Client, "Labelling"], Any]


class Labelling:
    """One annotator among others: their addresses, and answers to the item in their hands."""

    def __init__(self, world: dict[str, Any]) -> None:
        self.me = world["me"]
        self.campaign = world["campaign"]
        self.token = world["tokens"][0]

    def own_flag(self) -> int:
        """The key of a flag of theirs that somebody has replied to."""
        flag = Flag.objects.create(assignment=Assignment.objects.get(token=self.token), reason="Torn.")
        FlagReply.objects.create(flag=flag, author=self.campaign.study.created_by, text="Where?")
        return int(flag.pk)

    def page(self, name: str, *more: str) -> str:
        return reverse(f"annotation:{name}", args=["mine", "check", *more])

    def route(self, name: str, *gaps: Any) -> str:
        return reverse(name, args=gaps)

    @property
    def answers(self) -> dict[str, str]:
        fields = ("realism", "specificity", "feasibility_a", "feasibility_b", "impossibility", "genuine_dilemma")
        return dict.fromkeys(fields, "yes") | {"value_guidance_1": "a", "value_guidance_2": "b"}


def _submit_by_page(client: Client, here: Labelling) -> Any:
    return client.post(here.page("label_submit", here.token), here.answers, headers={"x-requested-with": "label"})


def _put(client: Client, here: Labelling, **more: Any) -> Any:
    body = {"answers": here.answers, **more}
    return client.put(here.route("api-assignment", here.token), body, content_type="application/json")


def _after_submitting(step: Step) -> Step:
    def run(client: Client, here: Labelling) -> Any:
        _put(client, here, submit=True)
        return step(client, here)

    return run


PAGES: dict[str, tuple[Step, ...]] = {
    "my_work": (
        lambda client, here: client.get(here.route("annotation:my_work")),
        _after_submitting(lambda client, here: client.get(here.route("annotation:my_work"))),
    ),
    "label_reply": (
        lambda client, here: client.post(here.route("annotation:label_reply", here.own_flag()), {"text": "x"}),
    ),
    "label_later": (lambda client, here: client.post(here.page("label_later", here.token)),),
    "label_hand_back": (lambda client, here: client.post(here.page("label_hand_back")),),
    "label": (lambda client, here: client.get(here.page("label")),),
    "label_over": (lambda client, here: client.get(here.page("label_over")),),
    "label_stop": (
        lambda client, here: client.post(here.page("label_stop"), {"do": "pause"}),
        lambda client, here: client.post(here.page("label_stop"), {"do": "finish"}),
    ),
    "guideline": (lambda client, here: client.get(here.page("guideline")),),
    "label_start": (lambda client, here: client.post(here.page("label_start")),),
    "label_peek": (lambda client, here: client.get(here.page("label_peek")),),
    "label_latest": (_after_submitting(lambda client, here: client.get(here.page("label_latest"))),),
    "label_heartbeat": (
        lambda client, here: client.post(here.page("label_heartbeat", here.token), {"active_seconds": 5}),
    ),
    "label_submitted": (
        lambda client, here: client.get(here.page("label_submitted", here.token)),
        _after_submitting(lambda client, here: client.get(here.page("label_submitted", here.token))),
    ),
    "label_edit": (
        _after_submitting(
            lambda client, here: client.post(
                here.page("label_edit", here.token),
                here.answers | {"realism": "no"},
                headers={"x-requested-with": "label"},
            )
        ),
    ),
    "label_answers": (lambda client, here: client.post(here.page("label_answers", here.token), here.answers),),
    "label_submit": (
        _submit_by_page,
        _after_submitting(_submit_by_page),
        lambda client, here: client.post(here.page("label_submit", here.token), {"realism": "yes"}),
    ),
    "label_skip": (
        lambda client, here: client.post(here.page("label_skip", here.token), {"reason": "too long"}, follow=True),
    ),
    "label_undo_skip": (
        lambda client, here: (
            client.post(here.page("label_skip", here.token)),
            client.post(here.page("label_undo_skip", here.token), follow=True),
        )[-1],
    ),
    "label_flag": (
        lambda client, here: client.post(here.page("label_flag", here.token), {"reason": "torn"}, follow=True),
    ),
}
ROUTES: dict[str, tuple[Step, ...]] = {
    "api-campaigns": (lambda client, here: client.get(here.route("api-campaigns")),),
    "api-guideline": (lambda client, here: client.get(here.route("api-guideline", here.campaign.pk)),),
    "api-consent": (lambda client, here: client.post(here.route("api-consent", here.campaign.pk)),),
    "api-next": (
        lambda client, here: client.post(here.route("api-next", here.campaign.pk)),
        _after_submitting(lambda client, here: client.post(here.route("api-next", here.campaign.pk))),
    ),
    "api-peek": (lambda client, here: client.get(here.route("api-peek", here.campaign.pk)),),
    "api-progress": (lambda client, here: client.get(here.route("api-progress", here.campaign.pk)),),
    "api-assignment": (
        lambda client, here: client.get(here.route("api-assignment", here.token)),
        lambda client, here: _put(client, here),
        lambda client, here: _put(client, here, submit=True, next=True),
        _after_submitting(lambda client, here: _put(client, here, submit=True)),
        _after_submitting(lambda client, here: _put(client, here, edit=True)),
    ),
    "api-heartbeat": (lambda client, here: client.post(here.route("api-heartbeat", here.token)),),
    "api-skip": (
        lambda client, here: client.post(here.route("api-skip", here.token)),
        lambda client, here: client.delete(here.route("api-skip", here.token)),
    ),
    "api-flag": (
        lambda client, here: client.post(
            here.route("api-flag", here.token), {"reason": "torn"}, content_type="application/json"
        ),
    ),
}
# Refused to whoever labels, and not among the modules that serve annotators.
RESEARCHERS = {"api-annotations", "api-community", "api-decide"}


@pytest.fixture
def here(world: dict[str, Any]) -> Labelling:
    """Two more items wait, so that there is always a next one."""
    for number in (7, 8):
        scenario = ScenarioFactory(dataset=world["campaign"].dataset, uid=f"hhh-{number}")
        ItemFactory(campaign=world["campaign"], scenario=scenario)
    return Labelling(world)


def faults_of(statements: list[str], *, participant: Participant) -> Iterator[str]:
    """What these statements read that this annotator must not have read for them."""
    own = set(map(str, Assignment.objects.filter(participant=participant).values_list("pk", flat=True)))
    theirs = (
        f'"annotation_assignment"."participant_id" = {participant.pk}',
        f'"annotation_participant"."user_id" = {participant.user_id}',
    )
    for statement in statements:
        for model in SECRET:
            if f'"{model._meta.db_table}"' in statement:
                yield f"names {model._meta.db_table}: {statement}"
        for model in PERSONAL:
            table = model._meta.db_table
            if f'"{table}"' not in statement or statement.startswith("INSERT"):
                continue
            about = re.findall(rf'"{table}"\."assignment_id" (?:= (\d+)|IN \(([\d, ]+)\))', statement)
            assignments = {each for pair in about for each in ",".join(pair).replace(" ", "").split(",") if each}
            if not (assignments <= own if assignments else any(condition in statement for condition in theirs)):
                yield f"reads what others wrote in {table}: {statement}"


def labelling_routes() -> set[str]:
    """The names of all routes of labelling: the pages under label/, and the API below campaigns/ and assignments/."""
    pages = {
        each.name for each in get_resolver("annotation.urls").url_patterns if str(each.pattern).startswith("label/")
    }
    routes = {each.name for each in get_resolver("annotation.api.urls").url_patterns}
    return pages | routes - RESEARCHERS


def test_every_labelling_route_is_run() -> None:
    assert labelling_routes() == set(PAGES) | set(ROUTES)


@pytest.mark.django_db
@pytest.mark.parametrize("name", [*PAGES, *ROUTES])
def test_no_labelling_route_reads_a_verdict_or_another_persons_answer(
    client: Client, here: Labelling, name: str
) -> None:
    participant = Participant.objects.get(user=here.me)
    client.force_login(here.me)
    for step in (PAGES | ROUTES)[name]:
        with CaptureQueriesContext(connection) as captured:
            reply = step(client, here)
        assert reply.status_code < 500
        statements = [query["sql"] for query in captured.captured_queries]
        assert statements
        assert list(faults_of(statements, participant=participant)) == []


@pytest.mark.django_db
def test_the_check_sees_what_it_looks_for(here: Labelling) -> None:
    """It would find a verdict, and another person's answers, wherever they are read from."""
    participant = Participant.objects.get(user=here.me)
    mine = Assignment.objects.get(token=here.token)
    theirs = Assignment.objects.exclude(participant=participant).first()
    with CaptureQueriesContext(connection) as captured:
        list(mine.item.subject.verdicts.all())
        list(theirs.annotations.all())
        list(Annotation.objects.filter(assignment__item=mine.item))
        list(mine.annotations.all())
        routing.claim(participant)
    found = list(faults_of([query["sql"] for query in captured.captured_queries], participant=participant))
    assert [fault.split(":")[0] for fault in found] == [
        "names scenarios_verdict",
        "reads what others wrote in annotation_annotation",
        "reads what others wrote in annotation_annotation",
    ]


def test_no_module_that_serves_annotators_holds_what_machines_and_panels_said() -> None:
    """Models come from their package, so the contract on imports cannot tell a verdict from a scenario."""
    here = Path(annotation.labelling.__file__).parent
    names = [f"annotation.labelling.{each.name}" for each in iter_modules([str(here)])]
    for name in (*names, *SERVING):
        import_module(name)
        assert not {each for each in SECRET if each in vars(sys.modules[name]).values()}, name
