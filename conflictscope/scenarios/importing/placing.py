"""Where the rows of a file go: a new scenario, one that is there and is completed, one that is known, or the bad rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from django.db import models

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.files.texts import unstorable
from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.judges import imported_judge
from conflictscope.scenarios.filtering.verdicts import settle
from conflictscope.scenarios.importing import twins as twins_of_files
from conflictscope.scenarios.importing.records import (
    BadRow,
    ImportedScenario,
    Place,
    RowProblem,
)
from conflictscope.scenarios.importing.reporting import SAMPLES, ImportReport, Sample
from conflictscope.scenarios.importing.values import Pair, ValueNames
from conflictscope.scenarios.models import Dataset, Judge, OpeningMessage, Scenario, Verdict

BATCH = 500
PANEL = "(imported)"  # no campaign is called so
OTHER_PANEL = "(imported, other people)"  # keeps apart what no single panel passed as a whole
_UID_LENGTH = 200
_UID = re.compile(rf"(?=.*\w)[\w.:+-]{{1,{_UID_LENGTH}}}")  # it stands in addresses
_DOMAIN_LENGTH = 60
_UNFINISHED = (Scenario.Status.OUTLINED, Scenario.Status.DUPLICATE)  # while they have no actions
_OUTCOMES = (Scenario.Status.KEPT, Scenario.Status.DROPPED, Scenario.Status.UNDECIDED)
_SWAPPED = {"action_1": "action_2", "consequence_1": "consequence_2"}
_SWAPPED |= {two: one for one, two in _SWAPPED.items()}
_FLIPPED = {"1": "2", "2": "1", "unknown": "unknown"}


class OtherWords(RowProblem):
    """The dataset has a scenario of that id that says something else."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A record as columns of the table, in the order of the value set."""

    record: ImportedScenario
    uid: str
    columns: dict[str, str]
    pair: Pair | None

    def says(self) -> int:
        values = (self.pair.first.pk, self.pair.second.pk) if self.pair else ()
        return hash((*values, self.record.opening_message, *sorted(self.columns.items())))


@dataclass(frozen=True, slots=True)
class _Twin:
    """The twin that a duplicate of a file names. `alike`: the duplicate was counted as one of two actions that read the same."""

    uid: str
    place: Place
    file: int
    alike: bool


@dataclass(slots=True)
class _Batch:
    """What a batch has to write."""

    new: list[tuple[Scenario, ImportedScenario]] = field(default_factory=list)
    completed: list[tuple[Scenario, ImportedScenario]] = field(default_factory=list)
    messages: list[OpeningMessage] = field(default_factory=list)


class Placing:
    """Takes rows batch by batch. With `write` off it says what it would do, and writes nothing.

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
        write: bool,
        progress: Callable[[int], object] | None = None,
        on_bad: Callable[[BadRow], object] | None = None,
    ) -> None:
        self._dataset = dataset
        self._names = names
        self._report = report
        self._skip_bad = skip_bad
        self._write = write
        self._progress = progress
        self._on_bad = on_bad
        self._judge: Judge | None = None
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
            one = self._twins.pop(uid)
            of_files[one.file] += 1
            self._report.added -= 1
            self._report.alike -= one.alike
            self._bad(BadRow(one.place, "duplicate_of", why))
        self._report.samples = [each for each in self._report.samples if each.uid not in lost]
        if self._write and self._dataset is not None:
            for uids in _batches(list(lost)):
                self._dataset.scenarios.filter(uid__in=uids).delete()
            self._join_twins(self._dataset)
        self._twins.clear()
        return of_files

    def _are_there(self, uids: set[str]) -> set[str]:
        found = uids & self._looked_at
        if self._dataset is not None:
            for some in _batches(sorted(uids)):
                found |= set(self._dataset.scenarios.filter(uid__in=some).values_list("uid", flat=True))
        return found

    def _bad(self, row: BadRow, error: type[InvalidInput] | type[Conflict] = InvalidInput) -> None:
        if not self._skip_bad:
            raise error(row.sentence)
        self._report.remember_bad(row)
        if self._on_bad:
            self._on_bad(row)

    def _take(self, batch: list[ImportedScenario | BadRow], *, numbers_repeats: bool) -> None:
        there = self._there([each.uid for each in batch if isinstance(each, ImportedScenario)])
        todo = _Batch()
        for each in batch:
            if isinstance(each, BadRow):
                self._report.read += 1
                self._bad(each)
                continue
            places = (each.place, *each.more_rows)
            self._report.read += len(places)
            try:
                self._place(each, there, todo, numbers_repeats=numbers_repeats)
            except RowProblem as exc:
                for place in places:
                    self._bad(exc.at(place), Conflict if isinstance(exc, OtherWords) else InvalidInput)
        if self._write:
            self._store(todo)

    def _there(self, uids: Iterable[str]) -> dict[str, Scenario]:
        if self._dataset is None:
            return {}
        found = self._dataset.scenarios.defer("embedding").filter(uid__in=[uid for uid in uids if _UID.fullmatch(uid)])
        messages = OpeningMessage.objects.filter(source=OpeningMessage.Source.IMPORTED, sample=0)
        verdicts = Verdict.objects.filter(source=Verdict.Source.JUDGE, judge__endpoint__isnull=True)
        brought = (
            models.Prefetch("opening_messages", queryset=messages, to_attr="imported_messages"),
            models.Prefetch("verdicts", queryset=verdicts, to_attr="imported_verdicts"),
        )
        return {each.uid: each for each in found.prefetch_related(*brought)}

    def _place(
        self, record: ImportedScenario, there: dict[str, Scenario], todo: _Batch, *, numbers_repeats: bool
    ) -> None:
        placed = self._checked(record)
        says = placed.says()
        uid, number = record.uid, 1
        while uid in self._seen:
            file, row, said = self._seen[uid]
            if said == says and (numbers_repeats or record.made_id):
                self._report.repeated += 1
                return
            if not numbers_repeats:
                raise RowProblem("", f"the id {uid!r} stands in {Place(file, row)}, too; each row needs its own.")
            number += 1
            uid = f"{record.uid}.{number}"
            if len(uid) > _UID_LENGTH:
                raise RowProblem(
                    "",
                    f"the id {record.uid[:60]!r} stands in {Place(file, row)}, too, and is too long to be numbered: at most "
                    f"{_UID_LENGTH} characters fit.",
                )
            if uid not in there:
                there |= self._there([uid])
        existing = there.get(uid)
        if existing is None:
            self._add(placed, uid, todo)
        else:
            self._meet(existing, placed, todo)
        self._seen[uid] = (record.place.file, record.place.row, says)
        self._report.notes.update(record.notes)
        if number > 1:
            self._report.notes["id that stood before, with other words: numbered"] += 1

    def _checked(self, record: ImportedScenario) -> _Placed:
        if len(record.uid) > _UID_LENGTH:
            raise RowProblem(
                "",
                f"the id {record.uid[:60]!r}... has {len(record.uid):,} characters; at most {_UID_LENGTH} fit.",
            )
        if not _UID.fullmatch(record.uid):
            raise RowProblem(
                "", f"the id {record.uid[:60]!r} cannot be used; ids are letters, digits and . : + _ - alone."
            )
        pair = self._pair(record)
        turned = pair is not None and pair.turned
        columns = record.texts()
        if turned:
            columns |= {one: getattr(record, two) for one, two in _SWAPPED.items()}
        if record.acting_action not in _FLIPPED:
            raise RowProblem("acting_action", f"{record.acting_action[:40]!r} is none of {', '.join(_FLIPPED)}.")
        if pair is not None and record.acting_between is not None:
            turned = self._turned_between(record.acting_between, pair)
        columns["acting_action"] = _FLIPPED[record.acting_action] if turned else record.acting_action
        if record.template and record.template not in Scenario.Template.values:
            raise RowProblem("template", f"{record.template[:40]!r} is none of {', '.join(Scenario.Template.values)}.")
        columns["template"] = record.template
        others = {"opening_message": record.opening_message, "duplicate_of": record.duplicate_of}
        for column, text in (columns | others).items():
            if why := unstorable(text):
                raise RowProblem(column, why)
        if len(record.domain) > _DOMAIN_LENGTH:
            raise RowProblem("domain", f"{record.domain!r} is longer than {_DOMAIN_LENGTH} characters.")
        self._check_status(record)
        return _Placed(record, record.uid, columns, pair)

    def _pair(self, record: ImportedScenario) -> Pair | None:
        named = record.value_1 or record.value_2
        if self._names is None:
            if named:
                raise RowProblem(
                    "value_1",
                    f"{named[:60]!r} is a value, and no value set is named; name it (on the command line: --value-set).",
                )
            return None
        if not (record.value_1 and record.value_2):
            raise RowProblem("value_1", "no pair of values is named, and this dataset has a value set.")
        return self._names.pair_of(record)

    def _turned_between(self, values: tuple[str, str], pair: Pair) -> bool:
        """Whether the id has the values the other way round than the set. It may have them otherwise than the row.

        Raises:
            RowProblem: they are others than the row's.
        """
        assert self._names is not None  # noqa: S101 - there is a pair of its values
        named = self._names.pair_named(*values, column="scenario_id")
        if (named.first, named.second) != (pair.first, pair.second):
            raise RowProblem(
                "scenario_id",
                f"names {named.first.key} and {named.second.key}, and the row's values are {pair.first.key} and {pair.second.key}.",
            )
        return named.turned

    def _check_status(self, record: ImportedScenario) -> None:
        status = Scenario.Status
        if record.status and record.status not in status.values:
            raise RowProblem("status", f"{record.status[:40]!r} is none of {', '.join(status.values)}.")
        if bool(record.action_1) != bool(record.action_2):
            raise RowProblem("action_2" if record.action_1 else "action_1", "is empty, and the other action is not.")
        if record.status in (status.DRAFTED, status.KEPT, status.DROPPED, status.UNDECIDED) and not record.drafted:
            raise RowProblem("status", f"a scenario without two actions cannot be {record.status}.")
        if (record.status == status.DUPLICATE) != bool(record.duplicate_of):
            raise RowProblem("duplicate_of", "a duplicate names its twin, and nothing else does.")

    def _add(self, placed: _Placed, uid: str, todo: _Batch) -> None:
        record, report = placed.record, self._report
        scenario = Scenario(
            dataset=self._dataset,
            uid=uid,
            value_1=placed.pair.first if placed.pair else None,
            value_2=placed.pair.second if placed.pair else None,
            status=self._status(record),
            similarity=record.similarity,
            **placed.columns,
        )
        scenario.status_told = self._told(scenario, record)
        alike = record.drafted and record.action_1 == record.action_2
        if record.status == Scenario.Status.DUPLICATE:
            self._twins[uid] = _Twin(record.duplicate_of, record.place, self._file, alike)
        if not self._write:
            self._looked_at.add(uid)
        report.added += 1
        report.alike += alike
        if len(report.samples) < SAMPLES:
            report.samples.append(_sample(scenario, record))
        todo.new.append((scenario, record))

    def _status(self, record: ImportedScenario) -> str:
        if not record.drafted or record.status == Scenario.Status.DUPLICATE:
            return Scenario.Status.OUTLINED  # a duplicate until its twin is there
        primary = self._dataset.primary_judge if self._dataset else None
        if record.verdicts and primary is not None and primary.endpoint_id is not None:
            return Scenario.Status.DRAFTED  # another judge decides here, and has not been asked
        return record.status or Scenario.Status.DRAFTED

    def _told(self, scenario: Scenario, record: ImportedScenario) -> str:
        """What the row says became of it, where its verdicts do not."""
        status = self._status(record)
        by_verdicts = settle({**record.verdicts, **record.human}, dimensions=dimensions_of(scenario))
        return status if status in _OUTCOMES and by_verdicts == Scenario.Status.DRAFTED else ""

    def _meet(self, existing: Scenario, placed: _Placed, todo: _Batch) -> None:
        """A scenario of that id is there: the same, or without what this row brings, or another."""
        values = (placed.pair.first.pk, placed.pair.second.pk) if placed.pair else (None, None)
        if (existing.value_1_id, existing.value_2_id) != values:
            raise OtherWords("", f"scenario {existing.uid!r} is in the dataset already, with other values.")
        unfinished = existing.status in _UNFINISHED and not existing.action_1
        filled: list[str] = []
        for column, text in placed.columns.items():
            has = getattr(existing, column)
            if not text or text == has or (column == "acting_action" and text == "unknown"):
                continue
            if column == "domain" and (has or not unfinished):
                self._report.notes["domain other than the dataset's, which may be a tag of later and stands"] += 1
                continue
            if (has and not (column == "acting_action" and has == "unknown")) or not unfinished:
                raise OtherWords(
                    "",
                    f"scenario {existing.uid!r} is in the dataset already, with another {column.replace('_', ' ')}; scenarios do "
                    "not change, so import into a new dataset.",
                )
            setattr(existing, column, text)
            filled.append(column)
        message = self._message(existing, placed.record)
        judged = self._is_judged_now(existing, placed.record)
        if (filled or judged) and placed.record.drafted:
            if existing.status in (Scenario.Status.OUTLINED, Scenario.Status.DRAFTED):
                existing.status = self._status(placed.record)
            existing.status_told = self._told(existing, placed.record) or existing.status_told
        if filled or judged:
            todo.completed.append((existing, placed.record))
        if message is not None:
            todo.messages.append(message)
        if filled or judged or message is not None:
            self._report.completed += 1
        else:
            self._report.known += 1

    def _is_judged_now(self, existing: Scenario, record: ImportedScenario) -> bool:
        """Whether the row brings verdicts to a scenario that has none of a file's; they do not change, either."""
        known: list[Verdict] = existing.imported_verdicts  # type: ignore[attr-defined]  # prefetched
        has = {each.dimension: each.outcome for each in known}
        other = [dimension for dimension, outcome in record.verdicts.items() if has.get(dimension, outcome) != outcome]
        if other:
            raise OtherWords(
                "",
                f"scenario {existing.uid!r} is in the dataset already, with another verdict on {other[0].replace('_', ' ')}; import "
                "into a new dataset.",
            )
        return bool(record.verdicts) and not has

    def _message(self, existing: Scenario, record: ImportedScenario) -> OpeningMessage | None:
        if not record.opening_message:
            return None
        known: list[OpeningMessage] = existing.imported_messages  # type: ignore[attr-defined]  # prefetched
        if not known:
            return _opening(existing, record)
        if known[0].text != record.opening_message:
            raise OtherWords("", f"scenario {existing.uid!r} is in the dataset already, with another opening message.")
        return None

    def _store(self, todo: _Batch) -> None:
        Scenario.objects.bulk_create([scenario for scenario, _ in todo.new])
        if todo.completed:
            columns = [*Scenario.TEXTS, "template", "acting_action", "status", "status_told"]
            Scenario.objects.bulk_update([scenario for scenario, _ in todo.completed], columns)
        todo.messages += [_opening(scenario, record) for scenario, record in todo.new if record.opening_message]
        OpeningMessage.objects.bulk_create(todo.messages)
        written = [verdict for pair in (*todo.new, *todo.completed) for verdict in self._verdicts(*pair)]
        Verdict.objects.bulk_create(written)
        if self._dataset is not None and any(record.simulated for _, record in todo.new):
            self._dataset.recipe["simulated"] = True

    def _verdicts(self, scenario: Scenario, record: ImportedScenario) -> Iterator[Verdict]:
        for dimension, outcome in record.verdicts.items():
            yield Verdict(
                scenario=scenario,
                dimension=dimension,
                outcome=outcome,
                source=Verdict.Source.JUDGE,
                judge=self._judge_of(record),
            )
        evidence = {"simulated": True} if record.people_simulated else {}
        for number, (dimension, outcome) in enumerate(record.human.items()):
            # What several panels passed between them, no one of them validated: it must not become so here.
            apart = number == 0 and not record.validated and set(record.human.values()) == {Verdict.Outcome.PASS}
            yield Verdict(
                scenario=scenario,
                dimension=dimension,
                outcome=outcome,
                source=Verdict.Source.HUMAN,
                panel=OTHER_PANEL if apart else PANEL,
                evidence=evidence,
            )

    def _judge_of(self, record: ImportedScenario) -> Judge:
        if self._judge is None:
            assert self._dataset is not None  # noqa: S101 - only called where rows are written
            self._judge = imported_judge(self._dataset, simulated=record.simulated)
        return self._judge

    def _join_twins(self, dataset: Dataset) -> None:
        for uids in _batches(list(self._twins)):
            wanted = [*uids, *(self._twins[uid].uid for uid in uids)]
            rows = {each.uid: each for each in dataset.scenarios.filter(uid__in=wanted).only("uid", "status")}
            for uid in uids:
                rows[uid].status = Scenario.Status.DUPLICATE
                rows[uid].duplicate_of_id = rows[self._twins[uid].uid].pk
            columns = ["status", "duplicate_of"]
            Scenario.objects.bulk_update([rows[uid] for uid in uids], columns)


def _batches(uids: list[str]) -> Iterator[list[str]]:
    return (uids[start : start + BATCH] for start in range(0, len(uids), BATCH))


def _opening(scenario: Scenario, record: ImportedScenario) -> OpeningMessage:
    return OpeningMessage(
        scenario=scenario,
        sample=0,
        text=record.opening_message,
        source=OpeningMessage.Source.IMPORTED,
        simulated_elsewhere=record.message_simulated,
    )


def _sample(scenario: Scenario, record: ImportedScenario) -> Sample:
    pair = f"{scenario.value_1} – {scenario.value_2}" if scenario.value_1 else ""
    told = {
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
    return Sample(scenario.uid, tuple((label, text) for label, text in told.items() if text))
