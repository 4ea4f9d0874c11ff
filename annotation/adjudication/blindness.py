"""Agreement of judge and people with all items, and without those that somebody settled who knew the judge's word."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from annotation.agreement.kept import Figures
from annotation.agreement.measures import DimensionAgreement, measure_subject
from annotation.models import Campaign, Decision
from conflictscope.stats.labels import MISSING


@dataclass(frozen=True)
class WithAndWithout:
    """`items`: how many are left out of the second figure."""

    items: int
    whole: DimensionAgreement
    blind_only: DimensionAgreement


def with_and_without(campaign: Campaign) -> WithAndWithout | None:
    """None: nothing was settled otherwise than blind, or no judge is asked."""
    settled = Decision.objects.filter(
        item__campaign=campaign, method=Decision.Method.ADJUDICATED, blind=False
    ).values_list("item", flat=True)
    items = set(settled)
    if not items:
        return None
    kept = Figures(campaign)
    return kept.of(f"blind only {sorted(items)}", lambda: _measured(kept, items))


def _measured(kept: Figures, items: set[int]) -> WithAndWithout | None:
    tables = kept.tables
    if tables.judge is None:
        return None
    seen = np.array([item.pk in items for item in tables.labels.items], dtype=bool)
    masked = {key: np.where(seen, MISSING, codes).astype(np.int8) for key, codes in tables.by_people.items()}
    return WithAndWithout(
        int(seen.sum()),
        measure_subject(tables, tables.main),
        measure_subject(replace(tables, by_people=masked), tables.main),
    )
