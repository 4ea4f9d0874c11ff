"""Items with known answers: to practise on, mixed in as gold, or as attention checks. They are in no count, estimate or digest."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import transaction
from django.db.models import Count, Q, QuerySet

from annotation.consensus.labels import answers_of
from annotation.errors import CampaignClosed
from annotation.kinds import KINDS, questions_of
from annotation.models import Assignment, Campaign, Decision, GoldAnswer, Item
from annotation.questions import Control, Question
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.models import Dataset, Scenario

logger = logging.getLogger(__name__)

Use = Item.Use
# Known items are for everybody: as many as a column holds.
FOR_EVERYBODY = 30_000
FEWEST_VOTES = 2


@dataclass(frozen=True, slots=True)
class KnownCount:
    """How many items of each use a campaign has."""

    training: int
    gold: int
    checks: int


@dataclass(frozen=True, slots=True)
class Settled:
    """An item of a campaign whose answers are known: question to answer and to why. `by_hand`: somebody settled one of them."""

    item: Item
    answers: dict[str, str]
    why: dict[str, str]
    by_hand: bool


def known_in(campaign: Campaign) -> KnownCount:
    counts = dict(
        Item.objects.filter(campaign=campaign, is_training=True).order_by().values_list("use").annotate(Count("pk"))
    )
    return KnownCount(counts.get(Use.TRAINING, 0), counts.get(Use.GOLD, 0), counts.get(Use.CHECK, 0))


def sources_of(campaign: Campaign) -> list[Campaign]:
    """Campaigns of the study that ask the same, in which something has been decided."""
    decided = Campaign.objects.filter(study=campaign.study, kind=campaign.kind, items__decisions__isnull=False)
    return list(decided.exclude(pk=campaign.pk).distinct().order_by("-pk"))


def settled_in(source: Campaign, *, without: Campaign) -> list[Settled]:
    """Items of a campaign on every question of which all who answered agree, or that somebody settled by hand.

    Left out are those that the other campaign asks about already. What was settled by hand comes first. Scales have no known answer:
    a place beside it would be as right.
    """
    keys = [question.key for question in questions_of(source) if known_answers(question)]
    there = Item.objects.filter(campaign=without)
    items = (
        Item.objects.filter(campaign=source, is_training=False, decisions__isnull=False)
        .exclude(scenario__in=there.filter(scenario__isnull=False).values("scenario"))
        .exclude(response__in=there.filter(response__isnull=False).values("response"))
        .select_related("scenario", "response__scenario")
        .defer("scenario__embedding", "response__scenario__embedding", "response__transcript")
        .distinct()
        .order_by("pk")
    )
    of_item: defaultdict[int, dict[str, Decision]] = defaultdict(dict)
    for decision in Decision.objects.filter(item__in=items):
        of_item[decision.item_id][decision.question] = decision
    votes = _votes(items)
    found = []
    for item in items:
        decisions = of_item[item.pk]
        answers = {key: decisions[key].answer for key in keys if key in decisions}
        if not all(key in answers for key in _asked_of(item, source, keys)):
            continue
        by_hand = {key for key in answers if decisions[key].method == Decision.Method.ADJUDICATED}
        agreed = {
            key
            for key in answers
            if len(votes[item.pk, key]) == 1 and sum(votes[item.pk, key].values()) >= FEWEST_VOTES
        }
        if answers and by_hand | agreed == set(answers):
            why = {
                key: decisions[key].reason
                if key in by_hand
                else f"All {sum(votes[item.pk, key].values())} people who labelled it said so."
                for key in answers
            }
            found.append(Settled(item, answers, why, bool(by_hand)))
    return sorted(found, key=lambda each: not each.by_hand)


def take_known(campaign: Campaign, source: Campaign, *, training: int, gold: int, seed: int = 0) -> tuple[int, int]:
    """Make items to practise on, and gold items, of what another campaign settled. Returns how many of either.

    Raises:
        InvalidInput: nothing is asked for, or the other campaign asks something else.
        CampaignClosed: there is nobody left to see them.
    """
    if source.study_id != campaign.study_id or source.kind != campaign.kind:
        raise InvalidInput("Choose a campaign of this study that asks the same questions.")
    if training < 0 or gold < 0 or not training + gold:
        raise InvalidInput("Say how many items to practise on, or to mix in, you want.")
    with transaction.atomic():
        locked = _open_to_change(campaign)
        settled = settled_in(source, without=locked)
        if not settled:
            raise InvalidInput(
                f"{source.name} has no settled item that is new here: on each question everybody must agree, or somebody settle it."
            )
        # By hand first, whose reasons explain most; within that by chance.
        rng = np.random.default_rng([seed, locked.pk])
        first = [each for each in settled if each.by_hand]
        rest = [each for each in settled if not each.by_hand]
        order = [
            *(first[place] for place in rng.permutation(len(first))),
            *(rest[place] for place in rng.permutation(len(rest))),
        ]
        to_practise, mixed_in = order[:training], order[training : training + gold]
        _add(
            locked,
            ((each.item.scenario_id, each.item.response_id, each.answers, each.why) for each in to_practise),
            Use.TRAINING,
            rng,
        )
        _add(
            locked,
            ((each.item.scenario_id, each.item.response_id, each.answers, each.why) for each in mixed_in),
            Use.GOLD,
            rng,
        )
    campaign.refresh_from_db()
    logger.info("Campaign %s: %s items to practise on, %s gold", campaign.pk, len(to_practise), len(mixed_in))
    return len(to_practise), len(mixed_in)


def take_checks(campaign: Campaign, dataset: Dataset, answers: Mapping[str, str], *, seed: int = 0) -> int:
    """Mix in the scenarios of a dataset of attention checks, which say themselves what to answer. Returns how many.

    Raises:
        InvalidInput: the dataset holds no checks, no answer is expected, or one that its question does not offer.
        CampaignClosed: there is nobody left to see them.
    """
    if KINDS[campaign.kind].of_responses:
        raise InvalidInput(
            "Attention checks are scenarios; this campaign asks about conversations. Use gold items here."
        )
    if dataset.study_id != campaign.study_id or dataset.variant != Dataset.Variant.CHECK:
        raise InvalidInput("Choose a dataset of this study that holds attention checks.")
    asked = {question.key: question for question in questions_of(campaign)}
    wrong = [key for key, answer in answers.items() if key not in asked or answer not in answers_of(key)]
    if wrong or not answers:
        raise InvalidInput(
            f"Say which answer the checks ask for{f' to {wrong[0]}' if wrong else ''}, among those on offer."
        )
    with transaction.atomic():
        locked = _open_to_change(campaign)
        there = Item.objects.filter(campaign=locked, scenario__isnull=False).values("scenario")
        fresh = Scenario.objects.filter(dataset=dataset).exclude(pk__in=there).exclude(action_1="")
        rows: list[Known] = [(pk, None, dict(answers), {}) for pk in fresh.order_by("pk").values_list("pk", flat=True)]
        _add(locked, rows, Use.CHECK, np.random.default_rng([seed, locked.pk, 1]))
    campaign.refresh_from_db()
    return len(rows)


def keep_as_checks(dataset: Dataset) -> None:
    """From now on the dataset holds attention checks: it is in no list, count, export or digest.

    Raises:
        InvalidInput: it is no imported one, or something rests on it already.
    """
    if dataset.variant not in (Dataset.Variant.IMPORTED, Dataset.Variant.CHECK):
        raise InvalidInput("Attention checks are written by people: import them as a dataset of their own first.")
    if dataset.campaigns.exists() or dataset.runs.exists():
        raise InvalidInput(f"{dataset.name} has a campaign or a run, so it cannot become a dataset of checks.")
    Dataset.objects.filter(pk=dataset.pk).update(variant=Dataset.Variant.CHECK)
    dataset.refresh_from_db(fields=["variant"])


def known_answers(question: Question) -> bool:
    """Whether one answer to the question can be called right."""
    return question.control is not Control.SCALE


def _asked_of(item: Item, source: Campaign, keys: Sequence[str]) -> list[str]:
    asked = {question.key for question in KINDS[source.kind].questions_on(item.subject)}
    return [key for key in keys if key in asked]


def _votes(items: QuerySet[Item]) -> defaultdict[tuple[int, str], dict[str, int]]:
    """How many gave each answer to each question of these items."""
    votes: defaultdict[tuple[int, str], dict[str, int]] = defaultdict(dict)
    counted = Assignment.objects.counted().filter(item__in=items.order_by().values("pk")).order_by()
    said = counted.filter(~Q(annotations__answer=""), annotations__isnull=False)
    rows = said.values_list("item", "annotations__question", "annotations__answer").annotate(Count("pk"))
    for item, question, answer, number in rows:
        if answer in answers_of(question):
            votes[item, question][answer] = number
    return votes


def _open_to_change(campaign: Campaign) -> Campaign:
    locked: Campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if locked.state == Campaign.State.CLOSED:
        raise CampaignClosed(f"{locked.name} is closed: there is nobody left to practise, or to be checked.")
    return locked


Known = tuple[int | None, int | None, dict[str, str], dict[str, str]]


def _add(campaign: Campaign, rows: Iterable[Known], use: Item.Use, rng: np.random.Generator) -> None:
    every = list(rows)
    items = Item.objects.bulk_create(
        Item(
            campaign=campaign,
            scenario_id=scenario,
            response_id=response,
            open_slots=FOR_EVERYBODY,
            shuffle_key=float(rng.random()),
            inclusion_probability=1.0,
            use=use,
            is_training=True,
        )
        for scenario, response, _, _ in every
    )
    GoldAnswer.objects.bulk_create(
        GoldAnswer(item=item, question=question, answer=answer, feedback=why.get(question, ""))
        for item, (_, _, answers, why) in zip(items, every, strict=True)
        for question, answer in answers.items()
    )
    if use != Use.TRAINING:
        plan = campaign.sampling_plan
        campaign.sampling_plan = plan | {"known": plan.get("known", 0) + len(items)}
        campaign.save(update_fields=["sampling_plan"])
