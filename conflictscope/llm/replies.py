"""Reading a reply as the form that was asked for. What is not of that form is said to be so; nobody guesses.

LLMs keep to a form in their own ways. These are tolerated, and no others (`TOLERATED`; a test holds each to its word):

- text around the object: a sentence, a code fence;
- keys in another case;
- keys that nobody asked for;
- one object wrapped around it, under a single key of its own;
- a comma after the last entry.

A key that stands twice with two values contradicts itself, and so do two objects that both fit and differ: neither is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from conflictscope.llm.errors import UnparsableReply
from conflictscope.llm.types import SchemaT

TOLERATED = ("text around it", "a fence", "case of keys", "extra keys", "one wrapper", "a trailing comma")
_MOST_FAULTS = 5
# So many places at which an object seems to begin, and none does, are looked at: each look may read to the end of the text.
_MOST_STARTS = 200
# A whole string, closed or not, so that commas within it are left alone; or a comma before a closing bracket.
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*+"?)|,(?=\s*+[}\]])', re.DOTALL)


class _Contradiction(Exception):
    """A key stands twice in one object, with two values."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def read_as(schema: type[SchemaT], text: str) -> SchemaT:
    """The object in a reply: the one that fits, whatever stands around it.

    Raises:
        UnparsableReply: no object, none that fits, several that fit and differ, or one that contradicts itself.
    """
    text = text.strip().replace("\\u0000", "\\ufffd")  # no database takes a NUL
    try:
        fitting, misfit = _fitting(schema, text)
        if not fitting and (start := text.find("{")) >= 0:
            plain = _TRAILING_COMMA.sub(lambda match: match[1] or "", text[start:])
            fitting, misfit = _fitting(schema, plain) if len(plain) < len(text[start:]) else (fitting, misfit)
    except _Contradiction as exc:
        raise UnparsableReply(f"The JSON object says two things of {exc.key!r}; one was asked for.") from None
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UnparsableReply(f"The reply holds {len(fitting)} different JSON objects that fit; one was asked for.")
    if misfit:
        raise UnparsableReply(f"The JSON object is not of the form asked for: {misfit}")
    try:
        schema.model_validate_json(text)
    except ValidationError as exc:
        if any(fault["type"] == "json_invalid" for fault in exc.errors()):
            raise UnparsableReply(f"The reply holds no JSON object: {_faults(exc)}") from None
        raise UnparsableReply(f"The JSON object is not of the form asked for: {_faults(exc)}") from None
    raise UnparsableReply("The reply holds no JSON object.")


def schema_text(schema: type[BaseModel]) -> str:
    """The JSON schema of a form, written the same way every time."""
    return json.dumps(schema.model_json_schema(), ensure_ascii=False, sort_keys=True)


def made_storable(text: str) -> str:
    """A text as every database takes it: without NUL, and without the halves of characters that some LLMs send."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _fitting(schema: type[SchemaT], text: str) -> tuple[list[SchemaT], str]:
    """The objects in a text that fit, each once, and what is wrong with the last one that does not.

    Raises:
        _Contradiction: one of them says two things of a key.
    """
    fitting: list[SchemaT] = []
    misfit = ""
    for document in _objects_in(text):
        try:
            value = _fit(schema, document)
        except ValidationError as exc:
            misfit = _faults(exc)
            continue
        if value not in fitting:
            fitting.append(value)
    return fitting, misfit


def _objects_in(text: str) -> Iterator[Mapping[str, Any]]:
    decoder = json.JSONDecoder(object_pairs_hook=_of_pairs)
    at, left = text.find("{"), _MOST_STARTS
    while at >= 0 and left:
        end = at + 1
        try:
            document, end = decoder.raw_decode(text, at)
            yield document
        except (ValueError, RecursionError):
            left -= 1
        at = text.find("{", end)


def _of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """
    Raises:
        _Contradiction: a key with two values.
    """
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values and values[key] != value:
            raise _Contradiction(key)
        values[key] = value
    return values


def _fit(schema: type[SchemaT], document: Mapping[str, Any]) -> SchemaT:
    """
    Raises:
        ValidationError: it does not fit, even where it is unwrapped.
    """
    try:
        return _validated(schema, document)
    except ValidationError:
        if len(document) == 1:
            (inner,) = document.values()
            if isinstance(inner, Mapping) and not _names(schema).keys() & {key.casefold() for key in document}:
                return _validated(schema, inner)
        raise


def _validated(schema: type[SchemaT], document: Mapping[str, Any]) -> SchemaT:
    # Written anew and read as JSON, by whose rules the form is held.
    return schema.model_validate_json(made_storable(json.dumps(_tidied(schema, document), ensure_ascii=False)))


def _tidied(annotation: Any, value: Any) -> Any:
    """With the keys that the form names, as it writes them, at every depth."""
    if isinstance(value, list):
        inner = next((each for each in get_args(annotation) if each is not Ellipsis), None)
        return [_tidied(inner, each) for each in value]
    if not isinstance(value, Mapping):
        return value
    form = next((each for each in (annotation, *get_args(annotation)) if _is_form(each)), None)
    if form is None:
        return value
    names = _names(form)
    tidied: dict[str, Any] = {}
    for key, each in value.items():
        name = names.get(key.casefold())
        if name is None:
            continue
        each = _tidied(form.model_fields[name].annotation, each)
        if name in tidied and tidied[name] != each:
            raise _Contradiction(name)
        tidied[name] = each
    return tidied


def _is_form(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _names(schema: type[BaseModel]) -> dict[str, str]:
    return {name.casefold(): name for name in schema.model_fields}


def _faults(exc: ValidationError) -> str:
    faults = exc.errors(include_url=False, include_input=False, include_context=False)
    named = [f"{'.'.join(map(str, fault['loc'])) or 'the reply'}: {fault['msg']}" for fault in faults[:_MOST_FAULTS]]
    more = [f"and {len(faults) - _MOST_FAULTS} more"] if len(faults) > _MOST_FAULTS else []
    return made_storable("; ".join(named + more)) + "."
