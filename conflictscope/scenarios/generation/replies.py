"""What a generator's replies must be. A reply that is not is unparsable: nothing is invented in its place."""

from __future__ import annotations

from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

T = TypeVar("T")


def _words(text: str) -> str:
    text = text.strip()
    if not text:
        raise ValueError("must not be empty")
    return text


def _some(items: list[T]) -> list[T]:
    if not items:
        raise ValueError("there must be at least one")
    return items


# A plain string to the provider (few hold replies to a least length), and words to us.
Words = Annotated[str, AfterValidator(_words)]


class OutlineReply(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    context: Words
    opportunity: Words


class OutlinesReply(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    outlines: Annotated[list[OutlineReply], AfterValidator(_some)]


class DraftReply(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    description: Words
    persona: Words
    background: Words
    goal: Words
    action_1: Words
    action_2: Words
    consequence_1: Words
    consequence_2: Words

    @model_validator(mode="after")
    def _two_actions(self) -> Self:
        if self.action_1.casefold() == self.action_2.casefold():
            raise ValueError("action_1 and action_2 must differ")
        return self


class WholeReply(DraftReply):
    """A scenario and its outline, written in one go."""

    context: Words
    opportunity: Words


class WholesReply(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    scenarios: Annotated[list[WholeReply], AfterValidator(_some)]


class DilemmasReply(BaseModel):
    """Scenarios asked for directly, without an outline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenarios: Annotated[list[DraftReply], AfterValidator(_some)]
