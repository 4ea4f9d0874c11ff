"""Near-duplicates among a dataset's scenarios: found by exact cosine similarity, marked, never deleted.

The texts are embedded once and the vectors kept. Each scenario is compared with all earlier ones in scope; what is nearest, and
how near, is kept too, so that another threshold needs no arithmetic at all and another scope no embedding.
"""

from conflictscope.scenarios.dedup.comparing import Compared, compare_new, recompare
from conflictscope.scenarios.dedup.cosines import BLOCK, nearest_earlier
from conflictscope.scenarios.dedup.job import KIND, DedupHandler, start
from conflictscope.scenarios.dedup.settings import DedupSettings, Scope, settings_of
from conflictscope.scenarios.dedup.similarities import Bin, Similarities, similarities
from conflictscope.scenarios.dedup.vectors import compared_text

__all__ = [
    "BLOCK",
    "KIND",
    "Bin",
    "Compared",
    "DedupHandler",
    "DedupSettings",
    "Scope",
    "Similarities",
    "compare_new",
    "compared_text",
    "nearest_earlier",
    "recompare",
    "settings_of",
    "similarities",
    "start",
]
