"""What the tests of importing share."""

from __future__ import annotations

import json

import pytest

from conflictscope.studies.models import Study
from conflictscope.values.models import ValueSetVersion
from conflictscope.values.parsing import parse_value_set
from conflictscope.values.publishing import publish
from tests.factories.studies import StudyFactory
from tests.scenarios.importing.files import VALUES


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="others")


@pytest.fixture
def values() -> ValueSetVersion:
    return publish(parse_value_set(json.dumps(VALUES), source="small.values.json")).version
