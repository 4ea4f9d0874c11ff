"""The data sets that the paper compares with: what their rows become, and which are refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from conflictscope.errors import InvalidInput
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.models import Study
from tests.scenarios.importing.files import imported, lines, written

pytestmark = pytest.mark.django_db


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


def test_a_dilemma_counts_for_the_two_rows_that_it_is_told_in(study: Study, tmp_path: Path) -> None:
    rows = ("1,Rain.,to_do,Go", "1,Rain.,not_to_do,Stay", "2,Snow.,to_do,Go", "2,Hail.,not_to_do,Stay")
    rows += ("a/b,Fog.,to_do,Go", "a/b,Fog.,not_to_do,Stay")
    path = written(tmp_path, "dd.csv", "\n".join(("idx,dilemma_situation,action_type,action", *rows)))
    report = imported(study, path, skip_bad=True)
    assert "4 of 6 rows were left out." in report.sentences()
    assert [row.place.row for row in report.bad_rows] == [3, 4, 5, 6]
    (told,) = Dataset.objects.get().recipe["files"]
    assert (told["rows"], told["added"], told["bad"]) == (6, 1, 4)


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
        ({"chosen": "Hi", "rejected": "Ho"}, "chosen: the user says nothing before the answers"),
        (
            {"chosen": "\n\nHuman: Hi\n\nAssistant: ", "rejected": "\n\nHuman: Hi\n\nAssistant: No"},
            "last answer is empty",
        ),
        ({"chosen": None, "rejected": "x"}, "chosen: holds neither a text nor a list of messages"),
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
