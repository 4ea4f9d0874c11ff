"""How well a judge agrees with people, and people with each other: what the statistics say of the tables compared.

For a scenario filter each dimension, and all six together; for an action judgement which action was taken, how strongly, and
whether the matter was resolved; for a preference people among themselves. An item on which people tie, or where the judge's
reply could not be read, has no outcome and is left out, and counted. Where items were drawn with unequal probability the
figures are weighted back to the dataset, and the unweighted ones stand beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from annotation.agreement.tables import Tables
from annotation.consensus.labels import Cell, LabelledItem
from annotation.kinds import KINDS
from annotation.models import Campaign
from conflictscope.charts import Chart, IntervalRow, interval_plot
from conflictscope.errors import NotFound
from conflictscope.scenarios.models import Judge
from conflictscope.stats.agreement import Agreement, judge_agreement, pairwise_agreement
from conflictscope.stats.clusters import Sample
from conflictscope.stats.reliability import fleiss_kappa, krippendorff_alpha
from conflictscope.stats.types import Estimate

RESAMPLES = 2000
SEED = 20_260_101
# Pairs grow with the square of the number of people; the page compares those with the most labels.
MOST_COMPARED = 8


@dataclass(frozen=True)
class DimensionAgreement:
    """One dimension (or all together), or one question: judge against people, and people among themselves.

    `weights`: None, or "quadratic" where a kappa counts how far apart two answers are on a scale.
    """

    key: str
    label: str
    categories: tuple[str, ...]
    positive: str | None
    weights: str | None
    judge_people: Agreement
    unweighted: Agreement | None
    alpha: Estimate
    fleiss: Estimate
    tied: int
    unread: int


@dataclass(frozen=True)
class CampaignAgreement:
    """The agreement figures of a campaign. `answers_per_item` counts items by how many people labelled them."""

    judge: Judge | None
    items: int
    labelled: int
    submissions: int
    answers_per_item: tuple[tuple[int, int], ...]
    overlap: int
    annotators: int
    simulated: bool
    weighted: bool
    minimum: int
    dimensions: tuple[DimensionAgreement, ...]


@dataclass(frozen=True)
class Comparison:
    """Like with like: one rater against one other on what both answered. The judge is rater "Judge"."""

    raters: tuple[str, ...]
    pairs: dict[tuple[str, str], Agreement]
    left_out: int

    def rows(self) -> list[tuple[str, list[Agreement | None]]]:
        """A matrix: for each rater the agreement with each person, None with itself."""
        people = self.raters[1:]
        return [
            (rater, [self.pairs.get((rater, person)) or self.pairs.get((person, rater)) for person in people])
            for rater in self.raters
        ]


@dataclass(frozen=True)
class Crossing:
    """An item with what the judge and people made of it, for the list behind a number."""

    item: LabelledItem
    by_judge: Cell
    by_people: Cell
    votes: Mapping[str, int]


def judge_of(campaign: Campaign, name: str) -> Judge:
    """The judge of that name, if it has judged the campaign's dataset.

    Raises:
        NotFound: naming those that have.
    """
    if KINDS[campaign.kind].of_responses:
        judges = Judge.objects.filter(judgements__response__run__in=campaign.runs.all())
    else:
        judges = Judge.objects.filter(verdicts__scenario__dataset=campaign.dataset_id)
    judges = judges.distinct().select_related("endpoint")
    judge = judges.filter(name=name).first()
    if judge is None:
        known = ", ".join(each.name for each in judges) or "none yet"
        raise NotFound(f"No judge {name!r} has judged {campaign.dataset.slug}. Judges that have: {known}.")
    return judge


def measure(
    tables: Tables,
    *,
    minimum: int = 1,
    seed: int = SEED,
    resamples: int = RESAMPLES,
    progress: Callable[[], object] | None = None,
) -> CampaignAgreement:
    """Every figure of the agreement page and of `measure_agreement`, the same for the same answers and seed.

    `progress` is called after each dimension.
    """
    labels = tables.labels
    dimensions = []
    for key in tables.dimensions:
        dimensions.append(measure_subject(tables, key, seed=seed, resamples=resamples))
        if progress:
            progress()
    return CampaignAgreement(
        judge=tables.judge,
        items=len(labels.items),
        labelled=sum(count > 0 for count in labels.counts),
        submissions=sum(labels.counts),
        answers_per_item=tuple(sorted(Counter(count for count in labels.counts if count).items())),
        overlap=tables.campaign.overlap,
        annotators=len(labels.annotators),
        simulated=labels.simulated or bool(tables.judge and tables.judge.simulated),
        weighted=tables.weighted,
        minimum=minimum,
        dimensions=tuple(dimensions),
    )


def compare(tables: Tables, dimension: str, *, seed: int = SEED, resamples: int = 500) -> Comparison:
    """The judge against each single person, beside each person against each other.

    A judge compared with the majority of three looks better than a person compared with a person, because a majority is less
    noisy: this is the comparison on the same footing.
    """
    subject = tables.subject(dimension)
    grid = tables.by_person[dimension]
    answered = [sum(row[column] is not None for row in grid) for column in range(len(tables.labels.annotators))]
    busiest = sorted(range(len(answered)), key=lambda column: -answered[column])[:MOST_COMPARED]
    columns = sorted(busiest)
    raters = ("Judge", *(tables.labels.annotators[column].pseudonym for column in columns))
    rows = [
        [by_judge, *(row[column] for column in columns)]
        for by_judge, row in zip(tables.by_judge[dimension], grid, strict=True)
    ]
    pairs = pairwise_agreement(
        rows,
        raters=raters,
        categories=subject.categories,
        positive=subject.positive,
        weights=subject.weights,
        rng=np.random.default_rng(seed),
        resamples=resamples,
    )
    return Comparison(raters=raters, pairs=pairs, left_out=len(answered) - len(columns))


def crossings(
    tables: Tables, dimension: str, *, by_judge: str = "", by_people: str = "", disagreements: bool = False
) -> list[Crossing]:
    """The items behind a number: those of one cell of the table, or all on which judge and people disagree."""
    found = []
    rows = zip(
        tables.labels.items,
        tables.by_judge[dimension],
        tables.by_people[dimension],
        tables.by_person[dimension],
        strict=True,
    )
    for item, judge, people, persons in rows:
        if not any(cell is not None for cell in persons):
            continue
        if (by_judge and judge != by_judge) or (by_people and people != by_people):
            continue
        if disagreements and (judge is None or people is None or judge == people):
            continue
        votes = {each: persons.count(each) for each in tables.subject(dimension).categories if each in persons}
        found.append(Crossing(item, judge, people, votes))
    return found


def chart(measured: CampaignAgreement, campaign: Campaign) -> Chart:
    """Kappa of judge and people, and alpha among people, for each dimension with its interval."""
    rows = []
    for dimension in measured.dimensions:
        kappa = dimension.judge_people.kappa
        for group, estimate in (("Judge against people (κ)", kappa), ("Between people (α)", dimension.alpha)):
            rows.append(
                IntervalRow(
                    label=dimension.label,
                    value=estimate.value,
                    low=estimate.low,
                    high=estimate.high,
                    n=estimate.n,
                    group=group,
                    note=estimate.reason or estimate.warning,
                )
            )
    return interval_plot(
        rows,
        title=f"Agreement in {campaign.name}",
        description=(
            "For each dimension or question: Cohen's kappa of the judge with the majority of people, and Krippendorff's "
            "alpha among people, with 95 % intervals."
        ),
        x_title="Agreement beyond chance",
        label_title="Dimension or question",
        group_title="Who",
        reference=0.0,
        footnote="Rests on simulated annotators or a simulated judge." if measured.simulated else "",
    )


def measure_subject(tables: Tables, key: str, *, seed: int = SEED, resamples: int = RESAMPLES) -> DimensionAgreement:
    """The figures of one dimension or question."""
    by_judge, by_people, by_person = tables.by_judge[key], tables.by_people[key], tables.by_person[key]
    subject = tables.subject(key)
    labelled = [row for row, persons in enumerate(by_person) if any(cell is not None for cell in persons)]
    # Responses of one scenario go together: the scenario is the unit of every interval.
    scenarios = [tables.labels.items[row].scenario_id for row in labelled]
    rng = np.random.default_rng(seed)

    def against_people(weights: Sequence[float] | None) -> Agreement:
        return judge_agreement(
            [by_judge[row] for row in labelled],
            [by_people[row] for row in labelled],
            categories=subject.categories,
            positive=subject.positive,
            weights=subject.weights,
            sample=Sample.of(len(labelled), scenarios=scenarios, weights=weights),
            rng=rng,
            resamples=resamples,
        )

    plain = against_people(None)
    weights = [1 / tables.labels.items[row].inclusion_probability for row in labelled]
    grid = [by_person[row] for row in labelled]
    sample = Sample.of(len(labelled), scenarios=scenarios)
    return DimensionAgreement(
        key=key,
        label=subject.label,
        categories=subject.categories,
        positive=subject.positive,
        weights=subject.weights,
        judge_people=against_people(weights) if tables.weighted else plain,
        unweighted=plain if tables.weighted else None,
        alpha=krippendorff_alpha(
            grid,
            categories=subject.categories,
            metric="ordinal" if subject.weights else "nominal",
            rng=rng,
            sample=sample,
            resamples=resamples,
        ),
        fleiss=fleiss_kappa(grid, categories=subject.categories, rng=rng, sample=sample, resamples=resamples),
        tied=tables.tied[key],
        unread=sum(by_judge[row] is None for row in labelled),
    )
