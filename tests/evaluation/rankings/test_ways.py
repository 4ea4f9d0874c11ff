"""The same decisions ranked in other ways, and in parts."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from conflictscope.scenarios.models import Scenario
from conflictscope.stats.types import Estimate
from conflictscope.studies.permissions import Role
from evaluation.models import Run
from evaluation.rankings.fitting import value_names
from evaluation.rankings.ways import ways_of
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.evaluation import RunFactory, answered
from tests.factories.scenarios import DatasetFactory
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    """Where little is at stake the first value wins 12 of 15 scenarios of a pair, where much is, 4; one answer in ten takes both."""
    run = RunFactory(dataset=DatasetFactory(study=StudyFactory(slug="mine"), slug="hhh"), talks=True)
    for n, scenario in enumerate(scenarios_for(run.dataset, 30)):
        minor = n % 30 < 15
        scenario.template = Scenario.Template.MINOR_BENEFIT if minor else Scenario.Template.STRONG_HARM
        scenario.domain = "work" if n % 2 else ""
        scenario.save()
        wins = n % 15 < (12 if minor else 4)
        answered(run, scenario, "both" if n % 15 == 14 else "value_1" if wins else "value_2")
    return run


def row_of(table: object, name: str) -> dict[str, object]:
    return next(dict(zip(table.columns, row, strict=True)) for row in table.rows if row[0] == name)  # type: ignore[attr-defined]


def test_each_way_stands_by_its_name(run: Run) -> None:
    found = ways_of(run, value_names(run.dataset))
    row = row_of(found.methods, "Helpfulness")
    plain, ties, penalised, paper = (row[name] for name in found.methods.columns[1:5])
    assert isinstance(plain, Estimate)
    assert plain.low < plain.value < plain.high
    assert isinstance(ties, Estimate)
    assert ties.value is not None
    assert isinstance(penalised, Estimate)
    assert (penalised.low, penalised.high) == (None, None)
    # whatever is not value 1 counts for value 2: the first value of the pairs loses by it
    assert isinstance(paper, Estimate)
    assert paper.value < plain.value
    assert row["All undecided against it"] < plain.value < row["All undecided for it"]
    assert "6 of 90 trials were tied" in found.methods.note
    assert "in the order of the file" in found.label


def test_parts_have_rankings_of_their_own_and_severity_a_difference(run: Run) -> None:
    parts = {table.name: table for table in ways_of(run, value_names(run.dataset)).parts}
    assert set(parts) == {"by-template", "by-severity"}  # all that has a domain is in one
    minor, strong, gap = (
        row_of(parts["by-severity"], name)["Helpfulness"] for name in ("Minor", "Strong", "Strong minus minor")
    )
    assert minor.value > 0 > strong.value
    assert gap.value == pytest.approx(strong.value - minor.value)
    assert gap.high < 0


def test_the_page_shows_them_and_gives_them_away(client: Client, run: Run) -> None:
    client.force_login(member(run.study, Role.VIEWER))
    text = client.get(reverse("evaluation:ways", args=["mine", run.pk])).content.decode()
    for words in ("With ties (Davidson)", "Penalised, a drawing aid", "As the paper&#x27;s script", "By severity"):
        assert words in text
    table = reverse("evaluation:ways_table", args=["mine", run.pk, "by-severity"])
    assert client.get(table, {"format": "csv"}).content.decode().startswith("Severity,Scenarios,Helpfulness,")
    assert client.get(reverse("evaluation:ways_table", args=["mine", run.pk, "weather"])).status_code == 404
