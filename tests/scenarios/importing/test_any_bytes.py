"""Any bytes at all give scenarios or one clear sentence: never a traceback, never half an import. By every format and door."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conflictscope.errors import ConflictScopeError
from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios.importing import FORMATS, ImportReport
from conflictscope.scenarios.models import Dataset, ImportUpload, OpeningMessage, Scenario, Verdict
from conflictscope.studies.models import Study
from conflictscope.values.models import Value, ValueSetVersion
from conflictscope.values.parsing import parse_value_set
from conflictscope.values.publishing import import_value_set, publish
from tests.factories.studies import StudyFactory, member
from tests.scenarios.importing.files import imported

pytestmark = pytest.mark.django_db

# One good file of each format, to be damaged: bytes at random seldom get past the first line.
EXPORTED = {
    "uid": "s-1",
    "status": "kept",
    "value_1": "calm",
    "value_2": "speed",
    "template": "minor_harm",
    "acting_action": "2",
    "deployment_context": "",
    "outline_context": "A queue.",
    "outline_opportunity": "Push on.",
    "description": "Ida waits.",
    "persona": "'=1",
    "background": "",
    "goal": "",
    "action_1": "Wait.",
    "action_2": "Push.",
    "consequence_1": "",
    "consequence_2": "",
    "domain": "",
    "duplicate_of": None,
    "similarity": 0.5,
    "opening_message": "Hi.",
    "judge_realism": "pass",
    "human_realism": "fail",
    "human_validated": False,
    "simulated": True,
}
OUTLINED = EXPORTED | {"uid": "s-2", "status": "outlined", "action_1": "", "action_2": "", "judge_realism": None}
GOOD: dict[str, str] = {
    "conflictscope": "".join(f"{json.dumps(row)}\n" for row in (EXPORTED, OUTLINED)),
    "authors_scenarios": (
        "scenario_id,description,user_prompt,value1,value2,action1,action2,keep_scenario,check_results\n"
        "g_speed_calm_speed-calm-cc-1,Ida waits.,\"{'persona': 'Ida', 'goal': nan}\",speed,calm,Push.,Wait.,True,"
        '"{""scenario_realism"": true}"\n'
    ),
    "authors_prompts": '{"g_calm_speed_calm-speed-coc_mild-1": "Hi.",\n "g_calm_speed_calm-speed-cc-2": "Ho."}',
    "moralchoice": "scenario_id,ambiguity,context,action1,action2\nA_1,high,A purse.,Keep it.,Hand it in.\n",
    "daily_dilemmas": (
        "idx,dilemma_situation,action_type,action,topic_group\n1,Rain.,to_do,Go,nan\n1,Rain.,not_to_do,Stay,home\n"
    ),
    "hh_rlhf": json.dumps({"chosen": "\n\nHuman: Hi\n\nAssistant: Yes", "rejected": "\n\nHuman: Hi\n\nAssistant: No"}),
    "pku_safe_rlhf": json.dumps({"prompt": "How?", "response_0": "So.", "response_1": "No.", "safer_response_id": 1}),
    "preferences": (
        '{"prompt": "How?", "chosen": "So.", "rejected": "No."}\n'
        '{"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}], '
        '"rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "No"}]}'
    ),
    "csv": "id,scenario,a,b,status\n1,Rain.,Go.,Stay.,kept\n2,Snow.,Go.,Stay.,\n",
    "jsonl": '{"scenario": "Rain.", "a": "Go.", "b": 1, "user_prompt": {"persona": "Ida"}}\n{"prompt": "Hi."}\n',
}
WITH_VALUES = {"conflictscope", "authors_scenarios", "authors_prompts"}


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """The content with a piece of it replaced by other bytes, some of which mean something."""
    telling = st.sampled_from(
        [
            b"[",
            b"#",
            b"<",
            b";",
            b'"',
            b"\n",
            b"\r",
            b",",
            b"{",
            b"}",
            b"\\",
            b"\0",
            b"\xff",
            b"\xed\xa0\x80",
            b"nan",
            b"\\ud800",
        ]
    )
    piece = st.lists(st.one_of(telling, st.binary(max_size=6)), max_size=4).map(b"".join)
    place = st.integers(0, len(content))
    return st.builds(
        lambda start, length, new: content[:start] + new + content[start + length :], place, st.integers(0, 30), piece
    )


def contents(name: str) -> st.SearchStrategy[bytes]:
    good = GOOD[name].encode()
    return st.one_of(damaged(good), damaged(good), st.binary(max_size=200), damaged(good).map(gzip.compress))


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="mine")


@pytest.fixture
def values() -> ValueSetVersion:
    return publish(parse_value_set('{"calm": "being calm", "speed": "being done"}', source="x.json")).version


def outcome(study: Study, path: Path, name: str, values: ValueSetVersion, **more: bool) -> ImportReport | None:
    """The report, or None where it was refused in one sentence, and then with nothing written."""
    value_set = values if name in WITH_VALUES else None
    try:
        report = imported(study, path, slug="any", format_name=name, value_set=value_set, **more)
    except ConflictScopeError as exc:
        report, said = None, exc.sentence
    if report is None:
        assert said.strip()
        said.encode()
        assert not Dataset.objects.exists()
        assert not Scenario.objects.exists()
        return None
    assert report.good > 0
    return report


@pytest.mark.parametrize("name", list(FORMATS))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_become_scenarios_or_one_sentence(
    study: Study, values: ValueSetVersion, tmp_path: Path, name: str, data: st.DataObject
) -> None:
    path = tmp_path / "any"
    path.write_bytes(data.draw(contents(name)))
    with transaction.atomic():
        looked = outcome(study, path, name, values, skip_bad=True, write=False)
        assert not Scenario.objects.exists()
        skipped = outcome(study, path, name, values, skip_bad=True)
        assert (looked is None) == (skipped is None)
        if looked is not None and skipped is not None:
            assert (looked.added, looked.bad, looked.repeated) == (skipped.added, skipped.bad, skipped.repeated)
            assert Scenario.objects.count() == skipped.added
            again = outcome(study, path, name, values, skip_bad=True)
            assert again is not None
            assert (again.added, Scenario.objects.count()) == (0, skipped.added)
        transaction.set_rollback(True)
    with transaction.atomic():
        strict = outcome(study, path, name, values)
        if strict is not None:
            assert strict.bad == 0
            assert skipped is not None
            assert (strict.added, Scenario.objects.count()) == (skipped.added, skipped.added)
        transaction.set_rollback(True)


@pytest.mark.parametrize("name", list(GOOD))
def test_the_files_to_be_damaged_are_good(study: Study, values: ValueSetVersion, tmp_path: Path, name: str) -> None:
    path = tmp_path / "any"
    path.write_text(GOOD[name], encoding="utf-8", newline="")
    report = outcome(study, path, name, values)
    assert report is not None
    assert report.added == Scenario.objects.count() > 0
    if name == "conflictscope":
        assert (Verdict.objects.count(), OpeningMessage.objects.count()) == (3, 2)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.sampled_from(list(GOOD)).flatmap(contents))
@example(content=b"")
@example(content=b"\xff\xfe\x00,\x00")
@example(content=b"a,b\x00\n1,2\n")
def test_any_upload_is_looked_at_and_imported_or_refused_on_its_page(
    client: Client, study: Study, content: bytes
) -> None:
    with transaction.atomic():
        client.force_login(member(study, "researcher"))
        response = client.post(
            reverse("scenarios:import_dataset", args=["mine"]),
            {"slug": "any", "file": SimpleUploadedFile("any.txt", content)},
        )
        if response.status_code == 302:
            at_work(client, response.url)
            posted = client.post(response.url, {"do": "import", "skip_bad": "on"})
            assert posted.status_code in (302, 400)
            at_work(client, response.url)
            assert Scenario.objects.exists() == Dataset.objects.exists()
            assert client.get(response.url).status_code == 200
        else:
            assert response.status_code == 400  # an empty file
            assert not ImportUpload.objects.exists()
        transaction.set_rollback(True)


def at_work(client: Client, url: str) -> None:
    """What the page starts is done until it starts no more."""
    while client.get(url).status_code == 302 or Job.objects.live().exists():
        for job in Job.objects.live():
            worker.work_on(job)
    assert client.get(url).status_code == 200


VALUE_SET = (
    b'{"name": "Pace", "pairing": "across_groups", "values": [{"key": "calm", "name": "Calm", "definition": "being calm", '
    b'"group": "slow", "tier": 1}, {"key": "speed", "name": "Speed", "definition": "being done", "group": "fast", "tier": 2}]}'
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        damaged(VALUE_SET), damaged(b'{"calm": "being calm", "speed": "being done"}'), st.binary(max_size=80)
    )
)
@example(content=VALUE_SET)
@example(content=b"[" * 20_000)
@example(content=b'{"calm": NaN, "speed": 1e999}')
def test_any_bytes_become_a_value_set_or_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pace.json"
    path.write_bytes(content)
    before = ValueSetVersion.objects.count(), Value.objects.count()
    with transaction.atomic():
        said, version = "", None
        try:
            version = import_value_set(path).version
        except ConflictScopeError as exc:
            said = exc.sentence.strip()
        if version is None:
            assert said
            assert (ValueSetVersion.objects.count(), Value.objects.count()) == before
        else:
            assert version.values.count() >= 2
            assert all(value.key and value.name and value.definition for value in version.values.all())
        transaction.set_rollback(True)
