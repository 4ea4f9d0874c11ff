"""A published version as others take it along: JSON and YAML, the short form of the field, BibTeX and CITATION.cff."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import yaml

from conflictscope.values.contents import content_of, long_form, short_form
from conflictscope.values.models import ValueSetVersion


def as_json(version: ValueSetVersion) -> str:
    return json.dumps(long_form(content_of(version)), ensure_ascii=False, indent=2) + "\n"


def as_short_json(version: ValueSetVersion) -> str:
    """Name → definition, which scripts of the field read."""
    return json.dumps(short_form(content_of(version)), ensure_ascii=False, indent=2) + "\n"


def as_yaml(version: ValueSetVersion) -> str:
    return _yaml(long_form(content_of(version)))


def as_bibtex(version: ValueSetVersion, *, address: str) -> str:
    """Args: address: where the version is read, absolute."""
    year = (version.published_at or version.created_at).year
    key = f"{version.value_set.slug}-v{version.number}"
    fields = {
        "title": f"{{{_tex(version.value_set.name)}}}: a value set",
        "author": " and ".join(f"{{{_tex(name)}}}" for name in authors_of(version)),
        "year": str(year),
        "version": str(version.number),
        "url": address,
        "note": f"SHA-256 {version.digest}" + (f"; licence {_tex(version.licence)}" if version.licence else ""),
    }
    lines = "".join(f"  {name} = {{{text}}},\n" for name, text in fields.items() if text)
    return f"@misc{{{key},\n{lines}}}\n"


def as_cff(version: ValueSetVersion, *, address: str) -> str:
    """A citation file, format 1.2.0. Args: address: where the version is read, absolute."""
    fields: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use this value set, please cite it as below.",
        "type": "dataset",
        "title": version.value_set.name,
        "version": str(version.number),
        "date-released": (version.published_at or version.created_at).date().isoformat(),
        "authors": [{"name": name} for name in authors_of(version) or ["Anonymous"]],
        "url": address,
        "identifiers": [
            {"type": "other", "value": f"sha256:{version.digest}", "description": "Digest of the content."}
        ],
    }
    if version.licence:
        fields["license"] = version.licence
    return _yaml(fields)


def authors_of(version: ValueSetVersion) -> list[str]:
    """Who wrote it: who began it, who wrote into it, and whose proposals were carried out, in the order in which they came."""
    names = dict.fromkeys([str(version.created_by)] if version.created_by else [])
    for revision in version.revisions.select_related("by", "proposal__author").order_by("number"):
        for person in (revision.proposal.author if revision.proposal else None, revision.by):
            if person is not None:
                names.setdefault(person.get_full_name() or str(person))
    return list(names)


# What a version is taken along as: the writer, whether it is told the address, and the type of content.
FILES: dict[str, tuple[Callable[..., str], bool, str]] = {
    "values.json": (as_json, False, "application/json"),
    "short.json": (as_short_json, False, "application/json"),
    "values.yaml": (as_yaml, False, "application/yaml"),
    "citation.bib": (as_bibtex, True, "application/x-bibtex"),
    "CITATION.cff": (as_cff, True, "application/yaml"),
}


def _yaml(said: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(said, allow_unicode=True, sort_keys=False, width=100)
    return text


def _tex(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(sign, f"\\{sign}" if sign in "&%$#_{}" else sign) for sign in text)
