"""Duplicates in a file point at their twins, which may be duplicates, too: which of them come to nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def lost(twins: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """The duplicates that lead to no scenario, each with why; it stands after the place of the row.

    Args:
        twins: uid of each duplicate of the files, to that of its twin. known: uids of all other scenarios that are there.
    """
    reasons: dict[str, str] = {}
    sound: set[str] = set()
    for start in twins:
        chain: dict[str, None] = {}
        each = start
        while each in twins and each not in sound and each not in reasons and each not in chain:
            chain[each] = None
            each = twins[each]
        if each in sound or (each not in twins and each in known):
            sound |= chain.keys()
        else:
            reasons |= {uid: _why(twins[uid], twins, circle=each in chain) for uid in chain}
    return reasons


def _why(twin: str, twins: Mapping[str, str], *, circle: bool) -> str:
    name = repr(twin[:60])
    if twin not in twins:
        return f"there is no scenario {name} in the file or the dataset."
    if circle:
        return f"by way of {name} it leads to duplicates of each other; one of them must be none."
    return f"its twin {name} is left out, because it has none itself."
