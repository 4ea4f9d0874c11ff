"""A value set is tried on a generator before anything is studied with it, and its values are compared by what they mean."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.html import escape

from conflictscope.errors import Conflict, InvalidInput, NotAllowed
from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.llm.models import Endpoint
from conflictscope.scenarios.models import Dataset, Scenario, TextVector, Trial, TrialScenario
from conflictscope.scenarios.tasks import embed_values
from conflictscope.scenarios.value_sets import likeness, trying
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role, SetRole
from conflictscope.values.access import set_role
from conflictscope.values.contents import content_of
from conflictscope.values.drafting import discard, fork, write
from conflictscope.values.models import ValueSetVersion
from tests.factories.llm import EndpointFactory
from tests.factories.studies import StudyFactory, UserFactory, member
from tests.factories.values import ValueFactory, ValueSetVersionFactory

pytestmark = pytest.mark.django_db(transaction=True)

ALIKE = (
    ("autonomy", "Autonomy", "Letting people decide for themselves."),
    ("self_rule", "Self-determination", "Respecting that people make their own choices."),
    ("calm", "Calm", "Speaking softly, and never hurrying a person who is afraid."),
)


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="mine", name="Ward study")


@pytest.fixture
def ana(study: Study) -> User:
    """She runs the study's pipeline, and looks after the set."""
    return member(study, Role.RESEARCHER)


@pytest.fixture
def draft(ana: User) -> ValueSetVersion:
    return fork(ValueSetVersionFactory(), name="Ward", slug="ward", by=ana)


@pytest.fixture
def generator(study: Study, simulator: Any) -> Endpoint:
    return EndpointFactory(
        name="writer", llm="sim-generator", base_url=f"{simulator.base_url}/v1", price_in=1, price_out=1
    )


@pytest.mark.backends
def test_a_trial_writes_three_scenarios_a_pair_which_are_in_no_dataset(
    client: Client, study: Study, ana: User, draft: ValueSetVersion, generator: Endpoint
) -> None:
    """By page: the price is shown before, then a job writes them; members see them beside the definitions."""
    client.force_login(ana)
    page = "/value-sets/ward/versions/1/"
    asked = {"generator": "mine writer"}
    assert "Not tried yet" in client.get(f"{page}trial/").text
    estimate = client.post(f"{page}try/", asked | {"estimate": "1"}).text
    assert "What it would ask and cost" in estimate
    assert "3 items now; 3 calls" in estimate
    assert "US dollars" in estimate
    assert not Trial.objects.exists(), "an estimate starts nothing"
    assert client.post(f"{page}try/", asked)["Location"] == "/value-sets/ward/draft/"
    assert "every 2s" in client.get(f"{page}trial/").text
    assert trying.start(draft, study, generator, started_by=ana) == Job.objects.get(), "started twice is started once"
    assert Trial.objects.count() == 1
    with pytest.raises(Conflict, match="Another study"):
        trying.start(draft, StudyFactory(endpoints=[generator]), generator)
    worker.work_on(job := Job.objects.get())
    job.refresh_from_db()
    assert job.state == Job.State.DONE
    trial = Trial.objects.get()
    pairs = {(each.first, each.second) for each in trial.scenarios.all()}
    assert (len(pairs), trial.scenarios.count()) == (3, 9)
    assert all(each.call_id and each.action_1 != each.action_2 for each in trial.scenarios.all())
    assert not Scenario.objects.exists()
    assert not Dataset.objects.exists()
    shown = client.get(f"{page}trial/").text
    assert escape(trial.scenarios.all()[0].description[:40]) in shown
    assert "Helpfulness – Honesty" in shown
    assert "every 2s" not in shown
    assert "simulated" in shown
    assert "9 scenarios for 3 pairs, in no dataset" in client.get(job.get_absolute_url()).text
    stranger = UserFactory()
    client.force_login(stranger)
    assert client.get(f"{page}trial/").status_code == 404
    assert client.get(f"{page}try/").status_code == 404


def test_tried_again_the_generator_is_asked_anew_and_what_was_reworded_since_is_said(
    study: Study, ana: User, draft: ValueSetVersion, generator: Endpoint
) -> None:
    for _ in range(2):
        worker.work_on(trying.start(draft, study, generator, started_by=ana))
    second, first = Trial.objects.all()
    assert (first.repeat, second.repeat) == (0, 1)
    calls = [set(each.scenarios.values_list("call", flat=True)) for each in (first, second)]
    assert calls[0].isdisjoint(calls[1]), "the generator was asked anew, not its old reply read again"
    content = content_of(draft)
    reworded = [replace(each, definition="Saying so.") if each.key == "honesty" else each for each in content.values]
    write(draft, replace(content, values=tuple(reworded)), edition=draft.edition, by=ana)
    tried = trying.tried_pairs(Trial.objects.all()[0])
    assert [(pair.first, pair.second, pair.as_now) for pair in tried] == [
        ("Helpfulness", "Honesty", False),
        ("Helpfulness", "Harmlessness", True),
        ("Honesty", "Harmlessness", False),
    ]
    discard(draft)
    assert not TrialScenario.objects.exists(), "a discarded draft takes its trials along"


def test_a_trial_by_api(client: Client, study: Study, ana: User, draft: ValueSetVersion, generator: Endpoint) -> None:
    client.force_login(ana)
    route = "/api/v1/value-sets/ward/versions/1/trial/"
    asked = {"study": "mine", "generator": "writer", "budget": "1"}
    assert client.get(route).status_code == 404
    found = client.post(route, asked | {"estimate": True}, content_type="application/json")
    assert (found.status_code, found.json()["calls"], found.json()["job"]) == (200, 3, None)
    assert float(found.json()["cost"]) > 0
    assert client.post(route, asked | {"generator": "no"}, content_type="application/json").status_code == 404
    started = client.post(route, asked, content_type="application/json")
    assert started.status_code == 202
    worker.work_on(job := Job.objects.get(pk=started.json()["job"]))
    assert job.budget == 1
    trial = client.get(route).json()
    assert (trial["running"], trial["simulated"], len(trial["scenarios"])) == (False, True, 9)


def test_a_trial_by_command(study: Study, draft: ValueSetVersion, generator: Endpoint) -> None:
    def command(value_set: str, *more: str) -> str:
        out = StringIO()
        how = ["--study=mine", "--generator=writer", *more]
        call_command("try_value_set", value_set, *how, stdout=out, stderr=StringIO())
        return out.getvalue()

    assert "3 items now" in command("ward@draft", "--estimate")
    assert "9 scenarios for 3 pairs, in no dataset." in command("ward@draft")
    assert Trial.objects.get().started_by is None
    with pytest.raises(CommandError, match="No draft of a value set 'hhh'"):
        command("hhh@draft")


def test_who_may_try_what_on_whose_money(study: Study, ana: User, draft: ValueSetVersion) -> None:
    endpoint = EndpointFactory()
    reader, colleague = UserFactory(), UserFactory()
    set_role(draft.value_set, reader, SetRole.READER)
    set_role(draft.value_set, colleague, SetRole.MEMBER)
    with pytest.raises(NotAllowed, match="Only members"):
        trying.start(draft, study, endpoint, started_by=reader)
    with pytest.raises(NotAllowed, match="Only who runs the pipeline"):
        trying.start(draft, study, endpoint, started_by=colleague)
    study.allowed_endpoints.all().delete()
    with pytest.raises(NotAllowed, match="may not use"):
        trying.start(draft, study, endpoint, started_by=ana)
    draft.values.all().delete()
    endpoint = EndpointFactory()
    with pytest.raises(InvalidInput, match="no two values"):
        trying.start(draft, study, endpoint, started_by=ana)
    assert not Trial.objects.exists()


@pytest.mark.backends
def test_values_that_say_nearly_the_same_are_shown_after_a_worker_has_compared_them(client: Client, ana: User) -> None:
    draft = fork(ValueSetVersionFactory(values=ALIKE), name="Ward", slug="ward", by=ana)
    client.force_login(ana)
    page = "/value-sets/ward/versions/1/likeness/"
    assert 'hx-trigger="load"' in client.get(page).text, "what is not embedded is sent for"
    assert "every 2s" in client.post(page).text
    assert not TextVector.objects.exists(), "nothing is embedded in a request"
    embed_values(draft.pk)
    embed_values(draft.pk)
    assert TextVector.objects.count() == 3
    found = likeness.likeness_of(draft)
    assert [(pair.first.key, pair.second.key) for pair in found.alike] == [("autonomy", "self_rule")]
    shown = client.get(page).text
    assert "say nearly the same" in shown
    assert "Respecting that people make their own choices." in shown
    assert "every 2s" not in shown
    ValueFactory(version=draft, position=9)
    assert likeness.likeness_of(draft).missing == 1
    client.force_login(UserFactory())
    assert client.get(page).status_code == 404
