"""What people together say of each item: a majority for each question, a place on each scale, and ties left to be settled.

What that comes to (a verdict, a judgement, an order of values) is written down by `annotation.consensus.recording`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from django.contrib.auth.models import User
from django.db import transaction

from annotation.consensus import recording
from annotation.consensus.labels import Cell, LabelledItem, Labels, counted
from annotation.kinds import QUESTION
from annotation.models import Campaign, Decision, Item
from annotation.questions import MIDDLE, Control, Question
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.filtering.dimensions import outcome_of, questions_of
from conflictscope.stats.consensus import majority
from conflictscope.values.models import TargetRanking

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tie:
    """A question on which as many people gave one answer as another: somebody has to settle it."""

    item: LabelledItem
    question: str
    votes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Decided:
    """What deciding a campaign came to.

    Attributes:
        items: that enough people have labelled; waiting: the others.
        written: verdicts (pairs of scenario and dimension) or judgements that stand; passed: verdicts that pass.
        changed: of them, how many are new, changed or withdrawn now. ranking: the order of values that preferences came to.
    """

    kind: str
    minimum: int
    items: int
    waiting: int
    written: int
    passed: int
    changed: int
    ties: tuple[Tie, ...]
    ranking: TargetRanking | None = None


def decide(campaign: Campaign, *, minimum: int | None = None, progress: Callable[[], object] | None = None) -> Decided:
    """Write down what people agree on: a decision for each question, and what the kind of campaign makes of them.

    A scenario filter writes a human verdict for each dimension, an action judgement a human judgement of each response, a
    preference an order of values. Only items that at least `minimum` people have labelled are decided; by default as many as
    the campaign asks for. A tie is left open. Adjudicated answers stand, whatever the votes. Decided again, it does only what
    has changed; a decision that the answers no longer bear out is withdrawn together with what it wrote.

    Raises:
        InvalidInput: a minimum below 1.
    """
    minimum = campaign.overlap if minimum is None else minimum
    if minimum < 1:
        raise InvalidInput("At least one person must have labelled an item before it can be decided.")
    labels = counted(campaign)
    agreed, ties = agree(labels, minimum=minimum, adjudicated=adjudicated_answers(campaign))
    record = recording.recorder_of(campaign, labels)
    written = passed = changed = 0
    decided = set(Decision.objects.filter(item__campaign=campaign).values_list("item", flat=True))
    for row, item in enumerate(labels.items):
        if not labels.counts[row] and item.pk not in decided:  # nothing to decide, and nothing to withdraw
            if progress:
                progress()
            continue
        answers = {question: column[row] for question, column in agreed.items()}
        with transaction.atomic():
            # Locked and read anew: somebody may be settling a tie of this item, or deciding the campaign, at this moment.
            Item.objects.select_for_update().get(pk=item.pk)
            standing = _write_decisions(item, answers)
            done = record.write(row, answers, standing)
        written += done.written
        passed += done.passed
        changed += done.changed
        if progress:
            progress()
    ranking, moved = record.finish(minimum)
    enough = sum(count >= minimum for count in labels.counts)
    logger.info("Campaign %s decided: %s written, %s changed", campaign.pk, written, changed)
    return Decided(
        kind=campaign.kind,
        minimum=minimum,
        items=enough,
        waiting=len(labels.items) - enough,
        written=written,
        passed=passed,
        changed=changed + moved,
        ties=tuple(ties),
        ranking=ranking,
    )


def settle(item: Item, answers: Mapping[str, str], *, by: User, reason: str) -> None:
    """An adjudicator's word on questions of an item: it stands, whatever the votes, and what it comes to is written down.

    Raises:
        InvalidInput: no answer at all, one that its question does not offer, or no reason.
    """
    campaign = item.campaign
    labels = counted(campaign, item=item.pk)
    offered = {key: {answer.key for answer in QUESTION[key].answers} for key in labels.answers}
    wrong = [key for key, answer in answers.items() if answer not in offered.get(key, set())]
    if wrong or not answers:
        raise InvalidInput(f"Choose one of the answers on offer{f' to {wrong[0]}' if wrong else ''}.")
    if not reason.strip():
        raise InvalidInput("Say in a few words why: the reason is kept with the decision.")
    row = next(index for index, each in enumerate(labels.items) if each.pk == item.pk)
    with transaction.atomic():
        Item.objects.select_for_update().get(pk=item.pk)
        for key, answer in answers.items():
            Decision.objects.update_or_create(
                item=item,
                question=key,
                defaults={
                    "answer": answer,
                    "method": Decision.Method.ADJUDICATED,
                    "decided_by": by,
                    "reason": reason.strip(),
                },
            )
        standing = {each.question: each for each in Decision.objects.filter(item=item).select_related("verdict")}
        agreed = {key: standing[key].answer if key in standing else None for key in labels.answers}
        recording.recorder_of(campaign, labels).write(row, agreed, standing)
    logger.info("Item %s of campaign %s adjudicated", item.pk, campaign.pk)


def agree(
    labels: Labels, *, minimum: int, adjudicated: Mapping[tuple[int, str], str] | None = None
) -> tuple[dict[str, list[Cell]], list[Tie]]:
    """For each question the answer of each item that most people gave, and where two answers tie.

    On a scale it is the median of what they gave, and there are no ties. Items that fewer than `minimum` people labelled have
    no answer yet, unless it was adjudicated.
    """
    adjudicated = adjudicated or {}
    agreed: dict[str, list[Cell]] = {}
    ties: list[Tie] = []
    for key, table in labels.answers.items():
        question = QUESTION[key]
        ready = [
            row if count >= minimum else [None] * len(row) for row, count in zip(table, labels.counts, strict=True)
        ]
        settled = [adjudicated.get((item.pk, key)) for item in labels.items]
        if question.control is Control.SCALE:
            agreed[key] = [
                by_hand if by_hand is not None else middle_of(row) for by_hand, row in zip(settled, ready, strict=True)
            ]
            continue
        found = majority(ready, categories=_categories(question), adjudicated=settled)
        agreed[key] = [None if label is None else str(label) for label in found.labels]
        ties += [
            Tie(item, key, votes_of(row))
            for item, row, tied in zip(labels.items, ready, found.tied, strict=True)
            if tied
        ]
    place = {item.pk: index for index, item in enumerate(labels.items)}
    return agreed, sorted(ties, key=lambda tie: place[tie.item.pk])


def middle_of(row: Sequence[Cell]) -> Cell:
    """The median place on a scale; between two places the one nearer to its middle, which claims less."""
    given = [int(cell) for cell in row if cell is not None]
    if not given:
        return None
    found = median(given)
    return str(int(found + 0.5) if found < MIDDLE else int(found))


def outcomes_of(labels: Labels, agreed: Mapping[str, list[Cell]]) -> dict[str, list[Cell]]:
    """Pass or fail of each dimension, where all its questions have an answer that people agree on."""
    return {
        dimension: [
            _outcome(dimension, {question: column[row] for question, column in agreed.items()})
            for row in range(len(labels.items))
        ]
        for dimension in labels.dimensions
    }


def ties_of(campaign: Campaign, *, minimum: int | None = None) -> list[Tie]:
    """The questions that wait for somebody to settle them."""
    minimum = campaign.overlap if minimum is None else minimum
    return agree(counted(campaign), minimum=minimum, adjudicated=adjudicated_answers(campaign))[1]


def votes_of(row: Sequence[Cell]) -> dict[str, int]:
    return dict(sorted(Counter(cell for cell in row if cell is not None).items()))


def adjudicated_answers(campaign: Campaign) -> dict[tuple[int, str], str]:
    """What somebody settled by hand: an answer for an item and a question."""
    settled = Decision.objects.filter(item__campaign=campaign, method=Decision.Method.ADJUDICATED)
    return {(item, question): answer for item, question, answer in settled.values_list("item", "question", "answer")}


def _categories(question: Question) -> list[str]:
    return [answer.key for answer in question.answers]


def _outcome(dimension: str, answers: Mapping[str, Cell]) -> Cell:
    given = {question.key: answers.get(question.key) for question in questions_of(dimension)}
    known = {key: answer for key, answer in given.items() if answer is not None}
    return str(outcome_of(dimension, known)) if len(known) == len(given) else None


def _write_decisions(item: LabelledItem, answers: dict[str, Cell]) -> dict[str, Decision]:
    """Bring the item's majority decisions in line with what people agree on; to adjudicated ones the answers give way."""
    standing = {
        decision.question: decision
        for decision in Decision.objects.filter(item=item.pk).select_related("verdict", "judgement")
    }
    for question, answer in answers.items():
        decision = standing.get(question)
        if decision is not None and decision.method == Decision.Method.ADJUDICATED:
            answers[question] = decision.answer
        elif answer is None:
            if decision is not None:
                decision.delete()
                del standing[question]
        elif decision is None:
            standing[question] = Decision.objects.create(
                item_id=item.pk, question=question, answer=answer, method=Decision.Method.MAJORITY
            )
        elif (decision.answer, decision.method) != (answer, Decision.Method.MAJORITY):
            decision.answer = answer
            decision.method = Decision.Method.MAJORITY
            decision.save(update_fields=["answer", "method"])
    return standing
