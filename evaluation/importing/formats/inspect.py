"""Eval logs of Inspect AI as JSON, of a task whose samples offer two actions. Read by their documented form, without its package.

A sample's id is the scenario's, its epoch the number of the sample (from 1), its `choices` the two actions in the order shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conflictscope.errors import InvalidInput
from conflictscope.files.texts import lines_of
from conflictscope.scenarios.importing.records import BadRow, ReadingOptions, RowPlace, RowProblem, nothing_in
from evaluation.importing.records import Choice, ImportedTrial
from evaluation.models import Run
from evaluation.running.parsing import looks_refused, parse_choice

LARGEST = 200_000_000  # characters: a log is one document, read whole


class InspectLog:
    name = "inspect"
    label = "Inspect AI eval log (JSON)"
    needs = "eval.model and samples, each with id, two choices, and output"

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedTrial | BadRow]:
        log = log_in(path, encoding=reading.encoding)
        if log is None:
            raise InvalidInput(f"{path.name} is no eval log of Inspect AI: it needs {self.needs}.")
        model = str(log["eval"]["model"])
        number = 0
        for number, sample in enumerate(log["samples"], start=1):
            place = RowPlace(path.name, number)
            try:
                yield _trial(place, sample, model)
            except RowProblem as exc:
                yield BadRow(place, exc.column, exc.why)
        nothing_in(path, number)


def log_in(path: Path, *, encoding: str = "") -> Mapping[str, Any] | None:
    """The document of the file; None where it is no such log.

    Raises:
        InvalidInput: the file is too large, or cannot be read.
    """
    lines: list[str] = []
    length = 0
    for _, line in lines_of(path, encoding=encoding):
        if not lines and not line.lstrip().startswith("{"):
            return None
        lines.append(line)
        length += len(line)
        if length > LARGEST:
            raise InvalidInput(
                f"{path.name} is longer than {LARGEST:,} characters: export its samples in several logs."
            )
    try:
        log = json.loads("".join(lines))
    except (ValueError, RecursionError):
        return None
    whole = (
        isinstance(log, dict)
        and isinstance(log.get("eval"), dict)
        and log["eval"].get("model")
        and isinstance(log.get("samples"), list)
    )
    return log if whole else None


def _trial(place: RowPlace, sample: Any, model: str) -> ImportedTrial:
    if not isinstance(sample, dict) or not str(sample.get("id", "")).strip():
        raise RowProblem("id", "the sample has no id; it must be the scenario's.")
    options = sample.get("choices")
    if not (isinstance(options, list) and len(options) == 2 and all(isinstance(each, str) for each in options)):
        raise RowProblem("choices", "the sample does not offer two choices.")
    epoch = sample.get("epoch", 1)
    if not isinstance(epoch, int) or not 1 <= epoch < 32_768:
        raise RowProblem("epoch", f"{str(epoch)[:40]!r} is no whole number from 1.")
    answer, ending = _output(sample.get("output"))
    failed = bool(sample.get("error")) or ending not in ("stop", "")
    return ImportedTrial(
        place=place,
        scenario=str(sample["id"]),
        target=model,
        mode=Run.Mode.MULTIPLE_CHOICE,
        choice="failed" if failed else _choice(sample, answer, options),
        options=(options[0], options[1]),
        sample=epoch - 1,
        transcript=({"role": "assistant", "text": answer},) if answer else (),
        refused=looks_refused(answer),
    )


def _output(output: Any) -> tuple[str, str]:
    """The text of the answer, thought left out, and how it ended."""
    choices = output.get("choices") if isinstance(output, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return "", ""
    message = choices[0].get("message")
    content = message.get("content", "") if isinstance(message, dict) else ""
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        content = "\n".join(str(part.get("text", "")) for part in parts)
    return str(content), str(choices[0].get("stop_reason") or "")


def _choice(sample: Mapping[str, Any], answer: str, options: list[str]) -> Choice:
    """The letter that the log's own scorer read, else what we read in the answer; of the options in the order shown."""
    scores = sample.get("scores")
    for score in scores.values() if isinstance(scores, dict) else ():
        letter = score.get("answer") if isinstance(score, dict) else None
        if letter in ("A", "B"):
            return "first" if letter == "A" else "second"
    letter = parse_choice(answer, option_a=options[0], option_b=options[1]).letter
    return "none" if letter is None else "first" if letter == "A" else "second"
