"""What happened to a value set, newest first, credited: versions begun and published, what was written, proposed, said and
decided, and the orders of values that members wrote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from conflictscope.values.contents import content_from, content_of
from conflictscope.values.models import DraftRevision, Proposal, TargetRanking, ValueSet, ValueSetVersion, Voice
from conflictscope.values.parsing import ValueSetText
from conflictscope.values.together.voices import as_said
from conflictscope.values.wording.differences import Differences, differences

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_SAID: dict[str, str] = {
    Voice.Stance.SUPPORT: "supported",
    Voice.Stance.OBJECT: "objected to",
    Voice.Stance.COMMENT: "commented on",
}


@dataclass(frozen=True, slots=True)
class Event:
    """`what` completes a sentence that begins with who did it.

    `unsigned`: a member, whose name is not told (see `voices`); without that, nobody means a command.
    """

    at: datetime
    by: User | None
    what: str
    reason: str = ""
    change: Differences | None = None
    proposal: Proposal | None = None
    unsigned: bool = False


def events_of(value_set: ValueSet) -> list[Event]:
    """Takes a number of queries that does not grow with what happened."""
    events = []
    versions = list(value_set.versions.select_related("published_by", "created_by", "parent__value_set"))
    revisions = DraftRevision.objects.filter(version__value_set=value_set).select_related(
        "by", "proposal__author", "version"
    )
    before: dict[int, ValueSetText] = {}
    for revision in revisions.order_by("version__number", "number"):
        content = content_from(revision.content)
        change = None
        what = f"began version {revision.version.number}"
        if revision.version_id in before:
            change = differences(before[revision.version_id], content)
            what = f"wrote into version {revision.version.number}"
            if revision.proposal is not None:
                what += f" what {revision.proposal.author} had proposed"
        before[revision.version_id] = content
        events.append(Event(revision.at, revision.by, what, revision.reason, change, revision.proposal))
    for version in versions:
        if version.status == ValueSetVersion.Status.DRAFT:
            continue
        when = version.published_at or version.created_at
        events.append(Event(when, version.published_by or version.created_by, f"published version {version.number}"))
    for proposal in Proposal.objects.filter(version__value_set=value_set).select_related("author", "decided_by"):
        asked = f"proposed to {proposal.change} {proposal.name or proposal.key}"
        events.append(Event(proposal.created_at, proposal.author, asked, proposal.reason, proposal=proposal))
        if proposal.decided_at and proposal.state != Proposal.State.ACCEPTED:  # what was accepted is written
            decided = f"{proposal.get_state_display().lower()} the proposal to {proposal.change} {proposal.name or proposal.key}"
            events.append(
                Event(proposal.decided_at, proposal.decided_by, decided, proposal.decision_reason, proposal=proposal)
            )
    voices = Voice.objects.filter(proposal__version__value_set=value_set).select_related("user", "proposal")
    for voice in voices:
        about = f"the proposal to {voice.proposal.change} {voice.proposal.name or voice.proposal.key}"
        said = as_said(voice, value_set)
        if said.signed or voice.words:  # who cannot be named and says nothing is only counted
            by = voice.user if said.signed else None
            what = f"{_SAID[voice.stance]} {about}"
            events.append(Event(said.at, by, what, voice.words, proposal=voice.proposal, unsigned=not said.signed))
    # A study's own orders are for its people.
    orders = TargetRanking.objects.filter(version__value_set=value_set, study=None)
    for order in orders.select_related("created_by", "version"):
        wrote = f"wrote the order {order.name} of version {order.version.number}"
        events.append(Event(order.created_at, order.created_by, wrote))
    return sorted(events, key=lambda event: event.at, reverse=True)


def rebuilt(version: ValueSetVersion) -> ValueSetText:
    """What the history says that the version says: the content of its last revision.

    Versions that came from a file before histories were kept have none: then, what their rows say.
    """
    last = version.revisions.order_by("-number").first()
    return content_from(last.content) if last else content_of(version)
