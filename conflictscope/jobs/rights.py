"""A job has the rights of whoever started it, less those they lose by labelling: see docs/adr/0017."""

from __future__ import annotations

from conflictscope.jobs.models import Job
from conflictscope.llm.rights import Rights
from conflictscope.studies.blindness import labelled_by
from conflictscope.studies.endpoints import endpoints_of
from conflictscope.studies.models import Study


def scope_of(study_id: int) -> str:
    """What calls carry that were made for a study."""
    return f"study:{study_id}"


def rights_of(job: Job) -> Rights:
    """It asks the endpoints of its study, and uses answers given to that study and to others that its starter may look into.

    A job started by a command has no starter: whoever gives commands to the server can read its database, so it may use any
    answer. The job's own study is always open to it, as its results are seen there by those who may see them.
    """
    own = scope_of(job.study_id)
    endpoints = frozenset(endpoints_of(job.study).values_list("pk", flat=True))
    whose = f"Study {job.study.slug!r}"
    if job.started_by is None:
        return Rights(own, reuse=None, endpoints=endpoints, whose=whose)
    labelled = labelled_by(job.started_by) - {job.study_id}
    seen = set(Study.objects.visible_to(job.started_by).values_list("pk", flat=True)) - labelled
    return Rights(
        own,
        reuse=frozenset({own, *map(scope_of, seen)}),
        barred=frozenset(map(scope_of, labelled)),
        endpoints=endpoints,
        whose=whose,
    )
