"""A published version is never changed, whoever asks the database; only retiring it is left."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from conflictscope.studies.permissions import SetRole
from conflictscope.values.access import set_role
from conflictscope.values.models import Value, ValueSet, ValueSetVersion
from conflictscope.values.publishing import import_value_set, retire
from tests.factories.values import ValueSetVersionFactory

pytestmark = [pytest.mark.backends, pytest.mark.django_db]

Status = ValueSetVersion.Status


def _sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


CHANGES: dict[str, Callable[[ValueSetVersion], object]] = {
    "a value saved": lambda version: _reworded(version.values.all()[0]).save(),
    "a value created": lambda version: Value.objects.create(
        version=version, key="calm", name="Calm", definition="Being calm.", position=9
    ),
    "values created in bulk": lambda version: Value.objects.bulk_create(
        [Value(version=version, key="calm", name="Calm", definition="Being calm.", position=9)]
    ),
    "values updated in bulk": lambda version: version.values.update(definition="Whatever."),
    "values bulk-updated": lambda version: Value.objects.bulk_update(
        [_reworded(value) for value in version.values.all()], ["definition"]
    ),
    "a value deleted": lambda version: version.values.all()[0].delete(),
    "a value moved elsewhere": lambda version: version.values.update(version=_draft()),
    "a value moved in": lambda version: _draft().values.update(version=version, position=7),
    "the pairing": lambda _: ValueSetVersion.objects.update(pairing="across_groups"),
    "the digest": lambda _: ValueSetVersion.objects.update(digest="f" * 64),
    "the licence, saved": lambda version: _saved(version, licence="CC0"),
    "back to draft": lambda version: _saved(version, status=Status.DRAFT),
    "deleted": lambda version: version.delete(),
    "by SQL": lambda _: _sql("UPDATE values_value SET name = 'x'"),
}


def _reworded(value: Value) -> Value:
    value.definition = "Something else."
    return value


def _draft() -> ValueSetVersion:
    return ValueSetVersionFactory(status=Status.DRAFT, values=[("calm", "Calm", "Being calm.")], digest="")


def _saved(version: ValueSetVersion, **fields: object) -> None:
    for field, value in fields.items():
        setattr(version, field, value)
    version.save()


def _rows() -> tuple[list[object], list[object]]:
    of_published = ValueSetVersion.objects.exclude(status=Status.DRAFT)
    return list(of_published.values()), list(Value.objects.filter(version__in=of_published).values())


@pytest.mark.parametrize("status", [Status.PUBLISHED, Status.RETIRED])
@pytest.mark.parametrize("change", CHANGES)
def test_nothing_changes_what_was_published(change: str, status: str) -> None:
    version = ValueSetVersionFactory(status=status)
    before = _rows()
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        CHANGES[change](version)
    assert _rows() == before


def test_no_page_api_or_admin_changes_what_was_published(client: Client) -> None:
    """Every address of the room and its admin is sent a change of a published version by a steward with all rights: none takes it."""
    version = ValueSetVersionFactory()
    steward = User.objects.create_superuser("root")
    set_role(version.value_set, steward, SetRole.STEWARD)
    client.force_login(steward)
    slug, value = version.value_set.slug, version.values.all()[0]
    other = {"name": "Other", "licence": "CC0", "description": "Else.", "pairing": "across_groups", "edition": 1}
    rows = {"values-TOTAL_FORMS": 1, "values-INITIAL_FORMS": 0, "values-0-name": "Calm", "values-0-definition": "Soft."}
    change = other | rows | {"values": [{"name": "Calm", "definition": "Soft."}], "status": "draft", "digest": "f" * 64}
    parts = {"value_set": slug, "number": 1, "file": "values.json", "proposal": 1, "username": "root"}
    before = _rows()
    tried = 0
    rooms = [each for each in get_resolver().url_patterns if isinstance(each, URLResolver)]
    modules = [(room, getattr(room.urlconf_module, "__name__", "")) for room in rooms]
    of_values = [room for room, module in modules if module.startswith("conflictscope.values.")]
    for pattern in [pattern for room in of_values for pattern in room.url_patterns]:
        name = pattern.name or ""
        if name.endswith(("retire", "fork", "start_version", "versions")):
            continue  # retiring is allowed, and the others make a new one
        space = "" if name.startswith("api-") else "values:"
        path = reverse(space + name, kwargs={part: parts[part] for part in pattern.pattern.converters})
        for method in ("post", "put", "patch", "delete"):
            client.generic(method.upper(), path, json.dumps(change), content_type="application/json")
            tried += 1
        client.post(path, change)
        assert _rows() == before, path
    assert tried > 100
    for row in (version, value):
        for what in ("change", "delete"):
            page = f"/admin/values/{row._meta.model_name}/{row.pk}/{what}/"
            client.post(page, other | {"post": "yes", "definition": "Other."})
    inline = {"values-TOTAL_FORMS": 1, "values-INITIAL_FORMS": 1, "values-0-id": value.pk, "values-0-name": "Other"}
    client.post(f"/admin/values/valuesetversion/{version.pk}/change/", other | inline)
    assert _rows() == before


def test_a_published_version_can_be_retired_and_not_brought_back() -> None:
    version = ValueSetVersionFactory()
    retire(version)
    assert ValueSetVersion.objects.get().status == Status.RETIRED
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        ValueSetVersion.objects.update(status=Status.PUBLISHED)


def test_a_draft_changes_and_goes() -> None:
    draft = _draft()
    draft.values.update(definition="Something else.")
    draft.values.all().delete()
    draft.delete()
    assert not ValueSetVersion.objects.exists()


def test_the_digest_of_a_shipped_set_is_the_same_on_every_database() -> None:
    assert import_value_set("hhh").version.digest == (
        "33bad3c7922560a371f8eb77272109f306959bca3c1a002985a6ac61b90c1097"
    )


@pytest.mark.django_db(transaction=True)
def test_migrating_again_keeps_the_triggers_and_emptying_the_database_empties_it() -> None:
    version = ValueSetVersionFactory()
    call_command("migrate", verbosity=0)
    with pytest.raises(IntegrityError, match="never changes"):
        version.values.update(name="x")
    call_command("flush", interactive=False, verbosity=0)
    assert not ValueSet.objects.exists()
    with pytest.raises(IntegrityError, match="never changes"):
        ValueSetVersionFactory().values.update(name="x")
