"""How long a ranking with its bootstrap takes, and whether its cost grows with the trials; choix, the paper's way and evalica beside it.

`ours` draws scenarios, which are the units of inference; with one trial a scenario that is what a loop over draws of rows does, so
the same replicates are fitted by choix (on index arrays, warm-started at its own fit) and limits are compared. With more trials a
scenario the loop is timed on the same number of replicates, but draws whole scenarios with all their rows.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import combinations
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SEED = 20_260_601
TRIALS, VALUES, REPLICATES = 1_185, 8, 1_000
ALPHA = 0.01
# The loops are timed on so many replicates and the time is multiplied, or each would take minutes.
LOOP_REPLICATES, AUTHORS_REPLICATES, EVALICA_REPLICATES = 40, 5, 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument(
        "--trials", type=int, default=TRIALS, help="of the first case; 10 and 100 times as many follow (%(default)s)"
    )
    parser.add_argument(
        "--loop", type=int, default=LOOP_REPLICATES, help="replicates that the loops are timed on (%(default)s)"
    )
    options = parser.parse_args()
    for factor in (1, 10, 100):
        print(f"{factor * options.trials} trials", file=sys.stderr)
        print(json.dumps(measure(options.trials, factor, options.replicates, options.loop)), flush=True)


def measure(trials: int, factor: int, replicates: int, loop: int) -> dict[str, Any]:
    """One case: as many scenarios, each with `factor` trials."""
    import choix
    import numpy as np

    from conflictscope.stats import comparisons
    from conflictscope.stats.bradley_terry import fit_ranking, tally_trials

    rng = np.random.default_rng(SEED)
    size = VALUES
    theta = np.linspace(1.2, -1.2, size)
    pairs = np.array(list(combinations(range(size), 2)))
    pair = np.arange(trials) % len(pairs)
    own = rng.normal(size=trials) * (factor > 1)
    scenario = np.repeat(np.arange(trials), factor)
    first, second = pairs[pair[scenario]].T
    won = rng.random(len(scenario)) < 1 / (1 + np.exp(theta[second] - theta[first] - own[scenario]))
    names = np.array([f"v{k}" for k in range(size)])
    columns = [names[first].tolist(), names[second].tolist(), np.where(won, "value_1", "value_2").tolist()]
    rows = np.where(won[:, None], np.column_stack([first, second]), np.column_stack([second, first]))

    began = time.perf_counter()
    tallies = tally_trials(scenario.tolist(), *columns, values=names.tolist())
    tallied = time.perf_counter() - began
    ours = fit_ranking(tallies, rng=np.random.default_rng(SEED), resamples=replicates, method="mle")
    ours_s = time.perf_counter() - began

    by_scenario = rows.reshape(trials, factor, 2)
    start = choix.ilsr_pairwise(size, rows.tolist(), alpha=ALPHA)
    draws = [rng.integers(0, trials, trials) for _ in range(loop)]
    began = time.perf_counter()
    theirs = np.array(
        [
            choix.ilsr_pairwise(size, by_scenario[draw].reshape(-1, 2), alpha=ALPHA, initial_params=start)
            for draw in draws
        ]
    )
    choix_s = (time.perf_counter() - began) * replicates / loop

    # The same replicates, fitted by us: pair counts of each draw, all at once.
    code = rows[:, 0] * size + rows[:, 1]
    tables = np.stack([np.bincount(code.reshape(trials, factor)[draw].ravel(), minlength=size**2) for draw in draws])
    tables = tables.reshape(-1, size, size).astype(float)
    ahead, behind = tables[:, pairs[:, 0], pairs[:, 1]], tables[:, pairs[:, 1], pairs[:, 0]]
    fitted = comparisons.fit(ahead + behind, ahead / np.maximum(ahead + behind, 1), pairs, size, alpha=ALPHA)[0]
    theirs -= theirs.mean(axis=1, keepdims=True)
    limits = [np.percentile(x, [2.5, 97.5], axis=0) for x in (fitted, theirs)]
    return {
        "case": f"{trials * factor} trials",
        "trials": trials * factor,
        "values": size,
        "replicates": replicates,
        "ours_s": round(ours_s, 4),
        "tally_s": round(tallied, 4),
        "choix_loop_s": round(choix_s, 2),
        "authors_loop_s": round(authors_loop(columns, names.tolist()) * replicates, 1),
        "evalica_s": round(evalica_loop(rows, loop) * replicates, 2),
        "ratio": round(choix_s / ours_s, 1),
        "max_diff_theta": float(np.abs(fitted - theirs).max()),
        "max_diff_limit": float(np.abs(limits[0] - limits[1]).max()),
        "disconnected": ours.disconnected,
    }


def authors_loop(columns: list[list[str]], values: list[str]) -> float:
    """Seconds a replicate: rows of a data frame drawn anew, turned into pairs row by row, fitted by choix."""
    import choix
    import pandas as pd

    frame = pd.DataFrame(dict(zip(("value1", "value2", "choice"), columns, strict=True)))
    place = {value: k for k, value in enumerate(values)}
    began = time.perf_counter()
    for number in range(AUTHORS_REPLICATES if len(frame) < 50_000 else 1):
        drawn = frame.sample(n=len(frame), replace=True, random_state=number)
        pairs = []
        for _, row in drawn.iterrows():
            first, second = place[row["value1"]], place[row["value2"]]
            pairs.append((first, second) if row["choice"] == "value_1" else (second, first))
        choix.ilsr_pairwise(len(values), pairs, alpha=ALPHA)
    return (time.perf_counter() - began) / (number + 1)


def evalica_loop(rows: Any, loop: int) -> float:
    """Seconds a replicate: rows drawn anew by index, fitted by evalica's Bradley-Terry."""
    import evalica
    import numpy as np

    rng = np.random.default_rng(SEED)
    count = max(1, min(EVALICA_REPLICATES, loop, 2_000_000 // len(rows)))
    began = time.perf_counter()
    for _ in range(count):
        drawn = rows[rng.integers(0, len(rows), len(rows))]
        evalica.bradley_terry(drawn[:, 0].tolist(), drawn[:, 1].tolist(), [evalica.Winner.X] * len(rows))
    return (time.perf_counter() - began) / count


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
