"""Everything that a report is made of, read once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Count, Max, QuerySet, Sum

from annotation.models import Annotation, Assignment, Campaign, Decision, Item, Revision, Unsealing
from annotation.monitoring.progress import CampaignRow, campaign_rows, campaigns_of
from conflictscope.scenarios.datasets import status_counts
from conflictscope.scenarios.models import Dataset, Judge
from conflictscope.studies.models import Study
from evaluation.measures.kept import state_of
from evaluation.models import Comparison, Judgement, Ranking, Run
from evaluation.rankings.fitting import FittedRun, latest_rankings, stale_runs, value_names
from evaluation.rankings.shifts import latest_shifts
from evaluation.running.variants import variants


@dataclass(slots=True)
class OfDataset:
    """One dataset with its runs in their order, their rankings, and what each target does beside what it says."""

    dataset: Dataset
    names: dict[str, str]
    runs: list[Run] = field(default_factory=list)
    fitted: list[FittedRun] = field(default_factory=list)
    shifts: dict[int, Comparison] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)


@dataclass
class Facts:
    """A study as it is now, by one judge (None: each run's own). `only`: the slug of the dataset whose findings are told; else all."""

    study: Study
    judge: Judge | None
    datasets: list[OfDataset]
    campaigns: list[CampaignRow]
    only: str = ""

    @classmethod
    def of(cls, study: Study, judge: Judge | None, only: str = "") -> Facts:
        datasets = {
            dataset.pk: OfDataset(dataset, value_names(dataset))
            for dataset in study.datasets.shown()
            .select_related("study", "value_set_version__value_set", "generator", "primary_judge__endpoint")
            .order_by("name", "pk")
        }
        for run in decided_runs(study):
            if run.dataset_id in datasets:
                datasets[run.dataset_id].runs.append(run)
        runs = [run for of_dataset in datasets.values() for run in of_dataset.runs]
        fitted = latest_rankings(runs, judge=judge)
        counts = status_counts([of_dataset.dataset for of_dataset in datasets.values()])
        for pk, of_dataset in datasets.items():
            of_dataset.fitted = [fitted[run.pk] for run in of_dataset.runs if run.pk in fitted]
            of_dataset.shifts = latest_shifts(of_dataset.runs) if judge is None else {}
            of_dataset.statuses = {str(each.status): each.count for each in counts.get(pk, [])}
        return cls(study, judge, list(datasets.values()), campaign_rows(list(campaigns_of(study))), only)

    @property
    def told(self) -> list[OfDataset]:
        """Those whose findings are told."""
        return [each for each in self.datasets if self.only in ("", each.dataset.slug)]

    @cached_property
    def runs(self) -> list[Run]:
        return [run for of_dataset in self.datasets for run in of_dataset.runs]

    @cached_property
    def fitted(self) -> list[FittedRun]:
        return [each for of_dataset in self.datasets for each in of_dataset.fitted]

    @cached_property
    def stale(self) -> set[int]:
        return stale_runs(self.runs)

    @cached_property
    def labels(self) -> dict[int, str]:
        """What tells a run from others of its target, by the run's id."""
        labels: dict[int, str] = {}
        for of_dataset in self.datasets:
            labels |= variants(of_dataset.runs)
        return labels

    @cached_property
    def by_people(self) -> bool:
        return any(fitted_run.corrected is not None for fitted_run in self.fitted)


def decided_runs(study: Study) -> list[Run]:
    """The study's runs with decisions, by mode and target."""
    decided = Judgement.objects.filter(response__run__study=study).order_by().values("response__run").distinct()
    return list(
        Run.objects.whole()
        .filter(study=study, pk__in=decided)
        .select_related("study", "dataset__study", "target__endpoint", "judge__endpoint", "user_simulator", "steering")
        .order_by("mode", "target__label", "pk")
    )


def judges_of(study: Study) -> list[Judge]:
    """The judges that decided conversations of the study, by name."""
    judgements = Judgement.objects.filter(response__run__study=study, source=Judgement.Source.JUDGE).order_by()
    return list(
        Judge.objects.filter(pk__in=judgements.values("judge").distinct()).select_related("endpoint").order_by("name")
    )


def state_of_study(study: Study, runs: Sequence[Run]) -> str:
    """Changes when anything does that a report tells of."""
    rows: list[QuerySet[Any]] = [
        Ranking.objects.filter(study=study),
        Comparison.objects.filter(study=study),
        Item.objects.filter(campaign__study=study, is_training=False),
        Annotation.objects.filter(assignment__item__campaign__study=study, assignment__item__is_training=False),
        Assignment.objects.counted().filter(item__campaign__study=study),  # whoever is left out takes theirs along
        Revision.objects.filter(assignment__item__campaign__study=study),
        Decision.objects.filter(item__campaign__study=study),
        Unsealing.objects.filter(campaign__study=study),
    ]
    confirmed = Ranking.objects.filter(study=study).aggregate(Max("confirmed_at"))
    counted = [query.order_by().aggregate(Count("pk"), Sum("pk"), Max("pk")) for query in rows]
    campaigns = Campaign.objects.filter(study=study).order_by("pk").values_list("pk", "state", "name", "overlap")
    every = study.datasets.exclude(variant="check").order_by("pk")
    datasets = every.values_list("pk", "name", "variant", "primary_judge", "hidden_at")
    parts = [study.name, study.description, state_of(runs), counted, confirmed, list(campaigns), list(datasets)]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()
