"""A campaign rehearsed before it is paid for: what so many people of some accuracy would give, what it costs, how wide intervals are.

Nothing is stored. Simulated people read the campaign's own items as they would be shown, dealt out as routing would, and the
figures are those of the agreement page on what they answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from annotation.agreement.measures import DimensionAgreement, measure_subject
from annotation.agreement.tables import tables_from
from annotation.api.serializers import sheet_payload
from annotation.consensus.labels import LabelledItem, Labels, answers_of, served
from annotation.kinds import KINDS, questions_of
from annotation.labelling import checking
from annotation.labelling.serving import TOLD_WITH
from annotation.labelling.sheets import preview_of
from annotation.models import Assignment, Campaign, Item, Participant
from annotation.simulated.answering import Annotator
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.stats.labels import MISSING, Codes

MOST_PEOPLE = 200
MOST_ITEMS = 2_000
RESAMPLES = 500


@dataclass(frozen=True)
class Rehearsal:
    """What came of it.

    Attributes:
        sheets: items labelled, one person each; wanted: what the campaign asks for. complete: items with all labels.
        seconds: at work, of all together; median_seconds: on one sheet. cost: at the given rate an hour; None without one.
        figures: of all six together, or of which action: agreement of judge and people, and between people.
    """

    people: int
    sheets: int
    wanted: int
    items: int
    complete: int
    seconds: int
    median_seconds: float
    cost: float | None
    figures: DimensionAgreement

    @property
    def hours_each(self) -> float:
        return self.seconds / 3600 / self.people


def rehearse(
    campaign: Campaign,
    *,
    people: int,
    like: Annotator | None = None,
    rate: float | None = None,
    progress: Callable[[], object] | None = None,
) -> Rehearsal:
    """Let `people` simulated annotators label the campaign in memory.

    Args: like: how they are; rate: pay for an hour at work.
    Raises:
        InvalidInput: a number out of range, or nothing to label.
    """
    if not 1 <= people <= MOST_PEOPLE:
        raise InvalidInput(f"From 1 to {MOST_PEOPLE} people can be rehearsed, not {people}.")
    if rate is not None and rate < 0:
        raise InvalidInput("The rate is what an hour at work is paid: nothing, or more.")
    items = _items(campaign)
    like = like or Annotator("")
    crew = [replace(like, name=f"rehearsed-{number}") for number in range(1, people + 1)]
    dealt = _dealt(len(items), people, campaign.overlap, campaign.quota, seed=like.seed)
    codes = {question.key: np.full((len(items), people), MISSING, dtype=np.int8) for question in questions_of(campaign)}
    seconds: list[int] = []
    done = [0] * people
    for row, (item, takers) in enumerate(zip(items, dealt, strict=True)):
        for column in takers:
            order = OptionOrder.values[(row + column) % 2]
            sheet = sheet_payload(preview_of(item, order=order), campaign=campaign.pk, state=None)
            sheet["progress"] = {"done": done[column]}
            done[column] += 1
            answers = crew[column].answers_to(sheet)
            given = checking.understand(Assignment(item=item, action_order=order), answers, {}).answers
            for key, answer in given.items():
                codes[key][row, column] = answers_of(key).index(answer)
            seconds.append(crew[column].seconds_for(sheet))
            if progress:
                progress()
    return Rehearsal(
        people=people,
        sheets=len(seconds),
        wanted=len(items) * campaign.overlap,
        items=len(items),
        complete=sum(len(takers) >= campaign.overlap for takers in dealt),
        seconds=sum(seconds),
        median_seconds=median(seconds),
        cost=None if rate is None else sum(seconds) / 3600 * rate,
        figures=_figures(campaign, items, codes, people),
    )


def _items(campaign: Campaign) -> list[Item]:
    """
    Raises:
        InvalidInput: none, or more than fit in memory.
    """
    relations = [name.removeprefix("item__") for name in TOLD_WITH]
    items = list(served(campaign).select_related(*relations)[: MOST_ITEMS + 1])
    if not items:
        raise InvalidInput(f"{campaign.name} has no item yet, so there is nothing to rehearse.")
    if len(items) > MOST_ITEMS:
        raise InvalidInput(
            f"{campaign.name} has more than {MOST_ITEMS} items: rehearse a smaller one of the same kind."
        )
    for item in items:
        item.campaign = campaign
    return items


def _dealt(items: int, people: int, overlap: int, quota: int | None, *, seed: int) -> list[list[int]]:
    """Who labels each item: whoever has done least, by chance among equals, as long as their quota lasts."""
    rng = np.random.default_rng(seed)
    done = np.zeros(people)
    dealt = []
    for _ in range(items):
        free = np.flatnonzero(done < quota) if quota is not None else np.arange(people)
        takers = free[np.lexsort((rng.random(len(free)), done[free]))][:overlap]
        done[takers] += 1
        dealt.append([int(taker) for taker in takers])
    return dealt


def _figures(campaign: Campaign, items: Sequence[Item], codes: dict[str, Codes], people: int) -> DimensionAgreement:
    labels = Labels(
        items=tuple(
            LabelledItem(
                item.pk, item.subject.pk, item.response_id, item.subject.uid, item.inclusion_probability, item.part
            )
            for item in items
        ),
        asked=len(items),
        annotators=tuple(
            Participant(campaign=campaign, pseudonym=f"rehearsed-{number}", simulated=True) for number in range(people)
        ),
        dimensions=dimensions_of(campaign.dataset) if KINDS[campaign.kind].by_dimension else (),
        codes=codes,
    )
    tables = tables_from(labels, campaign, judge=None)
    return measure_subject(tables, tables.main, resamples=RESAMPLES)
