"""The page's content, from the view: texts made harmless, figures formatted for people, columns by role.

Row names and column keys are untrusted, so the page names nothing after them: it numbers rows and columns instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alumbench.formatting import finite_number, format_figure, format_tick
from alumbench.reports.html.cells import Cell, make_cell
from alumbench.reports.html.scales import round_domain
from alumbench.reports.html.text import shown
from alumbench.reports.view import Cell as ViewCell
from alumbench.reports.view import Cost, View, ViewColumn
from alumbench.reports.view import RowFlag as ViewFlag

#: Roles in the order of the table, each with its heading and explanation.
ROLES = {
    "generalization": ("Generalization", "correct answers on unchanged text"),
    "robustness": ("Robustness", "correct answers on changed or adversarial text"),
    "worst_case": ("Worst case", "correct under every attack of the ensemble"),
    "cost": ("Cost", "resources used"),
    "other": ("Other", ""),
}


@dataclass(frozen=True)
class Column:
    """One column as the page shows it.

    Attributes:
        index: its number on the page.
        key: the view's name for it; never written to the page.
        axis: both ends of the axis for the bars in its cells.
    """

    index: int
    key: str
    title: str
    task: str
    entry: str
    role: str
    unit: str
    higher: bool
    n: str
    about: str
    note: str
    detectable: str
    axis: tuple[float, float]

    @property
    def axis_ends(self) -> tuple[str, str]:
        """Both ends of the axis, in short form."""
        low, high = (format_tick(end, self.unit) for end in self.axis)
        return low, high

    @property
    def better(self) -> str:
        """The direction that is better, in words."""
        return "higher is better" if self.higher else "lower is better"


@dataclass(frozen=True)
class RowFlag:
    """A flag as the page shows it; `where`: titles of the columns it concerns."""

    flag: str
    entry: str
    where: str
    detail: str
    seeds: str


@dataclass(frozen=True)
class Row:
    """One row as the page shows it.

    Attributes:
        reference: the note on a row of published predictions, '' for the board's own rows.
        style: number of its colour and shape in the charts, 0 for the baseline.
    """

    index: int
    name: str
    reference: str
    method: str
    model: str
    task: str
    parameters: str
    settings: str
    seeds: tuple[str, ...]
    single_seed: bool
    baseline: bool
    style: int
    flags: tuple[RowFlag, ...]
    own_flags: tuple[str, ...]
    cost: str
    cells: tuple[Cell, ...]


def make_columns(view: View) -> list[Column]:
    """The columns, grouped by role to show clearly which are generalization and which robustness."""
    roles = list(ROLES)
    given = [column if column.role in ROLES else replace(column, role="other") for column in view.columns]
    given.sort(key=lambda column: roles.index(column.role))
    columns = [_column(index, column, view) for index, column in enumerate(given)]
    shares = [column.axis for column in columns if column.unit == "percent"]
    if is_tall(view) and shares:  # readers compare bars that are under each other
        axis = (min(low for low, _ in shares), max(high for _, high in shares))
        columns = [replace(column, axis=axis) if column.unit == "percent" else column for column in columns]
    return columns


def is_tall(view: View) -> bool:
    """True if columns are listed downwards: many columns of few rows would need sideways scrolling."""
    return len(view.columns) > 8 and len(view.rows) <= 3


def _column(index: int, column: ViewColumn, view: View) -> Column:
    unit = column.unit or "number"
    cells = [row.cells[column.key] for row in view.rows if column.key in row.cells]
    ends = [finite_number(end) for cell in cells for end in (cell.value, cell.low, cell.high, cell.min, cell.max)]
    values = [end for end in ends if end is not None]
    least = 0.1 if unit == "percent" else max([abs(v) for v in values], default=1.0) * 0.1 or 1.0
    ticks = round_domain(values, least, (0.0, 1.0) if unit == "percent" and all(0 <= v <= 1 for v in values) else None)
    sizes = sorted({n for n in column.n if n})
    return Column(
        index=index,
        key=column.key,
        title=shown(column.title or column.key),
        task=shown(column.task),
        entry=shown(column.entry),
        role=column.role,
        unit=unit,
        higher=column.higher_is_better,
        n="–".join(f"{n}" for n in dict.fromkeys((sizes[0], sizes[-1]))) if sizes else "",
        about=shown(column.about),
        note=shown(column.note),
        detectable=format_figure(column.detectable, "percent") if finite_number(column.detectable) else "",
        axis=(ticks[0], ticks[-1]),
    )


def make_rows(view: View, columns: Sequence[Column]) -> list[Row]:
    """The rows in the board's order."""
    baseline = view.baseline or None
    names = [row.name for row in view.rows]
    styles = {name: at + 1 for at, name in enumerate(name for name in names if name != baseline)}
    at_baseline: Mapping[str, ViewCell] = next((row.cells for row in view.rows if row.name == baseline), {})
    rows = []
    for index, row in enumerate(view.rows):
        flags = tuple(_flag(flag, columns) for flag in row.flags)
        placed = {flag.entry for flag in flags} & {column.entry for column in columns} - {""}
        rows.append(
            Row(
                index=index,
                name=shown(row.name),
                reference=shown(row.reference),
                method=shown(row.method),
                model=shown(row.model),
                task=shown(row.task),
                parameters=shown(row.parameters),
                settings=shown(row.settings),
                seeds=tuple(shown(seed) for seed in row.seeds),
                single_seed=row.single_seed,
                baseline=row.name == baseline,
                style=styles.get(row.name, 0),
                flags=flags,
                own_flags=tuple(dict.fromkeys(flag.flag for flag in flags if flag.entry not in placed)),
                cost=_cost(row.cost, shown(baseline or "")),
                cells=tuple(
                    make_cell(
                        row.cells.get(column.key) or ViewCell(reason="not evaluated"),
                        column,
                        len(row.seeds),
                        at_baseline.get(column.key) or ViewCell(),
                        shown(baseline or ""),
                        [flag.flag for flag in flags if flag.entry and flag.entry == column.entry],
                    )
                    for column in columns
                ),
            )
        )
    return rows


def _flag(flag: ViewFlag, columns: Sequence[Column]) -> RowFlag:
    entry = shown(flag.entry)
    return RowFlag(
        flag=shown(flag.flag),
        entry=entry,
        where=", ".join(dict.fromkeys(c.title for c in columns if entry and c.entry == entry)) or entry or "the row",
        detail=shown(flag.detail),
        seeds=", ".join(shown(seed) for seed in flag.seeds),
    )


def _cost(cost: Cost, baseline: str) -> str:
    parts = []
    if finite_number(cost.training_ratio) is not None:
        parts.append(f"{format_figure(cost.training_ratio, 'ratio')} the training time of {baseline or 'the baseline'}")
    if (seconds := finite_number(cost.seconds)) is not None:
        parts.append(f"{seconds:,.0f} s")
    if parts and cost.device:
        parts.append(f"on {shown(cost.device)}")
    return ", ".join(parts)


def groups(columns: Sequence[Column]) -> list[dict[str, object]]:
    """The headings above the columns, one per role."""
    return [
        {"role": role, "name": name, "about": about, "columns": found}
        for role, (name, about) in ROLES.items()
        if (found := [column for column in columns if column.role == role])
    ]


def facets(rows: Sequence[Row], columns: Sequence[Column]) -> list[dict[str, object]]:
    """The filters for rows: each value with the numbers of the rows and columns that have it.

    A column belongs to a task only if rows have that task's name: a set with a name of its own, such as a challenge
    set, belongs to every row.
    """
    found: list[dict[str, object]] = []
    for name in ("task", "method", "model"):
        values = list(dict.fromkeys(getattr(row, name) for row in rows if getattr(row, name)))
        options = [
            {
                "value": value,
                "rows": [row.index for row in rows if getattr(row, name) == value],
                "columns": [c.index for c in columns if c.task == value] if name == "task" else [],
            }
            for value in values
        ]
        if options:
            found.append({"name": name, "options": options})
    return found


def flags_of(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Every flag once, with all rows and seeds that have it and the findings there."""
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        for flag in row.flags:
            item = {"row": row.name, "seeds": flag.seeds, "detail": flag.detail}
            found.setdefault((flag.flag, flag.where), []).append(item)
    return [{"flag": flag, "where": where, "found": items} for (flag, where), items in sorted(found.items())]
