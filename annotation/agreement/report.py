"""A campaign's agreement as one takes it away: tables for a paper, by judge and by group of items, and how it was come by in words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import QuerySet

from annotation.agreement.believing import Level
from annotation.agreement.kept import Figures
from annotation.agreement.passport import RESAMPLES, Passport, judges_in, passport_of
from annotation.agreement.sealed import openings_of, part_shown
from annotation.agreement.stopping import rule_of
from annotation.agreement.tables import Subject, Tables
from annotation.consensus.labels import LabelledItem
from annotation.kinds import KINDS
from annotation.models import Campaign
from conflictscope.scenarios.models import Judge, Scenario
from conflictscope.stats.agreement_by_group import FEWEST_SCENARIOS, ByGroup, agreement_by_group
from conflictscope.stats.labels import MISSING
from conflictscope.tables import Cell, ResultTable
from evaluation.models import Response

SEED = 15
# Judges in one report: each reads what it said of every labelled item.
MOST_JUDGES = 12
NOWHERE = "none given"
CHUNK = 5_000
LEVELS = {
    Level.BELIEVED: "as people",
    Level.DOUBTED: "with doubts",
    Level.NOT_BELIEVED: "less than people",
    Level.UNKNOWN: "cannot be told",
}
DRAWN = {
    "random": "at random",
    "stratified": "stratified by what the judge made of them",
    "uncertainty": "more often where the judge was least sure",
}


@dataclass(frozen=True, slots=True)
class Division:
    """A way to part items into groups. `of`: the group of each item; of responses alone: by the target that answered."""

    key: str
    title: str
    of: Callable[[Sequence[LabelledItem]], list[str]]
    responses_only: bool = False


def judges_table(passports: Sequence[Passport], campaign: Campaign) -> ResultTable:
    """A row for each judge and dimension or question, everything on the same footing."""
    rows: list[tuple[Cell, ...]] = []
    for passport in passports:
        for row in passport.rows:
            one, kappa = row.majority.agreement, row.footing.kappa
            rows.append(
                (
                    str(passport.judge),
                    row.subject.label,
                    row.footing.n,
                    row.footing.raw.judge,
                    kappa.judge,
                    kappa.people,
                    kappa.difference,
                    row.footing.ac1.judge,
                    one.kappa,
                    one.prevalence_people if one.positive else None,
                    one.precision if one.positive else None,
                    one.recall if one.positive else None,
                    row.sets.agreement if row.sets is not None else None,
                    row.replaces.omega,
                    row.position.agreement.raw if row.position is not None else None,
                    row.itself.steady.raw if row.itself is not None and row.itself.steady is not None else None,
                    row.unread,
                    LEVELS[row.believed.level],
                )
            )
    shares = (
        *(
            "Raw",
            "Prevalence",
            "Precision",
            "Recall",
            "By sets",
            "Same in both orders",
            "Same when asked again",
            "Unread",
        ),
    )
    return ResultTable(
        "judges",
        f"Judges and people in {campaign.name}",
        (
            *("Judge", "Dimension", "Items", "Raw", "κ judge and person", "κ person and person", "Difference", "AC1"),
            *("κ judge and majority", "Prevalence", "Precision", "Recall", "By sets", "ω", "Same in both orders"),
            *("Same when asked again", "Unread", "Believed"),
        ),
        tuple(rows),
        note="95 % intervals with the scenario as the unit, for this panel of people.",
        percent=frozenset(shares),
    )


def passports_of(campaign: Campaign) -> list[Passport]:
    """The passports of the campaign's judges, at most `MOST_JUDGES`."""
    return [passport_of(campaign, judge) for judge in judges_in(campaign)[:MOST_JUDGES]]


def divisions_of(campaign: Campaign) -> list[Division]:
    """By pair, template and domain; of responses also by the target that gave them."""
    responses = KINDS[campaign.kind].of_responses
    return [each for each in DIVISIONS if responses or not each.responses_only]


def by_group(campaign: Campaign, judge: Judge, subject: Subject, division: Division) -> ByGroup:
    """Agreement of the judge with the majority of people in each group; small groups are put together."""
    figures = Figures(campaign, judge=judge)
    return figures.of(f"by {division.key} {subject.key}", lambda: _by_group(figures.tables, subject, division))


def group_table(campaign: Campaign, judge: Judge, subject: Subject, division: Division) -> ResultTable:
    found = by_group(campaign, judge, subject, division)
    rows: list[tuple[Cell, ...]] = [
        (row.label, row.agreement.n, row.agreement.scenarios, row.agreement.raw, row.agreement.kappa)
        for row in found.rows
    ]
    said = []
    if found.merged:
        (together,) = [row for row in found.rows if len(row.groups) > 1]
        said.append(
            f"{found.merged} groups of fewer than {FEWEST_SCENARIOS} scenarios each are put together: {', '.join(together.groups)}."
        )
    if found.p_kappa is not None:
        said.append(f"That κ is the same in {', '.join(found.compared)}: p = {found.p_kappa:.3f}.")
    elif found.reason:
        said.append(f"Whether it differs cannot be tested: {found.reason}.")
    return ResultTable(
        f"by-{division.key}",
        f"{judge} on {subject.label.lower()}, by {division.title}",
        (division.title.capitalize(), "Items", "Scenarios", "Raw", "κ judge and majority"),
        tuple(rows),
        note=" ".join(said),
        percent=frozenset(("Raw",)),
    )


def methods(campaign: Campaign, passports: Sequence[Passport]) -> str:
    """How the figures were come by, from the campaign's own facts: a paragraph for a paper."""
    plan, kind = campaign.sampling_plan, KINDS[campaign.kind]
    labels = Figures(campaign).measured()
    people = labels.annotators
    drawn = (
        f"{plan.get('scenarios', plan['drawn']):,} of {plan['population']:,}"
        if plan.get("population")
        else f"{labels.items:,}"
    )
    seed = f" (seed {plan['seed']})" if "seed" in plan else ""
    what = "responses" if kind.of_responses else "items"
    sentences = [
        f"From the dataset {campaign.dataset}, {drawn} scenarios were drawn {DRAWN.get(plan.get('plan', ''), 'as they came')}{seed}.",
        (
            f"{labels.labelled:,} of {labels.items:,} {what} were labelled by {people} {'person' if people == 1 else 'people'}, up to "
            f"{campaign.overlap} each, {labels.submissions:,} sheets in all, blind to what judges and others had said."
        ),
    ]
    if labels.simulated:
        sentences.append("Annotators or judges are simulated.")
    if campaign.second_answers != Campaign.SecondAnswers.OFF:
        sentences.append(
            "People could mark a second answer as also defensible; agreement by sets is the share of items whose judge's answer at "
            "least half of them marked."
        )
    if labels.weighted:
        sentences.append("Figures are weighted by the inverse of the chance with which an item was drawn.")
    if campaign.dev_share:
        opened = openings_of(campaign).count()
        part = part_shown(campaign, [passport.judge for passport in passports])
        sentences.append(
            f"Before anybody labelled, {campaign.dev_share:.0%} of the scenarios were set aside for tuning judges; figures rest on the "
            f"{part or 'dev'} part, and the test was opened {opened} time{'' if opened == 1 else 's'}."
        )
    if rule := rule_of(campaign):
        of = f"the ranking of {rule.run}" if rule.run else f"κ of {rule.subject.replace('_', ' ')}"
        when = (
            f"was reached at {rule.reached_scenarios:,} scenarios"
            if rule.reached_scenarios
            else "has not been reached yet"
        )
        sentences.append(f"A half-width of {rule.half_width:g} of {of} was wanted before, and {when}.")
    for passport in passports:
        asked = passport.judge.endpoint.llm if passport.judge.endpoint else "an LLM known from a file alone"
        versions = ", ".join(f"{name} v{number}" for name, number in sorted(passport.judge.prompt_versions.items()))
        sentences.append(f"The judge {passport.judge} is {asked}{f' (prompts {versions})' if versions else ''}.")
    sentences.append(
        "Agreement is told as raw agreement, Cohen's κ and Gwet's AC1, of the judge with single people beside these with each other, "
        "with 95 % intervals (BCa bootstrap or delta method) over scenarios; whether the judge may replace a person by the "
        "alternative annotator test (Calderon et al. 2025)."
    )
    return " ".join(sentences)


def _by_group(tables: Tables, subject: Subject, division: Division) -> ByGroup:
    answered = (tables.by_person[subject.key] != MISSING).any(axis=1)
    items = [item for item, there in zip(tables.labels.items, answered.tolist(), strict=True) if there]
    return agreement_by_group(
        tables.by_judge[subject.key][answered],
        tables.by_people[subject.key][answered],
        division.of(items),
        categories=subject.categories,
        positive=subject.positive,
        weights=subject.weights,
        sample=tables.sample(weighted=tables.weighted).part(answered),
        rng=np.random.default_rng(SEED),
        resamples=RESAMPLES,
    )


def _of_scenario(*columns: str) -> Callable[[Sequence[LabelledItem]], list[str]]:
    def groups(items: Sequence[LabelledItem]) -> list[str]:
        said = _looked_up(Scenario.objects.all(), {item.scenario_id for item in items}, *columns)
        return [said[item.scenario_id] for item in items]

    return groups


def _of_target(items: Sequence[LabelledItem]) -> list[str]:
    keys = {item.response_id for item in items if item.response_id is not None}
    said = _looked_up(Response.objects.all(), keys, "run__target__label")
    return [said.get(item.response_id or 0, NOWHERE) for item in items]


def _looked_up(rows: QuerySet[Any], keys: Collection[int], *columns: str) -> dict[int, str]:
    """What stands in these columns of the rows, joined to one name."""
    ordered = sorted(keys)
    said: dict[int, str] = {}
    for first in range(0, len(ordered), CHUNK):
        for pk, *parts in rows.filter(pk__in=ordered[first : first + CHUNK]).values_list("pk", *columns):
            said[pk] = " – ".join(str(part).replace("_", " ") for part in parts if part) or NOWHERE
    return said


DIVISIONS = (
    Division("pair", "pair of values", _of_scenario("value_1__name", "value_2__name")),
    Division("template", "template", _of_scenario("template")),
    Division("domain", "domain", _of_scenario("domain")),
    Division("target", "target", _of_target, responses_only=True),
)
