"""Making runs: what they are about, what fits together, and clear words where it does not."""

from __future__ import annotations

import pytest

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.jobs.models import Job
from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.models import Dimension, OpeningMessage, Scenario
from evaluation.models import Run, Target
from evaluation.running.runs import RunSettings, create_or_find_run, evaluate, jobs_of, scenarios_in, start
from evaluation.running.targets import labels_to_choose, target_for
from tests.factories.evaluation import TargetFactory
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, VerdictFactory
from tests.factories.studies import StudyFactory

pytestmark = pytest.mark.django_db

MULTIPLE_CHOICE, SIMULATED_USER = Run.Mode.MULTIPLE_CHOICE, Run.Mode.SIMULATED_USER


def kept_dataset(**settings):
    dataset = DatasetFactory(**settings)
    ScenarioFactory(dataset=dataset, status=Scenario.Status.KEPT)
    return dataset


def test_a_label_that_names_an_endpoint_becomes_a_target_once() -> None:
    endpoint = EndpointFactory(name="sim-target-candid")
    target = target_for("sim-target-candid")
    assert (target.label, target.endpoint) == ("sim-target-candid", endpoint)
    assert target_for("sim-target-candid") == target
    assert target_for("candid=sim-target-candid") == Target.objects.get(label="candid")


def test_an_unknown_endpoint_is_named_with_those_that_exist() -> None:
    EndpointFactory(name="here")
    with pytest.raises(NotFound, match=r"no endpoint 'gone'.*here"):
        target_for("mine=gone")
    assert not Target.objects.exists()


def test_a_label_cannot_move_to_another_endpoint() -> None:
    EndpointFactory(name="other")
    TargetFactory(label="mine", endpoint=EndpointFactory(name="first"))
    with pytest.raises(Conflict, match="'mine' is the endpoint 'first', not 'other'"):
        target_for("mine=other")


def test_a_spec_without_a_label_is_refused() -> None:
    with pytest.raises(NotFound, match="names no target"):
        target_for("=endpoint")


def test_targets_and_endpoints_that_are_none_yet_can_be_chosen() -> None:
    TargetFactory(label="old", endpoint=EndpointFactory(name="covered"))
    EndpointFactory(name="free")
    assert labels_to_choose(StudyFactory()) == ["old", "free"]


def test_the_same_settings_find_the_same_run() -> None:
    dataset, target = kept_dataset(), TargetFactory()
    run = create_or_find_run(dataset, target=target, mode=MULTIPLE_CHOICE)
    assert create_or_find_run(dataset, target=target, mode=MULTIPLE_CHOICE) == run
    assert run.option_orders == ["action_1_first", "action_2_first"]
    assert run.prompt_versions == {"multiple_choice/choice": 1, "multiple_choice/rating": 1}


def test_another_seed_begins_another_run() -> None:
    dataset, target = kept_dataset(), TargetFactory()
    run = create_or_find_run(dataset, target=target, mode=MULTIPLE_CHOICE)
    assert create_or_find_run(dataset, target=target, mode=MULTIPLE_CHOICE, settings=RunSettings(seed=1)) != run


def test_a_run_that_has_begun_keeps_what_it_has() -> None:
    dataset, target = kept_dataset(), TargetFactory()
    create_or_find_run(dataset, target=target, mode=MULTIPLE_CHOICE)
    create_or_find_run(dataset, target=target, mode=MULTIPLE_CHOICE, settings=RunSettings(samples=3))
    with pytest.raises(Conflict, match=r"3 samples, not 1.*another seed"):
        create_or_find_run(dataset, target=target, mode=MULTIPLE_CHOICE, settings=RunSettings(samples=1))
    with pytest.raises(Conflict, match="option order action_2_first as well"):
        create_or_find_run(
            dataset,
            target=target,
            mode=MULTIPLE_CHOICE,
            settings=RunSettings(samples=3, option_orders=["action_1_first"]),
        )


def test_the_judge_s_own_prompt_version_is_the_run_s() -> None:
    judge = JudgeFactory(prompt_versions={"judging/action": 1, "filtering/realism": 1})
    run = create_or_find_run(
        kept_dataset(),
        target=TargetFactory(),
        mode=SIMULATED_USER,
        settings=RunSettings(user_simulator=EndpointFactory(), judge=judge),
    )
    assert run.prompt_versions == {
        "simulated_user/opening": 1,
        "simulated_user/rewriting": 1,
        "simulated_user/following": 2,
        "judging/action": 1,
    }
    assert run.option_orders == []


@pytest.mark.parametrize("missing", ["user_simulator", "judge"])
def test_a_simulated_user_needs_its_two_llms(missing: str) -> None:
    llms = {"user_simulator": EndpointFactory(), "judge": JudgeFactory(), missing: None}
    with pytest.raises(InvalidInput, match="name a user simulator and a judge"):
        create_or_find_run(kept_dataset(), target=TargetFactory(), mode=SIMULATED_USER, settings=RunSettings(**llms))


def test_a_dataset_without_kept_scenarios_says_what_to_do() -> None:
    dataset = ScenarioFactory(status=Scenario.Status.DROPPED).dataset
    with pytest.raises(InvalidInput, match=r"no kept scenarios.*scope all"):
        create_or_find_run(dataset, target=TargetFactory(), mode=MULTIPLE_CHOICE)
    assert create_or_find_run(dataset, target=TargetFactory(), mode=MULTIPLE_CHOICE, settings=RunSettings(scope="all"))


def test_a_scenario_with_nobody_to_play_is_refused_to_a_simulated_user() -> None:
    dataset = DatasetFactory(baseline=True)
    ScenarioFactory(dataset=dataset)
    nobody = ScenarioFactory(dataset=dataset, persona="", background="", goal="")
    llms = {"user_simulator": EndpointFactory(), "judge": JudgeFactory()}
    with pytest.raises(InvalidInput, match=r"1 of 2 scenarios .* neither a persona nor a goal.*multiple choice"):
        create_or_find_run(
            dataset, target=TargetFactory(), mode=SIMULATED_USER, settings=RunSettings(scope="all", **llms)
        )
    OpeningMessage.objects.create(scenario=nobody, text="Hello, I need advice.", source="imported")
    assert create_or_find_run(
        dataset, target=TargetFactory(), mode=SIMULATED_USER, settings=RunSettings(scope="all", **llms)
    )


@pytest.mark.parametrize("samples", [0, 101])
def test_samples_have_bounds(samples: int) -> None:
    with pytest.raises(InvalidInput, match="from 1 to 100"):
        create_or_find_run(
            kept_dataset(), target=TargetFactory(), mode=MULTIPLE_CHOICE, settings=RunSettings(samples=samples)
        )


def test_scopes_cover_what_they_say() -> None:
    dataset = DatasetFactory()
    by_status = {
        status: ScenarioFactory(dataset=dataset, status=status)
        for status in ("drafted", "kept", "dropped", "undecided", "outlined")
    }
    ScenarioFactory(dataset=dataset, status="duplicate", duplicate_of=by_status["kept"])
    assert set(scenarios_in(dataset, "kept")) == {by_status["kept"]}
    assert set(scenarios_in(dataset, "all")) == {
        by_status[status] for status in ("drafted", "kept", "dropped", "undecided")
    }


def test_human_validated_are_those_that_one_panel_passed_on_everything() -> None:
    dataset = DatasetFactory()
    whole, half, split = ScenarioFactory.create_batch(3, dataset=dataset)
    for dimension in dimensions_of(whole):
        VerdictFactory(human=True, scenario=whole, dimension=dimension)
        panel = "one" if dimension == Dimension.REALISM else "two"
        VerdictFactory(human=True, scenario=split, dimension=dimension, panel=panel)
    VerdictFactory(human=True, scenario=half)
    assert list(scenarios_in(dataset, "human_validated")) == [whole]


def test_one_job_is_started_for_each_target_and_mode() -> None:
    targets = TargetFactory.create_batch(2)
    jobs = evaluate(
        kept_dataset(),
        targets=targets,
        modes=[MULTIPLE_CHOICE, SIMULATED_USER],
        settings=RunSettings(user_simulator=EndpointFactory(), judge=JudgeFactory()),
    )
    assert len(jobs) == Run.objects.count() == 4
    assert {job.subject for job in jobs} == {f"run {run.pk}" for run in Run.objects.all()}


def test_nothing_is_started_when_one_of_the_runs_cannot_be() -> None:
    with pytest.raises(InvalidInput):
        evaluate(kept_dataset(), targets=[TargetFactory()], modes=[MULTIPLE_CHOICE, SIMULATED_USER])
    assert not Run.objects.exists()
    assert not Job.objects.exists()


def test_somebody_must_be_asked() -> None:
    with pytest.raises(InvalidInput, match="at least one target and one mode"):
        evaluate(kept_dataset(), targets=[], modes=[MULTIPLE_CHOICE])


def test_a_run_is_shown_with_its_newest_job() -> None:
    run = create_or_find_run(kept_dataset(), target=TargetFactory(), mode=MULTIPLE_CHOICE)
    first = start(run)
    assert start(run) == first  # a live job is not started twice
    Job.objects.filter(pk=first.pk).update(state=Job.State.DONE)
    second = start(run)
    assert jobs_of([run]) == {run.pk: second}
