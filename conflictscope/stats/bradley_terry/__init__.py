"""Rankings of values: Bradley-Terry strengths with intervals whose unit is the scenario."""

from conflictscope.stats.bradley_terry.fitting import fit_ranking
from conflictscope.stats.rankings import Counts, GoodnessOfFit, PairResult, RankingResult
from conflictscope.stats.tallies import Tallies, tally_trials

__all__ = ["Counts", "GoodnessOfFit", "PairResult", "RankingResult", "Tallies", "fit_ranking", "tally_trials"]
