"""Incremental deduplication against the naive way on real text, and at the size of a large dataset.

`real`: messages arrive in batches. Ours embeds what is new and compares it, in blocks, with all earlier ones; the naive way embeds
everything again for every batch, by the library's own defaults, and computes the whole matrix of cosines. Both sides run in one process,
batch by batch in turn, with a rest before each: the threads of a product of matrices go on spinning for a while after it.
`scale`: random unit vectors among which pairs with a known cosine are hidden. Each case runs in a process of its own, so that its
peak of memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data" / "conflictscope"
THRESHOLD = 0.8
OUTLINE_LENGTH = 240  # characters, about what an outline has
DIMENSIONS = 384
PLANTED = 200  # pairs at either cosine
BELOW, ABOVE = 0.79, 0.81
INCREMENT = 10_000
REST = 0.1  # seconds
SEED = 20_260_501


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["real", "scale"], help="one case alone")
    parser.add_argument("--messages", type=int, default=1200)
    parser.add_argument("--batch", type=int, default=40)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        case = real(options.messages, options.batch) if options.only == "real" else scale(options.vectors)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(case | {"peak_mib": round(peak, 1)}), flush=True)
        return
    threads = str(os.cpu_count() or 1)
    environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "HF_HUB_OFFLINE": "1"}
    good = True
    for only in [options.only] if options.only else ["real", "scale"]:
        command = [sys.executable, __file__, "--here", "--only", only]
        command += [f"--messages={options.messages}", f"--batch={options.batch}", f"--vectors={options.vectors}"]
        done = subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        print(done.stdout, end="", flush=True)
        good &= json.loads(done.stdout)["same_decisions"]
    sys.exit(0 if good else 1)


def real(number: int, batch: int) -> dict[str, object]:
    import numpy as np

    set_up()
    from django.conf import settings
    from sentence_transformers import SentenceTransformer

    from conflictscope.scenarios.dedup import nearest_earlier
    from conflictscope.scenarios.embedding import embed, folder_of

    texts, source = messages(number)
    script = SentenceTransformer(folder_of(settings.EMBEDDING_MODEL), device="cpu")
    for side in (embed, script.encode):  # the weights are loaded before either side is timed
        side(texts[:1])
    ours = naive = 0.0
    vectors = np.empty((0, DIMENSIONS), dtype=np.float32)
    decided: list[bool] = []
    same = True
    for first in range(0, len(texts), batch):
        time.sleep(REST)
        began = time.perf_counter()
        vectors = np.concatenate([vectors, embed(texts[first : first + batch])])
        _, cosines = nearest_earlier(vectors, start=first)
        decided += (cosines >= THRESHOLD).tolist()
        ours += time.perf_counter() - began

        time.sleep(REST)
        began = time.perf_counter()
        everything = script.encode(texts[: first + batch], normalize_embeddings=True, show_progress_bar=False)
        matrix = everything @ everything.T
        again = (np.tril(matrix, k=-1) >= THRESHOLD).any(axis=1)
        naive += time.perf_counter() - began

        same &= again.tolist() == decided
        say(f"real: {len(decided)} of {len(texts)} messages, ours {ours:.1f} s, whole matrix {naive:.1f} s")
    return {
        "case": "real",
        "same_decisions": same,
        "seconds": round(ours, 2),
        "whole_matrix_seconds": round(naive, 2),
        "ratio": round(naive / ours, 1),
        "messages": len(texts),
        "duplicates": sum(decided),
        "text": source,
    }


def scale(number: int) -> dict[str, object]:
    import numpy as np

    set_up()
    from conflictscope.scenarios.dedup import nearest_earlier

    rng = np.random.default_rng(SEED)
    vectors = rng.standard_normal((number, DIMENSIONS), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    planted = min(PLANTED, number // 8)
    chosen = rng.permutation(number)[: 4 * planted].reshape(-1, 2)
    twins = {}
    for row, (earlier, later) in enumerate(np.sort(chosen, axis=1)):
        cosine = BELOW if row < planted else ABOVE
        apart = vectors[later] - (vectors[later] @ vectors[earlier]) * vectors[earlier]
        vectors[later] = cosine * vectors[earlier] + np.sqrt(1 - cosine**2) * apart / np.linalg.norm(apart)
        twins[int(later)] = (int(earlier), cosine)
    say(f"scale: {number} vectors, {planted} pairs at {BELOW} and {planted} at {ABOVE}")
    seconds, right = 0.0, 0
    duplicates = 0
    for first in range(0, number, INCREMENT):
        began = time.perf_counter()
        nearest, cosines = nearest_earlier(vectors[: first + INCREMENT], start=first)
        near = cosines >= THRESHOLD
        seconds += time.perf_counter() - began
        duplicates += int(near.sum())
        for later, (earlier, cosine) in twins.items():
            if first <= later < first + INCREMENT:
                place = later - first
                right += nearest[place] == earlier and bool(near[place]) == (cosine >= THRESHOLD)
        say(f"scale: {min(first + INCREMENT, number)} of {number} vectors, {seconds:.1f} s")
    return {
        "case": "scale",
        "same_decisions": bool(right == len(twins) and duplicates == planted),
        "seconds": round(seconds, 2),
        "vectors": number,
        "planted": len(twins),
    }


def messages(number: int) -> tuple[list[str], str]:
    """The authors' messages, cut to the length of an outline; of our own simulator where the files are not there."""
    texts: list[str] = []
    for name in ("HHH", "personalprotective", "modelspec"):
        file = SHARED / f"{name}.prompts.json"
        if file.is_file():
            texts += [text[:OUTLINE_LENGTH] for text in json.loads(file.read_text()).values()]
    if len(texts) >= number:
        return texts[:number], "the authors' messages"
    from conflictscope.llm.simulator.writing.scenarios import outlines

    made = []
    for row in range(-(-number // 40)):
        batch = outlines(
            "Write 40 outlines. Taking the opportunity serves value 1.",
            deployment="",
            value_1="Helpfulness: doing what is asked.",
            value_2="Honesty: saying what is true.",
            avoid="",
            key=(SEED, row),
        )
        made += [f"{outline['context']} {outline['opportunity']}" for outline in batch]
    return made[:number], "made up"


def set_up() -> None:
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conflictscope.settings")
    import django

    django.setup()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
