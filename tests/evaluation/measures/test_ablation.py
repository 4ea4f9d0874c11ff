"""The ablation table: every variant of a dataset, filtered and unfiltered, as the same targets find it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study
from evaluation.measures.ablation import ablation_of
from evaluation.models import Target
from tests.factories.evaluation import RatingFactory, RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db


def asked(dataset: Dataset, target: Target, *, kept: str, dropped: str, scope: str = "all") -> None:
    """The target's answers, a letter for each scenario: 1 or 2; the actions of dropped scenarios are rated alike."""
    run = RunFactory(dataset=dataset, target=target, scope=scope)
    for status, choices in (("kept", kept), ("dropped", dropped)):
        for scenario, choice in zip(dataset.scenarios.filter(status=status).order_by("pk"), choices, strict=True):
            answered(run, scenario, f"value_{choice}")
            RatingFactory(run=run, scenario=scenario, rating_1=6, rating_2=3 if status == "kept" else 6)


@pytest.fixture
def study() -> Study:
    """A filter that keeps what divides three targets, and drops what they are of one mind about; a direct variant has two of them."""
    study = StudyFactory(slug="mine", name="Mine")
    targets = [TargetFactory(label=f"t{n}") for n in range(3)]
    full = DatasetFactory(study=study, slug="full", name="Full", primary_judge=JudgeFactory())
    for status in ("kept", "dropped"):
        ScenarioFactory.create_batch(8, dataset=full, status=status)
    for target, kept in zip(targets, ("1" * 8, "2" * 8, "12" * 4), strict=True):
        asked(full, target, kept=kept, dropped="1" * 8)
    direct = DatasetFactory(study=study, slug="direct", name="Direct", variant="direct")
    ScenarioFactory.create_batch(8, dataset=direct, status="kept")
    for target in targets[:2]:
        asked(direct, target, kept="11111122", dropped="", scope="kept")
    return study


def test_each_step_is_measured_on_the_targets_that_answered_everywhere(study: Study) -> None:
    """Of two targets one says 1 and the other 2 to all that was kept (agreement 0), both say 1 to what was dropped (so 8 of 16)."""
    ablation = ablation_of(study)
    assert ablation.shared == 2
    rows = {row.label: row for row in ablation.rows}
    assert list(rows) == ["Full: full, filtered", "Full: full, unfiltered", "Direct: direct"]
    assert [row.agreement.value for row in ablation.rows] == [0.0, 0.5, 1.0]
    assert [row.divergence.value for row in ablation.rows] == [1.0, 0.5, 1.0]
    assert [row.scenarios for row in ablation.rows] == [8, 16, 8]
    assert "most divided on Full: full, filtered" in ablation.sentence


def test_a_pair_has_power_where_its_share_is_surely_not_one_half(study: Study) -> None:
    """Eight of eight: the exact limits of either target exclude one half. With what was dropped, the second has 8 of 16."""
    power = {row.label: row.power for row in ablation_of(study).rows}
    assert (power["Full: full, filtered"].value, power["Full: full, filtered"].n) == (1.0, 2)
    assert power["Full: full, unfiltered"].value == 0.5
    assert power["Direct: direct"].value == 0.0  # 6 of 8


def test_without_shared_targets_each_row_has_its_own_and_that_is_said(study: Study) -> None:
    other = DatasetFactory(baseline=True, study=study, slug="moral", name="Moral")
    ScenarioFactory.create_batch(2, dataset=other, status="kept")
    asked(other, TargetFactory(label="alone"), kept="12", dropped="", scope="kept")
    ablation = ablation_of(study)
    assert ablation.shared == 0
    assert [row.targets for row in ablation.rows] == [3, 3, 2, 1]
    assert "targets of their own" in ablation.sentence
    assert "no value pairs" in ablation.rows[-1].power.reason


def test_the_page_shows_table_and_figure_and_gives_them_away(client: Client, study: Study) -> None:
    client.force_login(member(study, "viewer"))
    page = client.get(reverse("evaluation:compare_datasets", args=["mine"])).content.decode()
    assert "What each step of the pipeline is worth" in page
    assert "Discriminative power" in page
    latex = client.get(reverse("evaluation:ablation_table", args=["mine"]), {"format": "tex"}).content.decode()
    assert "\\toprule" in latex
    assert "full, unfiltered & 16 & 2 &" in latex
    chart = client.get(reverse("evaluation:ablation_chart", args=["mine"]), {"format": "csv"}).content.decode()
    assert chart.startswith("Condition,Observed agreement,Observed agreement low")
    svg = client.get(reverse("evaluation:ablation_chart", args=["mine"]), {"size": "narrow", "theme": "dark"})
    assert svg.content.startswith(b"<svg")


def test_an_empty_study_has_no_figure(client: Client) -> None:
    study = StudyFactory(slug="empty")
    client.force_login(member(study, "viewer"))
    assert client.get(reverse("evaluation:ablation_chart", args=["empty"])).status_code == 404
    assert "nothing" not in ablation_of(study).sentence
