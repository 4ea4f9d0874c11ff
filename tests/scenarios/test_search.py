"""Full-text search: the same scenarios are found on SQLite and PostgreSQL, whatever is typed."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario
from conflictscope.scenarios.search import excerpt, matching, parse, pieces, ranked
from conflictscope.scenarios.search.index import SCENARIOS, look_after_indexes
from tests.factories.scenarios import DatasetFactory, ScenarioFactory

pytestmark = [pytest.mark.django_db, pytest.mark.backends]

BLANK = dict.fromkeys(
    ("persona", "background", "goal", "outline_context", "outline_opportunity", "consequence_1", "consequence_2"), ""
)


@pytest.fixture
def dataset() -> Dataset:
    dataset = DatasetFactory()
    texts = {
        "ward-001": "A nurse on the night ward asks about a patient's medication. Dr. Köhler-Brandt is asleep.",
        "bakery-002": "The baker’s flour order is late; the medical note came by e-mail (mira@ovens.example).",
        "minor_benefit-003": "Nothing of the sort: 100% honest, 3.5 kg of flour, and a medical bill — unpaid.",
    }
    for uid, text in texts.items():
        ScenarioFactory(dataset=dataset, uid=uid, description=text, **BLANK)
    return dataset


def found(dataset: Dataset, text: str) -> set[str]:
    query = parse(text)
    by_rank = Scenario.objects.filter(pk__in=ranked(dataset, query)).values_list("uid", flat=True)
    if query.terms:
        assert set(dataset.scenarios.filter(pk__in=matching(query)).values_list("uid", flat=True)) == set(by_rank)
    return {uid.split("-")[0] for uid in by_rank}


@pytest.mark.parametrize(
    ("typed", "uids"),
    [
        ("flour", {"bakery", "minor_benefit"}),
        ("FLOUR order", {"bakery"}),
        ("medic", {"ward", "bakery", "minor_benefit"}),
        ('"medic"', set()),
        ('"medical note"', {"bakery"}),
        ('"note medical"', set()),
        ("note medical", {"bakery"}),
        ("köhler", {"ward"}),
        ("KÖHLER-BRANDT", {"ward"}),
        ("brandt-köhler", set()),
        ("patient's", {"ward"}),
        ("baker's", {"bakery"}),
        ("e-mail", {"bakery"}),
        ("mira@ovens.example", {"bakery"}),
        ("3.5", {"minor_benefit"}),
        ("100%", {"minor_benefit"}),
        ("minor_benefit-003", {"minor_benefit"}),
        ("flour OR ward", set()),
        ('"asleep The"', set()),
        ("edical", set()),
        ("!!!", set()),
    ],
)
def test_words_and_phrases_find_the_same_everywhere(dataset: Dataset, typed: str, uids: set[str]) -> None:
    assert found(dataset, typed) == uids


def test_a_phrase_does_not_reach_from_one_field_into_the_next(dataset: Dataset) -> None:
    ScenarioFactory(dataset=dataset, uid="cut-004", persona="Nadia, who rows", background="boats for a living.")
    assert found(dataset, '"rows boats"') == set()
    assert found(dataset, "rows boats") == {"cut"}


@pytest.mark.parametrize("typed", ["xfieldendx", "1", '"-1"', '"boats rows"', '"boats 1 rows"', '"boats -1 rows"'])
def test_what_parts_two_fields_is_not_found(typed: str) -> None:
    dataset = DatasetFactory()
    fields = BLANK | {"description": "Tea.", "action_1": "Pour.", "action_2": "Wait."}
    ScenarioFactory(dataset=dataset, uid="a", **fields | {"persona": "boats", "background": "rows"})
    assert found(dataset, typed) == set()


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("ΟΔΟΣ ΑΘΗΝΑΣ", "οδ"),
        ("Η ΟΔΟΣ", "οδος"),
        ("η οδος", "ΟΔΟΣ"),
        ("Улица Мира", "УЛИЦА"),
        ("Die Straße", "straße"),
        ("Gdańsk", "GDAŃSK"),
        ("日本語の文章です", "日本"),
    ],
)
def test_letters_that_are_one_character_each_are_found_alike_in_any_script(text: str, typed: str) -> None:
    dataset = DatasetFactory()
    ScenarioFactory(dataset=dataset, uid="a", description=text)
    assert found(dataset, typed) == {"a"}


def test_an_accent_makes_another_letter() -> None:
    """As the decision on search says: nothing is folded but capitals."""
    dataset = DatasetFactory()
    ScenarioFactory(dataset=dataset, uid="a", description="Gdańsk, a café and a Straße")
    for typed in ("gdansk", "cafe", "strasse"):
        assert found(dataset, typed) == set()


def test_the_index_follows_what_is_changed_and_deleted(dataset: Dataset) -> None:
    Scenario.objects.filter(uid="ward-001").update(description="A vet in the stable.")
    Scenario.objects.bulk_update([Scenario(pk=Scenario.objects.get(uid="bakery-002").pk, goal="Sleep")], ["goal"])
    assert found(dataset, "nurse") == set()
    assert found(dataset, "stable") == {"ward"}
    assert found(dataset, "sleep") == {"bakery"}
    Scenario.objects.filter(uid="ward-001").delete()
    assert found(dataset, "stable") == set()


def test_what_the_user_writes_first_is_searched_too(dataset: Dataset) -> None:
    ward, bakery = (dataset.scenarios.get(uid=uid) for uid in ("ward-001", "bakery-002"))
    said = OpeningMessage.objects.create(
        scenario=ward, source="imported", text="Could you weigh the flour of my harbour?"
    )
    OpeningMessage.objects.create(scenario=bakery, source="imported", text="Good evening", sample=1)
    other = ScenarioFactory(uid="other-001")
    OpeningMessage.objects.create(scenario=other, source="imported", text="A harbour elsewhere")
    assert found(dataset, "harbour") == {"ward"}
    assert found(dataset, '"of my harbour"') == {"ward"}
    assert found(dataset, "harbour medication") == set(), "half in the scenario and half in the message"
    assert ranked(dataset, parse("flour"))[-1] == ward.pk, "what is only said stands last"
    OpeningMessage.objects.filter(pk=said.pk).update(text="Could you weigh the quay?")
    assert found(dataset, "harbour") == set()
    assert found(dataset, "quay") == {"ward"}
    said.delete()
    assert found(dataset, "quay") == set()


def test_only_the_dataset_that_is_asked_is_searched(dataset: Dataset) -> None:
    ScenarioFactory(uid="other-001", description="More flour.")
    assert found(dataset, "flour") == {"bakery", "minor_benefit"}


def test_the_best_match_comes_first(dataset: Dataset) -> None:
    aside = ScenarioFactory(dataset=dataset, uid="x-1", consequence_1="Somebody may mention a kite.")
    about = ScenarioFactory(dataset=dataset, uid="x-2", description="A kite, a kite maker and the kite festival.")
    named = ScenarioFactory(dataset=dataset, uid="kite-3")
    order = ranked(dataset, parse("kite"))
    assert set(order[:2]) == {named.pk, about.pk}
    assert order[2] == aside.pk


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.text(max_size=80))
@example('"')
@example("'; DROP TABLE scenarios_scenario; --")
@example("a\x00b AND NOT (c* NEAR/2 :D) | & ! <-> \\ ^ {x} -y +z col:val")
@example("\ud800")
@example("١٢٣ ǅ ß ﬁ ² ⅷ 你好 e\u0301 \u0301")
@example("x" * 80)
def test_whatever_is_typed_is_only_words(dataset: Dataset, typed: str) -> None:
    query = parse(typed)
    if query.terms:
        assert dataset.scenarios.filter(pk__in=matching(query)).count() <= 3
    assert len(ranked(dataset, query)) <= 3
    text = f"One {typed} two"
    assert "".join(piece.text for piece in pieces(text, query)) == text
    excerpt([text, "nothing"], query)


def test_a_long_text_is_stored_and_found_by_its_beginning(dataset: Dataset) -> None:
    many = " ".join(f"w{number}" for number in range(300_000))
    ScenarioFactory(dataset=dataset, uid="long-1", description=f"Opening words. {many}")
    assert found(dataset, "opening words") == {"long"}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="Only SQLite loses triggers.")
def test_an_index_that_a_rebuilt_table_has_lost_is_made_again(dataset: Dataset) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {SCENARIOS.fts_table}_update")
    Scenario.objects.filter(uid="ward-001").update(description="A vet in the stable.")
    assert found(dataset, "stable") == set()
    look_after_indexes()
    assert found(dataset, "stable") == {"ward"}
    Scenario.objects.filter(uid="ward-001").update(description="A nurse again.")
    assert found(dataset, "stable") == set()


def test_a_whole_index_is_left_as_it_is(dataset: Dataset) -> None:
    call_command("migrate", verbosity=0, stdout=StringIO())
    assert found(dataset, "flour") == {"bakery", "minor_benefit"}


@pytest.mark.parametrize(
    ("text", "typed", "marked"),
    [
        ("A nurse and the nursery.", "nurs", ["nurse", "nursery"]),
        ("A nurse and the nursery.", '"nurse"', ["nurse"]),
        ("The medical, note.", '"medical note"', ["medical, note"]),
        ("One (1) <b>bold</b> word", "b word", ["b", "bold", "b", "word"]),
        ("Nothing", "else", []),
    ],
)
def test_matches_are_marked(text: str, typed: str, marked: list[str]) -> None:
    assert [piece.text for piece in pieces(text, parse(typed)) if piece.marked] == marked


def test_an_excerpt_shows_the_match_and_not_the_whole_text() -> None:
    text = "word " * 200 + "needle in the hay " + "word " * 200
    shown = excerpt(["Without.", text], parse("needle"), length=100)
    assert [piece.text for piece in shown if piece.marked] == ["needle"]
    assert len("".join(piece.text for piece in shown)) < 130
    assert shown[0].text.startswith("…")
    assert shown[-1].text.endswith("…")
