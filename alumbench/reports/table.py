"""Tables as Markdown, CSV, JSON and LaTeX."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alumbench.errors import unknown
from alumbench.reports.escaping import visible
from alumbench.storage import finite

FORMATS = ("markdown", "csv", "json", "latex")


@dataclass(frozen=True)
class Table:
    """A table's cells as text, and the same figures as data.

    Attributes:
        header: column titles.
        rows: one text per cell.
        notes: lines under the table.
        data: the figures for programs, one mapping per figure.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    data: Sequence[Mapping[str, object]] = field(default=())

    def render(self, form: str) -> str:
        """The table as text ending with a newline.

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


def _rounded(item: Mapping[str, object]) -> dict[str, object]:
    """The figures rounded to nine digits, so that other library versions give the same bytes."""
    return {
        name: float(f"{value:.9g}") if isinstance(value, float) else value for name, value in finite(dict(item)).items()
    }


def _tabulate(rows: Sequence[Sequence[str]], header: Sequence[str], form: str) -> str:
    import tabulate

    return str(tabulate.tabulate(rows, header, tablefmt=form, disable_numparse=True))


def _plain_cell(cell: str) -> str:
    """A cell escaped so that Markdown neither splits it nor reads HTML or a link in it."""
    return visible(cell).replace("|", "\\|").replace("<", "&lt;").replace("](", "]\\(")


def _safe(value: Any) -> Any:
    """A value that no spreadsheet reads as a formula."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} else text
