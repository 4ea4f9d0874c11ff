"""How much of what is asked for a value pair is usable, and when to stop asking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from conflictscope.scenarios.generation.recipe import Recipe, was_generated_here
from conflictscope.scenarios.models import Dataset, PairYield

Ended = PairYield.Ended


@dataclass(frozen=True, slots=True)
class BatchYield:
    """One batch that was asked for: how many, how many came, and how many of these are no duplicates.

    `came` is 0 where the reply could not be read. `here`: asked for by the job that runs now.
    """

    round: int
    asked: int
    came: int
    usable: int
    here: bool


@dataclass(slots=True)
class PairState:
    """Everything that was asked for a value pair, and what came of it."""

    wanted: int
    usable: int = 0
    duplicates: int = 0
    stuck: bool = False  # every kind that is short had a call that failed in this job
    batches: list[BatchYield] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return sum(batch.asked for batch in self.batches)

    def recent(self, window: int) -> tuple[int, int]:
        """Asked and usable over the latest whole rounds that together asked for `window` or more, or over all of them.

        Replies that could not be read are left out: they say nothing of what a generator has left to tell.
        """
        asked: Counter[int] = Counter()
        usable: Counter[int] = Counter()
        for batch in self.batches:
            if batch.came:
                asked[batch.round] += batch.asked
                usable[batch.round] += batch.usable
        total = good = 0
        for number in sorted(asked, reverse=True):
            total += asked[number]
            good += usable[number]
            if total >= window:
                break
        return total, good


def verdict_on(pair: PairState, recipe: Recipe) -> tuple[Ended, str]:
    """Whether to ask for more of a pair, and if not, why not, in a sentence."""
    if pair.usable >= pair.wanted:
        return Ended.REACHED, ""
    if pair.stuck:
        return Ended.FAILED, "Calls to the generator failed; start the generation again for the rest."
    latest = _latest_rounds([batch for batch in pair.batches if batch.here], recipe.rounds)
    if len(latest) == recipe.rounds and not any(batch.came for batches in latest for batch in batches):
        return Ended.FAILED, f"No reply of the last {recipe.rounds} rounds could be read; start again to ask once more."
    asked, usable = pair.recent(recipe.yield_window)
    if asked >= recipe.yield_window and not usable:  # a floor of 0 would go on for ever
        return Ended.FLOOR, (
            f"Of the last {asked} asked for none was usable: this generator has nothing new left to tell of the pair. A higher "
            "threshold would let more pass, and a new dataset by another generator may bring others."
        )
    if asked >= recipe.yield_window and usable < recipe.yield_floor * asked:
        return Ended.FLOOR, (
            f"Of the last {asked} asked for {usable} were usable: {usable / asked:.1%}, below the floor of "
            f"{recipe.yield_floor:.0%}. A lower floor or a higher threshold would bring more; so may another generator, in a new dataset."
        )
    return Ended.OPEN, ""


def write_down(dataset: Dataset, pairs: dict[tuple[int, int], PairState], recipe: Recipe) -> None:
    """Keep what each pair yielded, for whoever looks at the dataset, now or in years."""
    rows = []
    for (value_1, value_2), pair in pairs.items():
        ended, reason = verdict_on(pair, recipe)
        recent_asked, recent_usable = pair.recent(recipe.yield_window)
        rows.append(
            PairYield(
                dataset=dataset,
                value_1_id=value_1,
                value_2_id=value_2,
                wanted=pair.wanted,
                asked=pair.asked,
                usable=pair.usable,
                duplicates=pair.duplicates,
                recent_asked=recent_asked,
                recent_usable=recent_usable,
                ended=ended,
                reason=reason,
            )
        )
    PairYield.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["dataset", "value_1", "value_2"],
        update_fields=[
            "wanted",
            "asked",
            "usable",
            "duplicates",
            "recent_asked",
            "recent_usable",
            "ended",
            "reason",
            "updated_at",
        ],
    )


def yields(dataset: Dataset) -> list[PairYield]:
    """What each value pair yielded, in the set's order; nothing for a dataset that was not generated here."""
    if not was_generated_here(dataset):
        return []
    return list(
        dataset.pair_yields.select_related("value_1", "value_2").order_by("value_1__position", "value_2__position")
    )


def shortfalls(dataset: Dataset) -> list[PairYield]:
    """The pairs that have fewer usable scenarios than the recipe wants."""
    return [each for each in yields(dataset) if each.short]


def _latest_rounds(batches: Sequence[BatchYield], number: int) -> list[list[BatchYield]]:
    rounds: dict[int, list[BatchYield]] = {}
    for batch in batches:
        rounds.setdefault(batch.round, []).append(batch)
    return [rounds[key] for key in sorted(rounds)[-number:]]
