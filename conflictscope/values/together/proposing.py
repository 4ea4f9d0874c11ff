"""What members ask for, what others say to it, and what stewards make of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from conflictscope.errors import Conflict, InvalidInput, NotAllowed
from conflictscope.files.texts import storable
from conflictscope.studies.permissions import SetAction
from conflictscope.values.access import may
from conflictscope.values.contents import content_of
from conflictscope.values.drafting import start_version, write
from conflictscope.values.models import Proposal, SetMembership, ValueSet, ValueSetVersion, Voice
from conflictscope.values.parsing import ValueSetText, ValueText
from conflictscope.values.together.voices import SaidVoice, as_said

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# A group of fewer voices is not shown by itself: its members could be told.
FEWEST_SHOWN = 5
_LONGEST = 5_000


@dataclass(frozen=True, slots=True)
class Wish:
    """The change that somebody asks for. `key` names the value there is; of one that is added it is made from the name."""

    change: str
    key: str = ""
    name: str = ""
    definition: str = ""
    group: str = ""


def propose(value_set: ValueSet, wish: Wish, *, reason: str, by: User) -> Proposal:
    """Put a change to the stewards and members of the set.

    Raises:
        NotAllowed: the person is no member who may propose.
        InvalidInput: no reason; the change cannot be made, or would change nothing.
        Conflict: the set has no version yet.
    """
    _refuse_stranger(value_set, by, SetAction.PROPOSE)
    newest = value_set.versions.select_related("value_set").order_by("-number").first()
    if newest is None:
        raise Conflict(f"{value_set} has no version yet.")
    if not reason.strip():
        raise InvalidInput("Say why: others support or object to a reason.")
    if wish.change == Proposal.Change.ADD:
        wish = replace(wish, key=wish.key or slugify(wish.name).replace("-", "_")[:50])
    proposal = Proposal(
        version=newest,
        author=by,
        change=wish.change,
        key=wish.key,
        name=_bounded(wish.name, 100, "name"),
        definition=_bounded(wish.definition, _LONGEST, "definition"),
        group=_bounded(wish.group, 50, "group"),
        reason=_bounded(reason, _LONGEST, "reason"),
    )
    content = content_of(newest)
    try:
        if carried_out(proposal, content) == content:
            raise InvalidInput("This is what the set says already: say what is to be different.")
    except Conflict as exc:
        raise InvalidInput(exc.sentence) from exc
    proposal.save()
    return proposal


def carried_out(proposal: Proposal, content: ValueSetText) -> ValueSetText:
    """The content with the proposed change made to it.

    Raises:
        Conflict: it does not fit: the value is not there (any more), or another has its name.
        InvalidInput: a value without a name or a definition.
    """
    there = {value.key: value for value in content.values}
    change = proposal.change
    if change == Proposal.Change.ADD:
        if not proposal.name or not proposal.definition or not proposal.key:
            raise InvalidInput("A value needs a name and a definition.")
        if proposal.key in there:
            raise Conflict(f"There is a value {proposal.key} already: propose to reword it.")
        added = ValueText(proposal.key, proposal.name, proposal.definition, proposal.group)
        values = (*content.values, added)
    else:
        if proposal.key not in there:
            raise Conflict(f"There is no value {proposal.key} in the set (any more).")
        before = there[proposal.key]
        if change == Proposal.Change.REWORD:
            worded = replace(
                before, name=proposal.name or before.name, definition=proposal.definition or before.definition
            )
            after = [worded]
        elif change == Proposal.Change.REGROUP:
            after = [replace(before, group=proposal.group)]
        elif change == Proposal.Change.DROP:
            after = []
        else:
            raise InvalidInput(f"A change is one of {', '.join(Proposal.Change.values)}.")
        values = tuple(kept for value in content.values for kept in (after if value is before else [value]))
    names = Counter(value.name.casefold() for value in values)
    if twice := [name for name, times in names.items() if times > 1]:
        raise Conflict(f"There is a value called {twice[0]!r} already.")
    return replace(content, values=values)


def speak(proposal: Proposal, stance: str, *, words: str = "", by: User) -> Voice:
    """Support, object or comment. Of support and objection a member has one, the latest.

    Raises:
        NotAllowed: the person is no member who may propose.
        Conflict: the proposal is decided.
        InvalidInput: no such stance, or a comment without words.
    """
    _refuse_stranger(proposal.version.value_set, by, SetAction.PROPOSE)
    words = _bounded(words, _LONGEST, "comment")
    if stance not in Voice.Stance.values:
        raise InvalidInput(f"Say one of {', '.join(Voice.Stance.values)}.")
    if stance == Voice.Stance.COMMENT and not words:
        raise InvalidInput("A comment needs words.")
    with transaction.atomic():
        _open(proposal)
        if stance == Voice.Stance.COMMENT:
            return Voice.objects.create(proposal=proposal, user=by, stance=stance, words=words)
        for_or_against = [Voice.Stance.SUPPORT, Voice.Stance.OBJECT]
        before = Voice.objects.filter(proposal=proposal, user=by, stance__in=for_or_against).first()
        if before is None:
            return Voice.objects.create(proposal=proposal, user=by, stance=stance, words=words)
        before.stance, before.words = stance, words or before.words
        before.save(update_fields=["stance", "words", "at"])
        return before


def accept(proposal: Proposal, *, reason: str = "", by: User) -> ValueSetVersion:
    """Carry the proposal out in the draft, begun where there is none, with the credit in its history.

    Raises:
        NotAllowed: the person is no steward.
        Conflict: it is decided already, or does not fit the set any more.
    """
    _refuse_stranger(proposal.version.value_set, by, SetAction.STEWARD)
    with transaction.atomic():
        draft = start_version(proposal.version.value_set, by=by)
        content = carried_out(_open(proposal), content_of(draft))
        draft = write(draft, content, edition=draft.edition, by=by, reason=reason, proposal=proposal)
        _decide(proposal, Proposal.State.ACCEPTED, reason=reason, by=by)
    return draft


def decline(proposal: Proposal, *, reason: str, by: User) -> None:
    """
    Raises:
        NotAllowed: the person is no steward.
        InvalidInput: no reason is said, which the author is owed.
        Conflict: it is decided already.
    """
    _refuse_stranger(proposal.version.value_set, by, SetAction.STEWARD)
    if not reason.strip():
        raise InvalidInput("Say why you decline: its author is owed a reason.")
    with transaction.atomic():
        _open(proposal)
        _decide(proposal, Proposal.State.DECLINED, reason=reason, by=by)


def withdraw(proposal: Proposal, *, by: User) -> None:
    """
    Raises:
        NotAllowed: somebody else made it.
        Conflict: it is decided already.
    """
    if proposal.author_id != by.pk:
        raise NotAllowed("Only its author withdraws a proposal.")
    with transaction.atomic():
        _open(proposal)
        _decide(proposal, Proposal.State.WITHDRAWN, reason="", by=by)


@dataclass(frozen=True, slots=True)
class GroupVoices:
    """How a group speaks: those who gave one answer to the set's own question (empty: who gave none)."""

    answer: str
    support: int
    against: int

    @property
    def share(self) -> float:
        """The share of support, pulled towards one half where few have spoken."""
        return (self.support + 1) / (self.support + self.against + 2)

    @property
    def shown(self) -> bool:
        return self.support + self.against >= FEWEST_SHOWN


@dataclass(frozen=True, slots=True)
class Heard:
    """An open proposal with what was said to it.

    `bridging`: Π over the groups of (support + 1) / (support + against + 2), so that support across groups counts for more than
    that of the largest. `parting`: how far apart the shares of two shown groups lie at most; None for fewer than two.
    """

    proposal: Proposal
    voices: list[Voice]
    groups: list[GroupVoices]
    conflicts: list[Proposal] = field(default_factory=list)
    said: list[SaidVoice] = field(default_factory=list)

    @property
    def support(self) -> int:
        return sum(group.support for group in self.groups)

    @property
    def against(self) -> int:
        return sum(group.against for group in self.groups)

    @property
    def words_for(self) -> list[Voice]:
        return [voice for voice in self.voices if voice.words and voice.stance == Voice.Stance.SUPPORT]

    @property
    def words_against(self) -> list[Voice]:
        return [voice for voice in self.voices if voice.words and voice.stance == Voice.Stance.OBJECT]

    @property
    def bridging(self) -> float:
        return math.prod(group.share for group in self.groups)

    @property
    def parting(self) -> float | None:
        shares = [group.share for group in self.shown_groups]
        return max(shares) - min(shares) if len(shares) > 1 else None

    @property
    def shown_groups(self) -> list[GroupVoices]:
        """Groups large enough to be shown; none where one could be worked out from the total and the others."""
        shown = [group for group in self.groups if group.shown]
        hidden = [group for group in self.groups if not group.shown and group.support + group.against]
        return shown if len(hidden) != 1 else []


def heard(value_set: ValueSet, proposals: Iterable[Proposal]) -> list[Heard]:
    """The proposals with their voices, those that bridge the groups best first. Takes two queries, however many there are."""
    proposals = list(proposals)
    answers = dict(SetMembership.objects.filter(value_set=value_set).values_list("user", "answer"))
    voices: dict[int, list[Voice]] = {proposal.pk: [] for proposal in proposals}
    for voice in Voice.objects.filter(proposal__in=proposals).select_related("user").order_by("pk"):
        voices[voice.proposal_id].append(voice)
    # Every group counts in every proposal: one that is silent says one half.
    groups = sorted({answers.get(pk, "") for pk in answers}) or [""]
    every = [
        Heard(
            proposal,
            voices[proposal.pk],
            _by_group(voices[proposal.pk], answers, groups),
            _clashing(proposal, proposals),
            [as_said(voice, value_set) for voice in voices[proposal.pk]],
        )
        for proposal in proposals
    ]
    return sorted(every, key=lambda each: (-each.bridging, each.proposal.pk))


def _by_group(voices: list[Voice], answers: dict[int, str], groups: list[str]) -> list[GroupVoices]:
    counted = Counter((answers.get(voice.user_id, ""), voice.stance) for voice in voices)
    every = [*groups, *sorted({answer for answer, _ in counted} - set(groups))]
    return [
        GroupVoices(answer, counted[answer, Voice.Stance.SUPPORT], counted[answer, Voice.Stance.OBJECT])
        for answer in every
    ]


def _clashing(proposal: Proposal, proposals: list[Proposal]) -> list[Proposal]:
    """Other open ones about the same value, or that would give the same name."""
    if proposal.state != Proposal.State.OPEN:
        return []
    return [
        other
        for other in proposals
        if other.pk != proposal.pk
        and other.state == Proposal.State.OPEN
        and (other.key == proposal.key or (proposal.name and other.name.casefold() == proposal.name.casefold()))
    ]


def _open(proposal: Proposal) -> Proposal:
    """The row as it is now, held until the transaction ends."""
    now = Proposal.objects.select_for_update().get(pk=proposal.pk)
    if now.state != Proposal.State.OPEN:
        raise Conflict(f"The proposal is {now.state} already.")
    return now


def _decide(proposal: Proposal, state: str, *, reason: str, by: User) -> None:
    proposal.state, proposal.decided_by, proposal.decided_at = state, by, timezone.now()
    proposal.decision_reason = _bounded(reason, _LONGEST, "reason")
    proposal.save(update_fields=["state", "decided_by", "decided_at", "decision_reason"])


def _refuse_stranger(value_set: ValueSet, user: User, action: SetAction) -> None:
    if not may(user, action, value_set):
        who = "stewards" if action == SetAction.STEWARD else "members"
        raise NotAllowed(f"Only {who} of {value_set} may do this.")


def _bounded(text: str, length: int, what: str) -> str:
    text = text.strip()
    if len(text) > length:
        raise InvalidInput(f"The {what} has {len(text):,} characters; at most {length:,} fit.")
    return storable(text, where=f"The {what}")
