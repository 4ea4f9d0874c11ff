"""A judge decides some responses of runs, as a job: a version that is tried on the responses that are set aside for tuning."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from conflictscope.errors import Conflict
from conflictscope.jobs import control
from conflictscope.jobs.budgets import NO_BUDGET, Budget
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import Grown, NewItem
from conflictscope.llm.client import Door
from conflictscope.scenarios.about_jobs import OnDataset
from conflictscope.scenarios.filtering.judges import endpoint_of_judge
from conflictscope.scenarios.models import Dataset, Judge
from conflictscope.studies.endpoints import check_allowed
from evaluation.models import Judgement, Response
from evaluation.running.judging import Judged, JudgeQuestion, JudgeStep

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "evaluation.judge_some"


def start(
    dataset: Dataset,
    judge: Judge,
    *,
    responses: Sequence[int],
    started_by: User | None = None,
    budget: Budget = NO_BUDGET,
) -> Job:
    """Have the judge decide these responses to the dataset's scenarios; returns the live job if there is one.

    Raises:
        Conflict: there are none, or the judge was imported and cannot be asked. NotAllowed: the study may not use its endpoint.
    """
    if not responses:
        raise Conflict("There is no response among these that could be judged.")
    check_allowed(dataset.study, endpoint_of_judge(judge))
    wanted = sorted(responses)
    which = hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]
    return control.start(
        dataset.study,
        kind=KIND,
        subject=f"judge {judge.pk}, responses {which}",
        title=f"Have {judge.name} decide {len(wanted)} responses",
        parameters={"dataset": dataset.pk, "judge": judge.pk, "responses": wanted},
        started_by=started_by,
        budget=budget,
    )


class JudgeSomeHandler(OnDataset):
    """An item for each response that the judge has not decided yet."""

    kind = KIND
    reply_tokens: ClassVar[dict[str, int]] = {"judge": 80}
    left_out = ""
    step = JudgeStep()

    def foresee(self, job: Job) -> Iterable[NewItem]:
        return self.plan(job)

    def follow(self, item: WorkItem, outcome: Judged) -> Iterable[Grown[JudgeQuestion]]:
        return ()

    def plan(self, job: Job) -> Iterable[NewItem]:
        judge = job.parameters["judge"]
        decided = Judgement.objects.filter(judge=judge, response__in=job.parameters["responses"]).values("response")
        open_ones = Response.objects.filter(pk__in=job.parameters["responses"]).exclude(pk__in=decided)
        for pk, run, turns in open_ones.order_by("pk").values_list("pk", "run", "turns"):
            yield NewItem(f"judge {pk}", {"response": pk, "run": run, "judge": judge, "turns": turns})

    def prepare(self, item: WorkItem) -> JudgeQuestion:
        run = (
            Response.objects.select_related("run__dataset", "run__judge__endpoint").get(pk=item.payload["response"]).run
        )
        return self.step.prepare(run, item.payload)

    async def ask(self, prepared: JudgeQuestion, door: Door) -> Judged:
        return await prepared.ask(door)

    def store(self, item: WorkItem, outcome: Judged) -> str:
        return self.step.store(item.payload["run"], item.payload, outcome)

    def outcome(self, job: Job) -> str:
        judge = Judge.objects.get(pk=job.parameters["judge"])
        decided = Judgement.objects.filter(judge=judge, response__in=job.parameters["responses"]).count()
        return f"{judge} has decided {decided} of {len(job.parameters['responses'])} responses."
