"""Writing what was placed, batch by batch: each in a transaction of its own, and others may write in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from django.db import models
from django.utils import timezone

from conflictscope.scenarios.datasets import alone_on
from conflictscope.scenarios.filtering.judges import imported_judge
from conflictscope.scenarios.importing.meeting import opening
from conflictscope.scenarios.importing.records import ImportedScenario
from conflictscope.scenarios.models import Dataset, Import, Judge, OpeningMessage, Scenario, Verdict
from conflictscope.write_pauses import let_others_write

BATCH = (
    200  # scenarios of a transaction: with their verdicts and the search index it holds SQLite for a tenth of a second
)
PANEL = "(imported)"  # no campaign is called so
OTHER_PANEL = "(imported, other people)"  # keeps apart what no single panel passed as a whole


@dataclass(slots=True)
class Batch:
    """What a batch has to write."""

    new: list[tuple[Scenario, ImportedScenario]] = field(default_factory=list)
    completed: list[tuple[Scenario, ImportedScenario]] = field(default_factory=list)
    messages: list[OpeningMessage] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.new or self.completed or self.messages)


class Store:
    """Writes into a dataset for an import. `simulated`: whether a scenario of a simulator was among what it wrote."""

    def __init__(self, dataset: Dataset, one: Import) -> None:
        self.dataset = dataset
        self.simulated = False
        self._import = one
        self._judge: Judge | None = None

    def write(self, batch: Batch) -> None:
        """All of the batch, or nothing of it. The import is said to be alive."""
        with alone_on(self.dataset):
            Import.objects.filter(pk=self._import.pk).update(heartbeat=timezone.now())
            for scenario, _ in batch.new:
                scenario.brought_by = self._import
            Scenario.objects.bulk_create([scenario for scenario, _ in batch.new])
            if batch.completed:
                columns = [*Scenario.TEXTS, "template", "acting_action", "status", "status_told"]
                Scenario.objects.bulk_update([scenario for scenario, _ in batch.completed], columns)
            messages = [opening(scenario, record) for scenario, record in batch.new if record.opening_message]
            OpeningMessage.objects.bulk_create([*batch.messages, *messages])
            brought = (*batch.new, *batch.completed)
            Verdict.objects.bulk_create(verdict for pair in brought for verdict in self._verdicts(*pair))
        self.simulated |= any(record.simulated for _, record in batch.new)
        let_others_write()

    def say_alive(self) -> None:
        """Where a long stretch of a file brings nothing to write."""
        Import.objects.filter(pk=self._import.pk).update(heartbeat=timezone.now())

    def join_twins(self, twins: Mapping[str, str]) -> None:
        """Let duplicates point at their twins; uid to uid, all of them there."""
        for uids in batches(list(twins)):
            wanted = [*uids, *(twins[uid] for uid in uids)]
            rows = {each.uid: each for each in self.dataset.scenarios.filter(uid__in=wanted).only("uid", "status")}
            for uid in uids:
                rows[uid].status = Scenario.Status.DUPLICATE
                rows[uid].duplicate_of_id = rows[twins[uid]].pk
            Scenario.objects.bulk_update([rows[uid] for uid in uids], ["status", "duplicate_of"])
            self.say_alive()
            let_others_write()

    def take_away(self, uids: Iterable[str]) -> None:
        """Scenarios that turned out to be none after all."""
        for some in batches(list(uids)):
            self.dataset.scenarios.filter(uid__in=some).delete()
            self.say_alive()
            let_others_write()

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
            self._judge = imported_judge(self.dataset, simulated=record.simulated)
        return self._judge


def there(dataset: Dataset | None, uids: Iterable[str]) -> dict[str, Scenario]:
    """The dataset's scenarios of those uids, with what files brought to them."""
    if dataset is None:
        return {}
    scenarios = dataset.scenarios.select_related("dataset__primary_judge").defer("embedding").filter(uid__in=list(uids))
    messages = OpeningMessage.objects.filter(source=OpeningMessage.Source.IMPORTED, sample=0)
    verdicts = Verdict.objects.filter(source=Verdict.Source.JUDGE, judge__endpoint__isnull=True)
    brought = (
        models.Prefetch("opening_messages", queryset=messages, to_attr="imported_messages"),
        models.Prefetch("verdicts", queryset=verdicts, to_attr="imported_verdicts"),
    )
    return {each.uid: each for each in scenarios.prefetch_related(*brought)}


def batches(uids: list[str], *, size: int = BATCH) -> Iterator[list[str]]:
    return (uids[start : start + size] for start in range(0, len(uids), size))
