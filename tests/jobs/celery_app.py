"""The project's Celery application with the tests' own kind of job, for worker processes that a test starts."""

import django

django.setup()

from conflictscope.celery import app  # noqa: E402
from conflictscope.jobs import registry  # noqa: E402
from tests.jobs.handlers import CountingHandler  # noqa: E402

registry.register(CountingHandler())

__all__ = ["app"]
