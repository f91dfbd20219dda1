"""One drawing: points with their error bars, or lines with their bands, placed on two axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alumbench.formatting import finite_number, format_figure, format_range, format_tick
from alumbench.reports.html.content import Row
from alumbench.reports.html.scales import Label, Scale, place_labels, round_domain, spread
from alumbench.reports.view import CurvePoint

WIDTH, HEIGHT = 500, 350
LEFT, TOP, BOTTOM = 48, 12, 46
#: Most rows for which a chart shows names; with more, names are only in the legend and at the points.
NAMED = 14
LONGEST = 20


@dataclass(frozen=True)
class Point:
    """A place with its description, and its error bars as lines."""

    x: float
    y: float
    tip: str
    bars: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True)
class Series:
    """One row's part of a chart."""

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


def cut(name: str, longest: int = LONGEST) -> str:
    """A name, cut to fit into a drawing."""
    return name if len(name) <= longest else name[: longest - 1] + "…"


@dataclass(frozen=True)
class Place:
    """A row's figures on both axes, with the ends of their intervals."""

    row: Row
    x: float
    y: float
    x_ends: tuple[float, float] | None
    y_ends: tuple[float, float] | None
    texts: tuple[str, str]


def draw_points(
    places: Sequence[Place],
    names: tuple[str, str],
    units: tuple[str, str],
    axes: tuple[str, str],
    name: str,
    missing: Sequence[str],
) -> Drawing | None:
    """One point per row, with error bars and the baseline's lines; None for fewer than two.

    Args:
        places: the rows' figures.
        names: names of the two axes, as shown at a point.
        units: units of the two axes.
        axes: titles of the two axes.
        name: the drawing's name.
        missing: rows that could not be placed, each with the reason.
    """
    if len(places) < 2:  # a single point compares nothing
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
        description=f"{len(places)} rows; {_spanned(names[0], units[0], [p.x for p in places])}, "
        f"{_spanned(names[1], units[1], [p.y for p in places])}.",
        x_axis=axes[0],
        y_axis=axes[1],
        x_ticks=tuple((x(t), format_tick(t, units[0])) for t in x_ticks),
        y_ticks=tuple((y(t), format_tick(t, units[1])) for t in y_ticks),
        series=tuple(series),
        header=("row", *names),
        table=tuple((p.row.name, *p.texts) for p in places),
        right=right,
        guides=guides,
        missing=tuple(missing),
    )


def draw_curves(
    name: str, curves: Sequence[tuple[Row, Sequence[CurvePoint]]], key: str, x_axis: str, y_axis: str, log: bool = False
) -> Drawing | None:
    """One line per row; None if fewer than two places on the axis have a figure.

    Args:
        name: the drawing's name.
        curves: each row with its points from the view.
        key: the word for a place on the axis: radius, budget.
        x_axis: title of the axis.
        y_axis: title of the other axis, whose figures are shares.
        log: whether the axis is logarithmic.
    """
    drawn = [(row, points) for row, given in curves if (points := _points(given))]
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
            Point(px, py, f"{row.name}\n{key} {p[0]:g}: {format_figure(p[1], 'percent')} %{_span(p)}")
            for (px, py), p in zip(at, points, strict=True)
        )
        label = Label(right + 16, round(place + 4, 1), "start") if named else None
        leader = (at[-1][0] + 6, end, right + 13, place) if named else None
        series.append(Series(row, marks, _line(at), _band(points, x, y), label, leader))
    table = tuple(
        (
            row.name,
            *(next((f"{format_figure(p[1], 'percent')}{_span(p)}" for p in points if p[0] == s), "–") for s in steps),
        )
        for row, points in drawn
    )
    return Drawing(
        name=name,
        description=f"{len(drawn)} rows at {len(steps)} steps, {x_axis} from {steps[0]:g} to {steps[-1]:g}.",
        x_axis=x_axis,
        y_axis=y_axis,
        x_ticks=tuple((x(t), f"{t:g}") for t in x_ticks),
        y_ticks=tuple((y(t), format_tick(t, "percent")) for t in y_ticks),
        series=tuple(series),
        header=("row", *(f"{key} {s:g}" for s in steps)),
        table=table,
        right=round(right, 1),
        missing=tuple(f"{row.name} (no figures)" for row, given in curves if not _points(given)),
    )


def _points(given: Sequence[CurvePoint]) -> list[tuple[float, float, float | None, float | None]]:
    found = [
        (at, value, finite_number(p.low), finite_number(p.high))
        for p in given
        if (at := finite_number(p.at)) is not None and (value := finite_number(p.value)) is not None
    ]
    return sorted(found, key=lambda p: p[0])


def _spanned(name: str, unit: str, values: Sequence[float]) -> str:
    return f"{name} from {format_figure(min(values), unit)} to {format_figure(max(values), unit)}"


def _told(point: tuple[float, float, float | None, float | None]) -> str:
    return format_figure(point[1], "percent") + _span(point)


def _span(point: tuple[float, float, float | None, float | None]) -> str:
    span = format_range(point[2], point[3], "percent")
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
