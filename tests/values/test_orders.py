"""Orders of values that somebody wants: read from words, kept, told again."""

from __future__ import annotations

import pytest

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.values.models import TargetRanking, ValueSetVersion
from conflictscope.values.orders import in_words, parse_order, write_order
from tests.factories.studies import StudyFactory
from tests.factories.values import ValueSetVersionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> ValueSetVersion:
    return ValueSetVersionFactory()


@pytest.mark.parametrize(
    "text",
    [
        "Honesty > Helpfulness = Harmlessness",
        "honesty>harmlessness=HELPFULNESS",
        "1. Honesty\n2) helpfulness = harmlessness\n",
        "\n Honesty \n\n Harmlessness =  Helpfulness \n",
    ],
)
def test_an_order_is_read_and_told_again(version: ValueSetVersion, text: str) -> None:
    ranks = parse_order(text, version)
    assert {value.key: rank for value, rank in ranks.items()} == {"honesty": 1, "helpfulness": 2, "harmlessness": 2}
    ranking = write_order(version, ranks, name="Ours")
    assert in_words(ranking) == "Honesty > Helpfulness = Harmlessness"
    assert parse_order(in_words(ranking), version) == ranks


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Honesty > Helpfulness", "leaves out Harmlessness"),
        ("Honesty > Honesty > Helpfulness = Harmlessness", "Honesty is named twice"),
        ("Honesty > Kindness > Helpfulness = Harmlessness", "'Kindness' is no value"),
        ("Honesty = > Helpfulness > Harmlessness", "'' is no value"),
        ("", "leaves out Helpfulness, Honesty, Harmlessness"),
        ("x" * 20_000, "at the most"),
    ],
)
def test_what_is_no_order_is_refused_in_words(version: ValueSetVersion, text: str, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        parse_order(text, version)


def test_one_name_is_one_order_in_a_study_and_another_study_has_its_own(version: ValueSetVersion) -> None:
    mine, other = StudyFactory(), StudyFactory()
    first = parse_order("Honesty > Helpfulness > Harmlessness", version)
    ranking = write_order(version, first, name="Ours", study=mine)
    assert write_order(version, first, name="Ours", study=mine) == ranking
    with pytest.raises(Conflict, match="another order"):
        write_order(version, parse_order("Helpfulness > Honesty > Harmlessness", version), name="Ours", study=mine)
    theirs = write_order(version, first, name="Ours", study=other)
    everybodys = write_order(version, first, name="Ours")
    assert set(TargetRanking.objects.of_study(mine)) == {ranking, everybodys}
    assert theirs not in TargetRanking.objects.of_study(mine)
