"""Formats the figures in all tables, pages, cards and reports."""

from __future__ import annotations

import math

DASH = "–"
MINUS = "\N{MINUS SIGN}"


def finite_number(value: float | None) -> float | None:
    """The value if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def format_share(value: float | None, digits: int = 1) -> str:
    """A share in percent: `0.873` as `87.3`, None as a dash."""
    return DASH if value is None else f"{100 * value:.{digits}f}"


def format_difference(value: float | None) -> str:
    """A difference of shares in points: `0.012` as `+1.2`, None as a dash."""
    return DASH if value is None else f"{100 * value:+.1f}"


def format_measure(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """`87.3 [85.0–89.4]`; a metric without an interval as `0.913`; None as a dash."""
    if value is None:
        return DASH
    if low is None:
        return f"{value:.3f}"
    return f"{format_share(value)} {format_interval(low, high)}"


def format_interval(low: float | None, high: float | None) -> str:
    """An interval of a share in percent: `[85.0–89.4]`."""
    return f"[{format_share(low)}–{format_share(high)}]"


def format_compared(value: float | None, low: float | None, high: float | None) -> str:
    """A difference in points with its interval if it has one: `+1.2 [-0.4, +2.9]`."""
    interval = "" if low is None else f" [{format_difference(low)}, {format_difference(high)}]"
    return format_difference(value) + interval


def format_ratio(value: float | None) -> str:
    """A ratio to two digits: `2.28×`, None as a dash."""
    return DASH if value is None else f"{value:.2f}×"


def format_p(p: float | None) -> str:
    """A p-value to three digits, None as a dash."""
    return DASH if p is None else f"{p:.3f}"


def format_small_p(p: float | None) -> str:
    """A p-value: `0.031`, `< 0.001`, or a dash if it is not a number."""
    p = finite_number(p)
    return "< 0.001" if p is not None and p < 0.001 else format_p(p)


def format_figure(value: float | None, unit: str, sign: bool = False) -> str:
    """A figure in its column's unit: `83.6` (percent), `0.913` (number), `2.3×` (ratio)."""
    value = finite_number(value)
    if value is None:
        return DASH
    if unit == "percent":
        text = f"{100 * value:.1f}"
    elif unit == "ratio":
        text = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    else:
        text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 1000 else f"{value:,.0f}"
    negative = text.startswith("-") and any(c in "123456789" for c in text)
    text = text.lstrip("-") + ("×" if unit == "ratio" else "")
    return (MINUS if negative else "+" if sign else "") + text


def format_range(low: float | None, high: float | None, unit: str, sign: bool = False) -> str:
    """`81.0–85.9`, or with signs `−1.4 to +3.9`; '' if either end is missing."""
    if finite_number(low) is None or finite_number(high) is None:
        return ""
    joint = " to " if sign or min(float(low or 0), float(high or 0)) < 0 else DASH
    return f"{format_figure(low, unit, sign)}{joint}{format_figure(high, unit, sign)}"


def format_tick(value: float, unit: str) -> str:
    """An axis label, as short as possible."""
    text = f"{100 * value:g}" if unit == "percent" else f"{value:g}" + ("×" if unit == "ratio" else "")
    return text.replace("-", MINUS)
