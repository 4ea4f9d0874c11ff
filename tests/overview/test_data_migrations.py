"""What migrations make of the rows that stood before them: a study of an earlier release, filled through the models of its day."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from annotation.models import Decision, Item
from conflictscope.llm.models import Call
from conflictscope.scenarios.models import Dataset, Import, Scenario
from conflictscope.studies.membership import MAY_CREATE_STUDIES
from conflictscope.studies.models import StudyEndpoint
from evaluation.models import Judgement, Ranking, Response, Steering

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]

# The newest state that lies before every one of the data steps.
BEFORE = [
    ("evaluation", "0005_comparison"),
    ("scenarios", "0012_imports_that_can_be_taken_back"),
    ("llm", "0006_endpoint_edition"),
    ("jobs", "0005_work_item_ended"),
    ("studies", "0002_study_endpoints"),
]


def migrate_back() -> Any:
    """The models of then."""
    MigrationExecutor(connection).migrate(BEFORE)
    return MigrationExecutor(connection).loader.project_state(BEFORE).apps


def migrate_to_the_newest() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture(autouse=True)
def _as_new_afterwards() -> Iterator[None]:
    yield
    migrate_to_the_newest()


class Earlier:
    """An installation of before: one study that generated, asked, judged and steered; one that imported; one endpoint that nobody uses."""

    def __init__(self, apps: Any) -> None:
        self.get = apps.get_model
        now = timezone.now()
        user = self.get("auth", "User")
        self.owner = user.objects.create(username="ada", password="!")
        self.annotator = user.objects.create(username="grace", password="!")
        study = self.get("studies", "Study")
        self.study = study.objects.create(slug="mine", name="Mine", created_by=self.owner)
        self.other = study.objects.create(slug="other", name="Other", created_by=self.owner)
        membership = self.get("studies", "Membership")
        membership.objects.create(study=self.study, user=self.owner, role="owner")
        membership.objects.create(study=self.study, user=self.annotator, role="annotator")
        self.generator, self.judging, self.target, self.waiting, self.idle = map(
            self.endpoint, ("generator", "judging", "target", "waiting", "idle")
        )
        self.judge = self.get("scenarios", "Judge").objects.create(name="judge", endpoint=self.judging)
        self._values()
        self._datasets()
        self._jobs()
        self._responses()
        self.fitted_at = now

    def endpoint(self, name: str) -> Any:
        return self.get("llm", "Endpoint").objects.create(
            name=name,
            provider="openai_compatible",
            llm=name,
            base_url="http://127.0.0.1:9/v1",
            key_name="CONFLICTSCOPE_KEY_SIMULATOR",
        )

    def _values(self) -> None:
        value_set = self.get("scenarios", "ValueSet").objects.create(slug="set", name="Set")
        self.version = self.get("scenarios", "ValueSetVersion").objects.create(
            value_set=value_set, number=1, status="published", digest="d" * 64
        )
        ranking = self.get("scenarios", "TargetRanking").objects.create(
            version=self.version, name="Ours", origin="author"
        )
        steering = self.get("evaluation", "Steering")
        self.steering = steering.objects.create(name="Ours", system_prompt="Care.", target_ranking=ranking)

    def _datasets(self) -> None:
        dataset = self.get("scenarios", "Dataset")
        self.made = dataset.objects.create(
            study=self.study,
            slug="made",
            name="Made",
            variant="full",
            generator=self.generator,
            primary_judge=self.judge,
            value_set_version=self.version,
            recipe={},
        )
        self.imported = dataset.objects.create(
            study=self.other,
            slug="imported",
            name="Imported",
            variant="imported",
            created_by=self.owner,
            recipe={"files": [{"name": "old.csv"}]},
        )
        for one in (self.made, self.imported):
            for number in range(2):
                self.get("scenarios", "Scenario").objects.create(
                    dataset=one, uid=f"s-{number}", status="kept", description="D", action_1="1", action_2="2"
                )

    def call(self, reply: str, outcome: str = "ok") -> Any:
        return self.get("llm", "Call").objects.create(
            endpoint=self.target,
            purpose="answer",
            prompt_name="p",
            prompt_version=1,
            prompt_digest="",
            request={},
            request_digest=uuid.uuid4().hex * 2,
            reply=reply,
            outcome=outcome,
        )

    def _jobs(self) -> None:
        job = self.get("jobs", "Job")
        done = job.objects.create(study=self.study, kind="k", subject="1", title="T", state="done")
        job.objects.create(study=self.other, kind="k", subject="2", title="T", parameters={"endpoint": self.waiting.pk})
        item = self.get("jobs", "WorkItem").objects.create(job=done, key="a", state="done")
        self.paid, self.free, self.alone = self.call("A"), self.call("B"), self.call("C")
        use = self.get("jobs", "CallUse")
        use.objects.create(item=item, call=self.paid)
        use.objects.create(item=item, call=self.free, from_cache=True)
        self.closed = self.call("<think>A, no.</think>\n\nB")
        self.never_closed = self.call("<think>At first sight A")
        self.thought_alone = self.call("<Thinking>Hm.</Thinking>")

    def _responses(self) -> None:
        target = self.get("evaluation", "Target").objects.create(endpoint=self.target, label="t")
        run = self.get("evaluation", "Run").objects.create(
            study=self.study, dataset=self.made, mode="multiple_choice", target=target, steering=self.steering
        )
        whole, cut = (
            self.get("evaluation", "Response").objects.create(run=run, scenario_id=scenario, outcome="answered")
            for scenario in self.get("scenarios", "Scenario")
            .objects.filter(dataset=self.made)
            .values_list("pk", flat=True)
        )
        whole.calls.add(self.paid)
        cut.calls.add(self.call("I would take A bec", "truncated"))
        for response in (whole, cut):
            self.get("evaluation", "Judgement").objects.create(response=response, source="parsed", choice="value_1")
        self.get("evaluation", "Judgement").objects.create(
            response=cut, source="human", panel="people", choice="value_2"
        )
        self.whole, self.cut = whole.pk, cut.pk
        self.get("evaluation", "Ranking").objects.create(
            study=self.study,
            dataset=self.made,
            run=run,
            inputs_digest="i",
            decider="parsed",
            method="mle",
            parameters_digest="p",
            results={},
        )


def test_what_stood_before_is_there_afterwards_as_each_step_says() -> None:
    earlier = Earlier(migrate_back())
    migrate_to_the_newest()

    # who may create studies, and which study may use what
    assert User.objects.get(username="ada").has_perm(MAY_CREATE_STUDIES)
    assert not User.objects.get(username="grace").has_perm(MAY_CREATE_STUDIES)
    listed = set(StudyEndpoint.objects.values_list("study__slug", "endpoint__name"))
    assert listed == {("mine", "generator"), ("mine", "judging"), ("mine", "target"), ("other", "waiting")}

    # whose answers of the log are: those of whoever paid
    scopes = dict(Call.objects.values_list("pk", "scope"))
    assert scopes[earlier.paid.pk] == f"study:{earlier.study.pk}"
    assert (scopes[earlier.free.pk], scopes[earlier.alone.pk]) == ("", "")

    # thoughts apart from answers
    told = {pk: rest for pk, *rest in Call.objects.values_list("pk", "reply", "thought", "outcome")}
    assert told[earlier.closed.pk] == ["B", "A, no.", "ok"]
    assert told[earlier.never_closed.pk] == ["", "At first sight A", "truncated"]
    assert told[earlier.thought_alone.pk] == ["", "Hm.", "empty"]
    assert told[earlier.paid.pk] == ["A", "", "ok"]

    # what was cut off is no answer; what people said of it stays
    assert Response.objects.get(pk=earlier.whole).outcome == "answered"
    assert Response.objects.get(pk=earlier.cut).outcome == "truncated"
    decided = Judgement.objects.filter(response=earlier.cut).values_list("source", "choice")
    assert dict(decided) == {"parsed": "none", "human": "value_2"}
    assert Judgement.objects.get(response=earlier.whole).choice == "value_1"

    # imports of before can be taken back; what was made here was brought by nobody
    one = Import.objects.get()
    assert (one.dataset.slug, one.files, one.added, one.created_by.username) == (
        "imported",
        [{"name": "old.csv"}],
        2,
        "ada",
    )
    assert one.finished_at == Dataset.objects.get(slug="imported").created_at
    brought = Scenario.objects.order_by("dataset__slug").values_list("dataset__slug", "brought_by")
    assert set(brought) == {("imported", one.pk), ("made", None)}

    # a steering is of the study of its runs; a ranking was last confirmed when it was fitted
    assert Steering.objects.get().study.slug == "mine"
    ranking = Ranking.objects.get()
    assert ranking.confirmed_at == ranking.created_at


def test_what_was_settled_before_there_was_a_mark_for_it_is_not_called_blind() -> None:
    """Whoever settled anything saw the study then; and items to practise on had no use of their own."""
    executor = MigrationExecutor(connection)
    leaves = [node for node in executor.loader.graph.leaf_nodes() if node[0] in ("scenarios", "studies", "values")]
    before = [("annotation", "0008_second_answers"), *leaves]
    executor.migrate(before)
    get = MigrationExecutor(connection).loader.project_state(before).apps.get_model
    owner = get("auth", "User").objects.create(username="ada", password="!")
    study = get("studies", "Study").objects.create(slug="mine", name="Mine", created_by=owner)
    dataset = get("scenarios", "Dataset").objects.create(
        study=study, slug="d", name="D", variant="imported", created_by=owner, recipe={}
    )
    campaign = get("annotation", "Campaign").objects.create(
        study=study, dataset=dataset, slug="c", name="C", kind="scenario_filter", created_by=owner
    )
    items = [
        get("annotation", "Item").objects.create(
            campaign=campaign,
            scenario=get("scenarios", "Scenario").objects.create(
                dataset=dataset, uid=f"s-{number}", status="kept", description="D", action_1="1", action_2="2"
            ),
            open_slots=1,
            shuffle_key=0.5,
            inclusion_probability=1.0,
            is_training=bool(number),
        )
        for number in range(2)
    ]
    for question, method in (("realism", "adjudicated"), ("specificity", "majority")):
        get("annotation", "Decision").objects.create(item=items[0], question=question, answer="yes", method=method)
    migrate_to_the_newest()

    assert dict(Decision.objects.values_list("question", "blind")) == {"realism": False, "specificity": True}
    assert dict(Item.objects.values_list("scenario__uid", "use")) == {"s-0": "sample", "s-1": "training"}
