"""Rankings, and figures beside them, corrected for a judge by what people decided on a sample."""

from conflictscope.stats.correction.differences import CorrectedShift, Decided, corrected_shift
from conflictscope.stats.correction.figures import corrected_function, corrected_mean, corrected_steering
from conflictscope.stats.correction.planning import more_labels
from conflictscope.stats.correction.ranking import corrected_ranking
from conflictscope.stats.correction.results import CorrectedPair, CorrectedRanking, MoreLabels, Strengths

__all__ = [
    "CorrectedPair",
    "CorrectedRanking",
    "CorrectedShift",
    "Decided",
    "MoreLabels",
    "Strengths",
    "corrected_function",
    "corrected_mean",
    "corrected_ranking",
    "corrected_shift",
    "corrected_steering",
    "more_labels",
]
