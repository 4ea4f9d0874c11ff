"""What guests said of themselves, as counts: never of so few that somebody could be told from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from annotation.crowd.models import GroupAnswer, Guest
from annotation.crowd.recruiting import recruitment_now
from annotation.models import Campaign

NOT_SAID = "Rather not say"


@dataclass(frozen=True, slots=True)
class GroupCount:
    """How many gave an answer; None: too few to be shown, or hidden so that others cannot be worked out."""

    answer: str
    people: int | None


@dataclass(frozen=True, slots=True)
class GroupTable:
    """The answers to one question. `smallest`: cells of fewer people are hidden."""

    question: str
    counts: tuple[GroupCount, ...]
    smallest: int

    @property
    def hides(self) -> bool:
        return any(each.people is None for each in self.counts)


def group_tables(campaign: Campaign) -> list[GroupTable]:
    """A table a question, over all guests who have not withdrawn."""
    smallest = recruitment_now(campaign).smallest_cell
    guests = Guest.objects.filter(participant__campaign=campaign).exclude(ending="withdrew").count()
    tables = []
    for question in campaign.group_questions.all():
        said = Counter(GroupAnswer.objects.filter(question=question).values_list("answer", flat=True))
        counted = {answer: said[answer] for answer in question.answers} | {NOT_SAID: guests - said.total()}
        shown = hide_small(counted, smallest=smallest)
        counts = tuple(GroupCount(answer, shown[answer]) for answer in counted)
        tables.append(GroupTable(question.text, counts, smallest))
    return tables


def hide_small(counts: Mapping[str, int], *, smallest: int) -> dict[str, int | None]:
    """Counts below `smallest` hidden, and as many larger ones that the hidden ones together are no smaller and never one alone.

    The total is known, so that one hidden count, or a few people hidden together, could be worked out from the others. A count
    of nobody says of nobody anything and is shown, unless it would have to hide another.
    """
    hidden = {answer for answer, people in counts.items() if 0 < people < smallest}
    larger = sorted(
        (answer for answer in counts if answer not in hidden), key=lambda answer: (counts[answer] == 0, counts[answer])
    )
    while hidden and larger and (len(hidden) < 2 or sum(counts[each] for each in hidden) < smallest):
        hidden.add(larger.pop(0))
    return {answer: None if answer in hidden else people for answer, people in counts.items()}
