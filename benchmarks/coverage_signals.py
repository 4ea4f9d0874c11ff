"""Coverage of the intervals of people's signals: agreement with a reference, pace, scatter of times, sides, sheets, entropy.

Questions of one item go together: an item is as hard as chance has it, and errs on all its questions.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conflictscope.stats.signals.answers import entropy, matching, same_sheet, side_share
from conflictscope.stats.signals.timing import irregularity, pace
from conflictscope.stats.types import Estimate

QUESTIONS = 8
YES = 0.8
Found = dict[str, tuple[Estimate, float]]
Draw = Callable[[np.random.Generator, int], Found]


def agreement(rng: np.random.Generator, items: int) -> Found:
    """Errors of 4 to 36 % by item, 13 % in the mean; references say yes four times of five."""
    hard = 0.04 + 0.32 * rng.beta(1, 2.5, size=items)
    mean = 0.04 + 0.32 / 3.5
    reference = {str(key): (rng.random(items) > YES).astype(np.int8) for key in range(QUESTIONS)}
    mine = {
        key: np.where(rng.random(items) < hard, 1 - codes, codes).astype(np.int8) for key, codes in reference.items()
    }
    found = matching(mine, reference, np.arange(items))
    yes = YES * (1 - mean) + (1 - YES) * mean
    chance = yes * YES + (1 - yes) * (1 - YES)
    return {"share": (found.share, 1 - mean), "beyond": (found.beyond, (1 - mean - chance) / (1 - chance))}


def times(rng: np.random.Generator, items: int) -> Found:
    words = rng.uniform(100, 300, size=items)
    seconds = words / 4 * np.exp(rng.normal(0, 0.5, size=items))
    return {"pace": (pace(seconds, words), 25.0), "irregularity": (irregularity(seconds, words), 0.5)}


def heavy_times(rng: np.random.Generator, items: int) -> Found:
    """Logarithms with the tails of a t with eight degrees of freedom."""
    words = rng.uniform(100, 300, size=items)
    rest = rng.standard_t(8, size=items) * 0.5 / math.sqrt(8 / 6)
    return {"irregularity": (irregularity(words / 4 * np.exp(rest), words), 0.5)}


def answers(rng: np.random.Generator, items: int) -> Found:
    """Two answers an item that name an action; eight of yes and no; a commonest sheet on half of the items."""
    often = rng.beta(6, 2, size=items)
    sides = {key: (rng.random(items) < often).astype(np.int8) for key in ("p", "q")}
    binary = {str(key): (rng.random(items) > YES).astype(np.int8) for key in range(QUESTIONS)}
    usual = rng.random(items) < 0.5
    sheets = [
        (0, 0) if same else (int(a), int(b))
        for same, a, b in zip(usual, rng.integers(1, 9, items), rng.integers(0, 9, items), strict=True)
    ]
    bits = -(YES * math.log2(YES) + (1 - YES) * math.log2(1 - YES))
    return {
        "side": (side_share(sides, np.arange(items)), 0.75),
        "entropy": (entropy(binary), bits),
        "same_sheet": (same_sheet(sheets), 0.5),
    }


CASES: tuple[tuple[str, Draw, tuple[int, ...]], ...] = (
    ("agreement with a reference", agreement, (10, 20, 60, 200)),
    ("log-normal times", times, (12, 20, 60, 200)),
    ("times with heavy tails", heavy_times, (20, 60, 200)),
    ("answers", answers, (10, 20, 60, 200)),
)


def lines(simulations: int, seed: int) -> Iterator[dict[str, Any]]:
    for place, (name, draw, sizes) in enumerate(CASES):
        for items in sizes:
            rng = np.random.default_rng([seed, place, items])
            held: defaultdict[str, list[bool]] = defaultdict(list)
            warned: defaultdict[str, int] = defaultdict(int)
            exact: defaultdict[str, int] = defaultdict(int)
            for _ in range(simulations):
                for what, (estimate, truth) in draw(rng, items).items():
                    if estimate.low is None or estimate.high is None:
                        warned[what] += 1
                        continue
                    held[what].append(estimate.low <= truth <= estimate.high)
                    warned[what] += bool(estimate.warning)
                    exact[what] += estimate.conservative
            for what, holds in held.items():
                yield {
                    "case": f"{name}, {items} items",
                    "method": what,
                    "nominal": True,
                    "warned": warned[what] > simulations / 2,
                    "conservative": exact[what] > simulations / 10,
                    "simulations": simulations,
                    "coverage": {what: round(sum(holds) / len(holds), 4)},
                }
