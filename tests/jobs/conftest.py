from __future__ import annotations

import pytest

from conflictscope.jobs import registry
from conflictscope.jobs.models import Job
from tests.factories.studies import StudyFactory
from tests.jobs.handlers import CountingHandler


@pytest.fixture(autouse=True)
def counting_jobs():
    """Jobs of the kind `tests.count` can be done while a test runs."""
    registry.register(CountingHandler())
    yield
    registry.unregister(CountingHandler.kind)


@pytest.fixture
def job(db):
    return Job.objects.create(
        study=StudyFactory(), kind="tests.count", subject="tests", title="Count", parameters={"first": 3, "second": 2}
    )
