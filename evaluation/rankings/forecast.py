"""How many more labels would make the corrected ranking of a run as narrow as one wants it."""

from __future__ import annotations

import numpy as np

from conflictscope.errors import InvalidInput
from conflictscope.stats.correction import MoreLabels, more_labels
from evaluation.measures.decisions import Decider, decider_of, trials_of
from evaluation.models import Run
from evaluation.rankings import corrections
from evaluation.rankings.fitting import SEED, values_of

NARROWEST, WIDEST = 0.05, 10.0


def forecast(run: Run, *, width: float) -> MoreLabels:
    """The labels, pair by pair, that would shrink the widest interval of a corrected strength to `width` (log-odds).

    Raises:
        InvalidInput: a width out of range, or a run whose answers are read and not judged.
        Conflict: the dataset has no values.
    """
    if not NARROWEST <= width <= WIDEST:
        raise InvalidInput(f"Choose a width from {NARROWEST} to {WIDEST:g} log-odds.")
    if decider_of(run) != Decider.JUDGE:
        raise InvalidInput("Multiple-choice answers are read, not judged: there is nothing that people would correct.")
    values = values_of(run.dataset)
    trials = trials_of(run).without_dev()  # what judges were tuned on corrects none
    if corrections.sealed(run, run.judge, trials):
        return MoreLabels(width, None, None, (), 0, False, corrections.SEALED)
    judge, people = trials.by(Decider.JUDGE).tallies(values), trials.by(Decider.PEOPLE).tallies(values)
    chances = trials.chances()
    return more_labels(
        judge,
        people,
        width=width,
        rng=np.random.default_rng(SEED),
        chance=[chances.get(str(name), 1.0) for name in judge.scenarios] if chances else None,
    )
