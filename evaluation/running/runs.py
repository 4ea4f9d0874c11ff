"""Runs: one target on one dataset in one mode, with everything that fixes it, and the job that carries it out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef, ProtectedError, QuerySet

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.jobs import control
from conflictscope.jobs.budgets import NO_BUDGET, Budget
from conflictscope.jobs.models import Job
from conflictscope.llm.models import Endpoint
from conflictscope.scenarios.models import Dataset, Judge, Scenario
from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.studies.endpoints import check_allowed
from evaluation.models import Judgement, Response, Run, Steering, Target
from evaluation.running.asking import prompt_versions
from evaluation.running.targets import endpoint_of_target

if TYPE_CHECKING:
    from django.contrib.auth.models import User

JOB_KIND = "evaluation.evaluate"
MOST_TURNS = 20
ORDERS: dict[str, list[str]] = {
    "both": [OptionOrder.ACTION_1_FIRST, OptionOrder.ACTION_2_FIRST],
    OptionOrder.ACTION_1_FIRST: [OptionOrder.ACTION_1_FIRST],
    OptionOrder.ACTION_2_FIRST: [OptionOrder.ACTION_2_FIRST],
}
WITH_ACTIONS = (
    Scenario.Status.DRAFTED,
    Scenario.Status.KEPT,
    Scenario.Status.DROPPED,
    Scenario.Status.UNDECIDED,
)


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a run is carried out. User simulator, judges and turns are needed, and used, where a user is simulated only."""

    scope: str = Run.Scope.KEPT
    user_simulator: Endpoint | None = None
    judge: Judge | None = None
    further_judges: Collection[Judge] = ()
    option_orders: Sequence[str] = tuple(ORDERS["both"])
    samples: int = 1
    max_turns: int = 1
    seed: int = 0


def scenarios_in(dataset: Dataset, scope: str) -> QuerySet[Scenario]:
    """The dataset's scenarios that a scope covers. `all`: every one that has its two actions, duplicates excepted."""
    scenarios = Scenario.objects.filter(dataset=dataset)
    if scope == Run.Scope.KEPT:
        return scenarios.filter(status=Scenario.Status.KEPT)
    if scope == Run.Scope.HUMAN_VALIDATED:
        return scenarios.human_validated()
    return scenarios.filter(status__in=WITH_ACTIONS)


def scenarios_of(run: Run) -> QuerySet[Scenario]:
    """The scenarios that a run is about, as they stand now: a verdict given later may add some or take some away."""
    return scenarios_in(run.dataset, run.scope)


def create_or_find_run(
    dataset: Dataset,
    *,
    target: Target,
    mode: str,
    settings: RunSettings | None = None,
    steering: Steering | None = None,
    created_by: User | None = None,
) -> Run:
    """The run of this target on this dataset in this mode, scope and seed, with this user simulator, steered or not; made if there is none.

    One that is there is topped up to what is asked for: more samples, orders, turns or judges are added to it, and only what is missing
    is asked. A judge that comes later decides beside the first; what it decides is a column, not another run.

    Raises:
        InvalidInput: the simulated user has no user simulator or no judge; no scenario is in scope; a scenario cannot be
            opened by a simulated user; the steering is another study's, or its order is not of the dataset's values; a number out
            of range.
        Conflict: that run has more samples, orders or turns than are asked for: what it has, it keeps.
        NotAllowed: the study may not use the endpoint of the target, the user simulator or the judge.
    """
    settings = settings or RunSettings()
    talks = mode == Run.Mode.SIMULATED_USER
    user_simulator, judge = (settings.user_simulator, settings.judge) if talks else (None, None)
    if talks and (user_simulator is None or judge is None):
        raise InvalidInput("The simulated user needs two more LLMs: name a user simulator and a judge.")
    _check_numbers(samples=settings.samples, max_turns=settings.max_turns)
    judges = [judge, *settings.further_judges] if judge else []
    orders, turns = ([], settings.max_turns) if talks else (list(settings.option_orders), 1)
    check_allowed(dataset.study, endpoint_of_target(target), user_simulator, *(each.endpoint for each in judges))
    if steering:
        check_steering(dataset, steering)
    _check_scope(dataset, scope=settings.scope, talks=talks)
    run, created = Run.objects.select_related("target", "user_simulator", "judge", "steering").get_or_create(
        dataset=dataset,
        mode=mode,
        target=target,
        scope=settings.scope,
        seed=settings.seed,
        steering=steering,
        user_simulator=user_simulator,
        imported=False,
        defaults={
            "judge": judge,
            "option_orders": orders,
            "samples": settings.samples,
            "max_turns": turns,
            "prompt_versions": prompt_versions(mode, judge=judge),
            "study": dataset.study,
            "created_by": created_by,
        },
    )
    if created:
        run.further_judges.set(each for each in judges if each != judge)
    else:
        _check_not_fewer(run, samples=settings.samples, turns=turns, orders=orders)
        top_up(run, samples=settings.samples, max_turns=turns, option_orders=orders, judges=judges)
    return run


def check_steering(dataset: Dataset, steering: Steering) -> None:
    """
    Raises:
        InvalidInput: it belongs to another study, or ranks fewer than two of the dataset's values.
    """
    if steering.study_id != dataset.study_id:
        raise InvalidInput(f"The steering {steering.name!r} belongs to another study than dataset {dataset.slug!r}.")
    if steering.target_ranking is None:
        return
    version = dataset.value_set_version
    ranked = set(steering.target_ranking.positions.values_list("value__key", flat=True))
    if version is None or len(ranked & {value.key for value in version.values.all()}) < 2:
        raise InvalidInput(
            f"The steering {steering.name!r} carries an order of other values than dataset {dataset.slug!r} has: choose one whose order "
            "is of this value set, or one with a text of its own."
        )


def top_up(
    run: Run,
    *,
    samples: int | None = None,
    max_turns: int | None = None,
    option_orders: Collection[str] = (),
    judges: Collection[Judge] = (),
) -> Run:
    """Ask more of a run: what is given, and more than it has, is added; nothing is taken away. Starting it then does what is missing.

    Raises:
        InvalidInput: a number out of range; turns or judges for multiple choice, option orders for a conversation.
        Conflict: the run was imported.
        NotAllowed: the study may not use the endpoint of a judge.
    """
    if run.imported:
        raise Conflict(f"The answers of {run.target} came with a file: nothing more is asked for this run.")
    samples, max_turns = samples or run.samples, max_turns or run.max_turns
    _check_numbers(samples=samples, max_turns=max_turns)
    talks = run.mode == Run.Mode.SIMULATED_USER
    if not talks and (judges or max_turns > 1):
        raise InvalidInput("Multiple choice is one answer that is read: it has no further turns, and no judges.")
    if talks and option_orders:
        raise InvalidInput("A conversation shows the target no options, so it has no option orders.")
    check_allowed(run.study, *(judge.endpoint for judge in judges))
    run.samples, run.max_turns = max(samples, run.samples), max(max_turns, run.max_turns)
    run.option_orders = [order for order in ORDERS["both"] if order in {*run.option_orders, *option_orders}]
    run.save(update_fields=["samples", "max_turns", "option_orders"])
    run.further_judges.add(*(judge for judge in judges if judge.pk != run.judge_id))
    return run


def _check_numbers(*, samples: int, max_turns: int) -> None:
    if not 1 <= samples <= 100:
        raise InvalidInput(f"Samples a scenario must be from 1 to 100, not {samples}.")
    if not 1 <= max_turns <= MOST_TURNS:
        raise InvalidInput(f"A conversation has from 1 to {MOST_TURNS} turns, not {max_turns}.")


def unasked_scenarios(run: Run) -> QuerySet[Scenario]:
    """Scenarios that have come into the run's scope since it was last carried out, or that it has not got to yet."""
    asked = Response.objects.filter(run=run, scenario=OuterRef("pk"))
    return scenarios_of(run).filter(~Exists(asked))


def _check_scope(dataset: Dataset, *, scope: str, talks: bool) -> None:
    scenarios = scenarios_in(dataset, scope)
    if not scenarios.exists():
        advice = {
            Run.Scope.KEPT: "Filter it first, or evaluate all of its scenarios (scope all).",
            Run.Scope.HUMAN_VALIDATED: "Have people label it first, or evaluate the kept ones (scope kept).",
        }.get(Run.Scope(scope), "Generate or import some first.")
        which = scope.replace("_", "-") + " " if scope != Run.Scope.ALL else ""
        raise InvalidInput(f"Dataset {dataset.slug!r} has no {which}scenarios to evaluate. {advice}")
    if not talks:
        return
    # To open a conversation the user simulator must know who speaks, or what they want; an imported message does as well.
    nobody = scenarios.filter(persona="", goal="").exclude(opening_messages__source="imported")
    if lacking := nobody.count():
        raise InvalidInput(
            f"{lacking} of {scenarios.count()} scenarios of dataset {dataset.slug!r} have neither a persona nor a goal, so no "
            "simulated user can play them. Evaluate them by multiple choice, or import their opening messages."
        )


def _check_not_fewer(run: Run, *, samples: int, turns: int, orders: Collection[str]) -> None:
    """A run is never made smaller: who asks for less than it has may not know that."""
    asked = (("samples", run.samples, samples), ("turns", run.max_turns, turns))
    fewer = [f"{has} {what}, not {wanted}" for what, has, wanted in asked if wanted < has]
    if left_out := [order for order in run.option_orders if order not in orders]:
        fewer.append(f"option order {' and '.join(left_out)} as well")
    if fewer:
        raise Conflict(
            f"The run of {run.target} in this mode and scope has begun with {'; '.join(fewer)}. A run keeps what it has: ask for as "
            "much, or for more, to go on with it, or choose another seed to begin a new run."
        )


def start(run: Run, *, started_by: User | None = None, budget: Budget = NO_BUDGET) -> Job:
    """The job that does what is missing of a run.

    Raises:
        Conflict: the run was imported.
    """
    if run.imported:
        raise Conflict(f"The answers of {run.target} came with a file: nothing more is asked for this run.")
    steered = f", steered by {run.steering}" if run.steering else ""
    return control.start(
        run.study,
        kind=JOB_KIND,
        subject=f"run {run.pk}",
        title=f"Evaluate {run.target}{steered}: {run.get_mode_display().lower()} on {run.dataset}"[:200],
        parameters={"run": run.pk},
        started_by=started_by,
        budget=budget,
    )


def ask_for_missing(runs: Collection[Run], *, started_by: User | None = None) -> list[Job]:
    """Ask for what is missing of runs, each within the budget of its last job. Imported runs are left out.

    Raises:
        InvalidInput: nothing is missing, or nothing can be asked for.
        NotAllowed: the study may not use an endpoint of theirs any more.
    """
    ours = [run for run in runs if not run.imported]
    if not ours:
        raise InvalidInput("Nothing is missing that could be asked for: runs are whole, or came with a file.")
    last = jobs_of(ours)
    with transaction.atomic():
        for run in ours:
            asked = [run.user_simulator, run.judge.endpoint if run.judge else None]
            check_allowed(run.study, endpoint_of_target(run.target), *asked)
        return [
            start(run, started_by=started_by, budget=Budget.of(last[run.pk]) if run.pk in last else NO_BUDGET)
            for run in ours
        ]


def evaluate(
    dataset: Dataset,
    *,
    targets: Collection[Target],
    modes: Collection[str],
    settings: RunSettings | None = None,
    steerings: Collection[Steering] = (),
    again: Collection[str] = (),
    started_by: User | None = None,
    budget: Budget = NO_BUDGET,
) -> list[Job]:
    """One job for each target and mode. Nothing is started unless every one of them can be.

    Args:
        steerings: for each of them as well, on the same scenarios, orders and samples: what it does is a difference from the default run,
            which is made, or gone on with, beside it.
        again: outcomes of replies that are no answer, to be asked for again; by themselves they never are.

    Raises:
        InvalidInput, Conflict: see `create_or_find_run` and `ask_again`.
    """
    if not targets or not modes:
        raise InvalidInput("Choose at least one target and one mode.")
    with transaction.atomic():
        runs = [
            create_or_find_run(
                dataset,
                target=target,
                mode=mode,
                settings=settings,
                steering=steering,
                created_by=started_by,
            )
            for mode in modes
            for target in targets
            for steering in (None, *steerings)
        ]
        for run in runs:
            ask_again(run, again)
        return [start(run, started_by=started_by, budget=budget) for run in runs]


def ask_again(run: Run, outcomes: Collection[str]) -> int:
    """Let go of the replies that ended so and are none of an answer, so that they are asked for anew; the call log keeps what came.
    Returns how many. What people have looked at stays.

    Raises:
        InvalidInput: an outcome that is an answer, or none at all.
    """
    if wrong := sorted(set(outcomes) - set(Response.UNANSWERED)):
        raise InvalidInput(
            f"Only replies that are no answer are asked for again: {', '.join(Response.UNANSWERED)}; not {', '.join(wrong)}."
        )
    of_people = Judgement.objects.filter(response=OuterRef("pk"), source=Judgement.Source.HUMAN)
    left = run.responses.filter(~Exists(of_people), outcome__in=outcomes)
    gone = 0
    for response in left:
        with suppress(ProtectedError):  # an item of a campaign
            response.delete()
            gone += 1
    # A conversation that broke off later on keeps its first turns: only the last is asked for again.
    broken = run.responses.filter(shown_to_people=False, outcome=Response.Outcome.ANSWERED, ended__in=outcomes)
    return gone + broken.update(ended="")


def jobs_of(runs: Collection[Run]) -> dict[int, Job]:
    """The newest job of each run that has one, by the run's id."""
    subjects = {f"run {run.pk}": run.pk for run in runs}
    jobs = Job.objects.filter(kind=JOB_KIND, subject__in=subjects).select_related("study").order_by("pk")
    return {subjects[job.subject]: job for job in jobs}


def run_of_job(job: Job) -> Run:
    """
    Raises:
        NotFound: the run was deleted since.
    """
    with_this_id = Run.objects.select_related("study", "dataset", "target").filter(pk=job.parameters.get("run"))
    if (run := with_this_id.first()) is None:
        raise NotFound(f"The run of job {job.pk} is no longer there.")
    return run
