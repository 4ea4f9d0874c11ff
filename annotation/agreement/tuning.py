"""Tuning a judge's prompt on the dev part of a split campaign: where it disagrees with people and why, a new version, and what that
is worth beside the others, on the same items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotation.agreement import measures
from annotation.agreement.measures import CrossedItem
from annotation.agreement.tables import ALL, Subject, Tables, labels_of, subjects_of, tables_from
from annotation.campaigns.splitting import dev_scenarios
from annotation.kinds import KINDS
from annotation.models import Campaign, Item
from conflictscope.errors import Conflict
from conflictscope.jobs.budgets import NO_BUDGET, Budget
from conflictscope.jobs.models import Job
from conflictscope.llm.prompts import PromptFile
from conflictscope.scenarios.filtering import job as filtering
from conflictscope.scenarios.filtering.judges import FILTER_STEP, prompt_of, reworded
from conflictscope.scenarios.models import Dimension, Judge, Scenario, Verdict
from conflictscope.stats.judge_pairs import JudgesCompared, compare_judges
from evaluation.models import Judgement
from evaluation.running import judge_some
from evaluation.running.asking import ACTION
from evaluation.running.judging import action_prompt_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SEED = 15
RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item of the dev part on which judge and people say otherwise, with the judge's reasons."""

    crossing: CrossedItem
    scenario: Scenario
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """Another judge beside the one that is tuned, held against people on the items that both judges answered."""

    judge: Judge
    compared: JudgesCompared


def why_not_tunable(campaign: Campaign) -> str:
    """Why no prompt can be tuned on the campaign; empty where one can."""
    if not KINDS[campaign.kind].judged:
        return "No judge is asked what people are asked here, so there is no prompt to tune."
    if not campaign.dev_share:
        return f"{campaign.name} is not split: what a prompt is tuned on could not speak for it afterwards."
    return ""


def dev_tables(campaign: Campaign, judge: Judge) -> Tables:
    """What the judge and people say of the dev part, whether the test was opened or not."""
    return tables_from(labels_of(campaign, Item.Part.DEV), campaign, judge=judge)


def disagreements(tables: Tables, judge: Judge, subject: Subject) -> list[CrossedItem]:
    return measures.crossings(tables, subject.key, disagreements=True)


def subjects(campaign: Campaign) -> list[Subject]:
    """What a prompt is tuned on: the dimensions, each with a prompt of its own, or the questions of the one prompt about responses."""
    return [each for each in subjects_of(campaign) if each.key != ALL and not each.weights]


def with_reasons(found: Sequence[CrossedItem], judge: Judge, dimension: str) -> list[Disagreement]:
    """Some disagreements with their scenarios and what the judge said why, in two queries."""
    keys = [crossing.item.scenario_id for crossing in found]
    scenarios = Scenario.objects.select_related("dataset", "value_1", "value_2").in_bulk(keys)
    responses = [crossing.item.response_id for crossing in found if crossing.item.response_id is not None]
    if responses:
        judgements = Judgement.objects.filter(judge=judge, response__in=responses)
        why = dict(judgements.values_list("response", "reason"))
        return [
            Disagreement(
                crossing,
                scenarios[crossing.item.scenario_id],
                tuple(filter(None, [why.get(crossing.item.response_id or 0, "")])),
            )
            for crossing in found
        ]
    rows = Verdict.objects.filter(judge=judge, dimension=dimension, scenario__in=keys)
    evidence = dict(rows.values_list("scenario", "evidence"))
    return [
        Disagreement(
            crossing, scenarios[crossing.item.scenario_id], _reasons(evidence.get(crossing.item.scenario_id, {}))
        )
        for crossing in found
    ]


def prompt_text(judge: Judge, subject: str) -> str:
    """The words that the judge is asked with about the dimension, or about a response."""
    return _prompt_now(judge, subject).text


def try_version(
    campaign: Campaign,
    judge: Judge,
    subject: str,
    text: str,
    *,
    called: str,
    started_by: User | None = None,
    budget: Budget = NO_BUDGET,
) -> Job:
    """Make a further version of the judge with other words for one dimension, or for the question which action was taken, and ask it
    about the dev scenarios, or their responses.

    Raises:
        Conflict, InvalidInput: nothing to tune on; as `reworded` and the filter's `start`.
    """
    if why_not := why_not_tunable(campaign):
        raise Conflict(why_not)
    version = reworded(judge, _prompt(subject), text, called=called, now=_prompt_now(judge, subject))
    if KINDS[campaign.kind].of_responses:
        dev = Item.objects.filter(campaign=campaign, part=Item.Part.DEV, is_training=False)
        return judge_some.start(
            campaign.dataset,
            version,
            responses=list(dev.order_by("pk").values_list("response", flat=True)),
            started_by=started_by,
            budget=budget,
        )
    return filtering.start(
        campaign.dataset, version, started_by=started_by, budget=budget, among=dev_scenarios(campaign)
    )


def versions(tables: Tables, judge: Judge, others: Sequence[Judge], subject: Subject) -> list[Version]:
    """The judge beside each of the others: paired differences over the dev items that both and people answered."""
    key = subject.key
    others_compared = []
    for other in others:
        beside = tables_from(tables.labels, tables.campaign, judge=other)
        compared = compare_judges(
            tables.by_judge[key],
            beside.by_judge[key],
            tables.by_people[key],
            categories=subject.categories,
            sample=tables.sample(),
            rng=np.random.default_rng(SEED),
            resamples=RESAMPLES,
        )
        others_compared.append(Version(other, compared))
    return others_compared


def _prompt(subject: str) -> str:
    return f"{FILTER_STEP}{subject}" if subject in Dimension.values else ACTION


def _prompt_now(judge: Judge, subject: str) -> PromptFile:
    return prompt_of(judge, _prompt(subject)) if subject in Dimension.values else action_prompt_of(judge)


def _reasons(evidence: dict[str, list[dict[str, str]]]) -> tuple[str, ...]:
    reasons = [each.get("reason") or each.get("problem") or "" for each in evidence.get("asked", ())]
    return tuple(dict.fromkeys(filter(None, reasons)))
