"""What was exported comes in again, here or elsewhere, and is the same: by its digest, by its status, row by row."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from conflictscope.errors import InvalidInput
from conflictscope.exports.exporting import Export, export_dataset, zipped
from conflictscope.scenarios.digest import digest_of
from conflictscope.scenarios.importing import ImportReport, import_scenarios
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario, Value, ValueSet, ValueSetVersion
from conflictscope.scenarios.value_sets import import_value_set
from conflictscope.scenarios.verdicts import resettle, write_human_verdict
from conflictscope.studies.models import Study
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import StudyFactory
from tests.factories.whole import validate

pytestmark = pytest.mark.django_db

# What hangs on campaigns, which no table of scenarios brings along.
OF_CAMPAIGNS = {"labelled_by"}


@pytest.fixture
def elsewhere() -> Study:
    return StudyFactory(slug="elsewhere")


@pytest.fixture
def dataset() -> Dataset:
    """Something of every status, texts that are hard to keep, twins in both orders, and people of two panels."""
    judge = JudgeFactory(endpoint=EndpointFactory(simulated=True))
    dataset = DatasetFactory(
        slug="hhh", value_set_version=import_value_set("hhh").version, primary_judge=judge, generator=judge.endpoint
    )
    judged(ScenarioFactory(dataset=dataset, persona="=1+1", goal='\'-1,\n "two" ', background="\r\n Grüße 🙂\t"), judge)
    judged(
        ScenarioFactory(dataset=dataset, domain="home", acting_action="2", template="strong_harm"),
        judge,
        realism="fail",
    )
    judged(ScenarioFactory(dataset=dataset), judge, feasibility="unparsable")
    validated = judged(ScenarioFactory(dataset=dataset), judge, impossibility="fail")
    validate(validated)
    between = judged(ScenarioFactory(dataset=dataset), judge)
    validate(between)
    between.verdicts.filter(panel="people", dimension="realism").update(panel="others")
    write_human_verdict(judged(ScenarioFactory(dataset=dataset), judge), "realism", "fail", panel="p", evidence={})
    undrafted = {"action_1": "", "action_2": "", "description": "", "persona": "", "consequence_1": ""}
    twin = ScenarioFactory(dataset=dataset, status="outlined", **undrafted)
    for similarity in (0.93, 0.8123456789):
        ScenarioFactory(dataset=dataset, status="duplicate", duplicate_of=twin, similarity=similarity, **undrafted)
    late = ScenarioFactory(dataset=dataset, status="outlined", **undrafted)
    Scenario.objects.filter(similarity=0.93).update(duplicate_of=late)
    OpeningMessage.objects.create(scenario=validated, sample=0, text=" Hello\n", source="imported")
    return dataset


def exported(dataset: Dataset, folder: Path, *formats: str) -> Path:
    return export_dataset(dataset, out=folder, formats=formats or ("jsonl",)).folder


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "scenarios.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in row.items() if name not in OF_CAMPAIGNS} for row in rows]


def brought_in(elsewhere: Study, path: Path, **more: Any) -> ImportReport:
    return import_scenarios(elsewhere, "again", paths=[path], **more)


@pytest.mark.backends
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_an_exported_folder_comes_in_as_the_same_dataset(
    dataset: Dataset, elsewhere: Study, tmp_path: Path, kind: str
) -> None:
    report = brought_in(elsewhere, exported(dataset, tmp_path / "out", kind))
    again = report.dataset
    assert again is not None
    assert (report.formats, report.added, report.bad) == (["conflictscope"], dataset.scenarios.count(), 0)
    assert report.digest == digest_of(dataset)
    assert report.as_exported is True
    assert (again.variant, again.value_set_version, again.simulated) == ("imported", dataset.value_set_version, True)
    assert list(again.scenarios.human_validated().values_list("uid", flat=True)) == list(
        dataset.scenarios.human_validated().values_list("uid", flat=True)
    )
    first, second = (exported(each, tmp_path / f"{each.slug}-compared") for each in (dataset, again))
    assert rows_of(second) == rows_of(first)


def test_what_came_in_settles_to_the_statuses_it_came_with(dataset: Dataset, elsewhere: Study, tmp_path: Path) -> None:
    """Verdicts and statuses agree, so that the next verdict moves a scenario from where its people left it."""
    again = brought_in(elsewhere, exported(dataset, tmp_path / "out")).dataset
    assert again is not None
    for scenario in again.scenarios.all():
        before = scenario.status
        assert resettle(scenario) == before


def test_a_zip_from_the_page_comes_in_where_its_value_set_is_unknown(
    dataset: Dataset, elsewhere: Study, tmp_path: Path
) -> None:
    path, told = tmp_path / "hhh.zip", digest_of(dataset)
    path.write_bytes(b"".join(zipped(Export(dataset, formats=["jsonl"]), folder="mine-hhh-jsonl")))
    forget(dataset)
    looked = brought_in(elsewhere, path, write=False)
    assert looked.added == 10
    assert not ValueSet.objects.exists()
    report = brought_in(elsewhere, path)
    assert (report.digest, report.as_exported) == (told, True)
    assert ValueSetVersion.objects.get().values.count() == 3


def forget(dataset: Dataset) -> None:
    """As if it had never been in this installation."""
    OpeningMessage.objects.all().delete()
    dataset.scenarios.filter(duplicate_of__isnull=False).delete()
    dataset.scenarios.all().delete()
    Dataset.objects.filter(pk=dataset.pk).delete()
    Value.objects.all().delete()
    ValueSetVersion.objects.all().delete()
    ValueSet.objects.all().delete()


def test_a_table_alone_wants_the_value_set_named(dataset: Dataset, elsewhere: Study, tmp_path: Path) -> None:
    table = exported(dataset, tmp_path / "out", "csv") / "scenarios.csv"
    with pytest.raises(InvalidInput, match="no value set is named"):
        brought_in(elsewhere, table)
    out = StringIO()
    options = ["--study=elsewhere", "--dataset=again", "--value-set=hhh", "--format=conflictscope"]
    call_command("import_scenarios", str(table), *options, stdout=out)
    assert f"Digest {digest_of(dataset)}." in out.getvalue()


def test_baselines_and_bare_opening_messages_come_in_again(elsewhere: Study, tmp_path: Path) -> None:
    """Where a message is all that a scenario has, the digest is of the message."""
    baseline = DatasetFactory(baseline=True)
    ScenarioFactory(dataset=baseline, domain="work")
    nothing = dict.fromkeys(("description", "action_1", "action_2", "outline_context", "outline_opportunity"), "")
    bare = ScenarioFactory(dataset=baseline, status="outlined", **nothing)
    message = OpeningMessage.objects.create(scenario=bare, sample=0, text="Hi.", source="imported")
    report = brought_in(elsewhere, exported(baseline, tmp_path / "out"))
    told = digest_of(baseline)
    assert (report.digest, report.as_exported) == (told, True)
    OpeningMessage.objects.filter(pk=message.pk).update(text="Ho.")
    assert digest_of(baseline) != told


def test_the_digest_is_of_what_scenarios_say_not_of_what_was_made_of_them(dataset: Dataset) -> None:
    told = digest_of(dataset)
    one = dataset.scenarios.filter(status="kept").first()
    assert one is not None
    OpeningMessage.objects.create(scenario=one, sample=0, text="Hello.", source="imported")
    one.verdicts.all().delete()
    Scenario.objects.filter(pk=one.pk).update(similarity=0.5)
    assert digest_of(dataset) == told
    Scenario.objects.filter(pk=one.pk).update(action_1="Something else.")
    assert digest_of(dataset) != told


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"status": "splendid"}, "status: 'splendid' is none of"),
        ({"duplicate_of": "nobody", "status": "duplicate"}, "duplicate_of: there is no scenario 'nobody'"),
        ({"status": "duplicate"}, "a duplicate names its twin"),
        ({"judge_realism": "perhaps"}, "judge_realism: 'perhaps' is none of pass"),
        ({"similarity": "near"}, "similarity: 'near' is no number"),
        ({"similarity": 7}, "no cosine"),
        ({"acting_action": "3"}, "'3' is none of"),
        ({"action_1": ""}, "is empty, and the other action is not"),
        ({"persona": ["x"]}, "persona: holds something that is no text"),
    ],
)
def test_a_row_that_somebody_changed_is_refused_with_its_column(
    dataset: Dataset, elsewhere: Study, tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    folder = exported(dataset, tmp_path / "out")
    rows = (folder / "scenarios.jsonl").read_text(encoding="utf-8").splitlines()
    row = json.loads(rows[0]) | change
    (folder / "scenarios.jsonl").write_text("\n".join([json.dumps(row), *rows[1:]]), encoding="utf-8")
    with pytest.raises(InvalidInput, match=complaint):
        brought_in(elsewhere, folder)
    assert not elsewhere.datasets.exists()
    report = brought_in(elsewhere, folder, skip_bad=True)
    assert (report.bad, report.as_exported, report.added) == (1, None, 9)
