"""Ranks that show which rows are not significantly different."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alumbench.statistics.inputs import finite, share


@dataclass(frozen=True)
class Rank:
    """One row's rank.

    Attributes:
        row: its name.
        value: the value by which rows are sorted.
        best: 1 + the number of rows shown to be better: the rank to print.
        worst: the number of rows - those shown to be worse.
        tied: the other rows shown neither to be better nor to be worse, in the table's order.
    """

    row: str
    value: float
    best: int
    worst: int
    tied: tuple[str, ...]


def tied_ranks(
    values: Mapping[str, float], p: Mapping[tuple[str, str], float | None], alpha: float = 0.05
) -> list[Rank]:
    """Rows from the best down, each ranked 1 + the number of rows shown to be better.

    A row is shown to be better than another if its value is higher and the pair's corrected p is at most alpha, or by
    a chain of such pairs. The chain matters: of A > B > C the tests may find A > B and B > C and miss A > C, and
    counting tests alone could rank a row behind one it beats. Chains add no error: if each test's verdict is right, so
    is each chain's.

    With p from Holm's correction, all true ranks lie between `best` and `worst` with probability 1 - alpha or more
    (Mogstad, Romano, Shaikh and Wilhelm 2024, Inference for Ranks, Review of Economic Studies 91, 476-518, who count
    as here, without chains). The rank printed is Chatbot Arena's (Chiang et al. 2024, arXiv:2403.04132)
    with tests of pairs in place of intervals that do not overlap.

    A row shown to be better than another has the smaller rank, so rows of one rank are all tied; being tied is not
    transitive, so rows of different ranks may be tied too. The order of the arguments changes nothing.

    Args:
        values: by row; higher is better.
        p: the corrected p by pair of rows, in either order; None or no pair if nothing was tested.
        alpha: significance level.

    Raises:
        ValueError: A value is not a finite number, a p is not between 0 and 1, or a pair is not of two rows or is
            given twice with different p.
    """
    values = {row: finite(f"values[{row!r}]", value) for row, value in values.items()}
    share("alpha", alpha)
    order = sorted(values, key=lambda row: (-values[row], row))
    worse: dict[str, set[str]] = {row: set() for row in order}
    for (one, other), value in p.items():
        name = f"p[{(one, other)!r}]"
        if one == other or one not in values or other not in values:
            raise ValueError(f"{name} is not of two of the rows")
        if value is not None:
            share(name, value)
        if p.get((other, one), value) != value:
            raise ValueError(f"{name} is {value!r}, the other way around {p[other, one]!r}")
        if value is not None and value <= alpha and values[one] != values[other]:
            worse[max(one, other, key=values.__getitem__)].add(min(one, other, key=values.__getitem__))
    for row in reversed(order):  # from the last up: the set of a beaten row is complete before it is used
        worse[row] = worse[row].union(*(worse[beaten] for beaten in worse[row]))
    better = {row: {other for other in order if row in worse[other]} for row in order}
    return [
        Rank(
            row,
            values[row],
            1 + len(better[row]),
            len(order) - len(worse[row]),
            tuple(other for other in order if other != row and other not in worse[row] | better[row]),
        )
        for row in order
    ]
