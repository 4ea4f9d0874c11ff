"""The indexes behind the search, which the database itself keeps in step with the rows.

PostgreSQL computes a column from the others and keeps a GIN index on it; SQLite has an FTS5 table beside the rows and
triggers that write to it. Neither is known to Django's models. Django rebuilds a table on SQLite for many a migration, and
its triggers go with the old one: so the indexes are looked after at the end of every `migrate`, not in one of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from conflictscope.scenarios.models import Scenario

COLUMN = "search_vector"  # on PostgreSQL


@dataclass(frozen=True, slots=True)
class TextIndex:
    """A table whose text is searched: its fields, and how much a word in them weighs, from A (most) to D.

    `fts_table` is what SQLite keeps beside it, `gin_index` what PostgreSQL keeps on it.
    """

    table: str
    fields: dict[str, str]
    fts_table: str
    gin_index: str

    @property
    def columns(self) -> str:
        return ", ".join(self.fields)

    @property
    def triggers(self) -> dict[str, str]:
        """The names of SQLite's triggers, and when each fires."""
        return {
            f"{self.fts_table}_insert": "AFTER INSERT",
            f"{self.fts_table}_delete": "AFTER DELETE",
            f"{self.fts_table}_update": f"AFTER UPDATE OF {self.columns}",
        }


SCENARIOS = TextIndex(
    table="scenarios_scenario",
    fields={"uid": "A"} | {field: text.weight for field, text in Scenario.TEXTS.items() if text.weight},
    fts_table="scenarios_search",
    gin_index="scenario_search",
)
MESSAGES = TextIndex(
    table="scenarios_openingmessage",
    fields={"text": "B"},
    fts_table="scenarios_message_search",
    gin_index="opening_message_search",
)

# What is no letter or digit, spelled out: what a class such as [[:alnum:]] holds depends on the database's locale.
_BETWEEN_WORDS = (
    r"[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    r"\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff\u3000-\u3004\u3008-\u3020\ufe10-\uff0f]+"
)
# Stands between two fields, so that no phrase reaches from the end of one into the next: a token that begins as no word does,
# so that nobody finds it.
_FIELD_END = "-1"
# A vector holds at most a megabyte; text beyond this is stored all the same, but not found.
_LONGEST = 40_000


def look_after_indexes(using: str = "default", **_: Any) -> None:
    """Create the indexes, or make them whole again; where they are, this costs a few small queries. Receives `post_migrate`."""
    connection = connections[using]
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        for index in (SCENARIOS, MESSAGES):
            if index.table not in tables:
                continue
            if connection.vendor == "postgresql":
                _postgresql(cursor, index)
            elif connection.vendor == "sqlite":
                _sqlite(connection, cursor, index)


def _postgresql(cursor: CursorWrapper, index: TextIndex) -> None:
    table, expression = index.table, _vector_expression(index)
    digest = hashlib.sha256(expression.encode()).hexdigest()
    cursor.execute(
        "SELECT col_description(attrelid, attnum) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attname = %s AND NOT attisdropped",
        [table, COLUMN],
    )
    if cursor.fetchone() == (digest,):
        return
    cursor.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS {COLUMN}")
    cursor.execute(f"ALTER TABLE {table} ADD COLUMN {COLUMN} tsvector GENERATED ALWAYS AS ({expression}) STORED")
    cursor.execute(f"CREATE INDEX {index.gin_index} ON {table} USING gin ({COLUMN})")
    # The digest tells at the next migration whether the column is still made of these fields.
    cursor.execute(f"COMMENT ON COLUMN {table}.{COLUMN} IS '{digest}'")


def _vector_expression(index: TextIndex) -> str:
    """Immutable, as a generated column must be."""
    weighted = []
    for weight in sorted(set(index.fields.values())):
        fields = [_words_expression(field) for field, its in index.fields.items() if its == weight]
        text = f" || ' {_FIELD_END} ' || ".join([*fields, "''"])
        weighted.append(f"setweight(to_tsvector('simple'::regconfig, {text}), '{weight}')")
    return " || ".join(weighted)


def _words_expression(field: str) -> str:
    """The words of a field, with one small sigma, as SQLite has it."""
    small = f"translate(lower(left({field}, {_LONGEST})), 'ς', 'σ')"
    return f"regexp_replace({small}, '{_BETWEEN_WORDS}', ' ', 'g')"


def _sqlite(connection: BaseDatabaseWrapper, cursor: CursorWrapper, index: TextIndex) -> None:
    table, fts_table, columns, triggers = index.table, index.fts_table, index.columns, index.triggers
    cursor.execute("SELECT name FROM sqlite_master WHERE name = %s OR tbl_name = %s", [fts_table, table])
    there = {row[0] for row in cursor.fetchall()}
    searched = (
        [column.name for column in connection.introspection.get_table_description(cursor, fts_table)]
        if fts_table in there
        else []
    )
    if searched == list(index.fields) and set(triggers) <= there:
        return
    for trigger in triggers:
        cursor.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    cursor.execute(f"DROP TABLE IF EXISTS {fts_table}")
    cursor.execute(
        f"CREATE VIRTUAL TABLE {fts_table} USING fts5({columns}, content='{table}', content_rowid='id', "
        "tokenize='unicode61 remove_diacritics 0')"
    )
    old, new = (", ".join(f"{which}.{field}" for field in index.fields) for which in ("old", "new"))
    forget = f"INSERT INTO {fts_table}({fts_table}, rowid, {columns}) VALUES ('delete', old.id, {old});"  # noqa: S608 - our own names
    learn = f"INSERT INTO {fts_table}(rowid, {columns}) VALUES (new.id, {new});"  # noqa: S608 - the same
    for (trigger, when), body in zip(triggers.items(), (learn, forget, forget + learn), strict=True):
        cursor.execute(f"CREATE TRIGGER {trigger} {when} ON {table} BEGIN {body} END")
    cursor.execute(f"INSERT INTO {fts_table}({fts_table}) VALUES ('rebuild')")  # noqa: S608 - the same
