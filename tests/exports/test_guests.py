"""What an export tells of people who came by a link: what they agreed to, and never who they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.test import Client

from annotation.crowd import recruiting
from conflictscope.exports.exporting import export_dataset
from conflictscope.scenarios.models import Dataset
from tests.factories.annotation import CampaignFactory, labelled
from tests.factories.crowd import come, opened_to
from tests.factories.scenarios import DatasetFactory

pytestmark = pytest.mark.django_db


def test_the_card_names_the_ethics_approval_and_no_file_names_a_person(tmp_path: Path) -> None:
    dataset = DatasetFactory(variant=Dataset.Variant.IMPORTED, generator=None)
    campaign = CampaignFactory(dataset=dataset, study=dataset.study, slug="check", items=1)
    door = opened_to(campaign)
    recruiting.write_consent(campaign, markdown="You judge texts.", ethics="Board of Utopia, 7/26", labels_go=True)
    place = come(Client(), door, "5f1e-of-the-platform")
    labelled(campaign.items.get(), place)
    done = export_dataset(dataset, out=tmp_path / "out")
    (agreed,) = json.loads((done.folder / "dataset.json").read_text())["consents"]
    assert (agreed["version"], agreed["people"], agreed["ethics"]) == (2, 1, "Board of Utopia, 7/26")
    assert agreed["answers_of_the_withdrawn"] == "deleted"
    assert "ethics approval: Board of Utopia, 7/26" in (done.folder / "README.md").read_text()
    everything = "".join(path.read_text() for path in done.folder.iterdir())
    assert place.pseudonym in everything
    assert "5f1e" not in everything
    assert place.user.username not in everything
