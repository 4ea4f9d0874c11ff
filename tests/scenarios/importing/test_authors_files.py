"""The authors' scenario CSV and prompts JSON: what their rows become, and which are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.scenarios.dedup.comparing import mark
from conflictscope.scenarios.filtering.verdicts import resettle_all
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario, Verdict
from conflictscope.studies.models import Study
from conflictscope.values.models import ValueSetVersion
from conflictscope.values.publishing import import_value_set
from tests.factories.scenarios import JudgeFactory, judged
from tests.factories.studies import StudyFactory
from tests.factories.values import writable_versions
from tests.scenarios.importing.files import CHECKS, USER, VALUES, authors_csv, imported, written

pytestmark = pytest.mark.django_db


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


def test_what_keep_scenario_tells_outlives_verdicts_that_settle_nothing(
    study: Study, values: ValueSetVersion, tmp_path: Path
) -> None:
    some = json.dumps({"scenario_realism": True})
    rows = [
        {"scenario_id": f"claude_speed_calm_speed-calm-coc-{number}", "check_results": checks, "keep_scenario": kept}
        for number, (checks, kept) in enumerate([(some, "True"), ("", "False"), (json.dumps(CHECKS), "True")])
    ]
    dataset = imported(study, authors_csv(tmp_path, *rows), value_set=values).dataset
    assert dataset is not None
    scenarios = list(dataset.scenarios.order_by("uid"))
    assert [(each.status, each.status_told) for each in scenarios] == [
        ("kept", "kept"),
        ("dropped", "dropped"),
        ("kept", ""),
    ]
    another = JudgeFactory()
    for scenario in scenarios:
        judged(scenario, another, realism="fail")
    resettle_all(dataset, [each.pk for each in scenarios])
    assert list(dataset.scenarios.order_by("uid").values_list("status", flat=True)) == ["kept", "dropped", "kept"]


def test_values_without_a_value_set_are_refused(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="'speed' is a value, and no value set is named"):
        imported(study, authors_csv(tmp_path, {}))


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
        ('{"a-b-cc-1": 3}', "a-b-cc-1: holds no text; every id needs its opening message"),
        ('{3: "Hi"}', "keys must be texts in quotation marks"),
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
    with writable_versions():
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


@pytest.mark.backends
def test_an_id_that_repeats_and_is_too_long_for_a_number_is_a_bad_row(
    study: Study, values: ValueSetVersion, tmp_path: Path
) -> None:
    uid = "m_speed_calm_speed-calm-coc-".rjust(199, "m") + "1"
    path = authors_csv(tmp_path, {"scenario_id": uid}, {"scenario_id": uid, "description": "Another queue."})
    report = imported(study, path, value_set=values, skip_bad=True)
    assert [one.uid for one in Scenario.objects.all()] == [uid]
    assert "is too long to be numbered: at most 200 characters fit." in report.bad_rows[0].why


def test_who_takes_the_opportunity_follows_the_values_not_the_order_of_the_row(
    study: Study, values: ValueSetVersion, tmp_path: Path
) -> None:
    """In coc the value that the id names first takes it: here speed, wherever it stands in the row."""
    as_in_id = {"scenario_id": "m_speed-calm-coc-1"}
    other_way = {"scenario_id": "m_speed-calm-coc-2", "value1": "calm", "value2": "speed", "action1": "Wait."}
    other_values = {"scenario_id": "m_speed-truth-coc-3"}
    no_value = {"scenario_id": "m_speed-beauty-coc-4"}
    path = authors_csv(tmp_path, as_in_id, other_way | {"action2": "Push on."}, other_values, no_value)
    report = imported(study, path, value_set=values, skip_bad=True)
    found = Scenario.objects.values_list("uid", "action_2", "acting_action")
    assert set(found) == {("m_speed-calm-coc-1", "Push on.", "2"), ("m_speed-calm-coc-2", "Push on.", "2")}
    assert [row.column for row in report.bad_rows] == ["scenario_id", "scenario_id"]
    assert report.bad_rows[0].why == "names speed and truth, and the row's values are calm and speed."


@pytest.mark.parametrize("line_end", ["", "\n"])
def test_a_prompt_that_cannot_be_read_is_left_out_and_named(
    study: Study, values: ValueSetVersion, tmp_path: Path, line_end: str
) -> None:
    members = (
        '"m_calm-speed-coc-1": "Hi."',
        '"something else": "Ho."',
        '"m_calm-speed-coc-2": 17',
        '"m_calm-speed-coc-3": null',
        '"m_calm-speed-coc-4": {"text": ["He}y",' + line_end + ' true, {"a": -1.5e3}], "more": []}',
        '"m_calm-speed-coc-5": "Hu."',
    )
    path = written(tmp_path, "any.json", "{" + f",{line_end}".join(members) + "}")
    report = imported(study, path, value_set=values, skip_bad=True)
    assert report.formats == ["authors_prompts"]
    assert set(Scenario.objects.values_list("uid", flat=True)) == {"m_calm-speed-coc-1", "m_calm-speed-coc-5"}
    assert [row.column for row in report.bad_rows] == [
        "something else",
        "m_calm-speed-coc-2",
        "m_calm-speed-coc-3",
        "m_calm-speed-coc-4",
    ]
    with pytest.raises(InvalidInput, match="row 2, something else: this id does not end in"):
        imported(StudyFactory(), path, value_set=values)


@pytest.mark.parametrize("value", ["", "[1, ", "]", "wrong", "[1]]", "{,", "[1}", '["a\\q"]'])
def test_prompts_that_are_no_json_are_refused_as_a_whole(
    study: Study, values: ValueSetVersion, tmp_path: Path, value: str
) -> None:
    path = written(tmp_path, "any.json", f'{{"m_calm-speed-coc-1": "Hi.",\n"m_calm-speed-coc-2": {value}}}')
    with pytest.raises(InvalidInput, match="is not JSON"):
        imported(study, path, format_name="authors_prompts", value_set=values, skip_bad=True)
    assert not Dataset.objects.exists()


def test_a_byte_that_is_wrong_spoils_its_prompt_alone(study: Study, values: ValueSetVersion, tmp_path: Path) -> None:
    path = tmp_path / "any.json"
    path.write_bytes(b'{"m_calm-speed-coc-1": "Hi.", "m_calm-speed-coc-2": "Caf\xe9.", "m_calm-speed-coc-3": "Ho."}')
    report = imported(study, path, value_set=values, skip_bad=True)
    assert (report.added, report.bad) == (2, 1)
    assert report.bad_rows[0].sentence.startswith(
        "any.json, row 2, opening_message: holds a byte that is not UTF-8, 0xE9"
    )
