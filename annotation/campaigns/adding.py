"""More scenarios of chosen pairs of values in a campaign: those whose labels a ranking is short of."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
from django.db import transaction

from annotation.campaigns.creating import add_items, scenario_ids, scenarios_drawn, share_of_responses
from annotation.campaigns.populations import Candidate, population_digest, population_of
from annotation.campaigns.sampling import Drawn
from annotation.campaigns.serving import serving_keys
from annotation.errors import CampaignClosed, PopulationChanged
from annotation.kinds import KINDS
from annotation.models import Campaign, Item
from conflictscope.errors import InvalidInput

logger = logging.getLogger(__name__)


def add_of_pairs(campaign: Campaign, wanted: Mapping[tuple[str, str], int]) -> int:
    """Draw so many more scenarios of each pair at random among those not drawn yet; all answers to them become items.

    Items of the pair that are there get the probability of being in either draw: p + (1 - p) m / left, m being drawn of the `left`
    that were not.

    Args: wanted: by the keys of the two values.
    Returns: how many items were added; fewer scenarios than wanted are drawn where there are no more.
    Raises:
        CampaignClosed: its labels have been seen.
        InvalidInput: nothing is wanted, or it is no campaign about responses.
        PopulationChanged: the dataset is not what the sample was drawn from.
    """
    if not KINDS[campaign.kind].of_responses or not any(number > 0 for number in wanted.values()):
        raise InvalidInput(
            "Choose a campaign about what targets did, and at least one pair of values with labels to add."
        )
    with transaction.atomic():
        locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.state == Campaign.State.CLOSED:
            raise CampaignClosed(
                f"{locked.name} is closed, and its labels have been seen. Open a new campaign instead."
            )
        added = sum(
            _add(locked, f"{first}-{second}", number) for (first, second), number in wanted.items() if number > 0
        )
    campaign.refresh_from_db()
    logger.info("Campaign %s got %s items of %s pairs", campaign.pk, added, len(wanted))
    return added


def _add(campaign: Campaign, pair: str, number: int) -> int:
    among = campaign.sampling_plan.get("among", "")
    population = population_of(campaign.kind, campaign.dataset, runs=list(campaign.runs.all()), among=among)
    if population_digest(population) != campaign.sampling_plan.get("digest"):
        raise PopulationChanged(
            f"{campaign.dataset.name} has changed since {campaign.name} was drawn from it: scenarios were added, or judged "
            "anew. Chances over both could not be told. Open a new campaign on what it is now."
        )
    before = set(scenario_ids(campaign))
    of_pair = [each for each in population if each.pair == pair]
    left = [each for each in of_pair if each.scenario_id not in before]
    drawn = left[:0]
    if left:
        plan = campaign.sampling_plan
        rng = np.random.default_rng([plan["seed"], len(plan["draws"]), 2])
        picked = rng.choice(len(left), size=min(number, len(left)), replace=False)
        drawn = [left[place] for place in sorted(picked)]
    if not drawn:
        return 0
    more = len(drawn) / len(left)
    chance = _raise_chances(campaign, of_pair, more)
    keys = serving_keys([(each.group, each.stratum) for each in drawn], rng)
    rows = [Drawn(each, chance, key) for each, key in zip(drawn, keys, strict=True)]
    added = add_items(campaign, rows, size=scenarios_drawn(campaign) + len(drawn))
    draws = campaign.sampling_plan["draws"]
    draws[-1] |= {"pair": pair, "left": len(left)}
    campaign.save(update_fields=["sampling_plan"])
    return added


def _raise_chances(campaign: Campaign, of_pair: list[Candidate], more: float) -> float:
    """Give the pair's items the chance of being in either draw. Returns the chance of a scenario that was not in the first.

    Those that were not drawn had the mean chance of those that were: the plan keeps no other for them.
    """
    share = {each.scenario_id: share_of_responses(campaign, each) for each in of_pair}
    items = [
        item
        for item in Item.objects.filter(campaign=campaign).select_related("scenario", "response__scenario")
        if item.subject.pk in share
    ]
    had = []
    for item in items:
        part = share[item.subject.pk]
        chance = min(item.inclusion_probability / part, 1.0)
        had.append(chance)
        item.inclusion_probability = min((chance + (1 - chance) * more) * part, 1.0)
    Item.objects.bulk_update(items, ["inclusion_probability"], batch_size=500)
    mean = sum(had) / len(had) if had else 0.0
    return mean + (1 - mean) * more
