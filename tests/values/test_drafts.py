"""Drafts are written, forked and published; of two people at once one is told, and nothing is overwritten unseen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread

import pytest
from django.db import connection

from conflictscope.errors import Conflict, ConflictScopeError, InvalidInput
from conflictscope.studies.permissions import SetRole
from conflictscope.values import access
from conflictscope.values.contents import content_of
from conflictscope.values.drafting import DraftChanged, discard, fork, start_set, start_version, write
from conflictscope.values.models import DraftRevision, ValueSet, ValueSetVersion
from conflictscope.values.parsing import ValueText, parse_values
from conflictscope.values.publishing import publish, publish_draft
from conflictscope.values.reading import mapping_of
from tests.factories.studies import UserFactory
from tests.factories.values import ValueSetVersionFactory

pytestmark = [pytest.mark.backends, pytest.mark.django_db]

CARE = (ValueText("calm", "Calm", "Speaking softly."), ValueText("candour", "Candour", "Saying it plainly."))


def drafted(*values: ValueText) -> ValueSetVersion:
    draft = start_set("Ward", slug="ward", by=UserFactory())
    return write(draft, replace(content_of(draft), values=values or CARE), edition=1, by=draft.created_by)


def test_whoever_starts_a_set_looks_after_it() -> None:
    draft = start_set("  Ward  seven ", slug="", by=(person := UserFactory()))
    assert (draft.value_set.slug, draft.value_set.name, draft.status) == ("ward-seven", "Ward seven", "draft")
    assert access.role_in(person, draft.value_set) == SetRole.STEWARD


@pytest.mark.parametrize(
    ("name", "slug"), [("", ""), ("Ward", "No Slug"), ("Ward", "new"), ("!!", ""), ("x" * 201, "x")]
)
def test_a_set_needs_a_name_that_an_address_can_hold(name: str, slug: str) -> None:
    with pytest.raises(InvalidInput):
        start_set(name, slug=slug, by=UserFactory())
    assert not ValueSet.objects.exists()


def test_an_address_is_taken_once() -> None:
    drafted()
    with pytest.raises(Conflict, match="choose another address"):
        start_set("Other", slug="ward", by=UserFactory())


def test_what_is_written_is_there_and_every_state_is_kept() -> None:
    draft = drafted()
    draft = write(draft, replace(content_of(draft), values=CARE[::-1], licence="CC0"), edition=2, by=draft.created_by)
    assert [value.key for value in content_of(draft).values] == ["candour", "calm"]
    assert list(draft.revisions.values_list("number", flat=True)) == [1, 2, 3]


def test_writing_what_stands_there_changes_nothing() -> None:
    draft = drafted()
    assert write(draft, content_of(draft), edition=99, by=None).edition == draft.edition


def test_the_second_of_two_writers_is_told() -> None:
    draft = drafted()
    content = content_of(draft)
    write(draft, replace(content, description="Mine."), edition=2, by=None)
    with pytest.raises(DraftChanged, match="nothing of yours is stored") as told:
        write(draft, replace(content, description="Theirs."), edition=2, by=None)
    assert told.value.edition == 3
    assert ValueSetVersion.objects.get().description == "Mine."


def test_two_values_of_one_name_are_refused() -> None:
    draft = drafted()
    twice = (*CARE, ValueText("calm_2", "CALM", "Again."))
    with pytest.raises(InvalidInput, match="two values with the name"):
        write(draft, replace(content_of(draft), values=twice), edition=2, by=None)


def test_a_draft_is_published_for_good() -> None:
    version = publish_draft(drafted(), edition=2, by=None)
    assert (version.status, version.digest) == ("published", content_of(version).digest)
    with pytest.raises(Conflict, match="never changes"):
        write(version, replace(content_of(version), description="Other."), edition=2, by=None)


@pytest.mark.parametrize(
    ("values", "why"), [(CARE[:1], "at least two"), ((), "at least two")], ids=["one value", "none"]
)
def test_a_draft_that_cannot_be_studied_is_not_published(values: tuple[ValueText, ...], why: str) -> None:
    draft = start_set("Ward", slug="ward", by=UserFactory())
    draft = write(draft, replace(content_of(draft), values=values, licence="CC0"), edition=1, by=None)
    with pytest.raises(InvalidInput, match=why):
        publish_draft(draft, edition=draft.edition, by=None)


def test_publishing_names_the_draft_that_was_read() -> None:
    draft = drafted()
    with pytest.raises(DraftChanged, match="read what it says now"):
        publish_draft(draft, edition=1, by=None)


def test_the_next_version_begins_as_the_newest_says() -> None:
    first = publish_draft(drafted(), edition=2, by=None)
    draft = start_version(first.value_set, by=None)
    assert (draft.number, draft.parent, content_of(draft)) == (2, first, content_of(first))
    assert start_version(first.value_set, by=None) == draft, "there is one draft"
    with pytest.raises(Conflict, match="exactly what version 1 says"):
        publish_draft(draft, edition=draft.edition, by=None)


def test_a_fork_remembers_its_parent_and_is_its_makers() -> None:
    version = ValueSetVersionFactory()
    draft = fork(version, name="Ours", slug="ours", by=(person := UserFactory()))
    assert draft.parent == version
    assert content_of(draft).values == content_of(version).values
    assert list(draft.value_set.members.all()) == [person]
    with pytest.raises(Conflict, match="fork a published version"):
        fork(draft, name="Theirs", slug="theirs", by=person)


def test_a_draft_is_discarded_with_a_set_that_never_had_another() -> None:
    discard(drafted())
    assert not ValueSet.objects.exists()
    assert not DraftRevision.objects.exists()
    version = ValueSetVersionFactory()
    discard(start_version(version.value_set, by=None))
    assert list(ValueSetVersion.objects.all()) == [version]


def test_a_file_does_not_pass_over_a_draft() -> None:
    draft = drafted()
    with pytest.raises(Conflict, match="is being written"):
        publish(replace(content_of(draft), pairing="all_pairs"))


@pytest.mark.parametrize(
    "text",
    [
        "Calm: Speaking softly.\nCandour: Saying it plainly.",
        "- **Calm** – Speaking softly.\n- Candour — Saying it\n  plainly.",
        "1. Calm\tSpeaking softly.\n\n2. Candour\tSaying it plainly.",
        '{"Calm": "Speaking softly.", "Candour": "Saying it plainly."}',
        "values:\n  - name: Calm\n    definition: Speaking softly.\n  - {name: Candour, definition: Saying it plainly.}\n",
    ],
    ids=["colons", "dashes", "numbered", "json", "yaml"],
)
def test_values_are_pasted_as_people_write_them_down(text: str) -> None:
    assert parse_values(text, source="What you pasted") == CARE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Calm", "line 1: no definition"),
        ("Calm: a\nCalm: b", "twice, the second time in line 2"),
        (": a", "no name before it"),
        ("{", "not JSON"),
        ("- &a Calm: x\n- *a", "twice|no definition"),
        ("", "no value"),
        ("Calm:", "empty definition"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        parse_values(text, source="What you pasted")


@pytest.mark.parametrize(
    "text", ["values: &a [*a]", "a: &a {x: y}\nb: *a", "a: !!python/name:os.system", "a: 1\na: 2", "- a\n- b"]
)
def test_yaml_holds_plain_data_and_nothing_that_unfolds(text: str) -> None:
    with pytest.raises(InvalidInput):
        mapping_of(text, source="set.yaml")


@pytest.mark.django_db(transaction=True)
def test_two_who_publish_at_once_make_one_version() -> None:
    draft = drafted()
    results = at_once(lambda: publish_draft(ValueSetVersion.objects.get(pk=draft.pk), edition=2, by=None), 2)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "ValueSetVersion"]
    assert ValueSetVersion.objects.get().status == "published"


def at_once(action: Callable[[], object], times: int) -> list[object]:
    """What each of so many threads got: what it returned, or the error that it was told."""
    results: list[object] = []
    start = Barrier(times)

    def run() -> None:
        start.wait()
        try:
            results.append(action())
        except ConflictScopeError as told:
            results.append(told)
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
