"""People of known kinds through the API, and what the signals say of each; and a campaign rehearsed."""

from __future__ import annotations

import pytest

from annotation.models import Annotation, Assignment
from annotation.quality.people import signals_in
from annotation.simulated import Annotator, label_campaign
from annotation.simulated.rehearsing import rehearse
from conflictscope.errors import InvalidInput
from tests.annotation.simulated.test_simulated import many
from tests.factories.scenarios import JudgeFactory, judged

pytestmark = pytest.mark.django_db(transaction=True)

ITEMS = 32
CREW = ("honest", "honest", "honest", "honest", "random", "careless", "always_a", "colluder", "agent")


def test_each_kind_is_found_and_the_honest_are_left_alone(dataset):
    """One run over HTTP, everybody labelling everything; `benchmarks/signals.py` says how often it comes out so."""
    campaign = many(dataset, ITEMS, overlap=len(CREW))
    for number, kind in enumerate(CREW, start=1):
        like = Annotator("", kind=kind, accuracy=0.85 if kind in ("honest", "colluder") else 0.95)
        label_campaign(campaign, count=1, first=number, like=like)
    found = {
        int(row.participant.user.username.rsplit("-", 1)[1]): {reason.signal for reason in row.reasons}
        for row in signals_in(campaign)
    }
    assert found[2] == found[3] == found[4] == set()
    assert found[5] & {"agreement", "impossible speed"}
    assert "falls off" in found[6]
    assert {"one side", "the same sheet"} <= found[7]
    assert "like one other" in found[8]
    assert "regular as a clock" in found[9]


def test_no_other_kind_of_person_is_known():
    with pytest.raises(InvalidInput, match="honest, random"):
        Annotator("", kind="sleepy")


def test_a_rehearsal_says_what_so_many_people_would_give_and_stores_nothing(dataset):
    judge = JudgeFactory(name="the-judge")
    campaign = many(dataset, 30, overlap=3, quota=8)
    for number, item in enumerate(campaign.items.select_related("scenario")):
        judged(item.scenario, judge, realism="fail" if number % 3 == 2 else "pass")
    type(dataset).objects.update(primary_judge=judge)
    campaign.refresh_from_db()
    few = rehearse(campaign, people=5, rate=12)
    assert (few.sheets, few.wanted, few.items) == (40, 90, 30)  # five people, eight items each
    assert few.complete < 30
    enough = rehearse(campaign, people=15, rate=12)
    assert (enough.sheets, enough.complete) == (90, 30)
    assert enough.cost == pytest.approx(enough.seconds / 3600 * 12)
    assert enough.figures.alpha.low < enough.figures.alpha.high
    assert not Assignment.objects.exists()
    assert not Annotation.objects.exists()
    with pytest.raises(InvalidInput, match="From 1 to"):
        rehearse(campaign, people=0)
