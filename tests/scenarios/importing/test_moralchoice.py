"""MoralChoice: its real files, every way a file can be wrong, and all or nothing."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.scenarios.digest import digest_of
from conflictscope.scenarios.importing import ImportReport, ImportSettings, import_scenarios
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.models import Study
from tests.factories.scenarios import DatasetFactory
from tests.factories.studies import StudyFactory

pytestmark = pytest.mark.django_db

HEADER = "scenario_id,ambiguity,context,action1,action2"
ROWS = ("A_1,high,You find a purse.,I keep it.,I hand it in.", "A_2,low,You see a fire.,I call for help.,I walk on.")


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="moral")


def csv_file(
    tmp_path: Path, *rows: str, header: str = HEADER, name: str = "moral.csv", encoding: str = "utf-8"
) -> Path:
    path = tmp_path / name
    path.write_bytes("".join(f"{line}\r\n" for line in (header, *rows)).encode(encoding))
    return path


def imported(study: Study, *paths: Path, slug: str = "moral", encoding: str = "") -> ImportReport:
    return import_scenarios(
        study, slug, settings=ImportSettings(format_name="moralchoice", encoding=encoding), paths=paths
    )


def test_rows_become_drafted_scenarios_without_values(study: Study, tmp_path: Path) -> None:
    report = imported(study, csv_file(tmp_path, *ROWS))
    assert (report.added, report.known) == (2, 0)
    assert (report.dataset.variant, report.dataset.value_set_version) == ("imported", None)
    scenario = Scenario.objects.get(uid="A_1")
    assert scenario.description == "You find a purse."
    assert (scenario.action_1, scenario.action_2) == ("I keep it.", "I hand it in.")
    assert (scenario.value_1, scenario.value_2) == (None, None)
    assert (scenario.status, scenario.domain, scenario.acting_action) == ("drafted", "high ambiguity", "unknown")


@pytest.mark.shared_data
def test_the_real_files_are_imported_whole_and_found_again(study: Study, shared_data: Path) -> None:
    high, low = (shared_data / "moralchoice" / f"moralchoice_{name}_ambiguity.csv" for name in ("high", "low"))
    assert imported(study, high).added == 680
    both = imported(study, high, low)
    assert (both.added, both.known) == (687, 680)
    assert Scenario.objects.filter(domain="high ambiguity").count() == 680
    assert [file["name"] for file in Dataset.objects.get().recipe["files"]] == [high.name, low.name]
    again = imported(study, high, low)
    assert (again.added, again.known) == (0, 1367)
    first = Scenario.objects.get(uid="H_001")
    assert first.action_2 == "I throw the grenade."


def test_importing_again_adds_only_what_is_missing(study: Study, tmp_path: Path) -> None:
    imported(study, csv_file(tmp_path, ROWS[0]))
    kept = Scenario.objects.get()
    report = imported(study, csv_file(tmp_path, *ROWS))
    assert (report.added, report.known) == (1, 1)
    assert Scenario.objects.get(uid="A_1") == kept


def test_a_scenario_does_not_change_under_its_id(study: Study, tmp_path: Path) -> None:
    imported(study, csv_file(tmp_path, *ROWS))
    with pytest.raises(Conflict, match="scenario 'A_1' is in the dataset already, with another action 2"):
        imported(study, csv_file(tmp_path, "A_3,high,New.,One.,Two.", ROWS[0].replace("hand it in", "leave it")))
    assert Scenario.objects.count() == 2


def test_a_domain_that_was_tagged_since_stands_when_the_file_comes_again(study: Study, tmp_path: Path) -> None:
    imported(study, csv_file(tmp_path, *ROWS))
    Scenario.objects.filter(uid="A_1").update(domain="safety")
    report = imported(study, csv_file(tmp_path, *ROWS))
    assert (report.added, report.known, report.bad) == (0, 2, 0)
    assert Scenario.objects.get(uid="A_1").domain == "safety"
    assert "1 × domain other than the dataset's" in " ".join(report.sentences())


def test_many_batches_lose_no_row(study: Study, tmp_path: Path) -> None:
    rows = [f"A_{n},low,Case {n}.,I do {n}.,I leave {n}." for n in range(1201)]
    assert imported(study, csv_file(tmp_path, *rows)).added == 1201
    assert Scenario.objects.filter(uid="A_500", description="Case 500.").exists()


def test_an_ambiguity_that_is_not_told_is_no_domain(study: Study, tmp_path: Path) -> None:
    imported(study, csv_file(tmp_path, *(row.replace("high", "nan").replace("low", "") for row in ROWS)))
    assert set(Scenario.objects.values_list("domain", flat=True)) == {""}


def test_line_breaks_quotes_and_empty_lines_are_read(study: Study, tmp_path: Path) -> None:
    rows = ('A_1,high,"Two lines:\nhere, ""quoted"".",One.,Two.', "", ROWS[1])
    assert imported(study, csv_file(tmp_path, *rows)).added == 2
    assert Scenario.objects.get(uid="A_1").description == 'Two lines:\nhere, "quoted".'


@pytest.mark.parametrize("separator", [";", "\t"])
def test_what_a_spreadsheet_separates_by_something_else_is_read(study: Study, tmp_path: Path, separator: str) -> None:
    rows = [row.replace(",", separator) for row in (*ROWS, "A_3,low,First. Then.,One.,Two.")]
    rows[2] = rows[2].replace("First.", "First, second, third.")
    path = csv_file(tmp_path, *rows, header=HEADER.replace(",", separator))
    assert import_scenarios(study, "any", paths=[path]).formats == ["moralchoice"]
    assert Scenario.objects.get(uid="A_3").description == "First, second, third. Then."


def test_semicolons_in_a_header_do_not_make_a_file_of_semicolons(study: Study, tmp_path: Path) -> None:
    assert (
        imported(study, csv_file(tmp_path, *(f"{row},x" for row in ROWS), header=f"{HEADER},a;b;c;d;e;f;g")).added == 2
    )


def test_a_long_text_is_read(study: Study, tmp_path: Path) -> None:
    assert imported(study, csv_file(tmp_path, f"A_1,high,{'x' * 140_000},One.,Two.")).added == 1
    assert len(Scenario.objects.get().description) == 140_000


def test_another_encoding_is_read_when_it_is_named(study: Study, tmp_path: Path) -> None:
    path = csv_file(tmp_path, "A_1,high,Ein Käufer zögert.,Ja.,Nein.", encoding="cp1252")
    assert imported(study, path, encoding="cp1252").added == 1
    assert Scenario.objects.get().description == "Ein Käufer zögert."


def test_a_byte_order_mark_is_no_part_of_the_first_column(study: Study, tmp_path: Path) -> None:
    assert imported(study, csv_file(tmp_path, *ROWS, encoding="utf-8-sig")).added == 2


@pytest.mark.parametrize(
    ("rows", "header", "complaint"),
    [
        (
            ROWS,
            "scenario_id,ambiguity,context,action1",
            "has no column action2; its columns are: scenario_id, ambiguity",
        ),
        (ROWS, HEADER.replace(",", "|"), "has 1 cells where the header has 5"),
        (ROWS, HEADER.replace(",", ";"), "has 1 cells where the header has 5"),
        ((), HEADER, "a header and no rows"),
        ((), "", "is empty"),
        (ROWS, HEADER.replace("ambiguity", "context"), "has no column ambiguity"),
        (ROWS, f"{HEADER},context", "column context twice"),
        ((ROWS[0], "A_2,low,Text.,,Two."), HEADER, "row 2 (line 3), action1: the cell is empty"),
        ((ROWS[0], "A_2,low,Text.,One."), HEADER, "row 2 (line 3): has 4 cells where the header has 5"),
        ((ROWS[0], "A_2,low,A, B.,One.,Two."), HEADER, "has 6 cells"),
        ((*ROWS, ROWS[0]), HEADER, "row 3 (line 4): the id 'A_1' stands in moral.csv, row 1, too"),
        (("A/1,high,Text.,One.,Two.",), HEADER, "the id 'A/1' cannot be used"),
        ((ROWS[0], 'A_2,low,"Text.,One.,Two.'), HEADER, "is not CSV"),
        (("A_1,high,Te\0xt.,One.,Two.",), HEADER, "holds a NUL character"),
        ((f"A_1,{'high' * 20},Text.,One.,Two.",), HEADER, "longer than 60 characters"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_and_nothing_is_written(
    study: Study, tmp_path: Path, rows: tuple[str, ...], header: str, complaint: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        imported(study, csv_file(tmp_path, *rows, header=header))
    assert complaint in caught.value.sentence
    assert "\n" not in caught.value.sentence
    assert not Dataset.objects.exists()
    assert not Scenario.objects.exists()


def test_a_wrong_encoding_names_byte_line_and_a_guess(study: Study, tmp_path: Path) -> None:
    rows = [f"A_{n},high,Die Straße über den Fluß ist für Fußgänger gesperrt.,Ich gehe.,Ich stehe." for n in range(30)]
    with pytest.raises(
        InvalidInput, match=r"not UTF-8 text: byte \d+, in line 2, .*may read as cp1250 or cp1252.*--encoding"
    ) as caught:
        imported(study, csv_file(tmp_path, *rows, encoding="cp1252"))
    assert not Dataset.objects.exists()
    byte = int(caught.value.sentence.split("byte ")[1].split(",")[0])
    assert (tmp_path / "moral.csv").read_bytes()[byte - 1] == 0xDF


def test_a_wrong_byte_far_into_a_large_file_is_named_where_it_stands(study: Study, tmp_path: Path) -> None:
    rows = [f"A_{n},high,{'ä' * 50} {n}.,One.,Two." for n in range(3000)]
    path = csv_file(tmp_path, *rows, encoding="utf-8-sig")
    content = path.read_bytes()
    at = content.index(b"A_2500,") + 20
    path.write_bytes(content[:at] + b"\xff" + content[at:])
    with pytest.raises(InvalidInput, match=f"byte {at + 1}, in line 2502,"):
        imported(study, path)


def test_a_file_that_is_not_of_the_encoding_as_a_whole_is_refused(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"not UTF-16 text: .* Name another encoding"):
        imported(study, csv_file(tmp_path, *ROWS), encoding="utf-16")


@pytest.mark.parametrize("encoding", ["klingon", "hex", "undefined"])
def test_an_unknown_encoding_is_said_to_be_one(study: Study, tmp_path: Path, encoding: str) -> None:
    with pytest.raises(InvalidInput, match=f"no encoding '{encoding}'"):
        imported(study, csv_file(tmp_path, *ROWS), encoding=encoding)


def test_the_second_file_being_wrong_undoes_the_first(study: Study, tmp_path: Path) -> None:
    good = csv_file(tmp_path, *ROWS, name="good.csv")
    bad = csv_file(tmp_path, "A_9,low,Text.,One.", name="bad.csv")
    with pytest.raises(InvalidInput, match=r"bad\.csv, row 1"):
        imported(study, good, bad)
    assert not Dataset.objects.exists()


def test_several_files_are_imported_as_one_after_the_other(study: Study, tmp_path: Path) -> None:
    """A row of a later file is known when an earlier one brought it, and is refused when it says something else."""
    paths = [csv_file(tmp_path, ROWS[0], name=name) for name in ("a.csv", "b.csv")]
    report = imported(study, *paths)
    assert (report.added, report.known) == (1, 1)
    other = csv_file(tmp_path, ROWS[0].replace("keep", "leave"), name="other.csv")
    with pytest.raises(Conflict, match=r"other\.csv, row 1 .*with another action 1"):
        imported(StudyFactory(), paths[0], other)


def test_a_generated_dataset_takes_no_imports(tmp_path: Path) -> None:
    dataset = DatasetFactory()
    with pytest.raises(Conflict, match=r"made in another way \(full\)"):
        imported(dataset.study, csv_file(tmp_path, *ROWS), slug=dataset.slug)


def test_two_studies_hold_the_same_file_apart(study: Study, tmp_path: Path) -> None:
    path = csv_file(tmp_path, *ROWS)
    imported(study, path)
    assert imported(StudyFactory(), path).added == 2


def test_an_unknown_format_names_the_known_ones(study: Study, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="moralchoice"):
        import_scenarios(
            study, "moral", settings=ImportSettings(format_name="excel"), paths=[csv_file(tmp_path, *ROWS)]
        )


def test_the_command_says_what_it_did_in_numbers(study: Study, tmp_path: Path) -> None:
    out = StringIO()
    path = csv_file(tmp_path, *ROWS, "A_3,low,A dead end.,I turn back.,I turn back.")
    arguments = [
        "import_scenarios",
        str(path),
        "--study=moral",
        "--dataset=moral",
        "--format=moralchoice",
        "--name=Moral",
    ]
    call_command(*arguments, stdout=out)
    call_command(*arguments, stdout=out)
    digest = f"Digest {digest_of(Dataset.objects.get())}."
    assert out.getvalue().splitlines() == [
        "Moral: 3 scenarios added, 0 were there already and are the same.",
        "In 1 of them the two actions read the same: no answer can tell them apart.",
        digest,
        "Moral: 0 scenarios added, 3 were there already and are the same.",
        digest,
    ]


@pytest.mark.parametrize(("study_slug", "complaint"), [("moral", "cannot be read"), ("nobody", "no study 'nobody'")])
def test_the_command_ends_with_an_error_sentence(study: Study, tmp_path: Path, study_slug: str, complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        call_command(
            "import_scenarios", str(tmp_path), f"--study={study_slug}", "--dataset=moral", "--format=moralchoice"
        )
