"""How well a judge agrees with people, and people with each other: what the statistics say of the tables compared.

For a scenario filter each dimension, and all six together; for an action judgement which action was taken, how strongly, and
whether the matter was resolved; for a preference people among themselves. An item on which people tie, or where the judge's
reply could not be read, has no outcome and is left out, and counted. Where items were drawn with unequal probability the
figures are weighted back to the dataset, and the unweighted ones stand beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
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
from conflictscope.stats.consensus import votes_of
from conflictscope.stats.labels import MISSING
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
class RaterComparison:
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
class CrossedItem:
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
        items=labels.asked,
        labelled=len(labels.items),
        submissions=int(labels.counts.sum()),
        answers_per_item=tuple(sorted(Counter(labels.counts[labels.counts > 0].tolist()).items())),
        overlap=tables.campaign.overlap,
        annotators=len(labels.annotators),
        simulated=labels.simulated or bool(tables.judge and tables.judge.simulated),
        weighted=tables.weighted,
        minimum=minimum,
        dimensions=tuple(dimensions),
    )


def compare(tables: Tables, dimension: str, *, seed: int = SEED, resamples: int = 500) -> RaterComparison:
    """The judge against each single person, beside each person against each other.

    A judge compared with the majority of three looks better than a person compared with a person, because a majority is less
    noisy: this is the comparison on the same footing.
    """
    subject = tables.subject(dimension)
    grid = tables.by_person[dimension]
    answered = (grid != MISSING).sum(axis=0)
    columns = sorted(np.argsort(-answered, kind="stable")[:MOST_COMPARED].tolist())
    raters = ("Judge", *(tables.labels.annotators[column].pseudonym for column in columns))
    pairs = pairwise_agreement(
        np.column_stack([tables.by_judge[dimension], grid[:, columns]]),
        raters=raters,
        categories=subject.categories,
        positive=subject.positive,
        weights=subject.weights,
        sample=tables.sample(),
        rng=np.random.default_rng(seed),
        resamples=resamples,
    )
    return RaterComparison(raters=raters, pairs=pairs, left_out=len(answered) - len(columns))


def crossings(
    tables: Tables,
    dimension: str,
    *,
    by_judge: str = "",
    by_people: str = "",
    disagreements: bool = False,
    unread: bool = False,
) -> list[CrossedItem]:
    """The items behind a number: those of one cell of the table, all on which judge and people disagree, or those of which the
    judge said nothing that could be read."""
    subject = tables.subject(dimension)
    judge, people, persons = tables.by_judge[dimension], tables.by_people[dimension], tables.by_person[dimension]
    shown = (persons != MISSING).any(axis=1)
    for column, wanted in ((judge, by_judge), (people, by_people)):
        if wanted:
            shown &= column == subject.categories.index(wanted)
    if disagreements:
        shown &= (judge != MISSING) & (people != MISSING) & (judge != people)
    if unread:
        shown &= judge == MISSING
    votes = votes_of(persons, len(subject.categories))
    by_name = (*subject.categories, None)
    return [
        CrossedItem(
            tables.labels.items[row],
            by_name[judge[row]],
            by_name[people[row]],
            {name: int(n) for name, n in zip(subject.categories, votes[row], strict=True) if n},
        )
        for row in np.flatnonzero(shown).tolist()
    ]


def chart(measured: CampaignAgreement, campaign: Campaign) -> Chart:
    """Kappa of judge and people (where there is a judge), and alpha among people, for each dimension with its interval."""
    rows = []
    for dimension in measured.dimensions:
        groups = [("Between people (α)", dimension.alpha)]
        if measured.judge:
            groups.insert(0, ("Judge against people (κ)", dimension.judge_people.kappa))
        for group, estimate in groups:
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
            if measured.judge
            else "For each dimension or question: Krippendorff's alpha among people, with 95 % intervals."
        ),
        x_title="Agreement beyond chance",
        label_title="Dimension or question",
        group_title="Who",
        reference=0.0,
        footnote="Rests on simulated annotators or a simulated judge." if measured.simulated else "",
    )


def measure_subject(tables: Tables, key: str, *, seed: int = SEED, resamples: int = RESAMPLES) -> DimensionAgreement:
    """The figures of one dimension or question."""
    subject, people, persons = tables.subject(key), tables.by_people[key], tables.by_person[key]
    answered = (persons != MISSING).any(axis=1)
    judge, grid = tables.by_judge[key][answered], persons[answered]
    rng = np.random.default_rng(seed)

    def against_people(sample: Sample) -> Agreement:
        return judge_agreement(
            judge,
            people[answered],
            categories=subject.categories,
            positive=subject.positive,
            weights=subject.weights,
            sample=sample.part(answered),
            rng=rng,
            resamples=resamples,
        )

    sample = tables.sample().part(answered)
    plain = against_people(tables.sample())
    return DimensionAgreement(
        key=key,
        label=subject.label,
        categories=subject.categories,
        positive=subject.positive,
        weights=subject.weights,
        judge_people=against_people(tables.sample(weighted=True)) if tables.weighted else plain,
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
        tied=int(tables.tied[key].sum()),
        unread=int((judge == MISSING).sum()),
    )
