"""What people probably say of each item, and how far each of them can be trusted with it: Dawid-Skene, beside the majority."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotation.consensus.deciding import agree
from annotation.consensus.labels import LabelledItem, Labels, answers_of
from annotation.kinds import QUESTION
from annotation.models import Participant
from annotation.questions import Control
from conflictscope.stats.consensus import DawidSkene, dawid_skene
from conflictscope.stats.labels import MISSING

SEED = 20_261_202
RESTARTS = 4
# A page waits for it; that it still moved is said then.
MOST_STEPS = 1_000
FEWEST_PEOPLE = 3


@dataclass(frozen=True)
class LatentItem:
    """An item on one question: the votes, the majority's answer (empty: a tie) and the probable one with every answer's probability."""

    item: LabelledItem
    votes: dict[str, int]
    majority: str
    probable: str
    posterior: dict[str, float]

    @property
    def differs(self) -> bool:
        return self.majority != self.probable


@dataclass(frozen=True)
class PersonConfusion:
    """Of the answers of one person, how often each was given when each was probably right; rows are what was right."""

    participant: Participant
    answers: int
    right: float
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]


@dataclass(frozen=True)
class Latent:
    """One question of a campaign. `reason`: why there is nothing to say; then everything else is empty."""

    question: str
    categories: tuple[str, ...] = ()
    items: tuple[LatentItem, ...] = ()
    people: tuple[PersonConfusion, ...] = ()
    shares: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()
    reason: str = ""

    @property
    def differing(self) -> list[LatentItem]:
        """Where majority and the probable answer differ, the least certain first."""
        return sorted((each for each in self.items if each.differs), key=lambda each: max(each.posterior.values()))


def latent_questions(labels: Labels) -> list[str]:
    """The questions that have classes: a scale has places, and its median."""
    return [key for key in labels.codes if QUESTION[key].control is not Control.SCALE]


def fitted(labels: Labels, question: str) -> DawidSkene | str:
    """The model of one question, or why there is none."""
    table = labels.codes[question]
    answered = (table != MISSING).any(axis=0)
    if answered.sum() < FEWEST_PEOPLE:
        return f"at least {FEWEST_PEOPLE} people must have answered"
    if not ((table != MISSING).sum(axis=1) > 1).any():
        return "no item has two answers yet"
    return dawid_skene(
        table,
        categories=answers_of(question),
        rng=np.random.default_rng(SEED),
        restarts=RESTARTS,
        tolerance=1e-7,
        max_iterations=MOST_STEPS,
    )


def latent_of(labels: Labels, question: str) -> Latent:
    """Majority, probable answers, and everybody's confusion on one question."""
    model = fitted(labels, question)
    if isinstance(model, str):
        return Latent(question, reason=model)
    names = answers_of(question)
    majority = agree(labels, minimum=1).answers[question]
    items = tuple(
        LatentItem(
            item,
            labels.votes(row, question),
            names[majority[row]] if majority[row] != MISSING else "",
            str(model.labels[row] or ""),
            {name: float(share) for name, share in zip(names, model.posterior[row], strict=True)},
        )
        for row, item in enumerate(labels.items)
        if not np.isnan(model.posterior[row]).any()
    )
    return Latent(
        question,
        categories=names,
        items=items,
        people=tuple(_confusions(labels, question, model)),
        shares=tuple(map(float, model.class_shares)),
        warnings=model.warnings,
    )


def _confusions(labels: Labels, question: str, model: DawidSkene) -> Iterator[PersonConfusion]:
    names, table = answers_of(question), labels.codes[question]
    for column, person in enumerate(labels.annotators):
        given = int((table[:, column] != MISSING).sum())
        if not given:
            continue
        matrix = model.confusion[column]
        known = ~np.isnan(matrix).any(axis=1)
        weights = np.where(known, model.class_shares, 0.0)
        right = float((np.where(known, np.diag(matrix), 0.0) * weights).sum() / weights.sum()) if weights.sum() else 0.0
        rows = tuple(
            (name, tuple(None if np.isnan(share) else float(share) for share in matrix[row]))
            for row, name in enumerate(names)
        )
        yield PersonConfusion(person, given, right, rows)


def soft_labels(labels: Labels) -> Iterator[dict[str, Any]]:
    """Of each item and question the share of votes and the probability of every answer: what a hard label leaves out."""
    for question in latent_questions(labels):
        model = fitted(labels, question)
        names = answers_of(question)
        for row, item in enumerate(labels.items):
            votes = labels.votes(row, question)
            total = sum(votes.values())
            if not total:
                continue
            posterior = None
            if not isinstance(model, str):
                posterior = {name: round(float(p), 6) for name, p in zip(names, model.posterior[row], strict=True)}
            yield {
                "scenario": item.uid,
                "response": item.response_id,
                "question": question,
                "labels": total,
                "votes": {name: round(number / total, 6) for name, number in votes.items()},
                "dawid_skene": posterior,
                "inclusion_probability": item.inclusion_probability,
            }
