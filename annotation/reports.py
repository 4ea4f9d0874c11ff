"""Agreement and decisions as plain text, for a terminal."""

from __future__ import annotations

from annotation.agreement import CampaignAgreement, DimensionAgreement
from annotation.consensus import Decided, Tie
from annotation.models import Campaign
from conflictscope.stats.types import Estimate
from evaluation.tables import aligned, said

_TIES_NAMED = 20


def agreement_report(campaign: Campaign, measured: CampaignAgreement) -> str:
    """A row for each dimension and one for all six; below them what is undefined, and what to be careful about."""
    judge = f"judge {measured.judge}" if measured.judge else "no judge (the dataset has no primary one; name one)"
    simulated = " Simulated: the figures rest on simulated annotators or a simulated judge." * measured.simulated
    per_item = ", ".join(f"{items} by {people}" for people, items in measured.answers_per_item) or "none"
    lines = [f"{campaign.name}: {judge} against the majority of people.{simulated}"]
    lines.append(
        f"{measured.labelled} of {measured.items} items labelled: {per_item} people; {measured.annotators} annotators, "
        f"{measured.submissions} sheets. An item counts from {measured.minimum} on."
    )
    rows: list[tuple[str, ...]] = [
        ("dimension", "n", "raw agreement", "kappa [95 %]", "alpha between people [95 %]", "ties", "unread")
    ]
    rows += [_row(each) for each in measured.dimensions]
    lines.append(aligned(rows))
    if measured.weighted:
        lines.append(
            "  Judge against people is weighted back to the dataset, as items were drawn with unequal probability. Unweighted:"
        )
        plain = [("dimension", "raw agreement", "kappa [95 %]")]
        plain += [
            (each.label, _short(each.unweighted.raw), _short(each.unweighted.kappa))
            for each in measured.dimensions
            if each.unweighted is not None
        ]
        lines.append(aligned(plain))
    lines.append(
        "  n: items with a majority and a verdict. Ties: items on which as many say one as the other. "
        "Unread: labelled items without a readable verdict of the judge."
    )
    lines += _notes(measured)
    return "\n".join(lines)


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
    if decided.kind == Campaign.Kind.ACTION_JUDGEMENT:
        return f"{decided.written} judgements of people stand"
    if decided.kind == Campaign.Kind.PREFERENCE:
        return f"{decided.written} scenarios have an answer that most people gave"
    return f"{decided.written} verdicts of people stand, {decided.passed} passed and {decided.written - decided.passed} failed"


def _row(each: DimensionAgreement) -> tuple[str, ...]:
    against = each.judge_people
    return (
        each.label,
        str(against.n),
        _short(against.raw),
        _short(against.kappa),
        _short(each.alpha),
        str(each.tied),
        str(each.unread),
    )


def _short(number: Estimate) -> str:
    return said(number) if number.value is not None else "undefined"


def _notes(measured: CampaignAgreement) -> list[str]:
    """Why a number is undefined, or not to be trusted to its level; the same words about several dimensions once."""
    found: dict[str, list[str]] = {}
    for each in measured.dimensions:
        numbers = {
            "raw agreement": each.judge_people.raw,
            "kappa": each.judge_people.kappa,
            "alpha": each.alpha,
        }
        for name, number in numbers.items():
            if number.value is None:
                found.setdefault(f"{name} is undefined: {number.reason}", []).append(each.label)
            elif number.warning:
                found.setdefault(f"{name}: {number.warning}", []).append(each.label)
    return [f"  {', '.join(labels)}: {words}." for words, labels in found.items()]


def _said(tie: Tie) -> str:
    votes = ", ".join(f"{count} {answer}" for answer, count in tie.votes.items())
    return f"{tie.item.uid}, {tie.question.replace('_', ' ')}: {votes}"
