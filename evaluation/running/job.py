"""A run as a job: which steps are missing, and who does each.

Every step is one work item. Multiple choice has two: a choice for each scenario, order and sample, and a pair of ratings for
each scenario and sample. The simulated user has three that grow from one another, the opening message, the target's answer to
it, the judge's decision, and a fourth where the judge says that it is not over: another message and another answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import Grown, NewItem, WorkedOn
from conflictscope.llm.client import Door
from conflictscope.scenarios.models import Scenario
from evaluation.models import Run
from evaluation.running import judging, multiple_choice, openings, simulated_user
from evaluation.running.asking import transcript
from evaluation.running.bias import bias_of
from evaluation.running.runs import JOB_KIND, run_of_job
from evaluation.running.summaries import summaries_of, undecided_in
from evaluation.tables import said


class StepQuestion(Protocol):
    """Everything that one step asks, read from the database."""

    async def ask(self, door: Door) -> Any: ...


class Step(Protocol):
    """One kind of work item of a run."""

    def prepare(self, run: Run, payload: dict[str, Any]) -> StepQuestion: ...

    def store(self, run_id: int, payload: dict[str, Any], outcome: Any) -> str: ...


@runtime_checkable
class ManyAtOnce(Protocol):
    """A step of which dozens are read, or end, at the same moment: for all of them it takes as many statements as for one.

    Each raises what the step would raise for one of them, and is then asked for each alone.
    """

    def prepare_all(self, run: Run, payloads: Sequence[dict[str, Any]]) -> list[Any]: ...

    def store_all(self, run_id: int, ended: Sequence[tuple[dict[str, Any], Any]]) -> list[str]: ...


PHASES = {
    "choice": "choices and ratings",
    "rating": "choices and ratings",
    "opening": "opening messages",
    "answer": "answers of the target",
    "turn": "further turns",
    "judge": "decisions of the judge",
}

T = TypeVar("T")
R = TypeVar("R")


class EvaluateHandler:
    """Jobs of kind `evaluation.evaluate`: one run each."""

    kind = JOB_KIND
    steps: ClassVar[dict[str, Step]] = {
        "choice": multiple_choice.ChoiceStep(),
        "rating": multiple_choice.RatingStep(),
        "opening": openings.OpeningStep(),
        "answer": simulated_user.AnswerStep(),
        "turn": simulated_user.TurnStep(),
        "judge": judging.JudgeStep(),
    }

    # A letter; a digit; a message with its document; an open answer; a decision with its reason.
    reply_tokens: ClassVar[dict[str, int]] = {
        "choice": 5, "rating": 5, "opening": 150, "rewriting": 150, "following": 80, "answer": 350, "judge": 80
    }  # fmt: skip
    left_out = ""

    def foresee(self, job: Job) -> Iterator[NewItem]:
        return self.plan(job)

    def follow(self, item: WorkItem, outcome: Any) -> Iterator[Grown[StepQuestion]]:
        """What the next stages will ask: the target about an opening message, the judge about an answer."""
        run = _run_of(item.job, item.payload["run"])
        payload = item.payload
        if payload["step"] == "opening" and outcome is not None and outcome.reply.ok:
            question: StepQuestion = simulated_user.answer_question(run, payload, outcome.text)
            yield Grown(
                WorkItem(job=item.job, key=f"answer of {item.key}", payload={**payload, "step": "answer"}), question
            )
        elif payload["step"] == "answer":
            talk = transcript(outcome.message, outcome.reply.text)
            scenario = Scenario.objects.get(pk=payload["scenario"])
            sample, later = payload["sample"], run.max_turns - 1
            if later:
                question = simulated_user.turn_question(run, scenario, sample=sample, said=talk)
                turn = WorkItem(job=item.job, key=f"turn of {item.key}", payload={**payload, "step": "turn"})
                yield Grown(turn, question, times=later)
            for judge in judging.judges_of(run):
                question = judging.question_about(run, scenario, sample=sample, transcript=talk, judge=judge)
                decision = WorkItem(job=item.job, key=f"judge of {item.key}", payload={**payload, "step": "judge"})
                yield Grown(decision, question, times=run.max_turns if judge.pk == run.judge_id else 1)

    def plan(self, job: Job) -> Iterator[NewItem]:
        run = _run(job.parameters["run"])
        if run.mode == Run.Mode.MULTIPLE_CHOICE:
            missing = multiple_choice.missing_steps(run)
        else:
            missing = simulated_user.missing_steps(run)
        for step, rest in missing:
            key = ":".join(str(part) for part in (step, *rest.values()))
            yield NewItem(key=key, payload={"step": step, "run": run.pk, **rest})

    def phase(self, key: str, payload: Mapping[str, Any]) -> str:
        return PHASES[payload["step"]]

    def prepare(self, item: WorkItem) -> StepQuestion:
        return self.steps[item.payload["step"]].prepare(_run_of(item.job, item.payload["run"]), item.payload)

    async def ask(self, prepared: StepQuestion, door: Door) -> Any:
        return await prepared.ask(door)

    def store(self, item: WorkItem, outcome: Any) -> str:
        return self.steps[item.payload["step"]].store(item.payload["run"], item.payload, outcome)

    def prepare_all(self, items: Sequence[WorkItem]) -> list[StepQuestion]:
        def of_step(step: Step, mine: Sequence[WorkItem]) -> list[StepQuestion]:
            runs = [_run_of(item.job, item.payload["run"]) for item in mine]
            if isinstance(step, ManyAtOnce):
                return step.prepare_all(runs[0], [item.payload for item in mine])
            return [step.prepare(run, item.payload) for run, item in zip(runs, mine, strict=True)]

        return self._by_step(items, lambda item: item, of_step)

    def store_all(self, ended: Sequence[tuple[WorkItem, Any]]) -> list[str]:
        def of_step(step: Step, mine: Sequence[tuple[WorkItem, Any]]) -> list[str]:
            run_id = mine[0][0].payload["run"]
            pairs = [(item.payload, outcome) for item, outcome in mine]
            if isinstance(step, ManyAtOnce):
                return step.store_all(run_id, pairs)
            return [step.store(run_id, payload, outcome) for payload, outcome in pairs]

        return self._by_step(ended, lambda pair: pair[0], of_step)

    def _by_step(
        self,
        works: Sequence[T],
        item_of: Callable[[T], WorkItem],
        of_step: Callable[[Step, Sequence[T]], Sequence[R]],
    ) -> list[R]:
        """What `of_step` makes of the works of each step, in the order of the works. A job is of one run."""
        by_number: dict[int, R] = {}
        for name, step in self.steps.items():
            numbers = [number for number, work in enumerate(works) if item_of(work).payload["step"] == name]
            if numbers:
                by_number |= zip(numbers, of_step(step, [works[number] for number in numbers]), strict=True)
        return [by_number[number] for number in range(len(works))]

    def worked_on(self, job: Job) -> WorkedOn:
        run = run_of_job(job)
        return WorkedOn(str(run), run.get_absolute_url())

    def outcome(self, job: Job) -> str:
        run = run_of_job(job)
        summary = summaries_of([run])[run.pk]
        rated = f", {summary.rated_both} of {summary.ratings} scenarios rated" if summary.ratings else ""
        unanswered = f"; no answer: {summary.unanswered_in_words}" if summary.unanswered else ""
        counts = (
            f"{job.title}: {summary.responses} responses, {summary.decided} decided{rated}; "
            f"undecided {said(undecided_in(run), percent=True)}{unanswered}."
        )
        return "\n".join([counts, *bias_of(run).sentences])


def _run_of(job: Job, run_id: int) -> Run:
    """Read once for a worker's slice of the job, not for each item: what fixes a run does not change."""
    run: Run | None = vars(job).get("_run")
    if run is None:
        run = vars(job)["_run"] = _run(run_id)
    return run


def _run(run_id: int) -> Run:
    return Run.objects.select_related(
        "dataset", "target__endpoint", "steering", "user_simulator", "judge__endpoint"
    ).get(pk=run_id)
