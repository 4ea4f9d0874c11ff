"""Where the forms of the label screen go, and how an item is named in a list."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.urls import reverse

from annotation.models import Campaign, Item

SNIPPET = 160


@dataclass(frozen=True, slots=True)
class Links:
    """Where the forms of the label screen go."""

    submit: str
    answers: str
    skip: str
    flag: str
    heartbeat: str = ""


def links_of(campaign: Campaign, token: uuid.UUID, *, editing: bool = False) -> Links:
    def to(name: str) -> str:
        return reverse(f"annotation:label_{name}", args=[campaign.study.slug, campaign.slug, token])

    return Links(to("edit" if editing else "submit"), to("answers"), to("skip"), to("flag"), to("heartbeat"))


def preview_links(campaign: Campaign, place: int) -> Links:
    """The same for an item that is only looked at: everything is taken as it would be, and nothing is stored."""
    here = reverse("annotation:preview_item", args=[campaign.study.slug, campaign.slug, place])
    return Links(f"{here}?do=submit", f"{here}?do=answers", f"{here}?do=skip", f"{here}?do=flag")


def snippet_of(item: Item) -> str:
    """The first words of what the person read; of a conversation not the situation behind it, which they are not told."""
    turns = item.response.transcript if item.response else []
    text = turns[0]["text"] if turns else item.subject.description
    return text if len(text) <= SNIPPET else f"{text[:SNIPPET].rsplit(' ', 1)[0]} …"
