"""A dataset as files: what they hold, that they load, and that they are whole or not there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pandas
import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries

from annotation.models import Annotation, Participant
from conflictscope.errors import Conflict, ConflictScopeError, InvalidInput
from conflictscope.exports.exporting import Export, FinishedExport, export_dataset, zipped
from conflictscope.exports.tables import TABLES
from conflictscope.files.csv_cells import unescape
from conflictscope.jobs.models import Job
from conflictscope.llm.models import Call
from conflictscope.scenarios.models import Dataset, Scenario, Verdict
from conflictscope.studies.models import Study
from evaluation.models import Judgement, Rating, Response
from tests.exports.conftest import ADDRESS, ANNOTATOR, KEY_NAME
from tests.factories.evaluation import RunFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.values import writable_versions
from tests.factories.whole import grow, validate

pytestmark = pytest.mark.django_db
# What nobody has ranked has no table of what was found: tests/exports/test_rankings.py.
TABLE_NAMES = [table.name for table in TABLES if table.name not in ("rankings", "shifts")]


@pytest.fixture
def export(dataset: Dataset, tmp_path: Path) -> Callable[..., FinishedExport]:
    return lambda **options: export_dataset(dataset, out=tmp_path / "out", **options)


def lines_of(folder: Path, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()]


def card_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "dataset.json").read_text(encoding="utf-8"))


def readme_of(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- what the files hold ---------------------------------------------------------------------------------------------------


def test_every_table_has_a_file_in_every_format_and_a_row_for_each_thing(
    export: Callable[..., FinishedExport], dataset: Dataset
) -> None:
    done = export()
    assert {path.name for path in done.folder.iterdir()} == {
        "README.md",
        "dataset.json",
        *(f"{table}.{suffix}" for table in TABLE_NAMES for suffix in ("jsonl", "csv")),
    }
    rows = {table: len(lines_of(done.folder, table)) for table in TABLE_NAMES}
    assert rows == {
        "scenarios": 3,
        "verdicts": Verdict.objects.count(),
        "annotations": Annotation.objects.count(),
        "opening_messages": 3,
        "runs": 2,
        "responses": Response.objects.count(),
        "judgements": Judgement.objects.count(),
        "ratings": Rating.objects.count(),
    }


def test_a_scenario_stands_there_as_it_is_in_the_database(
    export: Callable[..., FinishedExport], dataset: Dataset
) -> None:
    first, second, _ = lines_of(export().folder, "scenarios")
    scenario = dataset.scenarios.get(uid=first["uid"])
    for name in ("description", "persona", "goal", "action_1", "action_2", "template", "acting_action", "status"):
        assert first[name] == getattr(scenario, name)
    assert (first["value_1"], first["value_2"]) == ("helpfulness", "honesty")
    assert first["judge_realism"] == first["human_realism"] == "pass"
    assert (first["human_validated"], second["human_validated"]) == (True, False)
    assert second["human_realism"] is None
    assert (first["labelled_by"], second["labelled_by"]) == (2, 1)
    assert first["opening_message"] == "Please finish the list."
    assert not first["simulated"]
    assert second["goal"] == "'-1 and more,\nin two lines"


def test_answers_carry_their_decision_and_who_made_it(export: Callable[..., FinishedExport]) -> None:
    folder = export().folder
    kinds = {(row["mode"], row["decision"], row["decided_by"]) for row in lines_of(folder, "responses")}
    assert kinds == {("multiple_choice", "value_1", "parsed"), ("simulated_user", "value_1", "human")}
    deciders = {(row["source"], row["decider"]) for row in lines_of(folder, "judgements")}
    assert deciders == {("parsed", ""), ("judge", "the-judge"), ("human", "people")}
    response = lines_of(folder, "responses")[0]
    assert [turn["role"] for turn in response["transcript"]] == ["user", "assistant"]
    assert response["answer"] == response["transcript"][-1]["text"]


def test_every_single_answer_is_there_under_a_pseudonym(export: Callable[..., FinishedExport]) -> None:
    rows = [row for row in lines_of(export().folder, "annotations") if row["annotator"] == "heron"]
    assert {row["question"]: row["answer"] for row in rows}["realism"] == "no"
    assert {row["campaign"] for row in rows} == {"check"}


def test_rows_of_every_table_belong_to_scenarios_of_the_dataset(
    export: Callable[..., FinishedExport], study: Study
) -> None:
    grow(DatasetFactory(study=study, primary_judge=JudgeFactory()), 2)
    folder = export().folder
    uids = {row["uid"] for row in lines_of(folder, "scenarios")}
    for table in TABLE_NAMES:
        assert {row.get("uid") for row in lines_of(folder, table)} <= uids | {None}
    runs = {row["run"] for row in lines_of(folder, "runs")}
    assert {row["run"] for row in lines_of(folder, "responses")} == runs


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_pandas_reads_the_same_values_from_both_formats(export: Callable[..., FinishedExport], table: str) -> None:
    folder = export().folder
    rows = lines_of(folder, table)
    columns = [column["name"] for column in card_of(folder)["tables"][table]["columns"]]
    from_lines = pandas.read_json(folder / f"{table}.jsonl", lines=True, dtype=False)
    from_csv = pandas.read_csv(folder / f"{table}.csv", dtype=str, keep_default_na=False)
    assert list(from_lines.columns) == list(from_csv.columns) == columns
    assert len(from_lines) == len(from_csv) == len(rows)
    for row, read, cells in zip(rows, from_lines.to_dict("records"), from_csv.to_dict("records"), strict=True):
        for name, value in row.items():
            assert read[name] == value or (value is None and pandas.isna(read[name]))
            assert unescape(cells[name]) == as_cell(value)


def as_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def test_pandas_keeps_texts_and_flags_in_the_line_of_the_card(export: Callable[..., FinishedExport]) -> None:
    folder = export().folder
    assert 'pandas.read_json("scenarios.jsonl", lines=True, dtype=False)' in readme_of(folder)
    frame = pandas.read_json(folder / "scenarios.jsonl", lines=True, dtype=False)
    assert frame["human_validated"].sum() == 1
    assert set(frame["acting_action"]) == {"1"}


def test_a_formula_is_no_formula_in_csv(export: Callable[..., FinishedExport]) -> None:
    written = (export().folder / "scenarios.csv").read_text(encoding="utf-8")
    assert "\"'=HYPERLINK(" in written
    assert ',"=HYPERLINK' not in written


def test_no_key_no_address_and_no_name_of_a_person_is_in_any_file(
    export: Callable[..., FinishedExport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_NAME, "sk-very-secret")
    secrets = [KEY_NAME, ADDRESS, "sk-very-secret", ANNOTATOR, "the.owner.of.it"]
    secrets += Participant.objects.values_list("user__username", flat=True)
    for name, content in bytes_of(export().folder).items():
        for secret in secrets:
            assert secret.encode() not in content, f"{secret} is in {name}"


def test_only_validated_scenarios_and_what_belongs_to_them(export: Callable[..., FinishedExport]) -> None:
    folder = export(only_validated=True).folder
    (scenario,) = lines_of(folder, "scenarios")
    assert scenario["human_validated"]
    for table in TABLE_NAMES:
        assert {row.get("uid") for row in lines_of(folder, table)} <= {scenario["uid"], None}
    card = card_of(folder)
    assert card["only_validated"]
    assert card["counts"] == {"scenarios": 1, "by_status": {"kept": 1}, "human_validated": 1}
    assert "Only scenarios that a panel of people passed" in readme_of(folder)


def test_without_a_validated_scenario_there_is_nothing_of_that_kind(study: Study, tmp_path: Path) -> None:
    dataset = DatasetFactory(study=study, name="Raw")
    with pytest.raises(Conflict, match="'Raw' has no scenarios yet"):
        export_dataset(dataset, out=tmp_path / "out")
    scenario = ScenarioFactory(dataset=dataset)
    with pytest.raises(Conflict, match="human-validated yet"):
        export_dataset(dataset, out=tmp_path / "out", only_validated=True)
    assert not (tmp_path / "out").exists()
    validate(scenario)
    assert export_dataset(dataset, out=tmp_path / "out", only_validated=True).files[0].rows == 1


def test_a_baseline_has_no_values_and_says_so(study: Study, tmp_path: Path) -> None:
    scenario = ScenarioFactory(dataset=DatasetFactory(study=study, baseline=True))
    folder = export_dataset(scenario.dataset, out=tmp_path / "out").folder
    (row,) = lines_of(folder, "scenarios")
    assert row["value_1"] is None
    assert card_of(folder)["value_set"] is None
    assert "1 scenario with two actions and no value pair" in readme_of(folder)


# --- what the card says ----------------------------------------------------------------------------------------------------


def test_the_card_says_how_the_dataset_was_made(export: Callable[..., FinishedExport], dataset: Dataset) -> None:
    scenario = dataset.scenarios.first()
    scenario.calls.add(
        Call.objects.create(
            endpoint=dataset.generator,
            purpose="scenarios.outline",
            prompt_name="generation/outline",
            prompt_version=1,
            prompt_digest="ab",
            request={},
            request_digest="cd",
            outcome=Call.Outcome.OK,
            resolved_llm="writer-1-2026",
        )
    )
    folder = export().folder
    card = card_of(folder)
    assert card["dataset"]["recipe"] == dataset.recipe
    assert card["dataset"]["generator"]["llm"] == "writer-1"
    assert card["dataset"]["primary_judge"]["prompt_versions"] == {"filtering/realism": 1}
    assert card["counts"]["scenarios"] == 3
    assert [value["key"] for value in card["value_set"]["values"]] == ["helpfulness", "honesty", "harmlessness"]
    assert [(each["prompt"], each["version"], each["answered_by"], each["calls"]) for each in card["prompts"]] == [
        ("generation/outline", 1, "writer-1-2026", 1)
    ]
    readme = readme_of(folder)
    for said in ("`generation/outline.v1`", "`writer-1-2026`", '"per_pair": 3', "`the-judge`", "**Honesty**"):
        assert said in readme


def test_the_card_knows_every_file_by_its_checksum(export: Callable[..., FinishedExport]) -> None:
    done = export()
    card = card_of(done.folder)
    assert card["digest"] == done.digest
    for file in card["files"]:
        content = (done.folder / file["name"]).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert file["bytes"] == len(content)
        assert file["rows"] == len(lines_of(done.folder, file["table"]))


def test_the_licence_of_the_value_set_is_named(export: Callable[..., FinishedExport], dataset: Dataset) -> None:
    assert "Licence of the value set: none stated" in readme_of(export().folder)
    with writable_versions():
        type(dataset.value_set_version).objects.update(licence="CC BY 4.0")
    dataset.value_set_version.refresh_from_db()
    assert "Licence of the value set: CC BY 4.0" in readme_of(export().folder)


def test_the_head_of_the_card_tells_hugging_face_which_file_is_which_and_the_type_of_each_column(
    export: Callable[..., FinishedExport],
) -> None:
    head = head_of(readme_of(export().folder))
    assert [(config["config_name"], config["data_files"]) for config in head["configs"]] == [
        (table, f"{table}.jsonl") for table in TABLE_NAMES
    ]
    assert [config["config_name"] for config in head["configs"] if config.get("default")] == ["scenarios"]
    features = {info["config_name"]: info["features"] for info in head["dataset_info"]}
    assert [feature["name"] for feature in features["ratings"]][:3] == ["run", "target", "uid"]
    assert {
        "name": "transcript",
        "list": [{"name": "role", "dtype": "string"}, {"name": "text", "dtype": "string"}],
    } in (features["responses"])


def head_of(readme: str) -> dict[str, Any]:
    """The head's YAML: a key a line, with a value in JSON."""
    _, head, _ = readme.split("---\n", 2)
    return {key: json.loads(value) for key, value in (line.split(": ", 1) for line in head.splitlines())}


def test_csv_alone_is_a_whole_export(export: Callable[..., FinishedExport]) -> None:
    done = export(formats=["csv"])
    assert not list(done.folder.glob("*.jsonl"))
    readme = readme_of(done.folder)
    assert 'pandas.read_csv("scenarios.csv")' in readme
    head = head_of(readme)
    assert head["configs"][0]["data_files"] == "scenarios.csv"
    assert "dataset_info" not in head


def test_a_name_full_of_markup_stays_a_name(export: Callable[..., FinishedExport], dataset: Dataset) -> None:
    dataset.name = 'A "b": [c](http://127.0.0.1)\n---\n<img>\x9f'
    readme = readme_of(export().folder)
    assert head_of(readme)["pretty_name"] == 'A "b": [c](http://127.0.0.1)---<img>'
    assert '# A "b": \\[c\\](http://127.0.0.1) --- \\<img\\>' in readme


def test_whatever_a_simulator_made_is_labelled_row_by_row_and_on_the_card(simulated: Dataset, tmp_path: Path) -> None:
    folder = export_dataset(simulated, out=tmp_path / "out").folder
    for table in ("scenarios", "annotations", "runs", "responses", "judgements"):
        assert all(row["simulated"] for row in lines_of(folder, table))
    assert lines_of(folder, "scenarios")[0]["human_labels_simulated"]
    assert "simulated" in head_of(readme_of(folder))["tags"]
    assert "**Simulated**, for tests and demonstrations only: 1 of 1 scenarios, 8 of 8 annotations" in readme_of(folder)


def test_what_no_simulator_made_is_not_labelled(export: Callable[..., FinishedExport]) -> None:
    folder = export().folder
    assert "simulated" not in head_of(readme_of(folder))["tags"]
    assert "**Simulated**" not in readme_of(folder)
    assert not any(file["simulated_rows"] for file in card_of(folder)["files"])


def test_an_export_beside_a_running_job_says_that_it_is_unfinished(
    export: Callable[..., FinishedExport], study: Study
) -> None:
    assert "**Unfinished**" not in readme_of(export().folder)
    Job.objects.create(study=study, kind="scenarios.filter", state=Job.State.RUNNING)
    assert "**Unfinished**" in readme_of(export().folder)


def test_a_run_that_is_imported_by_half_is_named(export: Callable[..., FinishedExport], dataset: Dataset) -> None:
    run = dataset.runs.order_by("pk").first()
    assert run is not None
    dataset.runs.filter(pk=run.pk).update(imported=True, import_unfinished=True)
    finished = export()
    assert f"the import of run {run.pk} was broken off" in readme_of(finished.folder)


# --- the folder ------------------------------------------------------------------------------------------------------------


def test_the_same_data_gives_the_same_bytes(export: Callable[..., FinishedExport]) -> None:
    first = export()
    before = bytes_of(first.folder)
    second = export()
    assert bytes_of(second.folder) == before
    assert second.digest == first.digest


def test_a_second_export_replaces_the_first(export: Callable[..., FinishedExport], dataset: Dataset) -> None:
    folder = export().folder
    before = export().digest
    Scenario.objects.filter(dataset=dataset).update(goal="Another goal.")
    done = export(formats=["csv"])
    assert done.digest != before
    assert not list(folder.glob("*.jsonl"))
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"format": "something else"}', '{"format": null}'])
def test_a_folder_that_holds_something_else_is_left_alone(
    export: Callable[..., FinishedExport], tmp_path: Path, broken: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "dataset.json").write_text(broken)
    with pytest.raises(InvalidInput, match="holds something that is no export"):
        export()
    assert (tmp_path / "out" / "dataset.json").read_text() == broken


def test_an_export_to_which_somebody_added_a_file_is_left_alone(export: Callable[..., FinishedExport]) -> None:
    folder = export().folder
    (folder / "thesis.txt").write_text("Years of work.")
    with pytest.raises(InvalidInput, match="no export"):
        export()
    assert (folder / "thesis.txt").exists()


def test_an_empty_folder_is_used_and_a_missing_one_made(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "empty", tmp_path / "deep" / "down"):
        assert (export_dataset(dataset, out=out).folder / "dataset.json").exists()


def test_a_file_or_a_place_that_cannot_be_written_is_refused_in_words(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("Mine.")
    with pytest.raises(InvalidInput, match="is a file"):
        export_dataset(dataset, out=tmp_path / "file")
    with pytest.raises(InvalidInput, match="Cannot write to"):
        export_dataset(dataset, out=tmp_path / "file" / "below")


def test_an_export_that_breaks_off_leaves_the_old_one_and_nothing_else(
    export: Callable[..., FinishedExport], dataset: Dataset
) -> None:
    folder = export().folder
    before = bytes_of(folder)
    Scenario.objects.filter(dataset=dataset).update(goal="Another goal.")

    def give_up(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(on_rows=give_up)
    assert bytes_of(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def test_through_a_link_the_folder_behind_it_is_replaced(
    export: Callable[..., FinishedExport], dataset: Dataset, tmp_path: Path
) -> None:
    folder = export().folder
    (tmp_path / "link").symlink_to(folder)
    done = export_dataset(dataset, out=tmp_path / "link", formats=["csv"])
    assert done.folder.is_symlink()
    assert not list(folder.glob("*.jsonl"))


def test_formats_that_do_not_exist_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    for formats in ([], ["xlsx"], ["csv", "xlsx"]):
        with pytest.raises(InvalidInput, match="Choose a format: jsonl, csv"):
            export_dataset(dataset, out=tmp_path / "out", formats=formats)


def test_the_number_of_queries_does_not_grow_with_the_rows(
    dataset: Dataset, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    grow(dataset, 10)
    with django_assert_max_num_queries(28) as few:
        b"".join(zipped(Export(dataset, formats=["jsonl"]), folder="x"))
    grow(dataset, 30)
    run = RunFactory(dataset=dataset)
    answered(run, dataset.scenarios.first(), "value_1")
    with django_assert_max_num_queries(len(few)):
        b"".join(zipped(Export(dataset, formats=["jsonl"]), folder="x"))


# --- the command -----------------------------------------------------------------------------------------------------------


def run_command(*arguments: str) -> str:
    out = StringIO()
    call_command("export_dataset", *arguments, stdout=out, verbosity=0)
    return out.getvalue()


def test_the_command_writes_both_formats_and_says_how_much(dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = run_command("--study", "mine", "--dataset", "hhh", "--out", str(out), "--format", "jsonl", "csv")
    assert "HHH: 3 scenarios, " in said
    assert "opening messages" in said
    assert f"in 16 files in {out}." in said
    assert card_of(out)["digest"] in said
    before = bytes_of(out)
    run_command("--study", "mine", "--dataset", "hhh", "--out", str(out))
    assert bytes_of(out) == before


def test_the_command_can_be_told_to_take_only_validated_ones(dataset: Dataset, tmp_path: Path) -> None:
    said = run_command("--study", "mine", "--dataset", "hhh", "--out", str(tmp_path / "out"), "--only-validated")
    assert "HHH: 1 scenarios, " in said


@pytest.mark.parametrize(
    ("wanted", "name", "says"), [("nobodys", "hhh", "no study 'nobodys'"), ("mine", "other", "no dataset 'other'")]
)
def test_the_command_names_what_there_is_not(
    dataset: Dataset, tmp_path: Path, wanted: str, name: str, says: str
) -> None:
    with pytest.raises(CommandError, match=says) as failed:
        run_command("--study", wanted, "--dataset", name, "--out", str(tmp_path / "out"))
    assert isinstance(failed.value.__cause__, ConflictScopeError)
