"""Bounds for two models that agree on every example, where resampling shows no spread."""

from __future__ import annotations


def largest_unseen(n: int, confidence: float = 0.95) -> float:
    """The upper end of the exact interval (Clopper and Pearson 1934) for a share, after 0 successes in n.

    The mean difference of values from 0 to 1 is at most the share of examples that differ at all, so this bounds it on
    both sides.

    Args:
        n: independent examples, at least 1.
        confidence: nominal coverage, two-sided.
    """
    return 1 - float(((1 - confidence) / 2) ** (1 / n))


def p_of_unseen(n: int, share: float) -> float:
    """Two-sided p for a share at least this large, where 0 of n examples differ."""
    return min(1.0, 2 * (1 - share) ** n)
