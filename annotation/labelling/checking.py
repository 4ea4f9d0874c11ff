"""What a person sent, in the questions' own terms, and whether it answers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from annotation.errors import AnswersMissing, AnswerUnknown, AtOdds
from annotation.kinds import questions_about
from annotation.labelling.sheets import field_of, from_page, in_order, to_page
from annotation.models import Assignment
from annotation.questions import MIDDLE
from conflictscope.scenarios.filtering.dimensions import ACTION_1, ACTION_2
from conflictscope.scenarios.option_orders import letters, turned

LONGEST_COMMENT = 5_000


@dataclass(frozen=True, slots=True)
class Given:
    """A person's answers and comments, each by the question's key, in terms of actions 1 and 2."""

    answers: dict[str, str]
    comments: dict[str, str]


def read(assignment: Assignment, sent: Mapping[str, str]) -> Given:
    """What a page sent, by the questions' own keys. Fields that are no question of the item are left alone.

    Raises:
        AnswerUnknown: an answer that its question does not offer.
    """
    fields = [field_of(question, assignment.action_order) for question in questions_about(assignment.item)]
    answers = {field: sent.get(field, "") for field in fields}
    comments = {field: sent.get(f"comment_{field}", "") for field in fields}
    return understand(assignment, answers, comments)


def understand(assignment: Assignment, answers: Mapping[str, str], comments: Mapping[str, str]) -> Given:
    """Answers and comments by the names that the sheet gives them, told by the questions' own keys. Empty ones are none.

    Raises:
        AnswerUnknown: naming each that belongs to no question, that its question does not offer, or that is too long.
    """
    order = assignment.action_order
    asked = {field_of(question, order): question for question in questions_about(assignment.item)}
    understood = Given({}, {})
    wrong = {name: f"The item has no question {name}." for name in (*answers, *comments) if name not in asked}
    for name, question in asked.items():
        answer = answers.get(name, "").strip()
        comment = comments.get(name, "").replace("\r\n", "\n").strip()
        if answer:
            understood.answers[question.key] = from_page(question, answer, order)
            offered = [to_page(question, each.key, order) for each in question.answers]
            if answer not in offered:
                wrong[name] = f"Choose one of: {', '.join(sorted(offered))}."
        if comment:
            understood.comments[question.key] = comment
            if len(comment) > LONGEST_COMMENT:
                wrong[name] = f"The comment is too long: {LONGEST_COMMENT} characters fit."
    if wrong:
        problems = " ".join(f"{name}: {what}" for name, what in wrong.items())
        raise AnswerUnknown(f"Nothing was stored. {problems}", errors=wrong)
    return understood


def check_not_at_odds(assignment: Assignment, answers: Mapping[str, str]) -> None:
    """A scale from action to action lies on the side of the action that was chosen beside it.

    Raises:
        AtOdds: naming the scale, in the letters that the person saw.
    """
    order = assignment.action_order
    for question in questions_about(assignment.item):
        if not question.places:
            continue
        chosen, place = answers.get(question.places, ""), int(answers[question.key])
        side = ACTION_1 if place < MIDDLE else ACTION_2
        if chosen in (ACTION_1, ACTION_2) and place != MIDDLE and chosen != side:
            letter, other = (letters(order)[action] for action in (chosen, side))
            raise AtOdds(
                f"You chose {letter}, and {turned(place, order)} on the scale, which is on the side of {other}. Change one of "
                "them, or submit again if you mean both.",
                missing=[field_of(question, order)],
            )


def check_complete(assignment: Assignment, answers: Mapping[str, str], *, kept: str) -> None:
    """Every question of the item has one of these answers. `kept` tells the person what becomes of them otherwise.

    Raises:
        AnswersMissing: naming the open questions.
    """
    order = assignment.action_order
    missing = [
        (str(number), field_of(question, order))
        for number, question in enumerate(in_order(assignment.item, order), start=1)
        if not answers.get(question.key)
    ]
    if missing:
        numbers, fields = zip(*missing, strict=True)
        which = f"question {numbers[0]}" if len(numbers) == 1 else f"questions {', '.join(numbers)}"
        raise AnswersMissing(f"Please answer {which} too. {kept}", missing=list(fields))


def check_answers(assignment: Assignment, answers: Mapping[str, str], comments: Mapping[str, str]) -> None:
    """Every answer and comment belongs to a question of the item, which offers that answer.

    Raises:
        AnswerUnknown: naming the first that does not.
    """
    offered = {
        question.key: {answer.key for answer in question.answers} for question in questions_about(assignment.item)
    }
    for key in (*answers, *comments):
        if key not in offered:
            raise AnswerUnknown(f"This item has no question {key!r}. Its questions: {', '.join(offered)}.")
    for key, answer in answers.items():
        if answer not in offered[key]:
            raise AnswerUnknown(f"{answer!r} is no answer to {key}. Choose one of: {', '.join(sorted(offered[key]))}.")
    for key, comment in comments.items():
        if len(comment) > LONGEST_COMMENT:
            raise AnswerUnknown(f"The comment on {key} is too long: {LONGEST_COMMENT} characters fit.")
