"""Reading a reply as the form that was asked for. What is not of that form is said to be so; nobody guesses."""

from __future__ import annotations

import json

from pydantic import BaseModel, ValidationError

from conflictscope.llm.errors import UnparsableReply
from conflictscope.llm.types import SchemaT

_MOST_FAULTS = 5


def read_as(schema: type[SchemaT], text: str) -> SchemaT:
    """The object in a reply: the whole text, or the one object in it that fits, whatever stands around it (a code fence, a
    sentence, a train of thought).

    Raises:
        UnparsableReply: no object, none that fits, or several that fit and differ.
    """
    text = text.strip().replace("\\u0000", "\\ufffd")  # no database takes a NUL
    try:
        return schema.model_validate_json(text)
    except ValidationError as exc:
        whole = exc
    fitting: list[SchemaT] = []
    misfit: ValidationError | None = None
    for found in _objects_in(text):
        try:
            value = schema.model_validate_json(found)
        except ValidationError as exc:
            misfit = exc
            continue
        if value not in fitting:
            fitting.append(value)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UnparsableReply(f"The reply holds {len(fitting)} different JSON objects that fit; one was asked for.")
    if misfit is None and any(fault["type"] == "json_invalid" for fault in whole.errors()):
        raise UnparsableReply(f"The reply holds no JSON object: {_faults(whole)}")
    raise UnparsableReply(f"The JSON object is not of the form asked for: {_faults(misfit or whole)}")


def schema_text(schema: type[BaseModel]) -> str:
    """The JSON schema of a form, written the same way every time."""
    return json.dumps(schema.model_json_schema(), ensure_ascii=False, sort_keys=True)


def storable(text: str) -> str:
    """A text as every database takes it: without NUL, and without the halves of characters that some LLMs send."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _objects_in(text: str) -> list[str]:
    """The JSON objects that stand in a text, each written anew."""
    decoder, found, at = json.JSONDecoder(), [], text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
            found.append(storable(json.dumps(value, ensure_ascii=False)))
        except (ValueError, RecursionError):
            end = at + 1
        at = text.find("{", end)
    return found


def _faults(exc: ValidationError) -> str:
    faults = exc.errors(include_url=False, include_input=False, include_context=False)
    named = [f"{'.'.join(map(str, fault['loc'])) or 'the reply'}: {fault['msg']}" for fault in faults[:_MOST_FAULTS]]
    more = [f"and {len(faults) - _MOST_FAULTS} more"] if len(faults) > _MOST_FAULTS else []
    return storable("; ".join(named + more)) + "."
