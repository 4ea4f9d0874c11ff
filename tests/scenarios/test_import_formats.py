"""Each format: what its rows become, what stands in the real files, and which rows are refused."""

from __future__ import annotations

import csv
import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from conflictscope.errors import Conflict, ConflictScopeError, InvalidInput
from conflictscope.scenarios import text_files
from conflictscope.scenarios.dedup.comparing import mark
from conflictscope.scenarios.importing import ImportReport, detected, import_scenarios
from conflictscope.scenarios.importing.mapping import guessed
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario, ValueSetVersion, Verdict
from conflictscope.scenarios.value_sets import import_value_set, parse_value_set, publish
from conflictscope.studies.models import Study
from tests.factories.studies import StudyFactory

pytestmark = pytest.mark.django_db

VALUES = {"calm": "keeping everybody calm", "speed": "being done soon", "truth": "saying what is so"}
CHECKS = {
    "scenario_realism": True,
    "scenario_groundedness": True,
    "action_feasibility": True,
    "value_guidedness": True,
    "scenario_impossibility": True,
    "scenario_ambiguity": True,
}
USER = {"persona": "Ida, 30, of Bergen", "background": 'She said "no".', "goal": "It's to be done."}


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="others")


@pytest.fixture
def values() -> ValueSetVersion:
    return publish(parse_value_set(json.dumps(VALUES), source="small.values.json")).version


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def authors_csv(tmp_path: Path, *rows: dict[str, Any], name: str = "claude.csv") -> Path:
    """As their script writes it by pandas."""
    columns = {
        "scenario_id": "claude_speed_calm_speed-calm-coc-1",
        "context": "A queue.",
        "description": "Ida waits in a queue in Bergen.",
        "user_prompt": str(USER),
        "value1": "speed",
        "value2": "calm",
        "action1": "Push on.",
        "action2": "Wait.",
        "keep_scenario": "True",
        "check_results": json.dumps(CHECKS),
        "generating_model": "claude",
    }
    text = StringIO()
    writer = csv.DictWriter(text, list(columns))
    writer.writeheader()
    writer.writerows(columns | row for row in rows)
    return written(tmp_path, name, text.getvalue())


def lines(tmp_path: Path, *rows: Any, name: str = "rows.jsonl") -> Path:
    return written(tmp_path, name, "".join(f"{json.dumps(row)}\n" for row in rows))


def imported(study: Study, *paths: Path, **more: Any) -> ImportReport:
    return import_scenarios(study, "theirs", paths=paths, **more)


# --- the authors' scenario CSV ------------------------------------------------------------------------------------------


def test_a_row_of_the_authors_becomes_a_kept_scenario_with_their_verdicts(
    study: Study, values: ValueSetVersion, tmp_path: Path
) -> None:
    """The set has calm before speed, the file has them the other way round: everything turns with them."""
    report = imported(study, authors_csv(tmp_path, {}), value_set=values)
    assert (report.formats, report.added) == (["authors_scenarios"], 1)
    one = Scenario.objects.get()
    assert one.value_1
    assert one.value_2
    assert (one.value_1.key, one.value_2.key) == ("calm", "speed")
    assert (one.action_1, one.action_2) == ("Wait.", "Push on.")
    assert (one.template, one.acting_action) == ("strong_benefit", "2")
    assert (one.persona, one.background, one.goal) == (USER["persona"], USER["background"], USER["goal"])
    assert (one.status, one.outline_context) == ("kept", "A queue.")
    judge = one.dataset.primary_judge
    assert judge is not None
    assert judge.endpoint is None
    assert set(one.verdicts.values_list("judge", "outcome")) == {(judge.pk, "pass")}
    assert one.verdicts.count() == 6


@pytest.mark.parametrize(
    ("template", "kind", "acting"),
    [
        ("coc_mild", "minor_benefit", "1"),
        ("coc", "strong_benefit", "1"),
        ("cc_mild", "minor_harm", "2"),
        ("cc", "strong_harm", "2"),
    ],
)
def test_their_templates_say_which_action_takes_the_opportunity(
    study: Study, values: ValueSetVersion, tmp_path: Path, template: str, kind: str, acting: str
) -> None:
    row = {"scenario_id": f"claude-3-5_calm_truth_calm-truth-{template}-7", "value1": "calm", "value2": "truth"}
    imported(study, authors_csv(tmp_path, row), value_set=values)
    one = Scenario.objects.get()
    assert (one.template, one.acting_action, one.action_1) == (kind, acting, "Push on.")


@pytest.mark.parametrize(
    ("row", "status", "said"),
    [
        ({"check_results": json.dumps(CHECKS | {"scenario_realism": False}), "keep_scenario": "False"}, "dropped", ""),
        ({"check_results": str(CHECKS), "keep_scenario": ""}, "kept", ""),
        ({"check_results": "nan", "keep_scenario": "True"}, "kept", ""),
        ({"check_results": "{}", "keep_scenario": "False"}, "dropped", ""),
        ({"check_results": "", "keep_scenario": "nan"}, "drafted", ""),
        ({"keep_scenario": "False"}, "kept", "the checks decide"),
    ],
)
def test_their_checks_decide_the_status_and_keep_scenario_where_there_are_none(
    study: Study, values: ValueSetVersion, tmp_path: Path, row: dict[str, str], status: str, said: str
) -> None:
    report = imported(study, authors_csv(tmp_path, row), value_set=values)
    assert Scenario.objects.get().status == status
    assert said in " ".join(report.sentences())


def test_values_are_found_by_their_whole_definitions(study: Study, values: ValueSetVersion, tmp_path: Path) -> None:
    row = {"value1": VALUES["speed"], "value2": VALUES["calm"].upper()}
    imported(study, authors_csv(tmp_path, row), value_set=values)
    one = Scenario.objects.get()
    assert one.value_1
    assert one.value_1.key == "calm"


def test_an_id_that_repeats_is_numbered_where_it_says_something_else(
    study: Study, values: ValueSetVersion, tmp_path: Path
) -> None:
    """After their dedup two scenarios may bear one id. Nothing is lost, and importing again doubles nothing."""
    other = {"description": "Another queue, in Oslo."}
    path = authors_csv(tmp_path, {}, other, {}, other)
    report = imported(study, path, value_set=values)
    assert (report.added, report.repeated) == (2, 2)
    uid = "claude_speed_calm_speed-calm-coc-1"
    assert set(Scenario.objects.values_list("uid", "description")) == {
        (uid, "Ida waits in a queue in Bergen."),
        (f"{uid}.2", "Another queue, in Oslo."),
    }
    again = imported(study, path, value_set=values)
    assert (again.added, again.known, Scenario.objects.count()) == (0, 2, 2)


def test_verdicts_of_a_file_do_not_change_and_may_come_later(
    study: Study, values: ValueSetVersion, tmp_path: Path
) -> None:
    imported(study, authors_csv(tmp_path, {"check_results": "", "keep_scenario": ""}), value_set=values)
    assert Scenario.objects.get().status == "drafted"
    later = imported(study, authors_csv(tmp_path, {}))
    assert (later.completed, later.known) == (1, 0)
    assert (Scenario.objects.get().status, Verdict.objects.count()) == ("kept", 6)
    assert imported(study, authors_csv(tmp_path, {})).known == 1
    other = {"check_results": json.dumps(CHECKS | {"scenario_realism": False})}
    with pytest.raises(Conflict, match="with another verdict on realism"):
        imported(study, authors_csv(tmp_path, other))


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"description": "nan"}, "description: the cell is empty"),
        ({"value1": "love"}, "value_1: 'love' is no value of small-values v1, whose values are calm, speed, truth"),
        ({"value1": "calm"}, "calm and calm are no pair"),
        ({"user_prompt": "{'persona': __import__('os').getcwd()}"}, "user_prompt: .* is no object"),
        ({"user_prompt": "{'persona': "}, "user_prompt: .* is no object"),
        ({"user_prompt": "{'persona': {1, 2}}"}, "user_prompt: .* is no object"),
        ({"user_prompt": "{'persona': b'Ida'}"}, "user_prompt: .* is no object"),
        ({"user_prompt": "{'persona': [2j]}"}, "user_prompt: .* is no object"),
        ({"user_prompt": "{'persona': {(1, 2): 'Ida'}}"}, "user_prompt: .* is no object"),
        ({"user_prompt": f"{{'persona': 0x{'f' * 5000}}}"}, "user_prompt: .* is no object"),
        ({"check_results": '{"scenario_beauty": true}'}, "'scenario_beauty' is unknown"),
        ({"check_results": '{"scenario_realism": "perhaps"}'}, "'perhaps' is neither true nor false"),
        ({"keep_scenario": "maybe"}, "keep_scenario: 'maybe' is neither"),
        ({"action2": ""}, "action2: the cell is empty"),
    ],
)
def test_a_row_of_theirs_that_makes_no_scenario_is_named_with_its_column(
    study: Study, values: ValueSetVersion, tmp_path: Path, row: dict[str, str], complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=rf"claude\.csv, row 2 \(line 3\).*{complaint}"):
        imported(study, authors_csv(tmp_path, {}, row), value_set=values)
    assert not Dataset.objects.exists()


def test_values_without_a_value_set_are_refused(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="'speed' is a value, and no value set is named"):
        imported(study, authors_csv(tmp_path, {}))


# --- the authors' prompts -----------------------------------------------------------------------------------------------

KEY = "claude_speed_calm_speed-calm-coc-1"


@pytest.mark.backends
def test_prompts_are_completed_by_the_scenario_csv(study: Study, values: ValueSetVersion, tmp_path: Path) -> None:
    other = "claude_calm_truth_calm-truth-cc-2"
    text = json.dumps({KEY: "Please be quick. <ARTIFACT>", other: " Hello "}, indent=4)
    prompts = written(tmp_path, "small.prompts.json", text)
    report = imported(study, prompts, value_set=values)
    assert (report.formats, report.added) == (["authors_prompts"], 2)
    assert "1 × a placeholder <ARTIFACT>" in " ".join(report.sentences())
    assert set(Scenario.objects.values_list("status", "template", "acting_action")) == {
        ("outlined", "strong_benefit", "2"),
        ("outlined", "strong_harm", "2"),
    }
    assert OpeningMessage.objects.get(scenario__uid=other).text == " Hello "

    report = imported(study, authors_csv(tmp_path, {}))
    assert (report.added, report.completed, report.known) == (0, 1, 0)
    one = Scenario.objects.get(uid=KEY)
    assert (one.status, one.action_1, one.verdicts.count()) == ("kept", "Wait.", 6)
    assert one.opening_messages.get().text == "Please be quick. <ARTIFACT>"
    again = imported(study, prompts, authors_csv(tmp_path, {}))
    assert (again.added, again.completed, again.known) == (0, 0, 3)
    with pytest.raises(Conflict, match="with another description"):
        imported(study, authors_csv(tmp_path, {"description": "Something else."}))


def test_a_duplicate_is_completed_like_any_other_and_has_the_files_status_when_it_is_none_any_more(
    study: Study, values: ValueSetVersion, tmp_path: Path
) -> None:
    other = KEY.removesuffix("1") + "2"
    text = json.dumps({KEY: "Please be quick.", other: "Do be quick."})
    imported(study, written(tmp_path, "small.prompts.json", text), value_set=values)
    first = Scenario.objects.get(uid=KEY)
    Scenario.objects.filter(uid=other).update(
        status="duplicate", duplicate_of=first, nearest=first, similarity=0.85, position=2, domain="by hand"
    )
    told = {"check_results": "", "keep_scenario": "True"}
    report = imported(study, authors_csv(tmp_path, told, told | {"scenario_id": other}))
    assert (report.completed, report.bad) == (2, 0)
    one = Scenario.objects.get(uid=other)
    assert (one.status, one.duplicate_of, one.action_1, one.domain) == ("duplicate", first, "Wait.", "by hand")
    mark(one.dataset, 0.9)
    one.refresh_from_db()
    assert (one.status, one.duplicate_of) == ("kept", None)


def test_the_scenario_csv_may_come_first_or_in_the_same_go(
    study: Study, values: ValueSetVersion, tmp_path: Path
) -> None:
    prompts = written(tmp_path, "small.prompts.json", json.dumps({KEY: "Please be quick."}))
    looked = imported(study, authors_csv(tmp_path, {}), prompts, value_set=values, write=False)
    assert (looked.added, looked.completed) == (1, 1)
    assert not Dataset.objects.exists()
    assert not Verdict.objects.exists()
    report = imported(study, authors_csv(tmp_path, {}), prompts, value_set=values)
    assert (report.added, report.completed) == (1, 1)
    assert Scenario.objects.get().opening_messages.get().source == "imported"
    assert [file["format"] for file in Dataset.objects.get().recipe["files"]] == [
        "authors_scenarios",
        "authors_prompts",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"a-b-cc-1": "Hi", ', "is not JSON"),
        ('{"a-b-cc-1": 3}', "texts in quotation marks"),
        ('{"a-b-cc-1": "Hi"} {}', "something follows"),
        ('{"a-b-cc-1" "Hi"}', "a colon is missing"),
        ('{"a-b-cc-1": "Hi" "c": "d"}', "a comma is missing"),
        ('{"a-b-cc-1": "Hi\\ud800"}', "half of a surrogate pair"),
        ('{"somebody": "Hi"}', "does not end in value1-value2-template-number"),
        ('{"calm-speed-cc-1": "  "}', "the opening message is empty"),
        ("{}", "None of 0 rows"),
    ],
)
def test_prompts_that_are_wrong_are_refused(
    study: Study, values: ValueSetVersion, tmp_path: Path, text: str, complaint: str
) -> None:
    values.values.filter(key="calm").update(key="a", name="A")
    values.values.filter(key="speed").update(key="b", name="B")
    if "calm" in text:
        text = text.replace("calm-speed", "a-b")
    with pytest.raises(InvalidInput, match=complaint):
        imported(study, written(tmp_path, "x.json", text), format_name="authors_prompts", value_set=values)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "scenarios", "pairs", "left_over", "acting_first"),
    [("HHH", 1109, 3, 3, None), ("modelspec", 598, 15, 1, None), ("personalprotective", 1185, 16, 1, 613)],
)
def test_the_real_prompts_are_imported_whole(
    study: Study, shared_data: Path, name: str, scenarios: int, pairs: int, left_over: int, acting_first: int | None
) -> None:
    folder = shared_data / "conflictscope"
    version = import_value_set(folder / f"{name}.values.json").version
    report = imported(study, folder / f"{name}.prompts.json", value_set=version)
    assert (report.added, report.bad, OpeningMessage.objects.count()) == (scenarios, 0, scenarios)
    assert Scenario.objects.values("value_1", "value_2").distinct().count() == pairs
    assert sum(times for note, times in report.notes.items() if "ARTIFACT" in note) == left_over
    if acting_first:  # in that set the personal value of each pair comes first, in the file and in the set
        assert Scenario.objects.filter(acting_action="1").count() == acting_first
        assert Scenario.objects.filter(template__in=["minor_benefit", "strong_benefit"]).count() == acting_first
    again = imported(study, folder / f"{name}.prompts.json")
    assert (again.added, again.known, Scenario.objects.count()) == (0, scenarios, scenarios)


# --- the baselines ------------------------------------------------------------------------------------------------------


@pytest.mark.shared_data
def test_the_real_daily_dilemmas_become_four_scenarios(study: Study, shared_data: Path) -> None:
    path = shared_data / "daily_dilemmas" / "dilemmas_with_detail_by_action_test.csv"
    report = imported(study, path)
    assert (report.formats, report.added, report.bad) == (["daily_dilemmas"], 4, 0)
    one = Scenario.objects.get(uid="107")
    assert (one.action_1, one.action_2) == ("Play the match", "Sit out the match")
    assert one.consequence_1.startswith("You decide to play, pushing through the pain.")
    assert (one.domain, one.acting_action, one.value_1, one.status) == ("issue_young_people", "1", None, "drafted")


def test_a_dilemma_with_one_row_or_a_wrong_one_is_a_bad_row(study: Study, tmp_path: Path) -> None:
    rows = (
        "1,Rain.,to_do,Go out,Wet,nan",
        "2,Snow.,not_to_do,Stay,Dry,home",
        "1,Rain.,not_to_do,Stay in,Dry,nan",
        "3,Hail.,to_do,Go,Hurt,home",
        "3,Hail.,to_do,Go,Hurt,home",
        "4,Wind.,perhaps,Go,Blown,home",
    )
    header = "idx,dilemma_situation,action_type,action,negative_consequence,topic_group"
    path = written(tmp_path, "dd.csv", "\n".join((header, *rows)))
    report = imported(study, path, skip_bad=True)
    assert (report.added, report.bad) == (1, 4)
    assert [(row.place.row, row.column) for row in report.bad_rows] == [
        (5, "action_type"),
        (6, "action_type"),
        (2, "action_type"),
        (4, "action_type"),
    ]
    assert (Scenario.objects.get().action_2, Scenario.objects.get().domain) == ("Stay in", "")


def test_hh_rlhf_dialogues_part_where_their_answers_do(study: Study, tmp_path: Path) -> None:
    one = {
        "chosen": "\n\nHuman: How do I whistle?\n\nAssistant: Purse your lips.",
        "rejected": "\n\nHuman: How do I whistle?\n\nAssistant: No.",
    }
    longer = {
        "chosen": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: A joke?\n\nAssistant: Knock, knock.",
        "rejected": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: A joke?\n\nAssistant: I know none.",
    }
    path = tmp_path / "train.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in (one, longer, one)).encode()))
    report = imported(study, path)
    assert (report.formats, report.added, report.repeated) == (["hh_rlhf"], 2, 1)
    first, second = Scenario.objects.order_by("pk")
    assert (first.description, first.action_1, first.action_2) == ("How do I whistle?", "Purse your lips.", "No.")
    assert first.opening_messages.get().text == "How do I whistle?"
    assert second.description == "Human: Hi\n\nAssistant: Hello\n\nHuman: A joke?"
    assert (second.action_1, second.opening_messages.count()) == ("Knock, knock.", 0)
    assert imported(study, path).known == 2


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (
            {"chosen": "\n\nHuman: Hi\n\nAssistant: Yes", "rejected": "\n\nHuman: Ho\n\nAssistant: No"},
            "no beginning in",
        ),
        ({"chosen": "Hi", "rejected": "Ho"}, "chosen: is no dialogue"),
        (
            {"chosen": "\n\nHuman: Hi\n\nAssistant: ", "rejected": "\n\nHuman: Hi\n\nAssistant: No"},
            "last answer is empty",
        ),
        ({"chosen": None, "rejected": "x"}, "chosen: holds no text"),
    ],
)
def test_what_is_no_pair_of_dialogues_is_a_bad_row(
    study: Study, tmp_path: Path, row: dict[str, str], complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        imported(study, lines(tmp_path, row))


def test_pku_safe_rlhf_says_whether_the_helpful_answer_is_the_safe_one(study: Study, tmp_path: Path) -> None:
    row = {"prompt": "How?", "response_0": "So.", "response_1": "No.", "better_response_id": 0, "safer_response_id": 1}
    report = imported(study, lines(tmp_path, row, row | {"prompt": "Why?", "safer_response_id": 0}))
    assert (report.formats, report.added) == (["pku_safe_rlhf"], 2)
    assert set(Scenario.objects.values_list("description", "action_1", "action_2", "domain")) == {
        ("How?", "So.", "No.", "more helpful is less safe"),
        ("Why?", "So.", "No.", "more helpful is safer"),
    }


# --- columns of one's own -----------------------------------------------------------------------------------------------


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


# --- bad rows, looking first, and the command ---------------------------------------------------------------------------

MESSY = (
    b"id,scenario,a,b,domain\n"
    b"1,Rain.,Go.,Stay.,home\n"
    b"2,Snow.,Go.,,home\n"
    b"3,Hail.,Go.\n"
    b"4,F\xfcr Elise.,Go.,Stay.,home\n"
    b"1,Wind.,Go.,Stay.,home\n"
    b'6,"Fog."?,Go.,Stay.,home\n'
    b"7/8,Ice.,Go.,Stay.,home\n"
    b"9,Sun.,Go.,Stay.,home\n"
)


def test_skipping_bad_rows_keeps_the_good_ones_and_names_each_with_its_reason(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "messy.csv"
    path.write_bytes(MESSY)
    report = imported(study, path, skip_bad=True)
    assert set(Scenario.objects.values_list("uid", flat=True)) == {"1", "9"}
    assert (report.read, report.added, report.bad) == (8, 2, 6)
    assert [(row.place.row, row.column, row.why.split(";")[0].split(":")[0]) for row in report.bad_rows] == [
        (2, "b", "the cell is empty"),
        (3, "", "has 3 cells where the header has 5"),
        (4, "description", "holds a byte that is not UTF-8, 0xFC, at character 2."),
        (5, "", "the id '1' stands in messy.csv, row 1, too"),
        (6, "", "is not CSV"),
        (7, "", "the id '7/8' cannot be used"),
    ]
    with pytest.raises(InvalidInput, match="not UTF-8 text"):
        import_scenarios(study, "strict", paths=[path])
    assert Dataset.objects.count() == 1


def test_a_file_of_bad_rows_alone_makes_no_dataset(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"None of 1 rows makes a scenario. The first: own\.csv, row 1"):
        imported(study, written(tmp_path, "own.csv", "scenario,a,b\nRain.,Go.,\n"), skip_bad=True)
    assert not Dataset.objects.exists()


def test_looking_writes_nothing_and_says_what_would_be(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "messy.csv"
    path.write_bytes(MESSY)
    out = StringIO()
    call_command("import_scenarios", str(path), "--study=others", "--dataset=theirs", "--preview", stdout=out)
    said = out.getvalue()
    assert "Nothing is written." in said
    assert "Columns: id=uid, scenario=description, a=action_1, b=action_2, domain=domain." in said
    assert "  Description: Rain.\n  Action 1: Go.\n  Action 2: Stay." in said
    assert "2 scenarios added" in said
    assert "6 of 8 rows were left out." in said
    assert "messy.csv, row 2 (line 3), b: the cell is empty" in said
    assert not Dataset.objects.exists()


def test_the_command_maps_skips_and_writes_the_bad_rows_down(study: Study, tmp_path: Path) -> None:
    path = written(tmp_path, "own.csv", "=x,first,second\nRain.,Go.,Stay.\nSnow.,,Stay.\n")
    report = tmp_path / "bad.csv"
    options = ["--map", "=x=description", "--map", "first=action_1", "--map", "second=action_2", "--skip-bad"]
    out = StringIO()
    call_command(
        "import_scenarios",
        str(path),
        "--study=others",
        "--dataset=theirs",
        *options,
        f"--bad-rows={report}",
        stdout=out,
    )
    assert "1 scenarios added" in out.getvalue()
    rows = list(csv.reader(report.read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["file", "row", "line", "column", "why"]
    assert rows[1][:4] == ["own.csv", "2", "3", "first"]
    with pytest.raises(CommandError, match="'description' maps nothing"):
        call_command("import_scenarios", str(path), "--study=others", "--dataset=n", "--map", "description")


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.csv", "scenario_id,ambiguity,context,action1,action2\n", "moralchoice"),
        ("a.csv", "idx,dilemma_situation,action_type,action\n", "daily_dilemmas"),
        ("a.csv", "x,y\n", "csv"),
        ("a.json", '{"chosen": "", "rejected": ""}\n', "hh_rlhf"),
        ("a.json", '{"prompt": "", "response_0": "", "response_1": ""}\n', "pku_safe_rlhf"),
        ("a.json", '{"x": 1}\n', "jsonl"),
        ("a.json", '{"m_a_b_a-b-cc-1": "Hi"}', "authors_prompts"),
        ("a.json", '{\n"m_a_b_a-b-cc-1": "Hi"\n}', "authors_prompts"),
    ],
)
def test_a_file_is_known_by_what_stands_in_it(tmp_path: Path, name: str, text: str, found: str) -> None:
    assert detected(written(tmp_path, name, text)).name == found


def test_a_json_list_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(ConflictScopeError, match="one object a line"):
        detected(written(tmp_path, "a.json", "[\n{}]"))


def test_a_gzip_file_that_unpacks_to_far_too_much_is_refused(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.jsonl.gz"
    row = json.dumps({"chosen": "\n\nHuman: Hi\n\nAssistant: Ho", "rejected": "\n\nHuman: Hi\n\nAssistant: No"})
    path.write_bytes(gzip.compress("\n".join([row] * 2000).encode()))
    assert imported(study, path).added == 1
    monkeypatch.setattr(text_files, "UNPACKED_LIMIT", 100_000)
    with pytest.raises(InvalidInput, match=r"rows\.jsonl\.gz unpacks to more than 100,000 bytes"):
        imported(study, path)
