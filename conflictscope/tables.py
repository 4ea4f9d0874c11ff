"""Tables of numbers as people take them away: CSV, Markdown and LaTeX of one and the same rows."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from conflictscope.errors import InvalidInput
from conflictscope.files.csv_cells import escape
from conflictscope.stats.types import Estimate

Cell = str | int | float | None | Estimate

_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "tex": "application/x-tex; charset=utf-8",
}
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "θ": r"$\theta$", "τ": r"$\tau$", "κ": r"$\kappa$", "α": r"$\alpha$",
    "λ": r"$\lambda$", "−": r"$-$", "–": "--", "→": r"$\to$", "≥": r"$\ge$", "±": r"$\pm$", "\u202f": r"\,", "²": r"\textsuperscript{2}",
}  # fmt: skip
_LINE_OR_PIPE = re.compile(r"[|\n\r]")


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Rows with a heading.

    Attributes:
        name: a slug, unique on its page. title: one line, what a caption says. columns: headings; `digits` and `percent` say by heading
            how its estimates are shown (2 digits, no percent).
        rows: as long as the columns; links: of each row an address where its rows of data are, or "".
        note: a sentence below it.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    links: tuple[str, ...] = ()
    note: str = ""
    digits: tuple[tuple[str, int], ...] = ()
    percent: frozenset[str] = frozenset()

    def shown(self) -> list[tuple[str, list[tuple[str, Cell, int, bool]]]]:
        """For a page: of each row its link, and its cells with heading, digits and whether they are percents."""
        digits = dict(self.digits)
        links = self.links or ("",) * len(self.rows)
        return [
            (
                link,
                [
                    (name, cell, digits.get(name, 2), name in self.percent)
                    for name, cell in zip(self.columns, row, strict=True)
                ],
            )
            for link, row in zip(links, self.rows, strict=True)
        ]

    def to_csv(self) -> str:
        """Numbers unrounded; an estimate takes five columns: value, limits, n, and what is to be said of it."""
        estimated = [any(isinstance(row[k], Estimate) for row in self.rows) for k in range(len(self.columns))]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        heading: list[str] = []
        for name, wide in zip(self.columns, estimated, strict=True):
            heading += [name, *(f"{name} {part}" for part in ("low", "high", "n", "note"))] if wide else [name]
        writer.writerow(map(escape, heading))
        for row in self.rows:
            cells: list[Any] = []
            for cell, wide in zip(row, estimated, strict=True):
                if isinstance(cell, Estimate):
                    cells += [cell.value, cell.low, cell.high, cell.n, cell.reason or cell.warning]
                else:
                    cells += [cell, *[""] * (4 if wide else 0)]
            writer.writerow(["" if cell is None else escape(cell) if isinstance(cell, str) else cell for cell in cells])
        return out.getvalue()

    def to_markdown(self) -> str:
        """A pipe table under its title."""
        lines = [f"**{self.title}**", "", _piped(self.columns), _piped("---" for _ in self.columns)]
        lines += [_piped(self._said(row)) for row in self.rows]
        return "\n".join([*lines, "", *([f"{self.note}", ""] if self.note else [])])

    def to_latex(self) -> str:
        """A table float with booktabs' rules."""
        columns = " ".join("l" if k == 0 else "r" for k in range(len(self.columns)))
        lines = [
            "% needs \\usepackage{booktabs}",
            "\\begin{table}",
            "  \\centering",
            f"  \\caption{{{latex(self.title)}{' ' + latex(self.note) if self.note else ''}}}",
            f"  \\label{{tab:{self.name}}}",
            f"  \\begin{{tabular}}{{{columns}}}",
            "    \\toprule",
            f"    {' & '.join(map(latex, self.columns))} \\\\",
            "    \\midrule",
            *(f"    {' & '.join(map(latex, self._said(row)))} \\\\" for row in self.rows),
            "    \\bottomrule",
            "  \\end{tabular}",
            "\\end{table}",
            "",
        ]
        return "\n".join(lines)

    def _said(self, row: tuple[Cell, ...]) -> list[str]:
        digits = dict(self.digits)
        return [
            said(cell, digits=digits.get(name, 2), percent=name in self.percent)
            for name, cell in zip(self.columns, row, strict=True)
        ]


def said(cell: Cell, *, digits: int = 2, percent: bool = False) -> str:
    """A cell in words: 0.62 [0.51, 0.73], n = 80; what is undefined says why."""
    if cell is None:
        return "–"
    if isinstance(cell, Estimate):
        if cell.value is None:
            return f"undefined: {cell.reason}"
        limits = ""
        if cell.low is not None and cell.high is not None:
            limits = f" [{_number(cell.low, digits, percent)}, {_number(cell.high, digits, percent)}]"
        return f"{_number(cell.value, digits, percent)}{limits}, n = {cell.n}"
    if isinstance(cell, float):
        return _number(cell, digits, percent)
    return str(cell)


def latex(text: str) -> str:
    """The text with what LaTeX would take for commands escaped, and the signs of these tables in its own words."""
    return "".join(_LATEX.get(sign, sign) for sign in text)


def table_response(request: HttpRequest, table: ResultTable) -> HttpResponse:
    """The table as a file, in the format that the query asks for.

    Raises:
        InvalidInput: there is no such format.
    """
    wanted = request.GET.get("format", "csv")
    if wanted not in _TYPES:
        raise InvalidInput(f"A table's format is one of {', '.join(_TYPES)}, not {wanted!r}.")
    made = {"csv": table.to_csv, "md": table.to_markdown, "tex": table.to_latex}
    response = HttpResponse(made[wanted](), content_type=_TYPES[wanted])
    response["Content-Disposition"] = f'attachment; filename="{table.name}.{wanted}"'
    response["Cache-Control"] = "no-store"
    return response


def _number(value: float, digits: int, percent: bool) -> str:
    text = f"{100 * value:.{max(digits - 2, 0)}f} %" if percent else f"{value:.{digits}f}"
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("-")
    return text.replace("-", "−")


def _piped(cells: Any) -> str:
    return f"| {' | '.join(_LINE_OR_PIPE.sub(lambda found: chr(92) + '|' if found[0] == '|' else ' ', cell) for cell in cells)} |"
