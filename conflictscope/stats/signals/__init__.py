"""What a person's work looks like beside chance and beside the others': figures, and marks with their reason.

A mark is a reason to look, never a verdict. It is set only where a whole interval of level `MARKED_AT` lies beyond a line that the
others draw (such as half their agreement), so that somebody who is merely weaker, quicker or kinder than most is not marked.
"""

from conflictscope.stats.signals.comments import CopiedComments, copied_comments
from conflictscope.stats.signals.marking import Mark, PersonSignals, signals_of
from conflictscope.stats.signals.pairs import AlikePair, alike_pairs
from conflictscope.stats.signals.sheets import WorkSheets

__all__ = [
    "AlikePair",
    "CopiedComments",
    "Mark",
    "PersonSignals",
    "WorkSheets",
    "alike_pairs",
    "copied_comments",
    "signals_of",
]
