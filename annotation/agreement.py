"""How well a judge agrees with people, and people with each other: the arrays for the statistics, and what they say.

People's answer to a question is that of most of them; a dimension passes by the answers to its questions, for the judge and
for people alike. An item on which people tie, or where the judge's reply could not be read, has no outcome and is left out, and
counted. Where items were drawn with unequal probability the figures are weighted back to the dataset, and the unweighted ones
stand beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from annotation.consensus import adjudicated_answers, agree, outcomes_of
from annotation.labels import Cell, LabelledItem, Labels, counted, judged
from annotation.models import Campaign
from conflictscope.charts import Chart, IntervalRow, interval_plot
from conflictscope.errors import InvalidInput, NotFound
from conflictscope.scenarios.dimensions import questions_of
from conflictscope.scenarios.models import Dimension, Judge
from conflictscope.stats.agreement import Agreement, judge_agreement, pairwise_agreement
from conflictscope.stats.datasets import conjunction
from conflictscope.stats.reliability import fleiss_kappa, krippendorff_alpha
from conflictscope.stats.types import Estimate

ALL = "all"
ALL_LABEL = "All six"
CATEGORIES = ("pass", "fail")
POSITIVE = "pass"
RESAMPLES = 2000
SEED = 20_260_101
# Pairs grow with the square of the number of people; the page compares those with the most labels.
MOST_COMPARED = 8


@dataclass(frozen=True)
class Tables:
    """Everything the figures are computed from. Columns have one outcome for each item, grids one for each annotator."""

    campaign: Campaign
    judge: Judge | None
    labels: Labels
    by_judge: dict[str, list[Cell]]
    by_people: dict[str, list[Cell]]
    by_person: dict[str, list[list[Cell]]]
    tied: dict[str, int]

    @property
    def dimensions(self) -> tuple[str, ...]:
        return (*self.labels.dimensions, ALL)

    @property
    def weighted(self) -> bool:
        return len({item.inclusion_probability for item in self.labels.items}) > 1


@dataclass(frozen=True)
class DimensionAgreement:
    """One dimension (or all together): judge against people, and people among themselves."""

    key: str
    label: str
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
    passes: int
    fails: int


def tables_of(campaign: Campaign, *, judge: Judge | None = None, minimum: int = 1) -> Tables:
    """Read the campaign's counted answers, and the judge's verdicts on the same items.

    Args: judge: the dataset's primary judge, unless another is named. minimum: how many people must have labelled an item
        before their majority counts.
    Raises:
        InvalidInput: a minimum below 1.
    """
    if minimum < 1:
        raise InvalidInput("At least one person must have labelled an item before a majority can be counted.")
    judge = judge or campaign.dataset.primary_judge
    labels = counted(campaign)
    agreed, ties = agree(labels, minimum=minimum, adjudicated=adjudicated_answers(campaign))
    by_people = outcomes_of(labels, agreed)
    by_judge = judged(labels, judge.pk if judge else None)
    by_person: dict[str, list[list[Cell]]] = {dimension: labels.outcomes(dimension) for dimension in labels.dimensions}
    dimension_of = {
        question.key: str(dimension) for dimension in labels.dimensions for question in questions_of(dimension)
    }
    tied = Counter(dimension for dimension, _ in {(dimension_of[tie.question], tie.item.pk) for tie in ties})
    every = tuple(labels.dimensions)
    tied[ALL] = len({tie.item.pk for tie in ties})
    by_people[ALL] = _together([by_people[dimension] for dimension in every])
    by_judge[ALL] = _together([by_judge[dimension] for dimension in every])
    by_person[ALL] = [_together([by_person[dimension][row] for dimension in every]) for row in range(len(labels.items))]
    return Tables(
        campaign=campaign,
        judge=judge,
        labels=labels,
        by_judge=by_judge,
        by_people=by_people,
        by_person=by_person,
        tied={dimension: tied[dimension] for dimension in (*every, ALL)},
    )


def judge_of(campaign: Campaign, name: str) -> Judge:
    """The judge of that name, if it has judged the campaign's dataset.

    Raises:
        NotFound: naming those that have.
    """
    judges = Judge.objects.filter(verdicts__scenario__dataset=campaign.dataset_id).distinct().select_related("endpoint")
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
        dimensions.append(_measure(tables, key, seed=seed, resamples=resamples))
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
        categories=CATEGORIES,
        positive=POSITIVE,
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
        found.append(Crossing(item, judge, people, persons.count("pass"), persons.count("fail")))
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
            "For each dimension of the filter: Cohen's kappa of the judge with the majority of people, and Krippendorff's "
            "alpha among people, with 95 % intervals."
        ),
        x_title="Agreement beyond chance",
        label_title="Dimension",
        group_title="Who",
        reference=0.0,
        footnote="Rests on simulated annotators or a simulated judge." if measured.simulated else "",
    )


def dimension_label(key: str) -> str:
    return ALL_LABEL if key == ALL else str(Dimension(key).label)


def _measure(tables: Tables, key: str, *, seed: int, resamples: int) -> DimensionAgreement:
    by_judge, by_people, by_person = tables.by_judge[key], tables.by_people[key], tables.by_person[key]
    labelled = [row for row, persons in enumerate(by_person) if any(cell is not None for cell in persons)]
    rng = np.random.default_rng(seed)

    def against_people(weights: Sequence[float] | None) -> Agreement:
        return judge_agreement(
            [by_judge[row] for row in labelled],
            [by_people[row] for row in labelled],
            categories=CATEGORIES,
            positive=POSITIVE,
            item_weights=weights,
            rng=rng,
            resamples=resamples,
        )

    plain = against_people(None)
    weights = [1 / tables.labels.items[row].inclusion_probability for row in labelled]
    grid = [by_person[row] for row in labelled]
    return DimensionAgreement(
        key=key,
        label=dimension_label(key),
        judge_people=against_people(weights) if tables.weighted else plain,
        unweighted=plain if tables.weighted else None,
        alpha=krippendorff_alpha(grid, categories=CATEGORIES, rng=rng, resamples=resamples),
        fleiss=fleiss_kappa(grid, categories=CATEGORIES, rng=rng, resamples=resamples),
        tied=tables.tied[key],
        unread=sum(by_judge[row] is None for row in labelled),
    )


def _together(columns: Sequence[Sequence[Cell]]) -> list[Cell]:
    """The conjunction, row by row; what is neither known to fail nor to pass has no outcome."""
    return list(conjunction(list(zip(*columns, strict=True))))
