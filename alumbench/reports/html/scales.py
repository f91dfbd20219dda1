"""Axes and label placement: pure arithmetic, with the same result on every machine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: Width of a character of label text, in units of the drawing: a high estimate, since fonts differ.
CHARACTER = 6.1
LINE = 13.0


@dataclass(frozen=True)
class Scale:
    """A mapping from figures to places; logarithmic if `log`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The value's place, rounded so that the drawing does not depend on a processor's last bit."""
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return round(self.start + min(max(share, -0.02), 1.02) * (self.end - self.start), 1)


def round_domain(values: Iterable[float], least: float, bounds: tuple[float, float] | None = None) -> Sequence[float]:
    """Ticks at round figures that enclose the values, at least `least` wide.

    Returns:
        Between three and seven ticks; the first and the last are the ends of the axis.
    """
    found = sorted(values) or [0.0, 1.0]
    low, high = found[0], found[-1]
    if high - low < least:
        middle = (low + high) / 2
        low, high = middle - least / 2, middle + least / 2
    if bounds:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    ticks = [round(k * step, 10) for k in range(first, last + 1)]
    return ticks if len(ticks) > 1 else [*ticks, round((last + 1) * step, 10)]


@dataclass(frozen=True)
class Label:
    """A label's place: its anchor point and the text's alignment to it."""

    x: float
    y: float
    anchor: str


def place_labels(
    points: Sequence[tuple[float, float]], texts: Sequence[str], box: tuple[float, float, float, float]
) -> list[Label | None]:
    """A free place beside each point, or None: a hidden label is better than two unreadable ones.

    Greedy in the given order, so that the first rows get labels first.
    """
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    labels: list[Label | None] = []
    for (x, y), text in zip(points, texts, strict=True):
        width = CHARACTER * len(text)
        found = None
        for dx, dy, anchor in (
            (6, -6, "start"),  # diagonal places first: error bars are vertical and horizontal
            (-6, -6, "end"),
            (6, 15, "start"),
            (-6, 15, "end"),
            (9, 4, "start"),
            (-9, 4, "end"),
            (0, -10, "middle"),
            (0, 18, "middle"),
        ):
            left = x + dx - {"start": 0, "middle": width / 2, "end": width}[anchor]
            area = (left, y + dy - LINE + 3, left + width, y + dy + 3)
            inside = area[0] >= box[0] and area[1] >= box[1] and area[2] <= box[2] and area[3] <= box[3]
            if inside and not any(_overlap(area, other) for other in taken):
                found = Label(round(x + dx, 1), round(y + dy, 1), anchor)
                taken.append(area)
                break
        labels.append(found)
    return labels


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The places moved at least `gap` apart, in order, inside `low`..`high`: for labels at the ends of lines."""
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    moved = [min(max(p, low), high) for p in places]
    for before, here in zip(order, order[1:], strict=False):
        moved[here] = max(moved[here], moved[before] + gap)
    if order and moved[order[-1]] > high:
        moved[order[-1]] = high
        for here, before in zip(reversed(order), list(reversed(order))[1:], strict=False):
            moved[before] = min(moved[before], moved[here] - gap)
    return [round(p, 1) for p in moved]
