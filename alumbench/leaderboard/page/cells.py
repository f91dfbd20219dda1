"""One cell: the figure, its bar, and all that a reader may ask about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alumbench.leaderboard.page.text import DASH, figure, interval, number, p_value, segments, shown

if TYPE_CHECKING:
    from alumbench.leaderboard.page.content import Column

#: Outcomes in the order they are drawn, as people read them.
OUTCOMES = {
    "robust": "robust",
    "broken": "broken",
    "already_wrong": "already wrong",
    "error": "error",
    "timeout": "timeout",
}


@dataclass(frozen=True)
class Cell:
    """One cell as the page shows it.

    Attributes:
        sort: the figure that the column is sorted by, '' without one.
        ends: of the interval.
        bar: places from 0 to 100 on the column's axis: value, low, high, baseline.
        verdict: `better`, `worse` or `unclear` than the baseline, '' without a comparison.
        warnings: what must be seen with the figure: errors, timeouts, missing seeds, flags.
        facts: label and text, all there is to know.
    """

    value: str
    spread: str
    reason: str
    sort: str
    interval: str
    ends: tuple[float, float] | None
    n: str
    bar: Mapping[str, float]
    rank: str
    best: bool
    difference: str
    verdict: str
    warnings: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    counts: tuple[tuple[str, str, int], ...]
    examples: tuple[Mapping[str, Any], ...]
    total: int
    records: str


def make_cell(
    cell: Mapping[str, Any],
    column: Column,
    seeds: int,
    baseline: Mapping[str, Any],
    baseline_name: str,
    flags: Sequence[str],
) -> Cell:
    """A cell of the table.

    Args:
        cell: the view's cell.
        column: where it stands.
        seeds: how many seeds its row has.
        baseline: the baseline's cell in this column.
        baseline_name: the baseline's name.
        flags: reliability flags that are about this entry.
    """
    value = number(cell.get("value"))
    reason = shown(cell.get("reason") or "")
    if value is None and not reason:
        reason = "no value" if cell.get("value") is None else "not a finite number"
    verdict, difference = _difference(cell.get("difference"), column)
    rank = number(cell.get("rank"))
    counts = tuple(
        (name, label, int(number((cell.get("counts") or {}).get(name)) or 0)) for name, label in OUTCOMES.items()
    )
    made = int(number(cell.get("seeds")) or 0)
    warnings = [(name, f"{count} {label}{'s' if count > 1 else ''}") for name, label, count in counts[3:] if count]
    if value is not None and 0 < made < seeds:
        warnings.append(("seeds", f"{made} of {seeds} seeds"))
    warnings += [("flag", flag) for flag in dict.fromkeys(flags)]
    sd, low, high = (number(cell.get(name)) for name in ("sd", "low", "high"))
    examples = list(cell.get("examples") or [])
    return Cell(
        value=figure(value, column.unit),
        spread=f"± {figure(sd, column.unit)}" if value is not None and sd is not None else "",
        reason=reason if value is None else "",
        sort="" if value is None else f"{value:.9g}",
        interval=interval(cell.get("low"), cell.get("high"), column.unit) if value is not None else "",
        ends=None if low is None or high is None or value is None else (low, high),
        n=f"{int(n)}" if (n := number(cell.get("n"))) else "",
        bar={} if value is None else _bar(cell, column, number(baseline.get("value"))),
        rank="" if rank is None or value is None else f"{'=' if cell.get('tied') else ''}{int(rank)}",
        best=value is not None and rank == 1,
        difference=difference,
        verdict=verdict,
        warnings=tuple(warnings),
        facts=tuple(_facts(cell, column, reason if value is None else "", baseline_name)),
        counts=tuple(found for found in counts if found[2]),
        examples=tuple(_example(example) for example in examples),
        total=max(int(number(cell.get("examples_total")) or 0), len(examples)),
        records=shown(cell.get("records") or ""),
    )


def _bar(cell: Mapping[str, Any], column: Column, baseline: float | None) -> dict[str, float]:
    low, high = column.axis
    places = {"value": cell["value"], "low": cell.get("low"), "high": cell.get("high"), "baseline": baseline}
    if number(cell.get("low")) is None or number(cell.get("high")) is None:
        places |= {"low": cell.get("min"), "high": cell.get("max")}
    if number(places["low"]) is None or number(places["high"]) is None:
        places |= {"low": cell["value"], "high": cell["value"]}
    return {
        name: round(min(max(100 * (value - low) / (high - low), 0.0), 100.0), 1)
        for name, place in places.items()
        if (value := number(place)) is not None
    }


def _difference(difference: Mapping[str, Any] | None, column: Column) -> tuple[str, str]:
    value = number((difference or {}).get("value"))
    if difference is None or value is None:
        return "", ""
    text = figure(value, column.unit, sign=True)
    if not difference.get("distinct"):
        return "unclear", text
    return ("better" if (value > 0) == column.higher else "worse"), text


def _facts(cell: Mapping[str, Any], column: Column, reason: str, baseline: str) -> list[tuple[str, str]]:
    unit, suffix = column.unit, " %" if column.unit == "percent" else ""
    facts = []
    if reason:
        facts.append(("no figure", reason))
    else:
        facts.append(
            ("mean" if (number(cell.get("seeds")) or 0) > 1 else "figure", figure(cell["value"], unit) + suffix)
        )
    if span := interval(cell.get("low"), cell.get("high"), unit):
        facts.append(("95% interval", span + suffix))
    seeds = int(number(cell.get("seeds")) or 0)
    if number(cell.get("sd")) is not None:
        between = interval(cell.get("min"), cell.get("max"), unit)
        facts.append(("between seeds", f"sd {figure(cell['sd'], unit)}" + (f", {between}" if between else "")))
    if seeds:
        facts.append(("seeds", f"{seeds}" + (" (single seed: no spread known)" if seeds == 1 else "")))
    if number(cell.get("n")):
        facts.append(("n", f"{int(cell['n'])} examples"))
    if number(cell.get("rank")) is not None and not reason:
        facts.append(
            (
                "rank",
                f"{int(cell['rank'])}" + (", tied: not told apart from the others there" if cell.get("tied") else ""),
            )
        )
    drop = cell.get("relative_drop") or {}
    if number(drop.get("value")) is not None:
        span = interval(drop.get("low"), drop.get("high"), "percent")
        text = f"{figure(drop['value'], 'percent')} % of the clean accuracy on these examples"
        facts.append(("relative drop", text + (f" ({span} %)" if span else "")))
    facts += _comparison(cell.get("difference"), column, baseline)
    counts = [
        f"{int(count)} {label}"
        for name, label in OUTCOMES.items()
        if (count := number((cell.get("counts") or {}).get(name)))
    ]
    if counts:
        facts.append(("outcomes, all seeds", ", ".join(counts)))
    if cell.get("signature"):
        facts.append(("signature", shown(cell["signature"])))
    return facts


def _comparison(difference: Mapping[str, Any] | None, column: Column, baseline: str) -> list[tuple[str, str]]:
    if not difference or number(difference.get("value")) is None:
        return []
    unit = column.unit
    text = figure(difference["value"], unit, sign=True) + (" points" if unit == "percent" else "")
    if span := interval(difference.get("low"), difference.get("high"), unit, sign=True):
        text += f" ({span})"
    facts = [(f"against {baseline or 'the baseline'}", text)]
    ps = [
        f"{name} {p_value(difference[key])}"
        for key, name in (("p", "p"), ("p_holm", "after Holm"))
        if number(difference.get(key)) is not None
    ]
    told = "told apart" if difference.get("distinct") else "not told apart"
    return [*facts, ("test", ", ".join([*ps, told]))]


def _example(example: Mapping[str, Any]) -> dict[str, Any]:
    """An example for the dialog; only what it has, so that the page stays small."""
    columns = example.get("columns") or {}
    changed = example.get("changed") or {}
    outcome = shown(example.get("outcome") or DASH)
    found = {
        "outcome": outcome,
        "outcome_text": OUTCOMES.get(outcome, outcome.replace("_", " ")),
        "id": shown(example.get("id") or ""),
        "seed": shown(example.get("seed") if example.get("seed") is not None else ""),
        "label": shown(example.get("label") or ""),
        "prediction": shown(example.get("prediction") or ""),
        "to": shown(example.get("to") or ""),
        "queries": f"{int(queries)}" if (queries := number(example.get("queries"))) is not None else "",
        "similarity": f"{similarity:.3f}" if (similarity := number(example.get("similarity"))) is not None else "",
        "texts": [[shown(name), segments(text, changed.get(name) or ())] for name, text in columns.items()],
    }
    return {name: value for name, value in found.items() if value}
