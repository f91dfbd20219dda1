"""Rows against each other: differences to the baseline, ranks, and robustness beyond what accuracy explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from alumbench.leaderboard.entries import Entry
from alumbench.leaderboard.settings import Column
from alumbench.statistics import effective_robustness, holm, multi_bootstrap_difference, paired_difference, tied_ranks

#: Below this, a corrected p calls two rows distinct.
LEVEL = 0.05


def compare_rows(rows: Mapping[str, Sequence[Entry]], column: Column, baseline: str) -> dict[str, dict[str, Any]]:
    """Each row's rank in a column, and its difference to the baseline.

    Seeds are paired where two rows have the same ones: they were given the same order of examples.

    Args:
        rows: entries by row.
        column: one whose measure counts right answers.
        baseline: a row, '' for no differences.

    Returns:
        By row `rank`, `tied` and `difference` (see `view`; `p_holm` is left to `correct`).
    """
    runs = {name: _runs(members, column) for name, members in rows.items()}
    clusters = _clusters(rows, column)
    told = [name for name, by_seed in runs.items() if by_seed]
    tests = {
        (a, b): multi_bootstrap_difference(runs[a], runs[b], clusters, paired_seeds=runs[a].keys() == runs[b].keys())
        for a, b in combinations(sorted(told), 2)
    }
    p = holm({pair: test.p for pair, test in tests.items()}).p
    better = {
        (a, b) if test.value < 0 else (b, a)
        for (a, b), test in tests.items()
        if test.value and (p[a, b] if p[a, b] is not None else 1.0) < LEVEL
    }
    values = {name: _mean(runs[name]) for name in told}
    ranks = tied_ranks(values, better)
    found: dict[str, dict[str, Any]] = {name: {"rank": None, "tied": False, "difference": None} for name in rows}
    for name in told:
        found[name] |= {"rank": ranks[name].rank, "tied": ranks[name].tied}
        if baseline in told and name != baseline:
            found[name]["difference"] = _difference(runs[baseline], runs[name], tests, baseline, name)
    return found


def correct(rows: Sequence[Mapping[str, Any]]) -> None:
    """Corrects the p of all differences of a table together (Holm), and marks those that stay below `LEVEL`."""
    differences = {
        (row["name"], key): cell["difference"]
        for row in rows
        for key, cell in row["cells"].items()
        if cell["difference"]
    }
    corrected = holm({where: difference["p"] for where, difference in differences.items()}).p
    for where, difference in differences.items():
        p = corrected[where]
        difference |= {"p_holm": p, "distinct": p is not None and p < LEVEL}


def effective_robustness_of(rows: Sequence[Mapping[str, Any]], scatter: Mapping[str, str] | None) -> dict[str, Any]:
    """How far each row lies above what its clean accuracy predicts, or why that cannot be said.

    Args:
        rows: of the view.
        scatter: the columns of clean accuracy (`x`) and robustness (`y`).

    Returns:
        `reason`, '' where there are values; `values` by row.
    """
    if scatter is None:
        return {"reason": "the board has no column of each kind", "values": {}}
    cells = {row["name"]: (row["cells"][scatter["x"]]["value"], row["cells"][scatter["y"]]["value"]) for row in rows}
    found = effective_robustness({name: pair for name, pair in cells.items() if None not in pair})
    return {"reason": found.reason, "values": dict(found.values)}


def _runs(members: Sequence[Entry], column: Column) -> dict[int, dict[str, bool]]:
    """Of each seed, whether it answered each example right."""
    evaluated = [member for member in members if (member.measure(column) or {}).get("value") is not None]
    return {member.seed: member.right(column) for member in evaluated}


def _clusters(rows: Mapping[str, Sequence[Entry]], column: Column) -> dict[str, str]:
    """What each example is drawn with: those that share a first text, where the records know it."""
    return {
        record["id"]: record.get("cluster", record["id"])
        for members in rows.values()
        for member in members
        if member.measure(column) is not None
        for record in member.records_of(column)
    }


def _mean(runs: Mapping[int, Mapping[str, bool]]) -> float:
    shares = [sum(right.values()) / len(right) for right in runs.values()]
    return sum(shares) / len(shares)


def _difference(
    base: Mapping[int, Mapping[str, bool]],
    runs: Mapping[int, Mapping[str, bool]],
    tests: Mapping[tuple[str, str], Any],
    baseline: str,
    name: str,
) -> dict[str, Any]:
    test, sign = (tests[baseline, name], 1) if (baseline, name) in tests else (tests[name, baseline], -1)
    ends = [None if end is None else sign * end for end in (test.low, test.high)]
    by_seed = {seed: paired_difference(base[seed], runs[seed]) for seed in sorted(base.keys() & runs.keys())}
    return {
        "value": None if test.value is None else sign * test.value,
        "low": ends[0 if sign > 0 else 1],
        "high": ends[1 if sign > 0 else 0],
        "p": test.p,
        "p_holm": None,
        "distinct": False,
        "by_seed": [{"seed": seed, "value": one.difference, "p": one.p} for seed, one in by_seed.items()],
    }
