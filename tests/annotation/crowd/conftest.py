"""A campaign of three scenarios that two people each label, three items at most for one; open to a platform's people."""

from __future__ import annotations

import pytest

from annotation.models import Campaign
from tests.factories.annotation import CampaignFactory
from tests.factories.crowd import opened_to


@pytest.fixture
def campaign(dataset) -> Campaign:
    return CampaignFactory(dataset=dataset, study=dataset.study, slug="check", overlap=2, quota=2, items=3)


@pytest.fixture
def door(campaign: Campaign) -> str:
    return opened_to(campaign)
