"""What one person has done in a campaign, in the order in which they did it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import mean, median

from annotation.models import Assignment, ExclusionStep, Flag, Participant
from annotation.quality.gathering import submitted_in
from conflictscope.stats.signals import PersonSignals

BLOCK = 10


@dataclass(frozen=True, slots=True)
class WorkBlock:
    """Some items in a row. `like_others`: the share of answers like most of the others'; None where there are none yet."""

    first: int
    last: int
    began: datetime
    seconds: float | None
    like_others: float | None
    guideline: int | None


@dataclass(frozen=True)
class PersonHistory:
    blocks: tuple[WorkBlock, ...]
    latest: tuple[Assignment, ...]
    flags: tuple[Flag, ...]
    skipped: int
    steps: tuple[ExclusionStep, ...]


def history_of(participant: Participant, signals: PersonSignals | None, *, latest: int = 10) -> PersonHistory:
    """The person's work in blocks of ten items, their latest items, their flags, and when they were left out."""
    submitted = submitted_in(participant.campaign).filter(participant=participant)
    work = list(
        submitted.select_related("guideline", "item__scenario", "item__response__scenario").order_by(
            "submitted_at", "pk"
        )
    )
    flags = Flag.objects.filter(assignment__participant=participant).select_related("assignment__item")
    return PersonHistory(
        blocks=tuple(_blocks(work, signals.by_turn if signals else ())),
        latest=tuple(work[::-1][:latest]),
        flags=tuple(flags.order_by("-pk")),
        skipped=participant.assignments.filter(state=Assignment.State.SKIPPED).count(),
        steps=tuple(participant.exclusion_steps.select_related("by").order_by("-pk")),
    )


def _blocks(work: Sequence[Assignment], by_turn: Sequence[float]) -> list[WorkBlock]:
    blocks = []
    for number, ten in enumerate(_tens(work)):
        start = number * BLOCK
        alike = [share for share in by_turn[start : start + len(ten)] if share == share]
        times = [each.active_seconds for each in ten if each.active_seconds]
        newest = ten[-1].guideline
        blocks.append(
            WorkBlock(
                first=start + 1,
                last=start + len(ten),
                began=ten[0].submitted_at or ten[0].leased_at,
                seconds=median(times) if times else None,
                like_others=mean(alike) if alike else None,
                guideline=newest.version if newest else None,
            )
        )
    return blocks


def _tens(work: Sequence[Assignment]) -> list[Sequence[Assignment]]:
    return [work[start : start + BLOCK] for start in range(0, len(work), BLOCK)]
