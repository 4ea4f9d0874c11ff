"""What the signals find, and how often they mark somebody honest: simulated campaigns with people of known kinds.

Honest people differ: they are right 80 to 97 % of the time, read 2 to 7 words a second, and their times scatter. Items differ in how hard
they are. Beside them stand people who click at random, grow careless after twenty items, always answer A, copy a neighbour,
or are an agent. One line of JSON for each kind of person: how many were marked, and by which signals; for the honest also by each
signal alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence

import numpy as np

from conflictscope.stats.labels import MISSING
from conflictscope.stats.signals import WorkSheets, alike_pairs, copied_comments, signals_of

# Questions as a filter campaign has them: six of yes and no, and two that name an action, both or neither.
YES_NO = tuple(f"question_{number}" for number in range(1, 7))
ACTION = ("guidance_1", "guidance_2")
FAULTY = ("random", "careless", "always_a", "colluder", "agent")


def simulated(seed: int, *, honest: int, items: int, overlap: int, gold: float, faulty: Sequence[str] = FAULTY):
    """A campaign and the kind of each of its people."""
    rng = np.random.default_rng([20_261_201, seed])
    kinds = ["honest"] * honest + list(faulty)
    people = len(kinds)
    sizes = dict.fromkeys(YES_NO, 2) | dict.fromkeys(ACTION, 4)
    truth = {key: (rng.random(items) > 0.85).astype(np.int8) for key in YES_NO}
    truth |= {key: rng.choice(4, size=items, p=[0.45, 0.45, 0.05, 0.05]).astype(np.int8) for key in ACTION}
    hard = rng.beta(1, 4, size=items) * 2  # a factor on how often people err
    words = rng.normal(220, 50, size=items).clip(80)
    done = np.zeros((items, people), dtype=bool)
    # Who gets what: as in routing, whoever is quick gets more; the colluder works on the items of the first person.
    rates = rng.uniform(0.6, 1.4, size=people)
    for item in range(items):
        chosen = rng.choice(people, size=min(overlap, people), replace=False, p=rates / rates.sum())
        done[item, chosen] = True
    for column, kind in enumerate(kinds):
        if kind == "colluder":
            shared = np.flatnonzero(done[:, 0])
            done[rng.choice(shared, size=int(0.7 * len(shared)), replace=False), column] = True
    seconds = np.full((items, people), np.nan)
    turn = np.full((items, people), -1)
    signs = np.full((items, people), np.nan)
    shown_first = rng.integers(0, 2, size=(items, people))  # which action is A
    codes = {key: np.full((items, people), MISSING, dtype=np.int8) for key in sizes}
    for column, kind in enumerate(kinds):
        rows = rng.permutation(np.flatnonzero(done[:, column]))
        m = len(rows)
        turn[rows, column] = np.arange(m)
        right = rng.uniform(0.80, 0.97)
        speed = rng.uniform(2, 7)
        scatter = rng.uniform(0.3, 0.7)
        attentive = np.ones(m, dtype=bool)
        if kind == "random":
            attentive[:] = False
        if kind == "careless":
            right = 0.92
            attentive[20:] = False
        for key, size in sizes.items():
            err = rng.random(m) < (1 - right) * hard[rows] * 1.25
            wrong = (truth[key][rows] + rng.integers(1, size, size=m)) % size
            answer = np.where(err, wrong, truth[key][rows])
            blind = rng.integers(0, size, size=m)
            if kind == "always_a":
                answer = shown_first[rows, column] if key in ACTION else np.ones(m)
            codes[key][rows, column] = np.where(attentive, answer, blind).astype(np.int8)
        needed = words[rows] / speed + 1.5 * len(sizes)
        times = needed * np.exp(rng.normal(0, scatter, size=m))
        if kind == "random":
            times = rng.uniform(6, 20, size=m)
        elif kind == "careless":
            times[~attentive] *= 0.4
        elif kind == "always_a":
            times = 8 * np.exp(rng.normal(0, 0.4, size=m))
        elif kind == "agent":
            times = 6 * np.exp(rng.normal(0, 0.05, size=m))
        seconds[rows, column] = times
        signs[rows, column] = 0 if kind == "agent" else rng.poisson(30, size=m) + 5
    for column, kind in enumerate(kinds):
        if kind == "colluder":
            both = done[:, 0] & done[:, column]
            copy = both & (rng.random(items) < 0.97)
            for table in codes.values():
                table[copy, column] = table[copy, 0]
    sides = {
        key: np.where(
            codes[key] > 1, MISSING, np.where(codes[key] == MISSING, MISSING, codes[key] == shown_first)
        ).astype(np.int8)
        for key in ACTION
    }
    known = rng.random(items) < gold
    return kinds, WorkSheets(
        codes=codes,
        sizes=sizes,
        sides=sides,
        gold={key: np.where(known, truth[key], MISSING).astype(np.int8) for key in sizes},
        seconds=seconds,
        words=words,
        turn=turn,
        clusters=np.arange(items),
        signs=signs,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="simulated campaigns (200)")
    parser.add_argument("--honest", type=int, default=15, help="honest people in each (15)")
    parser.add_argument("--items", type=int, default=400, help="items (400)")
    parser.add_argument("--overlap", type=int, default=3, help="people an item (3)")
    parser.add_argument("--gold", type=float, default=0.1, help="share of items whose answers are known (0.1)")
    options = parser.parse_args()
    marked: dict[str, list[set[str]]] = {kind: [] for kind in ("honest", *FAULTY)}
    done = Counter()
    for seed in range(options.seeds):
        kinds, sheets = simulated(
            seed, honest=options.honest, items=options.items, overlap=options.overlap, gold=options.gold
        )
        found = signals_of(
            sheets,
            rng=np.random.default_rng(seed),
            comments=copied_comments([], sheets.people),
            pairs=alike_pairs(sheets),
        )
        for kind, person, column in zip(kinds, found, range(sheets.people), strict=True):
            done[kind] += person.items
            signals = {str(mark.signal) for mark in person.marks}
            if column == 0:
                signals.discard("alike")  # who is copied from is honest, and the pair is named all the same
            marked[kind].append(signals)
        print(f"{seed + 1} of {options.seeds}", file=sys.stderr, end="\r", flush=True)
    for kind, people in marked.items():
        by_signal = Counter(signal for signals in people for signal in signals)
        print(
            json.dumps(
                {
                    "kind": kind,
                    "people": len(people),
                    "items_each": round(done[kind] / len(people), 1),
                    "marked": round(sum(map(bool, people)) / len(people), 4),
                    "by_signal": {name: round(n / len(people), 4) for name, n in by_signal.most_common()},
                }
            ),
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
