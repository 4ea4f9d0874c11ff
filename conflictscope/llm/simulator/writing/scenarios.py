"""The generator: outlines, and the drafts made of them.

Words come from `content`; which of them, from the text of the request. One outline in seven tells another
one again, as real generators do, and some drafts are flawed in ways that their text shows.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from random import Random

from conflictscope.llm.simulator import draws
from conflictscope.llm.simulator.cases import Case, Found, Strand, case_in, fitting, found_in
from conflictscope.llm.simulator.phrases import Phrase, phrase_in, phrases_of
from conflictscope.llm.simulator.pronouns import MARKS, TOWNS, WHEN, Person, draw_person, tidy
from conflictscope.llm.simulator.values import canonical
from conflictscope.llm.simulator.writing.frames import FLAWS, FRAMES, joined, small

# The share of outlines that tell an earlier one of the same reply again, in other words.
SELF_SIMILAR = 0.14
# The share of drafts with each flaw, drawn independently of each other.
FLAW_SHARES = {
    "unrealistic": 0.07,
    "unspecific": 0.065,
    "infeasible": 0.075,
    "compatible": 0.075,
    "misguided": 0.085,
    "no_dilemma": 0.085,
}
_NUMBER = re.compile(r"\b[Ww]rite (\d+)\b")
_ACTING_VALUE = re.compile(r"serves (?:the )?value (1|2)\b|serves (?:the value )?[\"“]?(\w[\w -]*)")
_MOST = 50


@dataclass(frozen=True, slots=True)
class ValueConflict:
    """What a request says about the pair: both values as "Name: definition", who acts, and how much is at stake."""

    value_1: str
    value_2: str
    acting: int
    severe: bool
    harm: bool

    @property
    def values(self) -> tuple[str, str]:
        return self.value_1, self.value_2


def conflict_of(instruction: str, value_1: str, value_2: str, draw: Random) -> ValueConflict:
    """Read from the template's words; what they leave open is drawn."""
    low = " ".join(instruction.lower().split())
    acting = draw.choice((1, 2))
    if match := re.search(r"\bserves (?:value )?([^.,;]{1,80})", low):
        names = (_short(value_1), _short(value_2))
        for number in (1, 2):
            if match[1].startswith((str(number), names[number - 1])):
                acting = number
    heavy = len(re.findall(r"\bstrong|serious|grave|heavil|severe|greatly\b", low))
    light = len(re.findall(r"\bminor|small|slight|little|everyday\b", low))
    return ValueConflict(
        value_1,
        value_2,
        acting,
        severe=heavy > light if heavy != light else draw.random() < 0.5,
        harm="the harm is the means" in low or re.search(r"\bfirst (?:doing|violat|harm|break)", low) is not None,
    )


def _short(value: str) -> str:
    return value.partition(":")[0].strip().lower()


def outlines(
    instruction: str, *, deployment: str, value_1: str, value_2: str, avoid: str, key: tuple[object, ...]
) -> list[dict[str, str]]:
    """As many outlines as the instruction asks for."""
    draw = draws.rng(*key, "outlines", instruction, deployment, value_1, value_2, avoid)
    wanted = _NUMBER.search(instruction)
    number = min(int(wanted[1]), _MOST) if wanted else 5
    conflict = conflict_of(instruction, value_1, value_2, draw)
    strands = fitting(deployment)
    used = Counter(case.doc for line in avoid.splitlines() if (case := case_in(line)) is not None)
    stories: list[Found] = []
    for _ in range(number):
        if stories and draw.random() < SELF_SIMILAR:
            stories.append(draw.choice(stories))
            continue
        # Something new; once all has been told, what was told least often, about others elsewhere.
        least = min(used[case.doc] for strand in strands for case in strand.cases)
        fresh = [(strand, case) for strand in strands for case in strand.cases if used[case.doc] == least]
        strand, case = draw.choice(fresh)
        used[case.doc] += 1
        stories.append(_story(strand, case, conflict, draw))
    return [_outline(story, conflict, draw) for story in stories]


def _outline(story: Found, conflict: ValueConflict, draw: Random) -> dict[str, str]:
    case = story.case
    frame = draw.choice(FRAMES["context"])
    slots = story.slots("third")
    acting, declined = conflict.values if conflict.acting == 1 else conflict.values[::-1]
    act = draw.choice(phrases_of(acting, "act", declined))
    cost = draw.choice(phrases_of(declined, "cost", acting))
    frames = FRAMES["opportunity_harm" if conflict.harm else "opportunity_benefit"]
    opportunity = draw.choice(frames).format_map(
        slots | {"act": small(act.text.format_map(slots)), "cost": cost.text.format_map(slots)}
    )
    people = _people(story)
    brief = (case.doc, case.short)
    return {
        "context": tidy(frame.format_map(slots), *people, short=brief),
        "opportunity": tidy(opportunity, *people, short=brief),
    }


def _story(strand: Strand, case: Case, conflict: ValueConflict, draw: Random) -> Found:
    """A case with people and a place for it."""
    user = draw_person(draw)
    setting = draw.choice([setting for setting in strand.settings if case.fits(setting)])
    return Found(
        case=case,
        user=user,
        other=draw_person(draw, apart_from=user),
        setting=setting,
        org=setting.org.replace("{mark}", draw.choice(MARKS)),
        town=draw.choice(TOWNS),
        when=draw.choice(WHEN),
        severe=conflict.severe,
    )


def _people(story: Found) -> list[Person]:
    return [person for person in (story.user, story.other) if person is not None]


def draft(
    instruction: str,
    *,
    deployment: str,
    value_1: str,
    value_2: str,
    context: str,
    opportunity: str,
    key: tuple[object, ...],
) -> dict[str, str]:
    """A full scenario of an outline: of its people, place and matter where it is one of ours."""
    draw = draws.rng(*key, "draft", instruction, deployment, value_1, value_2, context, opportunity)
    acting = 2 if re.search(r"action 2 takes", instruction, re.IGNORECASE) else 1
    named_story = found_in(f"{context}\n{opportunity}")
    if named_story is None or named_story.user is None:
        strand = draw.choice(fitting(deployment))
        conflict = ValueConflict(value_1, value_2, acting, severe=draw.random() < 0.5, harm=False)
        story = _story(strand, draw.choice(strand.cases), conflict, draw)
        lead = context
    else:
        story = _completed(named_story, draw)
        lead = ""
    kept = phrase_in(opportunity, "act", value_1 if acting == 1 else value_2)
    return _draft(story, (value_1, value_2), acting=acting, kept=kept, lead=lead, draw=draw)


def _completed(found: Found, draw: Random) -> Found:
    """What an outline leaves unsaid is settled now."""
    if found.user is None:
        return found
    return Found(
        case=found.case,
        user=found.user,
        other=found.other or draw_person(draw, apart_from=found.user),
        setting=found.setting,
        org=found.org,
        town=found.town,
        when=found.when or draw.choice(WHEN),
        severe=found.severe,
    )


def whole(
    instruction: str, *, deployment: str, value_1: str, value_2: str, avoid: str, key: tuple[object, ...]
) -> list[dict[str, str]]:
    """Full scenarios in one go, each with its outline."""
    scenarios: list[dict[str, str]] = []
    asked = {"deployment": deployment, "value_1": value_1, "value_2": value_2}
    instruction = instruction if _NUMBER.search(instruction) else f"Write 1 {instruction}"
    for number, outline in enumerate(outlines(instruction, **asked, avoid=avoid, key=key)):
        scenarios.append({**outline, **draft(instruction, **asked, **outline, key=(*key, number))})
    return scenarios


def _draft(
    story: Found, values: tuple[str, str], *, acting: int, kept: Phrase | None, lead: str, draw: Random
) -> dict[str, str]:
    slots = story.slots("third")
    flaws = {flaw for flaw, share in FLAW_SHARES.items() if draw.random() < share}

    def drawn(value: str, use: str, against: str) -> str:
        return draw.choice(phrases_of(value, use, against)).text.format_map(slots)

    served = list(values)
    if "misguided" in flaws:  # both actions serve the same value
        served[draw.choice((0, 1))] = served[draw.choice((0, 1))]
        if served[0] == values[0] and served[1] == values[1]:
            served[1] = values[0]
    actions: list[str] = []
    consequences: list[str] = []
    for number, value in enumerate(served):
        against = values[1 - number]
        act = kept if kept is not None and number == acting - 1 and value == values[number] else None
        text = act.text.format_map(slots) if act else drawn(value, "act", against)
        cost = drawn(against, "cost", value) if canonical(against) != canonical(value) else ""
        actions.append(f"{text}, {cost}" if cost else text)
        good = drawn(values[number], "good", against)
        bad_slots = slots | {"harm": _harm(values[number], slots)}
        bad = phrases_of(against, "bad", value)[story.severe].text.format_map(bad_slots)
        consequences.append(f"{good}, but {bad}")

    pulls = [drawn(values[0], "pull", values[1]), drawn(values[1], "pull", values[0])]
    draw.shuffle(pulls)
    opening = lead or draw.choice(FRAMES["opening_line"]).format_map(slots)
    detail = story.setting.detail if story.setting and draw.random() < 0.6 else ""
    sentences = [opening, detail, slots["story"], *pulls, draw.choice(FRAMES["closing_line"]).format_map(slots)]
    for flaw in ("unrealistic", "no_dilemma"):
        if flaw in flaws:
            sentences.insert(-1, draw.choice(FLAWS[flaw]).format_map(slots))
    if "infeasible" in flaws:
        number = draw.choice((0, 1))
        actions[number] = draw.choice(FLAWS["infeasible"]).format_map(slots) + small(actions[number])
    if "compatible" in flaws:
        actions[draw.choice((0, 1))] += draw.choice(FLAWS["compatible"])

    age = draw.randint(21, 67)
    years = str(draw.randint(2, max(2, min(25, age - 20))))
    parts = {
        "description": joined(*sentences),
        "persona": "{full}, {age}, {who} {place} {in_town}".format_map(slots | {"age": str(age)}),
        "background": draw.choice(FRAMES["background"]).format_map(slots | {"years": years}),
        "goal": draw.choice(FRAMES["goal"]).format_map(slots),
        "action_1": joined(actions[0]),
        "action_2": joined(actions[1]),
        "consequence_1": joined(consequences[0]),
        "consequence_2": joined(consequences[1]),
    }
    people = _people(story)
    brief = (story.case.doc, story.case.short)
    finished = {name: tidy(joined(text), *people, short=brief) for name, text in parts.items()}
    if "unspecific" in flaws:
        finished = {name: _blurred(text, story, draw_from=finished["description"]) for name, text in finished.items()}
    return finished


def _harm(value: str, slots: dict[str, str]) -> str:
    """What harmlessness loses to a value: harm from what is done, or from what is said."""
    return (
        slots["risk"] if "{risk}" in phrases_of("harmlessness", "cost", value)[0].text else f"it means {slots['hurt']}"
    )


def _blurred(text: str, story: Found, *, draw_from: str) -> str:
    """Names give way to placeholders."""
    stand_in = draws.pick(FLAWS["unspecific"], "unspecific", draw_from)
    for person in _people(story):
        text = text.replace(person.full, stand_in["person"]).replace(person.given, stand_in["person"])
    for name, place in (("org", story.org), ("town", story.town)):
        if place:
            text = text.replace(place, stand_in[name])
    return tidy(text)
