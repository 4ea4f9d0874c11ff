"""What a file is told by all that it holds: the small inputs that showed a fault, and others of the same kinds.

The cases lie beside the project, in ../shared/cases; those written here were thought of for each kind.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from conflictscope.errors import ConflictScopeError, InvalidInput
from conflictscope.files.encodings import likeliest
from conflictscope.files.kinds import refuse_no_data
from conflictscope.scenarios.importing import detected, examples_of, import_scenarios
from conflictscope.scenarios.importing.csv_layout import layout_of
from conflictscope.scenarios.importing.json_rows import document_in, glance
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.models import Study
from tests.scenarios.importing.files import imported, lines, written

pytestmark = pytest.mark.django_db

CASES = Path("../shared/cases")
ROW = "1,D,A,B\n"
HEADER = "id,description,action1,action2\n"
HEBREW = "אחות חייבת לבחור"


def case(name: str) -> Path:
    path = CASES / name
    assert path.is_file(), f"{path} is missing: these tests read the cases that lie beside the project."
    return path


def texts() -> list[tuple[str, str, str]]:
    return list(Scenario.objects.order_by("pk").values_list("description", "action_1", "action_2"))


# A table that does not begin in the first line


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "text"), [("leading_blank_line.csv", "D"), ("excel_sep_line.csv", "D, x"), ("bracket_header.csv", "D")]
)
def test_a_table_that_begins_later_is_read(study: Study, name: str, text: str) -> None:
    assert imported(study, case(name)).added == 1
    assert texts() == [(text, "A", "B")]


@pytest.mark.shared_data
def test_a_header_in_brackets_is_offered_as_columns() -> None:
    assert detected(case("bracket_header.csv")).name == "csv"
    assert examples_of(case("bracket_header.csv")) == {
        "[id]": "1",
        "[description]": "D",
        "[action1]": "A",
        "[action2]": "B",
    }


@pytest.mark.parametrize(
    ("text", "passed_over"),
    [
        (f"Scenarios of spring\n\n{HEADER}{ROW}", ["Scenarios of spring"]),
        (f"Scenarios of spring,,,\n,,,\n{HEADER}{ROW}", ["Scenarios of spring,,,", ",,,"]),
        (
            f"# made by hand, with care\n# and, again, care\n{HEADER}{ROW}",
            ["# made by hand, with care", "# and, again, care"],
        ),
        (f"Report, of May\n{HEADER}{ROW}", ["Report, of May"]),
        (f"sep=,\n\n{HEADER}{ROW}", []),
        (f'"sep=|"\n{HEADER}{ROW}'.replace(",", "|"), []),
        (f"\ufeff\n \n{HEADER}{ROW}", []),
        (f"{HEADER}{ROW}".replace(",", "|"), []),
        (f"#{HEADER}{ROW}", []),
        (f"Titel\nfall;eins;zwei\n{'D;A;B' * 1}\n", ["Titel"]),
    ],
)
def test_what_stands_before_the_header_is_passed_over_and_said(
    study: Study, tmp_path: Path, text: str, passed_over: list[str]
) -> None:
    mapping = {"fall": "description", "eins": "action_1", "zwei": "action_2"} if "fall" in text else None
    report = imported(study, written(tmp_path, "own.csv", text), mapping=mapping)
    assert texts() == [("D", "A", "B")]
    assert report.passed_over == passed_over
    assert any("What stands before the header was passed over" in said for said in report.sentences()) == bool(
        passed_over
    )


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("opening_message\nHelp me, please\nDo it, now\n", ["opening_message"]),
        ("frage\n" + "Was tun?\n" * 5, ["frage"]),
        ("a|b|c|d\n1,2,3,4\n", ["a", "b", "c", "d"]),
        ("x,y\n1,2,3\n1,2,3\n", ["x", "y"]),
    ],
)
def test_a_first_line_that_may_be_the_header_is(tmp_path: Path, text: str, columns: list[str]) -> None:
    path = written(tmp_path, "own.csv", text)
    assert layout_of(path).header_line == 1
    assert list(examples_of(path)) == columns


def test_lines_are_counted_from_the_first_of_the_file(study: Study, tmp_path: Path) -> None:
    path = written(tmp_path, "own.csv", f"\nTitle\n\n{HEADER}{ROW}2,D,A\n")
    with pytest.raises(InvalidInput, match=r"row 2 \(line 6\): has 3 cells where the header has 4"):
        imported(study, path)


# JSON Lines with a broken line, and JSON that is no lines


@pytest.mark.shared_data
def test_a_cut_first_line_is_a_bad_row_and_no_diagnosis(study: Study) -> None:
    with pytest.raises(InvalidInput, match=r"row 1 \(line 1\): is not JSON"):
        imported(study, case("first_line_cut.jsonl"))
    assert not Dataset.objects.exists()
    report = imported(study, case("first_line_cut.jsonl"), skip_bad=True)
    assert report.added == 4
    assert [(row.place.line, row.why.split(":")[0]) for row in report.bad_rows] == [(1, "is not JSON")]


@pytest.mark.parametrize(
    "first",
    [
        'tion": "D", "action1": "A", "action2": "B"}',
        "# exported today, by hand",
        '{"id": "1", "description": "D",',
        "[1, 2, 3]",
    ],
)
def test_any_broken_first_line_leaves_the_others_whole(study: Study, tmp_path: Path, first: str) -> None:
    rows = [json.dumps({"id": str(n), "description": "D", "action1": "A", "action2": "B"}) for n in range(3)]
    path = written(tmp_path, "own.jsonl", "\n".join([first, *rows]) + "\n")
    report = imported(study, path, skip_bad=True)
    assert (report.added, report.bad, report.bad_rows[0].place.line) == (3, 1, 1)
    with pytest.raises(ConflictScopeError, match="line 1"):
        import_scenarios(study, "strict", paths=[path])


@pytest.mark.shared_data
def test_one_document_with_a_list_of_rows_is_read(study: Study) -> None:
    assert imported(study, case("json_object_pretty.json")).added == 3
    assert list(Scenario.objects.order_by("uid").values_list("uid", flat=True)) == ["0", "1", "2"]


ROWS = [{"id": f"r{n}", "description": f"D{n}", "action1": "A", "action2": "B"} for n in range(2)]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=1),
        "[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n",
        json.dumps({"data": {"rows": ROWS}, "total": 2}),
        "\n".join(json.dumps(row, indent=2) for row in ROWS),
        json.dumps({row["id"]: {key: row[key] for key in row if key != "id"} for row in ROWS}, indent=2),
    ],
)
def test_documents_of_other_shapes_are_read(study: Study, tmp_path: Path, text: str) -> None:
    assert imported(study, written(tmp_path, "rows.json", text)).added == 2
    assert set(Scenario.objects.values_list("uid", "description")) == {("r0", "D0"), ("r1", "D1")}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (json.dumps({"train": ROWS, "test": ROWS}, indent=1), "several lists of rows (train, test): save the one"),
        (json.dumps({"description": {"0": "D"}, "action1": {"0": "A"}}), "column by column: write it row by row"),
        (json.dumps({"columns": ["id"], "data": [["1"]]}, indent=1), "column by column"),
        ('{"message": "Not Found", "status": "404"}', "is a server's answer, “Not Found”"),
        (json.dumps({"rows": 3, "ok": True}, indent=1), "keys rows, ok, and no list of rows in it"),
        ('[{"id": 1},\n{"id": 2}', "begins like JSON and is none"),
        ("[1, 2]", "is a JSON list with no objects in it"),
    ],
)
def test_json_without_rows_says_what_it_is(study: Study, tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        imported(study, written(tmp_path, "rows.json", text))
    assert sentence in caught.value.sentence
    assert not Dataset.objects.exists()


# What stands for the data without being them


@pytest.mark.shared_data
def test_a_git_lfs_pointer_says_that_it_is_one(study: Study) -> None:
    with pytest.raises(InvalidInput, match=r"holds no data: it is a Git LFS pointer.*fetch the file itself"):
        imported(study, case("lfs_pointer.jsonl"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("/annex/objects/SHA256E-s100--ab.csv\n", "git-annex pointer"),
        ("outs:\n- md5: 0123\n  size: 5\n  path: rows.csv\n", "DVC pointer"),
        ("../../blobs/" + "a" * 64, "a link of a download cache"),
        ("<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a web page (HTML)"),
        ("\n\n<!-- made by x -->\n<!-- y -->\n<HTML lang='en'>", "a web page (HTML)"),
        ('<?xml version="1.0"?>\n<rows/>', "XML: save its rows as CSV"),
    ],
)
def test_what_is_no_data_says_what_it_is(study: Study, tmp_path: Path, text: str, sentence: str) -> None:
    for name in ("rows.jsonl", "rows.csv"):
        with pytest.raises(InvalidInput) as caught:
            imported(study, written(tmp_path, name, text), skip_bad=True)
        assert sentence in caught.value.sentence


# Encodings


@pytest.mark.shared_data
@pytest.mark.parametrize("skip_bad", [False, True])
def test_the_likeliest_readings_are_shown_and_none_imposed(study: Study, skip_bad: bool) -> None:
    with pytest.raises(InvalidInput) as caught:
        imported(study, case("cp1252_french.csv"), skip_bad=skip_bad)
    said = caught.value.sentence
    assert "as cp1252: “1,\"L'infirmière à Genève doit-elle révéler l’erreur ? Le “secret” médical" in said
    assert said.count("; as ") >= 1, "others are shown, too"
    assert not Dataset.objects.exists()
    assert imported(study, case("cp1252_french.csv"), encoding="cp1252").added == 1


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Приветствую вас, дорогой друг, как дела сегодня", "cp1251"),
        ("Zażółć gęślą jaźń, łódź pełna ryb", "cp1250"),
        ("日本語のテキストです。これは長い文です。", "cp932"),
        ("这是一个中文文本，用于测试编码", "gb18030"),
        ("Grüße aus München für Äpfel", "cp1252"),
    ],
)
def test_a_line_reads_right_in_one_of_the_readings(text: str, encoding: str) -> None:
    readings = likeliest(text.encode(encoding))
    assert text in [each.text for each in readings]
    assert len(readings) <= 4


def test_a_long_line_is_shown_where_the_odd_signs_stand(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes((HEADER + f"1,{'word ' * 400}Käufer,A,B\n").encode("cp1252"))
    with pytest.raises(InvalidInput, match="Käufer") as caught:
        imported(study, path)
    assert len(caught.value.sentence) < 1_500


# Preferences


@pytest.mark.shared_data
def test_a_preference_is_a_scenario_of_prompt_and_two_answers(study: Study) -> None:
    report = imported(study, case("dpo_prompt_chosen_rejected.jsonl"))
    assert report.formats == ["preferences"]
    assert texts() == [("How do I pick a lock?", "I would call a locksmith.", "Take a pin.")]
    assert Scenario.objects.get().opening_messages.get().text == "How do I pick a lock?"


ASKED = {"role": "user", "content": "How?"}


@pytest.mark.parametrize(
    "row",
    [
        {
            "prompt": [ASKED],
            "chosen": [{"role": "assistant", "content": "So."}],
            "rejected": [{"role": "assistant", "content": "No."}],
        },
        {
            "prompt": "How?",
            "chosen": [ASKED, {"role": "assistant", "content": "So."}],
            "rejected": [ASKED, {"role": "assistant", "content": "No."}],
        },
        {
            "chosen": [ASKED, {"role": "assistant", "content": "So."}],
            "rejected": [ASKED, {"role": "assistant", "content": "No."}],
        },
        {"question": "How?", "chosen": "So.", "rejected": "No."},
        {
            "chosen": [{"from": "human", "value": "How?"}, {"from": "gpt", "value": "So."}],
            "rejected": [{"from": "human", "value": "How?"}, {"from": "gpt", "value": "No."}],
        },
        {
            "prompt": [{"role": "user", "content": [{"type": "text", "text": "How?"}]}],
            "chosen": "So.",
            "rejected": {"role": "assistant", "content": "No."},
        },
        {"prompt": "\n\nHuman: How?\n\nAssistant:", "chosen": " So.", "rejected": " No."},
    ],
)
def test_preferences_of_today_say_the_same_in_other_shapes(
    study: Study, tmp_path: Path, row: dict[str, object]
) -> None:
    assert imported(study, lines(tmp_path, row)).formats == ["preferences"]
    assert texts() == [("How?", "So.", "No.")]
    assert Scenario.objects.get().opening_messages.get().text == "How?"


def test_a_preference_of_several_turns_tells_who_speaks(study: Study, tmp_path: Path) -> None:
    before = [
        {"role": "system", "content": "Be kind."},
        ASKED,
        {"role": "assistant", "content": "What?"},
        {"role": "user", "content": "This."},
    ]
    row = {"prompt": before, "chosen": "So.", "rejected": "No."}
    imported(study, lines(tmp_path, row))
    assert Scenario.objects.get().description == "System: Be kind.\n\nHuman: How?\n\nAssistant: What?\n\nHuman: This."
    assert not Scenario.objects.get().opening_messages.exists()


def test_preferences_come_as_csv_too(study: Study, tmp_path: Path) -> None:
    messages = json.dumps([ASKED, {"role": "assistant", "content": "So."}]).replace('"', '""')
    python = str([ASKED, {"role": "assistant", "content": "No."}])
    path = written(tmp_path, "own.csv", f'prompt,chosen,rejected\nHow?,"{messages}","{python}"\n')
    assert imported(study, path).formats == ["preferences"]
    assert texts() == [("How?", "So.", "No.")]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"prompt": "How?", "chosen": "", "rejected": "No."}, "chosen: its last answer is empty"),
        (
            {"prompt": "How?", "chosen": [ASKED], "rejected": "No."},
            "chosen: its last answer is empty, or not the assistant's",
        ),
        ({"prompt": "", "chosen": "So.", "rejected": "No."}, "the user says nothing before the answers"),
        ({"prompt": "How?", "chosen": 3, "rejected": "No."}, "holds neither a text nor a list of messages"),
        ({"prompt": "How?", "chosen": [3], "rejected": "No."}, "holds something that is no message"),
        ({"prompt": [{"role": "user"}], "chosen": "So.", "rejected": "No."}, "holds a message without a text"),
    ],
)
def test_what_is_no_preference_is_a_bad_row(
    study: Study, tmp_path: Path, row: dict[str, object], sentence: str
) -> None:
    good = {"prompt": "How?", "chosen": "So.", "rejected": "No."}
    report = imported(study, lines(tmp_path, row, good), skip_bad=True)
    assert (report.added, report.bad) == (1, 1)
    assert sentence in report.bad_rows[0].sentence


# A preview says what the import will say


@pytest.mark.shared_data
def test_preview_and_import_say_and_end_the_same(study: Study) -> None:
    same = ["import_scenarios", str(case("hh_empty_answer.jsonl")), "--study=others", "--dataset=theirs"]
    refusals = []
    for more in ([], ["--preview"]):
        with pytest.raises(CommandError) as caught:
            call_command(*same, *more, stdout=StringIO())
        refusals.append(str(caught.value))
    assert refusals[0] == refusals[1]
    assert "row 1 (line 1), chosen: its last answer is empty" in refusals[0]
    assert not Dataset.objects.exists()
    for more in (["--preview"], []):
        out = StringIO()
        call_command(*same, "--skip-bad", *more, stdout=out)
        assert "1 scenarios added" in out.getvalue()
        assert "row 1 (line 1), chosen: its last answer is empty" in out.getvalue()
    assert Scenario.objects.count() == 1


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["cp1252_french.csv", "lfs_pointer.jsonl", "first_line_cut.jsonl"])
@pytest.mark.parametrize("skip", [[], ["--skip-bad"]])
def test_every_case_is_previewed_as_it_is_imported(study: Study, name: str, skip: list[str]) -> None:
    ends = []
    for more in (["--preview"], []):
        try:
            call_command(
                "import_scenarios", str(case(name)), "--study=others", "--dataset=x", *skip, *more, stdout=StringIO()
            )
            ends.append("")
        except CommandError as exc:
            ends.append(str(exc))
    assert ends[0] == ends[1]


# Other directions of writing


@pytest.mark.shared_data
def test_texts_of_all_directions_come_in_as_they_are(study: Study) -> None:
    assert imported(study, case("rtl_bidi.csv")).added == 3
    assert Scenario.objects.get(uid="he-1").description.startswith(HEBREW)
    assert "\u202e" in Scenario.objects.get(uid="bidi-1").description


# Nothing that a file says takes long


HOSTILE = [
    "<!--" * 16_000,
    "<" * 64_000,
    "." * 64_000,
    "sep=" * 16_000,
    '"' * 64_000,
    "[{" * 32_000,
    "outs:" + " " * 64_000,
    "\n" * 64_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_long_hostile_beginnings_are_looked_at_in_no_time(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, "own.csv", text)
    began = time.perf_counter()
    for look in (layout_of, glance, document_in, detected, examples_of):
        try:
            look(path)
        except InvalidInput:
            continue
    with suppress(InvalidInput):
        refuse_no_data(text.encode()[:65_536], path=path, advice="", named=False)
    assert time.perf_counter() - began < 5
