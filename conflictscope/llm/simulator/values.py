"""The values that the simulator has words for, and how it knows one by another spelling."""

from __future__ import annotations

import re
from functools import lru_cache

PERSONAL = ("autonomy", "authenticity", "creativity", "empowerment")
PROTECTIVE = ("responsibility", "harmlessness", "compliance", "privacy")
KNOWN = (
    "helpfulness", "honesty", "harmlessness",
    "autonomy", "authenticity", "creativity", "empowerment", "responsibility", "compliance", "privacy",
    "nonhate", "fairness", "objectivity", "noncondescension", "clarity",
)  # fmt: skip

_SPELLINGS = {
    "helpful": "helpfulness",
    "honest": "honesty",
    "truthfulness": "honesty",
    "harmless": "harmlessness",
    "safety": "harmlessness",
    "avoidingharm": "harmlessness",
    "nonmaleficence": "harmlessness",
    "authentic": "authenticity",
    "creative": "creativity",
    "hate": "nonhate",
    "nohate": "nonhate",
    "avoidhate": "nonhate",
    "avoidinghate": "nonhate",
    "avoidinghatefulcontent": "nonhate",
    "nonhatefulness": "nonhate",
    "fair": "fairness",
    "objective": "objectivity",
    "avoidingcondescension": "noncondescension",
    "nocondescension": "noncondescension",
    "clear": "clarity",
}
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """The key of a value, from a key, a name, or "Name: definition"; of an unknown value its name, in small letters.

    >>> canonical("Non-condescension: speaking to people as equals"), canonical("Kindness to animals")
    ('noncondescension', 'kindness to animals')
    """
    short = name.strip().partition(":")[0].strip().lower()
    joined = _NOT_LETTERS.sub("", short)
    if joined in KNOWN:
        return joined
    return _SPELLINGS.get(joined) or _NOT_LETTERS.sub(" ", short).strip()
