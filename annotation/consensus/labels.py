"""The counted answers of a campaign as tables: labelled items by annotators, an answer's code in each cell.

Which work counts is said by `Assignment.objects.counted()`. A code is the place of an answer among those that its question
offers, -1 where somebody gave none: a hundred thousand items by sixty people are six megabytes a question.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import product

import numpy as np
from django.db.models import BigIntegerField, Case, Exists, F, OuterRef, QuerySet, Sum, Value, When
from django.db.models.functions import Cast
from numpy.typing import NDArray

from annotation.kinds import KINDS, QUESTION
from annotation.kinds import questions_of as asked_in
from annotation.models import Assignment, Campaign, Item, Participant
from annotation.questions import UNSURE
from conflictscope.scenarios.filtering.dimensions import (
    NO,
    YES,
    dimensions_of,
    outcome_of,
    questions_of,
)
from conflictscope.scenarios.models import Dimension, Verdict
from conflictscope.stats.labels import MISSING, Codes
from evaluation.models import CHOICE_OF_ACTION, Judgement

Cell = str | None

OUTCOMES = (Verdict.Outcome.PASS.value, Verdict.Outcome.FAIL.value)
# A sheet is read as one number, with a digit of this base for each question: fifteen questions fit a big integer.
BASE = 16
MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class LabelledItem:
    """An item; `scenario_id` and `uid` are of its scenario, or of the scenario that its response is to."""

    pk: int
    scenario_id: int
    response_id: int | None
    uid: str
    inclusion_probability: float
    part: str = ""


@dataclass(frozen=True)
class Labels:
    """`codes[question]` and `outcomes(dimension)` have a row for each item and a column for each annotator.

    Attributes:
        items: those that somebody has labelled, or that were named, in the order in which they are served.
        asked: how many items the campaign asks about.
        dimensions: those of a scenario filter; in other kinds there are none.
        also: as `codes`, the second answers that were marked as defensible, too; unsure: who said of a question that they cannot
            tell, shape (items, annotators). Both are empty where the campaign takes one answer only.
    """

    items: tuple[LabelledItem, ...]
    asked: int
    annotators: tuple[Participant, ...]
    dimensions: tuple[Dimension, ...]
    codes: dict[str, Codes]
    also: dict[str, Codes] = field(default_factory=dict)
    unsure: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How many people labelled each item."""
        counts = np.zeros(len(self.items), dtype=np.int64)
        for table in self.codes.values():
            np.maximum(counts, (table != MISSING).sum(axis=1), out=counts)
        return counts

    @cached_property
    def row_of(self) -> dict[int, int]:
        """The row of each item, by its key."""
        return {item.pk: row for row, item in enumerate(self.items)}

    @property
    def simulated(self) -> bool:
        """Whether a simulated annotator is among those who answered."""
        return any(annotator.simulated for annotator in self.annotators)

    def outcomes(self, dimension: str) -> Codes:
        """Pass or fail of the dimension (places in `OUTCOMES`), as each annotator's answers put it."""
        return outcome_codes(dimension, self.codes)

    def marked(self, question: str) -> NDArray[np.bool_]:
        """Whether each annotator marked each answer, first or also, shape (items, annotators, answers)."""
        places = np.arange(len(answers_of(question)))
        marked: NDArray[np.bool_] = self.codes[question][:, :, None] == places
        if question in self.also:
            marked |= self.also[question][:, :, None] == places
        return marked

    def defensible_outcomes(self, dimension: str) -> NDArray[np.bool_]:
        """The same of the dimension's outcomes: one that some choice among first and second answers comes to."""
        firsts = {question.key: self.codes[question.key] for question in questions_of(dimension)}
        seconds = {
            key: np.where(self.also[key] == MISSING, codes, self.also[key]) if key in self.also else codes
            for key, codes in firsts.items()
        }
        found = [
            outcome_codes(dimension, dict(zip(firsts, chosen, strict=True)))
            for chosen in product(*zip(firsts.values(), seconds.values(), strict=True))
        ]
        places = np.arange(len(OUTCOMES))
        possible: NDArray[np.bool_] = np.logical_or.reduce([codes[:, :, None] == places for codes in found])
        return possible

    def votes(self, row: int, question: str) -> dict[str, int]:
        """How many gave each answer to the question about the item, answers in the order of the alphabet."""
        codes = self.codes[question][row]
        numbers = np.bincount(codes[codes != MISSING], minlength=1).tolist()
        words = answers_of(question)
        return {words[code]: n for code, n in sorted(enumerate(numbers), key=lambda each: words[each[0]]) if n}


@cache
def answers_of(question: str) -> tuple[str, ...]:
    """The answers that the question offers: what codes are places in."""
    return tuple(answer.key for answer in QUESTION[question].answers)


def words(codes: Codes, categories: Sequence[str]) -> list[Cell]:
    """The answers that codes stand for."""
    known: tuple[Cell, ...] = (*categories, None)
    return [known[code] for code in codes.tolist()]


@cache
def _outcome_table(dimension: str) -> tuple[tuple[str, ...], Codes]:
    """The questions of a dimension, and its outcome for every combination of their answers; the last place is no answer."""
    keys = tuple(question.key for question in questions_of(dimension))
    table = np.full(tuple(len(answers_of(key)) + 1 for key in keys), MISSING, dtype=np.int8)
    for places in product(*(range(len(answers_of(key))) for key in keys)):
        answers = {key: answers_of(key)[place] for key, place in zip(keys, places, strict=True)}
        table[places] = OUTCOMES.index(str(outcome_of(dimension, answers)))
    return keys, table


def outcome_codes(dimension: str, codes: Mapping[str, Codes]) -> Codes:
    """The dimension's outcome wherever all its questions have an answer. `codes`: of its questions, of one shape."""
    keys, table = _outcome_table(dimension)
    outcomes: Codes = table[tuple(codes[key].astype(np.intp) for key in keys)]
    return outcomes


def labelled_items(campaign: Campaign) -> QuerySet[Item]:
    """Items with an answer that counts, in the order in which they are served."""
    counted = Assignment.objects.counted().filter(item=OuterRef("pk"))
    return served(campaign).filter(Exists(counted))


def served(campaign: Campaign) -> QuerySet[Item]:
    """The items that are asked about, in the order in which they are served."""
    return Item.objects.filter(campaign=campaign, is_training=False).order_by("priority", "shuffle_key", "pk")


def counted(campaign: Campaign, *, among: Collection[int] | None = None, part: str = "") -> Labels:
    """The campaign's answers that count, in four queries: of all items that have any, or of the items `among` which are named. Where it
    takes second answers, in two more.

    Args: part: of a campaign that is split, the dev or the test part alone; empty: all of it.

    What is read of a sheet is one number, so that neither time nor memory goes by answers.
    """
    kind = KINDS[campaign.kind]
    scenario = kind.scenario_of
    submitted = Assignment.objects.counted().filter(item__campaign=campaign)
    if among is None:
        asked = labelled_items(campaign)
    else:
        asked = served(campaign).filter(pk__in=among)
        submitted = submitted.filter(item__in=among)
    of_part = {"part": part} if part else {}
    asked = asked.filter(**of_part)
    submitted = submitted.filter(**{f"item__{name}": value for name, value in of_part.items()})
    items = tuple(
        LabelledItem(*row)
        for row in asked.values_list("pk", scenario, "response", f"{scenario}__uid", "inclusion_probability", "part")
    )
    annotators = tuple(
        Participant.objects.filter(pk__in=submitted.order_by().values("participant")).order_by(
            "simulated", "pseudonym", "pk"
        )
    )
    keys = [question.key for question in asked_in(campaign)]
    takes_two = campaign.second_answers != Campaign.SecondAnswers.OFF
    second = [question.key for question in asked_in(campaign) if question.may_have_two and takes_two]
    rows, columns = [item.pk for item in items], [annotator.pk for annotator in annotators]
    return Labels(
        items=items,
        asked=served(campaign).filter(**of_part).order_by().count() if among is None else len(items),
        annotators=annotators,
        dimensions=dimensions_of(campaign.dataset) if kind.by_dimension else (),
        codes=_codes(submitted, keys, rows, columns),
        also=_codes(submitted, second, rows, columns, of="also") if second else {},
        unsure=_unsure(submitted, second, rows, columns) if second else {},
    )


def _unsure(
    submitted: QuerySet[Assignment], keys: Sequence[str], items: Sequence[int], annotators: Sequence[int]
) -> dict[str, NDArray[np.bool_]]:
    """For each question who said that they cannot tell, items by annotators."""
    tables = {key: np.zeros((len(items), len(annotators)), dtype=bool) for key in keys}
    said = submitted.order_by().filter(annotations__answer=UNSURE)
    row_of, column_of = ({pk: place for place, pk in enumerate(known)} for known in (items, annotators))
    for item, annotator, key in said.values_list("item", "participant", "annotations__question").iterator(
        chunk_size=20_000
    ):
        if key in tables:
            tables[key][row_of[item], column_of[annotator]] = True
    return tables


def _codes(
    submitted: QuerySet[Assignment],
    keys: Sequence[str],
    items: Sequence[int],
    annotators: Sequence[int],
    *,
    of: str = "answer",
) -> dict[str, Codes]:
    """For each question the table of codes, items by annotators. `of`: the column of an annotation that is read."""
    every = sorted({answer for key in keys for answer in answers_of(key)})
    if len(keys) > MOST_DIGITS or len(every) >= BASE:
        raise ValueError(f"{len(keys)} questions with {len(every)} answers do not fit into one number")
    answer = Case(
        *(When(**{f"annotations__{of}": option}, then=Value(place)) for place, option in enumerate(every, start=1)),
        default=Value(0),
        output_field=BigIntegerField(),
    )
    digit = Case(
        *(When(annotations__question=key, then=Value(BASE**place)) for place, key in enumerate(keys)),
        default=Value(0),
        output_field=BigIntegerField(),
    )
    sheets = submitted.order_by().values("pk").annotate(sheet=Cast(Sum(answer * digit), BigIntegerField()))
    flat = np.fromiter(
        (
            number
            for row in sheets.values_list("item", "participant", "sheet").iterator(chunk_size=20_000)
            for number in (row[0], row[1], row[2] or 0)
        ),
        dtype=np.int64,
    ).reshape(-1, 3)
    tables = {key: np.full((len(items), len(annotators)), MISSING, dtype=np.int8) for key in keys}
    if not len(flat):
        return tables
    rows, columns = _places(flat[:, 0], items), _places(flat[:, 1], annotators)
    for place, key in enumerate(keys):
        code_of = np.full(BASE, MISSING, dtype=np.int8)
        for code, option in enumerate(answers_of(key)):
            code_of[every.index(option) + 1] = code
        tables[key][rows, columns] = code_of[flat[:, 2] // BASE**place % BASE]
    return tables


def _places(keys: NDArray[np.int64], among: Sequence[int]) -> NDArray[np.int64]:
    """Where in the list each key stands."""
    known = np.asarray(among, dtype=np.int64)
    order = np.argsort(known)
    places: NDArray[np.int64] = order[np.searchsorted(known, keys, sorter=order)]
    return places


def judge_outcomes(campaign: Campaign, labels: Labels, judge_id: int | None) -> dict[str, Codes]:
    """For each dimension the judge's outcome of each item (places in `OUTCOMES`); -1 where it gave none that could be read."""
    columns = _empty(labels, labels.dimensions)
    if judge_id is None:
        return columns
    verdicts = Verdict.objects.filter(judge=judge_id, outcome__in=OUTCOMES).order_by()
    row_of = {item.scenario_id: row for row, item in enumerate(labels.items)}
    # Of most scenarios of a dataset, or of few: one query by dataset, or several that name them.
    if 2 * len(labels.items) >= labels.asked:
        parts: Iterable[QuerySet[Verdict]] = [verdicts.filter(scenario__dataset=campaign.dataset_id)]
    else:
        parts = (verdicts.filter(scenario__in=chunk) for chunk in _chunks(list(row_of), 5_000))
    for part in parts:
        for scenario, dimension, outcome in part.values_list("scenario", "dimension", "outcome").iterator(
            chunk_size=20_000
        ):
            row = row_of.get(scenario)
            if row is not None and dimension in columns:
                columns[dimension][row] = outcome != OUTCOMES[0]
    return columns


def judge_choices(labels: Labels, judge_id: int | None) -> dict[str, Codes]:
    """For each question of an action judgement the judge's answer to each item; -1 where it gave none that could be read.

    Without a judge named it is the one that decides in the response's own run.
    """
    columns = _empty(labels, labels.codes)
    row_of = {item.response_id: row for row, item in enumerate(labels.items) if item.response_id is not None}
    actions: dict[str, str] = {choice: action for action, choice in CHOICE_OF_ACTION.items()}
    code_of = {key: {answer: code for code, answer in enumerate(answers_of(key))} for key in columns}
    for chunk in _chunks(list(row_of), 5_000):
        rows = Judgement.objects.filter(response__in=chunk, source=Judgement.Source.JUDGE).exclude(
            choice=Judgement.Choice.NONE
        )
        rows = rows.filter(judge=F("response__run__judge") if judge_id is None else judge_id)
        for response, choice, strength, resolved in rows.values_list("response", "choice", "strength", "resolved"):
            answers = {
                "action_taken": actions.get(choice, choice),
                "action_strength": None if strength is None else str(strength),
                "resolved": None if resolved is None else YES if resolved else NO,
            }
            for key, answer in answers.items():
                if answer is not None:
                    columns[key][row_of[response]] = code_of[key][answer]
    return columns


def _empty(labels: Labels, keys: Iterable[str]) -> dict[str, Codes]:
    return {str(key): np.full(len(labels.items), MISSING, dtype=np.int8) for key in keys}


def _chunks(whole: Sequence[int], size: int) -> list[Sequence[int]]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]
