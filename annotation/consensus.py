"""What people together say: a majority for each question, a verdict for each dimension, and ties left to be settled."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from annotation.labels import Cell, LabelledItem, Labels, counted
from annotation.models import Campaign, Decision, Item
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.dimensions import QUESTION, outcome_of, questions_of
from conflictscope.scenarios.models import Dimension, Scenario, Verdict
from conflictscope.scenarios.verdicts import resettle, write_human_verdict
from conflictscope.stats.consensus import majority

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tie:
    """A question on which as many people gave one answer as another: somebody has to settle it."""

    item: LabelledItem
    question: str
    votes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Decided:
    """What deciding a campaign came to. `verdicts` and `passed` count pairs of scenario and dimension."""

    minimum: int
    items: int
    waiting: int
    verdicts: int
    passed: int
    changed: int
    ties: tuple[Tie, ...]


def decide(campaign: Campaign, *, minimum: int | None = None, progress: Callable[[], object] | None = None) -> Decided:
    """Write down what people agree on: a decision for each question, and a human verdict for each dimension.

    Only items that at least `minimum` people have labelled are decided; by default as many as the campaign asks for. A tie is
    left open. Adjudicated answers stand, whatever the votes. Decided again, it does only what has changed; a decision that
    the answers no longer bear out is withdrawn together with its verdict.

    Raises:
        InvalidInput: a minimum below 1.
    """
    minimum = campaign.overlap if minimum is None else minimum
    if minimum < 1:
        raise InvalidInput("At least one person must have labelled an item before it can be decided.")
    labels = counted(campaign)
    agreed, ties = agree(labels, minimum=minimum, adjudicated=adjudicated_answers(campaign))
    scenarios = Scenario.objects.select_related("dataset").in_bulk([item.scenario_id for item in labels.items])
    verdicts = passed = changed = 0
    for row, item in enumerate(labels.items):
        answers = {question: column[row] for question, column in agreed.items()}
        evidence = _Evidence(labels, row, campaign)
        with transaction.atomic():
            # Locked and read anew: somebody may be settling a tie of this item, or deciding the campaign, at this moment.
            Item.objects.select_for_update().get(pk=item.pk)
            standing = _write_decisions(item, answers)
            for dimension in labels.dimensions:
                outcome, new = _write_verdict(
                    campaign, scenarios[item.scenario_id], dimension, answers, standing, evidence
                )
                verdicts += outcome is not None
                passed += outcome == Verdict.Outcome.PASS
                changed += new
        if progress:
            progress()
    logger.info("Campaign %s decided: %s verdicts, %s changed", campaign.pk, verdicts, changed)
    enough = sum(count >= minimum for count in labels.counts)
    return Decided(
        minimum=minimum,
        items=enough,
        waiting=len(labels.items) - enough,
        verdicts=verdicts,
        passed=passed,
        changed=changed,
        ties=tuple(ties),
    )


def agree(
    labels: Labels, *, minimum: int, adjudicated: Mapping[tuple[int, str], str] | None = None
) -> tuple[dict[str, list[Cell]], list[Tie]]:
    """For each question the answer of each item that most people gave, and where two answers tie.

    Items that fewer than `minimum` people labelled have no answer yet, unless it was adjudicated.
    """
    adjudicated = adjudicated or {}
    agreed: dict[str, list[Cell]] = {}
    ties: list[Tie] = []
    for question, table in labels.answers.items():
        ready = [
            row if count >= minimum else [None] * len(row) for row, count in zip(table, labels.counts, strict=True)
        ]
        categories = [answer.key for answer in QUESTION[question].answers]
        settled = [adjudicated.get((item.pk, question)) for item in labels.items]
        found = majority(ready, categories=categories, adjudicated=settled)
        agreed[question] = [None if label is None else str(label) for label in found.labels]
        ties += [
            Tie(item, question, _votes(row))
            for item, row, tied in zip(labels.items, ready, found.tied, strict=True)
            if tied
        ]
    place = {item.pk: index for index, item in enumerate(labels.items)}
    return agreed, sorted(ties, key=lambda tie: place[tie.item.pk])


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


@dataclass(frozen=True, slots=True)
class _Evidence:
    labels: Labels
    row: int
    campaign: Campaign

    def of(self, dimension: str) -> dict[str, Any]:
        """What a verdict keeps beside its outcome: the votes behind it, and how its item came to be asked about."""
        people = [
            annotator
            for column, annotator in enumerate(self.labels.annotators)
            if any(table[self.row][column] is not None for table in self.labels.answers.values())
        ]
        return {
            "campaign": self.campaign.slug,
            "votes": {
                question.key: _votes(self.labels.answers[question.key][self.row])
                for question in questions_of(dimension)
            },
            "people": len(people),
            "simulated": any(annotator.simulated for annotator in people),
            "inclusion_probability": self.labels.items[self.row].inclusion_probability,
        }


def _votes(row: Sequence[Cell]) -> dict[str, int]:
    return dict(sorted(Counter(cell for cell in row if cell is not None).items()))


def adjudicated_answers(campaign: Campaign) -> dict[tuple[int, str], str]:
    """What somebody settled by hand: an answer for an item and a question."""
    settled = Decision.objects.filter(item__campaign=campaign, method=Decision.Method.ADJUDICATED)
    return {(item, question): answer for item, question, answer in settled.values_list("item", "question", "answer")}


def _outcome(dimension: str, answers: Mapping[str, Cell]) -> Cell:
    given = {question.key: answers.get(question.key) for question in questions_of(dimension)}
    known = {key: answer for key, answer in given.items() if answer is not None}
    return str(outcome_of(dimension, known)) if len(known) == len(given) else None


def _write_decisions(item: LabelledItem, answers: dict[str, Cell]) -> dict[str, Decision]:
    """Bring the item's majority decisions in line with what people agree on; to adjudicated ones the answers give way."""
    standing = {
        decision.question: decision for decision in Decision.objects.filter(item=item.pk).select_related("verdict")
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


def _write_verdict(
    campaign: Campaign,
    scenario: Scenario,
    dimension: Dimension,
    answers: Mapping[str, Cell],
    standing: Mapping[str, Decision],
    evidence: _Evidence,
) -> tuple[Cell, bool]:
    """The outcome that now stands for the dimension, and whether writing it down changed anything."""
    outcome = _outcome(dimension, answers)
    behind = [standing[question.key] for question in questions_of(dimension) if question.key in standing]
    if outcome is None:
        gone = Verdict.objects.filter(scenario=scenario, dimension=dimension, panel=campaign.slug)
        withdrawn = bool(gone.delete()[0])
        if withdrawn:
            resettle(scenario)
        return None, withdrawn
    said = evidence.of(dimension)
    verdict = next((decision.verdict for decision in behind if decision.verdict is not None), None)
    changed = verdict is None or verdict.outcome != outcome or verdict.evidence != said
    if changed:
        verdict = write_human_verdict(scenario, dimension, outcome, panel=campaign.slug, evidence=said)
    Decision.objects.filter(pk__in=[decision.pk for decision in behind]).exclude(verdict=verdict).update(
        verdict=verdict
    )
    return outcome, changed
