"""Asking a judge again as a job: with its price before the start, a budget, and nothing asked twice after a worker died."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.jobs import control
from conflictscope.jobs.budgets import NO_BUDGET, Budget
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import Grown, NewItem, WorkedOn
from conflictscope.llm.client import Door
from conflictscope.scenarios.filtering.judges import endpoint_of_judge
from conflictscope.scenarios.models import Dataset, Judge
from conflictscope.studies.endpoints import check_allowed
from evaluation.models import Anchor, Occasion, Reading
from evaluation.readings.asking import (
    PURPOSE,
    AboutResponse,
    AboutScenario,
    about,
    reading_of_response,
    readings_of_scenario,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "evaluation.read_again"
USUAL_SIZE, MOST = 60, 2_000
USUAL_SAMPLES, MOST_SAMPLES = 2, 10

Asked = AboutScenario | AboutResponse


def start(
    judge: Judge,
    dataset: Dataset,
    *,
    among: Sequence[int],
    responses: bool = False,
    size: int = USUAL_SIZE,
    samples: int = USUAL_SAMPLES,
    started_by: User | None = None,
    budget: Budget = NO_BUDGET,
) -> Job:
    """Ask the judge afresh about its anchors: `samples` times as usual, and once with the actions the other way round.

    Anchors are drawn on the first occasion, and stay: a later occasion shows whether the judge has changed. A further version of
    a judge has the anchors of the one it was made from. Returns the live job if there is one.

    Args:
        among: keys of scenarios, or of responses, to draw `size` anchors from where the judge has none.
    Raises:
        InvalidInput: a number out of range. Conflict: nothing to draw from; the judge was imported and cannot be asked.
        NotAllowed: the study may not use its endpoint.
    """
    if not 1 <= samples <= MOST_SAMPLES:
        raise InvalidInput(f"From 1 to {MOST_SAMPLES} answers to each question can be asked for, not {samples}.")
    if not 1 <= size <= MOST:
        raise InvalidInput(f"From 1 to {MOST:,} anchors can be drawn, not {size}.")
    check_allowed(dataset.study, endpoint_of_judge(judge))
    kind = Occasion.About.RESPONSES if responses else Occasion.About.SCENARIOS
    subject = f"judge {judge.pk} again, {kind} of dataset {dataset.pk}"
    live = Job.objects.live().filter(kind=KIND, subject=subject).first()
    with transaction.atomic():
        if live is None:
            _freeze(judge, dataset, among=among, responses=responses, size=size)
            occasion = Occasion.objects.create(
                judge=judge, dataset=dataset, about=kind, samples=samples, started_by=started_by
            )
        parameters = live.parameters if live else {"occasion": occasion.pk}
        return control.start(
            dataset.study,
            kind=KIND,
            subject=subject,
            title=f"Ask {judge.name} again about {dataset.name}",
            parameters=parameters,
            started_by=started_by,
            budget=budget,
        )


def anchors_of(judge: Judge, dataset: Dataset, *, responses: bool) -> list[Anchor]:
    """The judge's anchors in the dataset, in the order in which they were drawn."""
    return list(Anchor.objects.filter(judge=judge, dataset=dataset, response__isnull=not responses).order_by("pk"))


def _freeze(judge: Judge, dataset: Dataset, *, among: Sequence[int], responses: bool, size: int) -> None:
    """Draw the anchors, unless the judge has some already."""
    Judge.objects.select_for_update(of=("self",)).get(pk=judge.pk)
    if anchors_of(judge, dataset, responses=responses):
        return
    field = "response_id" if responses else "scenario_id"
    chosen: Sequence[int] = []
    if judge.revises is not None:
        chosen = [getattr(each, field) for each in anchors_of(judge.revises, dataset, responses=responses)]
    if not chosen:
        every = sorted(set(among))
        if not every:
            raise Conflict("There is nothing yet that the judge could be asked about again.")
        chosen = sorted(random.Random(f"anchors {dataset.pk}").sample(every, min(size, len(every))))
    Anchor.objects.bulk_create([Anchor(judge=judge, dataset=dataset, **{field: each}) for each in chosen])


class ReadingHandler:
    """Jobs of kind `evaluation.read_again`: an item for each anchor and sample, and one for its actions the other way round."""

    kind = KIND
    reply_tokens: ClassVar[dict[str, int]] = {PURPOSE: 70}
    left_out = ""

    def foresee(self, job: Job) -> Iterable[NewItem]:
        return self.plan(job)

    def follow(self, item: WorkItem, outcome: Any) -> Iterable[Grown[Asked]]:
        return ()

    def plan(self, job: Job) -> Iterable[NewItem]:
        occasion = _occasion_of(job)
        responses = occasion.about == Occasion.About.RESPONSES
        for anchor in anchors_of(occasion.judge, occasion.dataset, responses=responses):
            for sample in range(occasion.samples):
                yield NewItem(f"reading {anchor.pk} {sample}", {"anchor": anchor.pk, "sample": sample, "turned": False})
            yield NewItem(f"turned {anchor.pk}", {"anchor": anchor.pk, "sample": 0, "turned": True})

    def prepare(self, item: WorkItem) -> Asked:
        occasion = _occasion_of(item.job)
        anchor = Anchor.objects.get(pk=item.payload["anchor"])
        # Numbers of an occasion are its own: no answer of another one, nor of the filter, stands at them.
        number = occasion.pk * (MOST_SAMPLES + 1) + item.payload["sample"] + 1
        return about(anchor, occasion.judge, turned=item.payload["turned"], number=number)

    async def ask(self, prepared: Asked, door: Door) -> Any:
        return await prepared.ask(door)

    def store(self, item: WorkItem, outcome: Any) -> str:
        payload = item.payload
        found = list(readings_of_scenario(outcome)) if isinstance(outcome, list) else [reading_of_response(outcome)]
        unread = False
        for reading, calls in found:
            stored, _ = Reading.objects.update_or_create(
                occasion_id=item.job.parameters["occasion"],
                anchor_id=payload["anchor"],
                dimension=reading.dimension,
                turned=payload["turned"],
                sample=payload["sample"],
                defaults={
                    "order": reading.order,
                    "outcome": reading.outcome,
                    "strength": reading.strength,
                    "resolved": reading.resolved,
                    "evidence": reading.evidence,
                },
            )
            stored.calls.set(calls)
            unread |= reading.outcome in ("unparsable", "none")
        return "unparsable" if unread else ""

    def worked_on(self, job: Job) -> WorkedOn:
        dataset = _occasion_of(job).dataset
        return WorkedOn(dataset.name, dataset.get_absolute_url())

    def outcome(self, job: Job) -> str:
        occasion = _occasion_of(job)
        anchors = Reading.objects.filter(occasion=occasion).values("anchor").distinct().count()
        return (
            f"{occasion.judge}: {anchors} anchors asked about again, {occasion.samples} times as usual and once with the actions "
            "the other way round. Its passport says what that comes to."
        )


def _occasion_of(job: Job) -> Occasion:
    occasions = Occasion.objects.select_related("judge__endpoint", "dataset__study")
    if (occasion := occasions.filter(pk=job.parameters.get("occasion")).first()) is None:
        raise NotFound(f"What job {job.pk} asks again is no longer there.")
    return occasion
