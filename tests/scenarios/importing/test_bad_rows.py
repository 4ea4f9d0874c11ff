"""Bad rows, looking before importing, and the command."""

from __future__ import annotations

import csv
import gzip
import json
import zipfile
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from conflictscope.errors import ConflictScopeError, InvalidInput
from conflictscope.files import texts as text_files
from conflictscope.scenarios.importing import csv_rows as rows_of_files
from conflictscope.scenarios.importing import detected, import_scenarios
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.models import Study
from tests.scenarios.importing.files import imported, written

pytestmark = pytest.mark.django_db


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
        (4, "description", "holds a byte that is not UTF-8, 0xFC, at character 2"),
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
    same = ["import_scenarios", str(path), "--study=others", "--dataset=theirs"]
    call_command(*same, "--preview", "--skip-bad", stdout=out)
    said = out.getvalue()
    assert "Nothing is written." in said
    assert "Columns: id=uid, scenario=description, a=action_1, b=action_2, domain=domain." in said
    assert "  Description: Rain.\n  Action 1: Go.\n  Action 2: Stay." in said
    assert "2 scenarios added" in said
    assert "6 of 8 rows were left out." in said
    assert "messy.csv, row 2 (line 3), b: the cell is empty" in said
    assert not Dataset.objects.exists()
    refused = StringIO()
    with pytest.raises(CommandError) as previewed:
        call_command(*same, "--preview", stdout=refused)
    assert refused.getvalue() == said, "what it would be with rows left out is shown all the same"
    with pytest.raises(CommandError) as imported_:
        call_command(*same)
    assert str(previewed.value) == str(imported_.value)


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


def test_a_quotation_mark_that_stays_open_takes_no_other_row_along(study: Study, tmp_path: Path) -> None:
    rows = (
        '1,Rain.,Go.,Stay.\n2,"Snow.,Go.,Stay.\n3,Hail.,Go.,Stay.\n4,"Fog, ""thick"".\nStill.",Go.,Stay.\n'
        '5,Ice.,Go.,Stay.\n6,"Sun.,Go.,Stay.\n7,Wind.,Go.,Stay.\n'
    )
    report = imported(study, written(tmp_path, "own.csv", f"id,scenario,a,b\n{rows}"), skip_bad=True)
    assert set(Scenario.objects.values_list("uid", flat=True)) == {"1", "3", "4", "5", "7"}
    assert Scenario.objects.get(uid="4").description == 'Fog, "thick".\nStill.'
    assert [(row.place.row, row.place.line) for row in report.bad_rows] == [(2, 3), (6, 8)]
    assert "in line 5. A quotation mark may be open since line 3; the lines after that one are read" in (
        report.bad_rows[0].why
    )
    assert "unexpected end of data" in report.bad_rows[1].why


def test_a_file_that_opens_quotation_marks_without_end_is_no_csv(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_of_files, "REREAD_LIMIT", 10_000)
    path = written(tmp_path, "own.csv", "id,scenario,a,b\n" + 'a","b\n' * 1000)
    with pytest.raises(InvalidInput, match="too many quotation marks are opened and not closed"):
        imported(study, path, skip_bad=True)


def test_the_report_of_bad_rows_never_writes_over_what_is_read(study: Study, tmp_path: Path) -> None:
    path = written(tmp_path, "own.csv", "scenario,a,b\nRain.,Go.,Stay.\nSnow.,,Stay.\n")
    before = path.read_bytes()
    (tmp_path / "link.csv").symlink_to(path)
    how = ["import_scenarios", str(path), "--study=others", "--dataset=theirs"]
    for report in (path, tmp_path / "link.csv", tmp_path / "in" / ".." / "own.csv"):
        with pytest.raises(CommandError, match="is to be read: name another file"):
            call_command(*how, "--skip-bad", f"--bad-rows={report}")
    assert path.read_bytes() == before
    with pytest.raises(CommandError, match="cannot be written: there is no such folder"):
        call_command(*how, "--skip-bad", f"--bad-rows={tmp_path / 'nowhere' / 'bad.csv'}")
    assert not Dataset.objects.exists()


def test_the_report_of_bad_rows_is_written_only_when_there_are_some(study: Study, tmp_path: Path) -> None:
    path = written(tmp_path, "own.csv", "scenario,a,b\nRain.,Go.,Stay.\nSnow.,,Stay.\n")
    report = tmp_path / "bad.csv"
    how = ["--study=others", "--dataset=theirs", f"--bad-rows={report}"]
    with pytest.raises(CommandError, match="the cell is empty"):
        call_command("import_scenarios", str(path), *how)
    call_command("import_scenarios", str(written(tmp_path, "good.csv", "scenario,a,b\nRain.,Go.,Stay.\n")), *how)
    assert not report.exists()
    call_command("import_scenarios", str(path), "--skip-bad", *how)
    assert len(report.read_text(encoding="utf-8").splitlines()) == 2


def zip_of(*names: str) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(
                zipfile.ZipInfo(name), "x" * 100
            )  # without the time, so that every worker names the same tests
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", r"mine\.csv is no text but a picture \(PNG\)\."),
        (b"%PDF-1.7\n", r"no text but a PDF\."),
        (gzip.compress(b"PAR1\0\0", mtime=0), "no text but a Parquet file; save it as CSV or JSON Lines"),
        (zip_of("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook; save its sheet as CSV"),
        (zip_of("rows.csv"), "a zip, and not that of an export; unpack it"),
        (zip_of("scenarios.csv")[:-30], "a zip that is damaged or cut off"),
        (
            "\ufeffid,scenario,a,b\n".encode("utf-16-le"),
            r"is no UTF-8 text but UTF-16 \(utf-16\): name its encoding .*, or save it as UTF-8\.",
        ),
        ("id,scenario,a,b\n".encode("utf-16-be"), r"may be UTF-16 \(utf-16-be\): name its encoding "),
    ],
)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_file_that_is_no_text_is_called_what_it_is(
    study: Study, tmp_path: Path, content: bytes, complaint: str, skip_bad: bool
) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=complaint):
        imported(study, path, skip_bad=skip_bad)


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_wrong_encoding_says_where_to_name_it(study: Study, tmp_path: Path, skip_bad: bool) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(b"id,scenario,a,b\n4,F\xfcr Elise.,Go.,Stay.\n")
    with pytest.raises(
        InvalidInput, match=r"(?i)name its encoding \(Encoding on the page, --encoding on the command line\)"
    ):
        imported(study, path, skip_bad=skip_bad)


@pytest.mark.parametrize("encoding", ["", "utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(study: Study, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "marked.csv"
    text = "scenario_id,ambiguity,context,action1,action2\nA_1,high,A purse.,Keep it.,Hand it in.\n"
    written_as = {"": "utf-8", "utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
    path.write_bytes(f"\ufeff{text}".encode(written_as))
    assert imported(study, path, encoding=encoding).formats == ["moralchoice"]
    assert Scenario.objects.get().uid == "A_1"


@pytest.mark.backends
def test_an_id_that_is_too_long_says_so(study: Study, tmp_path: Path) -> None:
    rows = f"{'x' * 200},Rain.,Go.,Stay.\n{'y' * 201},Snow.,Go.,Stay.\n"
    report = imported(study, written(tmp_path, "own.csv", f"id,scenario,a,b\n{rows}"), skip_bad=True)
    assert report.added == 1
    assert report.bad_rows[0].why == f"the id '{'y' * 60}'... has 201 characters; at most 200 fit."


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.csv", "scenario_id,ambiguity,context,action1,action2\n", "moralchoice"),
        ("a.csv", "idx,dilemma_situation,action_type,action\n", "daily_dilemmas"),
        ("a.csv", "x,y\n", "csv"),
        ("a.json", '{"chosen": "\\n\\nHuman: Hi", "rejected": ""}\n', "hh_rlhf"),
        ("a.json", '{"chosen": "", "rejected": ""}\n', "preferences"),
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
        detected(written(tmp_path, "a.json", "[\n1, 2]"))


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
