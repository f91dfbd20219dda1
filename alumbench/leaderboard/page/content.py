"""What the page shows, from the view: texts made harmless to read, figures as people read them, columns by role.

Row names and column keys are untrusted, so nothing of the page is named by them: rows and columns go by their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alumbench.leaderboard.page.cells import Cell, make_cell
from alumbench.leaderboard.page.scales import round_domain
from alumbench.leaderboard.page.text import figure, number, shown, tick

#: Roles in the order of the table, each with its heading and what it says.
ROLES = {
    "generalization": ("Generalization", "right answers on unchanged text"),
    "robustness": ("Robustness", "right answers on changed or adversarial text"),
    "worst_case": ("Worst case", "right under every attack of the ensemble"),
    "cost": ("Cost", "what it takes"),
    "other": ("Other", ""),
}


@dataclass(frozen=True)
class Column:
    """One column as the page shows it.

    Attributes:
        index: its number on the page.
        key: the view's name for it; never written to the page.
        axis: the ends of the bars drawn in its cells.
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
        """The ends of the axis, short."""
        low, high = (tick(end, self.unit) for end in self.axis)
        return low, high

    @property
    def better(self) -> str:
        """Which way is better, in a word."""
        return "higher is better" if self.higher else "lower is better"


@dataclass(frozen=True)
class Row:
    """One row as the page shows it.

    Attributes:
        reference: what a row of published predictions says of itself, '' for the board's own.
        style: picks its colour and shape in the charts, 0 for the baseline.
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
    flags: tuple[Mapping[str, str], ...]
    own_flags: tuple[str, ...]
    cost: str
    cells: tuple[Cell, ...]


def make_columns(view: Mapping[str, Any]) -> list[Column]:
    """The columns, those of one role side by side: which is generalization and which robustness must be plain."""
    roles = list(ROLES)
    given = [
        dict(column) | {"role": column["role"] if column.get("role") in ROLES else "other"}
        for column in _of(view, "columns")
    ]
    given.sort(key=lambda column: roles.index(column["role"]))
    columns = [_column(index, column, view) for index, column in enumerate(given)]
    shares = [column.axis for column in columns if column.unit == "percent"]
    if is_tall(view) and shares:  # bars that stand under each other are read against each other
        axis = (min(low for low, _ in shares), max(high for _, high in shares))
        columns = [replace(column, axis=axis) if column.unit == "percent" else column for column in columns]
    return columns


def is_tall(view: Mapping[str, Any]) -> bool:
    """Whether columns run downwards: many columns of few rows would be a line that nobody scrolls along."""
    return len(_of(view, "columns")) > 8 and len(_of(view, "rows")) <= 3


def _column(index: int, column: Mapping[str, Any], view: Mapping[str, Any]) -> Column:
    unit = column.get("unit") or "number"
    cells = [row["cells"].get(column["key"]) or {} for row in _of(view, "rows")]
    ends = [number(cell.get(name)) for cell in cells for name in ("value", "low", "high", "min", "max")]
    values = [end for end in ends if end is not None]
    least = 0.1 if unit == "percent" else max([abs(v) for v in values], default=1.0) * 0.1 or 1.0
    ticks = round_domain(values, least, (0.0, 1.0) if unit == "percent" and all(0 <= v <= 1 for v in values) else None)
    sizes = sorted({int(n) for n in column.get("n") or [] if number(n)})
    return Column(
        index=index,
        key=column["key"],
        title=shown(column.get("title") or column["key"]),
        task=shown(column.get("task") or ""),
        entry=shown(column.get("entry") or ""),
        role=column["role"],
        unit=unit,
        higher=bool(column.get("higher_is_better", True)),
        n="–".join(f"{n}" for n in dict.fromkeys((sizes[0], sizes[-1]))) if sizes else "",
        about=shown(column.get("about") or ""),
        note=shown(column.get("note") or ""),
        detectable=figure(column.get("detectable"), "percent") if number(column.get("detectable")) else "",
        axis=(ticks[0], ticks[-1]),
    )


def make_rows(view: Mapping[str, Any], columns: Sequence[Column]) -> list[Row]:
    """The rows in the board's order."""
    baseline = view.get("baseline") or None
    names = [row["name"] for row in _of(view, "rows")]
    styles = {name: at + 1 for at, name in enumerate(name for name in names if name != baseline)}
    at_baseline: Mapping[str, Any] = next((r["cells"] for r in _of(view, "rows") if r["name"] == baseline), {})
    rows = []
    for index, row in enumerate(_of(view, "rows")):
        flags = tuple(_flag(flag, columns) for flag in _of(row, "flags"))
        placed = {flag["entry"] for flag in flags} & {column.entry for column in columns} - {""}
        rows.append(
            Row(
                index=index,
                name=shown(row["name"]),
                reference=shown(row.get("reference") or ""),
                method=shown(row.get("method") or ""),
                model=shown(row.get("model") or ""),
                task=shown(row.get("task") or ""),
                parameters=shown(row.get("parameters") or ""),
                settings=shown(row.get("settings") or ""),
                seeds=tuple(shown(seed) for seed in _of(row, "seeds")),
                single_seed=bool(row.get("single_seed")),
                baseline=row["name"] == baseline,
                style=styles.get(row["name"], 0),
                flags=flags,
                own_flags=tuple(dict.fromkeys(flag["flag"] for flag in flags if flag["entry"] not in placed)),
                cost=_cost(row.get("cost") or {}, shown(baseline or "")),
                cells=tuple(
                    make_cell(
                        row["cells"].get(column.key) or {"reason": "not evaluated"},
                        column,
                        len(_of(row, "seeds")),
                        at_baseline.get(column.key) or {},
                        shown(baseline or ""),
                        [flag["flag"] for flag in flags if flag["entry"] and flag["entry"] == column.entry],
                    )
                    for column in columns
                ),
            )
        )
    return rows


def _flag(flag: Mapping[str, Any], columns: Sequence[Column]) -> dict[str, str]:
    entry = shown(flag.get("entry") or "")
    return {
        "flag": shown(flag["flag"]),
        "entry": entry,
        "where": ", ".join(dict.fromkeys(c.title for c in columns if entry and c.entry == entry)) or entry or "the row",
        "detail": shown(flag.get("detail") or ""),
        "seeds": ", ".join(shown(seed) for seed in _of(flag, "seeds")),
    }


def _cost(cost: Mapping[str, Any], baseline: str) -> str:
    parts = []
    if number(cost.get("training_ratio")) is not None:
        parts.append(f"{figure(cost['training_ratio'], 'ratio')} the training time of {baseline or 'the baseline'}")
    if number(cost.get("seconds")) is not None:
        parts.append(f"{float(cost['seconds']):,.0f} s")
    if parts and cost.get("device"):
        parts.append(f"on {shown(cost['device'])}")
    return ", ".join(parts)


def groups(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """The headings above the columns, one a role."""
    return [
        {"role": role, "name": name, "about": about, "columns": found}
        for role, (name, about) in ROLES.items()
        if (found := [column for column in columns if column.role == role])
    ]


def facets(rows: Sequence[Row], columns: Sequence[Column]) -> list[dict[str, Any]]:
    """What rows can be filtered by: each value with the numbers of the rows and columns that it names.

    A column goes with a task only where rows go by the same task's name: a set that has a name of its own, such as a
    challenge set, belongs to every row.
    """
    found = []
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


def flags_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every flag once, with every row and seed that has it and what was found there."""
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        for flag in row.flags:
            item = {"row": row.name, "seeds": flag["seeds"], "detail": flag["detail"]}
            found.setdefault((flag["flag"], flag["where"]), []).append(item)
    return [{"flag": flag, "where": where, "found": items} for (flag, where), items in sorted(found.items())]


def _of(mapping: Mapping[str, Any], name: str) -> list[Any]:
    return list(mapping.get(name) or [])
