"""Rankings, and figures beside them, corrected for a judge by what people decided on a sample."""

from conflictscope.stats.correction.planning import more_labels
from conflictscope.stats.correction.ranking import corrected_ranking
from conflictscope.stats.correction.results import CorrectedPair, CorrectedRanking, MoreLabels, Strengths

__all__ = ["CorrectedPair", "CorrectedRanking", "MoreLabels", "Strengths", "corrected_ranking", "more_labels"]
