"""Every regular expression takes time in proportion to the text it is tried on, whatever that text is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.foreign_text import expressions, pumping

MODULES = {module.__name__: module for module in expressions.modules() if list(expressions._calls(module))}
# Made of what a function knows: held by the tests of what these functions do with hostile texts.
PUT_TOGETHER = {
    "conflictscope.llm.delimiters: f'(?P<opening><\\\\s*+(?:/\\\\s*+)?)(?:{either})(?:(?P<end>\\\\s*+(?:/\\\\s*+)?>|[\\\\s/][^<>]{{0,{_LONGEST_ATTRIBUTES}}}>)|(?![\\\\w-]))'",
    "conflictscope.llm.simulator.cases: _MARK.join(map(re.escape, setting.org.split('{mark}')))",
    "conflictscope.llm.simulator.cases: f'{re.escape(person.full)}(?:,| is) {who}\\\\b'",
    "conflictscope.scenarios.search.highlighting: f'(?<![^\\\\W_]){words}' + ('[^\\\\W_]*' if term.prefix else '(?![^\\\\W_])')",
}


def tried(pattern: re.Pattern[Any], methods: set[str]) -> Iterator[Callable[[str], object]]:
    """Whatever is done with it comes down to these."""
    matched = pattern.match if isinstance(pattern.pattern, str) else lambda text: pattern.match(text.encode())
    whole = pattern.fullmatch if isinstance(pattern.pattern, str) else lambda text: pattern.fullmatch(text.encode())
    if "match" in methods:
        yield matched
    if "fullmatch" in methods:
        yield whole
    if methods - {"match", "fullmatch"}:
        yield (
            (lambda text: sum(1 for _ in pattern.finditer(text)))
            if isinstance(pattern.pattern, str)
            else (lambda text: sum(1 for _ in pattern.finditer(text.encode())))
        )


def slowest(pattern: re.Pattern[Any], methods: set[str]) -> str:
    hostile = [("", run, end) for run in pumping.RUNS for end in ("", "\x00")]
    for work in tried(pattern, methods):
        for before, repeated, end in {*hostile, *pumping.texts(pattern)}:
            if said := pumping.grows_too_fast(work, before, repeated, end, most=3_000):
                return said
    return ""


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_expression_is_linear_in_its_text(name: str) -> None:
    found = {
        f"{where} {pattern.pattern!r}": slowest(pattern, methods)
        for where, pattern, methods in expressions.of_module(MODULES[name])
    }
    slow = {where: said for where, said in found.items() if said}
    assert not slow, "\n".join(f"{where}: {said}" for where, said in slow.items())


def test_expressions_that_a_function_puts_together_are_known() -> None:
    found = {where for module in MODULES.values() for where in expressions.put_together(module)}
    assert found == PUT_TOGETHER
