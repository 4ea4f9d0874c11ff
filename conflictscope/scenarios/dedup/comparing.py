"""Each scenario compared with all earlier ones in scope; what is too near an earlier one is marked as its duplicate."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Max, Q

from conflictscope.scenarios.datasets import alone_on
from conflictscope.scenarios.dedup.cosines import nearest_earlier
from conflictscope.scenarios.dedup.settings import DedupSettings, Scope
from conflictscope.scenarios.dedup.vectors import compared_text, embed_and_keep, vectors_of, with_texts, without_vector
from conflictscope.scenarios.embedding import unpacked
from conflictscope.scenarios.filtering.verdicts import resettle_all
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.write_pauses import let_others_write

logger = logging.getLogger(__name__)

_WRITE_BATCH = 200


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison came to: scenarios that became duplicates, and such that are none any more."""

    compared: int
    became_duplicates: int
    no_longer: int


def compare_new(
    dataset: Dataset, settings: DedupSettings, *, earlier_first: Callable[[Scenario], tuple[int, ...]] | None = None
) -> Compared:
    """Compare the scenarios that were never compared with all earlier ones, and with each other.

    Scenarios compared before stay as they are, so that the work grows with what is new. One at or above the threshold points
    at the most similar earlier one, be that a duplicate itself or not. All is written in one transaction, but the vectors,
    which are kept as soon as they are computed. Where a comparison by another model was begun and given up, earlier ones get
    this model's vectors again: cosines between two models mean nothing.

    Args:
        earlier_first: which of the new ones counts as earlier; by row number when None.
    """
    never = _never_compared(dataset, earlier_first)
    if not never:
        return Compared(0, 0, 0)
    embed_and_keep(without_vector(with_texts(dataset), model=settings.embedding_model), model=settings.embedding_model)
    for group in sorted({_group_of(each, settings.scope) for each in never}, key=str):
        new = [each for each in never if _group_of(each, settings.scope) == group]
        _compare(_in_order(dataset, group), new)
    with alone_on(dataset):
        _place(dataset, never)
        _write(dataset, never)
        became, no_longer = mark(dataset, settings.threshold)
    logger.info("Dataset %s: %s compared, %s became duplicates", dataset.pk, len(never), became)
    return Compared(len(never), became, no_longer)


def recompare(dataset: Dataset, settings: DedupSettings) -> Compared:
    """Compare all scenarios again, from the vectors they have, in the order they were first compared in; new ones come last.

    For another scope or another embedding model; another threshold alone needs only `mark`. Scenarios without a vector are
    left out. What was found is written in batches, so that others can write meanwhile, and the statuses change at the end:
    where it is stopped on the way, it is done again from the start.
    """
    _in_turns(dataset, _never_compared(dataset, None), _place)
    rows = dataset.scenarios.filter(position__isnull=False).order_by("position")
    columns = ("value_1", "value_2", "template", "dataset")
    for group in sorted({_group_of(each, settings.scope) for each in rows.only(*columns)}, key=str):
        members = [Scenario(pk=pk) for pk in _in_order(dataset, group)]
        _compare([], members)
        _in_turns(dataset, members, _write)
    with alone_on(dataset):
        became, no_longer = mark(dataset, settings.threshold)
    return Compared(rows.count(), became, no_longer)


def mark(dataset: Dataset, threshold: float) -> tuple[int, int]:
    """Bring the statuses in line with a threshold. Returns how many became duplicates, and how many are none any more.

    Nothing that was made of a scenario is lost: a duplicate keeps its draft, its verdicts, and what people and LLMs said of
    it. When it is a duplicate no longer it is settled by its verdicts again, or by what a file told. An outline that comes back undrafted is drafted by the next generation. Duplicates
    that an import brought stand until the dataset is compared here.
    """
    duplicate = Scenario.Status.DUPLICATE
    near = Q(similarity__gte=threshold, nearest__isnull=False)
    compared = dataset.scenarios.filter(position__isnull=False)
    with transaction.atomic():
        back = list(compared.filter(status=duplicate).exclude(near).values_list("pk", flat=True))
        became = compared.filter(near).exclude(status=duplicate).update(status=duplicate, duplicate_of=F("nearest"))
        compared.filter(near, status=duplicate).exclude(duplicate_of=F("nearest")).update(duplicate_of=F("nearest"))
        for first in range(0, len(back), _WRITE_BATCH):
            _bring_back(dataset, back[first : first + _WRITE_BATCH])
    return became, len(back)


def _bring_back(dataset: Dataset, pks: Sequence[int]) -> None:
    rows = Scenario.objects.filter(pk__in=pks)
    rows.filter(Q(action_1="") | Q(action_2="")).update(status=Scenario.Status.OUTLINED, duplicate_of=None)
    rows.filter(status=Scenario.Status.DUPLICATE).update(status=Scenario.Status.DRAFTED, duplicate_of=None)
    resettle_all(dataset, pks)


def _in_turns(
    dataset: Dataset, scenarios: Sequence[Scenario], write: Callable[[Dataset, Sequence[Scenario]], None]
) -> None:
    for first in range(0, len(scenarios), _WRITE_BATCH):
        with alone_on(dataset):
            write(dataset, scenarios[first : first + _WRITE_BATCH])
        let_others_write()


def _never_compared(dataset: Dataset, earlier_first: Callable[[Scenario], tuple[int, ...]] | None) -> list[Scenario]:
    rows = with_texts(dataset).filter(position__isnull=True).order_by("pk")
    return sorted((each for each in rows if compared_text(each)), key=earlier_first or (lambda each: (each.pk,)))


def _place(dataset: Dataset, never: Sequence[Scenario]) -> None:
    """Give the scenarios the next positions, in this order."""
    first = (dataset.scenarios.aggregate(last=Max("position"))["last"] or 0) + 1
    for position, scenario in enumerate(never, start=first):
        scenario.position = position
    Scenario.objects.bulk_update(never, ["position"], batch_size=_WRITE_BATCH)


@dataclass(frozen=True, slots=True)
class _Group:
    """Scenarios that are compared with each other; None: whatever it is."""

    pair: tuple[int | None, int | None] | None = None
    template: str | None = None


def _group_of(scenario: Scenario, scope: Scope) -> _Group:
    if scope == Scope.DATASET:
        return _Group()
    pair = (scenario.value_1_id, scenario.value_2_id)
    return _Group(pair, scenario.template if scope == Scope.TEMPLATE else None)


def _in_order(dataset: Dataset, group: _Group) -> list[int]:
    """The compared scenarios of a group, earliest first."""
    rows = dataset.scenarios.filter(position__isnull=False)
    if group.pair is not None:
        rows = rows.filter(value_1=group.pair[0], value_2=group.pair[1])
    if group.template is not None:
        rows = rows.filter(template=group.template)
    return list(rows.order_by("position").values_list("pk", flat=True))


def _compare(known: Sequence[int], scenarios: Sequence[Scenario]) -> None:
    """Find the nearest earlier one of each scenario, and how near it is. Writes nothing: at 100,000 it takes a while."""
    vectors = vectors_of([*known, *(each.pk for each in scenarios)])
    for each in scenarios:
        each.nearest_id = each.similarity = None
    known = [pk for pk in known if pk in vectors]
    new = [each for each in scenarios if each.pk in vectors]
    pks = [*known, *(each.pk for each in new)]
    nearest, similarity = nearest_earlier(unpacked([vectors[pk] for pk in pks]), start=len(known))
    for each, twin, cosine in zip(new, nearest, similarity, strict=True):
        if twin >= 0:
            each.nearest_id, each.similarity = pks[twin], float(cosine)


def _write(dataset: Dataset, scenarios: Sequence[Scenario]) -> None:
    Scenario.objects.bulk_update(scenarios, ["nearest", "similarity"], batch_size=_WRITE_BATCH)
