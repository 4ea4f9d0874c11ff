"""Orders of a set's values that somebody wants an LLM to follow: read from a line of words, kept as target rankings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet

from conflictscope.errors import Conflict, InvalidInput, NotAllowed
from conflictscope.files.texts import storable
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import SetAction
from conflictscope.values.access import may
from conflictscope.values.models import TargetRanking, TargetRankingPosition, Value, ValueSet, ValueSetVersion

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

LONGEST = 10_000
_NUMBERED = re.compile(r"\d{1,3}[.):]\s")


def parse_order(text: str, version: ValueSetVersion) -> dict[Value, int]:
    """The rank of each value, from 1: the first named stands highest.

    Args: text: names or keys of the values, ">" or a new line between ranks, "=" between values of one rank; a rank may be numbered.
    Returns: every value of the version; after two values on rank 1 comes rank 2.
    Raises:
        InvalidInput: an unknown value, one named twice, or one left out; the sentence says which.
    """
    if len(text) > LONGEST:
        raise InvalidInput(f"An order of values has {LONGEST:,} characters at the most.")
    known = {name.casefold(): value for value in version.values.all() for name in (value.key, value.name)}
    ranks: dict[Value, int] = {}
    tiers = [tier.strip() for line in text.splitlines() for tier in line.split(">") if tier.strip()]
    for rank, tier in enumerate(tiers, start=1):
        for name in _NUMBERED.sub("", tier, count=1).split("="):
            value = known.get(" ".join(name.split()).casefold())
            if value is None:
                names = ", ".join(each.name for each in version.values.all())
                raise InvalidInput(f"{name.strip()[:60]!r} is no value of {version}; it has: {names}.")
            if value in ranks:
                raise InvalidInput(f"{value.name} is named twice: give each value one place.")
            ranks[value] = rank
    if missing := [value.name for value in version.values.all() if value not in ranks]:
        raise InvalidInput(f"The order leaves out {', '.join(missing)}: give every value of {version} a place.")
    return ranks


def in_tiers(ranks: Mapping[Value, int]) -> list[list[Value]]:
    """The values from the highest rank to the lowest, those of one rank together in the set's order."""
    tiers: dict[int, list[Value]] = {}
    for value, rank in sorted(ranks.items(), key=lambda each: (each[1], each[0].position)):
        tiers.setdefault(rank, []).append(value)
    return list(tiers.values())


def said_order(ranking: TargetRanking) -> list[list[Value]]:
    """A ranking's values in tiers; reads its positions, prefetched or not."""
    return in_tiers({position.value: position.rank for position in ranking.positions.all()})


def in_words(ranking: TargetRanking) -> str:
    """Such as "Honesty > Helpfulness = Harmlessness"; `parse_order` reads it."""
    return " > ".join(" = ".join(value.name for value in tier) for tier in said_order(ranking))


def orders_of(version: ValueSetVersion) -> QuerySet[TargetRanking]:
    """Those that are every study's, by name: a study's own are for its people."""
    every = TargetRanking.objects.filter(version=version, study=None).order_by("name")
    return every.select_related("created_by", "version__value_set", "begun_with__version").prefetch_related(
        "positions__value"
    )


def orders_to_begin_with(user: User | AnonymousUser, value_set: ValueSet) -> QuerySet[TargetRanking]:
    """Orders of any version of the set, also those that the person's studies wrote or their campaigns found."""
    seen = TargetRanking.objects.visible_to(user).filter(version__value_set=value_set)
    return seen.select_related("version__value_set", "study").order_by("-version__number", "name")


def carried_over(ranking: TargetRanking, version: ValueSetVersion) -> dict[str, int]:
    """The ranks of an order by key for another version, where values kept their keys; those that are new are left out."""
    kept = set(version.values.values_list("key", flat=True))
    return {
        position.value.key: position.rank
        for position in ranking.positions.select_related("value").order_by("rank", "value__position")
        if position.value.key in kept
    }


def order_of_members(
    version: ValueSetVersion,
    ranks: Mapping[str, int],
    *,
    name: str,
    by: User,
    begun_with: TargetRanking | None = None,
) -> TargetRanking:
    """An order that members of the set write by hand, which every study may use.

    Args:
        ranks: by the key of each value; 1 is to be followed first, equal ranks are ties. Gaps are closed.
        begun_with: another order of the set. One that a campaign found over this very version, kept as it is, stays the community's.

    Raises:
        NotAllowed: the person may not propose in this set.
        Conflict: the version is a draft, whose values may yet go; or it has another order of this name.
        InvalidInput: no name; a value without a rank, or one that the version does not have.
    """
    if not may(by, SetAction.PROPOSE, version.value_set):
        raise NotAllowed(
            f"Only members of {version.value_set} write an order of its values: fork it to write one of yours."
        )
    if version.status == ValueSetVersion.Status.DRAFT:
        raise Conflict(f"{version} is a draft, and its values may yet change: publish it, then write an order of them.")
    name = storable(" ".join(name.split()), where="The name")
    if not name or len(name) > 200:
        raise InvalidInput("An order has a name of at most 200 characters.")
    values = list(version.values.all())
    if missing := [value.name for value in values if value.key not in ranks]:
        raise InvalidInput(f"{missing[0]} has no rank: every value needs one.")
    if unknown := sorted(set(ranks) - {value.key for value in values}):
        raise InvalidInput(f"{unknown[0]!r} is no value of {version}; it has: {', '.join(v.key for v in values)}.")
    dense = {rank: place for place, rank in enumerate(sorted({ranks[value.key] for value in values}), start=1)}
    ordered = {value: dense[ranks[value.key]] for value in values}
    return write_order(version, ordered, name=name, by=by, begun_with=begun_with)


def write_order(
    version: ValueSetVersion,
    ranks: Mapping[Value, int],
    *,
    name: str,
    study: Study | None = None,
    by: User | None = None,
    begun_with: TargetRanking | None = None,
) -> TargetRanking:
    """An author's order as a target ranking; the same one again is found.

    Raises:
        Conflict: there is another order of that name.
    """
    whose = TargetRanking.Origin.AUTHOR
    if begun_with is not None and begun_with.version_id == version.pk and _ranks_of(begun_with) == dict(ranks):
        whose = TargetRanking.Origin(begun_with.origin)
    with transaction.atomic():
        ranking, created = TargetRanking.objects.get_or_create(
            version=version,
            study=study,
            name=name,
            defaults={"origin": whose, "created_by": by, "begun_with": begun_with},
        )
        if created:
            TargetRankingPosition.objects.bulk_create(
                TargetRankingPosition(ranking=ranking, value=value, rank=rank) for value, rank in ranks.items()
            )
        elif _ranks_of(ranking) != dict(ranks):
            raise Conflict(f"{version} has another order that is called {name!r}: choose another name.")
    return ranking


def _ranks_of(ranking: TargetRanking) -> dict[Value, int]:
    return {position.value: position.rank for position in ranking.positions.select_related("value")}
