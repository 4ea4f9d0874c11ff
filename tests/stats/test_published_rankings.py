"""Figures that others published, from the data that they published."""

import numpy as np
import pytest

from conflictscope.stats.bradley_terry import fit_ranking, tally_trials
from tests.stats.test_bradley_terry import points, wins

# Stigler (1994), Statistical Science 9(1):94-108: citations among four journals of statistics in 1987-1989, as Agresti
# (2002), Categorical Data Analysis, 2nd ed., p. 448 has them: rows are cited, columns cite.
JOURNALS = ("Biometrika", "Commun. Statist.", "JASA", "JRSS-B")
CITATIONS = np.array([[714, 730, 498, 221], [33, 425, 68, 17], [320, 813, 1072, 142], [284, 276, 325, 188]])

# Games of seven teams of the American League in 1987, Agresti (2002), table 10.10: wins of the home team (row) and losses.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
GAMES = {
    "Milwaukee": [(4, 3), (4, 2), (4, 3), (6, 1), (4, 2), (6, 0)],
    "Detroit": [(3, 3), (4, 2), (4, 3), (6, 0), (6, 1), (4, 3)],
    "Toronto": [(2, 5), (4, 3), (2, 4), (4, 3), (4, 2), (6, 0)],
    "New York": [(3, 3), (5, 1), (2, 5), (4, 3), (4, 2), (6, 1)],
    "Boston": [(5, 1), (2, 5), (3, 3), (4, 2), (5, 2), (6, 0)],
    "Cleveland": [(2, 5), (3, 3), (3, 4), (4, 3), (4, 2), (2, 4)],
    "Baltimore": [(2, 5), (1, 5), (1, 6), (2, 4), (1, 6), (3, 4)],
}


def test_journal_citations(rng):
    rows = [
        (JOURNALS[i], JOURNALS[j], int(CITATIONS[i, j]), int(CITATIONS[j, i]))
        for i in range(4)
        for j in range(i + 1, 4)
    ]
    found = fit_ranking(wins(*rows, values=JOURNALS), rng=rng, resamples=10, interval="sandwich")
    theta = np.array(points(found.strengths))
    # The R package BradleyTerry2 (Turner & Firth 2012, J. Stat. Softw. 48(9)) prints these, Biometrika being zero
    assert theta[1:] - theta[0] == pytest.approx([-2.94907, -0.47957, 0.26895], abs=1e-5)
    assert points(found.ranks) == [2, 4, 3, 1]


def games():
    rows = []
    for home, results in GAMES.items():
        others = [team for team in TEAMS if team != home]
        for away, (won, lost) in zip(others, results, strict=True):
            rows += [(home, away, "value_1")] * won + [(home, away, "value_2")] * lost
    return list(zip(range(len(rows)), *zip(*rows, strict=True), strict=True))


def test_baseball_without_and_with_the_home_effect(rng):
    scenario, home, away, choice = zip(*games(), strict=True)
    plain = fit_ranking(tally_trials(scenario, home, away, choice, values=TEAMS), rng=rng, resamples=10)
    theta = np.array(points(plain.strengths))
    # Agresti (2002), table 10.11, Baltimore being zero
    assert np.round(theta[:6] - theta[6], 2).tolist() == [1.58, 1.44, 1.29, 1.25, 1.11, 0.68]
    at_home = tally_trials(scenario, home, away, choice, values=TEAMS, shown_first=["value_1"] * len(home))
    found = fit_ranking(at_home, rng=rng, resamples=10)
    # The home side adds 0.302 to its team's ability, and so half of our effect, which is between home and away
    assert found.covariates[0].effect.value / 2 == pytest.approx(0.302, abs=5e-4)
    worth = np.exp(points(found.strengths))
    assert np.round(worth / worth.sum(), 3).tolist() == [0.220, 0.190, 0.164, 0.157, 0.137, 0.088, 0.044]
