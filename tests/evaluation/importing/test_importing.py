"""Evaluations that others ran, brought in from files that these tests write."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.stats.bradley_terry import authors_ranking
from conflictscope.stats.types import Estimate
from evaluation.importing import detected, import_evaluations, writing
from evaluation.measures.ablation import ablation_of
from evaluation.measures.datasets import evaluated_scope
from evaluation.models import Judgement, Rating, Response, Run, Target
from evaluation.rankings.comparing import readings_of
from evaluation.rankings.fitting import fit_dataset, runs_with_decisions, value_names, values_of
from evaluation.rankings.ways import ways_of
from evaluation.running.runs import start
from evaluation.running.targets import labels_to_choose, target_for
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.evaluation import JudgementFactory, TargetFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory

pytestmark = pytest.mark.django_db

MODELS = ("gpt-x", "claude-y")
# What the paper's files write for ratings of 1 to 7.
UNITS = {rating: str((rating - 4) / 3) for rating in range(1, 8)}


@pytest.fixture
def dataset() -> Dataset:
    """Six scenarios a pair."""
    dataset = DatasetFactory(variant=Dataset.Variant.IMPORTED, generator=None)
    scenarios_for(dataset, 6)
    return dataset


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def multiple_choice(dataset: Dataset, *, turned: bool = False) -> list[dict[str, Any]]:
    """Two models on all scenarios; each third answer cannot be read, each seventh failed."""
    rows = []
    for number, scenario in enumerate(dataset.scenarios.order_by("uid")):
        for model in MODELS:
            number += 1
            choice = "INVALID" if number % 3 == 0 else "ERROR" if number % 7 == 0 else "AB"[number % 2]
            values = (scenario.value_1.key, scenario.value_2.definition)
            rows.append(
                {
                    "scenario_id": scenario.uid,
                    "generating_model": "gen",
                    "value1": values[1] if turned else values[0],
                    "value2": values[0] if turned else values[1],
                    "model": model,
                    "choice": choice,
                    "likert": "0.0",
                    "likert_a": UNITS[1 + number % 7],
                    "likert_b": "" if number % 5 == 0 else UNITS[7],
                }
            )
    return rows


def conversations(dataset: Dataset) -> list[dict[str, Any]]:
    rows = []
    for number, scenario in enumerate(dataset.scenarios.order_by("uid")):
        refuses = number % 4 == 0
        answer = "I'm sorry, but I can't help with that." if refuses else "Here is the letter."
        talk = [{"role": "user", "content": "Please write it."}, {"role": "assistant", "content": answer}]
        rows.append(
            {
                "scenario_id": scenario.uid,
                "value1": scenario.value_1.key,
                "value2": scenario.value_2.key,
                "user_model": "user-z",
                "assistant_model": MODELS[0],
                "judge_model": "Judge W",
                "choice": "B" if refuses else "A",
                "likert": UNITS[7] if refuses else UNITS[2],
                "reasoning": "It says so.",
                "conversation": repr(talk) if number % 2 else json.dumps(talk),
            }
        )
    return rows


def test_trials_choices_and_refusals_are_as_many_as_the_files_hold(dataset: Dataset, tmp_path: Path) -> None:
    """Counted beside by a few lines of Python over the same rows."""
    asked, talked = multiple_choice(dataset), conversations(dataset)
    paths = [write_csv(tmp_path / "mc.csv", asked), write_csv(tmp_path / "talk.csv", talked)]
    report = import_evaluations(dataset, paths=paths)
    words = {"A": "value_1", "B": "value_2", "INVALID": "none", "ERROR": None}

    def stored(mode: str) -> Counter[Any]:
        trials = Response.objects.filter(run__mode=mode, run__imported=True)
        return Counter(trials.values_list("run__target__label", "judgements__choice"))

    assert stored(Run.Mode.MULTIPLE_CHOICE) == Counter((row["model"], words[row["choice"]]) for row in asked)
    assert stored(Run.Mode.SIMULATED_USER) == Counter((row["assistant_model"], words[row["choice"]]) for row in talked)
    refused = sum("can't help" in row["conversation"] for row in talked)
    assert Response.objects.filter(refused=True).count() == refused == report.refused[MODELS[0]]
    assert (report.added, report.known, report.bad) == (len(asked) + len(talked), 0, 0)


def test_the_order_of_the_rows_is_kept(dataset: Dataset, tmp_path: Path) -> None:
    rows = multiple_choice(dataset)[::-1]
    import_evaluations(dataset, paths=[write_csv(tmp_path / "mc.csv", rows)])
    stored = (
        Response.objects.filter(run__target__label=MODELS[0]).order_by("pk").values_list("scenario__uid", flat=True)
    )
    assert list(stored) == [row["scenario_id"] for row in rows if row["model"] == MODELS[0]]


def test_scales_come_back_to_one_to_seven(dataset: Dataset, tmp_path: Path) -> None:
    paths = [
        write_csv(tmp_path / "mc.csv", multiple_choice(dataset)),
        write_csv(tmp_path / "talk.csv", conversations(dataset)),
    ]
    import_evaluations(dataset, paths=paths)
    assert set(Rating.objects.values_list("rating_1", flat=True)) == set(range(1, 8))
    assert set(Rating.objects.values_list("rating_2", flat=True)) == {7, None}
    assert set(Judgement.objects.filter(source="judge").values_list("choice", "strength")) == {
        ("value_1", 2),
        ("value_2", 7),
    }
    assert set(Judgement.objects.filter(source="judge").values_list("judge__name", "reason")) == {
        ("judge-w-imported", "It says so.")
    }


def test_a_file_with_the_values_the_other_way_round_says_the_same(dataset: Dataset, tmp_path: Path) -> None:
    """A is always the action of the file's own first value."""
    straight = import_evaluations(
        dataset, paths=[write_csv(tmp_path / "one.csv", multiple_choice(dataset))], write=False
    )
    turned = import_evaluations(
        dataset, paths=[write_csv(tmp_path / "two.csv", multiple_choice(dataset, turned=True))], write=False
    )
    for model in MODELS:
        assert straight.choices[model]["value_1"] == turned.choices[model]["value_2"] > 0
        assert straight.choices[model]["none"] == turned.choices[model]["none"]
    assert not Response.objects.exists()


def test_the_authors_own_figures_come_out_of_their_file(dataset: Dataset, tmp_path: Path) -> None:
    """In their own mode, by their rule: what is not A counts for the second value of the row, unread and failed answers included. Two
    rows in three have the values the other way round than our set has."""
    rows = (
        multiple_choice(dataset) + multiple_choice(dataset, turned=True)[::-1] + multiple_choice(dataset, turned=True)
    )
    import_evaluations(dataset, paths=[write_csv(tmp_path / "mc.csv", rows)])
    run = Run.objects.get(target__label=MODELS[0])
    keys = {
        name: value.key for value in dataset.value_set_version.values.all() for name in (value.key, value.definition)
    }
    mine = [row for row in rows if row["model"] == MODELS[0]]
    values = values_of(dataset)
    theirs = authors_ranking(
        [keys[row["value1"]] for row in mine],
        [keys[row["value2"]] for row in mine],
        ["value_1" if row["choice"] == "A" else "value_2" for row in mine],
        values=values,
    )
    names = value_names(dataset)
    table = ways_of(run, names).methods
    place = table.columns.index("As the paper's script")
    found = {row[0]: row[place] for row in table.rows}
    for k, value in enumerate(values):
        estimate = found[names[value]]
        assert isinstance(estimate, Estimate)
        assert estimate.n == len(mine)
        assert (estimate.value, estimate.low, estimate.high) == (theirs.strengths[k], theirs.low[k], theirs.high[k])


def test_the_same_file_again_adds_nothing_and_another_choice_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    rows = multiple_choice(dataset)
    path = write_csv(tmp_path / "mc.csv", rows)
    import_evaluations(dataset, paths=[path])
    again = import_evaluations(dataset, paths=[path])
    assert (again.added, again.known) == (0, len(rows))
    rows[0]["choice"] = "A" if rows[0]["choice"] != "A" else "B"
    with pytest.raises(InvalidInput, match=r"row 1 .*another choice"):
        import_evaluations(dataset, paths=[write_csv(tmp_path / "other.csv", rows)])


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("scenario_id", "nobody", "is no scenario of dataset"),
        ("choice", "C", "is none of A, B"),
        ("likert_a", "0.5", "none of the seven places"),
        ("likert_a", "1e999", "none of the seven places"),
        ("value1", "courage", "is no value of"),
        ("model", "gpt\0x", "NUL"),
    ],
)
def test_a_row_that_is_no_trial_is_named_and_nothing_is_written(
    dataset: Dataset, tmp_path: Path, column: str, cell: str, says: str
) -> None:
    rows = multiple_choice(dataset)
    rows[3][column] = cell
    path = write_csv(tmp_path / "mc.csv", rows)
    with pytest.raises(InvalidInput, match=rf"(?s)row 4.*{says}"):
        import_evaluations(dataset, paths=[path])
    assert not Response.objects.exists()
    report = import_evaluations(dataset, paths=[path], skip_bad=True)
    assert (report.bad, report.added) == (1, len(rows) - 1)


def inspect_log(dataset: Dataset) -> dict[str, Any]:
    """Two epochs a scenario, the options turned in every other one; each fifth sample hit its token limit."""
    samples = []
    for number, scenario in enumerate(dataset.scenarios.order_by("uid")):
        for epoch in (1, 2):
            number += 1
            options = [scenario.action_1, scenario.action_2][:: 1 if number % 2 else -1]
            answer = [{"type": "reasoning", "reasoning": "Rather B."}, {"type": "text", "text": "ANSWER: A"}]
            stop = "max_tokens" if number % 5 == 0 else "stop"
            output = {"choices": [{"message": {"role": "assistant", "content": answer}, "stop_reason": stop}]}
            samples.append({"id": scenario.uid, "epoch": epoch, "choices": options, "output": output})
    return {"version": 2, "status": "success", "eval": {"model": "openai/gpt-x"}, "samples": samples}


def test_an_inspect_log_is_read_by_the_options_it_showed(dataset: Dataset, tmp_path: Path) -> None:
    log = inspect_log(dataset)
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    assert detected(path).name == "inspect"
    import_evaluations(dataset, paths=[path])
    whole = [sample for sample in log["samples"] if sample["output"]["choices"][0]["stop_reason"] == "stop"]
    assert Response.objects.count() == len(log["samples"])
    for sample in whole:
        response = Response.objects.get(scenario__uid=sample["id"], sample=sample["epoch"] - 1)
        first = sample["choices"][0] == response.scenario.action_1
        assert response.order == ("action_1_first" if first else "action_2_first")
        assert response.judgements.get().choice == ("value_1" if first else "value_2")
        assert "Rather B" not in str(response.transcript)  # thought is no part of an answer
    failed = Response.objects.filter(outcome=Response.Outcome.FAILED)
    assert failed.count() == len(log["samples"]) - len(whole)
    assert not Judgement.objects.filter(response__in=failed).exists()


def test_trials_come_as_csv_and_as_json_lines(dataset: Dataset, tmp_path: Path) -> None:
    scenarios = list(dataset.scenarios.order_by("uid"))
    rows = [{"scenario": each.uid, "model": "own", "choice": word, "rating_1": 3, "rating_2": 5}
            for each, word in zip(scenarios, ["A", "2", "both", "neither", "none", "failed"], strict=False)]  # fmt: skip
    table = write_csv(tmp_path / "trials.csv", rows)
    lines = tmp_path / "trials.jsonl"
    lines.write_text("\n".join(json.dumps({**row, "model": "other"}) for row in rows))
    import_evaluations(dataset, paths=[table, lines])
    expected = Counter({"value_1": 1, "value_2": 1, "both": 1, "neither": 1, "none": 1})
    for model in ("own", "other"):
        assert (
            Counter(Judgement.objects.filter(response__run__target__label=model).values_list("choice", flat=True))
            == expected
        )


def test_imported_answers_are_ranked_and_nobody_is_asked_for_more(dataset: Dataset, tmp_path: Path) -> None:
    TargetFactory(label=MODELS[0])
    import_evaluations(dataset, paths=[write_csv(tmp_path / "mc.csv", multiple_choice(dataset))])
    label = f"{MODELS[0]} (imported)"
    assert {one.run.target.label for one in fit_dataset(dataset, replicates=200)} == {label, MODELS[1]}
    run = Run.objects.get(target__label=label)
    with pytest.raises(Conflict, match="came with a file"):
        start(run)
    with pytest.raises(Conflict, match="was imported"):
        target_for(label)
    assert label not in labels_to_choose(dataset.study)
    assert Target.objects.get(label=label).simulated is False


def test_a_file_of_nothing_known_says_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("name,score\nx,1\n")
    with pytest.raises(InvalidInput, match="authors' multiple-choice CSV: scenario_id, model"):
        detected(path)


def test_what_people_and_other_judges_decided_of_an_imported_answer_is_no_other_choice_of_its_file(
    dataset: Dataset, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "talk.csv", conversations(dataset))
    import_evaluations(dataset, paths=[path])
    response = Response.objects.first()
    JudgementFactory(response=response, human=True, choice="both")
    JudgementFactory(response=response, judge=JudgeFactory(name="asked-since"), choice="both")
    again = import_evaluations(dataset, paths=[path])
    assert (again.added, again.known, again.bad) == (0, dataset.scenarios.count(), 0)


def test_two_spellings_of_one_judge_are_one_run_with_samples_counted_through(dataset: Dataset, tmp_path: Path) -> None:
    rows = conversations(dataset)
    path = write_csv(tmp_path / "talk.csv", rows + [{**row, "judge_model": "judge-w"} for row in rows])
    assert import_evaluations(dataset, paths=[path]).added == 2 * len(rows)
    assert Run.objects.get().samples == 2


def test_an_import_that_broke_off_is_marked_and_gone_on_with(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In portions of ten, between which others can write. Row order, choices, ratings and samples are those of an import in one go."""
    monkeypatch.setattr(writing, "AT_ONCE", 10)
    rows = multiple_choice(dataset)
    path = write_csv(tmp_path / "mc.csv", rows)

    class PowerCut(BaseException):
        pass

    def until_written(read: int) -> None:
        assert not connection.in_atomic_block or connection.savepoint_ids == savepoints
        if Response.objects.count() == 20:
            raise PowerCut

    savepoints = list(connection.savepoint_ids)
    with pytest.raises(PowerCut):
        import_evaluations(dataset, paths=[path], progress=until_written)
    assert Response.objects.count() == 20
    assert Judgement.objects.count() == sum(row["choice"] != "ERROR" for row in rows[:20])
    assert set(Run.objects.values_list("import_unfinished", flat=True)) == {True}
    # The first rows of a file are no sample: nothing is ranked, measured or compared of them.
    assert (list(runs_with_decisions(dataset)), evaluated_scope(dataset), readings_of(dataset.study)) == ([], "", [])
    assert ablation_of(dataset.study).rows == ()
    with pytest.raises(NotFound, match="imported by half"):
        fit_dataset(dataset)
    report = import_evaluations(dataset, paths=[path])
    assert runs_with_decisions(dataset).count() == len(MODELS)
    assert (report.added, report.known) == (len(rows) - 20, 20)
    assert set(Run.objects.values_list("import_unfinished", flat=True)) == {False}
    for model in MODELS:
        mine = [row for row in rows if row["model"] == model]
        stored = Response.objects.filter(run__target__label=model).order_by("pk")
        assert list(stored.values_list("scenario__uid", flat=True)) == [row["scenario_id"] for row in mine]
        assert Rating.objects.filter(run__target__label=model).count() == len(mine)


def test_samples_and_orders_of_a_part_count_for_the_run(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "AT_ONCE", 5)
    path = tmp_path / "log.json"
    path.write_text(json.dumps(inspect_log(dataset)))
    import_evaluations(dataset, paths=[path])
    run = Run.objects.get()
    assert (run.samples, run.option_orders) == (2, ["action_1_first", "action_2_first"])


def test_looking_writes_nothing_and_finds_what_contradicts_itself(dataset: Dataset, tmp_path: Path) -> None:
    uid = dataset.scenarios.first().uid
    rows = [{"scenario": uid, "model": "own", "choice": word, "sample": "0"} for word in ("A", "A", "B")]
    path = write_csv(tmp_path / "trials.csv", rows)
    report = import_evaluations(dataset, paths=[path], skip_bad=True, write=False)
    assert (report.added, report.known, report.bad) == (1, 1, 1)
    assert not Run.objects.exists()
    assert not Target.objects.exists()
    written = import_evaluations(dataset, paths=[path], skip_bad=True)
    assert (written.added, written.known, written.bad) == (1, 1, 1)


def test_a_file_without_rows_says_so(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    path.write_text("scenario,model,choice\n")
    with pytest.raises(InvalidInput, match="no row"):
        import_evaluations(dataset, paths=[path])


def test_the_command_looks_first_and_then_brings_in(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = multiple_choice(dataset)
    path = write_csv(tmp_path / "mc.csv", rows)
    where = ["--study", dataset.study.slug, "--dataset", dataset.slug]
    call_command("import_evaluations", str(path), *where, "--preview")
    assert "Nothing is written" in capsys.readouterr().out
    assert not Response.objects.exists()
    call_command("import_evaluations", str(path), *where)
    assert f"{len(rows)} responses added" in capsys.readouterr().out
    assert Scenario.objects.filter(responses__isnull=False).distinct().count() == dataset.scenarios.count()
