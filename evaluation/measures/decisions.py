"""The decisions of a run as arrays, one entry for each trial: what rankings and dataset measures are computed from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from evaluation.models import Judgement, Response, Run
from evaluation.running.runs import scenarios_of

PARSED = "parsed"
PEOPLE_THEN_JUDGE = "people, then judge"


@dataclass(frozen=True, slots=True)
class Decisions:
    """One run's trials in the order of scenario, option order and sample; columns of equal length.

    Attributes:
        source: who decided (`Judgement.Source`); unjudged: responses that nobody has judged so far, left out.
    """

    scenario: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    sample: list[int] = field(default_factory=list)
    value_1: list[str] = field(default_factory=list)
    value_2: list[str] = field(default_factory=list)
    choice: list[str] = field(default_factory=list)
    source: list[str] = field(default_factory=list)
    unjudged: int = 0

    def __len__(self) -> int:
        return len(self.choice)

    @property
    def by_people(self) -> int:
        """Trials whose decision is a panel's."""
        return self.source.count(Judgement.Source.HUMAN)

    @property
    def digest(self) -> str:
        """SHA-256 of every trial, its decision and who made it."""
        sha = hashlib.sha256()
        columns = (self.scenario, self.order, self.sample, self.value_1, self.value_2, self.choice, self.source)
        for row in zip(*columns, strict=True):
            sha.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        return sha.hexdigest()


def decisions_of(run: Run) -> Decisions:
    """The trials of the run's scenarios as they are in scope now, each with the decision that pages show."""
    trials = (
        Response.objects.filter(run=run, scenario__in=scenarios_of(run))
        .with_decision()
        .order_by("scenario__uid", "order", "sample")
    )
    pair = ("scenario__value_1__key", "scenario__value_2__key")
    rows = list(trials.values_list("scenario__uid", "order", "sample", *pair, "decision", "decided_by"))
    decided = [row for row in rows if row[-1] is not None]
    return Decisions(
        scenario=[row[0] for row in decided],
        order=[row[1] for row in decided],
        sample=[row[2] for row in decided],
        value_1=[row[3] or "" for row in decided],
        value_2=[row[4] or "" for row in decided],
        choice=[row[5] for row in decided],
        source=[row[6] for row in decided],
        unjudged=len(rows) - len(decided),
    )


def deciders(run: Run) -> str:
    """Whose decisions these are, for the parameters of what is computed from them."""
    return PARSED if run.mode == Run.Mode.MULTIPLE_CHOICE else PEOPLE_THEN_JUDGE
