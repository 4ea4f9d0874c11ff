"""What stands above a picture: its title, and under it what has to be said with it."""

from typing import Any

import altair as alt

from conflictscope.charts.lettering import wrap
from conflictscope.charts.themes import LARGE, SMALL

LINE = 17  # from one line of text to the next


def heading(title: str, under: list[str], width: float, *, titled: bool) -> dict[str, Any]:
    """The title's property of a Vega-Lite view: a page prints the title itself, and then the other lines stand alone."""
    if not titled and not under:
        return {}
    placed: dict[str, Any] = {"anchor": "start", "frame": "bounds", "offset": 12}
    if not titled:
        # The renderer draws no subtitle without a title.
        return {"title": alt.TitleParams(under, fontSize=SMALL, fontWeight="normal", lineHeight=LINE, **placed)}
    return {
        "title": alt.TitleParams(
            wrap(title, width, LARGE, bold=True),
            subtitle=under,
            fontSize=LARGE,
            subtitleFontSize=SMALL,
            subtitleLineHeight=LINE,
            **placed,
        )
    }
