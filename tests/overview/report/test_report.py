"""The report of a study: what it says, by whose word, and that every number leads back."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Participant, Unsealing
from conflictscope.overview.report.facts import state_of_study
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role
from evaluation.models import Judgement, Run
from evaluation.rankings.fitting import fit_dataset
from evaluation.rankings.shifts import compare, said_and_done
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.evaluation import JudgementFactory, RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory
from tests.factories.studies import StudyFactory, UserFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    """One target that says the first value and does the second, as its judge has it; a second judge and people say otherwise."""
    study = StudyFactory(slug="mine", description="What do they do under pressure?")
    dataset, target = DatasetFactory(study=study, slug="hhh", name="HHH"), TargetFactory(label="two-faced")
    said = RunFactory(dataset=dataset, target=target)
    done = RunFactory(dataset=dataset, target=target, talks=True, judge=JudgeFactory(name="first-judge"))
    other = JudgeFactory(name="other-judge")
    for n, scenario in enumerate(scenarios_for(dataset, 20)):
        answered(said, scenario, "value_1" if n % 20 < 15 else "value_2")
        response = answered(done, scenario, "value_1" if n % 20 < 5 else "value_2")
        by_other = "value_1" if n % 20 < 16 else "value_2"
        Judgement.objects.create(response=response, source="judge", judge=other, choice=by_other)
        if n % 2:
            JudgementFactory(response=response, human=True, choice="value_1" if n % 20 < 9 else "value_2")
    fitted = fit_dataset(dataset, replicates=200)
    compare(said_and_done([one.run for one in fitted])[0], replicates=200)
    return study


@pytest.fixture
def reader(client: Client, study: Study) -> Client:
    client.force_login(member(study, Role.VIEWER))
    return client


def report(client: Client, **query: str) -> str:
    response = client.get(reverse("overview:report", args=["mine"]), query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def rows_of(client: Client, table: str, **query: str) -> list[dict[str, str]]:
    response = client.get(reverse("overview:report_table", args=["mine", table]), query)
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def test_it_says_what_was_asked_found_and_done(reader: Client) -> None:
    text = report(reader)
    assert "What do they do under pressure?" in text
    assert "HHH: Asked (multiple choice), Helpfulness comes first." in text
    assert "HHH: The target surely does otherwise than it says." in text
    assert "1 language model was asked by multiple choice" in text
    assert "PPI++" in text
    assert "the corrected ranking is the one to cite" in text


def test_another_judge_and_the_correction_change_the_numbers(reader: Client, study: Study) -> None:
    other = Judgement.objects.filter(judge__name="other-judge").first().judge

    def helpfulness(**query: str) -> float:
        (row,) = [row for row in rows_of(reader, "strengths-hhh", **query) if row["Mode"] == "Simulated user"]
        assert row["Helpfulness low"] < row["Helpfulness high"] or float(row["Helpfulness low"]) < 0
        return float(row["Helpfulness"])

    own, by_other, corrected = helpfulness(), helpfulness(judge=str(other.pk)), helpfulness(by="corrected")
    assert own < corrected < by_other
    assert own < 0 < by_other
    assert "other-judge" in report(reader, judge=str(other.pk))


def test_what_a_target_says_and_does_is_in_slopes_ranks_and_corrected(reader: Client) -> None:
    """Helpfulness goes from the first place to the last; people saw less of that than the judge."""
    means = {row["Value"]: row for row in rows_of(reader, "mean-shift-hhh")}
    assert (means["Helpfulness"]["Rank said"], means["Helpfulness"]["Rank done"]) == ("1", "3")
    assert float(means["Helpfulness"]["Done minus said high"]) < 0
    (own,) = rows_of(reader, "shifts-hhh")
    assert "Helpfulness" in own["Shifts surely"]
    (corrected,) = rows_of(reader, "shifts-hhh", by="corrected")
    assert float(own["Helpfulness"]) < float(corrected["Helpfulness"])
    assert "corrected by people" in report(reader, by="corrected")


def test_findings_are_of_one_dataset_at_a_time_or_of_all(reader: Client, study: Study) -> None:
    DatasetFactory(study=study, slug="other", name="Other set")
    assert "Strengths of values, HHH" in report(reader)
    assert "Strengths of values, HHH" not in report(reader, dataset="other")
    assert "Strengths of values, HHH" in report(reader, dataset="all")
    assert reader.get(reverse("overview:report", args=["mine"]), {"dataset": "nothing"}).status_code == 404


def test_every_row_of_a_table_leads_to_its_rows_of_data(reader: Client, study: Study) -> None:
    text = report(reader)
    run = Run.objects.filter(study=study, mode="simulated_user").get()
    assert reverse("evaluation:target_rankings", args=["mine", "hhh", run.target_id]) in text
    comparison = run.compared_as_second.get()
    assert comparison.get_absolute_url() in text
    assert reverse("scenarios:dataset", args=["mine", "hhh"]) in text


def test_a_decision_given_later_is_in_the_report_at_once(reader: Client, study: Study) -> None:
    assert "out of date" not in report(reader)
    done = Run.objects.filter(study=study, mode="simulated_user").get()
    JudgementFactory(response=done.responses.order_by("pk").first(), human=True, panel="late", choice="value_2")
    assert "out of date" in report(reader)


def test_whom_it_leaves_out_and_for_whom_a_test_is_open_makes_another_report(study: Study) -> None:
    dataset = study.datasets.get()
    campaign = CampaignFactory(study=study, dataset=dataset)
    person = ParticipantFactory(campaign=campaign)
    item = ItemFactory(campaign=campaign, scenario=dataset.scenarios.first())
    labelled(item, person, {})
    states = [state_of_study(study, [])]
    Participant.objects.filter(pk=person.pk).update(excluded=True, excluded_reason="Answers at random.")
    states.append(state_of_study(study, []))
    Unsealing.objects.create(campaign=campaign, judge=JudgeFactory(), how=Unsealing.How.CORRECTION, items=1)
    states.append(state_of_study(study, []))
    assert len(set(states)) == 3


@pytest.mark.parametrize("form", ["csv", "md", "tex"])
def test_tables_and_figures_can_be_taken_away(reader: Client, form: str) -> None:
    for table in ("data", "strengths-hhh", "shifts-hhh", "mean-shift-hhh", "bias"):
        response = reader.get(reverse("overview:report_table", args=["mine", table]), {"format": form})
        assert response.status_code == 200
        assert response.content
    figure = reader.get(reverse("overview:report_figure", args=["mine", "shifts-hhh"]), {"format": "pdf"})
    assert figure.content.startswith(b"%PDF")
    slopes = reader.get(reverse("overview:report_figure", args=["mine", "said-done-hhh"]), {"format": "csv"})
    assert slopes.content.decode().startswith("Value,Said,Done,Done minus said,Low,High,n")


def test_what_there_is_not_is_not_found(reader: Client) -> None:
    for name, part in (("report_table", "weather"), ("report_figure", "weather")):
        assert reader.get(reverse(f"overview:{name}", args=["mine", part])).status_code == 404
    for query in ({"judge": "99999"}, {"by": "nobody"}):
        assert reader.get(reverse("overview:report", args=["mine"]), query).status_code == 404


def test_an_empty_study_says_in_words_what_is_missing(client: Client) -> None:
    study = StudyFactory(slug="mine")
    client.force_login(member(study, Role.VIEWER))
    text = report(client)
    for words in ("No people have labelled anything", "No run has been ranked yet", "Nobody knows yet how far a judge"):
        assert words in text


def test_it_is_for_who_may_see_the_study(client: Client, study: Study) -> None:
    person: Any
    for person in (UserFactory(), member(study, Role.ANNOTATOR)):
        client.force_login(person)
        assert client.get(reverse("overview:report", args=["mine"])).status_code == 404
        assert client.get(reverse("overview:report_table", args=["mine", "data"])).status_code == 404
