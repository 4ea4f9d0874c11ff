"""Agreement is told for each version of the guideline, of labels that were given by it."""

from __future__ import annotations

import pytest

from annotation.agreement.versions import by_version
from annotation.campaigns.lifecycle import add_guideline
from annotation.models import Assignment
from conflictscope.scenarios.filtering.dimensions import NO
from tests.factories.annotation import CampaignFactory, ParticipantFactory, labelled

pytestmark = pytest.mark.django_db


def test_each_version_has_the_agreement_of_its_own_labels(dataset):
    """By the first version two people disagree on every item, by the second they agree; across versions nothing is compared."""
    campaign = CampaignFactory(dataset=dataset, items=12, overlap=2)
    people = [ParticipantFactory(campaign=campaign) for _ in range(2)]
    first = campaign.guidelines.get()
    assert by_version(campaign) == []
    second = add_guideline(campaign, "# More", changes="Concrete means names.")
    for number, item in enumerate(campaign.items.order_by("pk")):
        for place, person in enumerate(people):
            version = first if number < 6 else second
            says_no = place == number % 2 if number < 6 else number % 2
            done = labelled(item, person, {"realism": NO} if says_no else {})
            Assignment.objects.filter(pk=done.pk).update(guideline=version)
    old, new = by_version(campaign)
    assert (old.version, new.version, new.changes) == (1, 2, "Concrete means names.")
    assert (old.labels, new.labels) == (12, 12)
    assert old.alpha.value < 0
    assert new.alpha.value == pytest.approx(1)
