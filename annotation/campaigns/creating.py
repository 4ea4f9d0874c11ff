"""From a dataset to a draft campaign: what is asked about, how many, drawn how, by whom; and more of the same later."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.text import slugify

from annotation.campaigns import sampling
from annotation.campaigns.lifecycle import start
from annotation.campaigns.populations import Candidate, population_digest, population_of
from annotation.campaigns.sampling import Drawn, Plan
from annotation.campaigns.serving import serving_keys
from annotation.campaigns.splitting import part_of
from annotation.errors import CampaignClosed, CampaignExists, ChangedMeanwhile, NothingToLabel, PopulationChanged
from annotation.guidelines import default_guideline
from annotation.kinds import KINDS, SCENARIO_FILTER
from annotation.models import Campaign, Guideline, Item
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role
from evaluation.models import Run
from evaluation.running.coverage import show_to_people

logger = logging.getLogger(__name__)

MOST_PEOPLE = 100


@dataclass(frozen=True)
class CampaignSettings:
    """What a researcher chooses for a new campaign.

    Attributes:
        size: scenarios to draw; above what the dataset has takes all of it. A kind that asks about responses has as many items
            as these scenarios have responses.
        runs: of such a kind, the simulated-user runs whose responses are judged.
        responses_each: at most so many responses of a scenario, chosen at random; None: all.
        guideline: Markdown; empty: the default of the kind. invited: annotators of the study; none: all of them.
        among: of such a kind, the address of a filter of responses (`Filter.of`): only those that it lets through are drawn from. What
            people say of a selected set tells nothing of the whole, so no estimate uses it; empty: all responses.
        second_answers: whether people may mark a second answer as also defensible, or are asked each time.
    """

    name: str
    size: int
    slug: str = ""
    kind: str = SCENARIO_FILTER.key
    runs: Collection[Run] = ()
    responses_each: int | None = None
    overlap: int = 3
    plan: str = Plan.RANDOM
    seed: int = 0
    quota: int | None = None
    lease_minutes: int = 30
    guideline: str = ""
    purpose: str = ""
    invited: Collection[User] = ()
    among: str = ""
    second_answers: str = Campaign.SecondAnswers.OFF

    @property
    def called(self) -> str:
        """The slug, made of the name where none is given."""
        return self.slug or slugify(self.name)[:50]

    @property
    def asked(self) -> dict[str, Any]:
        """What the sample is drawn by, as the campaign's sampling plan keeps it."""
        asked: dict[str, Any] = {"plan": str(self.plan), "size": self.size, "seed": self.seed}
        if KINDS[self.kind].of_responses:
            asked |= {"runs": sorted(run.pk for run in self.runs), "responses_each": self.responses_each}
            asked |= {"among": self.among} if self.among else {}
        return asked


def create_campaign(
    study: Study, dataset: Dataset, settings: CampaignSettings, *, created_by: User | None = None
) -> Campaign:
    """A draft campaign on a sample of the dataset's scenarios. Asked for again with the same name and settings, it is found.

    Raises:
        InvalidInput: settings that make no campaign, each named.
        NothingToLabel: nothing of the dataset can be asked about yet.
        CampaignExists: the study has a campaign of that name with other settings.
    """
    problems = [*_problems(settings), *_problems_between(study, dataset, settings)]
    if problems:
        raise InvalidInput(f"This makes no campaign: {'; '.join(problems)}.")
    kind = KINDS[settings.kind]
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=study.pk)
        existing = Campaign.objects.filter(study=study, slug=settings.called).first()
        if existing is not None:
            return _same(existing, dataset, settings)
        plan = Plan(settings.plan)
        population = population_of(kind.key, dataset, runs=settings.runs, among=settings.among)
        if not population and settings.among:
            raise NothingToLabel(
                "No answer of these runs is like that: choose another filter, or draw from all of them."
            )
        if not population:
            raise NothingToLabel(kind.nothing.format(dataset=dataset.name))
        fewest = sampling.least(population, plan=plan)
        if settings.size < fewest:
            what = "the judge's outcomes" if population[0].outcome else "the pairs of values"
            raise InvalidInput(
                f"A {plan} sample of {dataset.name} needs at least {fewest} scenarios: one for each of {what}."
            )
        campaign = Campaign.objects.create(
            study=study,
            slug=settings.called,
            name=settings.name.strip(),
            kind=kind.key,
            dataset=dataset,
            overlap=settings.overlap,
            lease_minutes=settings.lease_minutes,
            quota=settings.quota,
            purpose=settings.purpose.strip(),
            second_answers=settings.second_answers,
            created_by=created_by,
            sampling_plan=settings.asked
            | {
                "population": len(population),
                "population_by_outcome": Counter(each.outcome for each in population),
                "digest": population_digest(population),
                "draws": [],
            },
        )
        campaign.runs.set(settings.runs)
        campaign.invited.set(settings.invited)
        text = settings.guideline.strip() or default_guideline(kind.key)
        Guideline.objects.create(campaign=campaign, version=1, markdown=text)
        drawn = sampling.draw(population, plan=plan, size=settings.size, seed=settings.seed)
        add_items(campaign, drawn, size=settings.size)
    logger.info("Campaign %s created with %s items", campaign.pk, campaign.sampling_plan["drawn"])
    return campaign


def open_campaign(
    study: Study, dataset: Dataset, settings: CampaignSettings, *, created_by: User | None = None
) -> Campaign:
    """`create_campaign` and `start` in one, for callers without a preview. One that has been closed stays closed."""
    campaign = create_campaign(study, dataset, settings, created_by=created_by)
    if campaign.state != Campaign.State.CLOSED:
        start(campaign)
    return campaign


def extend_campaign(
    campaign: Campaign,
    *,
    size: int | None = None,
    overlap: int | None = None,
    seen: tuple[int, int] | None = None,
) -> int:
    """More scenarios by the plan that the campaign was drawn by, or more people for each item. Returns the items added.

    Items that are there get the inclusion probability of the larger sample, so that all of them together are a sample as it
    would have been drawn at that size from the start. Asked for the size and overlap that stand, it changes nothing.

    Args:
        size: scenarios in all; overlap: people for each item in all; None: as it is.
        seen: the size and overlap that were chosen from, where somebody else may have extended the campaign since.
    Raises:
        ChangedMeanwhile: these are not what stands.
        InvalidInput: fewer than there are, or too many people.
        PopulationChanged: the dataset is not what the sample was drawn from.
        CampaignClosed: its labels have been seen.
    """
    with transaction.atomic():
        locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.state == Campaign.State.CLOSED:
            raise CampaignClosed(
                f"{locked.name} is closed, and its labels have been seen. Open a new campaign instead."
            )
        stands = scenarios_drawn(locked), locked.overlap
        if seen is not None and seen != stands and (size, overlap) != stands:
            raise ChangedMeanwhile(
                f"Somebody else has extended {locked.name} since you looked: it has {stands[0]} scenarios now, each for "
                f"{stands[1]} people. Look at the page again, and choose from there."
            )
        if overlap is not None:
            _raise_overlap(locked, overlap)
        added = _enlarge(locked, size) if size is not None else 0
    campaign.refresh_from_db()
    logger.info("Campaign %s extended by %s items, overlap %s", campaign.pk, added, campaign.overlap)
    return added


def scenarios_drawn(campaign: Campaign) -> int:
    """How many scenarios were asked for in all: at the draw, or at the latest extension."""
    draws = campaign.sampling_plan.get("draws") or [campaign.sampling_plan]
    return int(draws[-1].get("size", campaign.sampling_plan.get("drawn", 0)))


def judgeable_runs(dataset: Dataset) -> QuerySet[Run]:
    """The runs on the dataset whose answers are open text, which somebody has to judge."""
    talked = Run.objects.whole().filter(dataset=dataset, mode=Run.Mode.SIMULATED_USER)
    return talked.select_related("target", "dataset", "steering", "user_simulator", "judge").order_by("pk")


def population_summary(kind: str, dataset: Dataset) -> dict[str, int]:
    """How many scenarios there are to draw from, by what the judge made of them; a preference counts those of each pair.

    An action judgement draws from the answered scenarios of the runs that are chosen, which are not known yet: none counted.
    """
    if KINDS[kind].of_responses:
        return {}
    return dict(sorted(Counter(each.group for each in population_of(kind, dataset)).items()))


def _raise_overlap(campaign: Campaign, overlap: int) -> None:
    if not campaign.overlap <= overlap <= MOST_PEOPLE:
        raise InvalidInput(
            f"Each item of {campaign.name} is for {campaign.overlap} people already; choose from there up to {MOST_PEOPLE}."
        )
    more = overlap - campaign.overlap
    if more:
        campaign.overlap = overlap
        campaign.save(update_fields=["overlap"])
        Item.objects.filter(campaign=campaign).update(open_slots=F("open_slots") + more)


def _enlarge(campaign: Campaign, size: int) -> int:
    stands, asked = scenarios_drawn(campaign), campaign.sampling_plan
    if size < stands:
        raise InvalidInput(f"{campaign.name} has {stands} scenarios already; a campaign can only grow.")
    if size == stands:
        return 0
    if any("pair" in draw for draw in asked.get("draws", ())):
        raise InvalidInput(
            f"{campaign.name} has grown by chosen pairs of values, so its plan no longer says how likely a scenario is to be drawn. "
            "Add more of chosen pairs, or open a new campaign."
        )
    among = asked.get("among", "")
    population = population_of(campaign.kind, campaign.dataset, runs=list(campaign.runs.all()), among=among)
    if population_digest(population) != asked.get("digest"):
        raise PopulationChanged(
            f"{campaign.dataset.name} has changed since {campaign.name} was drawn from it: scenarios were added, or judged "
            "anew. Chances over both could not be told. Open a new campaign on what it is now."
        )
    plan = Plan(asked["plan"])
    before = set(scenario_ids(campaign))
    drawn = sampling.draw(
        population,
        plan=plan,
        size=size,
        seed=asked["seed"],
        before=before,
        size_before=stands,
        turn=len(asked["draws"]),
    )
    chances = sampling.chances(population, plan=plan, size=size)
    now = {each.scenario_id: chance for each, chance in zip(population, chances, strict=True)}
    share = {each.scenario_id: share_of_responses(campaign, each) for each in population}
    items = list(Item.objects.filter(campaign=campaign).select_related("scenario", "response__scenario"))
    for item in items:
        item.inclusion_probability = min(now[item.subject.pk] * share[item.subject.pk], 1.0)
    Item.objects.bulk_update(items, ["inclusion_probability"], batch_size=500)
    return add_items(campaign, drawn, size=size)


def scenario_ids(campaign: Campaign) -> Iterator[int]:
    for scenario, of_response in campaign.items.values_list("scenario", "response__scenario"):
        yield scenario or of_response


def share_of_responses(campaign: Campaign, candidate: Candidate) -> float:
    """How likely a response of a drawn scenario is to be labelled; 1 where the scenario itself is."""
    most: int | None = campaign.sampling_plan.get("responses_each")
    if not candidate.responses or most is None:
        return 1.0
    return min(most / len(candidate.responses), 1.0)


def add_items(campaign: Campaign, drawn: Sequence[Drawn], *, size: int) -> int:
    """Write the items of drawn scenarios, and into the plan what was drawn. Returns how many items these are."""
    plan = campaign.sampling_plan
    rng = np.random.default_rng([plan["seed"], len(plan["draws"]), 1])
    rows = []
    for each in drawn:
        candidate = each.candidate
        share = share_of_responses(campaign, candidate)
        chosen: Sequence[int | None] = candidate.responses or (None,)
        if share < 1:
            picked = rng.choice(len(chosen), size=plan["responses_each"], replace=False)
            chosen = [chosen[place] for place in sorted(picked)]
        rows += [
            Item(
                campaign=campaign,
                scenario_id=None if response else candidate.scenario_id,
                response_id=response,
                open_slots=campaign.overlap,
                shuffle_key=each.shuffle_key,
                inclusion_probability=min(each.probability * share, 1.0),
                stratum=candidate.stratum[:200],
                part=part_of(campaign, candidate.scenario_id),
            )
            for response in chosen
        ]
    if any(row.response_id for row in rows):
        # Responses of one scenario are served apart, each at a place of its own.
        keys = serving_keys([(row.stratum.rpartition(" · ")[2], row.stratum) for row in rows], rng)
        for row, key in zip(rows, keys, strict=True):
            row.shuffle_key = key
        rows.sort(key=lambda row: row.shuffle_key)
    Item.objects.bulk_create(rows, batch_size=500)
    show_to_people(campaign.items.filter(response__isnull=False).values("response"))
    by_outcome = Counter(plan.get("drawn_by_outcome", {})) + Counter(each.candidate.outcome for each in drawn)
    campaign.sampling_plan = plan | {
        "drawn": plan.get("drawn", 0) + len(rows),
        "scenarios": plan.get("scenarios", 0) + len(drawn),
        "drawn_by_outcome": by_outcome,
        "draws": [*plan["draws"], {"size": size, "scenarios": len(drawn), "items": len(rows)}],
    }
    campaign.save(update_fields=["sampling_plan"])
    return len(rows)


def _problems(settings: CampaignSettings) -> Iterator[str]:
    if not settings.called:
        yield "the name needs at least one letter or digit"
    if settings.kind not in KINDS:
        yield f"the kind must be one of: {', '.join(KINDS)}"
    if settings.plan not in list(Plan):
        yield f"the sampling plan must be one of: {', '.join(Plan)}"
    if settings.size < 1:
        yield "at least one item is needed"
    if not 1 <= settings.overlap <= MOST_PEOPLE:
        yield f"the overlap (people for each item) must be from 1 to {MOST_PEOPLE}"
    if settings.quota is not None and settings.quota < 1:
        yield "the quota (items for one person) must be at least 1, or left empty"
    if settings.second_answers not in Campaign.SecondAnswers.values:
        yield f"second answers must be one of: {', '.join(Campaign.SecondAnswers.values)}"
    if not 1 <= settings.lease_minutes <= 10_000:
        yield "the lease must be from 1 to 10000 minutes"


def _problems_between(study: Study, dataset: Dataset, settings: CampaignSettings) -> Iterator[str]:
    kind = KINDS.get(settings.kind, SCENARIO_FILTER)  # an unknown one is a problem of its own
    runs, responses_each, invited = settings.runs, settings.responses_each, settings.invited
    if dataset.study_id != study.pk:
        yield f"the dataset {dataset.slug} belongs to another study"
    if kind.needs_values and dataset.value_set_version_id is None:
        yield f"{dataset.slug} has no values, so no order of values can grow from preferences"
    if kind.of_responses:
        if not runs:
            yield "an action judgement needs at least one run whose responses are judged"
        if any(run.dataset_id != dataset.pk for run in runs):
            yield f"every run must be on the dataset {dataset.slug}"
        if any(run.mode != Run.Mode.SIMULATED_USER for run in runs):
            yield "only runs with a simulated user are judged; the choices of the others are read from their answers"
        if responses_each is not None and responses_each < 1:
            yield "at least one response of each scenario is needed, or leave it empty for all"
    elif runs or responses_each is not None or settings.among:
        yield "only an action judgement asks about the responses of runs"
    annotators = set(study.memberships.filter(role=Role.ANNOTATOR).values_list("user", flat=True)) if invited else set()
    strangers = sorted(user.get_username() for user in invited if user.pk not in annotators)
    if strangers:
        yield f"only annotators of the study can be asked, and {', '.join(strangers)} is none"


def _same(existing: Campaign, dataset: Dataset, settings: CampaignSettings) -> Campaign:
    stands = {
        "dataset": existing.dataset_id,
        "kind": existing.kind,
        "overlap": existing.overlap,
        "quota": existing.quota,
        "second_answers": existing.second_answers,
    }
    stands |= {key: existing.sampling_plan.get(key) for key in settings.asked}
    stands["among"] = existing.sampling_plan.get("among", "")
    wanted = {
        "dataset": dataset.pk,
        "kind": settings.kind,
        "overlap": settings.overlap,
        "quota": settings.quota,
        "among": settings.among,
        "second_answers": settings.second_answers,
        **settings.asked,
    }
    other = [key.replace("_", " ") for key in wanted if wanted[key] != stands[key]]
    if other:
        raise CampaignExists(
            f"The study has a campaign {existing.slug!r} already, with another {' and '.join(other)}. "
            "Choose another name, or the settings it has."
        )
    return existing
