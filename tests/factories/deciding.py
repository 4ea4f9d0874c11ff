"""Deciding a campaign at once, as its job does batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from annotation.consensus import recording
from annotation.consensus.deciding import Tie, decide_items, ties_of, to_decide
from annotation.consensus.labels import counted
from annotation.models import Campaign
from conflictscope.values.models import TargetRanking


@dataclass(frozen=True)
class Decided:
    items: int
    waiting: int
    written: int
    passed: int
    changed: int
    ties: tuple[Tie, ...]
    ranking: TargetRanking | None


def decide(
    campaign: Campaign, *, minimum: int | None = None, batch: int = 500, between: Callable[[], object] | None = None
) -> Decided:
    """`between` is called after each batch."""
    minimum = campaign.overlap if minimum is None else minimum
    items, done = to_decide(campaign), recording.Written()
    for first in range(0, max(len(items), 1), batch):
        done += decide_items(campaign, items[first : first + batch], minimum=minimum)
        if between:
            between()
    labels = counted(campaign)
    ranking, moved = recording.recorder_of(campaign, labels).finish(minimum)
    enough = int((labels.counts >= minimum).sum())
    return Decided(
        items=enough,
        waiting=labels.asked - enough,
        written=done.written,
        passed=done.passed,
        changed=done.changed + moved,
        ties=tuple(ties_of(campaign, minimum=minimum)),
        ranking=ranking,
    )
