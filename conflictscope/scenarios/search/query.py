"""From what somebody typed to the scenarios that match: whatever was typed, it is words, never syntax of a database."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from django.db import connection
from django.db.models.expressions import RawSQL

from conflictscope.scenarios.models import Dataset
from conflictscope.scenarios.search.index import COLUMN, MESSAGES, SCENARIOS

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
        words = tuple(word[:_LONGEST_WORD] for word in _WORD.findall((quoted or plain).lower().replace("ς", "σ")))
        if words:
            terms.append(Term(words, prefix=not quoted))
    return Query(text, tuple(dict.fromkeys(terms))[:_MOST_TERMS])


def matching(query: Query) -> RawSQL:
    """A subquery of the ids of matching scenarios, of whatever dataset: `filter(pk__in=matching(query))`.

    All terms occur in the scenario, or all in one of its opening messages. The query must have terms.
    """
    if connection.vendor == "postgresql":
        wanted = query.to_tsquery()
        sql = (
            f"SELECT id FROM {SCENARIOS.table} WHERE {COLUMN} @@ to_tsquery('simple', %s) UNION "  # noqa: S608 - names of our own
            f"SELECT scenario_id FROM {MESSAGES.table} WHERE {COLUMN} @@ to_tsquery('simple', %s)"
        )
    else:
        wanted = query.to_fts5()
        fts_table = MESSAGES.fts_table
        sql = (
            f"SELECT rowid FROM {SCENARIOS.fts_table} WHERE {SCENARIOS.fts_table} MATCH %s UNION "  # noqa: S608 - names of our own
            f"SELECT scenario_id FROM {fts_table} JOIN {MESSAGES.table} ON id = {fts_table}.rowid "
            f"WHERE {fts_table} MATCH %s"
        )
    return RawSQL(sql, (wanted, wanted))  # noqa: S611 - names of our own


def ranked(dataset: Dataset, query: Query) -> list[int]:
    """The ids of all matching scenarios of the dataset, the best match first; none for a query without terms.

    What matches in the scenario itself stands before what matches in what its user writes first.
    """
    if not query.terms:
        return []
    if connection.vendor == "postgresql":
        parameters: list[str | int] = [query.to_tsquery(), dataset.pk]
        by_scenario = (
            f"SELECT id FROM {SCENARIOS.table}, to_tsquery('simple', %s) AS wanted "  # noqa: S608 - names of our own
            f"WHERE dataset_id = %s AND {COLUMN} @@ wanted ORDER BY ts_rank({COLUMN}, wanted) DESC, id"
        )
        by_message = (
            f"SELECT scenario_id FROM {MESSAGES.table} AS said JOIN {SCENARIOS.table} AS of_it ON of_it.id = scenario_id, "  # noqa: S608 - the same
            f"to_tsquery('simple', %s) AS wanted WHERE dataset_id = %s AND said.{COLUMN} @@ wanted "
            f"ORDER BY ts_rank(said.{COLUMN}, wanted) DESC, said.id"
        )
    else:
        parameters = [query.to_fts5(), dataset.pk]
        table, words, message_words = SCENARIOS.table, SCENARIOS.fts_table, MESSAGES.fts_table
        weights = ", ".join(str(_FTS_WEIGHTS[weight]) for weight in SCENARIOS.fields.values())
        by_scenario = (
            f"SELECT {table}.id FROM {words} JOIN {table} ON {table}.id = {words}.rowid "  # noqa: S608 - as above
            f"WHERE {words} MATCH %s AND dataset_id = %s ORDER BY bm25({words}, {weights}), {table}.id"
        )
        by_message = (
            f"SELECT scenario_id FROM {message_words} JOIN {MESSAGES.table} AS message ON message.id = {message_words}.rowid "  # noqa: S608 - the same
            f"JOIN {table} ON {table}.id = scenario_id WHERE {message_words} MATCH %s AND dataset_id = %s "
            f"ORDER BY bm25({message_words}), message.id"
        )
    ids: dict[int, None] = {}
    with connection.cursor() as cursor:
        for sql in (by_scenario, by_message):
            cursor.execute(sql, parameters)
            ids |= dict.fromkeys(row[0] for row in cursor.fetchall())
    return list(ids)
