"""Which work counts is one rule, and every figure of it keeps to that rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotation.consensus.labels import counted
from annotation.models import Assignment, Campaign, Participant
from annotation.monitoring.pace import pace_of
from annotation.monitoring.progress import begun, campaign_rows, sample_of
from conflictscope.exports.tables import SCENARIOS, Selection
from conflictscope.overview.pipeline import counts_of
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.scenarios import DatasetFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign() -> Campaign:
    """One label that counts, and one of each kind that does not."""
    campaign = CampaignFactory(dataset=DatasetFactory(), overlap=2)
    item = ItemFactory(campaign=campaign, stratum="a · kept")
    labelled(item, ParticipantFactory(campaign=campaign))
    labelled(item, ParticipantFactory(campaign=campaign, excluded=True, excluded_reason="a robot"))
    labelled(item, ParticipantFactory(campaign=campaign), surplus=True)
    labelled(ItemFactory(campaign=campaign, is_training=True), ParticipantFactory(campaign=campaign))
    open_sheet = labelled(ItemFactory(campaign=campaign, stratum="a · kept"), ParticipantFactory(campaign=campaign))
    Assignment.objects.filter(pk=open_sheet.pk).update(state=Assignment.State.SKIPPED)
    return campaign


def labelled_by(campaign: Campaign) -> int:
    columns = [column.name for column in SCENARIOS.columns]
    rows = SCENARIOS.rows(Selection(campaign.dataset, only_validated=False))
    return sum(dict(zip(columns, row, strict=True))["labelled_by"] for row in rows)


FIGURES: dict[str, Callable[[Campaign], object]] = {
    "the query": lambda campaign: Assignment.objects.counted().filter(item__campaign=campaign).count(),
    "labels of the table": lambda campaign: sum(counted(campaign).counts),
    "annotators of the table": lambda campaign: len(counted(campaign).annotators),
    "the campaign's row": lambda campaign: campaign_rows([campaign])[0].submissions,
    "its people": lambda campaign: campaign_rows([campaign])[0].people,
    "the sample's strata": lambda campaign: sum(part.submissions for part in sample_of(campaign).strata),
    "the sample's outcomes": lambda campaign: sum(part.submissions for part in sample_of(campaign).outcomes),
    "items with one label": lambda campaign: dict(sample_of(campaign).labels_per_item)[1],
    "the pace": lambda campaign: pace_of(campaign, left=1).labels,
    "the last hour": lambda campaign: pace_of(campaign, left=1).last_hour,
    "the study's labels": lambda campaign: counts_of([campaign.study])[campaign.study_id].labels,
    "the export's people": lambda campaign: labelled_by(campaign),
    "the study's people": lambda campaign: counts_of([campaign.study])[campaign.study_id].people,
}


@pytest.mark.parametrize("figure", FIGURES)
def test_each_figure_counts_what_counts_and_nothing_else(campaign: Campaign, figure: str) -> None:
    assert FIGURES[figure](campaign) == 1


def test_a_campaign_has_begun_with_the_first_label_that_counts(campaign: Campaign) -> None:
    assert begun([campaign]) == {campaign.pk}
    Participant.objects.update(excluded=True, excluded_reason="all robots")
    assert begun([campaign]) == set()
