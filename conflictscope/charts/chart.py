"""A chart: its specification in three sizes, its table, its words, and the files made of them."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import vl_convert

from conflictscope.charts.themes import Theme, config
from conflictscope.files.csv_cells import escape

# Of the whole picture: on a phone, on a page, and where there is room for more.
Size = Literal["narrow", "wide", "full"]
WIDTHS: dict[Size, int] = {"narrow": 320, "wide": 720, "full": 960}
Cell = str | int | float | None

# The schema that the specifications follow; the renderer has it built in.
VEGA_LITE = "6.1"

DECIMALS = 3


@dataclass(frozen=True)
class Chart:
    """A drawing of numbers with the numbers beside it.

    Attributes:
        title: one line; description: the same as the picture shows, in words, for readers who do not see it.
        columns, data: the table, one row per mark, numbers unrounded.
        made_of: all that the picture is drawn from, as plain values whose `repr` tells them apart: equal ones are one picture.
        spec: makes the Vega-Lite specification of a size, with the title or without it (for a page that prints it itself),
            and without colours: a theme adds them. Only when asked: it takes longer than the page around the picture.
    """

    title: str
    description: str
    columns: tuple[str, ...]
    data: tuple[tuple[Cell, ...], ...]
    made_of: tuple[Any, ...]
    spec: Callable[[Size, bool], dict[str, Any]]

    @property
    def digest(self) -> str:
        """The same for equal pictures, drawn by the same program. To make the specification takes longer than anything else."""
        return hashlib.sha256(
            f"{_program()}{self.columns!r}{self.made_of!r}".encode("utf-8", "surrogatepass")
        ).hexdigest()

    @property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """The table as a page prints it, numbers rounded to three decimals."""
        return tuple(
            tuple(round(cell, DECIMALS) if isinstance(cell, float) else cell for cell in row) for row in self.data
        )

    def to_svg(self, theme: Theme = "light", size: Size = "wide", *, titled: bool = False) -> str:
        """An SVG picture on a transparent ground; without its title unless asked, since pages print that as text."""
        spec = self._dressed(theme, size, titled=titled)
        return _renumbered(str(vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, allowed_base_urls=[])))

    def to_png(self, theme: Theme = "light", size: Size = "wide", *, scale: float = 2.0, titled: bool = True) -> bytes:
        """A PNG picture; scale 2 has two pixels to the point."""
        spec = self._dressed(theme, size, titled=titled)
        return bytes(vl_convert.vegalite_to_png(spec, vl_version=VEGA_LITE, scale=scale, allowed_base_urls=[]))

    def to_pdf(self, size: Size = "wide", *, titled: bool = True) -> bytes:
        """A PDF page of the picture's size, for print: always light."""
        spec = self._dressed("light", size, titled=titled)
        return bytes(vl_convert.vegalite_to_pdf(spec, vl_version=VEGA_LITE, allowed_base_urls=[]))

    def to_csv(self) -> str:
        """The table with unrounded numbers; an undefined one is an empty cell."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([escape(cell) if isinstance(cell, str) else cell for cell in row] for row in self.data)
        return out.getvalue()

    def to_json(self, theme: Theme = "light", size: Size = "wide", *, titled: bool = True) -> str:
        """The Vega-Lite specification, which holds its data."""
        return json.dumps(self._dressed(theme, size, titled=titled), ensure_ascii=False, indent=2)

    def _dressed(self, theme: Theme, size: Size, *, titled: bool) -> dict[str, Any]:
        if size not in WIDTHS:
            raise ValueError(f"a size is one of {', '.join(WIDTHS)}, got {size!r}")
        return {**self.spec(size, titled), "config": config(theme)}


@lru_cache(maxsize=1)
def _program() -> str:
    """What draws: this package as it is now, and the versions of what it draws with."""
    source = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return f"{hashlib.sha256(source).hexdigest()} {version('altair')} {version('vl-convert-python')}"


def _renumbered(svg: str) -> str:
    """The picture with its clip paths counted from 0: the renderer counts on from picture to picture."""
    numbers: dict[str, int] = {}
    return re.sub(r"\bclip\d+\b", lambda found: f"clip{numbers.setdefault(found[0], len(numbers))}", svg)
