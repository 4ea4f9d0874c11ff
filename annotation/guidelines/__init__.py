"""What annotators are asked to follow: Markdown files for a start, a version in the database for each campaign."""

from __future__ import annotations

import re
from pathlib import Path

import markdown
import nh3
from django.utils.html import linebreaks
from django.utils.safestring import SafeString, mark_safe

_TAGS = {
    "h1", "h2", "h3", "h4", "p", "ul", "ol", "li", "strong", "em", "blockquote", "code", "pre", "hr", "br", "a",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


def default_guideline(kind: str) -> str:
    """The guideline that a new campaign of this kind starts with."""
    return (Path(__file__).parent / f"{kind}.md").read_text(encoding="utf-8")


# Brackets within brackets, lists and quotations within each other: beyond this the library takes time in proportion to the square of
# the text, or more depth than there is.
_DEEPEST = 40
_MARKERS = re.compile(rf"^(?:[ \t]*+(?:[-+*>]|\d{{1,9}}[.)])){{{_DEEPEST}}}", re.MULTILINE)


def _is_deeper_than_people_write(text: str) -> bool:
    for paragraph in text.split("\n\n"):
        depth = 0
        for bracket in re.findall(r"[\[\]]", paragraph):
            depth = max(0, depth + (1 if bracket == "[" else -1))
            if depth > _DEEPEST:
                return True
    return _MARKERS.search(text) is not None and not all(
        set(line) <= set("-*+ \t") for line in text.splitlines() if _MARKERS.match(line)
    )


def as_html(text: str) -> SafeString:
    """Markdown as HTML that may stand on a page: plain elements only, no script, no style, no image."""
    if _is_deeper_than_people_write(text):
        return mark_safe(linebreaks(text, autoescape=True))  # noqa: S308 - escaped
    html = markdown.markdown(text, extensions=["tables", "sane_lists"])
    return mark_safe(nh3.clean(html, tags=_TAGS, attributes={"a": {"href"}}))  # noqa: S308 - cleaned
