"""What the tests of this room share: a small dataset that needs no language model."""

from __future__ import annotations

import pytest

from annotation.models import Campaign
from conflictscope.scenarios.models import Dataset
from tests.factories.annotation import CampaignFactory
from tests.factories.scenarios import DatasetFactory


@pytest.fixture
def dataset(db) -> Dataset:
    """Three values, no scenarios yet, imported: so that nothing here stands on an endpoint."""
    return DatasetFactory(variant=Dataset.Variant.IMPORTED, generator=None)


@pytest.fixture
def campaign(dataset) -> Campaign:
    """Open, two items, each for three people."""
    return CampaignFactory(dataset=dataset, items=2)
