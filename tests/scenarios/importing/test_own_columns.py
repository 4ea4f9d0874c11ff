"""CSV and JSON Lines with columns of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import settings

from conflictscope.errors import InvalidInput
from conflictscope.scenarios.importing import MAPPED
from conflictscope.scenarios.importing.formats.mapped import NOT_OFFERED, NOT_OUTLINED
from conflictscope.scenarios.importing.mapping import guessed
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.models import Study
from conflictscope.values.models import ValueSetVersion
from conflictscope.values.parsing import parse_value_set
from conflictscope.values.publishing import publish
from tests.scenarios.importing.files import imported, lines, written

pytestmark = pytest.mark.django_db


def test_columns_are_guessed_by_their_names() -> None:
    columns = ["ID", "Scenario", "Option A", "option_b", "Value1", "value 2", "Notes", "user_prompt.persona"]
    assert guessed(columns) == {
        "ID": "uid",
        "Scenario": "description",
        "Option A": "action_1",
        "option_b": "action_2",
        "Value1": "value_1",
        "value 2": "value_2",
        "user_prompt.persona": "persona",
    }


def test_json_lines_are_mapped_with_keys_in_objects(study: Study, values: ValueSetVersion, tmp_path: Path) -> None:
    row = {"id": 7, "q": "A queue.", "options": {"x": "Go.", "y": "Stay."}, "v": ["speed"], "who": None, "w": "calm"}
    mapping = {"q": "description", "options.x": "action_1", "options.y": "action_2", "who": "persona"}
    path = lines(tmp_path, row | {"v": "speed"})
    report = imported(study, path, mapping=mapping | {"v": "value_1", "w": "value_2"}, value_set=values)
    assert report.mapping == {"id": "uid"} | mapping | {"v": "value_1", "w": "value_2"}
    one = Scenario.objects.get()
    assert (one.uid, one.action_1, one.action_2, one.persona) == ("7", "Stay.", "Go.", "")
    assert Dataset.objects.get().recipe["files"][0]["mapping"] == report.mapping


def test_rows_without_an_id_get_one_from_their_words(study: Study, tmp_path: Path) -> None:
    path = written(tmp_path, "own.csv", "scenario,a,b\nRain.,Go.,Stay.\nRain.,Go.,Stay.\nSnow.,Go.,Stay.\n")
    report = imported(study, path)
    assert (report.formats, report.added, report.repeated) == (["csv"], 2, 1)
    assert imported(study, path).known == 2


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        ({"scenario": "beauty"}, "no field 'beauty'"),
        ({"nothing": "uid"}, "no column 'nothing'; its columns are: scenario, a, b"),
        ({"a": "description", "scenario": "description"}, "'scenario' and 'a' cannot both|cannot both be description"),
        ({"a": ""}, "say which columns mean two actions with a description, or an opening message"),
    ],
)
def test_a_mapping_that_makes_no_scenario_says_what_is_missing(
    study: Study, tmp_path: Path, mapping: dict[str, str], complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        imported(study, written(tmp_path, "own.csv", "scenario,a,b\nRain.,Go.,Stay.\n"), mapping=mapping)


def test_a_status_of_ones_own_is_taken_over(study: Study, tmp_path: Path) -> None:
    text = "id,scenario,a,b,status\n1,Rain.,Go.,Stay.,kept\n2,Snow.,Go.,Stay.,\n3,Hail.,Go.,Stay.,superb\n"
    report = imported(study, written(tmp_path, "own.csv", text), skip_bad=True)
    assert dict(Scenario.objects.values_list("uid", "status")) == {"1": "kept", "2": "drafted"}
    assert report.bad_rows[0].sentence.startswith("own.csv, row 3 (line 4), status: 'superb' is none of outlined,")


def test_a_key_that_first_stands_in_a_late_row_is_read_by_its_name(study: Study, tmp_path: Path) -> None:
    early = [{"q": f"Rain {n}.", "a": "Go.", "b": "Stay."} for n in range(250)]
    late = {"q": "Snow.", "a": "Go.", "b": "Stay.", "persona": "Ida", "why": "To be done."}
    report = imported(study, lines(tmp_path, *early, late), mapping={"q": "description", "why": "goal"})
    assert report.mapping == {"q": "description", "a": "action_1", "b": "action_2", "persona": "persona", "why": "goal"}
    one = Scenario.objects.get(description="Snow.")
    assert (one.persona, one.goal) == ("Ida", "To be done.")
    with pytest.raises(InvalidInput, match="has no column 'who'"):
        imported(study, lines(tmp_path, *early), mapping={"q": "description", "who": "persona"})


def test_a_file_of_endless_keys_offers_some_and_counts_what_it_leaves_out(study: Study, tmp_path: Path) -> None:
    rows: list[dict[str, str]] = [{"q": f"Rain {n}.", "a": "Go.", "b": "Stay.", f"key {n}": "x"} for n in range(310)]
    rows[-1] |= {"persona": "Ida", "why": "To be done."}
    path = lines(tmp_path, *rows)
    assert len(MAPPED["jsonl"].columns(path)) == settings.IMPORT_COLUMNS + 1
    report = imported(study, path, mapping={"q": "description", "why": "goal"})
    assert dict(report.notes) == {NOT_OFFERED: 310 - (settings.IMPORT_COLUMNS - 3)}
    one = Scenario.objects.get(description="Rain 309.")
    assert (one.persona, one.goal) == ("Ida", "To be done.")


def test_values_are_found_as_written_and_else_only_where_one_alone_can_be_meant(study: Study, tmp_path: Path) -> None:
    keys = {"a-b": "Going on", "ab": "Going back", "c": "Standing still"}
    entries = [{"key": key, "name": name, "definition": f"asks for {name}"} for key, name in keys.items()]
    version = publish(parse_value_set(json.dumps({"values": entries}), source="close.json")).version
    rows = "1,R.,Go.,Stay.,a-b,c\n2,S.,Go.,Stay.,ab,C\n3,H.,Go.,Stay.,a_b,c\n4,F.,Go.,Stay.,going BACK,c\n"
    path = written(tmp_path, "own.csv", f"id,scenario,a,b,value_1,value_2\n{rows}")
    report = imported(study, path, value_set=version, skip_bad=True)
    found = Scenario.objects.values_list("uid", "value_1__key")
    assert dict(found) == {"1": "a-b", "2": "ab", "4": "ab"}
    assert report.bad_rows[0].why == f"'a_b' may be a-b or ab of {version}; write the key."


def test_two_actions_are_no_outline(study: Study, tmp_path: Path) -> None:
    text = "id,scenario,a,b,status,prompt\n1,Rain.,Go.,Stay.,outlined,\n2,,,,outlined,Hi.\n"
    report = imported(study, written(tmp_path, "own.csv", text))
    assert dict(Scenario.objects.values_list("uid", "status")) == {"1": "drafted", "2": "outlined"}
    assert dict(report.notes) == {NOT_OUTLINED: 1}


def test_an_id_is_made_of_all_the_words_of_a_row(study: Study, tmp_path: Path) -> None:
    rows = "Rain.,Go.,Stay.,Ida,\nRain.,Go.,Stay.,Ole,\nRain.,Go.,Stay.,,\nRain.,Go.,Stay.,,Ida\n"
    path = written(tmp_path, "own.csv", f"scenario,a,b,persona,goal\n{rows}")
    assert imported(study, path).added == 4
    assert imported(study, path).known == 4
    without = written(tmp_path, "less.csv", "scenario,a,b,domain\nRain.,Go.,Stay.,\n")
    assert imported(study, without).known == 1
