"""The tasks of this room that the queue runs: one by the clock, one for whoever writes a value set."""

from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from conflictscope.scenarios.importing import taking_back
from conflictscope.scenarios.value_sets import likeness
from conflictscope.values.models import ValueSetVersion

logger = logging.getLogger(__name__)


@shared_task
def sweep_imports() -> None:
    """Take back what imports left that were killed."""
    taking_back.sweep()


@shared_task(ignore_result=True)
def embed_values(version_id: int) -> None:
    """Embed what a version's values say, so that its page can tell which say nearly the same. Twice is once."""
    version = ValueSetVersion.objects.filter(pk=version_id).first()
    if version is not None:  # a draft may have been discarded
        likeness.embed_values(version)


def send_for_vectors(version: ValueSetVersion) -> None:
    """Ask a worker to embed the version's values. Where the broker does not answer, whoever looks again asks again."""
    try:
        embed_values.delay(version.pk)
    except OperationalError as exc:
        logger.warning("Value set version %s is not embedded, the broker does not answer: %s", version.pk, exc)
