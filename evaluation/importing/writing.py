"""Files of evaluations to runs, responses, judgements and ratings. All of them are written, or none."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction

from conflictscope.errors import InvalidInput
from conflictscope.files.texts import unstorable
from conflictscope.scenarios.importing.records import BadRow, ReadingOptions, RowProblem
from conflictscope.scenarios.models import Dataset
from evaluation.importing.detecting import detected, format_named
from evaluation.importing.placing import EvaluationReport, Placed, Runs, Scenarios
from evaluation.importing.records import ImportedTrial
from evaluation.models import Judgement, Rating, Response, Run

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

BATCH = 500

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
    file again adds nothing.

    Args:
        format_name: empty: each file's own, by what stands in it.
        skip_bad: leave out rows that cannot be read, instead of refusing the whole.
        progress: called now and then with the number of rows read so far.
        write: False only looks: the report says what would be done, and nothing is.

    Raises:
        NotFound: an unknown format.
        InvalidInput: a file that is not of the format, a row that is no trial of this dataset, or that is there with another choice.
    """
    if not paths:
        raise InvalidInput("Name at least one file to import.")
    named_format = format_named(format_name) if format_name else None
    reading = ReadingOptions(encoding=encoding, lenient=skip_bad)
    report = EvaluationReport()
    with transaction.atomic():
        writing = _Writing(dataset, report, created_by=created_by)
        for path in paths:
            format_ = named_format or detected(path, encoding=encoding)
            report.format = format_.name
            for row in format_.read(path, reading):
                report.read += 1
                bad = row if isinstance(row, BadRow) else writing.take(row)
                if bad is not None:
                    if not skip_bad:
                        raise InvalidInput(f"{bad.sentence} Mend it, or leave such rows out (--skip-bad).")
                    report.remember_bad(bad)
                if progress and report.read % BATCH == 0:
                    progress(report.read)
        writing.finish()
        if progress:
            progress(report.read)
        if not report.added + report.known:
            raise InvalidInput(f"No row could be read: {report.bad_rows[0].sentence}")
        if not write:
            transaction.set_rollback(True)
    if write:
        logger.info("Dataset %s: %s responses imported, %s known", dataset.pk, report.added, report.known)
    return report


class _Writing:
    """Trials on their way into the tables, in batches."""

    def __init__(self, dataset: Dataset, report: EvaluationReport, *, created_by: User | None) -> None:
        self._scenarios = Scenarios(dataset)
        self._runs = Runs(dataset)
        self._report = report
        self._created_by = created_by
        self._counted: Counter[tuple[int, int, str]] = Counter()
        self._known: dict[int, dict[_Trial, str | None]] = {}
        self._rated: dict[int, set[tuple[int, int]]] = defaultdict(set)
        self._orders: set[tuple[int, str]] = set()
        self._samples: set[tuple[int, int]] = set()
        self._responses: list[tuple[Response, Placed]] = []
        self._ratings: list[Rating] = []

    def take(self, trial: ImportedTrial) -> BadRow | None:
        """Write the trial with its batch; what cannot be one comes back as a bad row."""
        try:
            for text in (trial.target, trial.reason, *(turn["text"] for turn in trial.transcript)):
                if why := unstorable(text):
                    raise RowProblem("", why)
            self._take(self._scenarios.place(trial))
        except RowProblem as exc:
            return BadRow(trial.place, exc.column, exc.why)
        return None

    def finish(self) -> None:
        self._write()
        self._report.runs = {run.pk: run for run in self._runs.all()}
        for run in self._runs.all():
            orders = {order for number, order in self._orders if number == run.pk and order} | set(run.option_orders)
            samples = [sample + 1 for number, sample in self._samples if number == run.pk]
            Run.objects.filter(pk=run.pk).update(
                option_orders=sorted(orders),
                samples=max([*samples, run.samples]),
                created_by=run.created_by or self._created_by,
            )

    def _take(self, placed: Placed) -> None:
        trial, run = placed.trial, self._runs.of(placed.trial)
        if run.pk not in self._known:
            self._known[run.pk] = _known_of(run)
            self._rated[run.pk] = set(run.ratings.values_list("scenario", "sample"))
        sample = trial.sample
        if sample is None:
            slot = (run.pk, placed.scenario, placed.order)
            sample = self._counted[slot]
            self._counted[slot] += 1
        name = (placed.scenario, placed.order, sample)
        known = self._known[run.pk]
        if name in known:
            if known[name] != placed.choice:
                raise RowProblem(
                    "choice",
                    f"{trial.target} has another choice in sample {sample} of scenario {trial.scenario} already.",
                )
            self._report.known += 1
        else:
            known[name] = placed.choice
            self._add(run, placed, sample)
        self._report.choices[trial.target][placed.choice or "failed"] += 1
        self._report.refused[trial.target] += trial.refused

    def _add(self, run: Run, placed: Placed, sample: int) -> None:
        trial = placed.trial
        response = Response(
            run=run,
            scenario_id=placed.scenario,
            order=placed.order,
            sample=sample,
            transcript=[dict(turn) for turn in trial.transcript],
            refused=trial.refused,
            outcome=_outcome(placed),
        )
        self._responses.append((response, placed))
        self._orders.add((run.pk, placed.order))
        self._samples.add((run.pk, sample))
        rated = placed.rating_1 is not None or placed.rating_2 is not None
        if rated and (placed.scenario, sample) not in self._rated[run.pk]:
            self._rated[run.pk].add((placed.scenario, sample))
            self._ratings.append(
                Rating(
                    run=run,
                    scenario_id=placed.scenario,
                    sample=sample,
                    rating_1=placed.rating_1,
                    rating_2=placed.rating_2,
                )
            )
        self._report.added += 1
        if len(self._responses) >= BATCH:
            self._write()

    def _write(self) -> None:
        responses = Response.objects.bulk_create([response for response, _ in self._responses])
        judgements = [
            _judgement(response, placed, placed.choice)
            for response, (_, placed) in zip(responses, self._responses, strict=True)
            if placed.choice is not None
        ]
        Judgement.objects.bulk_create(judgements)
        Rating.objects.bulk_create(self._ratings)
        self._responses, self._ratings = [], []


def _known_of(run: Run) -> dict[_Trial, str | None]:
    """The trials that the run has already, with their choices: None where the target failed."""
    trials = run.responses.values_list("scenario", "order", "sample", "judgements__choice")
    return {(scenario, order, sample): choice for scenario, order, sample, choice in trials}


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
