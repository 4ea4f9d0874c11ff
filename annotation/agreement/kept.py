"""Figures of a campaign, worked out once for what has been submitted: until something new comes in they are read from a file.

What they rest on is told by a stamp: which work counts and when the latest of it came, what was changed since or settled by hand,
and what the judge has said. Nothing here is the truth; a lost file is worked out again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, TypeVar

from django.core.cache import caches
from django.db.models import Count, Max, Sum

from annotation.agreement import interim, measures
from annotation.agreement.sealed import part_shown
from annotation.agreement.tables import Subject, Tables, judges_asked, labels_of, subjects_of, tables_from
from annotation.consensus.deciding import adjudicated_answers
from annotation.consensus.labels import Labels, served
from annotation.kinds import KINDS
from annotation.models import Assignment, Campaign, Participant, Revision
from conflictscope.scenarios.models import Judge, Verdict
from evaluation.models import Judgement

# To be raised where a figure's meaning or form changes: what was kept of old is then not read.
VERSION = 4

FoundT = TypeVar("FoundT")


class Figures:
    """The figures of one campaign and judge (as `tables_of` finds it); tables are read only where nothing is kept.

    `labels` reads the labels of a part of the campaign instead: once for several judges beside the same people.
    """

    def __init__(
        self,
        campaign: Campaign,
        *,
        judge: Judge | None = None,
        minimum: int = 1,
        labels: Callable[[str], Labels] | None = None,
    ) -> None:
        self.campaign = campaign
        self.judge = judge
        self.minimum = minimum
        self._labels = labels or partial(labels_of, campaign, minimum=minimum)
        self.part = part_shown(campaign, judges_asked(campaign, judge))

    @cached_property
    def tables(self) -> Tables:
        return tables_from(self._labels(self.part), self.campaign, judge=self.judge, minimum=self.minimum)

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        return subjects_of(self.campaign)

    @property
    def main(self) -> str:
        """The subject that a page begins with: all six together, or which action."""
        return (self.subjects[-1] if KINDS[self.campaign.kind].by_dimension else self.subjects[0]).key

    @cached_property
    def stamp(self) -> tuple[Any, ...]:
        return stamp_of(self.campaign, self.judge)

    def measured(self) -> measures.CampaignAgreement:
        return self.of("measured", lambda: measures.measure(self.tables, minimum=self.minimum))

    def compared(self, subject: str) -> measures.RaterComparison:
        return self.of(f"compared {subject}", lambda: measures.compare(self.tables, subject))

    def so_far(self) -> interim.SoFar:
        return self.of("so far", lambda: interim.so_far(self.tables))

    def of(self, name: str, make: Callable[[], FoundT]) -> FoundT:
        """What `make` finds, unless it has been found for the same work before."""
        parts = (
            VERSION,
            name,
            self.minimum,
            self.campaign.pk,
            self.judge.pk if self.judge else None,
            self.part,
            self.stamp,
        )
        key = hashlib.sha256(repr(parts).encode()).hexdigest()
        kept = caches["figures"]
        figures: FoundT | None = kept.get(key)
        if figures is None:
            figures = make()
            kept.set(key, figures)
        return figures


def stamp_of(campaign: Campaign, judge: Judge | None) -> tuple[Any, ...]:
    """What figures of the campaign hang on, in few numbers: the same as long as they stay the same."""
    counted = Assignment.objects.counted().filter(item__campaign=campaign).order_by()
    work = counted.aggregate(Count("pk"), Max("submitted_at"), Sum("participant"), Sum("item__inclusion_probability"))
    revised = Revision.objects.filter(assignment__item__campaign=campaign).aggregate(Count("pk"), Max("replaced_at"))
    people = Participant.objects.filter(campaign=campaign).order_by("pk").values_list("pk", "pseudonym", "simulated")
    if KINDS[campaign.kind].of_responses:
        judgements = Judgement.objects.filter(source=Judgement.Source.JUDGE, response__run__in=campaign.runs.all())
        latest = judgements.aggregate(Max("pk"))["pk__max"]
    else:
        verdicts = Verdict.objects.filter(judge=judge or campaign.dataset.primary_judge_id)
        latest = verdicts.aggregate(Max("pk"))["pk__max"]
    return (
        campaign.name,
        campaign.second_answers,
        served(campaign).order_by().count(),
        *map(str, (*work.values(), *revised.values())),
        tuple(people),
        tuple(sorted(adjudicated_answers(campaign).items())),
        [(judge.pk, judge.name, judge.simulated) for judge in judges_asked(campaign, judge)],
        latest,
    )
