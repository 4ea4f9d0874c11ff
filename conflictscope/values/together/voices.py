"""How a voice is told: whose it is and when it was raised only where that gives nobody's answer away (ADR 0022)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from conflictscope.values.models import ValueSet, Voice


@dataclass(frozen=True, slots=True)
class SaidVoice:
    """`signed`: its name may be told."""

    voice: Voice
    signed: bool

    @property
    def at(self) -> datetime:
        """Of one that is not signed only the day: a moment would tell who was here then."""
        return self.voice.at if self.signed else self.voice.at.replace(hour=0, minute=0, second=0, microsecond=0)


def as_said(voice: Voice, value_set: ValueSet) -> SaidVoice:
    """Where the set asks its members something, names beside the groups' numbers would tell what somebody answered. Comments are no
    part of the numbers."""
    return SaidVoice(voice, signed=voice.stance == Voice.Stance.COMMENT or not value_set.question)
