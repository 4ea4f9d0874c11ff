"""Colours and type of the charts, in a light and a dark dress; both follow the stylesheet's tokens."""

from typing import Any, Literal

Theme = Literal["light", "dark"]

# The first is shipped with the renderer, the second has the same widths: text keeps its place in any browser.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

TEXT, SMALL, LARGE = 13, 12, 16

# Okabe and Ito's colours for all kinds of colour vision, darkened or lightened for contrast with the paper.
_PALETTES: dict[Theme, tuple[str, ...]] = {
    "light": ("#0068a3", "#c65300", "#007f5c", "#a8507f", "#7a6a00", "#5d6bc0", "#8d4b2f", "#4d8f2c"),
    "dark": ("#6fc0f0", "#f0a04b", "#3fc79b", "#e59cc4", "#e8dc6a", "#a3adf2", "#d39a7d", "#93cc6e"),
}

_INKS: dict[Theme, dict[str, str]] = {
    "light": {"ink": "#1c2226", "muted": "#545e66", "line": "#e3e5e0", "strong": "#7f888d", "paper": "#ffffff"},
    "dark": {"ink": "#e6eaec", "muted": "#a6b1b8", "line": "#2e383e", "strong": "#7d8a92", "paper": "#1a2125"},
}

# From the least over nothing to the most; ink can be read on every shade.
_DIVERGING: dict[Theme, list[str]] = {
    "light": ["#f0a878", "#f8d6bf", "#f7f7f4", "#c3dcee", "#7fb5dc"],
    "dark": ["#8a4a1c", "#5a3a26", "#232b30", "#244a63", "#2b6f9c"],
}

SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down")


def config(theme: Theme) -> dict[str, Any]:
    """Vega-Lite configuration of a theme; marks refer to its styles, never to colours of their own.

    Raises: ValueError: no such theme.
    """
    if theme not in _PALETTES:
        raise ValueError(f'a theme is "light" or "dark", got {theme!r}')
    inks = _INKS[theme]
    words = {"font": FONT, "fontSize": TEXT, "baseline": "middle"}
    return {
        "background": "transparent",
        "font": FONT,
        "padding": 4,
        "view": {"stroke": None},
        "range": {"category": list(_PALETTES[theme]), "diverging": _DIVERGING[theme]},
        "axis": {
            "labelColor": inks["muted"],
            "labelFontSize": SMALL,
            "titleColor": inks["ink"],
            "titleFontSize": TEXT,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "domainColor": inks["strong"],
            "tickColor": inks["strong"],
            "gridColor": inks["line"],
        },
        "legend": {
            "labelColor": inks["ink"],
            "labelFontSize": SMALL,
            "labelLimit": 0,
            "symbolType": "square",
            "symbolStrokeWidth": 0,
        },
        "title": {"color": inks["ink"], "fontWeight": "bold", "subtitleColor": inks["muted"]},
        "style": {
            "title-words": {**words, "color": inks["ink"], "fontSize": LARGE, "fontWeight": "bold"},
            "note-words": {**words, "color": inks["muted"], "fontSize": SMALL},
            "heading-words": {**words, "color": inks["ink"], "fontWeight": "bold"},
            "label-words": {**words, "color": inks["ink"]},
            "number-words": {**words, "color": inks["muted"], "fontSize": SMALL},
            "cell-words": {**words, "color": inks["ink"], "fontSize": SMALL, "align": "center"},
            "divider": {"color": inks["line"], "strokeWidth": 1},
            "reference": {"color": inks["strong"], "strokeWidth": 1.5, "strokeDash": [4, 3]},
            "hollow": {"color": inks["paper"]},
            "ground": {"color": inks["paper"]},
        },
    }
