"""How the slots of an endpoint are divided among the workers that want them.

Each worker has a share of the calls that may be under way, for a few seconds at a time. It tells what it has under way and what
waits, and gets its fair part of what is allowed: never more than others have left. So the sum of all shares stays within
`max_concurrency` at every moment, and the share of a worker that died is free when its few seconds are over. This is the arithmetic;
`conflictscope.llm.traffic.slots` keeps the shares where all workers see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conflictscope.llm.traffic.pacing import News, Pace

# A share is renewed ten times in this time. A worker that stalls for longer has to ask anew before it sends anything.
LEASE_SECONDS = 5.0
# Where there are more workers than slots they take turns.
TURN_SECONDS = 2.0
# What was learned of an endpoint says nothing any more after a pause so long.
FORGET_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Share:
    """What a worker may do now.

    `slots`: calls that it may have under way. `due`: what it should have, once others have given theirs back, or it its own.
    `wanted`: whether others could use what this worker does not. `held_for`: seconds until the endpoint wants to hear of anybody
    again. `full`: nothing more can be learned by growing.
    """

    slots: int
    due: int
    wanted: bool
    held_for: float
    full: bool


@dataclass(frozen=True, slots=True)
class SharingWorker:
    """How a worker stands: `busy` calls under way, or ended and not yet recorded; `wanted`: those, and those that wait;
    `share`: the slots by which it goes until it has the answer."""

    name: str
    busy: int
    wanted: int
    share: int

    @property
    def most(self) -> int:
        """So many calls it may have under way when the answer reaches it."""
        return max(self.busy, self.share)


def exchange(
    state: Mapping[str, Any] | None, now: float, *, worker: SharingWorker, most: int, news: News
) -> tuple[dict[str, Any], Share]:
    """Tell what a worker has heard and wants, and learn what it may do.

    Args:
        state: what all workers share, or None at the very first.
        most: the endpoint's `max_concurrency`.

    Returns:
        The new state, and the worker's share.
    """
    lately = state is not None and now - FORGET_SECONDS < state["at"] <= now
    pace = Pace.restored(state["pace"] if state and lately else None, now)
    members = {
        name: member
        for name, member in (state["members"] if state else {}).items()
        if now < member["until"] <= now + 2 * LEASE_SECONDS
    }
    mine = members.pop(worker.name, {"slots": 0})["slots"]
    of_others = sum(member["slots"] for member in members.values())
    pace.learn(news, most, now, used_up=of_others + max(mine, worker.busy) >= pace.allowed(most))
    allowed = pace.allowed(most)
    due = fair_parts(
        {worker.name: worker.wanted} | {name: member["wanted"] for name, member in members.items()},
        allowed,
        turn=int(now // TURN_SECONDS),
    )
    left = max(0, allowed - of_others)
    wish = due[worker.name]
    if all(due[name] <= member["slots"] for name, member in members.items()):
        wish = max(wish, mine)  # nobody else waits for it
    slots = min(wish, left)
    members[worker.name] = {
        "slots": max(slots, worker.most),  # what it is to give back is free once it has said that it goes by less
        "wanted": worker.wanted,
        "until": now + LEASE_SECONDS,
    }
    wanted = any(member["wanted"] > member["slots"] for name, member in members.items() if name != worker.name)
    share = Share(slots, due[worker.name], wanted, max(0.0, pace.held_until - now), pace.number >= most)
    return {"pace": pace.state(), "members": members, "at": now}, share


def leave(state: Mapping[str, Any] | None, now: float, *, name: str) -> tuple[dict[str, Any], None]:
    """A worker that ends gives its share back at once."""
    members = {who: member for who, member in (state["members"] if state else {}).items() if who != name}
    return {"pace": state["pace"] if state else Pace().state(), "members": members, "at": now}, None


def fair_parts(wanted: Mapping[str, int], allowed: int, *, turn: int) -> dict[str, int]:
    """As equal as can be, nobody more than they want, and everything given out if it is wanted.

    Args:
        turn: who comes first where a rest cannot be divided; another number, another one.
    """
    parts = dict.fromkeys(wanted, 0)
    hungry = sorted(name for name, number in wanted.items() if number > 0)
    left = allowed
    while hungry and left >= len(hungry):
        each = left // len(hungry)
        for name in hungry:
            part = min(each, wanted[name] - parts[name])
            parts[name] += part
            left -= part
        hungry = [name for name in hungry if parts[name] < wanted[name]]
    if hungry:
        first = turn % len(hungry)
        for name in (hungry[first:] + hungry[:first])[:left]:
            parts[name] += 1
    return parts
