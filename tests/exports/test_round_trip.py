"""What was exported comes in again, here or elsewhere, and is the same: by its digest, by its status, row by row."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from conflictscope.errors import InvalidInput
from conflictscope.exports.exporting import Export, export_dataset, zipped
from conflictscope.files import texts as text_files
from conflictscope.scenarios.digest import digest_of
from conflictscope.scenarios.filtering.verdicts import resettle
from conflictscope.scenarios.importing import ImportReport
from conflictscope.scenarios.importing.formats import exported as exported_format
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario
from conflictscope.studies.models import Study
from conflictscope.values.models import Value, ValueSet, ValueSetVersion
from conflictscope.values.publishing import import_value_set
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged, write_human_verdict
from tests.factories.studies import StudyFactory
from tests.factories.values import writable_versions
from tests.factories.whole import validate
from tests.scenarios.importing.files import imported

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
    OpeningMessage.objects.create(scenario=between, text="Hi", source="simulated", user_simulator=judge.endpoint)
    return dataset


def exported(dataset: Dataset, folder: Path, *formats: str) -> Path:
    return export_dataset(dataset, out=folder, formats=formats or ("jsonl",)).folder


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "scenarios.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in row.items() if name not in OF_CAMPAIGNS} for row in rows]


def brought_in(elsewhere: Study, path: Path, **more: Any) -> ImportReport:
    return imported(elsewhere, path, slug="again", **more)


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
    assert {row["opening_message"]: row["opening_message_simulated"] for row in rows_of(second)} == {
        " Hello\n": False,
        "Hi": True,
        None: False,
    }


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
    with writable_versions():
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


def with_twins(folder: Path, *twins: str) -> None:
    """Let the table's duplicates name others: "nobody", or one of its duplicates by its place among them."""
    rows = rows_of(folder)
    duplicates = [row for row in rows if row["status"] == "duplicate"]
    for row, twin in zip(duplicates, twins, strict=True):
        row["duplicate_of"] = duplicates[int(twin)]["uid"] if twin.isdigit() else twin
    (folder / "scenarios.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


@pytest.mark.parametrize(
    ("twins", "why"),
    [
        (("1", "nobody"), ("its twin .* is left out", "there is no scenario 'nobody'")),
        (("nobody", "0"), ("there is no scenario 'nobody'", "its twin .* is left out")),
        (("1", "0"), ("duplicates of each other", "duplicates of each other")),
        (("0", "0"), ("duplicates of each other", "its twin .* is left out")),
    ],
)
def test_a_chain_of_duplicates_that_comes_to_nothing_is_left_out_whole(
    dataset: Dataset, elsewhere: Study, tmp_path: Path, twins: tuple[str, str], why: tuple[str, str]
) -> None:
    folder = exported(dataset, tmp_path / "out")
    with_twins(folder, *twins)
    looked = brought_in(elsewhere, folder, skip_bad=True, write=False)
    report = brought_in(elsewhere, folder, skip_bad=True)
    for each in (looked, report):
        assert (each.added, each.bad) == (8, 2)
        found = sorted(each.bad_rows, key=lambda row: row.place.row)
        assert [bool(re.search(said, row.why)) for said, row in zip(why, found, strict=True)] == [True, True]
    assert report.dataset is not None
    assert report.dataset.scenarios.count() == 8
    assert not report.dataset.scenarios.filter(status="duplicate").exists()


def test_a_twin_may_be_in_the_dataset_already_also_for_who_only_looks(
    dataset: Dataset, elsewhere: Study, tmp_path: Path
) -> None:
    folder = exported(dataset, tmp_path / "out")
    rows = rows_of(folder)
    table = folder / "scenarios.jsonl"
    for kind in (False, True):
        some = [json.dumps(row) for row in rows if (row["status"] == "duplicate") == kind]
        table.write_text("\n".join(some), encoding="utf-8")
        looked, report = (brought_in(elsewhere, folder, write=write) for write in (False, True))
        assert (looked.added, looked.bad) == (report.added, report.bad) == (len(some), 0)
    assert report.digest == digest_of(dataset)


def zip_of(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"é/{name.replace('_', '.')}", content)
    return path


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content.replace(b"PK\x01\x02", b"PK\x01\x07"), id="no table of contents"),
        pytest.param(lambda content: content.replace("é".encode(), b"\xe9\xff"), id="names that are no text"),
        pytest.param(
            lambda content: content.replace(b"\x14\x00\x00\x08\x08\x00", b"\x14\x00\x00\x08\x63\x00"),
            id="packed in an unknown way",
        ),
        pytest.param(lambda content: content[:48] + b"\xff" + content[49:], id="packed wrongly"),
    ],
)
def test_a_damaged_zip_is_refused_with_a_sentence(
    elsewhere: Study, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = zip_of(tmp_path / "out.zip", scenarios_jsonl=b"".join(str(n).encode() for n in range(500)))
    content = path.read_bytes()
    assert damage(content) != content
    path.write_bytes(damage(content))
    with pytest.raises(InvalidInput, match=r"out\.zip is no zip that can be unpacked"):
        brought_in(elsewhere, path)


def test_a_text_that_ends_like_a_zip_is_read_as_a_text(elsewhere: Study, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    end = b"PK\x05\x06" + b"\x00" * 4 + b"\x01\x00\x01\x00" + b"\x10\x00\x00\x00" + b"\x00" * 6
    path.write_bytes(b"description,action_1,action_2\nA fire.,Run.," + end)
    with pytest.raises(InvalidInput, match="NUL"):
        brought_in(elsewhere, path)


def test_a_zip_or_card_that_unpacks_to_far_too_much_is_refused(
    dataset: Dataset, elsewhere: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = b" " * 2_000_000
    monkeypatch.setattr(exported_format, "UNPACKED_LIMIT", 1_000_000)
    with pytest.raises(InvalidInput, match=r"scenarios\.jsonl unpacks to more than 1,000,000 bytes"):
        brought_in(elsewhere, zip_of(tmp_path / "table.zip", scenarios_jsonl=bomb))
    monkeypatch.setattr(exported_format, "SMALL_FILE", 1_000_000)
    with pytest.raises(InvalidInput, match=r"dataset\.json unpacks to more than 1,000,000 bytes"):
        brought_in(elsewhere, zip_of(tmp_path / "card.zip", scenarios_jsonl=b"{}", dataset_json=bomb))
    monkeypatch.setattr(text_files, "SMALL_FILE", 1_000)
    with pytest.raises(InvalidInput, match=r"dataset\.json is longer than 1,000 characters"):
        brought_in(elsewhere, exported(dataset, tmp_path / "out"))
