"""Everybody's work in a campaign as arrays: what `conflictscope.stats.signals` reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet
from numpy.typing import NDArray

from annotation.consensus.labels import answers_of
from annotation.kinds import KINDS, QUESTION, questions_of
from annotation.models import Annotation, Assignment, Campaign, GoldAnswer, Item, Participant
from annotation.questions import MIDDLE, Control
from conflictscope.scenarios.filtering.dimensions import ACTION_1, ACTION_2
from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.stats.labels import MISSING, Codes
from conflictscope.stats.signals import WorkSheets
from conflictscope.stats.signals.sheets import Floats, Integers

# An item answered without a connection is known to the server only when it comes back: its time is not known.
_NO_LEASE = timedelta(minutes=1)


@dataclass(frozen=True, eq=False)
class CampaignWork:
    """The campaign's work: `sheets` has a row for each item and a column for each of `people`; `comments` as the statistics want
    them. `items`: keys of the rows; `assignments`: of each cell, 0 where there is none."""

    people: tuple[Participant, ...]
    items: tuple[int, ...]
    sheets: WorkSheets
    assignments: Integers
    comments: tuple[tuple[int, int, str], ...]


def work_of(campaign: Campaign) -> CampaignWork:
    """All that was submitted, by those who are excluded too, on items of every use but training. Seven queries."""
    submitted = submitted_in(campaign)
    items = tuple(
        Item.objects.filter(campaign=campaign).filter(Exists(submitted.filter(item=OuterRef("pk")))).order_by("pk")
    )
    rows = {item.pk: row for row, item in enumerate(items)}
    people = tuple(
        Participant.objects.filter(campaign=campaign, pk__in=submitted.order_by().values("participant"))
        .select_related("user")
        .order_by("pseudonym")
    )
    columns = {person.pk: column for column, person in enumerate(people)}
    keys = [question.key for question in questions_of(campaign)]
    shape = (len(items), len(people))
    codes = {key: np.full(shape, MISSING, dtype=np.int8) for key in keys}
    first = np.zeros(shape, dtype=bool)
    assignments = np.zeros(shape, dtype=np.int64)
    cells, seconds, turn, signs = _times(submitted, rows, columns, shape)
    for pk, (row, column, order) in cells.items():
        assignments[row, column] = pk
        first[row, column] = order == OptionOrder.ACTION_1_FIRST
    comments = _answers(submitted, cells, codes)
    return CampaignWork(
        people=people,
        items=tuple(rows),
        sheets=WorkSheets(
            codes=codes,
            sizes={key: len(answers_of(key)) for key in keys},
            sides={key: side for key in keys if (side := _side(key, codes[key], first)) is not None},
            gold=_gold(campaign, rows, keys),
            seconds=seconds,
            words=_words(campaign, items),
            turn=turn,
            clusters=_clusters(campaign, items),
            signs=signs,
            excluded=np.array([person.excluded for person in people], dtype=bool),
        ),
        assignments=assignments,
        comments=comments,
    )


def submitted_in(campaign: Campaign) -> QuerySet[Assignment]:
    """What people say of themselves by: all that they submitted but the items to practise on, counted or not."""
    mine = Assignment.objects.filter(item__campaign=campaign, state=Assignment.State.SUBMITTED)
    return mine.exclude(item__use=Item.Use.TRAINING)


Cells = dict[int, tuple[int, int, str]]


def _times(
    submitted: QuerySet[Assignment], rows: dict[int, int], columns: dict[int, int], shape: tuple[int, int]
) -> tuple[Cells, Floats, Integers, Floats]:
    """The cell of each assignment; and for each cell the seconds, the turn and the signs of life.

    The time of an item runs from when it was given out, or from the person's submission before if that was later. A simulated
    annotator says how long a person would have taken, and is believed: nobody else is.
    """
    simulated = _simulated(submitted)
    seconds, signs = np.full(shape, np.nan), np.full(shape, np.nan)
    turn = np.full(shape, -1, dtype=np.int64)
    cells: Cells = {}
    before: dict[int, tuple[int, float]] = {}
    taken = submitted.order_by("submitted_at", "pk").values_list(
        "pk",
        "item",
        "participant",
        "action_order",
        "leased_at",
        "lease_until",
        "submitted_at",
        "active_seconds",
        "signs",
    )
    for pk, item, person, order, leased_at, lease_until, submitted_at, active, seen in taken.iterator(
        chunk_size=20_000
    ):
        row, column = rows[item], columns[person]
        cells[pk] = (row, column, order)
        number, last = before.get(person, (0, -np.inf))
        now = submitted_at.timestamp() if submitted_at else leased_at.timestamp()
        turn[row, column] = number
        if person in simulated:
            seconds[row, column] = active or np.nan
        elif lease_until - leased_at >= _NO_LEASE:
            seconds[row, column] = now - max(leased_at.timestamp(), last)
        if seen is not None:
            signs[row, column] = seen
        before[person] = (number + 1, now)
    return cells, seconds, turn, signs


def _simulated(submitted: QuerySet[Assignment]) -> set[int]:
    people = Participant.objects.filter(pk__in=submitted.order_by().values("participant"), simulated=True)
    return set(people.values_list("pk", flat=True))


def _answers(
    submitted: QuerySet[Assignment], cells: Cells, codes: dict[str, Codes]
) -> tuple[tuple[int, int, str], ...]:
    code_of = {key: {answer: code for code, answer in enumerate(answers_of(key))} for key in codes}
    comments = []
    said = Annotation.objects.filter(assignment__in=submitted.order_by().values("pk")).order_by()
    for pk, question, answer, comment in said.values_list("assignment", "question", "answer", "comment").iterator(
        chunk_size=20_000
    ):
        row, column, _ = cells[pk]
        if question in codes:
            codes[question][row, column] = code_of[question].get(answer, MISSING)
        if comment:
            comments.append((column, row, comment))
    return tuple(comments)


def _side(key: str, codes: Codes, first: NDArray[np.bool_]) -> Codes | None:
    """1 where the answer was the action shown as A, 0 where it was B; None: the question names no action.

    On a scale it is the half in which the answer lies.
    """
    question, answers = QUESTION[key], answers_of(key)
    if question.control is Control.SCALE:
        place = codes.astype(np.int64) + 1
        one, two = (codes != MISSING) & (place < MIDDLE), place > MIDDLE
    elif ACTION_1 in answers and ACTION_2 in answers:
        one, two = codes == answers.index(ACTION_1), codes == answers.index(ACTION_2)
    else:
        return None
    side = np.full(codes.shape, MISSING, dtype=np.int8)
    side[one | two] = 0
    side[(one & first) | (two & ~first)] = 1
    return side


def _gold(campaign: Campaign, rows: dict[int, int], keys: Sequence[str]) -> dict[str, Codes]:
    gold = {key: np.full(len(rows), MISSING, dtype=np.int8) for key in keys}
    known = GoldAnswer.objects.filter(item__campaign=campaign).exclude(item__use=Item.Use.TRAINING)
    for item, question, answer in known.values_list("item", "question", "answer"):
        if item in rows and question in gold and answer in answers_of(question):
            gold[question][rows[item]] = answers_of(question).index(answer)
    return gold


def _words(campaign: Campaign, items: Sequence[Item]) -> Floats:
    """How many words there are to read of each item."""
    kind = KINDS[campaign.kind]
    shown = [*kind.shown, "action_1", "action_2"]
    scenario = kind.scenario_of
    columns = [*(f"{scenario}__{name}" for name in shown), *(["response__transcript"] if kind.of_responses else [])]
    words = {}
    texts = Item.objects.filter(pk__in=[item.pk for item in items]).values_list("pk", *columns)
    for pk, *parts in texts.iterator(chunk_size=2_000):
        spoken = parts.pop() if kind.of_responses else []
        words[pk] = sum(len(str(part).split()) for part in (*parts, *(turn["text"] for turn in spoken)))
    return np.array([max(words[item.pk], 1) for item in items], dtype=float)


def _clusters(campaign: Campaign, items: Sequence[Item]) -> Integers:
    scenario = KINDS[campaign.kind].scenario_of
    of_item = dict(Item.objects.filter(campaign=campaign).values_list("pk", scenario))
    return np.array([of_item[item.pk] for item in items], dtype=np.int64)
