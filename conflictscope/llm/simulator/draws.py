"""Randomness that is a pure function of what it is about: the same parts, the same draw, in any process, in any order."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")
_SEPARATOR = "\x1f"
_NORMAL = NormalDist()
_RANGE = float(1 << 64)


def _number(parts: tuple[object, ...]) -> int:
    text = _SEPARATOR.join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big")


def uniform(*parts: object) -> float:
    """A number strictly between 0 and 1."""
    return (_number(parts) + 0.5) / (_RANGE + 1.0)


def normal(*parts: object) -> float:
    """A standard normal number."""
    return _NORMAL.inv_cdf(min(max(uniform(*parts), 1e-12), 1 - 1e-12))


def logistic(*parts: object) -> float:
    """A standard logistic number: P(logistic < x) = sigmoid(x)."""
    return logit(uniform(*parts))


def chance(probability: float, *parts: object) -> bool:
    return uniform(*parts) < probability


def pick(options: Sequence[T], *parts: object) -> T:
    return options[_number(parts) % len(options)]


def rng(*parts: object) -> random.Random:
    """A generator for the many draws that one text takes."""
    return random.Random(_number(parts))


def logit(p: float) -> float:
    p = min(max(p, 1e-12), 1 - 1e-12)
    return math.log(p / (1 - p))


def cdf(x: float) -> float:
    """Of the standard normal distribution."""
    return _NORMAL.cdf(x)
