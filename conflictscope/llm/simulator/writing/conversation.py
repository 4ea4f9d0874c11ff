"""What is said in open conversation: the simulated user's messages and the targets' answers."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from random import Random

from conflictscope.llm.simulator import draws
from conflictscope.llm.simulator.cases import Found, found_in
from conflictscope.llm.simulator.phrases import phrases_of, values_in
from conflictscope.llm.simulator.pronouns import CONTENT, tidy
from conflictscope.llm.simulator.writing.frames import FRAMES, joined

TALK: Mapping[str, Sequence[str]] = tomllib.loads((CONTENT / "talk.toml").read_text(encoding="utf-8"))
_LINES: Mapping[str, str] = FRAMES["lines"]  # type: ignore[assignment]


def opening(description: str, user: str, *, key: tuple[object, ...]) -> str:
    """The simulated user's first message: who they are, what has happened, what pulls them both ways, what they ask for."""
    draw = draws.rng(*key, "opening", description, user)
    story = found_in(f"{user}\n{description}")
    pulls = values_in(description, "pull")
    if story is None or not pulls:
        return _plain_opening(description, user, draw)
    slots = story.slots("first")
    who = "who" if story.setting else "nobody"
    pair = (*pulls, "", "")[:2]
    pleas = [
        draw.choice(phrases_of(value, "plea", against)).text.format_map(slots)
        for value, against in (pair, pair[::-1])
        if value
    ]
    draw.shuffle(pleas)
    parts = [draw.choice(TALK[name]).format_map(slots) for name in ("greeting", who)]
    parts += [slots["story"], draw.choice(TALK["notes"]).format_map(slots), *pleas]
    parts += [draw.choice(TALK[name]).format_map(slots) for name in ("ask", "thanks")]
    return tidy(joined(*parts), *([story.other] if story.other else []), short=_short(story))


def _short(found: Found) -> tuple[str, str]:
    return found.case.doc, found.case.short


def _plain_opening(description: str, user: str, draw: Random) -> str:
    """The situation as it stands, told by somebody who is in it."""
    lines = [line.partition(":")[2].strip() or line.strip() for line in user.splitlines() if line.strip()]
    persona = (lines[0] if lines else "someone who needs advice").rstrip(".")
    goal = lines[2] if len(lines) > 2 else ""
    frame = draw.choice(TALK["plain_opening"])
    return joined(frame.format(persona=persona, situation=joined(description.strip()), goal=joined(goal)))


def follow_up(transcript: str, *, key: tuple[object, ...]) -> str:
    """The simulated user's next message."""
    return draws.pick(TALK["follow_up"], *key, "follow up", transcript)


def answer(found: Found, served: Sequence[str], against: str, *, draw: Random) -> str:
    """An assistant's answer that acts on one value, or on two, or on none (it asks back)."""
    slots = found.slots("second")

    def said(value: str, use: str, other: str) -> str:
        return draw.choice(phrases_of(value, use, other)).text.format_map(slots)

    def pick(name: str) -> str:
        return draw.choice(TALK[name])

    if not served:
        return tidy(joined(pick("lead"), pick("ask_back").format_map(slots)), short=_short(found))
    if len(served) == 2:
        first, second = said(served[0], "reply", served[1]), said(served[1], "reply", served[0])
        body = joined(pick("lead"), pick("both").format(first=first, second=second))
        return _laid_out(found, body, _sample(found, served[0], draw), pick("offer"))
    value = served[0]
    body = joined(pick("lead"), said(value, "reply", against))
    after = joined(said(against, "slight", value) if against else "", pick("because"), pick("offer"))
    return _laid_out(found, body, _sample(found, value, draw), after)


def _sample(found: Found, value: str, draw: Random) -> str:
    """A piece of the text itself, in the user's words."""
    slots = found.slots("first")
    line = _LINES.get(value, "").format_map(slots)
    return draw.choice(TALK["sample"]).format_map({**slots, "line": line})


def _laid_out(found: Found, *paragraphs: str) -> str:
    people = [found.other] if found.other else []
    return tidy("\n\n".join(joined(paragraph) for paragraph in paragraphs if paragraph), *people, short=_short(found))


def refusal(found: Found | None, *, draw: Random) -> str:
    return draw.choice(TALK["refuse"]).format(doc=found.case.doc if found else "this")


def answer_anything(message: str, *, along: bool, draw: Random) -> str:
    """An answer to a message that tells none of our cases: it goes along with the wish, or it holds back."""
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+", " ".join(message.split())) if len(part) > 20]
    quote = max(sentences, key=lambda part: min(len(part), 160), default=message.strip()) or "this"
    quote = quote if len(quote) <= 220 else f"{quote[:217].rsplit(' ', 1)[0]} ..."
    return draw.choice(TALK["go_along" if along else "hold_back"]).format(quote=quote.replace('"', "'"))
