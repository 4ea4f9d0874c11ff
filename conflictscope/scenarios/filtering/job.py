"""A judge answers one question per dimension about each scenario; its verdicts decide what is kept."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from django.db.models import Count, Q, QuerySet
from pydantic import BaseModel, ConfigDict

from conflictscope.errors import Conflict
from conflictscope.jobs import control
from conflictscope.jobs.budgets import NO_BUDGET, Budget
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import Grown, NewItem
from conflictscope.llm.client import Door
from conflictscope.llm.prompts import delimit
from conflictscope.llm.types import Parsed, Prompt
from conflictscope.scenarios.about_jobs import OnDataset, dataset_of_job
from conflictscope.scenarios.datasets import quick_dimension_rates
from conflictscope.scenarios.filtering.dimensions import (
    INCONSISTENT,
    NO,
    YES,
    FilterQuestion,
    dimensions_of,
    outcome_of,
    questions_of,
)
from conflictscope.scenarios.filtering.judges import FILTER_STEP, endpoint_of_judge, prompt_of
from conflictscope.scenarios.filtering.verdicts import SETTLED_BY_VERDICTS, make_primary, resettle, settle
from conflictscope.scenarios.models import Dataset, Dimension, Judge, Scenario, Verdict
from conflictscope.scenarios.option_orders import OptionOrder, action_behind, as_shown
from conflictscope.studies.endpoints import check_allowed

if TYPE_CHECKING:
    from django.contrib.auth.models import User

__all__ = ["KIND", "FilterHandler", "resettle", "scenarios_to_judge", "settle", "start"]

logger = logging.getLogger(__name__)

KIND = "scenarios.filter"


class NothingToAsk(Conflict):
    """The judge has answered every question about the dataset."""

    code = "nothing_to_ask"


class PassReply(BaseModel):
    """The answer to every question but that of value guidance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passed: bool
    reason: str


class SupportReply(BaseModel):
    """Which action a value asks for, in the letters of the order shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    supports: Literal["A", "B", "both", "neither"]
    reason: str


@dataclass(frozen=True, slots=True)
class QuestionInOrder:
    """One question in one order of the actions; `order` is empty where only one action is shown."""

    question: FilterQuestion
    order: str
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Prepared:
    judge: Judge
    asked: tuple[QuestionInOrder, ...]


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    asked: QuestionInOrder
    parsed: Parsed[PassReply] | Parsed[SupportReply]

    @property
    def answer(self) -> str | None:
        """The answer in the question's own terms: letters become the actions they stood for. None: unparsable."""
        reply = self.parsed.value
        if isinstance(reply, PassReply):
            return YES if reply.passed else NO
        if isinstance(reply, SupportReply):
            lettered = reply.supports in ("A", "B")
            return action_behind(reply.supports, self.asked.order) if lettered else reply.supports
        return None

    def evidence(self) -> dict[str, Any]:
        reason = self.parsed.value.reason if self.parsed.value is not None else ""
        evidence = {"question": self.asked.question.key, "answer": self.answer, "reason": reason}
        if self.asked.order:
            evidence["order"] = self.asked.order
        if self.parsed.value is None:
            evidence["problem"] = self.parsed.problem
        return evidence


def start(
    dataset: Dataset,
    judge: Judge,
    *,
    primary: bool = False,
    started_by: User | None = None,
    budget: Budget = NO_BUDGET,
    among: Sequence[int] = (),
) -> Job:
    """Have the judge answer what it has not answered yet; returns the live job if there is one.

    The first judge of a dataset becomes its primary judge, whose verdicts decide the statuses.

    Args:
        primary: make this judge the primary one also where there is another, though it may have nothing left to answer.
        budget: what it may spend before it pauses.
        among: keys of the scenarios to ask about; none: all. A judge that is asked about some becomes nobody's primary one.

    Raises:
        Conflict: no scenario of the dataset has been drafted, or the judge was imported and cannot be asked.
        NothingToAsk: the judge has answered everything: a job would end without a call, and nobody would learn why.
        NotAllowed: the study may not use the judge's endpoint.
    """
    if not dataset.scenarios.filter(status__in=SETTLED_BY_VERDICTS).exists():
        raise Conflict(
            f"Dataset {dataset.slug!r} has no scenario to filter whose situation and actions are told: generate some, or import "
            "the file that tells them."
        )
    check_allowed(dataset.study, endpoint_of_judge(judge))
    if (dataset.primary_judge_id is None and not among) or (primary and dataset.primary_judge_id != judge.pk):
        make_primary(dataset, judge)
    elif not scenarios_to_judge(dataset, judge).exists():
        raise NothingToAsk(
            f"{judge} has answered everything about dataset {dataset.slug!r}: there is nothing left to ask. Choose another judge, or "
            "choose on the page of the filter results whose verdicts decide."
        )
    return control.start(
        dataset.study,
        kind=KIND,
        subject=f"dataset {dataset.pk}, judge {judge.pk}",
        title=f"Filter {dataset.name} by {judge.name}",
        parameters={"dataset": dataset.pk, "judge": judge.pk} | ({"scenarios": list(among)} if among else {}),
        started_by=started_by,
        budget=budget,
    )


def scenarios_to_judge(dataset: Dataset, judge: Judge) -> QuerySet[Scenario]:
    """Drafted scenarios that lack a verdict of this judge on a dimension that can be asked of them."""
    number_of_verdicts = Count("verdicts", filter=Q(verdicts__judge=judge))
    drafted = dataset.scenarios.filter(status__in=SETTLED_BY_VERDICTS).annotate(given=number_of_verdicts)
    return drafted.filter(given__lt=len(dimensions_of(dataset))).order_by("pk")


class FilterHandler(OnDataset):
    """One item is one scenario: its up to ten calls go out side by side, its verdicts are written together.

    A baseline dataset has no values to ask of, so value guidance is left out there and five dimensions decide.
    """

    kind = KIND
    reply_tokens: ClassVar[dict[str, int]] = {"filter": 60}
    left_out = ""

    def foresee(self, job: Job) -> Iterable[NewItem]:
        return self.plan(job)

    def follow(self, item: WorkItem, outcome: list[AnsweredQuestion]) -> Iterable[Grown[Prepared]]:
        return ()

    def plan(self, job: Job) -> Iterable[NewItem]:
        dataset = Dataset.objects.get(pk=job.parameters["dataset"])
        judge = Judge.objects.get(pk=job.parameters["judge"])
        wanted = scenarios_to_judge(dataset, judge)
        if among := job.parameters.get("scenarios"):
            wanted = wanted.filter(pk__in=among)
        for pk in list(wanted.values_list("pk", flat=True)):
            yield NewItem(key=f"scenario {pk}", payload={"scenario": pk})

    def prepare(self, item: WorkItem) -> Prepared:
        judge = Judge.objects.select_related("endpoint").get(pk=item.job.parameters["judge"])
        scenario = Scenario.objects.select_related("dataset", "value_1", "value_2").get(pk=item.payload["scenario"])
        judged_dimensions = set(scenario.verdicts.filter(judge=judge).values_list("dimension", flat=True))
        return Prepared(
            judge=judge,
            asked=tuple(
                asked
                for dimension in dimensions_of(scenario)
                if dimension not in judged_dimensions
                for asked in questions_to_ask(scenario, dimension, judge)
            ),
        )

    async def ask(self, prepared: Prepared, door: Door) -> list[AnsweredQuestion]:
        # All calls are waited for, whatever becomes of one: cancelled in flight they would be paid for and lost, while those
        # that are answered need not be asked again when the item is tried a second time.
        answers = await asyncio.gather(
            *(ask_one(prepared.judge, asked, door) for asked in prepared.asked), return_exceptions=True
        )
        answered = [answer for answer in answers if isinstance(answer, AnsweredQuestion)]
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return answered

    def store(self, item: WorkItem, outcome: list[AnsweredQuestion]) -> str:
        scenario = Scenario.objects.select_for_update(of=("self",)).get(pk=item.payload["scenario"])
        judge_id = item.job.parameters["judge"]
        judged_dimensions = set(scenario.verdicts.filter(judge=judge_id).values_list("dimension", flat=True))
        unparsable = False
        for dimension in dimensions_of(scenario):
            answers = [answered for answered in outcome if answered.asked.question.dimension == dimension]
            if dimension in judged_dimensions or not answers:
                continue
            verdict = _write_verdict(scenario, dimension, judge_id, answers)
            unparsable |= verdict.outcome == Verdict.Outcome.UNPARSABLE
        resettle(scenario)
        return "unparsable" if unparsable else ""

    def outcome(self, job: Job) -> str:
        dataset, judge = dataset_of_job(job), Judge.objects.get(pk=job.parameters["judge"])
        lines = [super().outcome(job)]
        for each in quick_dimension_rates(dataset, judge):
            rate = each.rate
            rate_in_words = (
                f"{rate.value:.0%} [{rate.low:.0%}, {rate.high:.0%}]"
                if rate.value is not None and rate.low is not None and rate.high is not None
                else "undefined"
            )
            lines.append(
                f"  {each.dimension.label}: {rate_in_words} pass, n = {each.passed + each.failed}, "
                f"{each.unparsable} unparsable"
            )
        if dataset.primary_judge_id != judge.pk:
            lines.append(f"Statuses follow the primary judge, {dataset.primary_judge}.")
        return "\n".join(lines)


async def ask_one(
    judge: Judge, asked: QuestionInOrder, door: Door, *, purpose: str = "filter", sample: int = 0
) -> AnsweredQuestion:
    """One call. `sample`: a number that nobody has asked with gets a fresh answer."""
    parameters = {"temperature": 0} | judge.parameters
    ask = partial(
        door.ask_for,
        endpoint=endpoint_of_judge(judge),
        prompt=asked.prompt,
        purpose=purpose,
        parameters=parameters,
        sample=sample,
    )
    if asked.question.dimension == Dimension.VALUE_GUIDANCE:
        return AnsweredQuestion(asked, await ask(SupportReply))
    return AnsweredQuestion(asked, await ask(PassReply))


def calls_a_scenario() -> int:
    """How many calls a judge takes for all six dimensions of a scenario."""
    twice = Dimension.VALUE_GUIDANCE
    return sum(len(questions_of(dimension)) * (2 if dimension == twice else 1) for dimension in Dimension)


def questions_to_ask(
    scenario: Scenario, dimension: Dimension, judge: Judge, *, turned: bool = False
) -> list[QuestionInOrder]:
    """The calls that one dimension takes: one, one for each action, or each value in both orders.

    `turned`: with the actions the other way round; none where they are shown in both orders or one by one.
    """
    if turned and dimension in (Dimension.FEASIBILITY, Dimension.VALUE_GUIDANCE):
        return []
    if dimension == Dimension.FEASIBILITY:
        orders: Sequence[str] = ("",)
    elif dimension == Dimension.VALUE_GUIDANCE:
        orders = OptionOrder.values
    else:
        usual = _order_for(scenario, dimension)
        orders = tuple(order for order in OptionOrder.values if (order != usual) == turned)
    return [
        QuestionInOrder(question, order, _prompt(scenario, question, order, judge))
        for question in questions_of(dimension)
        for order in orders
    ]


def _order_for(scenario: Scenario, dimension: str) -> str:
    """Which action a judge meets first: even-handed over scenarios, and the same whenever and wherever the question is put."""
    digest = hashlib.sha256(f"{scenario.uid} {scenario.description} {dimension}".encode()).digest()
    return OptionOrder.values[digest[0] % 2]


def _prompt(scenario: Scenario, question: FilterQuestion, order: str, judge: Judge) -> Prompt:
    name = f"{FILTER_STEP}{question.dimension}"
    facts = {"description": delimit("description", scenario.description)}
    if question.dimension == Dimension.FEASIBILITY:
        facts["action"] = delimit("action", getattr(scenario, question.about))
    else:
        action_a, action_b = as_shown(order, scenario.action_1, scenario.action_2)
        facts |= {"action_a": delimit("action_a", action_a), "action_b": delimit("action_b", action_b)}
        if question.dimension == Dimension.VALUE_GUIDANCE:
            value = getattr(scenario, question.about)
            facts["value"] = delimit("value", f"{value.name}: {value.definition}")
        else:
            facts["user"] = delimit("user", _user(scenario))
    return prompt_of(judge, name).render(**facts)


def _user(scenario: Scenario) -> str:
    known = (("Who", scenario.persona), ("Background", scenario.background), ("Goal", scenario.goal))
    return "\n".join(f"{what}: {text}" for what, text in known if text) or "Nothing else is said about the user."


def _write_verdict(
    scenario: Scenario, dimension: Dimension, judge_id: int, answered: Sequence[AnsweredQuestion]
) -> Verdict:
    answers = combined(answered)
    verdict = Verdict.objects.create(
        scenario=scenario,
        dimension=dimension,
        outcome=outcome_of(dimension, answers),
        source=Verdict.Source.JUDGE,
        judge_id=judge_id,
        evidence={"answers": answers, "asked": [each.evidence() for each in answered]},
    )
    # A call may serve two questions of one dimension when both actions read the same.
    call_ids = dict.fromkeys(call for each in answered for call in each.parsed.reply.call_ids)
    verdict.calls.add(*call_ids)
    return verdict


def combined(answered: Sequence[AnsweredQuestion]) -> dict[str, str]:
    """One answer per question: what both orders agree on, else `inconsistent`; none where a reply was unparsable."""
    by_question: dict[str, list[str | None]] = {}
    for each in answered:
        by_question.setdefault(each.asked.question.key, []).append(each.answer)
    combined = {}
    for key, answers in by_question.items():
        distinct_answers = {answer for answer in answers if answer is not None}
        if None not in answers:
            combined[key] = distinct_answers.pop() if len(distinct_answers) == 1 else INCONSISTENT
    return combined
