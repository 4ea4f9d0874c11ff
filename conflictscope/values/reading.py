"""The three ways in which people write a value set down: JSON, YAML, and a list with a value a line."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import yaml

from conflictscope.errors import InvalidInput

# At most so much text is read; a value set of a thousand long definitions is smaller.
LONGEST = 1_000_000
_BULLET = re.compile(r"\s{0,40}(?:[-*•–—]|\d{1,3}[.)])\s{1,40}")
# What parts a name from its definition in a list: the first of these that stands in the line.
_BETWEEN = re.compile(r"\t|:\s|\s[-–—]\s|:$")


class _Loader(yaml.SafeLoader):
    """Plain data only, and no aliases: a short text could unfold to any size through them."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "an alias (*name) is not read here", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for key, times in Counter(str(key) for key in keys).items() if times > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} stands there twice", node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def mapping_of(text: str, *, source: str) -> dict[str, Any]:
    """The object of a JSON or YAML text.

    Raises:
        InvalidInput: it is neither, or no object, or says a key twice; with line and column.
    """
    _refuse_long(text, source=source)
    # YAML holds nearly all JSON, but says less clearly what is wrong with it.
    data = (
        _json(text, source=source) if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[", "") else _yaml(text, source=source)
    )
    if not isinstance(data, dict):
        raise InvalidInput(f"{source} holds no JSON object: write {{name: definition, ...}} or the long form.")
    return {str(key): value for key, value in data.items()}


def list_of(text: str, *, source: str) -> dict[str, str]:
    """A value a line, its name before a colon, a dash or a tab and its definition after it. Lines that are indented go on.

    Raises:
        InvalidInput: a line without a name or a definition, or a name twice; with the number of the line.
    """
    _refuse_long(text, source=source)
    values: dict[str, str] = {}
    name = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        bullet = _BULLET.match(line)
        if name and line[0] in " \t" and not bullet:
            values[name] = f"{values[name]} {line.strip()}".strip()
            continue
        line = line[bullet.end() :] if bullet else line
        between = _BETWEEN.search(line)
        if between is None:
            raise InvalidInput(
                f"{source}, line {number}: no definition stands beside {line.strip()[:60]!r}. Write one value a line: "
                "name: what it asks for."
            )
        name = line[: between.start()].strip().strip("*_\"'").strip()
        if not name:
            raise InvalidInput(f"{source}, line {number} has a definition and no name before it.")
        if name in values:
            raise InvalidInput(f"{source} says {name!r} twice, the second time in line {number}: keep one of them.")
        values[name] = line[between.end() :].strip()
    return values


def _refuse_long(text: str, *, source: str) -> None:
    if len(text) > LONGEST:
        raise InvalidInput(f"{source} has {len(text):,} characters; a value set has at most {LONGEST:,}.")


def _json(text: str, *, source: str) -> Any:
    def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
        if twice:
            raise InvalidInput(f"{source} says {twice[0]!r} twice: keep one of them.")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once_each)
    except json.JSONDecodeError as exc:
        raise InvalidInput(f"{source} is not JSON: {exc.msg} in line {exc.lineno}, column {exc.colno}.") from exc
    except ValueError as exc:
        raise InvalidInput(f"{source} holds a number that is no number of a value set: {exc}.") from exc
    except RecursionError as exc:
        raise InvalidInput(f"{source} is nested too deeply to be a value set.") from exc


def _yaml(text: str, *, source: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a safe one
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InvalidInput(f"{source} is neither JSON nor YAML: {exc.problem or exc.context}{where}.") from exc
    except (yaml.YAMLError, ValueError) as exc:
        raise InvalidInput(f"{source} is neither JSON nor YAML: {exc}.") from exc
    except RecursionError as exc:
        raise InvalidInput(f"{source} is nested too deeply to be a value set.") from exc
