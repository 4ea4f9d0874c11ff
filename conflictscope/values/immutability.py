"""The triggers by which the database itself refuses to change a published version, whoever asks: page, API, admin, `update()`.

A version in draft may change and go; a published one may only be retired; a retired one stays as it is. Values change only while
their version is a draft. Django rebuilds a table on SQLite for many a migration, and its triggers go with the old one: so
they are looked after at the end of every `migrate`, not in one of them.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

VERSIONS = "values_valuesetversion"
VALUES = "values_value"
# When a trigger fires, by its name: the same names on both databases.
_ON_VERSIONS = {"values_version_stays": "UPDATE", "values_version_remains": "DELETE"}
_ON_VALUES = {"values_value_joins_draft": "INSERT", "values_value_stays": "UPDATE", "values_value_remains": "DELETE"}
REFUSED = "A published version of a value set never changes: make a new version."


def look_after_triggers(using: str = "default", **_: Any) -> None:
    """Create the triggers, or make them anew. Receives `post_migrate`."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if not {VERSIONS, VALUES} <= set(connection.introspection.table_names(cursor)):
            return
        _drop(connection, cursor)
        if connection.vendor == "postgresql":
            _postgresql(cursor)
        elif connection.vendor == "sqlite":
            columns = [column.name for column in connection.introspection.get_table_description(cursor, VERSIONS)]
            _sqlite(cursor, [column for column in columns if column != "status"])


def drop_triggers(using: str = "default") -> None:
    """For emptying the whole database, which is not changing a version."""
    connection = connections[using]
    with connection.cursor() as cursor:
        _drop(connection, cursor)


def _drop(connection: BaseDatabaseWrapper, cursor: CursorWrapper) -> None:
    for table, triggers in ((VERSIONS, _ON_VERSIONS), (VALUES, _ON_VALUES)):
        for name in triggers:
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def _postgresql(cursor: CursorWrapper) -> None:
    refuse = f"RAISE EXCEPTION USING MESSAGE = '{REFUSED}', ERRCODE = 'integrity_constraint_violation'"
    cursor.execute(
        f"""
        CREATE OR REPLACE FUNCTION values_version_stays() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                IF OLD.status <> 'draft' THEN {refuse}; END IF;
                RETURN OLD;
            END IF;
            IF OLD.status <> 'draft' AND (
                to_jsonb(NEW) - 'status' IS DISTINCT FROM to_jsonb(OLD) - 'status'
                OR NOT (NEW.status = OLD.status OR (OLD.status = 'published' AND NEW.status = 'retired'))
            ) THEN {refuse}; END IF;
            RETURN NEW;
        END $$
        """
    )
    # FOR SHARE: whoever publishes waits for a value that is being written, and a value for whoever publishes.
    cursor.execute(
        f"""
        CREATE OR REPLACE FUNCTION values_value_stays() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP <> 'INSERT' THEN
                PERFORM 1 FROM {VERSIONS} WHERE id = OLD.version_id AND status <> 'draft' FOR SHARE;
                IF FOUND THEN {refuse}; END IF;
            END IF;
            IF TG_OP <> 'DELETE' THEN
                PERFORM 1 FROM {VERSIONS} WHERE id = NEW.version_id FOR SHARE;
                PERFORM 1 FROM {VERSIONS} WHERE id = NEW.version_id AND status <> 'draft';
                IF FOUND THEN {refuse}; END IF;
                RETURN NEW;
            END IF;
            RETURN OLD;
        END $$
        """
    )
    for table, triggers, function in (
        (VERSIONS, _ON_VERSIONS, "values_version_stays"),
        (VALUES, _ON_VALUES, "values_value_stays"),
    ):
        for name, event in triggers.items():
            cursor.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"
            )


def _sqlite(cursor: CursorWrapper, columns: list[str]) -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
    changed = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in columns)
    forward = "NEW.status = OLD.status OR (OLD.status = 'published' AND NEW.status = 'retired')"
    when = {
        "values_version_stays": f"OLD.status <> 'draft' AND ({changed} OR NOT ({forward}))",
        "values_version_remains": "OLD.status <> 'draft'",
        "values_value_joins_draft": _not_in_draft("NEW"),
        "values_value_stays": f"{_not_in_draft('OLD')} OR {_not_in_draft('NEW')}",
        "values_value_remains": _not_in_draft("OLD"),
    }
    for table, triggers in ((VERSIONS, _ON_VERSIONS), (VALUES, _ON_VALUES)):
        for name, event in triggers.items():
            cursor.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when[name]} {refuse}")


def _not_in_draft(row: str) -> str:
    return f"EXISTS (SELECT 1 FROM {VERSIONS} WHERE id = {row}.version_id AND status <> 'draft')"  # noqa: S608 - our own names
