"""Taking an import back whole, while nothing depends on it, and what a killed import has left."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.db.models.deletion import ProtectedError
from django.utils import timezone

from conflictscope.errors import Conflict
from conflictscope.jobs.models import Job
from conflictscope.scenarios.importing.storing import BATCH, OTHER_PANEL, PANEL
from conflictscope.scenarios.models import Dataset, Import, ImportUpload, OpeningMessage, Scenario, Verdict
from conflictscope.write_pauses import let_others_write

logger = logging.getLogger(__name__)

DEAD_AFTER = timedelta(seconds=60)  # without a word from it
# Rows that come with a scenario and go with it. Whatever else points at one depends on it.
_BROUGHT_ALONG: dict[type[models.Model], Q] = {
    OpeningMessage: Q(source=OpeningMessage.Source.IMPORTED),
    Verdict: Q(source=Verdict.Source.JUDGE, judge__endpoint__isnull=True)
    | Q(source=Verdict.Source.HUMAN, panel__in=(PANEL, OTHER_PANEL)),
}


def take_back(one: Import) -> int:
    """Remove what an import brought, and with the last import of a dataset the dataset. Returns how many scenarios went.

    Raises:
        Conflict: something depends on it, naming what; or it goes on, or completed scenarios of others.
    """
    dataset = Dataset.everything.get(pk=one.dataset_id)
    whole = not dataset.scenarios.exclude(brought_by=one).exists()
    _refuse(one, dataset, whole=whole)
    # Out of sight first, so that nothing new can come to depend on it.
    if whole and not Dataset.objects.filter(pk=dataset.pk).update(importing=True):
        raise Conflict(f"{dataset} is being imported or taken back already.")
    try:
        if still := dependants(one, whole=whole):  # somebody was faster
            raise _depends(one, still)
        number = _remove(dataset.scenarios.filter(brought_by=one), one)
    except (Conflict, ProtectedError) as exc:
        Dataset.everything.filter(pk=dataset.pk).update(importing=False)
        if isinstance(exc, ProtectedError):
            raise _depends(one, ["what has just been added"]) from exc
        raise
    with transaction.atomic():
        if whole:
            _remove_dataset(dataset)
        else:
            _forget(dataset, one)
    logger.info("Import %s into dataset %s was taken back: %s scenarios", one.pk, dataset.pk, number)
    return number


def undo(one: Import) -> None:
    """Remove what an unfinished import has written so far, and the dataset that it made."""
    dataset = Dataset.everything.get(pk=one.dataset_id)
    _remove(dataset.scenarios.filter(brought_by=one), one)
    if dataset.importing:
        _remove_dataset(dataset)
    else:
        one.delete()


def sweep() -> int:
    """Take back what imports left that were killed, and what was being taken back then. Returns how many."""
    number = 0
    dead = Import.objects.filter(heartbeat__lt=timezone.now() - DEAD_AFTER)
    for dead_import in dead.filter(Q(finished_at__isnull=True) | Q(dataset__importing=True)).select_related("dataset"):
        if not dead.filter(pk=dead_import.pk, heartbeat=dead_import.heartbeat).update(heartbeat=timezone.now()):
            continue  # it is alive, or somebody else sweeps
        logger.warning("Import %s into dataset %s was killed: it is taken back", dead_import.pk, dead_import.dataset_id)
        undo(dead_import)
        number += 1
    return number


def dependants(one: Import, *, whole: bool) -> list[str]:
    """What would be lost, or lose its ground, in words such as "12 responses"; rows that came with the import are none."""
    scenarios = Scenario.objects.filter(brought_by=one)
    losses = list(_pointing(Scenario, scenarios, one))
    if whole:
        losses += _pointing(Dataset, Dataset.everything.filter(pk=one.dataset_id), one)
    losses += _pointing(OpeningMessage, OpeningMessage.objects.filter(scenario__in=scenarios), one)
    return losses


def _pointing(model: type[models.Model], rows: QuerySet[Any], one: Import) -> Iterator[str]:
    for relation in model._meta.related_objects:
        other = relation.related_model
        if not isinstance(other, type) or other in (Import, ImportUpload) or (model is Dataset and other is Scenario):
            continue
        pointing = other._base_manager.filter(**{f"{relation.field.name}__in": rows})
        if other is Scenario:
            pointing = pointing.exclude(brought_by=one)
        if other in _BROUGHT_ALONG:
            pointing = pointing.exclude(_BROUGHT_ALONG[other])
        if number := pointing.count():
            yield f"{number} {other._meta.verbose_name_plural if number > 1 else other._meta.verbose_name}"


def _refuse(one: Import, dataset: Dataset, *, whole: bool) -> None:
    if one.finished_at is None:
        raise Conflict(f"{one} is being imported: cancel its job.")
    if one.completed and not whole:
        raise Conflict(
            f"{one} completed {one.completed} scenarios that other files brought, so it cannot be taken back alone: take back the "
            "imports before it, too, or hide the dataset."
        )
    live = [
        job.title
        for job in Job.objects.live().filter(study=dataset.study_id)
        if job.parameters.get("dataset") == dataset.pk
    ]
    if live:
        raise Conflict(f"A job works on {dataset}: {live[0]}. Cancel it first.")
    if losses := dependants(one, whole=whole):
        raise _depends(one, losses)


def _depends(one: Import, found: list[str]) -> Conflict:
    return Conflict(
        f"{one} cannot be taken back, because of {', '.join(found)} that stand on it. The dataset can be hidden."
    )


def _remove(scenarios: QuerySet[Scenario], one: Import) -> int:
    """The scenarios with what came along, a batch at a time, so that others can write in between."""
    number = 0
    while pks := list(scenarios.order_by("-pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            Import.objects.filter(pk=one.pk).update(heartbeat=timezone.now())
            # Duplicates and twins may stand in different batches.
            pointing = Scenario.objects.filter(Q(duplicate_of__in=pks) | Q(nearest__in=pks))
            pointing.filter(status=Scenario.Status.DUPLICATE, duplicate_of__in=pks).update(
                status=Scenario.Status.OUTLINED, duplicate_of=None
            )
            pointing.filter(nearest__in=pks).update(nearest=None)
            Scenario.objects.filter(pk__in=pks).delete()
        number += len(pks)
        let_others_write()
    return number


def _remove_dataset(dataset: Dataset) -> None:
    judge = dataset.primary_judge
    dataset.delete()
    if judge is not None and judge.endpoint_id is None:
        with suppress(ProtectedError), transaction.atomic():  # where something else stands on it, it stays
            judge.delete()


def _forget(dataset: Dataset, one: Import) -> None:
    locked = Dataset.everything.select_for_update(of=("self",)).get(pk=dataset.pk)
    gone = {file["sha256"] for file in one.files if file.get("sha256")}
    locked.recipe["files"] = [file for file in locked.recipe.get("files", []) if file.get("sha256") not in gone]
    locked.save(update_fields=["recipe"])
    one.delete()
