"""A worker without a queue: `python -m tests.jobs.work_on JOB` works on one job until it ends or pauses."""

import sys

from tests.jobs.celery_app import app  # noqa: F401  # sets Django up, and registers the tests' own kind of job

if __name__ == "__main__":
    from conflictscope.jobs import worker
    from conflictscope.jobs.models import Job

    worker.work_on(Job.objects.get(pk=int(sys.argv[1])))
