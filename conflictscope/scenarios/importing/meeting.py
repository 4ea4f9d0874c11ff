"""A row meets the scenario of its id: the same, or without what the row brings, or another."""

from __future__ import annotations

from dataclasses import dataclass, field

from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.verdicts import settle
from conflictscope.scenarios.importing.checking import PlacedScenario
from conflictscope.scenarios.importing.records import ImportedScenario, RowProblem
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario, Verdict

OTHER_DOMAIN = "domain other than the dataset's, which may be a tag of later and stands"
_UNFINISHED = (Scenario.Status.OUTLINED, Scenario.Status.DUPLICATE)  # while they have no actions
_OUTCOMES = (Scenario.Status.KEPT, Scenario.Status.DROPPED, Scenario.Status.UNDECIDED)


class OtherWords(RowProblem):
    """The dataset has a scenario of that id that says something else."""


@dataclass(slots=True)
class Met:
    """What the row brings to the scenario. `changed`: columns of it, or verdicts, are to be written."""

    changed: bool = False
    message: OpeningMessage | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def completes(self) -> bool:
        return self.changed or self.message is not None


def meet(existing: Scenario, placed: PlacedScenario) -> Met:
    """Give the scenario what it lacks. `existing` has its `imported_messages` and `imported_verdicts` prefetched.

    Raises:
        OtherWords: it says something else than the row.
    """
    values = (placed.pair.first.pk, placed.pair.second.pk) if placed.pair else (None, None)
    if (existing.value_1_id, existing.value_2_id) != values:
        raise OtherWords("", f"scenario {existing.uid!r} is in the dataset already, with other values.")
    met = Met()
    filled = _fill(existing, placed, met)
    met.message = _message(existing, placed.record)
    met.changed = _is_judged_now(existing, placed.record) or filled
    if met.changed and placed.record.drafted:
        if existing.status in (Scenario.Status.OUTLINED, Scenario.Status.DRAFTED):
            existing.status = status_of(placed.record, existing.dataset)
        existing.status_told = told(existing, placed.record) or existing.status_told
    return met


def status_of(record: ImportedScenario, dataset: Dataset | None) -> str:
    """What a scenario of that record begins as."""
    if not record.drafted or record.status == Scenario.Status.DUPLICATE:
        return Scenario.Status.OUTLINED  # a duplicate until its twin is there
    primary = dataset.primary_judge if dataset else None
    if record.verdicts and primary is not None and primary.endpoint_id is not None:
        return Scenario.Status.DRAFTED  # another judge decides here, and has not been asked
    return record.status or Scenario.Status.DRAFTED


def told(scenario: Scenario, record: ImportedScenario) -> str:
    """What the row says became of it, where its verdicts do not."""
    dataset = scenario.dataset if scenario.dataset_id else None
    status = status_of(record, dataset)
    by_verdicts = settle({**record.verdicts, **record.human}, dimensions=dimensions_of(scenario))
    return status if status in _OUTCOMES and by_verdicts == Scenario.Status.DRAFTED else ""


def opening(scenario: Scenario, record: ImportedScenario) -> OpeningMessage:
    return OpeningMessage(
        scenario=scenario,
        sample=0,
        text=record.opening_message,
        source=OpeningMessage.Source.IMPORTED,
        simulated_elsewhere=record.message_simulated,
    )


def _fill(existing: Scenario, placed: PlacedScenario, met: Met) -> bool:
    """Fill the columns that are empty; whether there were any."""
    unfinished = existing.status in _UNFINISHED and not existing.action_1
    filled = False
    for column, text in placed.columns.items():
        has = getattr(existing, column)
        if not text or text == has or (column == "acting_action" and text == "unknown"):
            continue
        if column == "domain" and (has or not unfinished):
            met.notes.append(OTHER_DOMAIN)
            continue
        if (has and not (column == "acting_action" and has == "unknown")) or not unfinished:
            raise OtherWords(
                "",
                f"scenario {existing.uid!r} is in the dataset already, with another {column.replace('_', ' ')}; scenarios do "
                "not change, so import into a new dataset.",
            )
        setattr(existing, column, text)
        filled = True
    return filled


def _is_judged_now(existing: Scenario, record: ImportedScenario) -> bool:
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


def _message(existing: Scenario, record: ImportedScenario) -> OpeningMessage | None:
    if not record.opening_message:
        return None
    known: list[OpeningMessage] = existing.imported_messages  # type: ignore[attr-defined]  # prefetched
    if not known:
        return opening(existing, record)
    if known[0].text != record.opening_message:
        raise OtherWords("", f"scenario {existing.uid!r} is in the dataset already, with another opening message.")
    return None
