"""What annotators are asked to follow: Markdown files for a start, a version in the database for each campaign."""

from __future__ import annotations

from pathlib import Path

import markdown
import nh3
from django.utils.safestring import SafeString, mark_safe

_TAGS = {
    "h1", "h2", "h3", "h4", "p", "ul", "ol", "li", "strong", "em", "blockquote", "code", "pre", "hr", "br", "a",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


def default_guideline(kind: str) -> str:
    """The guideline that a new campaign of this kind starts with."""
    return (Path(__file__).parent / f"{kind}.md").read_text(encoding="utf-8")


def as_html(text: str) -> SafeString:
    """Markdown as HTML that may stand on a page: plain elements only, no script, no style, no image."""
    html = markdown.markdown(text, extensions=["tables", "sane_lists"])
    return mark_safe(nh3.clean(html, tags=_TAGS, attributes={"a": {"href"}}))  # noqa: S308 - cleaned
