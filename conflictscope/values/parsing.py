"""What a file says a value set is, in JSON or YAML, short or long, checked before anything is kept."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.text import slugify

from conflictscope.errors import InvalidInput
from conflictscope.files.texts import storable
from conflictscope.values.models import ValueSetVersion
from conflictscope.values.reading import list_of, mapping_of

# Addresses of pages beside those of sets.
RESERVED = frozenset({"import", "new"})
_SET_FIELDS = {"slug", "name", "description", "licence", "pairing", "values"}
_VALUE_FIELDS = {"key", "name", "definition", "group", "tier"}


@dataclass(frozen=True, slots=True)
class ValueText:
    """One value as a file says it. Equal texts are equal values."""

    key: str
    name: str
    definition: str
    group: str = ""
    tier: int | None = None


@dataclass(frozen=True, slots=True)
class ValueSetText:
    """A value set as a file says it, checked."""

    slug: str
    name: str
    values: tuple[ValueText, ...]
    pairing: str = ValueSetVersion.Pairing.ALL_PAIRS
    description: str = ""
    licence: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of all that scenarios depend on; a new description alone is no new version."""
        content = [
            str(self.pairing),
            [[value.key, value.name, value.definition, value.group, value.tier] for value in self.values],
        ]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def parse_value_set(text: str, *, source: str, slug: str = "", name: str = "") -> ValueSetText:
    """Read either form of a value set, in JSON or YAML.

    The short form is an object of value names and definitions. The long form names itself too::

        {"name": "...", "pairing": "across_groups", "values": [{"key": "...", "name": "...", "definition": "...",
         "group": "...", "tier": 1}, ...]}

    Args:
        source: what errors call the text, and what the set is named after if nothing else names it.
        slug, name: override what the text says.

    Raises:
        InvalidInput: broken JSON or YAML, an unknown field, fewer than two values, a duplicate key, an empty definition, pairing
            across groups without two groups.
    """
    data, values = _set_and_values(text, source=source)
    stem = slugify(Path(source).stem.replace(".", " "))
    slug = slug or _text(data, "slug", where=source) or slugify(_text(data, "name", where=source)) or stem
    if not slug or slugify(slug) != slug or len(slug) > 50 or slug in RESERVED:
        raise InvalidInput(f"{slug!r} cannot name a value set: use at most 50 small letters, digits and hyphens.")
    parsed = ValueSetText(
        slug=slug,
        name=_at_most(200, name or _text(data, "name", where=source) or slug, where=f"The name of {source}"),
        values=tuple(values),
        pairing=_text(data, "pairing", where=source) or ValueSetVersion.Pairing.ALL_PAIRS,
        description=_text(data, "description", where=source),
        licence=_at_most(100, _text(data, "licence", where=source), where=f"The licence of {source}"),
    )
    refuse_unusable(parsed, source=source)
    return parsed


def parse_values(text: str, *, source: str) -> tuple[ValueText, ...]:
    """The values of a text in any form that people write them down in: JSON or YAML, short or long, or a list, a value a line.

    Raises:
        InvalidInput: nothing of it can be read; a value that cannot be kept; no value at all. A draft may hold a single one.
    """
    values = _values_of(text, source=source)
    if not values:
        raise InvalidInput(f"{source} holds no value.")
    refuse_twice(values, source=source)
    return values


def _values_of(text: str, *, source: str) -> tuple[ValueText, ...]:
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return tuple(_set_and_values(text, source=source)[1])
    try:
        return tuple(_short_value(name, words, source=source) for name, words in list_of(text, source=source).items())
    except InvalidInput as no_list:
        try:
            return tuple(_set_and_values(text, source=source)[1])
        except InvalidInput:
            raise no_list from None


def _set_and_values(text: str, *, source: str) -> tuple[dict[str, Any], list[ValueText]]:
    """What a JSON or YAML text says of the set, and of each value."""
    data = mapping_of(text, source=source)
    if isinstance(data.get("values"), list):
        _refuse_unknown(data, _SET_FIELDS, where=source)
        return data, [
            long_value(entry, where=f"{source}, value {n}") for n, entry in enumerate(data["values"], start=1)
        ]
    return {}, [_short_value(key, definition, source=source) for key, definition in data.items()]


def _short_value(name: str, definition: Any, *, source: str) -> ValueText:
    where = f"{source}, value {name!r}"
    if not isinstance(definition, str):
        raise InvalidInput(f"{where} has no definition in words: write {{name: definition, ...}}.")
    fields = {"key": _key_from(name), "name": name.strip().capitalize(), "definition": definition}
    return long_value(fields, where=where)


def long_value(entry: Any, *, where: str) -> ValueText:
    """One value of the long form.

    Raises:
        InvalidInput: a field that is unknown, empty or too long.
    """
    if not isinstance(entry, dict):
        raise InvalidInput(f"{where} is no object with name and definition.")
    _refuse_unknown(entry, _VALUE_FIELDS, where=where)
    name = _text(entry, "name", where=where) or _text(entry, "key", where=where)
    key = _text(entry, "key", where=where) or _key_from(name)
    if not key:
        raise InvalidInput(f"{where} has no name.")
    where = f"{where} ({key})" if key not in where else where
    if slugify(key) != key or len(key) > 50:
        raise InvalidInput(f"{where}: a key is at most 50 small letters, digits, hyphens and underscores.")
    definition = _text(entry, "definition", where=where)
    if not definition:
        raise InvalidInput(f"{where} has an empty definition: say what the value asks for.")
    tier = entry.get("tier")
    if tier is not None and (not isinstance(tier, int) or isinstance(tier, bool) or not 1 <= tier <= 100):
        raise InvalidInput(f"{where}: a tier is a whole number from 1 (to be followed first) to 100.")
    return ValueText(
        key=key,
        name=_at_most(100, name, where=f"{where}: its name"),
        definition=definition,
        group=_at_most(50, _text(entry, "group", where=where), where=f"{where}: its group"),
        tier=tier,
    )


def refuse_unusable(content: ValueSetText, *, source: str) -> None:
    """What a draft may be and a published version may not.

    Raises:
        InvalidInput: fewer than two values; two of one name or key; a pairing that is unknown, or across groups without two.
    """
    if len(content.values) < 2:
        raise InvalidInput(f"{source} holds {len(content.values)} value(s): a conflict needs at least two.")
    refuse_twice(content.values, source=source)
    if content.pairing not in ValueSetVersion.Pairing.values:
        raise InvalidInput(f"{source}: pairing {content.pairing!r} is unknown; use {' or '.join(_pairings())}.")
    if content.pairing == ValueSetVersion.Pairing.ACROSS_GROUPS:
        ungrouped = [value.key for value in content.values if not value.group]
        if ungrouped:
            raise InvalidInput(f"{source} pairs across groups, but {ungrouped[0]!r} has no group: give each value one.")
        if len({value.group for value in content.values}) < 2:
            raise InvalidInput(f"{source} pairs across groups, but has only one: add a second or pair all.")


def refuse_twice(values: Sequence[ValueText], *, source: str) -> None:
    """
    Raises:
        InvalidInput: two values of one key or name.
    """
    for what, texts in (
        ("key", [value.key for value in values]),
        ("name", [value.name.casefold() for value in values]),
    ):
        if twice := _duplicates(texts):
            raise InvalidInput(f"{source} has two values with the {what} {twice[0]!r}: rename one of them.")


def _pairings() -> Sequence[str]:
    return [str(pairing) for pairing in ValueSetVersion.Pairing.values]


def _text(fields: dict[str, Any], name: str, *, where: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{where}: {name} must be text, not {json.dumps(value)[:40]}.")
    return storable(value.strip(), where=f"{where}: {name}")


def _at_most(length: int, text: str, *, where: str) -> str:
    if len(text) > length:
        raise InvalidInput(f"{where} has {len(text)} characters; at most {length} fit.")
    return storable(text, where=where)


def _key_from(name: str) -> str:
    return slugify(name).replace("-", "_")


def _refuse_unknown(fields: dict[str, Any], known: set[str], *, where: str) -> None:
    if unknown := sorted(set(fields) - known):
        raise InvalidInput(f"{where}: field {unknown[0]!r} is unknown; fields are {', '.join(sorted(known))}.")


def _duplicates(texts: Iterable[str]) -> list[str]:
    return [text for text, times in Counter(texts).items() if times > 1]
