"""Which endpoints a study may use. Administrators decide; whoever runs the pipeline chooses among these and no others."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet

from conflictscope.errors import NotAllowed
from conflictscope.llm.models import Endpoint
from conflictscope.studies.models import Study, StudyEndpoint

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

# Who has this permission says which studies may use which endpoints, of every study.
MAY_ALLOW_ENDPOINTS = "studies.change_studyendpoint"


def endpoints_of(study: Study) -> QuerySet[Endpoint]:
    """The endpoints that the study may use, by name."""
    return Endpoint.objects.filter(allowed_in__study=study)


def check_allowed(study: Study, *endpoints: Endpoint | None) -> None:
    """
    Args:
        endpoints: what would be asked; None: nobody, where nobody is needed.

    Raises:
        NotAllowed: the study does not list one of them.
    """
    wanted = {endpoint.pk: endpoint for endpoint in endpoints if endpoint is not None}
    listed = set(endpoints_of(study).filter(pk__in=wanted).values_list("pk", flat=True))
    refused = [endpoint for pk, endpoint in wanted.items() if pk not in listed]
    if refused:
        raise NotAllowed(refusal(study, refused))


def refusal(study: Study, endpoints: Iterable[Endpoint]) -> str:
    names = " ".join(sorted(endpoint.name for endpoint in endpoints))
    return (
        f"Study {study.slug!r} may not use {names.replace(' ', ', ')}. An administrator can allow it, on the endpoint's page or "
        f"with: manage.py allow_endpoints {names} --study {study.slug}."
    )


def allow(study: Study, endpoints: Iterable[Endpoint], *, by: User | None = None) -> int:
    """Let the study use these endpoints, too; returns how many were new to it. Doing it twice is harmless."""
    with transaction.atomic():
        had = set(study.allowed_endpoints.values_list("endpoint", flat=True))
        new = [endpoint for endpoint in endpoints if endpoint.pk not in had]
        StudyEndpoint.objects.bulk_create(
            (StudyEndpoint(study=study, endpoint=endpoint, allowed_by=by) for endpoint in new), ignore_conflicts=True
        )
    logger.info("Study %s may use %s more endpoints", study.pk, len(new))
    return len(new)


def withdraw(study: Study, endpoints: Collection[Endpoint]) -> int:
    """Let the study ask these endpoints nothing more; returns how many it had. Jobs under way meet it at their next call; what
    was asked and answered stays."""
    gone, _ = StudyEndpoint.objects.filter(study=study, endpoint__in=endpoints).delete()
    logger.info("Study %s may use %s endpoints less", study.pk, gone)
    return gone


def allow_only_in(endpoint: Endpoint, studies: Collection[Study], *, by: User | None = None) -> None:
    """Exactly these studies may use the endpoint."""
    with transaction.atomic():
        StudyEndpoint.objects.filter(endpoint=endpoint).exclude(study__in=studies).delete()
        for study in studies:
            allow(study, [endpoint], by=by)
