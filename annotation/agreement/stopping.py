"""A campaign's wanted width: what it will cost in labels, whether it has been reached, and what then happens.

Labels are counted by scenario, complete at full overlap, in the order of serving up to the first that is not: whoever looks, and
however often, the rule stops at the same number. Its figure is the one at that number, with the wanted half-width.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from annotation.agreement.kept import Figures
from annotation.agreement.sealed import part_shown
from annotation.agreement.tables import Subject, Tables, judges_asked, labels_of, subjects_of, tables_from
from annotation.campaigns import lifecycle
from annotation.consensus.labels import served
from annotation.kinds import KINDS
from annotation.models import Campaign, Item, WidthRule
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.stats import tables as figures
from conflictscope.stats.correction import corrected_ranking
from conflictscope.stats.labels import MISSING
from conflictscope.stats.planning import Needed, needed_for_width
from conflictscope.stats.stopping import LOOKED_AT, StoppingPoint, at_width, finished, running
from evaluation.measures.decisions import Decider, trials_of
from evaluation.models import Run
from evaluation.rankings.fitting import SEED, values_of

logger = logging.getLogger(__name__)

NARROWEST, WIDEST_KAPPA, WIDEST_RANKING = 0.02, 0.5, 5.0
# Of a ranking: labelled scenarios of each pair, and wins on either side of it.
FEWEST_OF_PAIR, FEWEST_WINS = 12, 5
# How alike two responses to one scenario are, where nothing is known yet.
ALIKE = 0.2


@dataclass(frozen=True, slots=True)
class Price:
    """What a width costs: scenarios complete at full overlap, and labels of people."""

    scenarios: int
    labels: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a campaign stands by its rule.

    Attributes:
        point: where the rule stops, or what is lacking. total: scenarios that it asks about; finished: complete in serving order.
        value: of the figure there, unless a sealed test hides it.
        short: further scenarios that it would take beyond those drawn, None where that is not known.
    """

    point: StoppingPoint
    total: int
    finished: int
    value: float | None
    sealed: bool
    short: int | None = None


def price(
    half_width: float, *, kappa: float, prevalence: float, overlap: int, per_scenario: float = 1, alike: float = ALIKE
) -> Price:
    """What κ to within plus and minus a half-width costs, with the tenth that looking at it all the time takes.

    Raises:
        InvalidInput: numbers that no two raters can have.
    """
    try:
        needed: Needed = needed_for_width(
            "kappa",
            half_width / LOOKED_AT,
            kappa=kappa,
            prevalence=prevalence,
            per_scenario=per_scenario,
            correlation=alike if per_scenario > 1 else 0.0,
        )
    except ValueError as exc:
        raise InvalidInput(f"No number of labels can be told: {exc}.") from exc
    return Price(needed.scenarios, needed.items * overlap)


def subjects_with_width(campaign: Campaign) -> list[Subject]:
    """The dimensions or questions of whose κ a width may be wanted; places on a scale are none."""
    return [subject for subject in subjects_of(campaign) if not subject.weights] if KINDS[campaign.kind].judged else []


def want(
    campaign: Campaign,
    *,
    half_width: float,
    subject: str = "",
    run: Run | None = None,
    then: str = WidthRule.Then.STOP,
    by: User | None = None,
) -> WidthRule:
    """Label until κ of the subject, or the widest strength of the run's corrected ranking, is known to plus and minus this.

    A rule that stands can be changed as long as it has not been reached: afterwards that would be choosing by the figure.

    Raises:
        InvalidInput: no such subject or run, a width out of range. Conflict: the rule has been reached, or nothing is compared.
    """
    figure = WidthRule.Figure.RANKING if run is not None else WidthRule.Figure.KAPPA
    widest = WIDEST_RANKING if run is not None else WIDEST_KAPPA
    if not KINDS[campaign.kind].judged:
        raise Conflict("Preferences are held against no judge: no κ of a judge can be waited for.")
    if not NARROWEST <= half_width <= widest:
        raise InvalidInput(f"Choose a half-width from {NARROWEST:g} to {widest:g}.")
    if run is not None and not campaign.runs.filter(pk=run.pk).exists():
        raise InvalidInput("The campaign does not ask about that run.")
    known = [each.key for each in subjects_with_width(campaign)]
    if run is None and subject not in known:
        raise InvalidInput(f"A width is wanted of one of: {', '.join(known)}.")
    if then not in WidthRule.Then.values:
        raise InvalidInput(f"At the width it can {' or '.join(WidthRule.Then.values)}.")
    with transaction.atomic():
        Campaign.objects.select_for_update().get(pk=campaign.pk)
        rule = WidthRule.objects.filter(campaign=campaign).first()
        if rule is not None and rule.reached_at is not None:
            raise Conflict(
                f"{campaign.name} has reached its width: another one chosen now would be chosen by the figure."
            )
        rule = rule or WidthRule(campaign=campaign)
        rule.figure, rule.subject, rule.run = figure, "" if run is not None else subject, run
        rule.half_width, rule.then, rule.created_by = half_width, then, by
        rule.save()
    return rule


def rule_of(campaign: Campaign) -> WidthRule | None:
    return WidthRule.objects.filter(campaign=campaign).select_related("campaign__dataset", "run__dataset").first()


def standing_of(rule: WidthRule) -> Standing:
    """Where the campaign stands by its rule, worked out once for what has been submitted."""
    campaign = rule.campaign
    part = Item.Part.TEST.value if campaign.dev_share else ""
    judges = judges_asked(campaign, None)
    sealed = bool(part) and part_shown(campaign, judges) != part
    name = f"width {rule.figure} {rule.subject} {rule.run_id} {rule.half_width} {part} {campaign.overlap}"
    found = Figures(campaign).of(name, lambda: _standing(rule, part))
    return replace(found, value=None, sealed=True) if sealed else found


def watch(rule: WidthRule) -> bool:
    """Look whether the width has been reached. If so, note it once, and pause the campaign if that was chosen. True: just now."""
    if rule.reached_at is not None:
        return False
    found = standing_of(rule)
    if not found.point.stopped:
        return False
    with transaction.atomic():
        noted = WidthRule.objects.filter(pk=rule.pk, reached_at__isnull=True).update(
            reached_at=timezone.now(), reached_scenarios=found.point.scenarios, reached_value=found.point.value
        )
        if noted and rule.then == WidthRule.Then.STOP and rule.campaign.state == Campaign.State.OPEN:
            lifecycle.pause(rule.campaign)
    rule.refresh_from_db()
    if noted:
        logger.info("Campaign %s reached its width at %s scenarios", rule.campaign_id, found.point.scenarios)
    return bool(noted)


def watch_all() -> int:
    """Look at the rule of every campaign under way. Returns how many have been reached just now."""
    under_way = WidthRule.objects.filter(reached_at__isnull=True, campaign__state=Campaign.State.OPEN)
    return sum(watch(rule) for rule in under_way.select_related("campaign__dataset", "campaign__study", "run__dataset"))


def _standing(rule: WidthRule, part: str) -> Standing:
    campaign = rule.campaign
    tables = tables_from(labels_of(campaign, part), campaign, judge=None)
    order, complete = _scenarios(tables, part)
    count = finished(complete)
    if rule.run is not None:
        point = _ranking_point(rule, rule.run, set(order[:count]))
    else:
        point = at_width(
            running(_by_scenario(tables, rule.subject, order[:count]), _kappa(tables, rule)), rule.half_width
        )
    short = None
    if not point.stopped and point.half_width is not None and count:
        needed = round(count * (point.half_width / rule.half_width) ** 2)
        short = max(0, needed - len(order))
    return Standing(point, len(order), count, point.value, sealed=False, short=short)


def _kappa(tables: Tables, rule: WidthRule) -> partial[figures.Floats]:
    return partial(figures.kappa, weights=tables.subject(rule.subject).weights)


def _scenarios(tables: Tables, part: str) -> tuple[list[int], list[bool]]:
    """The scenarios in the order in which they come to their end, and whether each is complete: all its items at full overlap."""
    campaign = tables.campaign
    way = KINDS[campaign.kind].scenario_of
    items = served(campaign).filter(**({"part": part} if part else {})).values_list("pk", way)
    labels = dict(zip((item.pk for item in tables.labels.items), tables.labels.counts.tolist(), strict=True))
    complete: dict[int, bool] = {}
    for pk, scenario in items.iterator(chunk_size=20_000):
        before = complete.pop(scenario, True)  # put at the end again: it is complete with the last of its items
        complete[scenario] = before and labels.get(pk, 0) >= campaign.overlap
    return list(complete), list(complete.values())


def _by_scenario(tables: Tables, key: str, order: Sequence[int]) -> np.ndarray:
    """What each scenario adds, judge by people, items weighted by their chances to be drawn."""
    size = len(tables.subject(key).categories)
    place = {scenario: number for number, scenario in enumerate(order)}
    counts = np.zeros((len(order), size, size))
    judge, people = tables.by_judge[key], tables.by_people[key]
    weights = np.array([1 / item.inclusion_probability for item in tables.labels.items])
    used = [
        (place[item.scenario_id], row)
        for row, item in enumerate(tables.labels.items)
        if item.scenario_id in place and judge[row] != MISSING and people[row] != MISSING
    ]
    if used:
        where, rows = np.array(used).T
        np.add.at(counts, (where, judge[rows], people[rows]), weights[rows] / weights[rows].mean())
    return counts


def _ranking_point(rule: WidthRule, run: Run, among: set[int]) -> StoppingPoint:
    """Whether the widest strength of the run's corrected ranking is narrow enough, by the finished scenarios alone."""
    trials = trials_of(run).without_dev()
    uids = set(run.dataset.scenarios.filter(pk__in=among).values_list("uid", flat=True))
    values, chances = values_of(run.dataset), trials.chances()
    judge, people = trials.by(Decider.JUDGE).tallies(values), trials.by(Decider.PEOPLE).tallies(values)
    people = people.take(np.array([name in uids for name in people.scenarios], dtype=bool))
    if not people.scenarios:
        return StoppingPoint(
            False, 0, None, None, "nothing is written down of its finished scenarios: decide the campaign"
        )
    found = corrected_ranking(
        judge,
        people,
        rng=np.random.default_rng(SEED),
        chance=[chances.get(str(name), 1.0) for name in judge.scenarios] if chances else None,
    )
    thin = [
        f"{pair.value_1} and {pair.value_2}"
        for pair in found.pairs
        if pair.labelled < FEWEST_OF_PAIR or min(pair.wins_1, pair.wins_2) < FEWEST_WINS
    ]
    widest = found.corrected.widest
    half = None if widest is None else widest / 2 * LOOKED_AT
    if thin or not found.pairs:
        lacking = (
            f"{len(thin)} pair{'s' if len(thin) > 1 else ''} of values, such as {thin[0]}" if thin else "every pair"
        )
        reason = (
            f"at least {FEWEST_OF_PAIR} labelled scenarios and {FEWEST_WINS} wins on either side for {lacking}, "
            "before it can be told"
        )
        return StoppingPoint(False, found.labelled, None, half, reason)
    if half is None:
        return StoppingPoint(False, found.labelled, None, None, found.corrected.reason or found.reason)
    if half <= rule.half_width:
        return StoppingPoint(True, found.labelled, None, rule.half_width, "")
    return StoppingPoint(False, found.labelled, None, half, "the widest interval is still too wide")
