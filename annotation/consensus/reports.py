"""What was decided as plain text, for a terminal and for a line on a page."""

from __future__ import annotations

from annotation.consensus.deciding import Decided, Tie
from annotation.kinds import KINDS
from annotation.models import Campaign

_TIES_NAMED = 20


def decision_report(campaign: Campaign, decided: Decided) -> str:
    """How much was decided, how much waits, and which ties somebody has to settle."""
    changed = f"{decided.changed} of them written now" if decided.changed else "nothing changed"
    lines = [
        f"{campaign.name}: {decided.items} items labelled by at least {decided.minimum}, {decided.waiting} waiting for more."
    ]
    lines.append(f"{written_sentence(decided)}; {changed}.")
    if decided.ranking is not None:
        order = decided.ranking.positions.select_related("value").order_by("rank", "value__position")
        said = ", ".join(f"{place.rank} {place.value.name}" for place in order)
        lines.append(f"The community's order of values, {decided.ranking.name}: {said}.")
    if not decided.ties:
        lines.append("No ties.")
    else:
        ties = "1 tie waits" if len(decided.ties) == 1 else f"{len(decided.ties)} ties wait"
        lines.append(f"{ties} for an adjudicator:")
        lines += [f"  {_said(tie)}" for tie in decided.ties[:_TIES_NAMED]]
        if len(decided.ties) > _TIES_NAMED:
            lines.append(f"  and {len(decided.ties) - _TIES_NAMED} more")
    return "\n".join(lines)


def written_sentence(decided: Decided) -> str:
    """What stands now, by the kind of campaign."""
    failed = decided.written - decided.passed
    return KINDS[decided.kind].written.format(written=decided.written, passed=decided.passed, failed=failed)


def _said(tie: Tie) -> str:
    votes = ", ".join(f"{count} {answer}" for answer, count in tie.votes.items())
    return f"{tie.item.uid}, {tie.question.replace('_', ' ')}: {votes}"
