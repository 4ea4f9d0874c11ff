"""CSV and JSON Lines with columns of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from conflictscope.errors import InvalidInput
from conflictscope.scenarios.importing.mapping import guessed
from conflictscope.scenarios.models import Dataset, Scenario, ValueSetVersion
from conflictscope.studies.models import Study
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
