"""Many rows changed in one trip to the database, each to values of its own."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection
from django.db.models import Model


def write_columns(rows: Sequence[Model], columns: Sequence[str]) -> None:
    """`UPDATE` each row, by its key, to what its object holds in these columns.

    One statement prepared once and run for every row. `bulk_update` would write a `CASE` of all keys for every column, whose making
    costs more than the calls that are recorded; `save` makes a query of Django's for each row.
    """
    if not rows:
        return
    options = rows[0]._meta
    known = {field.name: field for field in options.local_concrete_fields}
    fields = [known[name] for name in columns]
    quoted = connection.ops.quote_name
    changes = ", ".join(f"{quoted(str(field.column))} = %s" for field in fields)
    key = quoted(str(options.pk.column))
    statement = f"UPDATE {quoted(options.db_table)} SET {changes} WHERE {key} = %s"  # noqa: S608  # our own names
    values = [
        [*(field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields), row.pk] for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)
