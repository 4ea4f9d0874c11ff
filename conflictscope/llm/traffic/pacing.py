"""How many calls may be under way to one endpoint: learned from how it answers.

It starts small, doubles with each round of good answers until the first 429, then grows by about one a round. A 429 takes a fifth
away; the many 429s of one burst count as one. After a server's own fault it does not grow for a while. All workers learn together:
this is the arithmetic of what they share, and `conflictscope.llm.traffic.slots` does the sharing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

FIRST = 16
CUT = 0.8
# One burst of calls gets one burst of 429s, which is one piece of news.
SECONDS_BETWEEN_CUTS = 15.0
SECONDS_WITHOUT_GROWTH = 15.0
# A provider that asks for an hour is asked again before: by one round of calls, whose items are then put off.
LONGEST_HOLD = 120.0


@dataclass(slots=True)
class News:
    """What a worker has heard from an endpoint since it last told the others.

    `good`: answers at a time when it used every slot that it had (a number that nobody used up proves nothing). `limits`: how
    long each 429 asked to wait. `faults`: errors of the server itself.
    """

    good: int = 0
    limits: list[float | None] = field(default_factory=list)
    faults: int = 0


@dataclass(slots=True)
class Pace:
    """How many calls may be under way at once, between 1 and what the endpoint takes. Times are seconds of one clock."""

    number: float = float(FIRST)
    doubling: bool = True
    cut_again_at: float = 0.0
    grow_again_at: float = 0.0
    held_until: float = 0.0

    @classmethod
    def restored(cls, state: dict[str, Any] | None, now: float) -> Pace:
        """As it was kept. Times further ahead than can be (the machine's clock was set back) count as over."""
        pace = cls(**state) if state else cls()
        if max(pace.grow_again_at, pace.held_until) > now + LONGEST_HOLD:
            pace.cut_again_at = pace.grow_again_at = pace.held_until = 0.0
        return pace

    def state(self) -> dict[str, Any]:
        return asdict(self)

    def allowed(self, most: int) -> int:
        return max(1, min(int(self.number), most))

    def learn(self, news: News, most: int, now: float, *, used_up: bool) -> None:
        """
        Args:
            most: calls that the endpoint takes at a time.
            used_up: whether all workers together had every slot there was.
        """
        if news.faults:
            self.grow_again_at = max(self.grow_again_at, now + SECONDS_WITHOUT_GROWTH)
        if used_up and not news.limits and now >= self.grow_again_at:
            self.number = min(float(most), self.number + (news.good if self.doubling else news.good / self.number))
        if news.limits:
            self._rate_limited(news.limits, most, now)

    def _rate_limited(self, limits: Sequence[float | None], most: int, now: float) -> None:
        longest = max(wait or 0.0 for wait in limits)
        if longest:
            self.held_until = max(self.held_until, now + min(longest, LONGEST_HOLD))
        self.doubling = False
        if now < self.cut_again_at:
            return
        # What is above `most` was never tried: cut what was.
        self.number = max(1.0, min(self.number, most) * CUT)
        self.cut_again_at = now + max(SECONDS_BETWEEN_CUTS, min(longest, 86_400.0))
