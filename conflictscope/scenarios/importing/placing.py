"""Where the rows of a file go: a new scenario, one that is there and is completed, one that is known, or the bad rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.scenarios.importing import twins as twins_of_files
from conflictscope.scenarios.importing.checking import UID, UID_LENGTH, PlacedScenario, checked
from conflictscope.scenarios.importing.meeting import OtherWords, meet, status_of, told
from conflictscope.scenarios.importing.records import BadRow, ImportedScenario, RowPlace, RowProblem
from conflictscope.scenarios.importing.reporting import SAMPLES, ImportReport, SampleScenario
from conflictscope.scenarios.importing.storing import BATCH, Batch, Store, batches, there
from conflictscope.scenarios.importing.values import ValueNames
from conflictscope.scenarios.models import Dataset, Scenario


@dataclass(frozen=True, slots=True)
class _Twin:
    """The twin that a duplicate of a file names. `alike`: the duplicate was counted as one of two actions that read the same."""

    uid: str
    place: RowPlace
    file: int
    alike: bool


class Placing:
    """Takes rows batch by batch. Without a `store` it says what it would do, and writes nothing.

    Raises (all its methods):
        InvalidInput, Conflict: a bad row, unless bad rows are skipped.
    """

    def __init__(
        self,
        dataset: Dataset | None,
        names: ValueNames | None,
        report: ImportReport,
        *,
        skip_bad: bool,
        store: Store | None,
        progress: Callable[[int], object] | None = None,
        on_bad: Callable[[BadRow], object] | None = None,
    ) -> None:
        self._dataset = dataset
        self._names = names
        self._report = report
        self._skip_bad = skip_bad
        self._store = store
        self._progress = progress
        self._on_bad = on_bad
        # id to where it stood and what it said: all that is kept of a file in memory
        self._seen: dict[str, tuple[str, int, int]] = {}
        self._twins: dict[str, _Twin] = {}
        self._file = -1  # the number of the file at hand
        self._looked_at: set[str] = set()  # ids that would be added, where nothing is written

    def take(self, rows: Iterator[ImportedScenario | BadRow], *, numbers_repeats: bool) -> None:
        """The rows of one file; an id that stood in a file before is that of a scenario that is there."""
        self._seen.clear()
        self._file += 1
        while batch := list(islice(rows, BATCH)):
            self._take(batch, numbers_repeats=numbers_repeats)
            if self._progress:
                self._progress(self._report.read)

    def finish(self) -> Counter[int]:
        """Let duplicates point at their twins, now that all are there; those that lead to none are bad rows.

        Returns: how many of them each file had, by its number from 0.
        """
        twins = {uid: each.uid for uid, each in self._twins.items()}
        lost = twins_of_files.lost(twins, self._are_there(set(twins.values()) - twins.keys()))
        of_files: Counter[int] = Counter()
        for uid, why in lost.items():
            duplicate = self._twins.pop(uid)
            of_files[duplicate.file] += 1
            self._report.added -= 1
            self._report.alike -= duplicate.alike
            self._bad(BadRow(duplicate.place, "duplicate_of", why))
        self._report.samples = [each for each in self._report.samples if each.uid not in lost]
        if self._store is not None:
            self._store.take_away(lost)
            self._store.join_twins({uid: each.uid for uid, each in self._twins.items()})
        self._twins.clear()
        return of_files

    def _are_there(self, uids: set[str]) -> set[str]:
        known_uids = uids & self._looked_at
        if self._dataset is not None:
            for some in batches(sorted(uids)):
                known_uids |= set(self._dataset.scenarios.filter(uid__in=some).values_list("uid", flat=True))
        return known_uids

    def _bad(self, row: BadRow, error: type[InvalidInput] | type[Conflict] = InvalidInput) -> None:
        if not self._skip_bad:
            raise error(row.sentence)
        self._report.remember_bad(row)
        if self._on_bad:
            self._on_bad(row)

    def _take(self, batch: list[ImportedScenario | BadRow], *, numbers_repeats: bool) -> None:
        known = self._there([each.uid for each in batch if isinstance(each, ImportedScenario)])
        todo = Batch()
        for each in batch:
            if isinstance(each, BadRow):
                self._report.read += 1
                self._bad(each)
                continue
            places = (each.place, *each.more_rows)
            self._report.read += len(places)
            try:
                self._place(each, known, todo, numbers_repeats=numbers_repeats)
            except RowProblem as exc:
                for place in places:
                    self._bad(exc.at(place), Conflict if isinstance(exc, OtherWords) else InvalidInput)
        if self._store is not None and todo:
            self._store.write(todo)
        elif self._store is not None:
            self._store.say_alive()

    def _there(self, uids: list[str]) -> dict[str, Scenario]:
        return there(self._dataset, [uid for uid in uids if UID.fullmatch(uid)])

    def _place(
        self, record: ImportedScenario, known: dict[str, Scenario], todo: Batch, *, numbers_repeats: bool
    ) -> None:
        placed = checked(record, self._names)
        says = placed.says()
        uid, number = record.uid, 1
        while uid in self._seen:
            file, row, earlier_hash = self._seen[uid]
            if earlier_hash == says and (numbers_repeats or record.made_id):
                self._report.repeated += 1
                return
            if not numbers_repeats:
                raise RowProblem("", f"the id {uid!r} stands in {RowPlace(file, row)}, too; each row needs its own.")
            number += 1
            uid = f"{record.uid}.{number}"
            if len(uid) > UID_LENGTH:
                raise RowProblem(
                    "",
                    f"the id {record.uid[:60]!r} stands in {RowPlace(file, row)}, too, and is too long to be numbered: at most "
                    f"{UID_LENGTH} characters fit.",
                )
            if uid not in known:
                known |= self._there([uid])
        existing = known.get(uid)
        if existing is None:
            self._add(placed, uid, todo)
        else:
            self._meet(existing, placed, todo)
        self._seen[uid] = (record.place.file, record.place.row, says)
        self._report.notes.update(record.notes)
        if number > 1:
            self._report.notes["id that stood before, with other words: numbered"] += 1

    def _add(self, placed: PlacedScenario, uid: str, todo: Batch) -> None:
        record, report = placed.record, self._report
        scenario = Scenario(
            dataset=self._dataset,
            uid=uid,
            value_1=placed.pair.first if placed.pair else None,
            value_2=placed.pair.second if placed.pair else None,
            status=status_of(record, self._dataset),
            similarity=record.similarity,
            **placed.columns,
        )
        scenario.status_told = told(scenario, record)
        alike = record.drafted and record.action_1 == record.action_2
        if record.status == Scenario.Status.DUPLICATE:
            self._twins[uid] = _Twin(record.duplicate_of, record.place, self._file, alike)
        if self._store is None:
            self._looked_at.add(uid)
        report.added += 1
        report.alike += alike
        if len(report.samples) < SAMPLES:
            report.samples.append(_sample(scenario, record))
        todo.new.append((scenario, record))

    def _meet(self, existing: Scenario, placed: PlacedScenario, todo: Batch) -> None:
        met = meet(existing, placed)
        self._report.notes.update(met.notes)
        if met.changed:
            todo.completed.append((existing, placed.record))
        if met.message is not None:
            todo.messages.append(met.message)
        if met.completes:
            self._report.completed += 1
        else:
            self._report.known += 1


def _sample(scenario: Scenario, record: ImportedScenario) -> SampleScenario:
    pair = f"{scenario.value_1} – {scenario.value_2}" if scenario.value_1 else ""
    texts = {
        "Values": pair,
        "Description": scenario.description,
        "Action 1": scenario.action_1,
        "Action 2": scenario.action_2,
        "Opening message": record.opening_message,
        "Persona": scenario.persona,
        "Background": scenario.background,
        "Goal": scenario.goal,
        "Template": scenario.get_template_display(),
        "Takes the opportunity": {"1": "action 1", "2": "action 2"}.get(scenario.acting_action, ""),
        "Domain": scenario.domain,
        "Status": record.status or scenario.status,
    }
    return SampleScenario(scenario.uid, tuple((label, text) for label, text in texts.items() if text))
