"""What takes a text from outside (of a model, a file, a person) takes time in proportion to it, whatever it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from annotation.guidelines import as_html
from conflictscope.errors import ConflictScopeError
from conflictscope.files import csv_cells
from conflictscope.files.encodings import likeliest
from conflictscope.files.texts import printable, storable, unstorable
from conflictscope.llm import thought
from conflictscope.llm.errors import UnparsableReply
from conflictscope.llm.prompts import delimit
from conflictscope.llm.replies import read_as
from conflictscope.llm.simulator import questions, reading
from conflictscope.scenarios.importing.detecting import detected
from conflictscope.scenarios.importing.records import ReadingOptions
from conflictscope.scenarios.search import highlighting, query
from conflictscope.templatetags.ui import visible
from evaluation.running.judging import JudgeReply, spoken
from evaluation.running.parsing import looks_refused, parse_choice, parse_rating
from tests.foreign_text.pumping import RUNS, grows_too_fast

OPTIONS = {"option_a": "I tell them.", "option_b": "I do not tell them."}
HAND_MADE = (
    ("", " ", "\x00"), ("", "<", ""), ("", "(", "!"), ("", '"', ""), ("", "\\", ""), ("", "1", "a"), ("", "a", "!"), ("", "[", ""), ("", "\n", "."),
    ("<", " ", ""), ("<action_a", " ", ""), ("<action_a ", "x", ">"), ("", "<action_a ", ""), ("", "</", "action_a>"), ("<act", "\u200b", "ion_a>"),
    ("", "‹", ""), ("", "<acti", "on>"), ("", "<action_a>", ""), ("{", '"a": {', ""), ("", '{"choice": ', ""), ("", '{"', ""), ('{"', "\\", ""),
    ('{"reason": "', "\\\"", ""), ("", "<think>", ""), ("", "</think>", ""), ("<think", " ", ""), ("", "<think ", ""), ("Option ", " ", "A"),
    ("I choose", " ", ""), ("", "I cannot ", "A"), ("", "A or ", "B"), ("", "not A ", ""), ("", "\\boxed{", ""), ("\\boxed{", "a", ""),
    ("", "I tell them", ""), ("", "I tell ", ""), ("1", "0", ""), ("", "1 to ", "7"), ("", "Assistant:", ""), ("", "\nAssistant: ", ""), ("", "a,b\n", ""), ("", '"a;', ""),
)  # fmt: skip


def choice(text: str) -> object:
    return parse_choice(text, **OPTIONS)


def option(text: str) -> object:
    """The options are texts from outside, too."""
    return parse_choice("a" * len(text), option_a=text, option_b=text[::-1])


def judge_reply(text: str) -> None:
    with suppress(UnparsableReply):
        read_as(JudgeReply, text)


def marked(text: str) -> object:
    return highlighting.pieces(text, query.parse('a action (a "b c" 1*'))


def understood(text: str) -> object:
    return questions.understand(
        [questions.Turn("user", delimit("transcript", text) + "<action_a></action_a><action_b></action_b>")]
    )


FUNCTIONS: Mapping[str, Callable[[str], object]] = {
    "a choice": choice,
    "an option": option,
    "a rating": parse_rating,
    "a refusal": looks_refused,
    "a judge's reply": judge_reply,
    "thought": thought.part,
    "a section": lambda text: delimit("action_a", text),
    "a transcript": lambda text: spoken([{"role": "user", "text": text}]),
    "a simulated judge": understood,
    "a simulated reader": lambda text: reading.spoken_by_assistant(text),
    "a query": query.parse,
    "a text searched": marked,
    "a text shown": visible,
    "a cell": lambda text: csv_cells.unescape(csv_cells.escape(text)),
    "a name": printable,
    "a stored text": lambda text: storable(text.replace("\x00", ""), where="here") + unstorable(text),
    "bytes of some encoding": lambda text: likeliest(text.encode("utf-16")[:4_000]),
}  # fmt: skip


def slow(work: Callable[[str], object]) -> list[str]:
    texts = [(("", run, "\x00"), 3_000) for run in RUNS] + [(text, 40_000) for text in HAND_MADE]
    return [said for text, most in texts if (said := grows_too_fast(work, *text, most=most))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_reads_a_text_takes_time_in_proportion_to_it(name: str) -> None:
    found = slow(FUNCTIONS[name])
    assert not found, "\n".join(found)


def test_a_guideline_takes_time_in_proportion_to_it() -> None:
    texts = [("", run, "") for run in RUNS]
    found = [said for text in texts if (said := grows_too_fast(as_html, *text, most=3_000))]
    assert not found, "\n".join(found)


def imported(path: Path) -> None:
    with suppress(ConflictScopeError):
        sum(1 for _ in detected(path).read(path, ReadingOptions()))


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.json"])
def test_a_file_takes_time_in_proportion_to_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    begins = {"rows.csv": "description,action1,action2\n", "rows.jsonl": '{"description": "', "rows.json": '[{"a": "'}

    def read(text: str) -> None:
        path.write_text(begins[name] + text, encoding="utf-8")
        imported(path)

    found = slow(read)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text", ["[" * 40_000, "> " * 20_000, "- " * 3_000 + "a", "1. " * 3_000 + "a", "![" * 20_000])
def test_a_guideline_deeper_than_anybody_writes_is_shown_as_plain_text(text: str) -> None:
    shown = as_html(f"# Guide\n\n<b>Read</b>\n\n{text}")
    assert "# Guide" in shown
    assert "<b>" not in shown


def test_a_guideline_with_rules_and_lists_is_not_taken_for_one() -> None:
    shown = as_html(
        "# Guide\n\n" + "-" * 80 + "\n\n" + "- " * 50 + "\n\n- a\n    - b\n        1. [c](https://example.org)"
    )
    assert "<h1>Guide</h1>" in shown
    assert "https://example.org" in shown
