"""Rankings of values: Bradley-Terry strengths with intervals whose unit is the scenario."""

from conflictscope.stats.bradley_terry.authors import AuthorsRanking, authors_ranking
from conflictscope.stats.bradley_terry.bounds import undecided_bounds
from conflictscope.stats.bradley_terry.fitting import fit_ranking
from conflictscope.stats.bradley_terry.ties import TiedRanking, fit_with_ties
from conflictscope.stats.rankings import Counts, CreditedStrength, GoodnessOfFit, PairResult, RankingResult
from conflictscope.stats.tallies import Tallies, tally_trials

__all__ = [
    "AuthorsRanking",
    "Counts",
    "CreditedStrength",
    "GoodnessOfFit",
    "PairResult",
    "RankingResult",
    "Tallies",
    "TiedRanking",
    "authors_ranking",
    "fit_ranking",
    "fit_with_ties",
    "tally_trials",
    "undecided_bounds",
]
