"""The index behind the search, which the database itself keeps in step with the rows.

PostgreSQL computes a column from the others and keeps a GIN index on it; SQLite has an FTS5 table beside the scenarios and
triggers that write to it. Neither is known to Django's models. Django rebuilds a table on SQLite for many a migration, and
its triggers go with the old one: so the index is looked after at the end of every `migrate`, not in one of them.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

# Searched fields and how much a word in them weighs, from A (most) to D.
FIELDS: dict[str, str] = {
    "uid": "A",
    "description": "B",
    "outline_context": "B",
    "outline_opportunity": "B",
    "action_1": "C",
    "action_2": "C",
    "persona": "C",
    "background": "C",
    "goal": "C",
    "consequence_1": "D",
    "consequence_2": "D",
    "domain": "D",
}
TABLE = "scenarios_scenario"
FTS_TABLE = "scenarios_search"
COLUMN = "search_vector"
GIN_INDEX = "scenario_search"

_COLUMNS = ", ".join(FIELDS)
_TRIGGERS = {
    f"{FTS_TABLE}_insert": "AFTER INSERT",
    f"{FTS_TABLE}_delete": "AFTER DELETE",
    f"{FTS_TABLE}_update": f"AFTER UPDATE OF {_COLUMNS}",
}
# What is no letter or digit, spelled out: what a class such as [[:alnum:]] holds depends on the database's locale.
_BETWEEN_WORDS = (
    r"[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    r"\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff\u3000-\u3004\u3008-\u3020\ufe10-\uff0f]+"
)
# Stands between two fields, so that no phrase reaches from the end of one into the next.
_FIELD_END = "xfieldendx"
# A vector holds at most a megabyte; text beyond this is stored all the same, but not found.
_LONGEST = 40_000


def look_after_index(using: str = "default", **_: Any) -> None:
    """Create the index, or make it whole again; where it is, this costs two small queries. Receives `post_migrate`."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if TABLE not in connection.introspection.table_names(cursor):
            return
        if connection.vendor == "postgresql":
            _postgresql(cursor)
        elif connection.vendor == "sqlite":
            _sqlite(connection, cursor)


def _postgresql(cursor: CursorWrapper) -> None:
    expression = _vector_expression()
    digest = hashlib.sha256(expression.encode()).hexdigest()
    cursor.execute(
        "SELECT col_description(attrelid, attnum) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attname = %s AND NOT attisdropped",
        [TABLE, COLUMN],
    )
    if cursor.fetchone() == (digest,):
        return
    cursor.execute(f"ALTER TABLE {TABLE} DROP COLUMN IF EXISTS {COLUMN}")
    cursor.execute(f"ALTER TABLE {TABLE} ADD COLUMN {COLUMN} tsvector GENERATED ALWAYS AS ({expression}) STORED")
    cursor.execute(f"CREATE INDEX {GIN_INDEX} ON {TABLE} USING gin ({COLUMN})")
    # The digest tells at the next migration whether the column is still made of these fields.
    cursor.execute(f"COMMENT ON COLUMN {TABLE}.{COLUMN} IS '{digest}'")


def _vector_expression() -> str:
    """Immutable, as a generated column must be."""
    weighted = []
    for weight in sorted(set(FIELDS.values())):
        fields = [f"left({field}, {_LONGEST})" for field, its in FIELDS.items() if its == weight]
        text = f" || ' {_FIELD_END} ' || ".join([*fields, "''"])
        words = f"regexp_replace(lower({text}), '{_BETWEEN_WORDS}', ' ', 'g')"
        weighted.append(f"setweight(to_tsvector('simple'::regconfig, {words}), '{weight}')")
    return " || ".join(weighted)


def _sqlite(connection: BaseDatabaseWrapper, cursor: CursorWrapper) -> None:
    cursor.execute("SELECT name FROM sqlite_master WHERE name = %s OR tbl_name = %s", [FTS_TABLE, TABLE])
    there = {row[0] for row in cursor.fetchall()}
    columns = (
        [column.name for column in connection.introspection.get_table_description(cursor, FTS_TABLE)]
        if (FTS_TABLE in there)
        else []
    )
    if columns == list(FIELDS) and set(_TRIGGERS) <= there:
        return
    for trigger in _TRIGGERS:
        cursor.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    cursor.execute(f"DROP TABLE IF EXISTS {FTS_TABLE}")
    cursor.execute(
        f"CREATE VIRTUAL TABLE {FTS_TABLE} USING fts5({_COLUMNS}, content='{TABLE}', content_rowid='id', "
        "tokenize='unicode61 remove_diacritics 0')"
    )
    old, new = (", ".join(f"{which}.{field}" for field in FIELDS) for which in ("old", "new"))
    forget = f"INSERT INTO {FTS_TABLE}({FTS_TABLE}, rowid, {_COLUMNS}) VALUES ('delete', old.id, {old});"  # noqa: S608 - our own names
    learn = f"INSERT INTO {FTS_TABLE}(rowid, {_COLUMNS}) VALUES (new.id, {new});"  # noqa: S608 - the same
    for (trigger, when), body in zip(_TRIGGERS.items(), (learn, forget, forget + learn), strict=True):
        cursor.execute(f"CREATE TRIGGER {trigger} {when} ON {TABLE} BEGIN {body} END")
    cursor.execute(f"INSERT INTO {FTS_TABLE}({FTS_TABLE}) VALUES ('rebuild')")  # noqa: S608 - the same
