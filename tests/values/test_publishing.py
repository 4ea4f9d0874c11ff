"""Value sets: two forms of JSON, immutable versions, and every way in which a file can be wrong."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from conflictscope.errors import InvalidInput, NotFound
from conflictscope.values.contents import content_of
from conflictscope.values.drafting import fork
from conflictscope.values.models import Value, ValueSet, ValueSetVersion
from conflictscope.values.parsing import parse_value_set
from conflictscope.values.publishing import SHIPPED, import_value_set, publish_draft, version_named
from tests.factories.studies import UserFactory

pytestmark = pytest.mark.django_db


def value(key: str = "thrift", **fields: Any) -> dict[str, Any]:
    return {"key": key, "name": key.capitalize(), "definition": f"Caring about {key}."} | fields


def long_form(*values: dict[str, Any], **fields: Any) -> str:
    return json.dumps({"name": "Household", "values": list(values or (value("thrift"), value("comfort")))} | fields)


def written(tmp_path: Path, text: str | bytes, name: str = "household.json") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "values", "pairs"), [("hhh", 3, 3), ("personal-protective", 8, 16), ("modelspec", 6, 15)]
)
def test_a_shipped_set_is_imported_by_its_name(name: str, values: int, pairs: int) -> None:
    imported = import_value_set(name)
    version = imported.version
    assert imported.created
    assert (version.value_set.slug, version.number, version.status) == (name, 1, ValueSetVersion.Status.PUBLISHED)
    assert (version.values.count(), len(version.pairs())) == (values, pairs)


def test_across_groups_never_pairs_two_values_of_one_group() -> None:
    version = import_value_set("personal-protective").version
    assert {(first.group, second.group) for first, second in version.pairs()} == {("personal", "protective")}


def test_the_tiers_of_modelspec_are_kept() -> None:
    tiers = import_value_set("modelspec").version.values.values_list("tier", flat=True)
    assert sorted(tiers) == [1, 1, 2, 2, 3, 3]


def test_the_short_form_is_an_object_of_names_and_definitions(tmp_path: Path) -> None:
    path = written(
        tmp_path, '{"self-reliance": "Doing things yourself.", "company": "Being with others."}', "home.values.json"
    )
    version = import_value_set(path).version
    assert version.value_set.slug == "home-values"
    assert list(version.values.values_list("key", "name", "definition")) == [
        ("self_reliance", "Self-reliance", "Doing things yourself."),
        ("company", "Company", "Being with others."),
    ]


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "values"), [("HHH", 3), ("modelspec", 6), ("personalprotective", 8)])
def test_the_authors_files_are_read(name: str, values: int, shared_data: Path) -> None:
    version = import_value_set(shared_data / "conflictscope" / f"{name}.values.json").version
    assert version.values.count() == values


def test_the_same_content_finds_its_version_again(tmp_path: Path) -> None:
    first = import_value_set(written(tmp_path, long_form()))
    again = import_value_set(written(tmp_path, long_form(description="Other words about it.")))
    assert first.created
    assert not again.created
    assert again.version == first.version


def test_changed_content_is_the_next_version_and_the_old_one_stays(tmp_path: Path) -> None:
    first = import_value_set(written(tmp_path, long_form())).version
    second = import_value_set(
        written(tmp_path, long_form(value("thrift"), value("comfort", definition="Ease.")))
    ).version
    assert (second.number, second.parent) == (2, first)
    assert first.values.get(key="comfort").definition == "Caring about comfort."
    assert import_value_set(written(tmp_path, long_form())).version == first


def test_slug_and_name_of_the_caller_win(tmp_path: Path) -> None:
    version = import_value_set(written(tmp_path, long_form()), slug="our-home", name="Our home").version
    assert (version.value_set.slug, version.value_set.name) == ("our-home", "Our home")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (long_form(value("thrift")), "1 value(s): a conflict needs at least two"),
        ("{}", "0 value(s)"),
        (long_form(value("thrift"), value("thrift", name="Saving")), "two values with the key 'thrift'"),
        (long_form(value("thrift"), value("saving", name="THRIFT")), "two values with the name 'thrift'"),
        ('{"thrift": "Save.", "thrift": "Spend less.", "comfort": "Ease."}', "says 'thrift' twice"),
        ('{"a b": "One.", "a-b": "Two."}', "two values with the key 'a_b'"),
        (long_form(value("thrift"), value("comfort", definition="  ")), "empty definition"),
        ('{"thrift": "", "comfort": "Ease."}', "empty definition"),
        ('{"thrift": "Save.", ', "is not JSON"),
        ("[1, 2]", "holds no JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"thrift": 7, "comfort": "Ease."}', "no definition in words"),
        (long_form(pairing="across_groups"), "'thrift' has no group"),
        (
            long_form(value("thrift", group="a"), value("comfort", group="a"), pairing="across_groups"),
            "across groups, but has only one",
        ),
        (long_form(pairing="some"), "pairing 'some' is unknown"),
        (long_form(value("Thrift!"), value("comfort")), "a key is at most 50 small letters"),
        (long_form(value("thrift", tier=0), value("comfort")), "a tier is a whole number"),
        (long_form(value("thrift", tier=True), value("comfort")), "a tier is a whole number"),
        (long_form(value("thrift", weight=3), value("comfort")), "field 'weight' is unknown"),
        (long_form(author="me"), "field 'author' is unknown"),
        (long_form(value("thrift", name="T" * 101), value("comfort")), "101 characters; at most 100 fit"),
        (long_form(value("thrift", definition="a\0b"), value("comfort")), "NUL character"),
        (long_form(value("thrift", definition="a\ud800b"), value("comfort")), "half of a surrogate pair"),
        ('{"tier": ' + "9" * 5000 + "}", "no number"),
        ('{"thrift": "Käse"}'.encode("latin-1"), "not UTF-8 text: byte 14, in line 1"),
        (long_form().encode("utf-16"), "no UTF-8 text but UTF-16 (utf-16): save it as UTF-8."),
        (b"", "is not JSON"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_and_nothing_is_written(
    tmp_path: Path, text: str | bytes, complaint: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        import_value_set(written(tmp_path, text))
    assert complaint in caught.value.sentence
    assert "\n" not in caught.value.sentence
    assert not ValueSet.objects.exists()
    assert not Value.objects.exists()


def test_a_refused_change_leaves_the_earlier_version_alone(tmp_path: Path) -> None:
    first = import_value_set(written(tmp_path, long_form())).version
    with pytest.raises(InvalidInput):
        import_value_set(written(tmp_path, long_form(value("thrift"))))
    assert list(ValueSetVersion.objects.all()) == [first]
    assert first.values.count() == 2


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    assert import_value_set(written(tmp_path, long_form().encode("utf-8-sig"))).created


def test_a_missing_file_names_the_sets_that_ship(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=", ".join(SHIPPED)):
        import_value_set(tmp_path / "none.json")


def test_the_order_of_values_is_part_of_the_content() -> None:
    one = parse_value_set(long_form(value("thrift"), value("comfort")), source="a.json")
    other = parse_value_set(long_form(value("comfort"), value("thrift")), source="a.json")
    assert one.digest != other.digest


def test_a_version_is_named_by_slug_and_number(tmp_path: Path) -> None:
    first = import_value_set(written(tmp_path, long_form())).version
    second = import_value_set(written(tmp_path, long_form(value("thrift"), value("rest")))).version
    assert version_named("household") == second
    assert version_named("household@1") == first
    with pytest.raises(NotFound, match="household"):
        version_named("household@x")


def test_the_command_says_what_it_did_in_numbers() -> None:
    out = StringIO()
    call_command("import_value_set", "hhh", stdout=out)
    call_command("import_value_set", "hhh", stdout=out)
    assert out.getvalue().splitlines() == [
        "HHH v1 published: 3 values, 3 pairs that conflict.",
        "HHH v1 is already here, unchanged: 3 values, 3 pairs that conflict.",
    ]


def test_the_command_ends_with_an_error_on_a_wrong_file(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="at least two"):
        call_command("import_value_set", str(written(tmp_path, '{"thrift": "Save."}')))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_set_that_ships_is_an_ordinary_one_that_can_be_forked(name: str) -> None:
    version = import_value_set(name).version
    assert (version.status, version.digest) == ("published", content_of(version).digest)
    draft = fork(version, name="Ours", slug="ours", by=UserFactory())
    assert (draft.parent, content_of(draft).values) == (version, content_of(version).values)
    assert publish_draft(draft, edition=draft.edition, by=None).digest == version.digest
