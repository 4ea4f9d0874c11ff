"""Everybody's signals in a campaign, with the reasons for every mark in words; worked out once for what has been submitted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.cache import caches
from django.db.models import Count, Max, Sum

from annotation.kinds import QUESTION
from annotation.models import Campaign, GoldAnswer, Participant, Revision
from annotation.quality.gathering import submitted_in, work_of
from conflictscope.stats.signals import Mark, PersonSignals, alike_pairs, copied_comments, signals_of
from conflictscope.stats.signals.marking import Signal

SEED = 20_261_201
# To be raised where a signal's meaning or form changes: what was kept of old is then not read.
VERSION = 2


@dataclass(frozen=True)
class Reason:
    """Why somebody is marked: the signal's name, and a sentence with the figure and the line it lies beyond."""

    signal: str
    sentence: str


@dataclass(frozen=True)
class PersonWork:
    """One person's figures and the reasons of their marks."""

    participant: Participant
    signals: PersonSignals
    reasons: tuple[Reason, ...]

    @property
    def suspicious(self) -> bool:
        return bool(self.reasons)

    @property
    def by_question(self) -> list[tuple[str, Any, Any]]:
        """Of each question its text, the share like the others', and the share right where an answer is known."""
        gold = self.signals.gold.by_question
        return [(QUESTION[key].text, share, gold.get(key)) for key, share in self.signals.agreement.by_question.items()]


def signals_in(campaign: Campaign) -> list[PersonWork]:
    """Everybody who has submitted anything, those with marks first; kept until something is submitted or changed."""
    key = hashlib.sha256(repr((VERSION, "signals", campaign.pk, _stamp(campaign))).encode()).hexdigest()
    kept = caches["figures"]
    found: list[tuple[int, PersonSignals]] | None = kept.get(key)
    if found is None:
        found = _worked_out(campaign)
        kept.set(key, found)
    people = Participant.objects.filter(campaign=campaign).select_related("campaign__study").in_bulk()
    names = [people[pk].pseudonym for pk, _ in found]
    rows = [
        PersonWork(people[pk], signals, tuple(_reason(mark, signals, names) for mark in signals.marks))
        for pk, signals in found
    ]
    return sorted(rows, key=lambda row: (-len(row.reasons), row.participant.pseudonym))


def _worked_out(campaign: Campaign) -> list[tuple[int, PersonSignals]]:
    work = work_of(campaign)
    if not work.people:
        return []
    found = signals_of(
        work.sheets,
        rng=np.random.default_rng(SEED),
        comments=copied_comments(work.comments, len(work.people)),
        pairs=alike_pairs(work.sheets),
    )
    return [(person.pk, signals) for person, signals in zip(work.people, found, strict=True)]


def _stamp(campaign: Campaign) -> tuple[str, ...]:
    """What signals hang on, in few numbers: the same as long as they stay the same."""
    work = (
        submitted_in(campaign).order_by().aggregate(Count("pk"), Max("submitted_at"), Sum("item"), Sum("participant"))
    )
    revised = Revision.objects.filter(assignment__item__campaign=campaign).aggregate(Count("pk"), Max("replaced_at"))
    gold = GoldAnswer.objects.filter(item__campaign=campaign).aggregate(Count("pk"), Max("pk"))
    excluded = Participant.objects.filter(campaign=campaign, excluded=True).order_by("pk").values_list("pk", flat=True)
    return tuple(map(str, (*work.values(), *revised.values(), *gold.values(), *excluded)))


NAMES: Mapping[Signal, str] = {
    Signal.GOLD: "known answers",
    Signal.AGREEMENT: "agreement",
    Signal.PACE: "pace",
    Signal.IMPOSSIBLE: "impossible speed",
    Signal.REGULAR: "regular as a clock",
    Signal.NO_SIGNS: "no keys, no movement",
    Signal.NO_TIMES: "times unknown",
    Signal.SIDE: "one side",
    Signal.SAME_SHEET: "the same sheet",
    Signal.ENTROPY: "few answers",
    Signal.FALLING_OFF: "falls off",
    Signal.COMMENTS: "copied comments",
    Signal.ALIKE: "like one other",
}


def _reason(mark: Mark, signals: PersonSignals, names: list[str]) -> Reason:
    value, line = mark.value, mark.line
    fall = signals.falling_off
    words = {
        Signal.GOLD: lambda: (
            f"Gave {value:.0%} of the known answers; less than {line:.0%} is little for a person who reads."
        ),
        Signal.AGREEMENT: lambda: (
            f"Answers like most of the others in {value:.0%} of cases; below {line:.0%} is near to chance."
        ),
        Signal.PACE: lambda: f"Takes {value:.0f} s for a hundred words; others three times {line:.0f} s.",
        Signal.IMPOSSIBLE: lambda: f"{value:.0%} of items were done faster than anybody can skim them.",
        Signal.REGULAR: lambda: f"Times scatter by a factor of {np.exp(value):.2f} only; people's by 1.3 to 2.5.",
        Signal.NO_SIGNS: lambda: f"On {value:.0%} of items the page saw no key, no movement and no change of focus.",
        Signal.NO_TIMES: lambda: (
            f"Of {value:.0%} of items it is not known how long they took: they came without being given out."
        ),
        Signal.SIDE: lambda: f"{value:.0%} of answers are the action shown as A, whose place is left to chance.",
        Signal.SAME_SHEET: lambda: (
            f"{value:.0%} of sheets are the very same; the others leave theirs four times as often."
        ),
        Signal.ENTROPY: lambda: f"Answers carry {value:.2f} bits a question; a quarter of the others' is {line:.2f}.",
        Signal.FALLING_OFF: lambda: (
            f"Agreement falls from {fall.before:.0%} to {fall.after:.0%} after {fall.first} items "
            f"(p = {fall.p_value:.3f})."
        ),
        Signal.COMMENTS: lambda: f"{value:.0f} comments stand on another item too, or were written by somebody else.",
        Signal.ALIKE: lambda: (
            f"Answers like {names[mark.other or 0]} in {value:.0%} of cases; what both share with everybody "
            f"else would give {line:.0%}."
        ),
    }
    return Reason(NAMES[mark.signal], words[mark.signal]())
