"""Which endpoints a study may use, who says so, and what was in use before anybody had to."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse

from conflictscope.errors import NotAllowed
from conflictscope.jobs.models import CallUse, Job, WorkItem
from conflictscope.llm.models import Call
from conflictscope.scenarios.forms import FilterForm, NewDatasetForm, TagDomainsForm
from conflictscope.studies.endpoints import allow, check_allowed, endpoints_of, withdraw
from conflictscope.studies.membership import MAY_CREATE_STUDIES
from conflictscope.studies.models import StudyEndpoint
from conflictscope.studies.permissions import Role
from evaluation.running.targets import labels_to_choose
from evaluation.views.forms import EvaluateForm
from tests.factories.evaluation import RunFactory
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import StudyFactory, UserFactory, administrator, member


def names(study) -> list[str]:
    return [endpoint.name for endpoint in endpoints_of(study)]


@pytest.mark.django_db
def test_a_study_uses_what_it_was_allowed_and_nothing_else():
    mine, theirs, neither = EndpointFactory.create_batch(3)
    study = StudyFactory()
    withdraw(study, [theirs, neither])
    check_allowed(study, mine, None)
    with pytest.raises(NotAllowed, match=f"may not use {theirs}, {neither}. .* --study {study.slug}"):
        check_allowed(study, mine, theirs, neither)
    assert allow(study, [mine, theirs]) == 1
    assert allow(study, [mine, theirs]) == 0, "twice is harmless"
    check_allowed(study, mine, theirs)


@pytest.mark.django_db
def test_forms_offer_the_endpoints_judges_and_targets_of_the_study_and_accept_no_other():
    mine, other = EndpointFactory(name="mine"), EndpointFactory(name="other")
    my_judge, other_judge = JudgeFactory(name="my-judge", endpoint=mine), JudgeFactory(endpoint=other)
    dataset = DatasetFactory(generator=mine)
    withdraw(dataset.study, [other])
    for form, field in (
        (NewDatasetForm(study=dataset.study), "generator"),
        (FilterForm(dataset=dataset), "endpoint"),
        (TagDomainsForm(dataset=dataset), "endpoint"),
        (EvaluateForm(dataset=dataset), "user_simulator"),
    ):
        assert list(form.fields[field].queryset) == [mine], field
    for form in (FilterForm(dataset=dataset), EvaluateForm(dataset=dataset)):
        assert list(form.fields["judge"].queryset) == [my_judge]
    assert labels_to_choose(dataset.study) == ["mine"]
    assert "judge" in FilterForm({"judge": other_judge.pk}, dataset=dataset).errors
    withdraw(dataset.study, [mine])
    assert "an administrator decides" in str(NewDatasetForm(study=dataset.study))


@pytest.mark.django_db
def test_whoever_has_the_permission_says_which_studies_by_page_and_nobody_else_sees_it(client: Client):
    study, other = StudyFactory(slug="a"), StudyFactory(slug="b")
    endpoint = EndpointFactory()
    page = reverse("overview:endpoint_studies", args=[endpoint.pk])
    for person in (UserFactory(is_staff=True), study.created_by, administrator("llm.change_endpoint")):
        client.force_login(person)
        assert client.get(page).status_code == client.post(page, {"studies": []}).status_code == 404
    assert endpoint.allowed_in.count() == 2

    admin = administrator()
    client.force_login(admin)
    assert client.get(page).status_code == 200
    assert client.post(page, {"studies": [study.pk]}).status_code == 302
    assert [row.study for row in endpoint.allowed_in.all()] == [study]
    assert client.post(page, {"studies": [study.pk, other.pk]}).status_code == 302
    assert StudyEndpoint.objects.get(study=other, endpoint=endpoint).allowed_by == admin
    assert StudyEndpoint.objects.get(study=study, endpoint=endpoint).allowed_by is None, "as it was before"


@pytest.mark.django_db
def test_a_command_allows_takes_away_and_lists():
    study = StudyFactory(slug="hhh")
    EndpointFactory(name="one")
    EndpointFactory(name="two")
    said = []
    for arguments in (["--withdraw", "one", "two"], ["one"], [], ["--all"]):
        out = StringIO()
        call_command("allow_endpoints", *arguments, "--study", "hhh", stdout=out)
        said.append(out.getvalue().strip())
    assert [line.partition(" may use ")[2] for line in said] == ["no endpoint.", "one.", "one.", "one, two."]
    assert names(study) == ["one", "two"]


@pytest.mark.django_db(transaction=True)
def test_before_there_was_a_list_owners_keep_creating_studies_and_studies_keep_their_endpoints():
    study, other = StudyFactory(slug="mine"), StudyFactory(slug="other")
    annotator = member(study, Role.ANNOTATOR)
    generator, judging, target, simulating, asked, waiting, unused = (
        EndpointFactory(name=name) for name in ("generator", "judge", "target", "user", "asked", "waiting", "unused")
    )
    dataset = DatasetFactory(study=study, generator=generator)
    judged(ScenarioFactory(dataset=dataset), JudgeFactory(endpoint=judging))
    RunFactory(dataset=dataset, target__endpoint=target)
    RunFactory(dataset=DatasetFactory(study=other, baseline=True), talks=True, user_simulator=simulating)
    job = Job.objects.create(study=study, kind="x", subject="y", title="z", state=Job.State.DONE)
    call = Call.objects.create(
        endpoint=asked,
        purpose="p",
        prompt_name="n",
        prompt_version=1,
        prompt_digest="d",
        request={},
        request_digest="r",
    )
    CallUse.objects.create(item=WorkItem.objects.create(job=job, key="k"), call=call)
    Job.objects.create(study=study, kind="domains", subject="s", title="t", parameters={"endpoint": waiting.pk})

    before = [("studies", "0001_initial"), ("jobs", "0005_work_item_ended")]
    MigrationExecutor(connection).migrate(before)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

    assert names(study) == ["asked", "generator", "judge", "target", "waiting"]
    assert "user" in names(other)
    assert unused.name not in names(study) + names(other)
    owner = type(annotator).objects.get(pk=study.created_by_id)
    assert owner.has_perm(MAY_CREATE_STUDIES)
    assert not type(annotator).objects.get(pk=annotator.pk).has_perm(MAY_CREATE_STUDIES)
    call.refresh_from_db()
    assert call.scope == f"study:{study.pk}"
