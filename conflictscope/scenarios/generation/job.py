"""Generation as a job: batches of outlines until every pair has enough that are no duplicates, then a draft of each."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from conflictscope.errors import Conflict
from conflictscope.jobs import control, planning
from conflictscope.jobs.budgets import NO_BUDGET, Budget
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import Grown, NewItem
from conflictscope.llm.client import Door
from conflictscope.llm.models import Endpoint
from conflictscope.llm.prompts import delimit
from conflictscope.llm.types import Parsed, Prompt
from conflictscope.scenarios import dedup
from conflictscope.scenarios.about_jobs import OnDataset, dataset_of_job
from conflictscope.scenarios.datasets import alone_on
from conflictscope.scenarios.generation.prompts import DIRECT, DRAFT, OUTLINE, WHOLE, template_prompt
from conflictscope.scenarios.generation.recipe import Recipe, check_generator, recipe_of
from conflictscope.scenarios.generation.replies import DilemmasReply, DraftReply, OutlinesReply, WholesReply
from conflictscope.scenarios.generation.stock import ScenarioKind, number_of
from conflictscope.scenarios.generation.survey import KIND, Survey, items_about, subject_of, survey
from conflictscope.scenarios.generation.writing import store_batch, store_draft
from conflictscope.scenarios.generation.yields import shortfalls, verdict_on, write_down
from conflictscope.scenarios.models import Dataset, PairYield, Scenario
from conflictscope.studies.endpoints import check_allowed
from conflictscope.values.models import Value

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

UNPARSABLE = "unparsable"
OUTLINE_LENGTH = 350  # characters that an outline is taken to have before it is written

Form = DraftReply | OutlinesReply | WholesReply | DilemmasReply
FORMS: dict[str, type[OutlinesReply | WholesReply | DilemmasReply]] = {
    Dataset.Variant.FULL: OutlinesReply,
    Dataset.Variant.SINGLE_STAGE: WholesReply,
    Dataset.Variant.DIRECT: DilemmasReply,
}
PURPOSES: dict[str, str] = {
    Dataset.Variant.FULL: "outline",
    Dataset.Variant.SINGLE_STAGE: "scenario",
    Dataset.Variant.DIRECT: "scenario",
}


def start(dataset: Dataset, *, started_by: User | None = None, budget: Budget = NO_BUDGET) -> Job:
    """Generate what the dataset's recipe wants and it lacks; returns the live job if there is one.

    Args:
        budget: what it may spend before it pauses.

    Raises:
        Conflict: the dataset was not generated here, or is being compared: both mark duplicates.
        NotAllowed: the study may not use the generator's endpoint.
    """
    recipe_of(dataset)
    check_allowed(dataset.study, dataset.generator)
    with alone_on(dataset):
        if Job.objects.live().filter(kind=dedup.KIND, subject=subject_of(dataset)).exists():
            raise Conflict(f"Dataset {dataset.slug!r} is being compared: wait for that job, or cancel it.")
        return control.start(
            dataset.study,
            kind=KIND,
            subject=subject_of(dataset),
            title=f"Generate {dataset.name}",
            parameters={"dataset": dataset.pk},
            started_by=started_by,
            budget=budget,
        )


@dataclass(frozen=True, slots=True)
class GeneratorCall:
    """One prompt to the generator, and the form of the reply."""

    endpoint: Endpoint
    prompt: Prompt
    form: type[Form]
    purpose: str
    sample: int


class GenerationHandler(OnDataset):
    """Outlines, or whole scenarios, in batches: after each round all are compared, and more are asked for where a pair is short
    and still yields. Then, in the full variant, a draft of each outline."""

    kind = KIND
    reply_tokens: ClassVar[dict[str, int]] = {"outline": 1500, "draft": 400, "scenario": 2500}
    left_out = "For near-duplicates others are asked for, as long as enough of what comes is new."

    def foresee(self, job: Job) -> Iterable[NewItem]:
        """As far as is known before the outlines are compared, which takes the embedding model."""
        dataset = dataset_of_job(job)
        recipe = recipe_of(dataset)
        if not job.items.filter(state__in=[WorkItem.State.OPEN, WorkItem.State.LEASED]).exists():
            yield from _batches(survey(job, dataset, recipe), recipe, all_rounds=True)
        yield from _drafts_missing(job, dataset, recipe)

    def follow(self, item: WorkItem, outcome: Parsed[Form]) -> Iterable[Grown[GeneratorCall]]:
        """A draft of each outline of a batch."""
        dataset = dataset_of_job(item.job)
        if "scenario" in item.payload or dataset.variant != Dataset.Variant.FULL:
            return
        recipe, count = recipe_of(dataset), item.payload["count"]
        # Half of an outline is its context, half the opportunity in it.
        words = outcome.reply.text[: min(OUTLINE_LENGTH, len(outcome.reply.text) // count)]
        outline = Scenario(
            dataset=dataset,
            value_1_id=item.payload["pair"][0],
            value_2_id=item.payload["pair"][1],
            acting_action=item.payload["acting"],
            deployment_context=recipe.deployment_contexts[item.payload["deployment"]],
            outline_context=words[: len(words) // 2],
            outline_opportunity=words[len(words) // 2 :],
        )
        draft = WorkItem(job=item.job, key=f"draft of {item.key}", payload={"scenario": None, "sample": 0})
        ask = _asking(dataset, recipe, _draft_prompt(recipe, outline), form=DraftReply, purpose="draft", sample=0)
        yield Grown(draft, ask, times=count)

    def plan(self, job: Job) -> Iterable[NewItem]:
        dataset = dataset_of_job(job)
        recipe = recipe_of(dataset)
        planning.say(job, "embedding and comparing what was written")
        dedup.compare_new(dataset, dedup.settings_of(dataset), earlier_first=_in_uid_order)
        planning.say(job, "planning the next round")
        stock = survey(job, dataset, recipe)
        write_down(dataset, stock.pairs, recipe)
        return list(_batches(stock, recipe)) or list(_drafts_missing(job, dataset, recipe))

    def phase(self, key: str, payload: Mapping[str, Any]) -> str:
        return f"outlines or whole scenarios, round {payload['round']}" if "round" in payload else "drafts"

    def prepare(self, item: WorkItem) -> GeneratorCall:
        dataset = dataset_of_job(item.job)
        recipe, payload = recipe_of(dataset), item.payload
        if "scenario" in payload:
            prompt = _draft_prompt(recipe, Scenario.objects.get(pk=payload["scenario"]))
            return _asking(dataset, recipe, prompt, form=DraftReply, purpose="draft", sample=payload["sample"])
        form, purpose = FORMS[dataset.variant], PURPOSES[dataset.variant]
        return _asking(
            dataset,
            recipe,
            _batch_prompt(dataset, recipe, payload),
            form=form,
            purpose=purpose,
            sample=payload["sample"],
        )

    async def ask(self, prepared: GeneratorCall, door: Door) -> Parsed[Form]:
        return await door.ask_for(
            prepared.form, prepared.endpoint, prepared.prompt, purpose=prepared.purpose, sample=prepared.sample
        )

    def store(self, item: WorkItem, outcome: Parsed[Form]) -> str:
        reply, calls = outcome.value, outcome.reply.call_ids
        if isinstance(reply, DraftReply):
            return store_draft(item.payload["scenario"], reply, call_ids=calls)
        if reply is None:
            return UNPARSABLE
        return store_batch(dataset_of_job(item.job), item.payload, reply, call_ids=calls)

    def outcome(self, job: Job) -> str:
        lines = [super().outcome(job)]
        unparsable = job.items.filter(state=WorkItem.State.DONE, note=UNPARSABLE).count()
        if unparsable:
            lines.append(f"{unparsable} replies were unparsable, also when asked again.")
        lines.extend(
            f"{short.pair} is short: {short.usable} of {short.wanted}, and {short.duplicates} duplicates. {short.reason}".strip()
            for short in shortfalls(dataset_of_job(job))
        )
        return "\n".join(lines)


def _asking(
    dataset: Dataset, recipe: Recipe, prompt: Prompt, *, form: type[Form], purpose: str, sample: int
) -> GeneratorCall:
    if dataset.generator is None:
        raise Conflict(f"Dataset {dataset.slug!r} has no generator, so nobody can be asked.")
    check_generator(dataset, recipe)  # it may have changed while the job ran, or was paused
    return GeneratorCall(endpoint=dataset.generator, prompt=prompt, form=form, purpose=purpose, sample=sample)


def _in_uid_order(scenario: Scenario) -> tuple[int, int, int, int]:
    """Earlier scenarios have lower numbers, template beside template, whichever reply came in first."""
    template = Scenario.Template.values.index(scenario.template) if scenario.template else 0
    return number_of(scenario.uid), template, scenario.value_1_id or 0, scenario.value_2_id or 0


def _batches(found: Survey, recipe: Recipe, *, all_rounds: bool = False) -> Iterator[NewItem]:
    """One batch for each kind of scenario that is short, numbered on from what was asked before.

    One a round, however many are missing: the next one is told what this one has brought. Each is set in one deployment
    context, the one that lacks most. With `all_rounds`, as many as it would take if all of them were usable.
    """
    goes_on = {pair for pair, state in found.pairs.items() if verdict_on(state, recipe)[0] == PairYield.Ended.OPEN}
    for cell in found.wanted:
        places = found.places[cell]
        missing = found.short.get(cell, 0) if cell.pair in goes_on and cell not in found.failed else 0
        sample, first = found.asked[cell], found.numbered[cell.numbers] + 1
        while missing > 0:
            context = max(places, key=lambda each: places[each])
            count = min(missing, places[context], recipe.batch_size)
            payload = cell.payload | {
                "first": first,
                "count": count,
                "sample": sample,
                "round": found.rounds[cell.pair] + 1,
                "seen": found.seen,
            }
            if recipe.deployment_contexts:
                payload["deployment"] = recipe.deployment_contexts.index(context)
            places[context] -= count
            name = f"batch {cell.value_1}-{cell.value_2} {cell.template} acting {cell.acting} #{sample}"
            yield NewItem(key=name, payload=payload)
            missing, sample, first = missing - count if all_rounds else 0, sample + 1, first + count
        found.numbered[cell.numbers] = first - 1


def _drafts_missing(job: Job, dataset: Dataset, recipe: Recipe) -> Iterator[NewItem]:
    """A draft for each outline that has none; one that came back unparsable is asked for again, a few times."""
    asked: Counter[int] = Counter()
    here: Counter[int] = Counter()
    failed: set[int] = set()
    for job_id, payload, state in items_about(dataset):
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


def _batch_prompt(dataset: Dataset, recipe: Recipe, payload: dict[str, Any]) -> Prompt:
    """What asks for a batch: what is wanted, and what the pair has already."""
    cell = ScenarioKind.of_payload(payload)
    had = dataset.scenarios.filter(value_1=cell.value_1, value_2=cell.value_2, position__lte=payload["seen"])
    # By position, not by row: which reply came in first must not change the prompt of a later round.
    different = had.exclude(status=Scenario.Status.DUPLICATE).order_by("-position")
    latest = [each.outline_context or each.description for each in reversed(different[: recipe.told])]
    facts = _value_sections(cell.value_1, cell.value_2) | {
        "number": str(payload["count"]),
        "avoid": delimit("avoid", "\n".join(f"- {each}" for each in latest) or "(none yet)"),
    }
    if dataset.variant == Dataset.Variant.DIRECT:
        return recipe.prompts[DIRECT].file(DIRECT).render(**facts)
    acting, declining = (1, 2) if cell.acting == Scenario.ActingAction.ACTION_1 else (2, 1)
    template = template_prompt(cell.template)
    facts["instruction"] = recipe.prompts[template].file(template).render(acting=acting, declining=declining).text
    facts["deployment"] = delimit("deployment", recipe.deployment_contexts[payload["deployment"]])
    if dataset.variant == Dataset.Variant.SINGLE_STAGE:
        return recipe.prompts[WHOLE].file(WHOLE).render(**facts, acting=_who_acts(acting, declining))
    return recipe.prompts[OUTLINE].file(OUTLINE).render(**facts)


def _who_acts(acting: int, declining: int) -> str:
    return f"Action {acting} takes the opportunity; action {declining} declines it."


def _draft_prompt(recipe: Recipe, scenario: Scenario) -> Prompt:
    first_acts = scenario.acting_action == Scenario.ActingAction.ACTION_1
    return (
        recipe.prompts[DRAFT]
        .file(DRAFT)
        .render(
            deployment=delimit("deployment", scenario.deployment_context),
            **_value_sections(scenario.value_1_id, scenario.value_2_id),
            context=delimit("context", scenario.outline_context),
            opportunity=delimit("opportunity", scenario.outline_opportunity),
            acting=_who_acts(1, 2) if first_acts else _who_acts(2, 1),
        )
    )


def _value_sections(value_1: int | None, value_2: int | None) -> dict[str, str]:
    values = Value.objects.in_bulk([value_1, value_2])
    return {
        section: delimit(section, f"{values[key].name}: {values[key].definition}")
        for section, key in (("value_1", value_1), ("value_2", value_2))
        if key is not None
    }
