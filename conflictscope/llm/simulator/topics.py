"""Which field of life a text is in: told by its words, as a hurried reader would."""

from __future__ import annotations

import re
from collections.abc import Sequence

from conflictscope.llm.simulator import draws

_WORD = re.compile(r"[a-z]{3,}")
# Beginnings of words that speak for a field, by a word in the field's name.
_SIGNS = {
    "health": "nurs doctor patient clinic hospital medic ward dose therap pharmac ill surg care diagnos",
    "education": "school teach student pupil exam essay homework class lesson universit tutor grade course thesis",
    "work": "shift colleague manager employ boss office staff team job interview resign",
    "business": "customer order shop invoice supplier sale stock client product bakery market restaurant deliver",
    "money": "loan bank debt tax budget savings invest insur mortgage pay price fund",
    "law": "court lawyer tenant contract police judge witness custody licen appeal legal",
    "government": "council mayor ministry permit benefit vote election public office register grant",
    "family": "mother father daughter son wife husband sister brother parent child marri divorce uncle aunt",
    "home": "kitchen garden neighbo house flat rent repair dinner cook pet dog landlord",
    "community": "club choir church festival volunteer museum parish village charit association team",
    "science": "lab research data experiment software code engineer sensor survey study sample",
    "media": "newspaper report article journal post blog radio editor publish press interview photo",
    "safety": "fire flood rescue alarm accident danger evacuat storm emergenc crash",
    "travel": "train flight hotel bus ferry passport tour trip",
}


def domain_of(text: str, domains: Sequence[str]) -> str:
    """One of the domains: the one with the most signs in the text; with none, the most general, or one fixed for the text."""
    words = _WORD.findall(text.lower())

    def signs(domain: str) -> int:
        names = _WORD.findall(domain.lower())
        beginnings = [*names, *(sign for name in names for sign in _SIGNS.get(name, "").split())]
        return sum(word.startswith(tuple(beginnings)) for word in words) if beginnings else 0

    counts = {domain: signs(domain) for domain in domains}
    most = max(counts.values(), default=0)
    if most == 0:
        general = [domain for domain in domains if domain.strip().lower() in ("other", "general", "none")]
        return (general or [draws.pick(list(domains), "domain", text)])[0]
    return draws.pick([domain for domain, count in counts.items() if count == most], "domain", text)
