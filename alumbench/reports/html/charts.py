"""The charts' geometry; `chart.html` draws it as SVG.

Drawn here, not by a chart library in the page, as the file must open without a server or an outside request. The
common libraries would add 0.3 to 4 MB to every board, need a wider content policy (inline styles, some also `eval`)
and draw nothing without JavaScript. These five charts only need points, lines and two axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alumbench.formatting import finite_number, format_figure
from alumbench.reports.html.content import Column, Row
from alumbench.reports.html.drawing import Drawing, Place, cut, draw_curves, draw_points
from alumbench.reports.html.text import shown
from alumbench.reports.view import CurvePoint, View, ViewRow

#: Most points for which the scatter is drawn for every robustness column, not only for the board's choice.
SCATTER_POINTS = 240


@dataclass(frozen=True)
class Chart:
    """One figure of the page: a title, how to read it, and its drawings, shown one at a time."""

    title: str
    reading: str
    drawings: tuple[Drawing, ...]
    choice: str = ""
    notes: tuple[str, ...] = ()


def make_charts(view: View, rows: Sequence[Row], columns: Sequence[Column]) -> list[Chart]:
    """The charts for which the board has figures."""
    by_key = {column.key: column for column in columns}
    x, y = (by_key.get(key) for key in view.scatter or ("", ""))
    raw = [row for row in view.rows if not row.reference]
    rows = [row for row in rows if not row.reference]
    found = []
    if x and y:
        others = [c for c in columns if c.role in {"robustness", "worst_case"} and c not in (x, y)]
        if len(rows) * (len(others) + 1) > SCATTER_POINTS:
            others = []
        drawings = [_scatter(rows, x, column) for column in (y, *others)]
        withheld = view.effective_robustness.reason
        found.append(
            Chart(
                "Generalization against robustness",
                "Up and to the right is better. The bars are 95% intervals"
                + (", the dashed lines go through the baseline." if any(row.baseline for row in rows) else "."),
                tuple(d for d in drawings if d),
                "Robustness",
                (f"Effective robustness: {shown(withheld)}",) if withheld else (),
            )
        )
    curves = [(row, r.curves.security) for row, r in zip(rows, raw, strict=True)]
    security = draw_curves("Security curve", curves, "radius", "radius of the attack", "accuracy, %")
    found.append(
        Chart(
            "Security curve",
            "Accuracy under a white-box attack on the embeddings, by its radius. Higher is better.",
            (security,) if security else (),
        )
    )
    entries = dict.fromkeys(e for r in raw for e in r.curves.queries)
    queries = [
        draw_curves(
            shown(entry),
            [(row, r.curves.queries.get(entry, ())) for row, r in zip(rows, raw, strict=True)],
            "budget",
            "query budget per example",
            "attack success, %",
            log=True,
        )
        for entry in entries
    ]
    found.append(
        Chart(
            "Success against queries",
            "Share of the attacks that succeed within a budget of queries. Lower is better.",
            tuple(d for d in queries if d),
            "Attack",
        )
    )
    found.append(_by_degree(rows, raw))
    against = y or next((c for c in columns if c.role in {"worst_case", "robustness"}), None)
    if against:
        found.append(
            Chart(
                "Cost against robustness",
                "Training time as a ratio to the baseline's. Up and to the left is better.",
                tuple(d for d in [_cost(rows, raw, against)] if d),
            )
        )
    return [chart for chart in found if chart.drawings]


def _by_degree(rows: Sequence[Row], raw: Sequence[ViewRow]) -> Chart:
    """Accuracy under each attack within a threat model, by degree."""
    curves = {name: curve for row in raw for name, curve in row.curves.degrees.items()}
    drawings = [
        draw_curves(
            shown(f"{name}, {curve.threat_model}"),
            [(row, _points_of(r, name)) for row, r in zip(rows, raw, strict=True)],
            "degree",
            "words that the attacker may change, %" if curve.percent else "steps that the attacker may take",
            "accuracy, %",
        )
        for name, curve in curves.items()
    ]
    return Chart(
        "Accuracy against degree",
        "Accuracy under an attack that may go at most so far within its threat model. Higher is better.",
        tuple(d for d in drawings if d),
        "Attack",
    )


def _points_of(row: ViewRow, name: str) -> Sequence[CurvePoint]:
    curve = row.curves.degrees.get(name)
    return curve.points if curve else ()


def _scatter(rows: Sequence[Row], x: Column, y: Column) -> Drawing | None:
    places, missing = [], []
    for row in rows:
        at = [row.cells[c.index] for c in (x, y)]
        if not all(cell.sort for cell in at):
            missing.append(f"{row.name} ({next(cell.reason for cell in at if not cell.sort)})")
            continue
        ends = [cell.ends for cell in at]
        texts = tuple(cell.value + (f" [{cell.interval}]" if cell.interval else "") for cell in at)
        places.append(Place(row, float(at[0].sort), float(at[1].sort), ends[0], ends[1], texts))  # type: ignore[arg-type]
    return draw_points(places, (x.title, y.title), (x.unit, y.unit), (_axis(x), _axis(y)), y.title, missing)


def _cost(rows: Sequence[Row], raw: Sequence[ViewRow], y: Column) -> Drawing | None:
    places, missing = [], []
    for row, given in zip(rows, raw, strict=True):
        ratio, cell = finite_number(given.cost.training_ratio), row.cells[y.index]
        if ratio is None or not cell.sort:
            missing.append(f"{row.name} ({cell.reason or 'training time unknown'})")
            continue
        texts = (format_figure(ratio, "ratio"), cell.value + (f" [{cell.interval}]" if cell.interval else ""))
        places.append(Place(row, ratio, float(cell.sort), None, cell.ends, texts))
    axes = ("training time, ratio to the baseline's", _axis(y))
    return draw_points(places, ("training time", y.title), ("ratio", y.unit), axes, f"Cost against {y.title}", missing)


def _axis(column: Column) -> str:
    return cut(column.title, 40) + (", %" if column.unit == "percent" else "")
