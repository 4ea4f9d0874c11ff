"""The process that embeds: `python -m conflictscope.scenarios.embedding_process FOLDER DOWNLOAD`, started by `embedding`.

It loads the weights, then answers until its input ends or nobody asks for a while, which gives its memory back. A question is a
line of JSON, a list of texts. An answer is a line of JSON, then as many bytes as it names: `{"rows": 2, "columns": 384}` and the
vectors as little-endian float32, or `{"error": "..."}` and nothing. No Django here: it starts in the time the weights take.
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any

# Whoever renews leases, serves pages or talks to language models goes first.
NICE = 5
# Texts in one pass through the model, padded to the longest of them: few, as increments are small and of mixed lengths.
AT_A_TIME = 16
IDLE_SECONDS = 120.0


def main(folder: str, may_download: bool) -> None:
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    os.nice(NICE)
    try:
        encoder = _loaded(folder, may_download=may_download)
    except (OSError, ValueError, ImportError) as exc:
        _say(answers, {"error": f"{type(exc).__name__}: {exc}"})
        return
    _say(answers, {"rows": 0, "columns": encoder.get_embedding_dimension()})
    # A whole line is written at a time and answered before the next, so none waits in the buffer while this looks at the pipe.
    while select.select([questions], [], [], IDLE_SECONDS)[0] and (line := questions.readline()):
        vectors = encoder.encode(
            json.loads(line),
            batch_size=AT_A_TIME,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        rows, columns = vectors.shape
        _say(answers, {"rows": rows, "columns": columns}, vectors.astype("<f4").tobytes())


def _loaded(folder: str, *, may_download: bool) -> Any:
    if not may_download:
        # Read when huggingface_hub is first imported, which is below: a look-up in the installed files stays one.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as of_transformers

    of_transformers.disable_progress_bar()  # type: ignore[no-untyped-call]
    return SentenceTransformer(folder, device="cpu", local_files_only=not may_download)


def _say(answers: Any, head: dict[str, Any], body: bytes = b"") -> None:
    answers.write(json.dumps(head).encode() + b"\n" + body)
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "1")
