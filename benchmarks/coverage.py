"""How often the intervals hold the truth: every interval that a page shows, simulated with a truth that is known.

`--part` chooses `ranking`, `differences`, `agreement`, `stopping` or `signals`; without it all parts that exist run in turn. A part is a module beside
this one with `lines(simulations, seed)`, which yields one dictionary for each case and method.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
PARTS = ("ranking", "differences", "agreement", "stopping", "signals")
SIMULATIONS = 2_000
SEED = 20_260_601


def lines_of(part: str, simulations: int, seed: int) -> Iterator[dict[str, Any]]:
    """The lines of one part, with its name first."""
    module = importlib.import_module(f"coverage_{part}")
    for line in module.lines(simulations, seed):
        yield {"part": part, **line}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    present = [part for part in PARTS if (FOLDER / f"coverage_{part}.py").exists()]
    parser.add_argument("--part", choices=present, help="one part alone")
    parser.add_argument("--simulations", type=int, default=SIMULATIONS, help="of each case (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    if options.simulations < 1:
        parser.error("--simulations is a number from 1")
    for part in [options.part] if options.part else present:
        began = time.monotonic()
        for line in lines_of(part, options.simulations, options.seed):
            print(json.dumps(line), flush=True)
            print(f"{part}: {line['case']} ({line['method']}), {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER.parent))
    main()
