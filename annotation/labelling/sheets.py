"""What an annotator sees of an item: its text, the questions, and their own answers so far.

Blind by construction: a sheet is made of the item's text and of the person's own answers, and of nothing else. It names the
actions A and B only, because which of them serves which value is not to be known; of a conversation it shows the words alone,
neither which LLM spoke them nor what scenario stands behind them, as for a judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from annotation.guidelines.examples import EXAMPLES, Example
from annotation.kinds import KINDS, questions_about
from annotation.models import Annotation, Assignment, Campaign, Item
from annotation.questions import NO_OTHER, UNSURE, Control, Question
from conflictscope.scenarios.option_orders import FARTHEST, OptionOrder, letters, turned
from conflictscope.values.models import Value

_PLACES = {str(place) for place in range(1, FARTHEST + 1)}
_SPEAKERS = {"user": "User", "assistant": "Assistant"}


@dataclass(frozen=True, slots=True)
class Option:
    """An answer on offer, with the key that gives it. `value` is what the page sends; it names A and B, not 1 and 2."""

    value: str
    label: str
    shortcut: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    """A question as one person sees it. `field` is what the page sends; `ends` are the words at both ends of a scale.

    `places`: the field of the question whose answer says on which side of a scale's middle the answer lies. `second`: what can be
    marked as also defensible, first that nothing is; empty where the campaign or the question takes one answer only; `also`:
    what was said of it.
    """

    number: int
    field: str
    text: str
    hint: str
    value: Value | None
    options: tuple[Option, ...]
    comment: str
    examples: tuple[Example, ...] = ()
    control: Control = Control.CHOICE
    ends: tuple[str, str] | None = None
    places: str = ""
    second: tuple[Option, ...] = ()
    also: str = ""
    unsure: Option | None = None

    @property
    def every(self) -> tuple[Option, ...]:
        """All that can be answered; unsure last, where it may be said."""
        return self.options if self.unsure is None else (*self.options, self.unsure)

    @property
    def answered(self) -> bool:
        return any(option.chosen for option in self.every)


@dataclass(frozen=True, slots=True)
class ShownAction:
    letter: str
    text: str


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """What was said in a conversation. `by` is "user" or "assistant"."""

    by: str
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything about an item that its annotator may know: a situation, or a conversation, and two actions."""

    token: str
    kind: str
    description: str
    persona: str
    background: str
    goal: str
    transcript: tuple[SpokenTurn, ...]
    actions: tuple[ShownAction, ShownAction]
    questions: tuple[ShownQuestion, ...]
    flags: tuple[str, ...]
    lease_seconds: int
    second_answers: str = Campaign.SecondAnswers.OFF

    @property
    def answered(self) -> int:
        return sum(question.answered for question in self.questions)


def sheet_of(assignment: Assignment, *, now: datetime | None = None) -> Sheet:
    """The item as its person sees it, with the answers they have given so far."""
    new = assignment.untouched
    rows = {} if new else {row.question: row for row in assignment.annotations.all()}
    since = None if new else assignment.participant.shown_since
    return _sheet(
        assignment.item,
        assignment.action_order,
        given=rows,
        token=str(assignment.token),
        flags=()
        if new
        else tuple(
            flag.reason
            for flag in sorted(assignment.flags.all(), key=lambda flag: flag.pk)
            if since is None or flag.created_at >= since
        ),
        lease_seconds=max(int((assignment.lease_until - (now or timezone.now())).total_seconds()), 0),
    )


def preview_of(item: Item, *, order: str = OptionOrder.ACTION_1_FIRST, token: str = "") -> Sheet:
    """The item as somebody would see it who has just been handed it, under that token; nobody is."""
    return _sheet(item, order, given={}, token=token, flags=(), lease_seconds=60 * item.campaign.lease_minutes)


def in_order(item: Item, order: str) -> list[Question]:
    """The item's questions as the page numbers them: of two about the two actions, the one about A comes first."""
    _, second = shown_as(order)
    questions = questions_about(item)
    topics = [question.topic for question in questions]
    return sorted(questions, key=lambda question: (topics.index(question.topic), question.about == second))


def field_of(question: Question, order: str) -> str:
    """The question's name on the page: of two questions about the two actions, the one about A ends in _a."""
    shown = shown_as(order)
    return f"{question.topic}_{shown[question.about]}" if question.about in shown else question.key


def to_page(question: Question, answer: str, order: str) -> str:
    """A stored answer as the page names it: A and B for the actions, and a scale that runs from A to B."""
    if question.control is Control.SCALE:
        return _along_scale(answer, order)
    return shown_as(order).get(answer, answer)


def from_page(question: Question, sent: str, order: str) -> str:
    """What a page sent, in the terms in which it is stored. Anything that is no answer is handed back as it came."""
    if question.control is Control.SCALE:
        return _along_scale(sent, order)
    return {letter: action for action, letter in shown_as(order).items()}.get(sent, sent)


def letter_of(words: str, order: str) -> str:
    """Words with A and B for the actions, as this person knows them."""
    for action, letter in shown_as(order).items():
        name = action.replace("_", " ")
        words = words.replace(name.capitalize(), letter.upper()).replace(name, f"action {letter.upper()}")
    return words


def shown_as(order: str) -> dict[str, str]:
    """What the tables call the actions, to what the page calls them."""
    return {action: letter.lower() for action, letter in letters(order).items()}


def _along_scale(answer: str, order: str) -> str:
    return str(turned(int(answer), order)) if answer in _PLACES else answer


def _sheet(
    item: Item,
    order: str,
    *,
    given: Mapping[str, Annotation],
    token: str,
    flags: tuple[str, ...],
    lease_seconds: int,
) -> Sheet:
    scenario = item.subject
    shown = {name: getattr(scenario, name) for name in KINDS[item.campaign.kind].shown}
    first, second = shown_as(order)
    return Sheet(
        token=token,
        kind=item.campaign.kind,
        description=shown.get("description", ""),
        persona=shown.get("persona", ""),
        background=shown.get("background", ""),
        goal=shown.get("goal", ""),
        transcript=tuple(
            SpokenTurn(turn["role"], _SPEAKERS.get(turn["role"], turn["role"]), turn["text"])
            for turn in (item.response.transcript if item.response else [])
        ),
        actions=(ShownAction("A", getattr(scenario, first)), ShownAction("B", getattr(scenario, second))),
        questions=_shorter(
            _asked(number, question, item, order, given.get(question.key))
            for number, question in enumerate(in_order(item, order), start=1)
        ),
        flags=flags,
        lease_seconds=lease_seconds,
        second_answers=item.campaign.second_answers,
    )


def _shorter(questions: Iterable[ShownQuestion]) -> tuple[ShownQuestion, ...]:
    """The second of two twins says its hint in short: it stands in full just above."""
    shown: list[ShownQuestion] = []
    for question in questions:
        twin = next((each for each in shown if each.hint == question.hint), None)
        shown.append(question if twin is None else replace(question, hint=f"As for question {twin.number}."))
    return tuple(shown)


def _asked(number: int, question: Question, item: Item, order: str, given: Annotation | None) -> ShownQuestion:
    about = getattr(item.subject, question.about) if question.about.startswith("value_") else None
    shown = [to_page(question, answer.key, order) for answer in question.answers]
    labels = dict(zip(shown, (answer.label for answer in question.answers), strict=True))
    labels |= {letter: letter.upper() for letter in ("a", "b") if letter in labels}
    if question.control is Control.SCALE:
        labels = {place: place for place in labels}
    # A before B, and a scale from A to B; other answers stay in their order.
    values = sorted(labels) if question.control is Control.SCALE else [*sorted(set(labels) & {"a", "b"})]
    values += [value for value in labels if value not in values]
    chosen = to_page(question, given.answer, order) if given is not None and given.answer else ""
    also = _also_of(question, order, given)
    yes_no = set(labels) == {"yes", "no"}
    return ShownQuestion(
        number=number,
        field=field_of(question, order),
        text=_wording(question, order, about),
        hint=question.hint,
        value=about,
        options=tuple(
            Option(
                value=value,
                label=labels[value],
                shortcut=value[0].upper() if yes_no else str(place),
                chosen=value == chosen,
            )
            for place, value in enumerate(values, start=1)
        ),
        comment=given.comment if given is not None else "",
        examples=EXAMPLES.get(question.key, ()),
        control=question.control,
        ends=(question.ends[0].format("A"), question.ends[1].format("B")) if question.ends else None,
        places=question.places,
        second=_second(question, item.campaign.second_answers, also, [(key, labels[key]) for key in values]),
        also=also,
        unsure=Option(UNSURE, "Unsure", "X", chosen == UNSURE) if item.campaign.unsure or chosen == UNSURE else None,
    )


def _also_of(question: Question, order: str, given: Annotation | None) -> str:
    stored = given.also if given is not None else ""
    return stored if stored == NO_OTHER else to_page(question, stored, order)


def _second(question: Question, mode: str, also: str, offered: list[tuple[str, str]]) -> tuple[Option, ...]:
    """What can be marked as also defensible. Where it is optional, nothing is as long as nothing was marked."""
    if mode == Campaign.SecondAnswers.OFF or not question.may_have_two:
        return ()
    marked = also or (NO_OTHER if mode == Campaign.SecondAnswers.OPTIONAL else "")
    options = [(NO_OTHER, "No other"), *offered]
    return tuple(Option(value=key, label=label, shortcut="", chosen=key == marked) for key, label in options)


def _wording(question: Question, order: str, value: Value | None) -> str:
    """The question's text with A and B for the actions, and the value by its name."""
    text = question.text
    for action, letter in shown_as(order).items():
        text = text.replace(action.replace("_", " "), f"action {letter.upper()}")
    if value is not None:
        for ordinal in ("first", "second"):
            text = text.replace(f"the {ordinal} value", value.name.lower())
    return text
