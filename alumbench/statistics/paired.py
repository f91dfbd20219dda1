"""Is B better than A on the same examples?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy import stats


@dataclass(frozen=True)
class PairedDifference:
    """B against A on the examples that both have.

    Attributes:
        n: examples compared.
        difference: share right in B minus share right in A, None when n is 0.
        only_a: right in A alone.
        only_b: right in B alone.
        p: exact two-sided McNemar p.
    """

    n: int
    difference: float | None
    only_a: int
    only_b: int
    p: float


def paired_difference(a: Mapping[str, bool], b: Mapping[str, bool]) -> PairedDifference:
    """The difference and the exact McNemar test (McNemar 1947): a binomial test on the examples that disagree.

    Args:
        a: for each example id, whether A was right.
        b: the same for B.
    """
    shared = a.keys() & b.keys()
    only_a = sum(a[i] and not b[i] for i in shared)
    only_b = sum(b[i] and not a[i] for i in shared)
    p = float(stats.binomtest(only_b, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return PairedDifference(len(shared), (only_b - only_a) / len(shared) if shared else None, only_a, only_b, p)
