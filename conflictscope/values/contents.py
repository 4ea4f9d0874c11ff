"""What a version says, as a checked text and back: for files, revisions and comparisons."""

from __future__ import annotations

from typing import Any

from conflictscope.values.models import Value, ValueSetVersion
from conflictscope.values.parsing import ValueSetText, ValueText


def content_of(version: ValueSetVersion) -> ValueSetText:
    """What the rows of the version say."""
    return ValueSetText(
        slug=version.value_set.slug,
        name=version.value_set.name,
        values=tuple(
            ValueText(value.key, value.name, value.definition, value.group, value.tier)
            for value in version.values.order_by("position")
        ),
        pairing=version.pairing,
        description=version.description,
        licence=version.licence,
    )


def long_form(content: ValueSetText) -> dict[str, Any]:
    """The long form of a file: read back by `parse_value_set` it is the same content."""
    whole = {
        "slug": content.slug,
        "name": content.name,
        "description": content.description,
        "licence": content.licence,
        "pairing": str(content.pairing),
        "values": [_long_value(value) for value in content.values],
    }
    return {field: value for field, value in whole.items() if value or field == "values"}


def short_form(content: ValueSetText) -> dict[str, str]:
    """Name → definition, as the authors' files have it: no keys, groups or tiers."""
    return {value.name: value.definition for value in content.values}


def content_from(data: dict[str, Any]) -> ValueSetText:
    """The content that `long_form` wrote down, without asking whether it may be published: a draft may be anything."""
    return ValueSetText(
        slug=data["slug"],
        name=data["name"],
        values=tuple(
            ValueText(each["key"], each["name"], each["definition"], each.get("group", ""), each.get("tier"))
            for each in data["values"]
        ),
        pairing=data["pairing"],
        description=data.get("description", ""),
        licence=data.get("licence", ""),
    )


def store_values(version: ValueSetVersion, values: tuple[ValueText, ...]) -> None:
    """Make these the values of a draft, in this order."""
    version.values.all().delete()
    Value.objects.bulk_create(
        Value(
            version=version,
            position=position,
            key=value.key,
            name=value.name,
            definition=value.definition,
            group=value.group,
            tier=value.tier,
        )
        for position, value in enumerate(values)
    )


def _long_value(value: ValueText) -> dict[str, Any]:
    fields = {
        "key": value.key,
        "name": value.name,
        "definition": value.definition,
        "group": value.group,
        "tier": value.tier,
    }
    return {field: text for field, text in fields.items() if text not in ("", None)}
