"""How people agree who labelled by one version of the guideline, beside those of another."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from annotation.agreement.kept import Figures
from annotation.agreement.measures import RESAMPLES, SEED
from annotation.models import Assignment, Campaign, Guideline
from conflictscope.stats.clusters import Flags
from conflictscope.stats.labels import MISSING
from conflictscope.stats.reliability import krippendorff_alpha
from conflictscope.stats.types import Estimate


@dataclass(frozen=True)
class VersionAgreement:
    """Of one version: labels given by it, and the alpha of those on items that have two of them."""

    version: int
    changes: str
    labels: int
    alpha: Estimate


def by_version(campaign: Campaign) -> list[VersionAgreement]:
    """A row for each version that anybody has labelled by, the oldest first; none where there is only one.

    Labels by different versions of one item are compared in no row: what a change did to them is not disagreement.
    """
    counted = Assignment.objects.counted().filter(item__campaign=campaign, guideline__isnull=False).order_by()
    rows: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for guideline, item, participant in counted.values_list("guideline", "item", "participant"):
        rows[guideline].append((item, participant))
    if len(rows) < 2:
        return []
    kept = Figures(campaign)
    return kept.of(f"versions {sorted(rows)}", lambda: _measured(kept, rows))


def _measured(kept: Figures, rows: dict[int, list[tuple[int, int]]]) -> list[VersionAgreement]:
    tables = kept.tables
    subject, grid = tables.subject(tables.main), tables.by_person[tables.main]
    column_of = {person.pk: column for column, person in enumerate(tables.labels.annotators)}
    found = []
    for version in Guideline.objects.filter(pk__in=rows).order_by("version"):
        mask = np.zeros(grid.shape, dtype=bool)
        for item, participant in rows[version.pk]:
            row, column = tables.labels.row_of.get(item), column_of.get(participant)
            if row is not None and column is not None:
                mask[row, column] = True
        answered: Flags = np.any(mask, axis=1)
        alpha = krippendorff_alpha(
            np.where(mask, grid, MISSING).astype(np.int8)[answered],
            categories=subject.categories,
            metric="ordinal" if subject.weights else "nominal",
            rng=np.random.default_rng(SEED),
            sample=tables.sample().part(answered),
            resamples=RESAMPLES,
        )
        found.append(VersionAgreement(version.version, version.changes, len(rows[version.pk]), alpha))
    return found
