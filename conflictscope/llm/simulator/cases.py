"""What the scenarios are about: settings and cases from `content/strands`, and how to find them again in a text."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from conflictscope.llm.simulator import draws
from conflictscope.llm.simulator.pronouns import CONTENT, MARKS, TOWNS, WHEN, Person, Voice, people_in

_PAIRS = ("risk", "hurt")
_PREPOSITIONS = ("at", "from", "in", "of", "on", "with")
_WORD = re.compile(r"[a-z]+")
_SLOT = re.compile(r"\{\w+\}")


@dataclass(frozen=True, slots=True)
class Setting:
    """Who the user is, where, and one detail about the place; `{mark}` in `org` is a name that the place bears."""

    who: str
    org: str
    detail: str
    preposition: str
    near: bool

    @classmethod
    def of(cls, who: str, place: str, detail: str, *near: str) -> Setting:
        """From a line of a strand: the place may begin with a preposition, and may lie near its town instead of in it."""
        first, _, rest = place.partition(" ")
        if first in _PREPOSITIONS:
            return cls(who, rest, detail, first, bool(near))
        return cls(who, place, detail, "at", bool(near))

    def slots(self, org: str, town: str) -> dict[str, str]:
        """{place} stands behind a person ("of the Alder Bakery"), {spot} alone ("at the Alder Bakery")."""
        return {
            "who": self.who,
            "detail": self.detail,
            "org": org,
            "place": f"{self.preposition} {org}",
            "spot": f"{self.preposition if self.preposition in ('in', 'on') else 'at'} {org}",
            "town": town,
            "in_town": f"{'near' if self.near else 'in'} {town}",
        }


@dataclass(frozen=True, eq=False)
class Case:
    """One matter that somebody brings to an assistant: `doc` is what is to be written, `short` how it is called afterwards;
    `texts` are its phrases with slots for people."""

    doc: str
    short: str
    domain: str
    texts: Mapping[str, str | tuple[str, str]]
    by: tuple[str, ...] = ()

    def fits(self, setting: Setting) -> bool:
        """Whether it could come up there; `by` names the users who have such matters, empty all of the strand."""
        return not self.by or setting.who in self.by

    def filled(self, people: Mapping[str, str], *, severe: bool) -> dict[str, str]:
        """All phrases with their slots filled; of slight and serious, the one that is wanted."""
        phrases: dict[str, str] = {}
        for name, text in self.texts.items():
            chosen = text[severe] if isinstance(text, tuple) else text
            phrases[name] = chosen.format_map(people)
        return phrases


@dataclass(frozen=True, eq=False)
class Strand:
    """Settings and cases that fit each other, and the deployments of an assistant in which they come up."""

    domain: str
    fits: tuple[str, ...]
    settings: tuple[Setting, ...]
    cases: tuple[Case, ...]


def _load() -> tuple[Strand, ...]:
    strands: list[Strand] = []
    for path in sorted((CONTENT / "strands").glob("*.toml")):
        for strand in tomllib.loads(path.read_text(encoding="utf-8"))["strand"]:
            cases = tuple(
                Case(
                    doc=case["doc"],
                    short=case["short"],
                    domain=strand["domain"],
                    texts={
                        name: tuple(text) if name in _PAIRS else text for name, text in case.items() if name != "by"
                    },
                    by=tuple(case.get("by", ())),
                )
                for case in strand["case"]
            )
            settings = tuple(Setting.of(*setting) for setting in strand["settings"])
            strands.append(Strand(strand["domain"], tuple(strand["fits"]), settings, cases))
    return tuple(strands)


STRANDS = _load()
CASES: Mapping[str, Case] = {case.doc: case for strand in STRANDS for case in strand.cases}
_SETTINGS = tuple(setting for strand in STRANDS for setting in strand.settings)
_DOC = re.compile("|".join(re.escape(doc) for doc in sorted(CASES, key=len, reverse=True)), re.IGNORECASE)
_CASE_OF = {doc.lower(): case for doc, case in CASES.items()}
_MARK = "(?:" + "|".join(map(re.escape, MARKS)) + ")"
_ORG = {setting: re.compile(_MARK.join(map(re.escape, setting.org.split("{mark}")))) for setting in _SETTINGS}
_ORG_PIECE = {setting: max(setting.org.split("{mark}"), key=len) for setting in _SETTINGS}
_TOWN = re.compile(r"\b(?:" + "|".join(TOWNS) + r")\b")
_WHEN = re.compile("|".join(WHEN))


def case_in(text: str) -> Case | None:
    """The case that a text is about, by the name of the thing that is to be written."""
    match = _DOC.search(text)
    return _CASE_OF[match[0].lower()] if match else None


def fitting(deployment: str) -> tuple[Strand, ...]:
    """The strands that come up where an assistant is deployed; all of them for an assistant for everything."""
    return _fitting(" ".join(_WORD.findall(deployment.lower())))


@lru_cache(maxsize=256)
def _fitting(words: str) -> tuple[Strand, ...]:
    scores = {strand: sum(f" {stem}" in f" {words}" for stem in strand.fits) for strand in STRANDS}
    chosen = tuple(strand for strand, score in scores.items() if score)
    return chosen if sum(len(strand.cases) for strand in chosen) >= 6 else STRANDS


def _place_in(text: str) -> tuple[Setting | None, str]:
    for setting, piece in _ORG_PIECE.items():
        if piece in text and (match := _ORG[setting].search(text)):
            return setting, match[0]
    return None, ""


def _user_among(people: Sequence[Person], setting: Setting | None, text: str) -> Person | None:
    """Whoever is said to be what the setting's user is, else the first who is named."""
    who = re.escape(setting.who) if setting else "(?:an?|the)"
    for person in people:
        if re.search(rf"{re.escape(person.full)}(?:,| is) {who}\b", text):
            return person
    return people[0] if people else None


def _severe_in(case: Case, text: str) -> bool:
    """Whether a text speaks of the case's serious risk or hurt and not of the slight one."""
    low = text.lower()
    for name in _PAIRS:
        for severe, phrase in enumerate(case.texts[name]):
            if max(_SLOT.split(phrase), key=len).strip().lower() in low:
                return bool(severe)
    return draws.chance(0.5, "severe", text)


@dataclass(frozen=True, slots=True)
class Found:
    """What a text names: enough to go on telling the same story."""

    case: Case
    user: Person | None
    other: Person | None
    setting: Setting | None
    org: str
    town: str
    when: str
    severe: bool

    def slots(self, voice: Voice) -> dict[str, str]:
        """Everything that a phrase may mention, in the voice wanted. In the first and second nobody need be named."""
        user = self.user or _SOMEBODY
        people = user.as_user(voice) | (self.other or _SOMEBODY_ELSE).as_other()
        setting = self.setting or _SOMEWHERE
        place = setting.slots(self.org or "the public library", self.town or "town")
        filled = self.case.filled(people, severe=self.severe)
        return people | filled | place | {"when": self.when or "today", "full": user.full}


_SOMEWHERE = Setting.of("a regular reader", "the public library", "The library is open until eight.")
_SOMEBODY = Person("Maren", "Brandt")
_SOMEBODY_ELSE = Person("Luc", "Varga")


def found_in(text: str, *, told_by_user: bool = False) -> Found | None:
    """The story of a text, or None where it is none of ours.

    In what the user tells (`told_by_user`), the people named are others; elsewhere one of them is the user.
    """
    case = case_in(text)
    if case is None:
        return None
    people = people_in(text)
    setting, org = _place_in(text)
    user = None if told_by_user else _user_among(people, setting, text)
    others = [person for person in people if person != user]
    town = _TOWN.search(text)
    when = _WHEN.search(text)
    return Found(
        case=case,
        user=user,
        other=others[0] if others else None,
        setting=setting,
        org=org,
        town=town[0] if town else "",
        when=when[0] if when else "",
        severe=_severe_in(case, text),
    )
