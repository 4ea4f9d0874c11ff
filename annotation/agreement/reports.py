"""Agreement as plain text, for a terminal."""

from __future__ import annotations

from annotation.agreement.measures import CampaignAgreement, DimensionAgreement
from annotation.agreement.sealed import openings_of, part_shown
from annotation.agreement.tables import judges_asked
from annotation.models import Campaign
from conflictscope.stats.types import Estimate
from evaluation.tables import aligned, said


def agreement_report(campaign: Campaign, measured: CampaignAgreement) -> str:
    """A row for each dimension and one for all six; below them what is undefined, and what to be careful about."""
    judge = f"judge {measured.judge}" if measured.judge else "no judge (the dataset has no primary one; name one)"
    simulated = " Simulated: the figures rest on simulated annotators or a simulated judge." * measured.simulated
    part = part_shown(campaign, judges_asked(campaign, measured.judge))
    per_item = ", ".join(f"{items} by {people}" for people, items in measured.answers_per_item) or "none"
    lines = [f"{campaign.name}: {judge} against the majority of people.{simulated}"]
    lines.append(
        f"{measured.labelled} of {measured.items} items labelled: {per_item} people; {measured.annotators} annotators, "
        f"{measured.submissions} sheets. An item counts from {measured.minimum} on."
    )
    lines += sealed_lines(campaign, part)
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


def sealed_lines(campaign: Campaign, part: str) -> list[str]:
    """Of a split campaign: which part the figures rest on, and who opened the test for which judge, when and why."""
    if not part:
        return []
    openings = openings_of(campaign)
    lines = [f"  Of the {part} part. The test was opened {len(openings)} times{':' if openings else '.'}"]
    for each in openings:
        why = f": {each.reason}" if each.reason else ""
        lines.append(
            f"    {each.judge}, {each.opened_at:%Y-%m-%d %H:%M} by {each.who}, on {each.items} labelled items{why}"
        )
    return lines


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
    labels_by_note: dict[str, list[str]] = {}
    for each in measured.dimensions:
        numbers = {
            "raw agreement": each.judge_people.raw,
            "kappa": each.judge_people.kappa,
            "alpha": each.alpha,
        }
        for name, number in numbers.items():
            if number.value is None:
                labels_by_note.setdefault(f"{name} is undefined: {number.reason}", []).append(each.label)
            elif number.warning:
                labels_by_note.setdefault(f"{name}: {number.warning}", []).append(each.label)
    return [f"  {', '.join(labels)}: {words}." for words, labels in labels_by_note.items()]
