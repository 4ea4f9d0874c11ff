"""Tags and filters of every room's pages: `{% load ui %}`.

They shape what a view has already worked out. Nobody imports this module: the settings name it, so that a template of any
room may load it without an arrow between rooms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince

from conflictscope.stats.types import Estimate
from conflictscope.studies.access import actions_of
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action

register = template.Library()


# --- the study's navigation ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NavEntry:
    key: str
    label: str
    url_name: str
    action: Action = Action.SEE
    href: str = ""
    current: bool = False


STUDY_PAGES = (
    NavEntry("overview", "Overview", "overview:study"),
    NavEntry("datasets", "Datasets", "scenarios:datasets"),
    NavEntry("campaigns", "Campaigns", "annotation:campaigns"),
    NavEntry("agreement", "Agreement", "annotation:agreement"),
    NavEntry("runs", "Runs", "evaluation:runs"),
    NavEntry("rankings", "Rankings", "evaluation:rankings"),
    NavEntry("report", "Report", "overview:report"),
    NavEntry("exports", "Exports", "exports:exports", Action.EXPORT),
    NavEntry("jobs", "Jobs", "jobs:jobs"),
)


def _actions(context: Context, study: Study) -> frozenset[Action]:
    """The user's actions in the study, asked of the database once per page."""
    request = context["request"]
    known: dict[int, frozenset[Action]] = request.__dict__.setdefault("_study_actions", {})
    if study.pk not in known:
        known[study.pk] = actions_of(request.user, study)
    return known[study.pk]


@register.inclusion_tag("_study_nav.html", takes_context=True)
def study_nav(context: Context, study: Study, section: str = "") -> dict[str, Any]:
    """The pages of a study that this person may see; `section` is the key of the one they are on."""
    allowed = _actions(context, study)
    entries = []
    for page in STUDY_PAGES:
        if page.action not in allowed:
            continue
        try:
            href = reverse(page.url_name, args=[study.slug])
        except NoReverseMatch:
            continue
        entries.append(NavEntry(page.key, page.label, page.url_name, page.action, href, page.key == section))
    return {"entries": entries}


@register.simple_tag(takes_context=True)
def may(context: Context, study: Study, action: str) -> bool:
    """`{% may study "run_pipeline" as can_run %}`: whether to show a button. The view behind it asks again."""
    return Action(action) in _actions(context, study)


# --- numbers --------------------------------------------------------------------------------------------------------------


def _shown(value: float, digits: int, percent: bool) -> str:
    text = f"{100 * value:.{max(digits - 2, 0)}f} %" if percent else f"{value:.{digits}f}"
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("-")
    return text.replace("-", "−")


@register.simple_tag
def estimate(
    given: Estimate | Mapping[str, Any] | None,
    digits: int = 2,
    percent: bool = False,
    count: bool = True,
    warning: bool = True,
) -> SafeString:
    """`{% estimate kappa %}`: 0.62 [0.51, 0.73], n = 80. What is undefined says why, in words.

    Takes an Estimate, or the dict that a snapshot holds of one. `percent=True` shows 62 % [51 %, 73 %];
    `count=False` leaves n out where a column has it, `warning=False` the warning where the page gives it once for several.
    """
    if given is None:
        return mark_safe('<span class="undefined">not computed</span>')
    number = given if isinstance(given, Estimate) else Estimate(**given)
    counted = format_html('<span class="comma">, </span><span class="count">n = {}</span>', number.n) if count else ""
    if number.value is None:
        return format_html('<span class="undefined">undefined: {}{}</span>', number.reason, counted)
    parts = [format_html("{}", _shown(number.value, digits, percent))]
    if number.low is not None and number.high is not None:
        low, high = (_shown(limit, digits, percent) for limit in (number.low, number.high))
        parts.append(format_html(' <span class="interval">[{}, {}]</span>', low, high))
    shown = format_html('<span class="estimate">{}{}</span>', mark_safe("".join(parts)), counted)  # noqa: S308 - escaped parts
    if warning and number.warning:
        shown = format_html('{} <span class="estimate-warning">{}</span>', shown, number.warning)
    return shown


@register.simple_tag
def cell(given: Any, digits: int = 2, percent: bool = False) -> SafeString:
    """A cell of a `conflictscope.tables.ResultTable`: an estimate as `estimate` shows it, a number, words, or – for nothing."""
    if isinstance(given, Estimate):
        return estimate(given, digits=digits, percent=percent)
    if given is None or given == "":
        return mark_safe("–")
    if isinstance(given, float):
        return format_html("{}", _shown(given, digits, percent))
    return format_html("{}", number(given) if isinstance(given, int) else visible(given))


@register.filter
def noted(given: Estimate, notes: Sequence[str]) -> SafeString:
    """`{{ kappa|noted:notes }}`: a letter that leads to the note (`#note-a`) with the estimate's warning; nothing without one."""
    if given.value is None or given.warning not in notes:
        return mark_safe("")
    letter = note_letter(notes.index(given.warning))
    return format_html('<sup><a href="#note-{0}" aria-label="note {0}">{0}</a></sup>', letter)


@register.filter
def note_letter(place: int) -> str:
    """0 → a, 25 → z, 26 → aa."""
    letters = chr(ord("a") + place % 26)
    return letters if place < 26 else note_letter(place // 26 - 1) + letters


@register.filter
def number(value: float | int | None) -> str:
    """1234567 → 1 234 567, with thin spaces; nothing → –."""
    return "–" if value is None else f"{value:,}".replace(",", "\u202f").replace("-", "−")


@register.filter
def money(value: Decimal | float | None) -> str:
    """US dollars: cents from a dollar up, four digits below, more where these would be zeros; nothing → unknown."""
    if value is None:
        return "unknown"
    amount = float(value) or 0.0  # a sum of SQLite's may come back as -0
    if 0 < abs(amount) < 0.001:
        return f"${amount:.8f}".rstrip("0")
    return f"${amount:,.2f}" if amount == 0 or abs(amount) >= 1 else f"${amount:.4f}"


@register.filter
def percent(part: float | None, whole: float | None) -> str:
    """`{{ kept|percent:total }}`: 12 of 48 → 25 %; of nothing → –."""
    if part is None or not whole:
        return "–"
    return f"{100 * part / whole:.0f} %"


@register.filter
def lowfirst(words: str) -> str:
    """Within a sentence: “Multiple choice, steered by Kindness first” begins small, and the name in it stays as it is."""
    return words[:1].lower() + words[1:]


@register.filter
def signed(value: float | None, digits: int = 2) -> str:
    """`{{ theta|signed }}`: −0.30, with the same minus that an estimate has; of nothing → –."""
    return "–" if value is None else _shown(value, digits, False)


@register.filter
def more(address: str) -> str:
    """An address to which a query can be added: with `?` behind it, or `&` where it has a query."""
    return f"{address}{'&' if '?' in address else '?'}"


@register.filter
def seconds(value: float | None) -> str:
    """3725 → 1 h 2 min; nothing → –."""
    if value is None:
        return "–"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@register.filter
def ago(moment: datetime) -> str:
    """How long something is past, in its one greatest unit: just now, 5 minutes ago, 2 days ago."""
    if (timezone.now() - moment).total_seconds() < 60:
        return "just now"
    return f"{timesince(moment, depth=1)} ago"


@register.filter
def pairs(mapping: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Keys and values of a mapping whose keys come from people: `.items` would find a key of that name first."""
    return list(mapping.items()) if mapping else []


# --- texts from outside ---------------------------------------------------------------------------------------------------

# What turns the direction of the words around it, and is not seen itself: a text could be made to read as another.
_DIRECTIONS = {
    "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO",
    "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI",
}  # fmt: skip
_SEEN = str.maketrans({sign: f"⟦{name}⟧" for sign, name in _DIRECTIONS.items()})


@register.filter
def visible(text: Any) -> Any:
    """A text of a file, a person or an LLM, in an element with `dir="auto"`: it reads in its own direction, and what would turn
    the direction of words is shown, such as ⟦RLO⟧, instead of working. Whatever is no text stays as it is."""
    return text.translate(_SEEN) if isinstance(text, str) else text


# --- words ----------------------------------------------------------------------------------------------------------------


@register.simple_tag
def badge(status: str, label: str = "") -> SafeString:
    """`{% badge scenario.status %}`: the state in words, with its colour as an addition, never as the only sign."""
    return format_html(
        '<span class="badge badge-{}">{}</span>', status.replace("_", "-"), label or status.replace("_", " ")
    )


@register.simple_block_tag
def empty(content: SafeString, title: str, href: str = "", action: str = "") -> str:
    """`{% empty title="No jobs yet" %}A job appears …{% endempty %}`: what a page says where it has nothing to show, with the one
    thing to do next, if there is one."""
    return render_to_string("_empty.html", {"title": title, "text": content, "href": href, "action": action})
