"""One cell: the figure, its bar and its details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alumbench.attacks.outcome import ATTACK_OUTCOMES, OUTCOME_WORDS
from alumbench.formatting import DASH, finite_number, format_figure, format_range, format_small_p
from alumbench.reports.html.text import segments, shown
from alumbench.reports.view import Cell as ViewCell
from alumbench.reports.view import Difference, SetSearch, ShownExample

if TYPE_CHECKING:
    from alumbench.reports.html.content import Column

#: Outcomes of attacks in drawing order, with their labels.
OUTCOMES = {name: OUTCOME_WORDS[name].words for name in ATTACK_OUTCOMES}


@dataclass(frozen=True)
class Cell:
    """One cell as the page shows it.

    Attributes:
        sort: the figure that the column is sorted by, '' without one.
        ends: both ends of the interval.
        bar: places from 0 to 100 on the column's axis: value, low, high, baseline.
        verdict: `better`, `worse` or `unclear`, compared with the baseline; '' without a comparison.
        warnings: notes shown with the figure: errors, timeouts, missing seeds, flags.
        facts: all details, each a label and a text.
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
    examples: tuple[Mapping[str, object], ...]
    total: int
    records: str


def make_cell(
    cell: ViewCell,
    column: Column,
    seeds: int,
    baseline: ViewCell,
    baseline_name: str,
    flags: Sequence[str],
) -> Cell:
    """A cell of the table.

    Args:
        cell: the view's cell.
        column: the cell's column.
        seeds: number of seeds of its row.
        baseline: the baseline's cell in this column.
        baseline_name: the baseline's name.
        flags: reliability flags of this entry.
    """
    value = finite_number(cell.value)
    reason = shown(cell.reason)
    if value is None and not reason:
        reason = "no value" if cell.value is None else "not a finite number"
    verdict, difference = _difference(cell.difference, column)
    counts = tuple((name, label, cell.counts.get(name, 0)) for name, label in OUTCOMES.items())
    warnings = [(name, f"{count} {label}{'s' if count > 1 else ''}") for name, label, count in counts[3:] if count]
    if value is not None and 0 < cell.seeds < seeds:
        warnings.append(("seeds", f"{cell.seeds} of {seeds} seeds"))
    warnings += [("flag", flag) for flag in dict.fromkeys(flags)]
    sd, low, high = finite_number(cell.sd), finite_number(cell.low), finite_number(cell.high)
    return Cell(
        value=format_figure(value, column.unit),
        spread=f"± {format_figure(sd, column.unit)}" if value is not None and sd is not None else "",
        reason=reason if value is None else "",
        sort="" if value is None else f"{value:.9g}",
        interval=format_range(low, high, column.unit) if value is not None else "",
        ends=None if low is None or high is None or value is None else (low, high),
        n=f"{cell.n}" if cell.n else "",
        bar={} if value is None else _bar(cell, value, column, finite_number(baseline.value)),
        rank="" if cell.rank is None or value is None else f"{'=' if cell.tied else ''}{cell.rank}",
        best=value is not None and cell.rank == 1,
        difference=difference,
        verdict=verdict,
        warnings=tuple(warnings),
        facts=tuple(_facts(cell, column, reason if value is None else "", baseline_name)),
        counts=tuple(found for found in counts if found[2]),
        examples=tuple(_example(example) for example in cell.examples),
        total=max(cell.examples_total, len(cell.examples)),
        records=shown(cell.records),
    )


def _bar(cell: ViewCell, value: float, column: Column, baseline: float | None) -> dict[str, float]:
    low, high = column.axis
    ends = (finite_number(cell.low), finite_number(cell.high))
    if None in ends:
        ends = (finite_number(cell.min), finite_number(cell.max))
    if None in ends:
        ends = (value, value)
    places = {"value": value, "low": ends[0], "high": ends[1], "baseline": baseline}
    return {
        name: round(min(max(100 * (place - low) / (high - low), 0.0), 100.0), 1)
        for name, place in places.items()
        if place is not None
    }


def _difference(difference: Difference | None, column: Column) -> tuple[str, str]:
    value = None if difference is None else finite_number(difference.value)
    if difference is None or value is None:
        return "", ""
    text = format_figure(value, column.unit, sign=True)
    if not difference.distinct:
        return "unclear", text
    return ("better" if (value > 0) == column.higher else "worse"), text


def _facts(cell: ViewCell, column: Column, reason: str, baseline: str) -> list[tuple[str, str]]:
    unit, suffix = column.unit, " %" if column.unit == "percent" else ""
    facts = []
    if reason:
        facts.append(("no figure", reason))
    else:
        facts.append(("mean" if cell.seeds > 1 else "figure", format_figure(cell.value, unit) + suffix))
    if span := format_range(cell.low, cell.high, unit):
        facts.append(("95% interval", span + suffix))
    if finite_number(cell.sd) is not None:
        between = format_range(cell.min, cell.max, unit)
        facts.append(("between seeds", f"sd {format_figure(cell.sd, unit)}" + (f", {between}" if between else "")))
    if cell.seeds:
        facts.append(("seeds", f"{cell.seeds}" + (" (single seed: no spread known)" if cell.seeds == 1 else "")))
    if cell.n:
        facts.append(("n", f"{cell.n} examples"))
    if cell.rank is not None and not reason:
        tied = ", tied: not significantly different from the others at this rank" if cell.tied else ""
        facts.append(("rank", f"{cell.rank}{tied}"))
    drop = cell.relative_drop
    if drop is not None and finite_number(drop.value) is not None:
        span = format_range(drop.low, drop.high, "percent")
        text = f"{format_figure(drop.value, 'percent')} % of the clean accuracy on these examples"
        facts.append(("relative drop", text + (f" ({span} %)" if span else "")))
    facts += _comparison(cell.difference, column, baseline)
    facts += _search(cell.searched)
    counts = [f"{cell.counts[name]} {label}" for name, label in OUTCOMES.items() if cell.counts.get(name)]
    if counts:
        facts.append(("outcomes, all seeds", ", ".join(counts)))
    if cell.signature:
        facts.append(("signature", shown(cell.signature)))
    return facts


def _search(searched: SetSearch | None) -> list[tuple[str, str]]:
    """How far an attack within a threat model came."""
    if searched is None:
        return []
    facts = [("threat model", shown(searched.threat_model))]
    if searched.median_degree is not None:
        facts.append(("median degree", f"{searched.median_degree:g} steps"))
    if searched.exhausted:
        exact = f"{searched.exhausted} of {searched.robust} robust examples: all members of the set scored"
        facts.append(("exact", exact))
    if searched.empty_sets:
        facts.append(("empty sets", f"{searched.empty_sets} examples, for which the set holds only the original"))
    for name, figure, unit in (
        ("optimality", searched.optimality, "percent"),
        ("queries of enumeration's", searched.query_share, "percent"),
    ):
        if figure is not None and finite_number(figure.value) is not None:
            span = format_range(figure.low, figure.high, unit)
            facts.append((name, f"{format_figure(figure.value, unit)} %" + (f" ({span} %)" if span else "")))
        elif figure is not None:
            facts.append((name, f"no figure: {shown(figure.reason)}"))
    return facts


def _comparison(difference: Difference | None, column: Column, baseline: str) -> list[tuple[str, str]]:
    if difference is None or finite_number(difference.value) is None:
        return []
    unit = column.unit
    text = format_figure(difference.value, unit, sign=True) + (" points" if unit == "percent" else "")
    if span := format_range(difference.low, difference.high, unit, sign=True):
        text += f" ({span})"
    facts = [(f"against {baseline or 'the baseline'}", text)]
    tests = (("p", difference.p), ("after Holm", difference.p_holm))
    ps = [f"{name} {format_small_p(p)}" for name, p in tests if finite_number(p) is not None]
    verdict = "significant" if difference.distinct else "not significant"
    return [*facts, ("test", ", ".join([*ps, verdict]))]


def _example(example: ShownExample) -> dict[str, object]:
    """An example for the dialog, without empty fields, so that the page stays small."""
    columns, changed = example.columns or {}, example.changed or {}
    outcome = example.outcome or DASH
    words = OUTCOME_WORDS[outcome].words if outcome in OUTCOME_WORDS else outcome.replace("_", " ")
    similarity = finite_number(example.similarity)
    found = {
        "outcome": shown(outcome),
        "outcome_text": shown(words),
        "id": shown(example.id),
        "seed": shown("" if example.seed is None else example.seed),
        "label": shown(example.label),
        "prediction": shown("" if example.prediction is None else example.prediction),
        "to": shown(example.to or ""),
        "queries": "" if example.queries is None else f"{example.queries}",
        "similarity": "" if similarity is None else f"{similarity:.3f}",
        "texts": [[shown(name), segments(text, changed.get(name, ()))] for name, text in columns.items()],
    }
    return {name: value for name, value in found.items() if value}
