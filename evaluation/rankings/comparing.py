"""Any two targets, modes, judges, user simulators, generators, datasets, prompts or runs: how far their rankings differ, and how surely."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conflictscope.charts import Chart, IntervalRow, interval_plot
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.scenarios.models import Judge
from conflictscope.stats.contrasts import mean_contrast
from conflictscope.stats.correction import Decided, corrected_shift
from conflictscope.stats.shifts import paired_shift
from conflictscope.studies.models import Study
from evaluation.measures.decisions import Decider, decider_of, trials_of
from evaluation.measures.kept import state_of, worked_out
from evaluation.models import Judgement, Run
from evaluation.rankings import corrections
from evaluation.rankings.asked_with import digest_of_prompts, labels_of_prompts, prompts_of
from evaluation.rankings.fitting import CODE, REPLICATES, SEED, other_judges, values_of
from evaluation.running.variants import variants

ARITHMETIC = f"comparison 3, {CODE}"


@dataclass(frozen=True, slots=True)
class RunReading:
    """A run as one judge decided it; `judge` None: by multiple choice, or the judge's name came with a file."""

    run: Run
    judge: Judge | None

    @property
    def other(self) -> int | None:
        """The judge's id where it is not the run's own."""
        return self.judge.pk if self.judge is not None and self.judge.pk != self.run.judge_id else None


@dataclass(frozen=True, slots=True)
class Kind:
    """What is compared. `of` tells a reading's side, empty where it has none; `alike` what a reading of one side must share with
    that of the other; `within` which of the choices narrow it down."""

    key: str
    label: str
    of: Callable[[RunReading], tuple[str, str]]
    alike: Callable[[RunReading], Hashable]
    within: tuple[str, ...]


def _user(reading: RunReading) -> tuple[str, str]:
    run = reading.run
    name = run.user_simulator.name if run.user_simulator else run.imported_user
    return name, name


def _generator(reading: RunReading) -> tuple[str, str]:
    generator = reading.run.dataset.generator
    return (str(generator.pk), generator.name) if generator else ("", "")


def _prompts(reading: RunReading) -> tuple[str, str]:
    """Named by what tells them apart, once it is known which others there are."""
    return digest_of_prompts(prompts_of(reading.run, reading.judge)), ""


def _anything(reading: RunReading) -> Hashable:
    return ()


def _judge(reading: RunReading) -> tuple[str, str]:
    return (str(reading.judge.pk), reading.judge.name) if reading.judge else ("", "")


KINDS: dict[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind(
            "target", "Targets", lambda it: (str(it.run.target_id), it.run.target.label), _anything,
            ("dataset", "mode", "judge"),
        ),
        Kind(
            "mode", "Said and done", lambda it: (it.run.mode, it.run.get_mode_display()),
            lambda it: (it.run.target_id, it.run.scope), ("dataset", "target", "judge"),
        ),
        Kind(
            "judge", "Judges", _judge, lambda it: (it.run.target_id, it.run.pk), ("dataset", "target"),
        ),
        Kind(
            "user", "User simulators", _user, lambda it: (it.run.target_id, it.run.scope),
            ("dataset", "target", "judge"),
        ),
        Kind(
            "dataset", "Datasets", lambda it: (it.run.dataset.slug, it.run.dataset.name), lambda it: it.run.target_id,
            ("mode", "target", "judge"),
        ),
        Kind("generator", "Generators", _generator, lambda it: it.run.target_id, ("mode", "target", "judge")),
        Kind(
            "prompt", "Prompts", _prompts, lambda it: (it.run.target_id, it.run.mode), ("mode", "target"),
        ),
        Kind("run", "Runs", lambda it: (str(it.run.pk), ""), _anything, ("dataset",)),
    )
}  # fmt: skip
WITHIN: dict[str, Callable[[RunReading], tuple[str, str]]] = {
    "dataset": KINDS["dataset"].of,
    "mode": KINDS["mode"].of,
    "target": KINDS["target"].of,
    "judge": _judge,
}


@dataclass(frozen=True, slots=True)
class SideOption:
    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody chose, completed by what there is. `options` holds for each name what else could be chosen; a target or judge of ""
    stands for all of them, or for each run's own."""

    kind: Kind
    first: str
    second: str
    within: Mapping[str, str]
    options: Mapping[str, Sequence[SideOption]]
    twos: tuple[tuple[RunReading, RunReading], ...]

    def label(self, side: str) -> str:
        return next((option.label for option in self.options["sides"] if option.key == side), side)


@dataclass(frozen=True, slots=True)
class Difference:
    """One value: its strength on either side, and the difference; `corrected` for the judge, where people decided some."""

    key: str
    name: str
    first: float
    second: float
    first_rank: int
    second_rank: int
    strength: Mapping[str, Any]
    corrected: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class RunsCompared:
    """`results` as the statistics room shapes them; `reason` says why there is no comparison."""

    rows: tuple[Difference, ...]
    results: Mapping[str, Any]
    corrected: Mapping[str, Any] | None
    reason: str


def readings_of(study: Study) -> list[RunReading]:
    """Every run of the study's datasets with values that has decisions, once for each judge that decided it; the newest first."""
    decided = Judgement.objects.filter(response__run__study=study).order_by().values("response__run").distinct()
    runs = list(
        Run.objects.whole()
        .filter(study=study, pk__in=decided)
        .filter(dataset__value_set_version__isnull=False, dataset__hidden_at__isnull=True)
        .select_related(
            *("target__endpoint", "judge__endpoint", "user_simulator", "steering", "study"),
            *("dataset__study", "dataset__value_set_version__value_set", "dataset__generator"),
        )
        .order_by("-pk")
    )
    others = other_judges(runs)
    return [RunReading(run, judge) for run in runs for judge in (run.judge, *others.get(run.pk, ()))]


def choose(readings: Sequence[RunReading], given: Mapping[str, str]) -> Choice | None:
    """What is asked for, or what comes nearest where nothing is: None where there are no two things to compare.

    Raises:
        InvalidInput: something is asked for that there is not.
    """
    possible = [kind for kind in KINDS.values() if _sides(kind, readings)]
    if not possible:
        return None
    wanted = given.get("what") or possible[0].key
    if wanted not in KINDS:
        raise InvalidInput(f"Compare {', '.join(KINDS)}; not {wanted!r}.")
    kind = KINDS[wanted]
    if kind not in possible:
        raise InvalidInput(f"There are no two {kind.label.lower()} to compare in this study.")
    left = list(readings) if kind.key == "run" else [reading for reading in readings if reading.run.steering_id is None]
    within: dict[str, str] = {}
    options: dict[str, Sequence[SideOption]] = {"what": [SideOption(kind.key, kind.label) for kind in possible]}
    for name in kind.within:
        within_options = _options(WITHIN[name], left)
        if name in ("target", "judge"):
            within_options = [SideOption("", "All targets" if name == "target" else "Each run's own"), *within_options]
        within[name] = _one_of(name, given.get(name, ""), within_options)
        options[name] = within_options
        left = [reading for reading in left if _fits(name, within[name], reading)]
        if not _sides(kind, left) and not given.get(name):
            # Of what was not asked for the first that has two sides.
            before = [
                reading
                for reading in readings
                if all(_fits(key, value, reading) for key, value in within.items() if key != name)
            ]
            for option in within_options:
                left = [reading for reading in before if _fits(name, option.key, reading)]
                if _sides(kind, left):
                    within[name] = option.key
                    break
    labels = _labels(kind, left)
    sides = [SideOption(side.key, side.label or labels[side.key]) for side in _options(kind.of, left)]
    sides.sort(key=lambda side: (side.label, side.key))
    options["sides"] = sides
    if len(sides) < 2:
        return Choice(kind, given.get("a", ""), given.get("b", ""), within, options, ())
    first = _one_of("a", given.get("a", ""), sides)
    others = [side for side in sides if side.key != first]
    second = _one_of("b", given.get("b", "") if given.get("b", "") != first else "", others)
    return Choice(kind, first, second, within, options, tuple(_twos(kind, left, first, second)))


def compare(choice: Choice, names: Mapping[str, str], *, replicates: int = REPLICATES) -> RunsCompared:
    """Second minus first. One run on either side: paired by scenario, corrected for the judge where people decided some. Several:
    the mean over targets, a scenario that several answered being one unit.

    Raises:
        Conflict: nothing on one side fits to anything on the other, or their value sets differ.
    """
    if not choice.twos:
        raise Conflict(
            f"Nothing fits together here: no target was evaluated alike for {choice.label(choice.first)} and for "
            f"{choice.label(choice.second)}. Choose others above."
        )
    if len({reading.run.dataset.value_set_version_id for two in choice.twos for reading in two}) > 1:
        raise Conflict("These datasets are about different values: choose two of one value set.")
    state = state_of([reading.run for two in choice.twos for reading in two])
    parts = [[[reading.run.pk, reading.judge.pk if reading.judge else 0] for reading in two] for two in choice.twos]
    sealed = corrections.sealed_among([(reading.run, reading.judge) for two in choice.twos for reading in two])
    results = worked_out(
        ARITHMETIC, state, [parts, replicates, sealed], lambda: _results(choice.twos, replicates=replicates)
    )
    plain, corrected = results["plain"], results["corrected"]
    if plain["reason"]:
        return RunsCompared((), plain, corrected, plain["reason"])
    people = corrected["strengths"] if corrected and not corrected["reason"] else [None] * len(plain["values"])
    columns = zip(
        *(plain["values"], plain["first"], plain["second"], plain["first_ranks"], plain["second_ranks"]),
        *(plain["strengths"], people),
        strict=True,
    )
    rows = [Difference(key, names.get(key, key), *rest) for key, *rest in columns]
    rows.sort(key=lambda row: -row.strength["value"])
    return RunsCompared(tuple(rows), plain, corrected, "")


def chart_of(choice: Choice, compared: RunsCompared) -> Chart | None:
    """The differences with their intervals around zero; None where there are none."""
    if not compared.rows:
        return None
    rows = []
    for row in compared.rows:
        for group, estimate in (("As decided", row.strength), ("Corrected by people", row.corrected)):
            if estimate is not None:
                known = (estimate["value"], estimate["low"], estimate["high"])
                rows.append(IntervalRow(row.name, *known, n=estimate["n"], group=group if row.corrected else ""))
    first, second = choice.label(choice.first), choice.label(choice.second)
    order = ", ".join(f"{row.name} {row.strength['value']:.2f}" for row in compared.rows)
    return interval_plot(
        rows,
        title=f"{second} minus {first}",
        description=f"Differences of strengths, {second} minus {first}, from the largest: {order}.",
        x_title="Difference (log-odds)",
        label_title="Value",
        group_title="By",
        reference=0.0,
        footnote="95 % intervals, a scenario being one unit.",
    )


def _results(twos: Sequence[tuple[RunReading, RunReading]], *, replicates: int) -> dict[str, Any]:
    values = values_of(twos[0][0].run.dataset)
    paired = all(first.run.dataset_id == second.run.dataset_id for first, second in twos)
    if len(twos) == 1 and paired:
        return _of_two_runs(*twos[0], values=values, replicates=replicates)
    tables = [tuple(_decisions(reading).tallies(values) for reading in two) for two in twos]
    contrast = mean_contrast([(first, second) for first, second in tables], paired=paired)
    return {"plain": contrast.as_dict(), "corrected": None}


def _of_two_runs(first: RunReading, second: RunReading, *, values: list[str], replicates: int) -> dict[str, Any]:
    tables = [_decisions(reading).tallies(values) for reading in (first, second)]
    rng = np.random.default_rng(SEED)
    plain = paired_shift(tables[0], tables[1], rng=rng, resamples=replicates).as_dict()
    sides = []
    for reading, judge in zip((first, second), tables, strict=True):
        # What judges were tuned on corrects none.
        trials = trials_of(reading.run, judge=reading.other).without_dev()
        correctable = decider_of(reading.run) == Decider.JUDGE and trials.by_people
        if correctable and corrections.sealed(reading.run, reading.judge, trials):
            return {"plain": plain, "corrected": {"reason": corrections.SEALED}}
        own = trials.by(decider_of(reading.run)).tallies(values) if correctable else judge
        people = trials.by(Decider.PEOPLE).tallies(values) if correctable else None
        chances = trials.chances() if correctable else {}
        # Each side by its own draw: two campaigns may have asked people with different chances.
        chance = {name: chances.get(str(name), 1.0) for name in own.scenarios} if chances else None
        sides.append(Decided(own, people, chance))
    if (
        first.run == second.run
        or all(side.people is None for side in sides)
        or any(
            side.people is None and decider_of(reading.run) == Decider.JUDGE
            for side, reading in zip(sides, (first, second), strict=True)
        )
    ):
        return {"plain": plain, "corrected": None}
    return {"plain": plain, "corrected": corrected_shift(sides[0], sides[1]).as_dict()}


def _decisions(reading: RunReading) -> Any:
    return trials_of(reading.run, judge=reading.other).by(decider_of(reading.run))


def _twos(
    kind: Kind, readings: Iterable[RunReading], first: str, second: str
) -> Iterable[tuple[RunReading, RunReading]]:
    """Readings of both sides that are alike in all else, the newest of each."""
    sides: dict[str, dict[Hashable, RunReading]] = {first: {}, second: {}}
    for reading in readings:  # the newest come first
        key = kind.of(reading)[0]
        if key in sides:
            sides[key].setdefault(kind.alike(reading), reading)
    return [
        (reading, sides[second][alike]) for alike, reading in reversed(sides[first].items()) if alike in sides[second]
    ]  # fmt: skip


def _sides(kind: Kind, readings: Collection[RunReading]) -> bool:
    """Whether two sides have something alike."""
    if kind.key == "run":
        return len({reading.run.pk for reading in readings}) > 1
    seen: dict[Hashable, str] = {}
    for reading in readings:
        side = kind.of(reading)[0]
        if side and reading.run.steering_id is None and seen.setdefault(kind.alike(reading), side) != side:
            return True
    return False


def _options(of: Callable[[RunReading], tuple[str, str]], readings: Iterable[RunReading]) -> list[SideOption]:
    labels = dict(filter(lambda two: two[0], map(of, readings)))
    return sorted(
        (SideOption(key, label) for key, label in labels.items()), key=lambda option: (option.label, option.key)
    )


def _labels(kind: Kind, readings: Sequence[RunReading]) -> dict[str, str]:
    """Of sides whose name depends on which others there are."""
    if kind.key == "prompt":
        return labels_of_prompts([prompts_of(reading.run, reading.judge) for reading in readings])
    if kind.key == "run":
        labels = variants([reading.run for reading in readings])
        runs = {reading.run.pk: reading.run for reading in readings}
        return {str(pk): f"{run.target}, {labels[pk].lower()} (run {pk})" for pk, run in runs.items()}
    return {}


def _one_of(name: str, given: str, options: Sequence[SideOption]) -> str:
    if given and given not in {option.key for option in options}:
        raise InvalidInput(f"There is no {given!r} to choose as {name} here.")
    return given or (options[0].key if options else "")


def _fits(name: str, wanted: str, reading: RunReading) -> bool:
    if name == "judge":
        judged = reading.run.mode == Run.Mode.SIMULATED_USER
        if not wanted:
            return reading.other is None
        return not judged or _judge(reading)[0] == wanted
    return not wanted or WITHIN[name](reading)[0] == wanted
