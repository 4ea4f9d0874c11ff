"""From what somebody typed to the scenarios that match: whatever was typed, it is words, never syntax of a database."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from django.db import connection
from django.db.models.expressions import RawSQL

from conflictscope.scenarios.models import Dataset
from conflictscope.scenarios.search.index import COLUMN, FIELDS, FTS_TABLE, TABLE

_PART = re.compile(r'"([^"]*)"?|([^\s"]+)')
_WORD = re.compile(r"[^\W_]+")
_MOST_TERMS, _LONGEST_WORD = 24, 64
_FTS_WEIGHTS = {"A": 10.0, "B": 4.0, "C": 2.0, "D": 1.0}


@dataclass(frozen=True, slots=True)
class Term:
    """Words in a row. `prefix`: the last may go on, as `medic` does in medication."""

    words: tuple[str, ...]
    prefix: bool


@dataclass(frozen=True, slots=True)
class Query:
    """All terms must occur. No terms though something was typed (`text`): it held no word, and nothing matches."""

    text: str
    terms: tuple[Term, ...]

    def __bool__(self) -> bool:
        return bool(self.text)

    def to_fts5(self) -> str:
        return " ".join(f'"{" ".join(term.words)}"' + "*" * term.prefix for term in self.terms)

    def to_tsquery(self) -> str:
        return " & ".join(" <-> ".join(term.words) + ":*" * term.prefix for term in self.terms)


def parse(text: str) -> Query:
    """Never fails: quotes that do not close, operators and stray bytes are no more than the ends of words."""
    text = unicodedata.normalize("NFC", text).strip()
    terms = []
    for quoted, plain in _PART.findall(text):
        words = tuple(word[:_LONGEST_WORD] for word in _WORD.findall((quoted or plain).lower()))
        if words:
            terms.append(Term(words, prefix=not quoted))
    return Query(text, tuple(dict.fromkeys(terms))[:_MOST_TERMS])


def matching(query: Query) -> RawSQL:
    """A subquery of the ids of matching scenarios, of whatever dataset: `filter(pk__in=matching(query))`.

    The query must have terms.
    """
    if connection.vendor == "postgresql":
        sql = f"SELECT id FROM {TABLE} WHERE {COLUMN} @@ to_tsquery('simple', %s)"  # noqa: S608 - names of our own
        return RawSQL(sql, (query.to_tsquery(),))  # noqa: S611 - the same
    sql = f"SELECT rowid FROM {FTS_TABLE} WHERE {FTS_TABLE} MATCH %s"  # noqa: S608 - names of our own
    return RawSQL(sql, (query.to_fts5(),))  # noqa: S611 - the same


def ranked(dataset: Dataset, query: Query) -> list[int]:
    """The ids of all matching scenarios of the dataset, the best match first; none for a query without terms."""
    if not query.terms:
        return []
    if connection.vendor == "postgresql":
        sql = (
            f"SELECT id FROM {TABLE}, to_tsquery('simple', %s) AS wanted "  # noqa: S608 - names of our own
            f"WHERE dataset_id = %s AND {COLUMN} @@ wanted ORDER BY ts_rank({COLUMN}, wanted) DESC, id"
        )
        parameters: list[str | int] = [query.to_tsquery(), dataset.pk]
    else:
        weights = ", ".join(str(_FTS_WEIGHTS[weight]) for weight in FIELDS.values())
        sql = (
            f"SELECT {TABLE}.id FROM {FTS_TABLE} JOIN {TABLE} ON {TABLE}.id = {FTS_TABLE}.rowid "  # noqa: S608 - as above
            f"WHERE {FTS_TABLE} MATCH %s AND dataset_id = %s ORDER BY bm25({FTS_TABLE}, {weights}), {TABLE}.id"
        )
        parameters = [query.to_fts5(), dataset.pk]
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [row[0] for row in cursor.fetchall()]
