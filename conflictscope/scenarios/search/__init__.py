"""Full-text search over scenarios, on SQLite and PostgreSQL alike; `docs/adr` says why it is built so.

A text is cut into words at everything that is no letter or digit, and small and capital letters are the same. Words are
looked for as they begin, so that `medic` finds medication; what stands in quotes is looked for whole and in that order. All of
them stand in the scenario, or all in what its user writes first.
"""

from conflictscope.scenarios.search.highlighting import Piece, excerpt, pieces
from conflictscope.scenarios.search.query import Query, matching, parse, ranked

__all__ = ["Piece", "Query", "excerpt", "matching", "parse", "pieces", "ranked"]
