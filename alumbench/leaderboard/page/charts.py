"""The charts' geometry; `chart.html` draws it as SVG.

Drawn here and not by a chart library in the page, as the file has to open without a server or an outside request: the
common libraries would add 0.3 to 4 MB to every board, need a wider content policy (inline styles, some of them `eval`),
and draw nothing for who has no JavaScript. These four charts are points, lines and two axes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alumbench.leaderboard.page.content import Column, Row
from alumbench.leaderboard.page.scales import Label, Scale, place_labels, round_domain, spread
from alumbench.leaderboard.page.text import figure, interval, number, shown

WIDTH, HEIGHT = 500, 350
LEFT, TOP, BOTTOM = 48, 12, 46
#: Rows up to which names are written into a chart; above it they are in the legend and at the points.
NAMED = 14
#: Points up to which the scatter is drawn for every robustness column, not for the board's choice alone.
SCATTER_POINTS = 240
LONGEST = 20


@dataclass(frozen=True)
class Point:
    """A place with what is told about it, and its error bars as lines."""

    x: float
    y: float
    tip: str
    bars: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True)
class Series:
    """What one row has in a chart."""

    row: Row
    points: tuple[Point, ...]
    path: str = ""
    band: str = ""
    label: Label | None = None
    leader: tuple[float, float, float, float] | None = None

    @property
    def name(self) -> str:
        """The row's name, cut to what fits."""
        return cut(self.row.name)


@dataclass(frozen=True)
class Drawing:
    """One drawing with the same figures as a table."""

    name: str
    description: str
    x_axis: str
    y_axis: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    series: tuple[Series, ...]
    header: tuple[str, ...]
    table: tuple[tuple[str, ...], ...]
    right: float
    guides: tuple[tuple[float, float, float, float], ...] = ()
    missing: tuple[str, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: float = LEFT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Chart:
    """One figure of the page: its title, how it is read, and its drawings, one of them seen at a time."""

    title: str
    reading: str
    drawings: tuple[Drawing, ...]
    choice: str = ""
    notes: tuple[str, ...] = field(default=())


def cut(name: str, longest: int = LONGEST) -> str:
    """A name that fits into a drawing."""
    return name if len(name) <= longest else name[: longest - 1] + "…"


def make_charts(view: Mapping[str, Any], rows: Sequence[Row], columns: Sequence[Column]) -> list[Chart]:
    """The charts that the board has figures for."""
    by_key = {column.key: column for column in columns}
    chosen = view.get("scatter") or {}
    x, y = by_key.get(str(chosen.get("x"))), by_key.get(str(chosen.get("y")))
    raw = list(view.get("rows") or [])
    found = []
    if x and y:
        others = [c for c in columns if c.role in {"robustness", "worst_case"} and c not in (x, y)]
        if len(rows) * (len(others) + 1) > SCATTER_POINTS:
            others = []
        drawings = [_scatter(rows, x, column) for column in (y, *others)]
        withheld = (view.get("effective_robustness") or {}).get("reason")
        found.append(
            Chart(
                "Generalization against robustness",
                "Up and to the right is better on both. The bars are 95% intervals"
                + (", the dashed lines go through the baseline." if any(row.baseline for row in rows) else "."),
                tuple(d for d in drawings if d),
                "Robustness",
                (f"Effective robustness: {shown(withheld)}",) if withheld else (),
            )
        )
    curves = [(row, _of(r, "security")) for row, r in zip(rows, raw, strict=True)]
    found.append(
        Chart(
            "Security curve",
            "Accuracy under a white-box attack on the embeddings, by its radius. Higher is better.",
            tuple(d for d in [_curve("Security curve", curves, "radius", "radius of the attack", "accuracy, %")] if d),
        )
    )
    entries = dict.fromkeys(e for r in raw for e in ((r.get("curves") or {}).get("queries") or {}))
    queries = [
        _curve(
            shown(entry),
            [(row, list(_of(r, "queries").get(entry) or [])) for row, r in zip(rows, raw, strict=True)],
            "budget",
            "queries allowed for an example",
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


def _of(row: Mapping[str, Any], name: str) -> Any:
    return (row.get("curves") or {}).get(name) or ({} if name == "queries" else [])


@dataclass(frozen=True)
class _Place:
    """A row's figures on both axes, with their ends."""

    row: Row
    x: float
    y: float
    x_ends: tuple[float, float] | None
    y_ends: tuple[float, float] | None
    texts: tuple[str, str]


def _scatter(rows: Sequence[Row], x: Column, y: Column) -> Drawing | None:
    places, missing = [], []
    for row in rows:
        at = [row.cells[c.index] for c in (x, y)]
        if not all(cell.sort for cell in at):
            missing.append(f"{row.name} ({next(cell.reason for cell in at if not cell.sort)})")
            continue
        ends = [cell.ends for cell in at]
        texts = tuple(cell.value + (f" [{cell.interval}]" if cell.interval else "") for cell in at)
        places.append(_Place(row, float(at[0].sort), float(at[1].sort), ends[0], ends[1], texts))  # type: ignore[arg-type]
    return _places(places, (x.title, y.title), (x.unit, y.unit), (_axis(x), _axis(y)), y.title, missing)


def _cost(rows: Sequence[Row], raw: Sequence[Mapping[str, Any]], y: Column) -> Drawing | None:
    places, missing = [], []
    for row, given in zip(rows, raw, strict=True):
        ratio, cell = number((given.get("cost") or {}).get("training_ratio")), row.cells[y.index]
        if ratio is None or not cell.sort:
            missing.append(f"{row.name} ({cell.reason or 'training time not known'})")
            continue
        texts = (figure(ratio, "ratio"), cell.value + (f" [{cell.interval}]" if cell.interval else ""))
        places.append(_Place(row, ratio, float(cell.sort), None, cell.ends, texts))
    axes = ("training time, ratio to the baseline's", _axis(y))
    return _places(places, ("training time", y.title), ("ratio", y.unit), axes, f"Cost against {y.title}", missing)


def _axis(column: Column) -> str:
    return cut(column.title, 40) + (", %" if column.unit == "percent" else "")


def _places(
    places: Sequence[_Place],
    names: tuple[str, str],
    units: tuple[str, str],
    axes: tuple[str, str],
    name: str,
    missing: Sequence[str],
) -> Drawing | None:
    if len(places) < 2:  # one point says nothing against itself
        return None
    right = WIDTH - 14
    x_all = [end for p in places for end in (p.x, *(p.x_ends or ()))]
    y_all = [end for p in places for end in (p.y, *(p.y_ends or ()))]
    x_ticks, y_ticks = _ticks(x_all, units[0]), _ticks(y_all, units[1])
    x, y = _scales(x_ticks, y_ticks, right)
    at = [(x(p.x), y(p.y)) for p in places]
    labels: list[Label | None] = [None] * len(places)
    if len(places) <= NAMED:
        labels = place_labels(at, [cut(p.row.name) for p in places], (LEFT, TOP, right, HEIGHT - BOTTOM))
    series = []
    for p, (px, py), label in zip(places, at, labels, strict=True):
        bars = [(x(p.x_ends[0]), py, x(p.x_ends[1]), py)] if p.x_ends else []
        bars += [(px, y(p.y_ends[0]), px, y(p.y_ends[1]))] if p.y_ends else []
        tip = f"{p.row.name}\n{names[0]}: {p.texts[0]}\n{names[1]}: {p.texts[1]}"
        series.append(Series(p.row, (Point(px, py, tip, tuple(bars)),), label=label))
    base = next(((px, py) for p, (px, py) in zip(places, at, strict=True) if p.row.baseline), None)
    guides = ((LEFT, base[1], right, base[1]), (base[0], TOP, base[0], HEIGHT - BOTTOM)) if base else ()
    return Drawing(
        name=name,
        description=f"{len(places)} rows; {names[0]} from {figure(min(p.x for p in places), units[0])} to "
        f"{figure(max(p.x for p in places), units[0])}, {names[1]} from {figure(min(p.y for p in places), units[1])} "
        f"to {figure(max(p.y for p in places), units[1])}.",
        x_axis=axes[0],
        y_axis=axes[1],
        x_ticks=tuple((x(t), _tick(t, units[0])) for t in x_ticks),
        y_ticks=tuple((y(t), _tick(t, units[1])) for t in y_ticks),
        series=tuple(series),
        header=("row", *names),
        table=tuple((p.row.name, *p.texts) for p in places),
        right=right,
        guides=guides,
        missing=tuple(missing),
    )


def _curve(
    name: str, curves: Sequence[tuple[Row, Any]], key: str, x_axis: str, y_axis: str, log: bool = False
) -> Drawing | None:
    drawn = [(row, points) for row, given in curves if (points := _points(given, key))]
    steps = sorted({at for _, points in drawn for at, *_ in points})
    if len(steps) < 2:
        return None
    log = log and steps[0] > 0
    named = len(drawn) <= NAMED
    right = WIDTH - (8 + 6.3 * max(len(cut(row.name)) for row, _ in drawn) + 14 if named else 14)
    y_ticks = _ticks([v for _, points in drawn for _, *vs in points for v in vs if v is not None], "percent")
    x_ticks = steps if log or len(steps) <= 8 else list(round_domain(steps, 0.0))
    x = Scale(x_ticks[0], x_ticks[-1], LEFT + 8, right - 4, log)
    y = Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP + 4)
    ends = [y(points[-1][1]) for _, points in drawn]
    places = spread(ends, 13.5, TOP + 4, HEIGHT - BOTTOM)
    series = []
    for (row, points), end, place in zip(drawn, ends, places, strict=True):
        at = [(x(p[0]), y(p[1])) for p in points]
        marks = tuple(
            Point(px, py, f"{row.name}\n{key} {p[0]:g}: {figure(p[1], 'percent')} %{_span(p)}")
            for (px, py), p in zip(at, points, strict=True)
        )
        label = Label(right + 16, round(place + 4, 1), "start") if named else None
        leader = (at[-1][0] + 6, end, right + 13, place) if named else None
        series.append(Series(row, marks, _line(at), _band(points, x, y), label, leader))
    table = tuple(
        (row.name, *(next((f"{figure(p[1], 'percent')}{_span(p)}" for p in points if p[0] == s), "–") for s in steps))
        for row, points in drawn
    )
    return Drawing(
        name=name,
        description=f"{len(drawn)} rows at {len(steps)} steps, {x_axis} from {steps[0]:g} to {steps[-1]:g}.",
        x_axis=x_axis,
        y_axis=y_axis,
        x_ticks=tuple((x(t), f"{t:g}") for t in x_ticks),
        y_ticks=tuple((y(t), _tick(t, "percent")) for t in y_ticks),
        series=tuple(series),
        header=("row", *(f"{key} {s:g}" for s in steps)),
        table=table,
        right=round(right, 1),
        missing=tuple(f"{row.name} (no figures)" for row, given in curves if not _points(given, key)),
    )


def _points(given: Any, key: str) -> list[tuple[float, float, float | None, float | None]]:
    found = [
        (at, value, number(p.get("low")), number(p.get("high")))
        for p in given
        if (at := number(p.get(key))) is not None and (value := number(p.get("value"))) is not None
    ]
    return sorted(found, key=lambda p: p[0])


def _span(point: tuple[float, float, float | None, float | None]) -> str:
    span = interval(point[2], point[3], "percent")
    return f" [{span}]" if span else ""


def _line(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in places) if len(places) > 1 else ""


def _band(points: Sequence[tuple[float, float, float | None, float | None]], x: Scale, y: Scale) -> str:
    ends = [(p[0], p[2], p[3]) for p in points if p[2] is not None and p[3] is not None]
    if len(ends) < 2:
        return ""
    there = [(x(at), y(high)) for at, _, high in ends if high is not None]
    back = [(x(at), y(low)) for at, low, _ in reversed(ends) if low is not None]
    return _line(there + back) + "Z"


def _ticks(values: Sequence[float], unit: str) -> Sequence[float]:
    inside = unit == "percent" and all(0 <= v <= 1 for v in values)
    return round_domain(values, 0.04 if unit == "percent" else 0.2, (0.0, 1.0) if inside else None)


def _scales(
    x_ticks: Sequence[float], y_ticks: Sequence[float], right: float
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    return Scale(x_ticks[0], x_ticks[-1], LEFT, right), Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)


def _tick(value: float, unit: str) -> str:
    text = f"{100 * value:g}" if unit == "percent" else f"{value:g}" + ("×" if unit == "ratio" else "")
    return text.replace("-", "−")
