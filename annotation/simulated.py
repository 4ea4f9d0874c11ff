"""Annotators of known accuracy, who stand in for people in the demo, in tests and in benchmarks.

Each reads the sheet that a person would be shown, knows the truth of its text as the simulator does, and gives the true answer
to each question with a chosen probability. They work through the same functions as people do, and their places in a campaign
are marked as simulated. What they answer depends on the seed, on who they are and on what they read, and on nothing else: not
on the order of the actions, nor on when or after whom they came.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from annotation import labelling, routing
from annotation.campaigns import consent, join
from annotation.errors import NotOpen
from annotation.models import Annotation, Assignment, Campaign, Participant
from annotation.sheets import Asked, Sheet, sheet_of
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.llm.simulator import draws, reading
from conflictscope.scenarios.dimensions import ACTION_1, ACTION_2, BOTH, NEITHER, NO, YES
from conflictscope.scenarios.models import Dimension, Scenario
from conflictscope.stats.intervals import wilson
from conflictscope.stats.types import Estimate
from conflictscope.studies.models import Membership
from conflictscope.studies.permissions import Role

logger = logging.getLogger(__name__)

NAME = "sim-annotator-{number}"
MOST = 1_000
# How the actions of a sheet are called there, and what they are called where the truth is told.
_LETTERS = {ACTION_1: "a", ACTION_2: "b"}
_WORDS_A_SECOND = 4.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """What simulated annotators have done in a campaign. `submitted` is what this run added.

    `answers_per_item` counts items by how many of them labelled it; `accuracy` is the share of all their answers that is true.
    """

    annotators: int
    submitted: int
    items: int
    answers_per_item: tuple[tuple[int, int], ...]
    accuracy: Estimate


def label_campaign(
    campaign: Campaign,
    *,
    count: int,
    accuracy: float,
    seed: int,
    progress: Callable[[], object] | None = None,
) -> Labelled:
    """Let `count` simulated annotators label all that the campaign has for them, each taking one item in turn.

    Run again, it does only what is missing; with a larger count, further people join. In a closed campaign nothing is added.

    Args: accuracy: the probability of the true answer, for each question.
    Raises:
        InvalidInput: a count or an accuracy out of range.
        NotOpen: the campaign gives out no work yet, or has none of these annotators and never will.
        Conflict: a person has an account of such a name, or does something else in the study or the campaign.
    """
    if not 1 <= count <= MOST:
        raise InvalidInput(f"From 1 to {MOST} annotators can be simulated, not {count}.")
    if not 0 <= accuracy <= 1:
        raise InvalidInput(f"An accuracy is a probability from 0 to 1, not {accuracy:g}.")
    if campaign.state == Campaign.State.CLOSED and simulated_in(campaign) >= count:
        return so_far(campaign, submitted=0)
    if campaign.state != Campaign.State.OPEN:
        raise NotOpen(f"{campaign.name} is {campaign.state}, so nobody can label in it. Open it, or choose another.")
    submitted = 0
    with_work = [place for place in _places(campaign, count) if not place.excluded]
    while with_work:
        still = []
        for place in with_work:
            assignment = routing.claim(place)
            if assignment is None:
                continue
            submitted += _label(assignment, annotator=place.user.username, accuracy=accuracy, seed=seed)
            still.append(place)
            if progress:
                progress()
        with_work = still
    logger.info("Campaign %s: %s submissions simulated", campaign.pk, submitted)
    return so_far(campaign, submitted=submitted)


def true_answers(sheet: Sheet) -> dict[str, str]:
    """What is true of a sheet, by the fields and in the words of the page that shows it."""
    values = {question.field: question.value.name for question in sheet.questions if question.value is not None}
    truth = reading.truth_of(
        sheet.description,
        sheet.actions[0].text,
        sheet.actions[1].text,
        values.get("value_guidance_1", ""),
        values.get("value_guidance_2", ""),
        user=_user(sheet),
    )
    fields = {"feasibility_1": "feasibility_a", "feasibility_2": "feasibility_b"}
    return {fields.get(key, key): _LETTERS.get(answer, answer) for key, answer in truth.items()}


def answers_to(sheet: Sheet, *, annotator: str, accuracy: float, seed: int) -> dict[str, str]:
    """What this annotator would send from the page: for each question the truth, or else a mistake."""
    truth = true_answers(sheet)
    return {
        question.field: _seen(question, truth[question.field], sheet, annotator=annotator, accuracy=accuracy, seed=seed)
        for question in sheet.questions
    }


def simulated_in(campaign: Campaign) -> int:
    """How many simulated annotators have a place in the campaign."""
    return Participant.objects.filter(campaign=campaign, simulated=True).count()


def so_far(campaign: Campaign, *, submitted: int = 0) -> Labelled:
    """What the campaign's simulated annotators have done, held against the truth of the texts."""
    theirs = Assignment.objects.filter(
        item__campaign=campaign, participant__simulated=True, state=Assignment.State.SUBMITTED
    )
    people = Counter(theirs.values_list("item", flat=True))
    return Labelled(
        annotators=simulated_in(campaign),
        submitted=submitted,
        items=campaign.items.count(),
        answers_per_item=tuple(sorted(Counter(people.values()).items())),
        accuracy=_accuracy(theirs),
    )


def _accuracy(assignments: QuerySet[Assignment]) -> Estimate:
    texts = ("description", "action_1", "action_2", "persona", "background", "goal", "value_1__name", "value_2__name")
    scenarios = Scenario.objects.filter(pk__in=assignments.values("item__scenario"))
    truth = {
        scenario.pk: true_of(scenario)
        for scenario in scenarios.select_related("value_1", "value_2").only(*texts).iterator()
    }
    given = Annotation.objects.filter(assignment__in=assignments).exclude(answer="")
    right = [
        truth[scenario].get(question) == answer
        for scenario, question, answer in given.values_list("assignment__item__scenario", "question", "answer")
    ]
    return wilson(sum(right), len(right)) if right else Estimate.undefined("nothing has been answered")


def true_of(scenario: Scenario) -> dict[str, str]:
    """The true answers to the scenario's questions, by their keys."""
    return reading.truth_of(
        scenario.description,
        scenario.action_1,
        scenario.action_2,
        scenario.value_1.name if scenario.value_1 else "",
        scenario.value_2.name if scenario.value_2 else "",
        user=_together(scenario.persona, scenario.background, scenario.goal),
    )


def _places(campaign: Campaign, count: int) -> list[Participant]:
    """The annotators' places in the campaign, made where they are missing: all of them, or none."""
    names = [NAME.format(number=number) for number in range(1, count + 1)]
    with transaction.atomic():
        places = []
        for name in names:
            user, _ = User.objects.get_or_create(username=name, defaults={"password": make_password(None)})
            if user.has_usable_password():
                raise Conflict(f"{name} is the account of a person, who can log in. Rename it to simulate annotators.")
            membership, _ = Membership.objects.get_or_create(
                study=campaign.study, user=user, defaults={"role": Role.ANNOTATOR}
            )
            if membership.role != Role.ANNOTATOR:
                raise Conflict(
                    f"{name} is {membership.role} of {campaign.study.slug}, and only annotators label. "
                    "Give them the role annotator, or take them out."
                )
            place = join(campaign, user, simulated=True)
            if not place.simulated:
                raise Conflict(f"{name} labels as a person in {campaign.name}, so their answers cannot be simulated.")
            if place.consented_at is None:
                consent(place)
            places.append(place)
    return places


def _label(assignment: Assignment, *, annotator: str, accuracy: float, seed: int) -> bool:
    """Read the sheet, answer as a page would, submit. False: another run of the same annotators was faster."""
    sheet = sheet_of(assignment)
    sent = answers_to(sheet, annotator=annotator, accuracy=accuracy, seed=seed)
    fresh = labelling.submit(assignment, labelling.read(assignment, sent).answers)
    if fresh:
        labelling.add_time(assignment, _seconds(sheet, annotator=annotator, seed=seed))
    return fresh


def _seen(question: Asked, truth: str, sheet: Sheet, *, annotator: str, accuracy: float, seed: int) -> str:
    key = (seed, annotator, *_asked_about(question, sheet))
    if draws.chance(accuracy, "right", *key):
        return truth
    if truth in (YES, NO):
        return NO if truth == YES else YES
    if truth in _LETTERS.values():
        # As with judges, most mistakes take one action for the other; the rest see both or neither.
        other = "b" if truth == "a" else "a"
        return draws.pick((other, other, other, BOTH, NEITHER), "mistake", *key)
    in_one_order = sorted(("a", "b"), key=lambda letter: _text_of(letter, sheet))
    others = [answer for answer in (*in_one_order, BOTH, NEITHER) if answer != truth]
    return draws.pick(others, "mistake", *key)


def _asked_about(question: Asked, sheet: Sheet) -> Sequence[str]:
    """What a question is about, said without the order of the actions."""
    texts = (sheet.description, *sorted(action.text for action in sheet.actions))
    if question.field in ("feasibility_a", "feasibility_b"):
        return Dimension.FEASIBILITY, _text_of(question.field[-1], sheet), *texts
    return question.field, *texts


def _text_of(letter: str, sheet: Sheet) -> str:
    first, second = sheet.actions
    return first.text if letter == "a" else second.text


def _seconds(sheet: Sheet, *, annotator: str, seed: int) -> int:
    """Some seconds for reading and some for each question, more or fewer by the person and by the item."""
    texts = [sheet.description, sheet.persona, sheet.background, sheet.goal, *(one.text for one in sheet.actions)]
    words = sum(len(text.split()) for text in texts)
    pace = 1.2 ** (draws.normal(seed, annotator, "pace") + draws.normal(seed, annotator, "pace", sheet.description))
    return round(pace * (words / _WORDS_A_SECOND + 5 * len(sheet.questions)))


def _user(sheet: Sheet) -> str:
    return _together(sheet.persona, sheet.background, sheet.goal)


def _together(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
