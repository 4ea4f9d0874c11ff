"""What a person sent, in the questions' own terms, and whether it answers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from annotation.errors import AnswersMissing, AnswerUnknown, AtOdds
from annotation.kinds import questions_about
from annotation.labelling.sheets import field_of, from_page, in_order, to_page
from annotation.models import Assignment, Campaign
from annotation.questions import MIDDLE, NO_OTHER, UNSURE, Question
from conflictscope.scenarios.filtering.dimensions import ACTION_1, ACTION_2
from conflictscope.scenarios.option_orders import letters, turned

LONGEST_COMMENT = 5_000


@dataclass(frozen=True, slots=True)
class Given:
    """A person's answers and comments, each by the question's key, in terms of actions 1 and 2. `also`: answers that they find
    defensible, too; `NO_OTHER` where they were asked for one, and see none."""

    answers: dict[str, str]
    comments: dict[str, str]
    also: dict[str, str] = field(default_factory=dict)

    @property
    def said(self) -> dict[str, tuple[str, str, str]]:
        """Answer, comment and second answer to each question of which anything is said."""
        every = {*self.answers, *self.comments, *self.also}
        return {key: (self.answers.get(key, ""), self.comments.get(key, ""), self.also.get(key, "")) for key in every}


def read(assignment: Assignment, sent: Mapping[str, str]) -> Given:
    """What a page sent, by the questions' own keys. Fields that are no question of the item are left alone.

    Raises:
        AnswerUnknown: an answer that its question does not offer.
    """
    fields = [field_of(question, assignment.action_order) for question in questions_about(assignment.item)]
    answers = {name: sent.get(name, "") for name in fields}
    comments = {name: sent.get(f"comment_{name}", "") for name in fields}
    # Beside no answer, or the same one, a second says nothing: without a script nothing keeps a person from marking it.
    second = {name: sent.get(f"also_{name}", "") for name in fields}
    also = {name: answer for name, answer in second.items() if answers[name] and answer != answers[name]}
    return understand(assignment, answers, comments, also)


def understand(
    assignment: Assignment,
    answers: Mapping[str, str],
    comments: Mapping[str, str],
    also: Mapping[str, str] | None = None,
) -> Given:
    """Answers and comments by the names that the sheet gives them, told by the questions' own keys. Empty ones are none.

    Args: also: answers marked as defensible, too, by the same names.

    Raises:
        AnswerUnknown: naming each that belongs to no question, that its question does not offer, or that is too long.
    """
    order = assignment.action_order
    asked = {field_of(question, order): question for question in questions_about(assignment.item)}
    understood = Given({}, {})
    also = also or {}
    wrong = {name: f"The item has no question {name}." for name in (*answers, *comments, *also) if name not in asked}
    for name, question in asked.items():
        answer = answers.get(name, "").strip()
        comment = comments.get(name, "").replace("\r\n", "\n").strip()
        if answer:
            understood.answers[question.key] = from_page(question, answer, order)
            offered = [to_page(question, each, order) for each in offered_to(assignment, question)]
            if answer not in offered:
                wrong[name] = f"Choose one of: {', '.join(sorted(offered))}."
        if comment:
            understood.comments[question.key] = comment
            if len(comment) > LONGEST_COMMENT:
                wrong[name] = f"The comment is too long: {LONGEST_COMMENT} characters fit."
        if (second := also.get(name, "").strip()) and answer != UNSURE:
            stored = second if second == NO_OTHER else from_page(question, second, order)
            if problem := _why_no_second(assignment, question, understood.answers.get(question.key, ""), stored):
                wrong[f"also_{name}"] = problem
            elif stored != NO_OTHER or _mode(assignment) == Campaign.SecondAnswers.ASKED:
                understood.also[question.key] = stored
    if wrong:
        problems = " ".join(f"{name}: {what}" for name, what in wrong.items())
        raise AnswerUnknown(f"Nothing was stored. {problems}", errors=wrong)
    return understood


def offered_to(assignment: Assignment, question: Question) -> list[str]:
    """The answers that the question offers here, by their keys; unsure where the campaign allows it."""
    keys = [answer.key for answer in question.answers]
    return [*keys, UNSURE] if assignment.item.campaign.unsure else keys


def check_not_at_odds(assignment: Assignment, answers: Mapping[str, str]) -> None:
    """A scale from action to action lies on the side of the action that was chosen beside it.

    Raises:
        AtOdds: naming the scale, in the letters that the person saw.
    """
    order = assignment.action_order
    for question in questions_about(assignment.item):
        if not question.places:
            continue
        if answers[question.key] == UNSURE:
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


def check_complete(assignment: Assignment, given: Given, *, kept: str) -> None:
    """Every question of the item has an answer, and where the campaign asks for it a word on whether there is a second one.

    `kept` tells the person what becomes of what they sent otherwise.

    Raises:
        AnswersMissing: naming the open questions.
    """
    order = assignment.action_order
    numbered = list(enumerate(in_order(assignment.item, order), start=1))
    missing = [(str(number), field_of(each, order)) for number, each in numbered if not given.answers.get(each.key)]
    if missing:
        raise AnswersMissing(f"Please answer {_questions(missing)} too. {kept}", missing=[name for _, name in missing])
    if _mode(assignment) == Campaign.SecondAnswers.ASKED:
        missing = [
            (str(number), f"also_{field_of(each, order)}")
            for number, each in numbered
            if each.may_have_two and not given.also.get(each.key) and given.answers[each.key] != UNSURE
        ]
    if missing:
        raise AnswersMissing(
            f"Please say of {_questions(missing)} whether another answer is defensible, too. {kept}",
            missing=[name for _, name in missing],
        )


def _questions(numbered: list[tuple[str, str]]) -> str:
    numbers = [number for number, _ in numbered]
    return f"question {numbers[0]}" if len(numbers) == 1 else f"questions {', '.join(numbers)}"


def check_answers(assignment: Assignment, given: Given) -> None:
    """Every answer and comment belongs to a question of the item, which offers that answer.

    Raises:
        AnswerUnknown: naming the first that does not.
    """
    answers, comments = given.answers, given.comments
    asked = {question.key: question for question in questions_about(assignment.item)}
    offered = {key: set(offered_to(assignment, question)) for key, question in asked.items()}
    for key in (*answers, *comments, *given.also):
        if key not in offered:
            raise AnswerUnknown(f"This item has no question {key!r}. Its questions: {', '.join(offered)}.")
    for key, answer in answers.items():
        if answer not in offered[key]:
            raise AnswerUnknown(f"{answer!r} is no answer to {key}. Choose one of: {', '.join(sorted(offered[key]))}.")
    for key, comment in comments.items():
        if len(comment) > LONGEST_COMMENT:
            raise AnswerUnknown(f"The comment on {key} is too long: {LONGEST_COMMENT} characters fit.")
    for key, second in given.also.items():
        if problem := _why_no_second(assignment, asked[key], answers.get(key, ""), second):
            raise AnswerUnknown(f"{key}: {problem}")


def _mode(assignment: Assignment) -> str:
    return assignment.item.campaign.second_answers


def _why_no_second(assignment: Assignment, question: Question, first: str, second: str) -> str:
    """Why this cannot stand as also defensible beside the first answer; empty where it can."""
    if _mode(assignment) == Campaign.SecondAnswers.OFF:
        return "This campaign takes one answer to each question."
    if not question.may_have_two:
        return "A place on a scale has no second one beside it."
    if not first:
        return "Answer the question first."
    if second == first:
        return "It is the answer that you gave already. Choose another one, or none."
    if second != NO_OTHER and second not in {answer.key for answer in question.answers}:
        return f"{second!r} is no answer to it."
    return ""
