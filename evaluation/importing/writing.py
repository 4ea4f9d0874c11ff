"""Files of evaluations to runs, responses, judgements and ratings: gone through once, then written in portions."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import FilteredRelation, Q

from conflictscope.errors import InvalidInput
from conflictscope.files.texts import unstorable
from conflictscope.scenarios.importing.records import BadRow, ReadingOptions, RowProblem
from conflictscope.scenarios.models import Dataset
from conflictscope.scenarios.option_orders import OptionOrder
from evaluation.importing.detecting import detected, format_named
from evaluation.importing.placing import EvaluationReport, Placed, RunName, Runs, Scenarios
from evaluation.importing.records import Format, ImportedTrial
from evaluation.models import Judgement, Rating, Response, Run

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

AT_ONCE = 500  # trials in one transaction

_Trial = tuple[int, str, int]  # scenario, order, sample


def import_evaluations(
    dataset: Dataset,
    *,
    paths: Sequence[Path],
    format_name: str = "",
    encoding: str = "",
    skip_bad: bool = False,
    created_by: User | None = None,
    progress: Callable[[int], object] | None = None,
    write: bool = True,
) -> EvaluationReport:
    """Read what targets answered on the dataset's scenarios, in the files' own order.

    Each target, and of conversations each user simulator and judge, has an imported run, for which nothing is ever asked. The same
    file again adds nothing. The files are gone through before anything is written, so that what cannot be imported has left
    nothing. Then they are written in short transactions, and others can write in between; an import that was broken off has
    left whole trials, in runs that are marked, and the same files again add the rest.

    Args:
        format_name: empty: each file's own, by what stands in it.
        skip_bad: leave out rows that cannot be read, instead of refusing the whole.
        progress: called now and then with the number of rows read so far; what it raises ends the import.
        write: False only looks: the report says what would be done, and nothing is.

    Raises:
        NotFound: an unknown format.
        InvalidInput: a file that is not of the format, a row that is no trial of this dataset, or that is there with another choice.
    """
    if not paths:
        raise InvalidInput("Name at least one file to import.")
    named_format = format_named(format_name) if format_name else None
    files = [(path, named_format or detected(path, encoding=encoding)) for path in paths]
    passing = _Passing(files, ReadingOptions(encoding=encoding, lenient=skip_bad), skip_bad, progress)
    report = passing.go(_Looking(dataset))
    if not write:
        return report
    with transaction.atomic() if report.read <= AT_ONCE else nullcontext():
        report = passing.go(_Writing(dataset, created_by=created_by))
    logger.info("Dataset %s: %s responses imported, %s known", dataset.pk, report.added, report.known)
    return report


@dataclass(frozen=True, slots=True)
class _Passing:
    """One way through the files, which are gone twice."""

    files: Sequence[tuple[Path, Format]]
    reading: ReadingOptions
    skip_bad: bool
    progress: Callable[[int], object] | None

    def go(self, taking: _Taking) -> EvaluationReport:
        """
        Raises: as `import_evaluations`.
        """
        report = taking.report
        for path, format_ in self.files:
            report.format = format_.name
            for row in format_.read(path, self.reading):
                report.read += 1
                self._leave_out(report, [row] if isinstance(row, BadRow) else taking.take(row))
                if self.progress and report.read % AT_ONCE == 0:
                    self.progress(report.read)
        self._leave_out(report, taking.finish())
        if self.progress:
            self.progress(report.read)
        if not report.added + report.known:
            raise InvalidInput(
                f"No row could be read: {report.bad_rows[0].sentence}"
                if report.bad
                else "There is no row in it: nothing to import."
            )
        return report

    def _leave_out(self, report: EvaluationReport, bad_rows: Iterable[BadRow]) -> None:
        for bad in bad_rows:
            if not self.skip_bad:
                raise InvalidInput(f"{bad.sentence} Mend it, or leave such rows out (--skip-bad).")
            report.remember_bad(bad)


@dataclass(frozen=True, slots=True)
class _Row:
    """A trial with its place among those of its run."""

    run: RunName
    placed: Placed
    sample: int

    @property
    def trial(self) -> _Trial:
        return self.placed.scenario, self.placed.order, self.sample


class _Taking(ABC):
    """Trials to their runs, and what comes of each. `take` and `finish` tell which rows are none."""

    def __init__(self, dataset: Dataset) -> None:
        self.report = EvaluationReport()
        self._scenarios = Scenarios(dataset)
        self._runs = Runs(dataset)
        self._counted: Counter[tuple[RunName, int, str]] = Counter()

    def take(self, trial: ImportedTrial) -> Iterable[BadRow]:
        try:
            for text in (trial.target, trial.user, trial.judge, trial.reason, *_texts(trial)):
                if why := unstorable(text):
                    raise RowProblem("", why)
            placed = self._scenarios.place(trial)
        except RowProblem as exc:
            return [BadRow(trial.place, exc.column, exc.why)]
        name, sample = self._runs.name(trial), trial.sample
        if sample is None:
            slot = (name, placed.scenario, placed.order)
            sample = self._counted[slot]
            self._counted[slot] += 1
        return self._keep(_Row(name, placed, sample))

    def finish(self) -> Iterable[BadRow]:
        return ()

    @abstractmethod
    def _keep(self, row: _Row) -> Iterable[BadRow]:
        """What becomes of a trial that has its place."""

    def _meets(self, row: _Row, known: dict[_Trial, str | None]) -> BadRow | None:
        """Count the row, and note it among what is known; a bad row where another choice stands there."""
        trial = row.placed.trial
        if row.trial in known and known[row.trial] != row.placed.choice:
            why = f"{trial.target} has another choice in sample {row.sample} of scenario {trial.scenario} already."
            return BadRow(trial.place, "choice", why)
        if row.trial in known:
            self.report.known += 1
        else:
            known[row.trial] = row.placed.choice
            self.report.added += 1
        self.report.choices[trial.target][row.placed.choice or "failed"] += 1
        self.report.refused[trial.target] += trial.refused
        return None


class _Looking(_Taking):
    """Nothing is written: what stands in the files is held against what is there, and against itself."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self._known: dict[RunName, dict[_Trial, str | None]] = {}

    def _keep(self, row: _Row) -> Iterable[BadRow]:
        if row.run not in self._known:
            run = self._runs.found(row.run)
            self._known[row.run] = _known_of([run]).get(run.pk, {}) if run else {}
        bad = self._meets(row, self._known[row.run])
        return [bad] if bad else ()


class _Writing(_Taking):
    """Into the tables, a portion at a time. Whoever imports the same meanwhile waits for the portion, and finds it there."""

    def __init__(self, dataset: Dataset, *, created_by: User | None) -> None:
        super().__init__(dataset)
        self._created_by = created_by
        self._rows: list[_Row] = []

    def _keep(self, row: _Row) -> Iterable[BadRow]:
        self._rows.append(row)
        return self._write() if len(self._rows) >= AT_ONCE else ()

    def finish(self) -> Iterable[BadRow]:
        bad = self._write()
        Run.objects.filter(pk__in=self.report.runs).update(import_unfinished=False)
        return bad

    def _write(self) -> list[BadRow]:
        rows, self._rows = self._rows, []
        with transaction.atomic():
            runs = {
                name: self._runs.made(name, created_by=self._created_by) for name in {row.run: None for row in rows}
            }
            numbers = [run.pk for run in runs.values()]
            list(Run.objects.select_for_update().filter(pk__in=numbers).order_by("pk"))
            known = _known_of(runs.values(), among=rows)
            bad, fresh = [], []
            for row in rows:
                of_run = known.setdefault(runs[row.run].pk, {})
                new = row.trial not in of_run
                if why := self._meets(row, of_run):
                    bad.append(why)
                elif new:
                    fresh.append((runs[row.run], row))
            _create(fresh)
        self.report.runs |= {run.pk: run for run in runs.values()}
        return bad


def _create(rows: Sequence[tuple[Run, _Row]]) -> None:
    """The responses, judgements and ratings of trials that are new, in their order; their runs grow to hold them."""
    if not rows:
        return
    responses = Response.objects.bulk_create(
        Response(
            run=run,
            scenario_id=row.placed.scenario,
            order=row.placed.order,
            sample=row.sample,
            transcript=[dict(turn) for turn in row.placed.trial.transcript],
            refused=row.placed.trial.refused,
            outcome=_outcome(row.placed),
            turned_in_file=row.placed.turned,
        )
        for run, row in rows
    )
    Judgement.objects.bulk_create(
        _judgement(response, row.placed, row.placed.choice)
        for response, (_, row) in zip(responses, rows, strict=True)
        if row.placed.choice is not None
    )
    Rating.objects.bulk_create(_ratings(rows))
    for run in {run.pk: run for run, _ in rows}.values():
        mine = [row for each, row in rows if each.pk == run.pk]
        run.refresh_from_db(fields=["option_orders", "samples"])
        orders = {*run.option_orders, *(row.placed.order for row in mine)}
        run.option_orders = [order for order in OptionOrder.values if order in orders]
        run.samples = max(run.samples, *(row.sample + 1 for row in mine))
        run.import_unfinished = True
        run.save(update_fields=["option_orders", "samples", "import_unfinished"])


def _texts(trial: ImportedTrial) -> list[str]:
    return [turn["text"] for turn in trial.transcript]


def _known_of(runs: Iterable[Run], *, among: Sequence[_Row] | None = None) -> dict[int, dict[_Trial, str | None]]:
    """The trials that runs have already, with the choices that came with them: None where the target failed. `among`: no others."""
    with_files = {run.pk: run.judge_id for run in runs}
    machine = FilteredRelation("judgements", condition=~Q(judgements__source=Judgement.Source.HUMAN))
    trials = Response.objects.filter(run__in=list(with_files)).annotate(imported=machine)
    if among is not None:
        scenarios, samples = {row.placed.scenario for row in among}, {row.sample for row in among}
        trials = trials.filter(scenario__in=scenarios, sample__in=samples)
    known: dict[int, dict[_Trial, str | None]] = {}
    for run, scenario, order, sample, judge, choice in trials.values_list(
        "run", "scenario", "order", "sample", "imported__judge", "imported__choice"
    ):
        of_run = known.setdefault(run, {})
        # Another judge may have been asked about it since: what it chose stands in no file.
        of_run.setdefault((scenario, order, sample), None)
        if judge == with_files[run]:
            of_run[scenario, order, sample] = choice
    return known


def _ratings(rows: Sequence[tuple[Run, _Row]]) -> Iterable[Rating]:
    """A scenario is rated once a sample: the other order of its options tells the same again."""
    scenarios = {row.placed.scenario for _, row in rows}
    there = Rating.objects.filter(run__in={run.pk for run, _ in rows}, scenario__in=scenarios)
    rated = set(there.values_list("run", "scenario", "sample"))
    for run, row in rows:
        first, second = row.placed.rating_1, row.placed.rating_2
        trial = (run.pk, row.placed.scenario, row.sample)
        if trial not in rated and not (first is None and second is None):
            rated.add(trial)
            yield Rating(run=run, scenario_id=row.placed.scenario, sample=row.sample, rating_1=first, rating_2=second)


def _outcome(placed: Placed) -> str:
    if placed.choice is None:
        return Response.Outcome.FAILED
    silent = not any(turn["role"] == "assistant" and turn["text"].strip() for turn in placed.trial.transcript)
    return Response.Outcome.EMPTY if placed.trial.talks and silent else Response.Outcome.ANSWERED


def _judgement(response: Response, placed: Placed, choice: str) -> Judgement:
    judge = response.run.judge if placed.trial.talks else None
    return Judgement(
        response=response,
        source=Judgement.Source.JUDGE if judge else Judgement.Source.PARSED,
        judge=judge,
        choice=choice,
        order=placed.order,
        strength=placed.strength,
        reason=placed.trial.reason,
    )
