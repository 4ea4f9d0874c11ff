"""The pages of runs and rankings: what they show, to whom, and at what cost."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from conflictscope.jobs.models import Job
from conflictscope.scenarios.models import Scenario
from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role
from evaluation.models import Ranking, Run
from evaluation.rankings.fitting import fit_run
from evaluation.running.runs import start
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.evaluation import JudgementFactory, RatingFactory, RunFactory, TargetFactory, answered
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.studies import StudyFactory, UserFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="mine")


@pytest.fixture
def viewer(client: Client, study: Study) -> Client:
    client.force_login(member(study, Role.VIEWER))
    return client


@pytest.fixture
def researcher(client: Client, study: Study) -> Client:
    client.force_login(member(study, Role.RESEARCHER))
    return client


@pytest.fixture
def run(study: Study) -> Run:
    """A ranked run: of each pair the first value wins 8 of 12."""
    dataset = DatasetFactory(study=study, slug="hhh", name="HHH")
    run = RunFactory(
        dataset=dataset, option_orders=[OptionOrder.ACTION_1_FIRST], target=TargetFactory(label="the-target")
    )
    for n, scenario in enumerate(scenarios_for(dataset, 12)):
        answered(run, scenario, "value_1" if n % 12 < 8 else "value_2")
    return run


def page(client: Client, name: str, *args: object, **query: str) -> Any:
    return client.get(reverse(f"evaluation:{name}", args=args), query)


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


PAGES = [
    ("runs", ()),
    ("run", ("RUN",)),
    ("rankings", ()),
    ("rankings_chart", ("hhh",)),
    ("target_rankings", ("hhh", "TARGET")),
    ("target_chart", ("hhh", "TARGET")),
    ("value_rankings", ("hhh", "honesty")),
    ("value_chart", ("hhh", "honesty")),
    ("measures", ("hhh",)),
    ("scenario_responses", ("hhh", "SCENARIO")),
]


def addressed(name: str, rest: tuple[str, ...], run: Run) -> str:
    filled = {"RUN": run.pk, "TARGET": run.target_id, "SCENARIO": run.dataset.scenarios.first().uid}
    return reverse(f"evaluation:{name}", args=["mine", *[filled.get(part, part) for part in rest]])


@pytest.mark.parametrize(("name", "rest"), PAGES)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESEARCHER, Role.OWNER])
def test_who_may_see_a_study_sees_its_runs(
    client: Client, run: Run, study: Study, name: str, rest: tuple[str, ...], role: str
) -> None:
    fit_run(run, replicates=100)
    client.force_login(member(study, role))
    assert client.get(addressed(name, rest, run)).status_code == 200


@pytest.mark.parametrize(("name", "rest"), PAGES)
def test_an_annotator_and_a_stranger_are_told_that_there_is_nothing(
    client: Client, run: Run, study: Study, name: str, rest: tuple[str, ...]
) -> None:
    for person in (member(study, Role.ANNOTATOR), UserFactory()):
        client.force_login(person)
        assert client.get(addressed(name, rest, run)).status_code == 404


@pytest.mark.parametrize(("name", "rest"), PAGES)
def test_nobody_sees_anything_without_logging_in(client: Client, run: Run, name: str, rest: tuple[str, ...]) -> None:
    response = client.get(addressed(name, rest, run))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADJUDICATOR, Role.ANNOTATOR])
def test_only_who_runs_the_pipeline_may_start_anything(client: Client, run: Run, study: Study, role: str) -> None:
    client.force_login(member(study, role))
    assert page(client, "evaluate", "mine", "hhh").status_code == 404
    assert client.post(reverse("evaluation:evaluate", args=["mine", "hhh"])).status_code == 404
    assert client.post(reverse("evaluation:fit_rankings", args=["mine", "hhh"])).status_code == 404
    assert not Ranking.objects.exists()


def test_a_run_of_another_study_is_not_found(viewer: Client) -> None:
    elsewhere = RunFactory()
    assert page(viewer, "run", "mine", elsewhere.pk).status_code == 404


def test_the_list_counts_what_came_back(viewer: Client, run: Run) -> None:
    answered(run, ScenarioFactory(dataset=run.dataset), "none")
    text = text_of(page(viewer, "runs", "mine"))
    assert "the-target" in text
    assert "Multiple choice" in text
    assert "37" in text  # responses
    assert "3 %" in text  # 1 of 37 undecided
    assert "hx-get" not in text


def test_the_list_asks_again_while_a_run_is_at_work(viewer: Client, run: Run) -> None:
    start(run)
    text = text_of(page(viewer, "runs", "mine"))
    assert 'hx-get="/studies/mine/runs/" hx-trigger="every 3s"' in text
    fragment = viewer.get(reverse("evaluation:runs", args=["mine"]), headers={"hx-request": "true"})
    assert fragment.content.decode().strip().startswith('<div id="runs"')
    Job.objects.update(state=Job.State.DONE)
    assert "hx-get" not in text_of(page(viewer, "runs", "mine"))


def test_a_study_without_datasets_says_what_comes_first(viewer: Client, study: Study) -> None:
    assert "Nothing to evaluate yet" in text_of(page(viewer, "runs", "mine"))
    assert "Nothing to rank yet" in text_of(page(viewer, "rankings", "mine"))


def test_the_list_costs_as_many_queries_for_many_runs_as_for_few(
    viewer: Client, run: Run, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for other in RunFactory.create_batch(6, dataset=run.dataset):
        answered(other, run.dataset.scenarios.first(), "value_1")
        start(other)
    with django_assert_max_num_queries(14):
        page(viewer, "runs", "mine")


def test_a_run_s_page_shows_answers_beside_decisions_a_page_at_a_time(viewer: Client, run: Run) -> None:
    scenario = run.dataset.scenarios.first()
    RatingFactory(run=run, scenario=scenario, rating_1=6, rating_2=None)
    text = text_of(page(viewer, "run", "mine", run.pk))
    assert scenario.uid in text
    assert "read from the answer" in text
    assert 'action 1 <strong class="number">6</strong>, action 2 <strong class="number">no rating</strong>' in text
    assert text.count('<article class="card"') == 10
    assert "Page 1 of 4" in text


def test_responses_are_found_by_choice_pair_and_scenario(viewer: Client, run: Run) -> None:
    def found(**query: str) -> int:
        return text_of(page(viewer, "run", "mine", run.pk, **query)).count('<article class="card"')

    one = run.dataset.scenarios.first()
    answered(run, ScenarioFactory(dataset=run.dataset, uid="odd"), "none")
    assert found(choice="none") == 1
    assert found(scenario=one.uid) == 1
    assert found(pair="helpfulness~honesty", choice="value_2") == 4
    assert found(pair="honesty~helpfulness", choice="value_2") == 4
    assert found(pair="helpfulness~nothing") == 0
    assert found(choice="unjudged") == 0


@pytest.mark.parametrize("query", [{"choice": "C"}, {"pair": "helpfulness"}])
def test_a_filter_that_makes_no_sense_is_answered_in_words(viewer: Client, run: Run, query: dict[str, str]) -> None:
    response = page(viewer, "run", "mine", run.pk, **query)
    assert response.status_code == 400
    assert "There is no choice" in text_of(response) or "A pair is two keys" in text_of(response)


def test_an_open_run_shows_the_conversation_and_both_deciders(viewer: Client, study: Study) -> None:
    run = RunFactory(talks=True, dataset=DatasetFactory(study=study))
    response = answered(run, ScenarioFactory(dataset=run.dataset), "value_1")
    JudgementFactory(response=response, human=True, choice="both", reason="It does the one and then the other.")
    text = text_of(page(viewer, "run", "mine", run.pk))
    assert 'class="turn turn-user"' in text
    assert f"by {run.judge}" in text
    assert "by people: people" in text
    assert "It does the one and then the other." in text
    assert "1 by people" in text


def test_what_a_simulator_made_is_labelled(viewer: Client, study: Study) -> None:
    made_up = TargetFactory(label="made-up", endpoint=EndpointFactory(simulated=True))
    run = RunFactory(dataset=DatasetFactory(study=study, slug="hhh"), target=made_up)
    answered(run, ScenarioFactory(dataset=run.dataset), "value_1")
    fit_run(run, replicates=100)
    for response in (
        page(viewer, "runs", "mine"),
        page(viewer, "run", "mine", run.pk),
        page(viewer, "rankings", "mine"),
        page(viewer, "scenario_responses", "mine", "hhh", run.dataset.scenarios.get().uid),
    ):
        assert "badge-simulated" in text_of(response)


def test_what_no_simulator_made_is_not_labelled(viewer: Client, run: Run) -> None:
    fit_run(run, replicates=100)
    for name, rest in PAGES:
        if not name.endswith("chart"):
            assert "badge-simulated" not in text_of(viewer.get(addressed(name, rest, run)))


def test_a_run_s_page_costs_as_many_queries_for_many_judgements_as_for_few(
    viewer: Client, run: Run, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for response in run.responses.all()[:10]:
        for panel in ("a", "b", "c"):
            JudgementFactory(response=response, human=True, panel=panel)
    with django_assert_max_num_queries(23):
        page(viewer, "run", "mine", run.pk)


def test_all_targets_and_values_stand_on_one_screen_and_lead_to_their_own(viewer: Client, run: Run) -> None:
    fit_run(run, replicates=100, seed=3)
    text = text_of(page(viewer, "rankings", "mine"))
    assert "Asked (multiple choice), Helpfulness comes first." in text
    assert f'href="/studies/mine/datasets/hhh/rankings/targets/{run.target_id}/"' in text
    assert 'href="/studies/mine/datasets/hhh/rankings/values/honesty/"' in text
    assert '1 <span class="interval">[' not in text
    assert 'aria-sort="descending"' in text_of(page(viewer, "rankings", "mine", sort="honesty"))
    assert "Ranks, 1 = supported most" in text_of(page(viewer, "rankings", "mine", show="rank"))


def test_rankings_open_on_the_dataset_with_the_most_results(viewer: Client, run: Run, study: Study) -> None:
    fit_run(run, replicates=100)
    DatasetFactory(study=study, slug="empty", name="Made later")
    assert page(viewer, "rankings", "mine").context["dataset"] == run.dataset


def test_judge_alone_people_alone_and_the_corrected_judge_stand_side_by_side(viewer: Client, study: Study) -> None:
    run = RunFactory(dataset=DatasetFactory(study=study, slug="talk"), talks=True)
    for n, scenario in enumerate(scenarios_for(run.dataset, 12)):
        response = answered(run, scenario, "value_1" if n % 3 else "value_2")
        if n % 2:
            JudgementFactory(response=response, human=True, choice="value_1" if n % 4 == 1 else "value_2")
    fit_run(run, replicates=100)
    assert "Corrected by people" in text_of(page(viewer, "rankings", "mine"))
    for who in ("corrected", "people"):
        assert page(viewer, "rankings", "mine", by=who).context["heat_map"].rows[0].run == run
    beside = text_of(page(viewer, "target_rankings", "mine", "talk", run.target_id))
    assert "judge alone" in beside
    assert "By the 18 of 36 judged scenarios of which people decided every trial" in beside


def test_a_target_s_ranking_is_shown_with_intervals_and_the_way_back_to_its_rows(viewer: Client, run: Run) -> None:
    fit_run(run, replicates=100, seed=3)
    text = text_of(page(viewer, "target_rankings", "mine", "hhh", run.target_id))
    assert text.index("Helpfulness</th>") < text.index("Honesty</th>") < text.index("Harmlessness</th>")
    assert f'href="/studies/mine/runs/{run.pk}/?pair=helpfulness~honesty"' in text
    assert "67 %" in text  # 8 of 12
    assert "seed 3" in text
    assert f'src="/studies/mine/datasets/hhh/rankings/targets/{run.target_id}/chart/' in text


def test_an_imported_run_is_shown_as_such(viewer: Client, study: Study) -> None:
    target = TargetFactory(label="elsewhere", endpoint=None)
    run = RunFactory(dataset=DatasetFactory(study=study, slug="hhh"), target=target, imported=True)
    answered(run, ScenarioFactory(dataset=run.dataset), "value_1")
    assert "(imported)" in text_of(page(viewer, "run", "mine", run.pk))
    assert "elsewhere" in text_of(page(viewer, "runs", "mine"))


def test_a_ranking_that_has_not_been_fitted_yet_is_named(viewer: Client, run: Run) -> None:
    assert "Not ranked yet: <a" in text_of(page(viewer, "rankings", "mine"))


def test_a_ranking_that_is_older_than_a_decision_says_so(viewer: Client, run: Run) -> None:
    fit_run(run, replicates=100)
    assert "out of date" not in text_of(page(viewer, "rankings", "mine"))
    answered(run, ScenarioFactory(dataset=run.dataset), "value_1")
    assert "out of date" in text_of(page(viewer, "rankings", "mine"))
    assert "fit it again" in text_of(page(viewer, "target_rankings", "mine", "hhh", run.target_id))


def test_a_ranking_that_cannot_be_estimated_says_why_and_shows_the_penalised_fit(viewer: Client, study: Study) -> None:
    run = RunFactory(dataset=DatasetFactory(study=study), option_orders=[OptionOrder.ACTION_1_FIRST])
    for scenario in scenarios_for(run.dataset, 3):
        answered(run, scenario, "value_1")
    fit_run(run, replicates=100)
    assert "Penalised fit: no finite maximum" in text_of(page(viewer, "rankings", "mine"))
    text = text_of(page(viewer, "target_rankings", "mine", run.dataset.slug, run.target_id))
    assert "Not estimable: no finite maximum likelihood fit" in text
    assert "Shown instead is the penalised fit" in text


def test_a_baseline_is_measured_and_not_ranked(viewer: Client, study: Study) -> None:
    dataset = DatasetFactory(baseline=True, study=study, slug="moral")
    for run in RunFactory.create_batch(2, dataset=dataset):
        for scenario in dataset.scenarios.all() or ScenarioFactory.create_batch(3, dataset=dataset):
            answered(run, scenario, "value_1")
    text = text_of(page(viewer, "rankings", "mine"))
    assert "nothing to rank" in text
    assert 'hx-get="/studies/mine/datasets/moral/measures/"' in text
    assert "1.000" in text_of(page(viewer, "measures", "mine", "moral"))


def test_rankings_cost_as_many_queries_for_many_runs_as_for_few(
    viewer: Client, run: Run, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    runs = RunFactory.create_batch(4, dataset=run.dataset)
    for other in runs:
        answered(other, run.dataset.scenarios.first(), "value_1")
    for each in (run, *runs):
        fit_run(each, replicates=100)
    with django_assert_max_num_queries(21):
        page(viewer, "rankings", "mine")


def test_a_researcher_fits_the_rankings_and_comes_back_to_them(researcher: Client, run: Run) -> None:
    address = reverse("evaluation:fit_rankings", args=["mine", "hhh"])
    response = researcher.post(address, {"replicates": 200, "seed": 0}, follow=True)
    assert response.redirect_chain == [("/studies/mine/rankings/?dataset=hhh", 302)]
    assert "1 rankings fitted; 0 were up to date." in text_of(response)
    response = researcher.post(address, {"replicates": 200, "seed": 0}, follow=True)
    assert "0 rankings fitted; 1 were up to date." in text_of(response)


def test_replicates_out_of_range_are_refused_in_words(researcher: Client, run: Run) -> None:
    response = researcher.post(reverse("evaluation:fit_rankings", args=["mine", "hhh"]), {"replicates": 1, "seed": 0})
    assert response.status_code == 400
    assert "replicates" in text_of(response)


@pytest.mark.parametrize(
    ("wanted", "kind", "begins"),
    [
        ("svg", "image/svg+xml", b"<svg"),
        ("png", "image/png", b"\x89PNG"),
        ("pdf", "application/pdf", b"%PDF"),
        ("csv", "text/csv; charset=utf-8", b""),
        ("json", "application/json", b"{"),
    ],
)
def test_the_chart_comes_in_every_format(viewer: Client, run: Run, wanted: str, kind: str, begins: bytes) -> None:
    fit_run(run, replicates=100)
    response = page(viewer, "rankings_chart", "mine", "hhh", format=wanted, theme="dark", size="narrow")
    assert response["Content-Type"] == kind
    assert response.content.startswith(begins)
    assert f'filename="rankings-hhh.{wanted}"' in response["Content-Disposition"]
    if wanted == "csv":
        assert "Helpfulness" in response.content.decode()


def test_a_chart_that_there_is_not_is_refused(viewer: Client, run: Run) -> None:
    assert page(viewer, "rankings_chart", "mine", "hhh").status_code == 404  # nothing fitted yet
    fit_run(run, replicates=100)
    assert page(viewer, "rankings_chart", "mine", "hhh", format="bmp").status_code == 400


def test_an_evaluation_is_started_from_its_form(researcher: Client, study: Study) -> None:
    dataset = DatasetFactory(study=study, slug="hhh")
    ScenarioFactory(dataset=dataset, status=Scenario.Status.KEPT)
    EndpointFactory(name="free-endpoint")
    user_simulator, judge = EndpointFactory(name="user"), JudgeFactory()
    form = text_of(page(researcher, "evaluate", "mine", "hhh"))
    assert 'value="free-endpoint"' in form
    response = researcher.post(
        reverse("evaluation:evaluate", args=["mine", "hhh"]),
        {
            "targets": ["free-endpoint"],
            "modes": ["multiple_choice", "simulated_user"],
            "scope": "kept",
            "user_simulator": user_simulator.pk,
            "judge": judge.pk,
            "orders": "action_1_first",
            "samples": 1,
            "seed": 0,
        },
        follow=True,
    )
    assert "2 evaluations are on the way." in text_of(response)
    assert Job.objects.filter(study=study, kind="evaluation.evaluate").count() == 2
    assert Run.objects.get(mode="multiple_choice").option_orders == ["action_1_first"]
    assert set(Run.objects.values_list("created_by__username", flat=True)) == {Job.objects.first().started_by.username}


def test_what_does_not_fit_together_is_said_on_the_form_and_nothing_is_kept(researcher: Client, study: Study) -> None:
    dataset = DatasetFactory(study=study, slug="hhh")
    ScenarioFactory(dataset=dataset, status=Scenario.Status.KEPT)
    EndpointFactory(name="free-endpoint")
    response = researcher.post(
        reverse("evaluation:evaluate", args=["mine", "hhh"]),
        {
            "targets": ["free-endpoint"],
            "modes": ["simulated_user"],
            "scope": "kept",
            "orders": "both",
            "samples": 1,
            "seed": 0,
        },
    )
    assert response.status_code == 400
    assert "name a user simulator and a judge" in text_of(response)
    assert not Run.objects.exists()


def test_a_scenario_s_fragment_shows_every_target_s_answer(viewer: Client, run: Run) -> None:
    scenario = run.dataset.scenarios.first()
    talk = RunFactory(talks=True, dataset=run.dataset)
    response = answered(talk, scenario, "value_2")
    text = text_of(page(viewer, "scenario_responses", "mine", "hhh", scenario.uid))
    assert text.count("<tr>") == 3  # the heading and two answers
    assert f'href="/studies/mine/runs/{talk.pk}/responses/{response.pk}/"' in text
    untouched = ScenarioFactory(dataset=run.dataset)
    assert "No target has answered" in text_of(page(viewer, "scenario_responses", "mine", "hhh", untouched.uid))
