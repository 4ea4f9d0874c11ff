"""A quantity that stands on several pages is one number on all of them, with one interval, also after people have decided."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign
from conflictscope.scenarios.filtering.dimensions import NO
from conflictscope.scenarios.filtering.verdicts import make_primary
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role
from evaluation.measures.comparing import compared
from evaluation.models import Run
from evaluation.rankings.fitting import fit_dataset
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.deciding import decide
from tests.factories.evaluation import JudgementFactory, RunFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory, judged
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db
BOTH = ("action_1_first", "action_2_first")


@pytest.fixture
def study() -> Study:
    """15 scenarios, of which the judge dropped three. After the targets had answered, people dropped one that it had kept, and kept two
    that it had dropped."""
    study = StudyFactory(slug="mine")
    dataset = DatasetFactory(study=study, slug="hhh", name="HHH")
    judge = JudgeFactory(name="the-judge")
    scenarios = scenarios_for(dataset, 5, status=Scenario.Status.DRAFTED)
    for number, scenario in enumerate(scenarios):
        judged(scenario, judge, **({"realism": "fail"} if number % 5 == 4 else {}))
    make_primary(dataset, judge)
    _answer(dataset)
    campaign = CampaignFactory(dataset=dataset, slug="check", overlap=2)
    people = ParticipantFactory.create_batch(2, campaign=campaign)
    for number, scenario in enumerate(scenarios[:12]):
        item = ItemFactory(campaign=campaign, scenario=scenario)
        for person, participant in enumerate(people):
            finds = NO if number == 0 or (number == 5 and person) else "yes"
            labelled(item, participant, {"realism": finds})
    decide(campaign)
    fit_dataset(dataset, replicates=100)
    return study


def _answer(dataset: Dataset) -> None:
    said = RunFactory(dataset=dataset, scope=Run.Scope.KEPT)
    done = RunFactory(dataset=dataset, scope=Run.Scope.KEPT, talks=True, judge=dataset.primary_judge)
    for number, scenario in enumerate(dataset.scenarios.filter(status="kept").order_by("pk")):
        for order in BOTH:
            answered(said, scenario, ("value_1", "value_2", "none")[number % 3], order=order)
        response = answered(done, scenario, ("value_1", "both", "value_2")[number % 3])
        if number % 4 == 0:
            JudgementFactory(response=response, human=True, choice="value_1")


@pytest.fixture
def look(client: Client, study: Study) -> Any:
    client.force_login(member(study, Role.RESEARCHER))

    def at(name: str, *parts: object, **query: str) -> Any:
        response = client.get(reverse(name, args=["mine", *parts]), query)
        assert response.status_code == 200
        return response

    return at


def one_of(values: list[Any]) -> Any:
    """What all of them are."""
    assert all(value == values[0] for value in values), values
    return values[0]


def counted(pairs: Any) -> dict[str, int]:
    return {str(each.status): each.count for each in pairs}


def test_scenarios_that_are_kept_and_validated(look: Any, study: Study) -> None:
    overview = look("overview:study").context
    stages = {stage.key: stage for stage in overview["stages"]}
    parts = {part.label: part.count for stage in stages.values() for part in stage.parts}
    dataset = look("scenarios:dataset", "hhh").context
    results = look("scenarios:results", "hhh").context
    funnel = {stage.name: stage.count for stage in results["funnel"]}
    (exported,) = look("exports:exports").context["rows"]
    (listed,) = look("scenarios:datasets").context["rows"]
    runs = look("evaluation:runs").context["rows"]
    api = look("api-scenarios", "hhh", status="kept").json()["count"]
    kept = one_of(
        [
            parts["kept"],
            counted(dataset["counts"])["kept"],
            funnel["kept"],
            counted(exported.counts)["kept"],
            counted(listed.counts)["kept"],
            *(row.summary.coverage.scenarios for row in runs),
            api,
        ]
    )
    assert kept == 13  # 12 by the judge; people dropped one, and brought two back
    assert one_of([stages["exported"].count, funnel["validated"], exported.validated]) == 10
    assert one_of([dataset["total"], listed.total, exported.total, funnel["written"]]) == 15


def test_responses_those_that_are_missing_and_those_out_of_scope(look: Any, study: Study) -> None:
    overview = look("overview:study").context
    rows = look("evaluation:runs").context["rows"]
    pages = [look("evaluation:run", row.run.pk).context for row in rows]
    assert {row.run.mode: row.summary.responses for row in rows} == overview["counts"].responses_by_mode
    for row, page in zip(rows, pages, strict=True):
        cards = look("evaluation:target_rankings", "hhh", row.run.target_id).context["cards"]
        (card,) = [card for card in cards if card.run == row.run]
        each = len(BOTH) if row.run.mode == Run.Mode.MULTIPLE_CHOICE else 1
        shown = one_of(
            [
                row.summary.responses,
                page["row"].summary.responses,
                page["page"].paginator.count,
                look("api-responses", row.run.pk, in_scope="true").json()["count"],
                card.counts["trials"],
                sum(pair.scenarios for pair in card.pairs) * each,
            ]
        )
        assert shown == 11 * each  # of the 13 that are kept two were never asked
        coverage = row.summary.coverage
        assert (coverage.unasked, coverage.missing, coverage.outside) == (2, 2 * each, each)
        if row.run.mode == Run.Mode.MULTIPLE_CHOICE:
            assert one_of([row.summary.decided, card.counts["decided_trials"]]) == 14
            undecided = card.counts["undecided"]
            assert page["undecided"].as_dict() == undecided
            assert page["undecided"].value == row.summary.undecided / row.summary.judged
        else:
            assert row.summary.by_people == 2
            assert "whose word comes first here" in look("evaluation:run", row.run.pk).text
    assert overview["counts"].missing_runs == 2
    assert "2 kept scenarios have no response in 2 runs" in overview["suggestion"].sentence


def test_pass_rates(look: Any, study: Study) -> None:
    dataset = look("scenarios:dataset", "hhh").context["rates"]
    results = {row.key: row.rate for row in look("scenarios:results", "hhh").context["rates"]}
    (beside,) = compared(study)
    assert len(dataset) == 6
    for rate in dataset:
        other = beside.rates.dimensions[rate.dimension]
        shown = one_of([rate.rate, results[rate.dimension].rate, other.rate])
        assert shown.value == (12 / 15 if rate.dimension == "realism" else 1)


def test_labels_and_agreement(look: Any, study: Study) -> None:
    overview = look("overview:study").context["counts"]
    campaign = look("annotation:campaign", "check").context["row"]
    agreement = look("annotation:agreement").context["measured"]
    assert one_of([overview.labels, campaign.submissions, agreement.submissions]) == 24
    assert one_of([overview.items, campaign.items, agreement.items]) == 12
    assert one_of([overview.people, agreement.annotators]) == 2
    so_far = look("annotation:so_far", "check").context["so_far"].measured
    (main,) = [each for each in agreement.dimensions if each.key == so_far.key]
    assert one_of([main.judge_people.kappa, so_far.judge_people.kappa]).low is not None
    assert one_of([main.judge_people.raw, so_far.judge_people.raw]).value == 8 / 11
    assert one_of([main.alpha, so_far.alpha]).low is not None
    assert Campaign.objects.get().state == Campaign.State.OPEN
