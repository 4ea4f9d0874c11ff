"""A people's own order of values, and how far each target stands from what they say should be done."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from annotation.agreement.kept import stamp_of
from annotation.consensus.labels import counted
from annotation.consensus.recording import community_ranking, community_tallies
from annotation.kinds import KINDS
from annotation.models import Campaign
from conflictscope.charts import Chart, IntervalRow, interval_plot
from conflictscope.errors import Conflict
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.stats.contrasts import mean_contrast
from conflictscope.stats.distance import PairParting, among_people, corrected_distance, distance, parting_pairs
from conflictscope.stats.rankings import RankingResult
from conflictscope.stats.tallies import Tallies
from conflictscope.stats.types import Estimate
from conflictscope.tables import Cell, ResultTable
from evaluation.measures.decisions import Decider, Trials, decider_of, trials_of
from evaluation.measures.kept import state_of, worked_out
from evaluation.models import Run
from evaluation.rankings import corrections
from evaluation.rankings.alike import newest_of_targets
from evaluation.rankings.fitting import CODE, runs_with_decisions, value_names

ARITHMETIC = f"community 2, {CODE}"
MOST_PARTED = 12
DOING = {Run.Mode.MULTIPLE_CHOICE: "says", Run.Mode.SIMULATED_USER: "does"}


@dataclass(frozen=True, slots=True)
class TargetDistance:
    """How far one target stands from these people, in what it says or in what it does.

    Attributes:
        distance: share of the times that it does what a person would not; corrected: by people who decided what it did, None where
            nobody did. differences: of each value, the target's strength minus people's. tau: of the two orders, None without one.
    """

    target: str
    doing: str
    href: str
    distance: Estimate
    corrected: Estimate | None
    tau: float | None
    differences: tuple[Estimate, ...]


@dataclass(frozen=True, slots=True)
class PartedScenario:
    """A scenario on which many targets do what people would not: people's answers and the targets' sides."""

    uid: str
    href: str
    description: str
    people: str
    targets: str
    apart: float


@dataclass(frozen=True, slots=True)
class Community:
    """`ranking`: people's own order; `among`: how far one of them stands from another. Targets from the nearest to the furthest."""

    name: str
    names: Mapping[str, str]
    ranking: RankingResult
    among: Estimate
    distances: tuple[TargetDistance, ...]
    pairs: tuple[PairParting, ...]
    scenarios: tuple[PartedScenario, ...]
    simulated: bool

    @property
    def sentence(self) -> str:
        """What people put first, and who stands nearest to them and furthest."""
        ranked = [
            (rank.value, self.names.get(key, key))
            for key, rank in zip(self.ranking.values, self.ranking.ranks, strict=True)
            if rank.value is not None
        ]
        first = [name for rank, name in ranked if rank == 1]
        words = f"People put {' and '.join(first)} first. " if first else ""
        known = [each for each in self.distances if each.distance.value is not None]
        if not known:
            return f"{words}No target has decided a scenario that they have answered."
        near, far = known[0], known[-1]
        among = f" (two of them differ {self.among.value:.0%} of the time)" if self.among.value is not None else ""
        apart = f"{near.distance.value:.0%} of the time it is not what one of these people would have it do{among}"
        if len(known) == 1:
            return f"{words}What {near.target} {near.doing}: {apart}."
        return (
            f"{words}Nearest is what {near.target} {near.doing}: {apart}. Furthest is what {far.target} {far.doing}: "
            f"{far.distance.value:.0%}."
        )

    def tables(self) -> list[ResultTable]:
        """The order, the distances, the differences behind them, and the pairs."""
        return [self._order(), self._distances(), self._differences(), self._pairs()]

    def _order(self) -> ResultTable:
        columns = sorted(
            zip(self.ranking.values, self.ranking.strengths, self.ranking.ranks, strict=True),
            key=lambda row: (row[2].value is None, row[2].value or 0),
        )
        rows: list[tuple[Cell, ...]] = [
            (self.names.get(key, key), replace(strength, warning=""), replace(rank, warning=""))
            for key, strength, rank in columns
        ]
        warnings = dict.fromkeys(strength.warning for _, strength, _ in columns if strength.warning)
        note = "Every answer is a trial of its scenario; n counts scenarios."
        note += "".join(f" {warning[:1].upper()}{warning[1:]}." for warning in warnings)
        if self.ranking.method == "penalised":
            note += " Penalised fit: no finite maximum likelihood fit exists, so strengths are drawn towards each other, without limits."
        return ResultTable(
            "order", f"Their own order of values: {self.name}", ("Value", "Strength", "Rank"), tuple(rows), note=note, digits=(("Rank", 0),)
        )  # fmt: skip

    def _distances(self) -> ResultTable:
        rows: list[tuple[Cell, ...]] = [
            (each.target, each.doing, each.distance, each.corrected, each.tau) for each in self.distances
        ]
        rows.append(("One person from another", "says", self.among, None, None))
        return ResultTable(
            "distances",
            f"How far each target stands from them: {self.name}",
            ("Target", "In what it", "Distance", "Distance, corrected by people", "τ-b of the orders"),
            tuple(rows),
            (*(each.href for each in self.distances), ""),
            note="Distance: how often, over the scenarios that people answered, the target does what a person drawn at random would not. "
            "By the judge, and corrected for it where people decided what the target did.",
            percent=frozenset({"Distance", "Distance, corrected by people"}),
        )

    def _differences(self) -> ResultTable:
        known = [each for each in self.distances if any(one.value is not None for one in each.differences)]
        rows: list[tuple[Cell, ...]] = [(each.target, each.doing, *each.differences) for each in known]
        left_out = len(self.distances) - len(known)
        note = "Strengths of the target minus people's (log-odds), fitted to the scenarios that both decided."
        return ResultTable(
            "differences",
            f"Which values targets support more, or less, than they do: {self.name}",
            ("Target", "In what it", *self.names.values()),
            tuple(rows),
            tuple(each.href for each in known),
            note=f"{note} {left_out} left out: these scenarios give one of the two no finite strengths."
            if left_out
            else note,
        )

    def _pairs(self) -> ResultTable:
        rows: list[tuple[Cell, ...]] = [
            (
                f"{self.names.get(pair.value_1, pair.value_1)} or {self.names.get(pair.value_2, pair.value_2)}",
                pair.people,
                pair.difference,
            )
            for pair in self.pairs
        ]
        return ResultTable(
            "pairs",
            f"The pairs on which they part most: {self.name}",
            ("Pair", "People choose the first", "Targets do so more often by"),
            tuple(rows),
            note="In the mean over what all targets do, or say where they have done nothing; by scenario.",
            percent=frozenset({"People choose the first", "Targets do so more often by"}),
        )

    def chart(self) -> Chart | None:
        """Distances with their intervals, and where two people stand from each other; None where there are none."""
        rows = [
            IntervalRow(
                each.target, each.distance.value, each.distance.low, each.distance.high, each.distance.n, each.doing
            )
            for each in self.distances
            if each.distance.value is not None
        ]
        if not rows:
            return None
        words = "; ".join(f"{row.label} {row.group} {row.value:.2f}" for row in rows)
        return interval_plot(
            rows,
            title=f"How far each target stands from these people: {self.name}",
            description=f"Distances from the nearest: {words}.",
            x_title="How often it is not what a person would do",
            label_title="Target",
            group_title="In what it",
            reference=self.among.value,
            footnote="Shares with 95 % intervals by scenario, by the judge alone. Dashed: one of these people from another.",
        )


def community_of(campaign: Campaign) -> Community:
    """Kept for the state of people's answers and of the runs' rows.

    Raises:
        Conflict: it asks nobody what should be done.
    """
    if not KINDS[campaign.kind].orders_values or campaign.dataset.value_set_version is None:
        raise Conflict(
            f"{campaign.name} asks nobody what should be done, so no order of values grows from it: that takes a preference campaign."
        )
    runs = [run for run in runs_with_decisions(campaign.dataset) if run.steering_id is None]
    newest = [run for mode in Run.Mode.values for run in newest_of_targets(runs, mode)]
    stamp = hashlib.sha256(repr((stamp_of(campaign, None), state_of(newest))).encode()).hexdigest()
    sealed = corrections.sealed_among([(run, run.judge) for run in newest])
    found: Community = worked_out(ARITHMETIC, stamp, [campaign.pk, sealed], lambda: _community(campaign, newest))
    return found


def _community(campaign: Campaign, runs: Sequence[Run]) -> Community:
    labels = counted(campaign)
    names = value_names(campaign.dataset)
    people = community_tallies(campaign, labels)
    trials = {run.pk: trials_of(run) for run in runs}
    tables = {run.pk: trials[run.pk].by(decider_of(run)).tallies(list(names)) for run in runs}
    distances = [_distance(people, tables[run.pk], run, trials[run.pk]) for run in runs] if len(people.pair) else []
    distances.sort(key=lambda each: (each.distance.value is None, each.distance.value or 0.0, each.target))
    done = [run for run in runs if run.mode == Run.Mode.SIMULATED_USER] or runs
    llms = [tables[run.pk] for run in done]
    pairs = parting_pairs(people, llms) if llms and len(people.pair) else ()
    return Community(
        name=campaign.name,
        names=names,
        ranking=community_ranking(campaign, labels),
        among=among_people(people),
        distances=tuple(distances),
        pairs=tuple(sorted(pairs, key=lambda pair: -abs(pair.difference.value or 0.0))),
        scenarios=tuple(_parted(campaign.dataset, people, llms)),
        simulated=labels.simulated or any(run.simulated for run in runs),
    )


def _distance(people: Tallies, llm: Tallies, run: Run, trials: Trials) -> TargetDistance:
    contrast = mean_contrast([(people, llm)], paired=True)
    return TargetDistance(
        target=run.target.label,
        doing=DOING[Run.Mode(run.mode)],
        href=run.get_absolute_url(),
        distance=distance(people, llm),
        corrected=_corrected(people, run, trials.without_dev()),
        tau=contrast.tau,
        differences=contrast.strengths,
    )


def _corrected(people: Tallies, run: Run, trials: Trials) -> Estimate | None:
    """Corrected for the judge by those who decided what the target did; None where nobody did.

    Args: trials: without those whose labels judges were tuned on.
    """
    if decider_of(run) != Decider.JUDGE or not trials.by_people:
        return None
    if corrections.sealed(run, run.judge, trials):
        return Estimate.undefined(corrections.SEALED)
    values = people.values
    judge = trials.by(Decider.JUDGE).tallies(values)
    chances = trials.chances()
    return corrected_distance(
        people,
        judge,
        trials.by(Decider.PEOPLE).tallies(values),
        _whole(trials, judge),
        chance=[chances.get(str(name), 1.0) for name in judge.scenarios] if chances else None,
    )


def _whole(trials: Trials, judge: Tallies) -> np.ndarray:
    partly = {name for name, choice in zip(trials.scenario, trials.people, strict=True) if choice is None}
    return np.array([name not in partly for name in judge.scenarios], dtype=bool)


def _parted(dataset: Dataset, people: Tallies, llms: Sequence[Tallies]) -> list[PartedScenario]:
    """The scenarios on which what the targets do is furthest from what people say, in the mean over the targets."""
    sides: dict[str, list[float]] = {}
    for llm in llms:
        for s, name in enumerate(llm.scenarios):
            if llm.decided[s]:
                sides.setdefault(str(name), []).append(float(llm.wins[s] / llm.decided[s]))
    apart: list[tuple[float, str, int]] = []
    for s, name in enumerate(people.scenarios):
        if people.decided[s] and (shares := sides.get(str(name))):
            p, q = people.wins[s] / people.decided[s], float(np.mean(shares))
            apart.append((float(p * (1 - q) + q * (1 - p)), str(name), s))
    apart.sort(key=lambda each: (-each[0], each[1]))
    chosen = [each for each in apart[:MOST_PARTED] if each[0] > 0]
    texts = {
        scenario.uid: scenario
        for scenario in Scenario.objects.filter(
            dataset=dataset, uid__in=[name for _, name, _ in chosen]
        ).select_related("dataset__study", "value_1", "value_2")
    }
    return [
        _told(texts[name], people, s, sides[name], share) for share, name, s in chosen if name in texts
    ]  # fmt: skip


def _told(scenario: Scenario, people: Tallies, s: int, shares: Sequence[float], apart: float) -> PartedScenario:
    first, second = (value.name if value else "" for value in (scenario.value_1, scenario.value_2))
    wins, lost = int(people.wins[s]), int(people.decided[s] - people.wins[s])
    for_first, for_second = sum(share > 0.5 for share in shares), sum(share < 0.5 for share in shares)
    return PartedScenario(
        uid=scenario.uid,
        href=scenario.get_absolute_url(),
        description=scenario.description,
        people=f"{wins} {first}, {lost} {second}",
        targets=f"{for_first} {first}, {for_second} {second}",
        apart=apart,
    )
