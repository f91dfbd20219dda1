"""Compares checkpoints on the same examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from alumbench.attacks.outcome import ROBUST
from alumbench.errors import AlumbenchError
from alumbench.evaluation.optimality import enumeration_of, optimality
from alumbench.evaluation.results import ColumnResult, EntryResult, Measure, Summary
from alumbench.evaluation.stored import EVALUATIONS, Stored, evaluations_of, finished_columns, made_otherwise
from alumbench.evaluation.validity import MEASURES as VALID
from alumbench.formatting import format_compared, format_measure, format_p, format_share
from alumbench.leaderboard.measures import AGAINST_ENUMERATION, paired_by, words_of_measure
from alumbench.leaderboard.redaction import cluster_of
from alumbench.records import Record, as_json
from alumbench.reports.table import Table
from alumbench.statistics import detectable_difference, holm, paired_bootstrap, paired_difference


def compare(paths: Sequence[Path]) -> Table:
    """Every finished entry that all checkpoints have, with each one's paired difference from the first.

    Args:
        paths: checkpoint folders, or evaluation folders.

    Raises:
        AlumbenchError: One has no evaluations, or they have no entry in common.
    """
    found = [finished_columns(evaluations_of(path)) for path in paths]
    names = _short_names(paths)
    shared = [entry for entry in found[0] if all(entry in other for other in found)]
    if not shared:
        listed = "; ".join(
            f"{name} has {', '.join(entries) or 'none'}" for name, entries in zip(names, found, strict=True)
        )
        raise AlumbenchError(f"no finished entry is common to all: {listed}. Run the same suite on each")
    lines: list[list[Figure]] = []
    for entry in shared:
        parts = [entries[entry] for entries in found]
        for (_, one), (_, other) in combinations(parts, 2):
            otherwise = made_otherwise(one, other)
            if otherwise:
                raise AlumbenchError(f"entry {entry}: the checkpoints were evaluated differently ({otherwise})")
        for group, measure in _measures([part[1].figures for part in parts]):
            lines.append(_figures(entry, group, measure, parts, names))
        lines += _against_enumeration(entry, found, names)
    tests = {(at, n): f.paired.p for at, line in enumerate(lines) for n, f in enumerate(line) if f.paired}
    corrected = holm(tests).p
    lines = [[replace(f, p_holm=corrected.get((at, n))) for n, f in enumerate(line)] for at, line in enumerate(lines)]
    header = ["entry", "measure", "n", names[0]]
    for name in names[1:]:
        header += [name, "difference (p)"]
    notes = [
        "Shares in percent with Wilson 95% intervals; difference in points to the first on the same examples, with its",
        "95% bootstrap interval and the exact McNemar p (pairs with the same first text count together), corrected",
        f"over the {sum(p is not None for p in corrected.values())} tests of the table (Holm). "
        + power_line({figure.measure.n for line in lines for figure in line}),
    ]
    if len(names) == 1:
        notes = ["Shares in percent with Wilson 95% intervals."]
    for name, entries in zip(names, found, strict=True):
        columns = {entry: entries[entry][1] for entry in shared}
        notes += [*_seed_notes(name, columns), *_set_notes(name, columns)]
    return Table(header, [_row(line) for line in lines], notes, [_data(figure) for line in lines for figure in line])


@dataclass(frozen=True)
class Paired:
    """A figure's difference from the first checkpoint's, on the same examples.

    Attributes:
        difference: of the shares.
        low: lower end of the bootstrap interval, None without one.
        high: upper end.
        only_first: number of examples that only the first answers right.
        only_this: number of examples that only this one answers right.
        p: exact McNemar.
    """

    difference: float | None
    low: float | None
    high: float | None
    only_first: int
    only_this: int
    p: float | None


@dataclass(frozen=True)
class Figure:
    """One checkpoint's figure for a line of the table; `paired` and `p_holm` are None without a comparison."""

    entry: str
    name: str
    checkpoint: str
    measure: Measure
    paired: Paired | None = None
    p_holm: float | None = None


def _seed_notes(checkpoint: str, columns: Mapping[str, ColumnResult]) -> list[str]:
    """The spread of results over an attack's random seeds, where it was run with several."""
    lines = []
    for name, column in columns.items():
        seeds = column.figures.seeds
        if seeds:
            mean, sd, least, most = map(format_share, (seeds.mean, seeds.sd, seeds.min, seeds.max))
            spread = f"{mean} ± {sd} ({least}–{most})"
            lines.append(
                f"{checkpoint}, {name} under {len(seeds.accuracy_under_attack)} attack seeds at n={seeds.n}: "
                f"accuracy {spread}; robust under all: {format_share(seeds.worst.value)}."
            )
    return ["", *lines] if lines else []


def _set_notes(checkpoint: str, columns: Mapping[str, ColumnResult]) -> list[str]:
    """How far the searches within a threat model came, an attack a line."""
    lines = []
    for name, column in columns.items():
        within, outcomes = column.figures.within, column.figures.outcomes or {}
        if not isinstance(column, EntryResult) or within is None or column.threat_model is None:
            continue
        told = ["nothing found" if within.median_degree is None else f"median degree {within.median_degree:g}"]
        if within.exhausted:
            robust = outcomes.get(ROBUST, 0)
            told.append(f"{within.exhausted} of {robust} robust examples exact, as all members were scored")
        told += [f"{within.empty_sets} sets empty"] if within.empty_sets else []
        lines.append(f"{checkpoint}, {name} within {column.threat_model.signature}: {', '.join(told)}.")
    return ["", *lines] if lines else []


def power_line(sizes: set[int]) -> str:
    """The smallest differences that these sample sizes can show."""
    parts = []
    for n in sorted(sizes - {0}):
        found = detectable_difference(n)
        parts.append(f"{format_share(found)} at n={n}" if found is not None else f"none at n={n}")
    return "Smallest difference detectable with 80% power if 15% of answers differ: " + ", ".join(parts) + "."


def _measures(summaries: Sequence[Summary]) -> list[tuple[str, str]]:
    """Group and name of the measures in all summaries; the validity filter's only where one has a figure."""
    every = [summary.all_measures for summary in summaries]
    shared = [name for name in every[0] if all(name in other for other in every)]
    told = [name for name in shared if name not in VALID or any(one[name].value is not None for one in every)]
    return [("", name) for name in told] + [(group, "accuracy") for group in summaries[0].groups or {}]


def _measure(part: tuple[Stored, ColumnResult], group: str, name: str) -> Measure:
    figures = part[1].figures
    return (figures.groups or {})[group] if group else figures.all_measures[name]


def _figures(
    entry: str, group: str, name: str, parts: Sequence[tuple[Stored, ColumnResult]], names: Sequence[str]
) -> list[Figure]:
    """One figure per checkpoint; after the first, with the difference from it."""
    title = f"{entry}: {group}" if group else entry
    measures = [_measure(part, group, name) for part in parts]
    figures = [Figure(title, name, names[0], measures[0])]
    for part, checkpoint, measure in zip(parts[1:], names[1:], measures[1:], strict=True):
        paired, is_right = None, paired_by(name)
        if is_right is not None and None not in (measures[0].value, measure.value):
            records, others = (one.results.records_of(entry, group) for one in (parts[0][0], part[0]))
            paired = _paired(records, others, is_right)
        figures.append(Figure(title, name, checkpoint, measure, paired))
    return figures


def _against_enumeration(
    entry: str, found: Sequence[Mapping[str, tuple[Stored, ColumnResult]]], names: Sequence[str]
) -> list[list[Figure]]:
    """An attack's optimality and share of queries for each checkpoint, where an entry of all enumerates its sets."""
    measured = []
    for columns in found:
        entries = {name: column for name, (_, column) in columns.items() if isinstance(column, EntryResult)}
        other = enumeration_of(entry, entries)
        if other is None:
            return []
        measured.append(optimality(*(columns[name][0].results.records_of(name) for name in (entry, other))))
    return [
        [Figure(entry, name, checkpoint, one[at]) for checkpoint, one in zip(names, measured, strict=True)]
        for at, name in enumerate(AGAINST_ENUMERATION)
    ]


def _paired(records: list[Record], others: list[Record], is_right: Callable[[Record], bool]) -> Paired:
    right, other = ({r.id: is_right(r) for r in every} for every in (records, others))
    clusters = {r.id: cluster_of(r) for r in records + others}
    test, interval = paired_difference(right, other, clusters), paired_bootstrap(right, other, clusters)
    return Paired(test.difference, interval.low, interval.high, test.only_a, test.only_b, test.p)


def _row(figures: Sequence[Figure]) -> list[str]:
    first = figures[0]
    row = [first.entry, words_of_measure(first.name), str(first.measure.n), _with_interval(first.measure)]
    for figure in figures[1:]:
        cell, paired = "", figure.paired
        if paired is not None:
            p = "" if figure.p_holm is None else f" ({format_p(figure.p_holm)})"
            cell = format_compared(paired.difference, paired.low, paired.high) + p
        row += [_with_interval(figure.measure), cell]
    return row


def _with_interval(measure: Measure) -> str:
    return format_measure(measure.value, measure.low, measure.high)


def _data(figure: Figure) -> dict[str, object]:
    """A figure as a CSV line and a JSON item."""
    told = {"entry": figure.entry, "measure": figure.name, "checkpoint": figure.checkpoint, **as_json(figure.measure)}
    paired = figure.paired
    if paired is not None:
        told |= {
            "difference": paired.difference,
            "difference_low": paired.low,
            "difference_high": paired.high,
            "only_first": paired.only_first,
            "only_this": paired.only_this,
            "p": paired.p,
            "p_holm": figure.p_holm,
        }
    return told


def _short_names(paths: Sequence[Path]) -> list[str]:
    """The shortest endings that distinguish the paths."""
    # An evaluation is in CHECKPOINT/evaluations/NAME; the checkpoint's name says more than NAME.
    parts = [(p.parent.parent if p.parent.name == EVALUATIONS else p).parts for p in (path.resolve() for path in paths)]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise AlumbenchError(f"{paths[0]}: the same checkpoint is given twice")
