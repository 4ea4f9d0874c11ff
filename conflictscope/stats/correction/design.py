"""Who was labelled, and how: a random sample of scenarios in each domain, by strata or with unequal chances."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Design:
    """A sample of scenarios in two phases: all N were judged, people decided some.

    Domains (pairs of values) are estimated apart; within a domain the sample was drawn by stratum, or by Poisson or
    systematic sampling with the given chances. Strata with fewer than two labelled scenarios are joined to a neighbour.

    Args:
        domain: shape (N,), 0 to C - 1; labelled: shape (N,).
        stratum: shape (N,), any labels; chance: shape (N,), inclusion probabilities, which strata then do not use. An unlabelled
            scenario of chance 1, which cannot be, is one whose chance nobody knows.
    Raises: ValueError: shapes differ, a chance outside (0, 1].
    Source: Saerndal, Swensson & Wretman (1992), Model Assisted Survey Sampling, chapter 9 (two-phase difference estimator).
    """

    def __init__(
        self,
        domain: Integers,
        labelled: Flags,
        *,
        stratum: Sequence[object] | None = None,
        chance: Sequence[float] | None = None,
    ) -> None:
        if len(domain) != len(labelled) or any(len(x) != len(domain) for x in (stratum, chance) if x is not None):
            raise ValueError("domain, labelled, stratum and chance need one entry for each scenario")
        self.domain, self.labelled = domain, labelled
        self.domains = int(domain.max(initial=-1)) + 1
        self.total = np.bincount(domain, minlength=self.domains)
        self.sampled = np.bincount(domain[labelled], minlength=self.domains)
        self.chance = None if chance is None else np.asarray(chance, dtype=float)
        if self.chance is not None and not ((self.chance > 0) & (self.chance <= 1)).all():
            raise ValueError("an inclusion probability lies above 0 and is at most 1")
        place = {name: index for index, name in enumerate(sorted(set(stratum or ()), key=str))}
        codes = (
            np.zeros(len(domain), dtype=np.int64) if stratum is None else np.array([place[name] for name in stratum])
        )
        # (domain, scenarios of the stratum, labelled scenarios of the stratum)
        self.strata: list[tuple[int, Integers, Integers]] = []
        for c in range(self.domains):
            self.strata += _strata(c, domain, codes, labelled, split=self.chance is None)

    @cached_property
    def weights(self) -> Floats:
        """What a labelled scenario weighs in its domain's mean, shape (N,); 0 for the others, 1 together in a domain."""
        weights = np.zeros(len(self.domain))
        if self.chance is not None:
            weights[self.labelled] = 1 / self.chance[self.labelled]
            total = np.bincount(self.domain, weights=weights, minlength=self.domains)
            weights /= np.where(total > 0, total, 1.0)[self.domain]
            return weights
        for c, everyone, some in self.strata:
            if len(some):
                weights[some] = len(everyone) / self.total[c] / len(some)
        # A domain with an empty stratum that could not be joined would weigh less than one.
        total = np.bincount(self.domain, weights=weights, minlength=self.domains)
        return weights / np.where(total > 0, total, 1.0)[self.domain]

    def sampling(self, x: Floats, z: Floats) -> Floats:
        """Covariance, over samples, of the domain means of x and z for labelled scenarios, shape (C, p, r).

        By strata sum_h W_h^2 (1/m_h - 1/N_h) cov_h; with chances N^-2 sum (1 - pi) / pi^2 of the products, centred.
        x: shape (N, p), z: shape (N, r), read at labelled scenarios. nan where fewer than two are labelled.
        """
        covariance = np.full((self.domains, x.shape[1], z.shape[1]), np.nan)
        seen = np.zeros(self.domains, dtype=bool)
        for c, everyone, some in self.strata:
            if len(some) < 2:
                continue
            if not seen[c]:
                covariance[c], seen[c] = 0.0, True
            if self.chance is None:
                share = (len(everyone) / self.total[c]) ** 2 * (1 / len(some) - 1 / len(everyone))
                covariance[c] += share * _covariance(x[some], z[some])
            else:
                covariance[c] += self._drawn(self.chance, c, some, x, z)
        return covariance

    def _drawn(self, chances: Floats, c: int, some: Integers, x: Floats, z: Floats) -> Floats:
        chance, weight = chances[some], self.weights[some]
        left = (1 - chance) / chance**2
        near, far = x[some] - weight @ x[some], z[some] - weight @ z[some]
        # The divisor that makes it unbiased for the mean of one more unit than was used for centring.
        covariance: Floats = (near * left[:, None]).T @ far / self.total[c] ** 2 * len(some) / (len(some) - 1)
        return covariance

    def frame(self, x: Floats, z: Floats) -> Floats:
        """The same covariance as `sampling` expects it, from x and z of all scenarios whose chances are known, shape (C, p, r)."""
        covariance = np.zeros((self.domains, x.shape[1], z.shape[1]))
        for c, everyone, some in self.strata:
            if len(some) < 2:
                continue
            if self.chance is None:
                share = (len(everyone) / self.total[c]) ** 2 * (1 / len(some) - 1 / len(everyone))
                covariance[c] += share * _covariance(x[everyone], z[everyone])
            elif (self.chance[everyone] >= 1)[~self.labelled[everyone]].any():
                # Counted with chance 1 they would add nothing, and what is divided by this would be far too large.
                covariance[c] += self._drawn(self.chance, c, some, x, z)
            else:
                chance = self.chance[everyone]
                left = (1 - chance) / chance
                near, far = x[everyone] - x[everyone].mean(axis=0), z[everyone] - z[everyone].mean(axis=0)
                covariance[c] += (near * left[:, None]).T @ far / self.total[c] ** 2
        return covariance

    def within(self, x: Floats) -> Floats:
        """Covariance of x among the scenarios of each domain, from the labelled ones, shape (C, p, p); nan below two."""
        covariance = np.full((self.domains, x.shape[1], x.shape[1]), np.nan)
        for c in range(self.domains):
            some = np.flatnonzero(self.labelled & (self.domain == c))
            if len(some) < 2:
                continue
            weight = self.weights[some]
            near = x[some] - weight @ x[some]
            effective = 1 / (weight**2).sum()
            covariance[c] = (near * weight[:, None]).T @ near * effective / (effective - 1)
        return covariance


def _covariance(x: Floats, z: Floats) -> Floats:
    """Sample covariance of the columns of x with those of z, with n - 1, shape (p, r)."""
    covariance: Floats = (x - x.mean(axis=0)).T @ (z - z.mean(axis=0)) / (len(x) - 1)
    return covariance


def _strata(
    c: int, domain: Integers, codes: Integers, labelled: Flags, *, split: bool
) -> list[tuple[int, Integers, Integers]]:
    """The strata of a domain, each with two labelled scenarios where the domain has as many."""
    everyone = np.flatnonzero(domain == c)
    groups = [everyone[codes[everyone] == code] for code in np.unique(codes[everyone])] if split else [everyone]
    joined: list[Integers] = []
    waiting = np.zeros(0, dtype=np.int64)
    for group in groups:
        waiting = np.concatenate([waiting, group])
        if labelled[waiting].sum() >= 2 or labelled[waiting].sum() == len(waiting):
            joined.append(waiting)
            waiting = np.zeros(0, dtype=np.int64)
    if len(waiting):
        joined = [*joined[:-1], np.concatenate([joined[-1], waiting])] if joined else [waiting]
    return [(c, group, group[labelled[group]]) for group in joined]
