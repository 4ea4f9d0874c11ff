"""Figures that take longer to work out than to look at, kept for the state of the rows that they are made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from typing import Any

from django.core.cache import caches
from django.db.models import Count, Sum

from conflictscope.scenarios.models import Scenario, Verdict
from evaluation.models import Judgement, Rating, Response, Run


def state_of(runs: Collection[Run]) -> str:
    """Changes when a response, a decision or a rating of these runs does, or which scenarios they are about: six queries.

    Rows are counted, and their numbers added up, by what matters of them: to read them all takes a hundred times as long.
    """
    ids = sorted(run.pk for run in runs)
    datasets = sorted({run.dataset_id for run in runs})
    counted = [
        Judgement.objects.filter(response__run__in=ids)
        .order_by()
        .values_list("response__run", "source", "judge", "panel", "choice", "inclusion_probability")
        .annotate(Count("pk"), Sum("pk"), Sum("response")),
        Response.objects.filter(run__in=ids).order_by().values_list("run", "outcome").annotate(Count("pk"), Sum("pk")),
        Rating.objects.filter(run__in=ids)
        .order_by()
        .values_list("run", "rating_1", "rating_2")
        .annotate(Count("pk"), Sum("pk")),
        Scenario.objects.filter(dataset__in=datasets)
        .order_by()
        .values_list("dataset", "status", "value_1", "value_2", "template", "domain", "acting_action")
        .annotate(Count("pk"), Sum("pk")),
        Verdict.objects.filter(scenario__dataset__in=datasets, source=Verdict.Source.HUMAN)
        .order_by()
        .values_list("scenario__dataset", "panel", "dimension", "outcome")
        .annotate(Count("pk"), Sum("pk")),
    ]
    rows = [sorted(map(list, query), key=str) for query in counted]
    labels = list(Run.objects.filter(pk__in=ids).order_by("pk").values_list("pk", "target__label", "scope"))
    return hashlib.sha256(json.dumps([ids, rows, labels], default=str).encode()).hexdigest()


def worked_out(what: str, state: str, parameters: Any, make: Callable[[], Any]) -> Any:
    """What `make` gives, made once for a state and parameters that JSON can hold. `what` names it, and the arithmetic's version."""
    identity = json.dumps([what, state, parameters], sort_keys=True, default=str)
    key = hashlib.sha256(identity.encode()).hexdigest()
    kept = caches["figures"]
    figures = kept.get(key)
    if figures is None:
        figures = make()
        kept.set(key, figures)
    return figures
