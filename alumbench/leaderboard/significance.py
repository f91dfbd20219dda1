"""Comparisons of rows: differences from the baseline, ranks, and robustness beyond what accuracy explains."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from alumbench.leaderboard.config import Column
from alumbench.leaderboard.entries import BoardEntry
from alumbench.leaderboard.redaction import cluster_of
from alumbench.reports.view import Difference, EffectiveRobustness, SeedDifference
from alumbench.statistics import (
    MultiBootstrapInterval,
    effective_robustness,
    holm,
    multi_bootstrap_difference,
    multi_bootstrap_p,
    paired_difference,
    tied_ranks,
)
from alumbench.statistics.bootstrap import DRAWS

#: Significance level for the corrected p of two rows.
LEVEL = 0.05


@dataclass(frozen=True)
class Compared:
    """A cell compared with other rows: its rank, whether others share it, and the difference from the baseline."""

    rank: int | None = None
    tied: bool = False
    difference: Difference | None = None


@dataclass(frozen=True)
class RowDifference:
    """One row's difference from another.

    Attributes:
        difference: the difference, as a board with that baseline shows it.
        agree: whether the two give the same answers on every example of every seed.
        drawn: number of examples, or of clusters of them, drawn independently.
    """

    difference: Difference
    agree: bool
    drawn: int


def compare_rows(
    rows: Mapping[str, Sequence[BoardEntry]], column: Column, baseline: str, unranked: Collection[str] = ()
) -> dict[str, Compared]:
    """Each row's rank in a column, and its difference from the baseline.

    Seeds are paired where two rows have the same ones: they were given the same order of examples.

    Args:
        rows: entries by row.
        column: one whose measure counts right answers.
        baseline: a row, '' for no differences.
        unranked: rows that get no rank.

    Returns:
        The comparisons by row; `correct` fills in `p_holm`.
    """
    runs = {name: _runs(members, column) for name, members in rows.items()}
    clusters = _clusters(rows, column)
    told = [name for name, by_seed in runs.items() if by_seed]
    found = {name: Compared() for name in rows}
    if len(told) < 2:
        return found
    ranked = {name: _mean(runs[name]) for name in told if name not in unranked}
    tests = {
        (a, b): multi_bootstrap_difference(runs[a], runs[b], clusters, paired_seeds=runs[a].keys() == runs[b].keys())
        for a, b in combinations(sorted(told), 2)
        if baseline in (a, b)
    }
    known = {pair: test.p for pair, test in tests.items()}
    p = {} if too_many_to_rank(len(ranked)) else _corrected(runs, clusters, ranked, known)
    for rank in tied_ranks(ranked, p, LEVEL):
        found[rank.row] = Compared(rank.best, bool(rank.tied))
    for name in told:
        if baseline in told and name != baseline:
            found[name] = replace(found[name], difference=_difference(runs, clusters, tests, baseline, name))
    return found


def too_many_to_rank(rows: int) -> bool:
    """True if no two of so many rows can differ significantly: p >= 2 / draws, and Holm multiplies it by the pairs.

    Comparing all pairs would then be slow (quadratic in the rows) and give all the same rank. Pairs that answer
    alike, and so have no p, are counted too.
    """
    return math.comb(rows, 2) * 2 / DRAWS > LEVEL


def _corrected(
    runs: Mapping[str, Mapping[int, Mapping[str, bool]]],
    clusters: Mapping[str, str],
    means: Mapping[str, float],
    known: Mapping[tuple[str, str], float | None],
) -> Mapping[tuple[str, str], float | None]:
    """Holm-corrected p of all pairs of rows, exact only in which side of `LEVEL` it is on: ranks need no more.

    Holm multiplies a significant p by at least one more than the number of pairs that are not significant. So a pair is
    known not to be significant, and needs no further draws, once its p exceeds the level divided by one more than the
    pairs already known not to be. Its p may then be any larger value: only those below it count. Close pairs go first,
    as they need the fewest draws and save draws for the others.

    Args:
        runs: by row, seed and example, whether the answer is right.
        clusters: the cluster of each example.
        means: means of the rows that get a rank.
        known: p of some pairs.
    """
    pairs = list(combinations(sorted(means), 2))
    p = {pair: known[pair] for pair in pairs if pair in known}
    open_pairs = sorted(set(pairs) - p.keys(), key=lambda pair: (abs(means[pair[0]] - means[pair[1]]), pair))
    level = LEVEL * (1 + 1e-9)  # a p at the bound up to rounding is left to Holm
    alike = 0  # number of pairs known not to be significant
    for value in sorted((value for value in p.values() if value is not None), reverse=True):
        alike += (alike + 1) * value > level
    for a, b in open_pairs:
        paired, enough = runs[a].keys() == runs[b].keys(), level / (alike + 1)
        p[a, b] = multi_bootstrap_p(runs[a], runs[b], clusters, paired_seeds=paired, enough=enough)
        alike += (p[a, b] or 0.0) > enough
    return holm(p).p


def row_difference(
    row: Sequence[BoardEntry], against: Sequence[BoardEntry], column: Column, null: float = 0.0
) -> RowDifference:
    """One row's difference from another, as a board with that baseline shows it.

    Args:
        row: its entries.
        against: the other row's entries.
        column: one whose measure counts right answers.
        null: the difference under the null hypothesis of `p`, a share.
    """
    rows = {against[0].row: against, row[0].row: row}
    runs = {name: _runs(members, column) for name, members in rows.items()}
    clusters, (a, b) = _clusters(rows, column), sorted(rows)
    paired, towards = runs[a].keys() == runs[b].keys(), null if a == against[0].row else -null
    test = multi_bootstrap_difference(runs[a], runs[b], clusters, paired_seeds=paired, null=towards)
    told = _difference(runs, clusters, {(a, b): test}, against[0].row, row[0].row)
    return RowDifference(told, runs[a] == runs[b], test.clusters)


def correct(found: Mapping[tuple[str, str], Compared]) -> dict[tuple[str, str], Compared]:
    """Corrects the p of all differences of a table together (Holm), and marks those below `LEVEL` as distinct.

    Args:
        found: by row and column, rows first.
    """
    p = holm({where: one.difference.p for where, one in found.items() if one.difference}).p
    return {where: _with_p(one, p.get(where)) for where, one in found.items()}


def _with_p(one: Compared, p: float | None) -> Compared:
    if one.difference is None:
        return one
    return replace(one, difference=replace(one.difference, p_holm=p, distinct=p is not None and p < LEVEL))


def effective_robustness_of(
    rows: Mapping[str, Sequence[BoardEntry]], clean: Column | None, robust: Column | None, baseline: str
) -> EffectiveRobustness:
    """How far each row lies above what its clean accuracy predicts, mean over seeds, or why that is unknown.

    Args:
        rows: entries by row.
        clean: the column of accuracy on clean examples.
        robust: the column of accuracy under shift or attack.
        baseline: the row whose checkpoints define the line: training without an intervention.
    """
    if clean is None or robust is None or not baseline:
        return EffectiveRobustness("the board has no baseline, or lacks a clean or a robustness column")
    found: dict[str, dict[str, float]] = {"clean": {}, "robust": {}}
    sizes: dict[str, int] = {}
    for name, members in rows.items():
        for member in members:
            for what, column in (("clean", clean), ("robust", robust)):
                measure = member.measure(column)
                if measure is not None and measure.value is not None:
                    found[what][f"{name}\n{member.seed}"] = measure.value
                    sizes[what] = measure.n
    both = found["clean"].keys() & found["robust"].keys()
    if not both:
        return EffectiveRobustness("no checkpoint has figures in both columns")
    reference = [model for model in both if model.partition("\n")[0] == baseline]
    line = effective_robustness(found["clean"], found["robust"], reference, sizes["clean"], sizes["robust"])
    by_row: dict[str, list[float]] = {}
    for model, residual in line.residuals.items():
        by_row.setdefault(model.partition("\n")[0], []).append(residual.value)
    return EffectiveRobustness(line.reason, {name: sum(each) / len(each) for name, each in sorted(by_row.items())})


def _runs(members: Sequence[BoardEntry], column: Column) -> dict[int, dict[str, bool]]:
    """By seed and example, whether the answer is right."""
    measures = [(member, member.measure(column)) for member in members]
    return {member.seed: member.right(column) for member, found in measures if found and found.value is not None}


def _clusters(rows: Mapping[str, Sequence[BoardEntry]], column: Column) -> dict[str, str]:
    """The cluster of each example: examples that share a first text, where the records say so."""
    return {
        record.id: cluster_of(record)
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
    tests: Mapping[tuple[str, str], MultiBootstrapInterval],
    baseline: str,
    name: str,
) -> Difference:
    test, sign = (tests[baseline, name], 1) if (baseline, name) in tests else (tests[name, baseline], -1)
    value, *ends = (None if x is None else sign * x + 0.0 for x in (test.value, test.low, test.high))  # no -0.0
    base, row = runs[baseline], runs[name]
    by_seed = {seed: paired_difference(base[seed], row[seed], clusters) for seed in sorted(base.keys() & row.keys())}
    return Difference(
        value=value,
        low=ends[0 if sign > 0 else 1],
        high=ends[1 if sign > 0 else 0],
        p=test.p,
        reason=test.reason,
        by_seed=tuple(SeedDifference(seed, one.difference, one.p) for seed, one in by_seed.items()),
    )
