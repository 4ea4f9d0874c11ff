"""What the figures of a judge come to, in one sentence: whether it agrees with people as they agree with each other, and what
is against it.

Every claim rests on an interval: where it is too wide to tell, the sentence says so, and how many labels would end that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from conflictscope.stats.alternative import AlternativeTest
from conflictscope.stats.consistency import Drift, PositionConsistency, SelfConsistency
from conflictscope.stats.panels import Footing
from conflictscope.stats.planning import more_scenarios
from conflictscope.stats.types import Estimate

# Labels are planned for a difference to people known to plus and minus this.
WANTED = 0.1
# So much less kappa than people have with each other is about as well as they.
ABOUT = 0.1
# People whose kappa with each other lies below this do not agree on the question themselves.
HARDLY = 0.2
# A share of answers that do not change below this is worth a word, and so is a lean or an unread share above these.
STEADY = 0.9
LEAN, UNREAD = 0.05, 0.05
SURE = 0.05


class Level(StrEnum):
    """How far a judge can be believed on a subject."""

    BELIEVED = "believed"
    DOUBTED = "doubted"  # it agrees, but something stands against it
    NOT_BELIEVED = "not_believed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Believed:
    """`sentence`: how it agrees; `against`: what else is to be held against it, a phrase each."""

    level: Level
    sentence: str
    against: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The whole as one sentence."""
        joined = "but" if self.level is Level.DOUBTED else "besides,"
        return f"{self.sentence}; {joined} {', and '.join(self.against)}." if self.against else f"{self.sentence}."


def believed(
    footing: Footing,
    *,
    replaces: AlternativeTest,
    lean: Drift,
    position: PositionConsistency | None,
    unread: Estimate,
    said: Callable[[str], str],
    consistency: SelfConsistency | None = None,
    drifted: Drift | None = None,
) -> Believed:
    """Args: said: an outcome in words, such as "pass". Others as they were measured; None: it was not asked that way."""
    against = tuple(_against(lean, position, unread, said, consistency, drifted))
    level, sentence = _beside_people(footing, replaces)
    if level is Level.BELIEVED and against:
        level = Level.DOUBTED
    return Believed(level, sentence, against)


def _beside_people(footing: Footing, replaces: AlternativeTest) -> tuple[Level, str]:
    judge, people, difference = footing.kappa.judge, footing.kappa.people, footing.kappa.difference
    if not footing.n:
        return Level.UNKNOWN, "No labels to tell by: it needs items that the judge and two people have answered"
    if judge.value is None or people.value is None or difference.value is None:
        return Level.UNKNOWN, f"It cannot be told: {judge.reason or people.reason or difference.reason}"
    if difference.low is None or difference.high is None:
        return Level.UNKNOWN, f"It cannot be told from {footing.scenarios} scenarios: {difference.warning}"
    if people.high is not None and people.high < HARDLY:
        return (
            Level.UNKNOWN,
            f"People hardly agree with each other (κ {_said(people.value)}), so nobody can agree with them",
        )
    if difference.high < 0 and difference.value < -ABOUT:
        return (
            Level.NOT_BELIEVED,
            f"It agrees with a person less than people do with each other (κ {_said(judge.value)} against {_said(people.value)})",
        )
    if difference.low > -ABOUT or (replaces.passed and difference.value > -ABOUT):
        better = difference.low > 0
        with_whom = "better than" if better else "about as well as"
        test = ", and may replace one by the alternative annotator test" if replaces.passed else ""
        return Level.BELIEVED, f"It agrees with people {with_whom} they agree with each other{test}"
    more = more_scenarios(difference, footing.scenarios, WANTED)
    labels = f"about {more:,} more scenarios would give ± {WANTED}" if more else "a few more would tell"
    return Level.UNKNOWN, f"Too few labels to say: {labels} on the difference to people"


def _said(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _against(
    lean: Drift,
    position: PositionConsistency | None,
    unread: Estimate,
    said: Callable[[str], str],
    consistency: SelfConsistency | None,
    drifted: Drift | None,
) -> Iterator[str]:
    if lean.p is not None and lean.p < SURE:
        most = [(outcome, shift) for outcome, shift in lean.shifts if shift.value is not None and shift.value >= LEAN]
        for outcome, shift in sorted(most, key=lambda each: -(each[1].value or 0))[:1]:
            yield f"it says “{said(str(outcome))}” {shift.value:.0%} more often than people do"
    if position is not None:
        same, first = position.agreement.raw, position.followed_first
        if same.high is not None and same.high < STEADY:
            follows = ""
            if first.low is not None and first.low > 0.5:
                follows = "it follows the first place: "
            elif first.high is not None and first.high < 0.5:
                follows = "it follows the last place: "
            yield f"{follows}only {same.value:.0%} of its answers stay when the actions change places"
    if consistency is not None and consistency.raw.high is not None and consistency.raw.high < STEADY:
        yield f"asked again, it gives the same answer {consistency.raw.value:.0%} of the time"
    if drifted is not None and drifted.p is not None and drifted.p < SURE:
        yield "its answers to the same anchors have drifted"
    if unread.low is not None and unread.low > UNREAD:
        yield f"{unread.value:.0%} of its replies could not be read"
