"""How a campaign is getting on: what has been labelled, by whom, and what they flagged.

For those who may see the study. People appear under their pseudonyms only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from annotation.models import Assignment, Campaign, Decision, Flag, Item, Participant
from annotation.questions import UNSURE
from conflictscope.scenarios.models import Scenario
from conflictscope.stats.intervals import ratio
from conflictscope.stats.types import Estimate
from conflictscope.studies.models import Study

State = Assignment.State


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """`complete` counts items that have all the labels asked for, `submissions` labels that count, `people` who gave any."""

    campaign: Campaign
    items: int
    complete: int
    submissions: int
    wanted: int
    people: int
    simulated: bool


@dataclass(frozen=True, slots=True)
class SamplePart:
    """Some of a campaign's items: those of one stratum, or of one of the judge's outcomes."""

    name: str
    items: int
    complete: int
    submissions: int
    population: int | None = None

    @property
    def status(self) -> str:
        """The scenario status that the name stands for, if it is one."""
        return self.name if self.name in Scenario.Status.values else ""


@dataclass(frozen=True, slots=True)
class CampaignSample:
    """A campaign's items by what the judge made of them, by stratum (pair, template and that), and by labels they have."""

    outcomes: tuple[SamplePart, ...]
    strata: tuple[SamplePart, ...]
    labels_per_item: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class PersonRow:
    """`seconds` is the median time on an item of which the time is known; `surplus` came too late to count."""

    participant: Participant
    submitted: int
    surplus: int
    skipped: int
    flags: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class WrittenDown:
    """What has been decided so far: answers, of which some were settled by hand, and the verdicts or judgements they came to."""

    answers: int
    adjudicated: int
    items: int
    verdicts: int
    scenarios: int
    judgements: int


def campaign_rows(campaigns: Collection[Campaign]) -> list[CampaignRow]:
    """Each campaign with its counts, in the given order. Two queries, however many there are."""
    items = _by_campaign(
        Item.objects.filter(campaign__in=campaigns, is_training=False)
        .order_by()
        .values("campaign")
        .annotate(items=Count("pk"), complete=Count("pk", filter=Q(open_slots=0)))
    )
    labels = _by_campaign(
        Assignment.objects.counted()
        .filter(item__campaign__in=campaigns)
        .order_by()
        .values(campaign=F("item__campaign"))
        .annotate(
            submissions=Count("pk"),
            people=Count("participant", distinct=True),
            simulated=Count("pk", filter=Q(participant__simulated=True)),
        )
    )
    leased = _by_campaign(
        Assignment.objects.filter(item__campaign__in=campaigns, state=State.LEASED, item__open_slots=0)
        .order_by()
        .values(campaign=F("item__campaign"))
        .annotate(items=Count("item", distinct=True))
    )
    rows = []
    for campaign in campaigns:
        of, done = items.get(campaign.pk, {}), labels.get(campaign.pk, {})
        # An item without a free slot is not complete while somebody holds it.
        complete = of.get("complete", 0) - leased.get(campaign.pk, {}).get("items", 0)
        rows.append(
            CampaignRow(
                campaign=campaign,
                items=of.get("items", 0),
                complete=complete,
                submissions=done.get("submissions", 0),
                wanted=of.get("items", 0) * campaign.overlap,
                people=done.get("people", 0),
                simulated=bool(done.get("simulated", 0)),
            )
        )
    return rows


def campaigns_of(study: Study) -> QuerySet[Campaign]:
    """The study's campaigns with what their pages name, newest first."""
    return study.campaigns.select_related(
        "study", "dataset__primary_judge__endpoint", "dataset__value_set_version", "target_ranking"
    ).order_by("-pk")


def begun(campaigns: Collection[Campaign]) -> set[int]:
    """The ids of those campaigns in which somebody has submitted a label that counts."""
    submitted = Assignment.objects.counted().filter(item__campaign__in=campaigns)
    return set(submitted.order_by().values_list("item__campaign", flat=True).distinct())


def sample_of(campaign: Campaign) -> CampaignSample:
    """The campaign's items by stratum, counted in the database: only what has labels is read item by item."""
    labels_per_item: Counter[int] = Counter()
    strata: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    items = Item.objects.filter(campaign=campaign, is_training=False).order_by()
    for stratum, number in items.values_list("stratum").annotate(Count("pk")):
        strata[stratum][0] = number
        labels_per_item[0] += number
    submitted = Assignment.objects.counted().filter(item__campaign=campaign)
    per_item = submitted.order_by().values_list("item", "item__stratum").annotate(Count("pk"))
    for _, stratum, labels in per_item.iterator(chunk_size=10_000):
        labels_per_item[labels] += 1
        labels_per_item[0] -= 1
        sums = strata[stratum]
        sums[1] += labels >= campaign.overlap
        sums[2] += labels
    outcomes: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for stratum, sums in strata.items():
        # The outcome is a stratum's last part (`sampling.Candidate.stratum`).
        total = outcomes[stratum.rpartition(" · ")[2]]
        for place, number in enumerate(sums):
            total[place] += number
    population = campaign.sampling_plan.get("population_by_outcome", {})
    return CampaignSample(
        outcomes=tuple(_part(name, sums, population.get(name)) for name, sums in sorted(outcomes.items())),
        strata=tuple(_part(name, sums) for name, sums in sorted(strata.items())),
        labels_per_item=tuple(sorted((+labels_per_item).items())),
    )


def people_of(campaign: Campaign) -> list[PersonRow]:
    """Everybody who has opened the campaign, those who labelled most first."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    seconds: dict[int, list[int]] = defaultdict(list)
    taken = Assignment.objects.filter(item__campaign=campaign, state__in=[State.SUBMITTED, State.SKIPPED])
    for person, state, surplus, active in taken.values_list("participant", "state", "surplus", "active_seconds"):
        counts[person][state] += 1
        counts[person]["surplus"] += surplus
        if state == State.SUBMITTED and active:
            seconds[person].append(active)
    flags = Flag.objects.filter(assignment__item__campaign=campaign).order_by()
    flagged = dict(flags.values_list("assignment__participant").annotate(Count("pk")))
    rows = [
        PersonRow(
            participant=person,
            submitted=counts[person.pk][State.SUBMITTED],
            surplus=counts[person.pk]["surplus"],
            skipped=counts[person.pk][State.SKIPPED],
            flags=flagged.get(person.pk, 0),
            seconds=median(seconds[person.pk]) if seconds[person.pk] else None,
        )
        for person in campaign.participants.all()
    ]
    return sorted(rows, key=lambda row: (-row.submitted, row.participant.pseudonym))


def unsure_in(campaign: Campaign) -> Estimate:
    """Of the answers that people gave, the share that was unsure; sheet by sheet."""
    counted = Assignment.objects.counted().filter(item__campaign=campaign).order_by()
    rows = counted.values_list("pk").annotate(
        unsure=Count("annotations", filter=Q(annotations__answer=UNSURE)),
        given=Count("annotations", filter=~Q(annotations__answer="")),
    )
    sheets = [(unsure, given) for _, unsure, given in rows if given]
    if not sheets:
        return Estimate.undefined("nothing has been answered yet")
    unsure, given = zip(*sheets, strict=True)
    return ratio(unsure, given, decided=given)


def written_down(campaign: Campaign) -> WrittenDown:
    counts = Decision.objects.filter(item__campaign=campaign).aggregate(
        answers=Count("pk"),
        adjudicated=Count("pk", filter=Q(method=Decision.Method.ADJUDICATED)),
        items=Count("item", distinct=True),
        verdicts=Count("verdict", distinct=True),
        judgements=Count("judgement", distinct=True),
        scenarios=Count("item", distinct=True, filter=Q(verdict__isnull=False)),
    )
    return WrittenDown(**counts)


def _part(name: str, sums: list[int], population: int | None = None) -> SamplePart:
    items, complete, submissions = sums
    return SamplePart(name, items, complete, submissions, population)


def _by_campaign(rows: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    return {row["campaign"]: row for row in rows}
