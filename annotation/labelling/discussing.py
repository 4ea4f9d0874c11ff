"""A flag as the beginning of a talk between who raised it and those who run the study.

Neither side learns anything by it of what others answered: a thread holds the flag, and what these two wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef
from django.http import Http404

from annotation.labelling.checking import LONGEST_COMMENT
from annotation.models import Flag, FlagReply
from conflictscope.errors import InvalidInput
from conflictscope.studies.models import Membership
from conflictscope.studies.permissions import Action, roles_that_may


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a thread; `mine`: of who raised the flag."""

    mine: bool
    text: str
    at: datetime


@dataclass(frozen=True)
class Thread:
    flag: Flag
    words: tuple[Word, ...]

    @property
    def answered(self) -> bool:
        """Whether the last word is not theirs."""
        return bool(self.words) and not self.words[-1].mine


def threads_of(user: User) -> list[Thread]:
    """The person's own flags to which anybody has replied, or that are resolved; open ones first, the latest first."""
    labels = Membership.objects.filter(
        study=OuterRef("assignment__item__campaign__study"), user=user, role__in=roles_that_may(Action.LABEL)
    )
    flags = Flag.objects.filter(Exists(labels), assignment__participant__user=user)
    flags = flags.filter(Exists(FlagReply.objects.filter(flag=OuterRef("pk"))))
    rows = flags.select_related(
        "assignment__item__campaign__study", "assignment__item__scenario", "assignment__item__response__scenario"
    ).prefetch_related("replies")
    threads = [thread_of(flag, user) for flag in rows.order_by("-pk")[:50]]
    return sorted(threads, key=lambda thread: thread.flag.resolved_at is not None)


def thread_of(flag: Flag, owner: User) -> Thread:
    words = tuple(Word(reply.author_id == owner.pk, reply.text, reply.created_at) for reply in flag.replies.all())
    return Thread(flag, words)


def reply(flag: Flag, text: str, *, by: User) -> FlagReply:
    """A further word. It opens a resolved flag again if it comes from who raised it. The same word twice is one.

    Raises:
        InvalidInput: nothing said.
    """
    words = text.replace("\r\n", "\n").strip()[:LONGEST_COMMENT]
    if not words:
        raise InvalidInput("Write a few words.")
    last = flag.replies.order_by("-pk").first()
    if last is not None and (last.author_id, last.text) == (by.pk, words):
        return last
    said: FlagReply = FlagReply.objects.create(flag=flag, author=by, text=words)
    if flag.resolved_at is not None and flag.assignment.participant.user_id == by.pk:
        Flag.objects.filter(pk=flag.pk).update(resolved_at=None, resolved_by=None)
    return said


def own_flag(user: User, pk: int) -> Flag:
    """
    Raises:
        Http404: it is not theirs, or they do not label there any more.
    """
    for thread in threads_of(user):
        if thread.flag.pk == pk:
            return thread.flag
    raise Http404("No such flag, or it is not yours.")
