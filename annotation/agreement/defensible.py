"""Agreement by sets: where people may mark a second answer, a judge is right if its answer is among those they find defensible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotation.agreement.kept import Figures, stamp_of
from annotation.agreement.tables import ALL, FAIL, PASS, Subject, Tables, tables_from
from annotation.consensus.labels import OUTCOMES
from annotation.models import Campaign
from conflictscope.scenarios.filtering.dimensions import questions_of
from conflictscope.scenarios.models import Judge
from conflictscope.stats.clusters import Flags
from conflictscope.stats.judge_pairs import compare_judges
from conflictscope.stats.labels import MISSING
from conflictscope.stats.response_sets import ResponseSets, SetAgreement, compare_by_sets, response_sets, set_agreement
from conflictscope.stats.types import Estimate

SEED = 15
RESAMPLES = 500
# So many other judges a judge is held against, each in both ways.
COMPARED = 6


@dataclass(frozen=True, slots=True)
class ChosenOtherwise:
    """A judge that is ahead of another by one answer each, and behind by sets of answers, or the other way round.

    Attributes: forced, by_sets: share of agreement of the judge less that of the other, the same items in each.
    """

    other: Judge
    subject: Subject
    forced: Estimate
    by_sets: Estimate


def takes_two(campaign: Campaign) -> bool:
    return campaign.second_answers != Campaign.SecondAnswers.OFF


def sets_of(tables: Tables, subject: Subject) -> ResponseSets | None:
    """The answers that people allow of each item; None where the campaign or the question takes one answer only."""
    if not takes_two(tables.campaign) or subject.weights:
        return None
    codes = tables.by_person[subject.key]
    answered = codes != MISSING
    marked = _marked(tables, subject.key) & answered[:, :, None]
    # One question of several may suffice for an outcome: then being unsure of another is no matter.
    unsure = _unsure(tables, subject.key) & ~answered
    return response_sets(codes, categories=subject.categories, also=marked, unsure=unsure)


def by_sets(tables: Tables, subject: Subject) -> SetAgreement | None:
    """How often the judge's answer is among those that people allow, weighted where items were drawn with unequal chances."""
    sets = sets_of(tables, subject)
    if sets is None:
        return None
    return set_agreement(
        tables.by_judge[subject.key],
        sets,
        categories=subject.categories,
        sample=tables.sample(weighted=tables.weighted),
        rng=np.random.default_rng(SEED),
        resamples=RESAMPLES,
    )


def chosen_otherwise(campaign: Campaign, judge: Judge, others: Sequence[Judge]) -> list[ChosenOtherwise]:
    """The other judges against which this one wins in one way of counting and loses in the other, subject by subject."""
    if not takes_two(campaign):
        return []
    figures = Figures(campaign, judge=judge)
    found = []
    for other in others[:COMPARED]:
        name = f"chosen otherwise than {other.pk} {stamp_of(campaign, other)}"
        differing = figures.of(name, lambda other=other: _differing(figures.tables, other))  # type: ignore[misc]
        found += [ChosenOtherwise(other, *each) for each in differing]
    return found


def _differing(tables: Tables, other: Judge) -> list[tuple[Subject, Estimate, Estimate]]:
    beside = tables_from(tables.labels, tables.campaign, judge=other)
    sample = tables.sample(weighted=tables.weighted)
    found = []
    for subject in tables.subjects:
        sets = sets_of(tables, subject)
        if sets is None:
            continue
        first, second = tables.by_judge[subject.key], beside.by_judge[subject.key]
        rng = np.random.default_rng(SEED)
        forced = compare_judges(
            first,
            second,
            tables.by_people[subject.key],
            categories=subject.categories,
            sample=sample,
            rng=rng,
            resamples=RESAMPLES,
        ).raw.difference
        by_sets = compare_by_sets(
            first, second, sets, categories=subject.categories, sample=sample, rng=rng, resamples=RESAMPLES
        ).difference
        if forced.value is not None and by_sets.value is not None and forced.value * by_sets.value < 0:
            found.append((subject, forced, by_sets))
    return found


def _unsure(tables: Tables, key: str) -> Flags:
    """Whether each person said of a question on which the subject hangs that they cannot tell."""
    unsure = tables.labels.unsure
    if not tables.labels.dimensions:
        return unsure[key]
    dimensions = [str(each) for each in tables.labels.dimensions] if key == ALL else [key]
    told: Flags = np.logical_or.reduce(
        [unsure[question.key] for dimension in dimensions for question in questions_of(dimension)]
    )
    return told


def _marked(tables: Tables, key: str) -> Flags:
    """Whether each person marked each outcome, first or also. All six can pass where each can, and fail where one can."""
    labels = tables.labels
    if not labels.dimensions:
        return labels.marked(key)
    if key != ALL:
        return labels.defensible_outcomes(key)
    every = np.stack([labels.defensible_outcomes(str(dimension)) for dimension in labels.dimensions])
    marked = np.zeros(every.shape[1:], dtype=bool)
    marked[:, :, OUTCOMES.index(PASS)] = every[..., OUTCOMES.index(PASS)].all(axis=0)
    marked[:, :, OUTCOMES.index(FAIL)] = every[..., OUTCOMES.index(FAIL)].any(axis=0)
    return marked
