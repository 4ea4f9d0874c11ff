"""Generation as a job: batches of outlines until every pair has enough that are no duplicates, then a draft of each."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Max

from conflictscope.errors import Conflict, NotFound
from conflictscope.jobs import engine
from conflictscope.jobs.budgets import NO_BUDGET, Budget
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import Grown, NewItem
from conflictscope.llm.client import Door
from conflictscope.llm.models import Endpoint
from conflictscope.llm.prompts import delimit
from conflictscope.llm.types import Parsed, Prompt
from conflictscope.scenarios import dedup
from conflictscope.scenarios.generation.recipe import DRAFT, OUTLINE, PROMPTS, Recipe, recipe_of, template_prompt
from conflictscope.scenarios.generation.replies import DraftReply, OutlinesReply
from conflictscope.scenarios.generation.stock import Cell, in_batches, number_of, usable, wanted
from conflictscope.scenarios.models import Dataset, Scenario, Value

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

KIND = "scenarios.generate"
UNPARSABLE = "unparsable"
OUTLINE_LENGTH = 350  # characters that an outline is taken to have before it is written
AVOIDED = 40  # contexts of earlier rounds that a prompt lists as already had


def start(dataset: Dataset, *, started_by: User | None = None, budget: Budget = NO_BUDGET) -> Job:
    """Generate what the dataset's recipe wants and it lacks; returns the live job if there is one.

    Args:
        budget: what it may spend before it pauses.

    Raises:
        Conflict: the dataset was not generated here.
    """
    recipe_of(dataset)
    return engine.start(
        dataset.study,
        kind=KIND,
        subject=_subject(dataset),
        title=f"Generate {dataset.name}",
        parameters={"dataset": dataset.pk},
        started_by=started_by,
        budget=budget,
    )


def dataset_of(job: Job) -> Dataset:
    """
    Raises:
        NotFound: the dataset was deleted since.
    """
    found = Dataset.objects.select_related("value_set_version", "generator", "study").filter(
        pk=job.parameters["dataset"]
    )
    if (dataset := found.first()) is None:
        raise NotFound(f"The dataset of job {job.pk} is no longer there.")
    return dataset


def _subject(dataset: Dataset) -> str:
    return f"dataset {dataset.pk}"


@dataclass(frozen=True, slots=True)
class Ask:
    """One prompt to the generator. `draft`: a scenario is wanted, otherwise outlines."""

    endpoint: Endpoint
    prompt: Prompt
    draft: bool
    sample: int


Answer = Parsed[OutlinesReply] | Parsed[DraftReply]


class GenerationHandler:
    """Stage one: outlines, compared after each round, with more asked for where a pair is short. Stage two: drafts."""

    kind = KIND
    reply_tokens: ClassVar[dict[str, int]] = {"outline": 500, "draft": 400}
    left_out = "Outlines that turn out to be near-duplicates are asked for again, in up to so many rounds as the recipe allows."

    def foresee(self, job: Job) -> Iterable[NewItem]:
        """As far as is known before the outlines are compared, which takes the embedding model."""
        dataset = dataset_of(job)
        recipe = recipe_of(dataset)
        if not job.items.filter(state__in=[WorkItem.State.OPEN, WorkItem.State.LEASED]).exists():
            yield from _outlines_missing(job, dataset, recipe)
        yield from _drafts_missing(job, dataset, recipe)

    def follow(self, item: WorkItem, outcome: Answer) -> Iterable[Grown[Ask]]:
        """A draft of each outline of a batch."""
        if "scenario" in item.payload:
            return
        dataset = dataset_of(item.job)
        count = item.payload["count"]
        # Half of an outline is its context, half the opportunity in it.
        words = outcome.reply.text[: min(OUTLINE_LENGTH, len(outcome.reply.text) // count)]
        outline = Scenario(
            dataset=dataset,
            value_1_id=item.payload["pair"][0],
            value_2_id=item.payload["pair"][1],
            acting_action=item.payload["acting"],
            deployment_context=recipe_of(dataset).deployment_contexts[item.payload["deployment"]],
            outline_context=words[: len(words) // 2],
            outline_opportunity=words[len(words) // 2 :],
        )
        prompt = _draft_prompt(recipe_of(dataset), outline)
        draft = WorkItem(job=item.job, key=f"draft of {item.key}", payload={"scenario": None, "sample": 0})
        yield Grown(draft, _asking(dataset, prompt, draft=True, sample=0), times=count)

    def plan(self, job: Job) -> Iterable[NewItem]:
        dataset = dataset_of(job)
        recipe = recipe_of(dataset)
        dedup.compare_new(dataset, dedup.settings_of(dataset), earlier_first=_in_uid_order)
        outlines = list(_outlines_missing(job, dataset, recipe))
        return outlines or list(_drafts_missing(job, dataset, recipe))

    def prepare(self, item: WorkItem) -> Ask:
        dataset = dataset_of(item.job)
        recipe = recipe_of(dataset)
        payload = item.payload
        if "scenario" in payload:
            prompt = _draft_prompt(recipe, Scenario.objects.get(pk=payload["scenario"]))
            return _asking(dataset, prompt, draft=True, sample=payload["sample"])
        return _asking(dataset, _outline_prompt(dataset, recipe, payload), draft=False, sample=payload["sample"])

    async def ask(self, prepared: Ask, door: Door) -> Answer:
        if prepared.draft:
            return await door.ask_for(
                DraftReply, prepared.endpoint, prepared.prompt, purpose="draft", sample=prepared.sample
            )
        return await door.ask_for(
            OutlinesReply, prepared.endpoint, prepared.prompt, purpose="outline", sample=prepared.sample
        )

    def store(self, item: WorkItem, outcome: Answer) -> str:
        if isinstance(outcome.value, DraftReply):
            return _store_draft(item.payload["scenario"], outcome.value, call_ids=outcome.reply.call_ids)
        if isinstance(outcome.value, OutlinesReply):
            return _store_outlines(dataset_of(item.job), item.payload, outcome.value, outcome.reply.call_ids)
        return UNPARSABLE


def _in_uid_order(scenario: Scenario) -> tuple[int, int]:
    """Earlier outlines have lower numbers, template beside template, whichever reply came in first."""
    return number_of(scenario.uid), Scenario.Template.values.index(scenario.template)


def _items_about(dataset: Dataset) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Job, payload and state of every item that ever generated for the dataset."""
    items = WorkItem.objects.filter(job__kind=KIND, job__subject=_subject(dataset))
    return items.order_by("pk").values_list("job_id", "payload", "state").iterator()


def _outlines_missing(job: Job, dataset: Dataset, recipe: Recipe) -> Iterator[NewItem]:
    """Batches of outlines for the cells that are short, numbered on from what was asked before.

    A batch that failed is left to the next run: its error would most likely return at once.
    """
    asked: Counter[Cell] = Counter()  # batches ever asked for: the sample number, so that no old reply comes back
    rounds: dict[Cell, int] = {}
    failed: Counter[Cell] = Counter()
    numbered: Counter[tuple[int | None, int | None, str]] = Counter()
    for uid, value_1, value_2, template in dataset.scenarios.values_list("uid", "value_1", "value_2", "template"):
        key = (value_1, value_2, template)
        numbered[key] = max(numbered[key], number_of(uid))
    for job_id, payload, state in _items_about(dataset):
        if "scenario" in payload:
            continue
        cell = Cell.of_payload(payload)
        key = (cell.value_1, cell.value_2, cell.template)
        asked[cell] += 1
        numbered[key] = max(numbered[key], payload["first"] + payload["count"] - 1)
        if job_id == job.pk:
            rounds[cell] = max(rounds.get(cell, 0), payload["round"])
            failed[cell] += payload["count"] * (state == WorkItem.State.FAILED)
    have = usable(dataset)
    seen = dataset.scenarios.aggregate(last=Max("pk"))["last"] or 0
    for index, (cell, number) in enumerate(wanted(dataset, recipe).items()):
        missing = number - have[cell] - failed[cell]
        this_round = rounds.get(cell, 0) + 1
        if missing <= 0 or this_round > recipe.rounds:
            continue
        for count in in_batches(missing, recipe.batch_size):
            key = (cell.value_1, cell.value_2, cell.template)
            payload = cell.payload | {
                "first": numbered[key] + 1,
                "count": count,
                "sample": asked[cell],
                "round": this_round,
                "seen": seen,
                "deployment": (index + asked[cell]) % len(recipe.deployment_contexts),
            }
            numbered[key] += count
            asked[cell] += 1
            name = f"outlines {cell.value_1}-{cell.value_2} {cell.template} acting {cell.acting} #{payload['sample']}"
            yield NewItem(key=name, payload=payload)


def _drafts_missing(job: Job, dataset: Dataset, recipe: Recipe) -> Iterator[NewItem]:
    """A draft for each outline that has none; one that came back unparsable is asked for again, a few times."""
    asked: Counter[int] = Counter()
    here: Counter[int] = Counter()
    failed: set[int] = set()
    for job_id, payload, state in _items_about(dataset):
        if "scenario" not in payload:
            continue
        asked[payload["scenario"]] += 1
        if job_id == job.pk:
            here[payload["scenario"]] += 1
            if state == WorkItem.State.FAILED:
                failed.add(payload["scenario"])
    outlined = dataset.scenarios.filter(status=Scenario.Status.OUTLINED).order_by("pk")
    for pk, uid in outlined.values_list("pk", "uid"):
        if pk not in failed and here[pk] < recipe.rounds:
            yield NewItem(key=f"draft {pk} {uid[:120]} #{asked[pk]}", payload={"scenario": pk, "sample": asked[pk]})


def _outline_prompt(dataset: Dataset, recipe: Recipe, payload: dict[str, Any]) -> Prompt:
    cell = Cell.of_payload(payload)
    template = template_prompt(cell.template)
    acting, declining = (1, 2) if cell.acting == Scenario.ActingAction.ACTION_1 else (2, 1)
    instruction = PROMPTS.render(template, version=recipe.version_of(template), acting=acting, declining=declining)
    had = dataset.scenarios.filter(value_1=cell.value_1, value_2=cell.value_2, pk__lte=payload["seen"])
    # By uid, not by row: which reply came in first must not change the prompt of a later round.
    latest = sorted(had.only("uid", "template", "outline_context"), key=_in_uid_order)[-AVOIDED:]
    return PROMPTS.render(
        OUTLINE,
        version=recipe.version_of(OUTLINE),
        deployment=delimit("deployment", recipe.deployment_contexts[payload["deployment"]]),
        **_value_sections(cell.value_1, cell.value_2),
        instruction=instruction.text,
        number=payload["count"],
        avoid=delimit("avoid", "\n".join(f"- {each.outline_context}" for each in latest) or "(none yet)"),
    )


def _asking(dataset: Dataset, prompt: Prompt, *, draft: bool, sample: int) -> Ask:
    if dataset.generator is None:
        raise Conflict(f"Dataset {dataset.slug!r} has no generator, so nobody can be asked.")
    return Ask(endpoint=dataset.generator, prompt=prompt, draft=draft, sample=sample)


def _draft_prompt(recipe: Recipe, scenario: Scenario) -> Prompt:
    first_acts = scenario.acting_action == Scenario.ActingAction.ACTION_1
    taking, declining = (1, 2) if first_acts else (2, 1)
    return PROMPTS.render(
        DRAFT,
        version=recipe.version_of(DRAFT),
        deployment=delimit("deployment", scenario.deployment_context),
        **_value_sections(scenario.value_1_id, scenario.value_2_id),
        context=delimit("context", scenario.outline_context),
        opportunity=delimit("opportunity", scenario.outline_opportunity),
        acting=f"Action {taking} takes the opportunity; action {declining} declines it.",
    )


def _value_sections(value_1: int | None, value_2: int | None) -> dict[str, str]:
    values = Value.objects.in_bulk([value_1, value_2])
    return {
        section: delimit(section, f"{values[key].name}: {values[key].definition}")
        for section, key in (("value_1", value_1), ("value_2", value_2))
        if key is not None
    }


def _store_outlines(dataset: Dataset, payload: dict[str, Any], reply: OutlinesReply, call_ids: Iterable[int]) -> str:
    """Number the outlines as they stand in the reply. More than were asked for are left out, fewer are noted."""
    cell = Cell.of_payload(payload)
    values = Value.objects.in_bulk([cell.value_1, cell.value_2])
    prefix = f"{values[cell.value_1].key}-{values[cell.value_2].key}-{cell.template}"
    outlines = reply.outlines[: payload["count"]]
    written = Scenario.objects.bulk_create(
        Scenario(
            dataset=dataset,
            uid=f"{prefix}-{number:03d}",
            value_1_id=cell.value_1,
            value_2_id=cell.value_2,
            template=cell.template,
            acting_action=cell.acting,
            deployment_context=recipe_of(dataset).deployment_contexts[payload["deployment"]],
            outline_context=outline.context,
            outline_opportunity=outline.opportunity,
            status=Scenario.Status.OUTLINED,
        )
        for number, outline in enumerate(outlines, start=payload["first"])
    )
    calls = Scenario.calls.through.objects
    calls.bulk_create(
        Scenario.calls.through(scenario_id=scenario.pk, call_id=call) for scenario in written for call in call_ids
    )
    asked = payload["count"]
    return "" if len(reply.outlines) == asked else f"{len(reply.outlines)} outlines instead of {asked}"


def _store_draft(scenario_id: int, reply: DraftReply, *, call_ids: Iterable[int]) -> str:
    drafted = Scenario.objects.filter(pk=scenario_id, status=Scenario.Status.OUTLINED).update(
        **reply.model_dump(), status=Scenario.Status.DRAFTED
    )
    if not drafted:
        return "drafted before"
    Scenario(pk=scenario_id).calls.add(*call_ids)
    return ""
