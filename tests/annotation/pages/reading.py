"""Pages of campaigns and agreement, asked for and read as the tests of this folder do it."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client
from django.urls import reverse

from annotation.agreement.tables import ALL

PAGES = [
    ("campaigns", ()),
    ("campaign", ("check",)),
    ("agreement", ()),
    ("agreement_chart", ("check",)),
    ("agreement_items", ("check", ALL)),
    ("scenario_labels", ("hhh", "hhh-1")),
]


def page(client: Client, name: str, *args: object, **query: str) -> Any:
    return client.get(reverse(f"annotation:{name}", args=args), query)


def send(client: Client, view: str, /, *args: object, **data: Any) -> Any:
    return client.post(reverse(f"annotation:{view}", args=args), data, follow=True)


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def row_of(text: str, name: str) -> str:
    """The row of a table that has this heading, as words."""
    found = next(row for row in re.findall(r"<tr>.*?</tr>", text) if re.search(rf"<th scope=\"row\".*?{name}", row))
    return " ".join(re.sub(r"<[^>]*>", " ", found).split())
