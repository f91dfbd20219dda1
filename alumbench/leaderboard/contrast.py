"""Rows against each other: differences to the baseline, ranks, and robustness beyond what accuracy explains."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any

from alumbench.leaderboard.entries import Entry
from alumbench.leaderboard.published import cluster_of
from alumbench.leaderboard.settings import Column
from alumbench.statistics import effective_robustness, holm, multi_bootstrap_difference, paired_difference, tied_ranks

#: Below this, a corrected p calls two rows distinct.
LEVEL = 0.05
#: What a cell says of other rows as long as nothing was compared.
NOT_COMPARED: dict[str, Any] = {"rank": None, "tied": False, "difference": None}


def compare_rows(
    rows: Mapping[str, Sequence[Entry]], column: Column, baseline: str, unranked: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """Each row's rank in a column, and its difference to the baseline.

    Seeds are paired where two rows have the same ones: they were given the same order of examples.

    Args:
        rows: entries by row.
        column: one whose measure counts right answers.
        baseline: a row, '' for no differences.
        unranked: rows that take no rank.

    Returns:
        By row `rank`, `tied` and `difference` (see `view`; `p_holm` is left to `correct`).
    """
    runs = {name: _runs(members, column) for name, members in rows.items()}
    clusters = _clusters(rows, column)
    told = [name for name, by_seed in runs.items() if by_seed]
    found: dict[str, dict[str, Any]] = {name: dict(NOT_COMPARED) for name in rows}
    if len(told) < 2:
        return found
    tests = {
        (a, b): multi_bootstrap_difference(runs[a], runs[b], clusters, paired_seeds=runs[a].keys() == runs[b].keys())
        for a, b in combinations(sorted(told), 2)
    }
    ranked = {name: _mean(runs[name]) for name in told if name not in unranked}
    p = holm({pair: test.p for pair, test in tests.items() if ranked.keys() >= set(pair)}).p
    for rank in tied_ranks(ranked, p, LEVEL):
        found[rank.row] |= {"rank": rank.best, "tied": bool(rank.tied)}
    for name in told:
        if baseline in told and name != baseline:
            found[name]["difference"] = _difference(runs, clusters, tests, baseline, name)
    return found


def row_difference(row: Sequence[Entry], against: Sequence[Entry], column: Column, null: float = 0.0) -> dict[str, Any]:
    """One row's difference to another, the same that a board with that baseline shows.

    Args:
        row: its entries.
        against: the other's.
        column: one whose measure counts right answers.
        null: the difference that `p` is for, a share.

    Returns:
        That, with `agree`, whether the two answer alike in every example of every seed, and `drawn`, the examples or
        clusters of them that are drawn independently.
    """
    rows = {against[0].row: against, row[0].row: row}
    runs = {name: _runs(members, column) for name, members in rows.items()}
    clusters, (a, b) = _clusters(rows, column), sorted(rows)
    paired, towards = runs[a].keys() == runs[b].keys(), null if a == against[0].row else -null
    test = multi_bootstrap_difference(runs[a], runs[b], clusters, paired_seeds=paired, null=towards)
    told = _difference(runs, clusters, {(a, b): test}, against[0].row, row[0].row)
    return {**told, "agree": runs[a] == runs[b], "drawn": test.clusters}


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


def effective_robustness_of(
    rows: Mapping[str, Sequence[Entry]], clean: Column | None, robust: Column | None, baseline: str
) -> dict[str, Any]:
    """How far each checkpoint lies above what its clean accuracy predicts, or why that cannot be said.

    Args:
        rows: entries by row.
        clean: the column of accuracy on clean examples.
        robust: the column of accuracy under shift or attack.
        baseline: the row whose checkpoints draw the line: training without an intervention.

    Returns:
        `reason`, '' where there are values; `values`, by row the mean over its seeds.
    """
    if clean is None or robust is None or not baseline:
        return {"reason": "the board has no baseline, or no column of each kind", "values": {}}
    found: dict[str, dict[str, float]] = {"clean": {}, "robust": {}}
    sizes: dict[str, int] = {}
    for name, members in rows.items():
        for member in members:
            for what, column in (("clean", clean), ("robust", robust)):
                measure = member.measure(column) or {"value": None}
                if measure["value"] is not None:
                    found[what][f"{name}\n{member.seed}"] = measure["value"]
                    sizes[what] = measure["n"]
    both = found["clean"].keys() & found["robust"].keys()
    if not both:
        return {"reason": "no checkpoint has both", "values": {}}
    reference = [model for model in both if model.partition("\n")[0] == baseline]
    line = effective_robustness(found["clean"], found["robust"], reference, sizes["clean"], sizes["robust"])
    by_row: dict[str, list[float]] = {}
    for model, residual in line.residuals.items():
        by_row.setdefault(model.partition("\n")[0], []).append(residual.value)
    return {"reason": line.reason, "values": {name: sum(each) / len(each) for name, each in sorted(by_row.items())}}


def _runs(members: Sequence[Entry], column: Column) -> dict[int, dict[str, bool]]:
    """Of each seed, whether it answered each example right."""
    evaluated = [member for member in members if (member.measure(column) or {}).get("value") is not None]
    return {member.seed: member.right(column) for member in evaluated}


def _clusters(rows: Mapping[str, Sequence[Entry]], column: Column) -> dict[str, str]:
    """What each example is drawn with: those that share a first text, where the records know it."""
    return {
        record["id"]: cluster_of(record)
        for members in rows.values()
        for member in members
        if member.measure(column) is not None
        for record in member.records_of(column)
    }


def _mean(runs: Mapping[int, Mapping[str, bool]]) -> float:
    shares = [sum(right.values()) / len(right) for right in runs.values()]
    return sum(shares) / len(shares)


def _difference(
    runs: Mapping[str, Mapping[int, Mapping[str, bool]]],
    clusters: Mapping[str, str],
    tests: Mapping[tuple[str, str], Any],
    baseline: str,
    name: str,
) -> dict[str, Any]:
    test, sign = (tests[baseline, name], 1) if (baseline, name) in tests else (tests[name, baseline], -1)
    value, *ends = (None if x is None else sign * x + 0.0 for x in (test.value, test.low, test.high))  # no -0.0
    base, row = runs[baseline], runs[name]
    by_seed = {seed: paired_difference(base[seed], row[seed], clusters) for seed in sorted(base.keys() & row.keys())}
    return {
        "value": value,
        "low": ends[0 if sign > 0 else 1],
        "high": ends[1 if sign > 0 else 0],
        "p": test.p,
        "p_holm": None,
        "distinct": False,
        "reason": test.reason,
        "by_seed": [{"seed": seed, "value": one.difference, "p": one.p} for seed, one in by_seed.items()],
    }
