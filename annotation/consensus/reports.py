"""What was decided as plain text, for a terminal and for a job's page."""

from __future__ import annotations

from datetime import datetime

from annotation.consensus.deciding import Tie, adjudicated_answers, agree
from annotation.consensus.labels import counted
from annotation.kinds import KINDS
from annotation.models import Campaign, Decision
from conflictscope.scenarios.models import Verdict
from evaluation.models import Judgement

_TIES_NAMED = 20


def decision_report(campaign: Campaign, *, minimum: int, since: datetime) -> str:
    """How much is decided, how much of it is new `since`, how much waits, and which ties somebody has to settle."""
    labels = counted(campaign)
    ties = list(agree(labels, minimum=minimum, adjudicated=adjudicated_answers(campaign)).ties(labels))
    enough = int((labels.counts >= minimum).sum())
    new = _written_since(campaign, since)
    lines = [
        f"{campaign.name}: {enough} items labelled by at least {minimum}, {labels.asked - enough} waiting for more.",
        f"{written_sentence(campaign)}; {f'{new} of them written now' if new else 'nothing new'}.",
    ]
    if campaign.target_ranking is not None:
        order = campaign.target_ranking.positions.select_related("value").order_by("rank", "value__position")
        ranks = ", ".join(f"{place.rank} {place.value.name}" for place in order)
        lines.append(f"The community's order of values, {campaign.target_ranking.name}: {ranks}.")
    if not ties:
        lines.append("No ties.")
    else:
        waits = "1 tie waits" if len(ties) == 1 else f"{len(ties)} ties wait"
        lines.append(f"{waits} for an adjudicator:")
        lines += [f"  {_said(tie)}" for tie in ties[:_TIES_NAMED]]
        if len(ties) > _TIES_NAMED:
            lines.append(f"  and {len(ties) - _TIES_NAMED} more")
    return "\n".join(lines)


def written_sentence(campaign: Campaign) -> str:
    """What stands now, by the kind of campaign."""
    decided = Decision.objects.filter(item__campaign=campaign)
    kind = KINDS[campaign.kind]
    if kind.by_dimension:
        verdicts = Verdict.objects.filter(panel=campaign.slug, scenario__items__campaign=campaign)
        written, passed = verdicts.count(), verdicts.filter(outcome=Verdict.Outcome.PASS).count()
    else:
        of = decided.filter(judgement__isnull=False) if kind.of_responses else decided
        written = passed = of.values("item").distinct().count()
    return kind.written.format(written=written, passed=passed, failed=written - passed)


def _written_since(campaign: Campaign, since: datetime) -> int:
    kind = KINDS[campaign.kind]
    if kind.by_dimension:
        verdicts = Verdict.objects.filter(panel=campaign.slug, scenario__items__campaign=campaign)
        return verdicts.filter(created_at__gte=since).count()
    if kind.of_responses:
        mine = Judgement.objects.filter(panel=campaign.slug, response__items__campaign=campaign)
        return mine.filter(created_at__gte=since).count()
    decided = Decision.objects.filter(item__campaign=campaign, created_at__gte=since)
    return decided.values("item").distinct().count()


def _said(tie: Tie) -> str:
    votes = ", ".join(f"{count} {answer}" for answer, count in tie.votes.items())
    return f"{tie.item.uid}, {tie.question.replace('_', ' ')}: {votes}"
