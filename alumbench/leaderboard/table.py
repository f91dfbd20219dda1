"""One table in the forms people need: Markdown, CSV, JSON, LaTeX."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alumbench.errors import unknown
from alumbench.leaderboard.inert import visible
from alumbench.storage import finite

FORMATS = ("markdown", "csv", "json", "latex")


@dataclass(frozen=True)
class Table:
    """Cells as people read them, and the same as data.

    Attributes:
        header: column titles.
        rows: one text a cell.
        notes: lines to stand under it.
        data: what a program wants instead of the texts: one mapping a figure.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    data: Sequence[Mapping[str, Any]] = field(default=())

    def render(self, form: str) -> str:
        """The table as text that ends with a newline.

        Raises:
            AlumbenchError: The form is unknown.
        """
        if form == "markdown":
            rows = [[_plain_cell(cell) for cell in row] for row in self.rows]
            return "\n".join([_tabulate(rows, self.header, "github"), "", *self.notes]).rstrip() + "\n"
        if form == "latex":
            notes = [f"% {visible(line)}" for line in self.notes]
            rows = [list(map(visible, row)) for row in self.rows]
            return "\n".join([_tabulate(rows, self.header, "latex_booktabs"), *notes]).rstrip() + "\n"
        if form == "json":
            return json.dumps([_rounded(item) for item in self.data], indent=2, allow_nan=False) + "\n"
        if form == "csv":
            out = io.StringIO()
            names = list(dict.fromkeys(name for item in self.data for name in item))
            writer = csv.DictWriter(out, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows({name: _safe(value) for name, value in _rounded(item).items()} for item in self.data)
            return out.getvalue()
        raise unknown("format", form, FORMATS)


def _rounded(item: Mapping[str, Any]) -> dict[str, Any]:
    """The figures to nine digits, so that a board rebuilt with other library versions has the same bytes."""
    return {
        name: float(f"{value:.9g}") if isinstance(value, float) else value for name, value in finite(dict(item)).items()
    }


def _tabulate(rows: Sequence[Sequence[str]], header: Sequence[str], form: str) -> str:
    import tabulate

    return str(tabulate.tabulate(rows, header, tablefmt=form, disable_numparse=True))


def _plain_cell(cell: str) -> str:
    """A cell that Markdown neither splits nor takes for HTML or a link."""
    return visible(cell).replace("|", "\\|").replace("<", "&lt;").replace("](", "]\\(")


def _safe(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} else text


def percent(value: float | None, digits: int = 1) -> str:
    """`0.873` as `87.3`, None as a dash."""
    return "–" if value is None else f"{100 * value:.{digits}f}"


def signed(value: float | None) -> str:
    """`0.012` as `+1.2`, in points."""
    return "–" if value is None else f"{100 * value:+.1f}"


def with_interval(measure: Mapping[str, Any]) -> str:
    """`87.3 [85.0–89.4]`, the value alone where it has no interval, a dash where there is no number."""
    if measure["value"] is None:
        return "–"
    if "low" not in measure:
        return f"{measure['value']:.3f}"
    return f"{percent(measure['value'])} [{percent(measure['low'])}–{percent(measure['high'])}]"
